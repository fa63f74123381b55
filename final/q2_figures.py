"""Final Q2: its figures."""

from collections.abc import Mapping, Sequence

from common import plots
from final.voronoi import clip

import numpy as np

BOX = 3.0 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])  # what is shown of the plane
COLORS = ("tab:blue", "tab:orange", "tab:gray")


def draw_winners(
    axes: plots.Axes, data: np.ndarray, path: Sequence[np.ndarray], title: str
) -> None:
    """Where each neuron wins, by the last weights (k, 2) of a path, which leads to the arrows."""
    for i, color in enumerate(COLORS[:2]):
        area = clip(BOX, path[-1][1 - i] - path[-1][i], 0)  # w_iᵀx ≥ w_jᵀx
        axes.fill(*area.T, facecolor=color, alpha=0.25)
        axes.plot(*np.array(path)[:, i].T, ":", color=color)
        axes.quiver(
            0, 0, *path[-1][i], color=color, angles="xy", scale_units="xy", scale=1, width=0.012
        )
        axes.annotate(
            f"$w_{i + 1}$", path[-1][i], 14 * np.sign(path[-1][i]), textcoords="offset points"
        )
    axes.plot(*data.T, "ko", markersize=5)
    axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    axes.set_title(title)
    axes.label_outer()


def draw_outcomes(
    counts: Mapping[str, Sequence[Sequence[int]]], rates: Sequence[float], outcomes: Sequence[str]
) -> plots.Figure:
    """How many orders of the data lead to each outcome, by rate; a panel for each rounding.

    Args:
        counts: "rounded" and "unrounded" → for each rate, the number of orders per outcome.
    """
    figure, axes = plots.subplots(1, 2, size=(9, 3.8), sharey=True)
    for axis, (name, rows) in zip(axes, counts.items()):
        for eta, row in zip(rates, rows):
            for i, color in enumerate(COLORS):
                axis.bar(f"{eta:g}", row[i], bottom=sum(row[:i]), color=color)
        axis.set(xlabel="rate η", title=name)
    axes[0].set_ylabel("orders of the data")
    figure.legend(axes[0].patches[:3], outcomes, loc="outside lower center", ncols=3)
    return figure
