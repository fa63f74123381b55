"""HW5's figures, from arrays. Each function returns a figure; the script saves it."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill

from common import plots

import numpy as np

TRIANGLE = np.array([[-2, 0, 2, -2], [-1, 1, -1, -1]])  # the teacher's edges: corners x₁ and x₂
SIDE = np.linspace(-2, 2, 120)  # no point lies on an edge, where rounding would decide
GRID = np.stack(np.meshgrid(SIDE, SIDE)).reshape(2, -1)  # (2, 120²), where surfaces are drawn
MSE_RANGE = (1e-4, 1)  # of every MSE axis, so that the figures can be compared


def plot_distances(distances: Mapping[str, np.ndarray], limit: float) -> plots.Figure:
    """Q1 (b): distance to w* against iteration; right: the decades in which the stable runs move.

    Args:
        distances: label → (iterations + 1,).
        limit: the η from which on gradient descent is unstable.
    """
    figure, panels = plots.subplots(1, 2, (9, 3.8))
    for axes, title in zip(panels, ("everything", "the same, near w*")):
        for label, distance in distances.items():
            axes.plot(distance, label=label)
        axes.set(xlabel="iteration", ylabel="distance ‖w − w*‖", title=title, yscale="log")
        axes.grid(alpha=0.3)
    panels[0].legend()
    panels[1].set(ylim=(0.08, 12))
    figure.suptitle(f"Gradient descent on R: stable for η < 2/λ_max = {limit:.4f}")
    return figure


def plot_paths(paths: Mapping[float, np.ndarray], R: Callable, optimum: np.ndarray) -> plots.Figure:
    """Q1 (b): the paths on the contours of R, one panel for each η, all on the same scale.

    Args:
        paths: η → (iterations + 1, 2), from the start on.
        R: R of w, (2, …).
        optimum: w*, (2,).
    """
    figure, panels = plots.subplots(1, len(paths), (9, 4), sharey=True)
    w = np.stack(np.meshgrid(np.linspace(-2, 3, 201), np.linspace(-1, 5, 241)))  # (2, 241, 201)
    for axes, (eta, path) in zip(panels, paths.items()):
        axes.contour(*w, R(w), levels=4.0 ** np.arange(-3, 5), colors="0.75", linewidths=0.8)
        inside = path[np.abs(path).max(1) < 8]  # what is farther off is outside; 1e148 is no place
        axes.plot(*inside.T, ".-", color="tab:blue", markersize=3, linewidth=0.8)
        start = "start ({:g}, {:g})".format(*path[0])
        axes.plot(*path[0], "s", color="tab:green", markersize=4, label=start)
        axes.plot(*optimum, "*", color="tab:red", markersize=10, label="optimum w*")
        axes.set(xlim=(-2, 3), ylim=(-1, 5), aspect="equal", xlabel="w₁", title=f"η = {eta:g}")
    panels[0].set_ylabel("w₂")
    panels[-1].legend(loc="upper left", fontsize=8)
    title = f"{len(path) - 1} iterations on the contours of R (levels 4⁻³, 4⁻², …, 4⁴)"
    figure.suptitle(title)
    return figure


def plot_rates(
    eigenvalues: Sequence[float],
    limit: float,
    best: float,
    measured: Sequence[tuple[float, float]],
) -> plots.Figure:
    """Q1 (c): |1 − ηλ| against η for both eigenvalues; right: near the best η, where they cross.

    The larger of the two is what the distance is multiplied by in the end.

    Args:
        eigenvalues: λ_min and λ_max of the Hessian.
        limit, best: the η from which on gradient descent is unstable, and the η with the least
            factor.
        measured: (η, factor measured) of runs, drawn as dots.
    """
    figure, panels = plots.subplots(1, 2, (9, 3.8))
    eta = np.linspace(0, 0.12, 4801)
    for axes in panels:
        for name, value in zip(("λ_min", "λ_max"), eigenvalues):
            axes.plot(eta, abs(1 - eta * value), label=f"|1 − η{name}|, {name} = {value:.3f}")
        axes.plot(*zip(*measured), "o", color="tab:red", label="measured over 400 to 500")
        axes.axvline(limit, color="black", linestyle=":", linewidth=1, label="η = 2/λ_max")
        axes.axhline(1, color="black", linestyle="--", linewidth=1)
        axes.set(xlabel="learning rate η", ylabel="factor of the distance per iteration")
        axes.grid(alpha=0.3)
    panels[0].set(title=f"Unstable from η = {limit:.6f}", xlim=(0, 0.12), ylim=(0, 2.6))
    panels[1].set(title=f"Best at η = {best:.6f}", xlim=(0.066, 0.0672), ylim=(0.97, 1.01))
    panels[0].legend(fontsize=8)
    return figure


def plot_phi(v: np.ndarray, phi: Callable, phi_prime: Callable, a: Sequence[float]) -> plots.Figure:
    """Q2 (a): φ beside φ′ at v (n,) for each steepness in a; the step function is drawn with φ."""
    figure, (left, right) = plots.subplots(1, 2, (8.4, 3.4))
    for value in a:
        left.plot(v, phi(v, value), label=f"a = {value:g}")
        right.plot(v, phi_prime(v, value), label=f"a = {value:g}")
    left.plot(v, v >= 0, color="black", linestyle="--", linewidth=1, label="step u(v)")
    left.set(xlabel="v", ylabel="φ(v)", title="φ(v) = 1/(1 + e^(−av))")
    right.set(xlabel="v", ylabel="φ′(v)", title="φ′ = a·φ·(1 − φ), at most a/4")
    left.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def plot_mse(histories: Mapping[str, np.ndarray]) -> plots.Figure:
    """The MSE after each epoch, the median and the range over the seeds.

    Args:
        histories: label → (epochs, s), for s seeds.
    """
    figure, axes = plots.subplots(size=(6.4, 4))
    draw_mse(axes, histories)
    axes.set_title(f"Median and range of {next(iter(histories.values())).shape[1]} seeds")
    return figure


def draw_mse(axes: plots.Axes, histories: Mapping[str, np.ndarray]) -> None:
    """The medians as curves, the ranges as bands; arguments as for `plot_mse`."""
    for label, mse in histories.items():
        epoch = np.arange(1, len(mse) + 1)
        (line,) = axes.plot(epoch, np.median(mse, axis=1), label=label, linewidth=1)
        band = {"alpha": 0.12, "color": line.get_color(), "linewidth": 0}
        axes.fill_between(epoch, mse.min(1), mse.max(1), **band)
    if len({len(mse) for mse in histories.values()}) > 1:  # more than HW5 asks
        axes.set(xscale="log")
    axes.set(yscale="log", ylim=MSE_RANGE, xlabel="epoch", ylabel="MSE (mean over the points)")
    axes.grid(alpha=0.3)
    if len(histories) > 1:
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def plot_boundaries(surfaces: Mapping[str, np.ndarray]) -> plots.Figure:
    """Surfaces f side by side, with their boundaries f = ½; title → f at GRID, (1, 120²)."""
    figure = plots.new_figure((3.4 * len(surfaces), 3.4))
    draw_boundaries(figure, surfaces)
    return figure


def draw_boundaries(figure: plots.Figure, surfaces: Mapping[str, np.ndarray]) -> None:
    """A panel for each surface, in a row, with one color scale; into a figure or a part of one."""
    panels = figure.subplots(1, len(surfaces), sharey=True, squeeze=False)[0]
    for axes, (title, f) in zip(panels, surfaces.items()):
        title = title.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")  # more than HW5 asks
        title = fill(title, 21)  # more than HW5 asks
        filled = draw_boundary(axes, f, title)
        axes.set(xlabel="x₁", xticks=range(-2, 3), yticks=range(-2, 3))
    panels[0].set_ylabel("x₂")
    figure.colorbar(filled, ax=panels, label="f (black line: ½)", shrink=0.8, pad=0.01)


def draw_boundary(axes: plots.Axes, f: np.ndarray, title: str):
    """f at GRID as a filled contour, f = ½ as a line, and the teacher's triangle, dotted.

    Returns:
        the filled contour, for a color scale.
    """
    f = f.reshape(len(SIDE), len(SIDE))
    filled = axes.contourf(SIDE, SIDE, f, levels=np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.8)
    axes.contour(SIDE, SIDE, f, levels=[0.5], colors="black", linewidths=1.2)
    axes.plot(*TRIANGLE, color="black", linestyle=":", linewidth=1)
    axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    axes.set_title(title, fontsize=8)
    return filled


def plot_hack(
    title: str, histories: Mapping[str, np.ndarray], surfaces: Mapping[str, np.ndarray]
) -> plots.Figure:
    """A hack: the MSE curves of its settings above their boundaries.

    Args:
        histories: as for `plot_mse`.
        surfaces: as for `plot_boundaries`.
    """
    figure = plots.new_figure((max(1.4 * len(surfaces) + 0.8, 7), 4.6))
    above, below = figure.subfigures(2, 1, height_ratios=(2.35, 2.25))
    draw_mse(above.subplots(), histories)
    above.suptitle(title, fontsize=11)
    draw_boundaries(below, surfaces)
    return figure


def plot_lines(students: Mapping[str, np.ndarray], teacher: np.ndarray) -> plots.Figure:
    """Q2, recovery: the hidden neurons' lines of each seed's student, over the teacher's, dotted.

    Args:
        students: title → (s, h, 3): the lines (w₁, w₂, b), w₁x₁ + w₂x₂ + b = 0, of s students,
            with normals (w₁, w₂) of length 1.
        teacher: its lines, (h, 3).
    """
    figure, panels = plots.subplots(1, len(students), (3.6 * len(students), 4), sharey=True)
    for axes, (title, stack) in zip(panels, students.items()):
        for i, row in enumerate(teacher):
            for line in stack[:, i]:
                axes.plot(*find_ends(line), color=f"C{i}", linewidth=0.7)
            axes.plot(*find_ends(row), color=f"C{i}", linewidth=2, linestyle=":")
        axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="x₁")
        axes.set_title(title, fontsize=10)
    panels[0].set_ylabel("x₂")
    title = "Where v_z = 0, neuron by neuron: the students', and dotted the teacher's"
    figure.suptitle(title, fontsize=10)
    return figure


def find_ends(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x₁ and x₂ of two points of the line (w₁, w₂, b), far outside the square."""
    w1, w2, b = line
    t = np.array([-6.0, 6.0])
    return -b * w1 - w2 * t, -b * w2 + w1 * t  # as (w₁, w₂) has length 1
