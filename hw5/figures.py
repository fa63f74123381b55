"""HW5 Q2's figures, from arrays."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

TRIANGLE = np.array([[-2, 0, 2, -2], [-1, 1, -1, -1]])  # the teacher's edges
SIDE = np.linspace(-2, 2, 120)  # no point lies on an edge, where rounding would decide
GRID = np.stack(np.meshgrid(SIDE, SIDE)).reshape(2, -1)  # (2, 120²), where surfaces are drawn
MSE_RANGE = (1e-4, 1)  # of every MSE axis, so that the figures can be compared


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
        (line,) = axes.plot(epoch, np.median(mse, axis=1), label=label, linewidth=1)
        axes.fill_between(
            epoch, mse.min(1), mse.max(1), alpha=0.12, color=line.get_color(), linewidth=0
        )
    if len({len(mse) for mse in histories.values()}) > 1:
        axes.set(xscale="log")
    axes.set(yscale="log", ylim=MSE_RANGE, xlabel="epoch", ylabel="MSE (mean over the points)")
    axes.grid(alpha=0.3)
    if len(histories) > 1:
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def mse_figure(histories: Mapping[str, np.ndarray]) -> Figure:
    """MSE after each epoch: median and range over the seeds; label → (epochs, s)."""
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    draw_mse(axes, histories)
    axes.set_title(f"Median and range of {next(iter(histories.values())).shape[1]} seeds")
    return figure


def draw_boundary(axes: Axes, f: np.ndarray, title: str):
    """f on GRID, (1, 120²), as a filled contour, f = ½ as a line, and the triangle's edges."""
    f = f.reshape(len(SIDE), len(SIDE))
    filled = axes.contourf(SIDE, SIDE, f, levels=np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.8)
    axes.contour(SIDE, SIDE, f, levels=[0.5], colors="black", linewidths=1.2)
    axes.plot(*TRIANGLE, color="black", linestyle=":", linewidth=1)
    axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    axes.set_title(title, fontsize=8)
    return filled


def draw_boundaries(figure: FigureBase, surfaces: Mapping[str, np.ndarray]) -> None:
    """A boundary for each surface, in a row, with one scale; title → f on GRID."""
    panels = figure.subplots(1, len(surfaces), sharey=True)
    for axes, (title, f) in zip(panels, surfaces.items()):
        title = fill(title.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"), 21)
        filled = draw_boundary(axes, f, title)
        axes.set(xlabel="x₁", xticks=range(-2, 3), yticks=range(-2, 3))
    panels[0].set_ylabel("x₂")
    figure.colorbar(filled, ax=panels, label="f (black line: ½)", shrink=0.8, pad=0.01)


def boundary_figure(surfaces: Mapping[str, np.ndarray]) -> Figure:
    """Boundaries side by side; title → f on GRID."""
    figure = plt.figure(figsize=(3.4 * len(surfaces), 3.2), layout="constrained")
    draw_boundaries(figure, surfaces)
    return figure


def hack_figure(
    title: str, histories: Mapping[str, np.ndarray], surfaces: Mapping[str, np.ndarray]
) -> Figure:
    """A hack: the MSE curves of its settings above their boundaries."""
    width = max(1.4 * len(surfaces) + 0.8, 7)
    figure = plt.figure(figsize=(width, 4.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(2.35, 2.25))
    draw_mse(above.subplots(), histories)
    above.suptitle(title, fontsize=11)
    draw_boundaries(below, surfaces)
    return figure


def lines_figure(students: Mapping[str, np.ndarray], teacher: np.ndarray) -> Figure:
    """The hidden neurons' lines of each seed's student, over the teacher's.

    Args:
        students: title → (s, h, 3): the lines w₁x₁ + w₂x₂ + b = 0 of s students.
        teacher: (h, 3).
    """
    figure, panels = plt.subplots(
        1, len(students), figsize=(3.6 * len(students), 4), sharey=True, layout="constrained"
    )
    for axes, (title, stack) in zip(panels, students.items()):
        for i, row in enumerate(teacher):
            for line in stack[:, i]:
                axes.plot(*ends(line), color=f"C{i}", linewidth=0.7)
            axes.plot(*ends(row), color=f"C{i}", linewidth=2, linestyle=":")
        axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="x₁")
        axes.set_title(title, fontsize=10)
    panels[0].set_ylabel("x₂")
    figure.suptitle("Where v_z = 0, neuron by neuron: the students', and dotted the teacher's",
                    fontsize=10)  # fmt: skip
    return figure


def ends(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x₁ and x₂ of two points of the line (w₁, w₂, b), far outside the square."""
    w1, w2, b = line
    t = np.array([-6.0, 6.0])
    return -b * w1 - w2 * t, -b * w2 + w1 * t  # as (w₁, w₂) has length 1
