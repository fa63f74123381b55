"""HW5 Q2's figures, from arrays."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TRIANGLE = np.array([[-2, 0, 2, -2], [-1, 1, -1, -1]])  # the teacher's edges
SIDE = np.linspace(-2, 2, 121)
GRID = np.stack(np.meshgrid(SIDE, SIDE)).reshape(2, -1)  # (2, 121²), where surfaces are drawn
MSE_RANGE = (4e-4, 1)  # of every MSE axis, so that the figures can be compared
COLUMNS = 3


def phi_figure(v: np.ndarray, phi: Callable, phi_prime: Callable, a: Sequence[float]) -> Figure:
    """φ and φ′ at v for several a, φ beside the step function."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
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


def draw_mse(axes: Axes, histories: Mapping[str, np.ndarray]) -> None:
    """The median MSE over the seeds as a curve, the range as a band; label → (epochs, s)."""
    for label, mse in histories.items():
        epoch = np.arange(1, len(mse) + 1)
        (line,) = axes.plot(epoch, np.median(mse, axis=1), label=label, linewidth=1.2)
        axes.fill_between(epoch, mse.min(1), mse.max(1), alpha=0.15, color=line.get_color())
    if len({len(mse) for mse in histories.values()}) > 1:
        axes.set(xscale="log")
    axes.set(yscale="log", ylim=MSE_RANGE, xlabel="epoch", ylabel="MSE (mean over the points)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def mse_figure(histories: Mapping[str, np.ndarray]) -> Figure:
    """MSE after each epoch: median and range over the seeds; label → (epochs, s)."""
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    draw_mse(axes, histories)
    axes.set_title(f"Median and range of {next(iter(histories.values())).shape[1]} seeds")
    return figure


def draw_boundary(axes: Axes, f: np.ndarray, title: str):
    """f on GRID, (1, 121²), as a filled contour, f = ½ as a line, and the triangle's edges."""
    f = f.reshape(len(SIDE), len(SIDE))
    filled = axes.contourf(SIDE, SIDE, f, levels=np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.8)
    axes.contour(SIDE, SIDE, f, levels=[0.5], colors="black", linewidths=1.2)
    axes.plot(*TRIANGLE, color="black", linestyle=":", linewidth=1.2)
    axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    axes.set_title(title, fontsize=9)
    return filled


def boundary_figure(surfaces: Mapping[str, np.ndarray], columns: int = COLUMNS) -> Figure:
    """Boundaries side by side, with the scale of f; title → f on GRID."""
    rows = -(-len(surfaces) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(3 * columns, 3 * rows), squeeze=False, layout="constrained"
    )
    fill(figure, panels, surfaces)
    return figure


def fill(figure: Figure, panels: np.ndarray, surfaces: Mapping[str, np.ndarray]) -> None:
    for axes in panels.flat[len(surfaces) :]:
        axes.set_visible(False)
    for axes, (title, f) in zip(panels.flat, surfaces.items()):
        filled = draw_boundary(axes, f, title)
        axes.set(xlabel="x₁", ylabel="x₂")
        axes.label_outer()
    label = "f (line: ½; dots: the teacher's edge)"
    figure.colorbar(filled, ax=panels, label=label, shrink=0.8, pad=0.01)


def hack_figure(
    title: str, histories: Mapping[str, np.ndarray], surfaces: Mapping[str, np.ndarray]
) -> Figure:
    """A hack: the MSE curves of its settings above their boundaries."""
    rows = -(-len(surfaces) // COLUMNS)
    figure = plt.figure(figsize=(7.6, 3 + 2.3 * rows), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2.3 * rows))
    draw_mse(above.subplots(), histories)
    above.suptitle(title, fontsize=11)
    fill(below, below.subplots(rows, COLUMNS, squeeze=False), surfaces)
    return figure


def lines_figure(students: Mapping[str, np.ndarray], teacher: np.ndarray) -> Figure:
    """The hidden neurons' lines of each seed's student, over the teacher's.

    Args:
        students: title → (s, h, 3): the lines w₁x₁ + w₂x₂ + b = 0 of s students.
        teacher: (h, 3).
    """
    figure, panels = plt.subplots(
        1, len(students), figsize=(3.8 * len(students), 4), sharey=True, layout="constrained"
    )
    t = np.array([-6.0, 6.0])
    for axes, (title, stack) in zip(panels, students.items()):
        for i, row in enumerate(teacher):
            for w1, w2, b in [*stack[:, i], row]:
                x1, x2 = -b * w1 - w2 * t, -b * w2 + w1 * t  # (w₁, w₂) has length 1
                own = w1 != row[0] or w2 != row[1] or b != row[2]
                colour = f"C{i}" if own else "black"
                axes.plot(x1, x2, color=colour, linewidth=1, linestyle="-" if own else ":")
        axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="x₁", title=title)
    panels[0].set_ylabel("x₂")
    figure.suptitle("Where v_z = 0: the students' hidden neurons (colours), the teacher's (dots)",
                    fontsize=10)  # fmt: skip
    return figure
