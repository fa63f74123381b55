"""Figures of a power grid: where its buses are drawn, what a bus depends on and attends to."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from common import plots
from final.power_grid import Grid, hop_distances

import numpy as np


def place_nodes(adjacency: np.ndarray, steps: int = 300) -> np.ndarray:
    """Coordinates (N, 2) in which distances are about the numbers of hops between the nodes.

    They lower the stress Σ (|x_i − x_j| − d_ij)² / d_ij² step by step, from the two leading
    directions of the distances d. Gansner, Koren and North, "Graph drawing by stress
    majorization", 2004.

    Args:
        adjacency: (N, N), of a connected graph.
    """
    d = hop_distances(adjacency).astype(float)
    n = len(d)
    center = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-center @ d**2 @ center / 2)
    x = vectors[:, -2:] * np.sqrt(values[-2:])
    weights = 1 / (d + np.eye(n)) ** 2 - np.eye(n)  # 0 on the diagonal
    inverse = np.linalg.pinv(np.diag(weights.sum(1)) - weights)
    for _ in range(steps):
        apart = np.linalg.norm(x[:, None] - x, axis=2)
        pull = weights * d / np.maximum(apart, 1e-9)
        x = inverse @ (np.diag(pull.sum(1)) - pull) @ x
    return x


def draw_grid(axes: plots.Axes, grid: Grid, places: np.ndarray, title: str) -> None:
    """The lines, in gray."""
    u, v = np.nonzero(np.triu(grid.adjacency))
    gaps = np.full((len(u), 2), np.nan)
    line = np.stack((places[u], places[v], gaps), 1).reshape(-1, 2)
    axes.plot(*line.T, color="0.75", linewidth=0.8, zorder=1)
    axes.set(title=title, xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(False)


def draw_hops(grid: Grid, hops: np.ndarray, gradients: Sequence[np.ndarray]) -> plots.Figure:
    """A panel for each number of layers: the buses on which one bus's output depends, and how much.

    Args:
        hops: (N,), each bus's distance from that one.
        gradients: (N,) for 1, 2, … layers; exactly 0 is drawn as an empty circle.
    """
    places = place_nodes(grid.adjacency)
    figure, panels = plots.subplots(1, len(gradients), (3.7 * len(gradients), 4.4))
    logs = [np.log10(np.where(g > 0, g, np.nan)) for g in gradients]
    low, high = np.nanmin(logs), np.nanmax(logs)
    for layers, (axes, log) in enumerate(zip(panels, logs), start=1):
        count = np.isfinite(log).sum()
        draw_grid(axes, grid, places, f"{layers} layer{'s' * (layers > 1)}: {count} buses")
        axes.scatter(*places.T, s=22, color="white", edgecolors="0.6", linewidths=0.6, zorder=2)
        dots = axes.scatter(*places.T, c=log, s=30, cmap="viridis_r", vmin=low, vmax=high, zorder=3)
        ring = hops == layers
        axes.scatter(*places[ring].T, s=70, color="none", edgecolors="tab:red", zorder=4,
                     label=f"{layers} hop{'s' * (layers > 1)} away")  # fmt: skip
        axes.scatter(*places[hops == 0].T, s=90, color="tab:red", marker="*", zorder=5,
                     label="the output")  # fmt: skip
        axes.legend(loc="lower left", fontsize=8)
    figure.colorbar(dots, ax=list(panels), label="log₁₀ |∂ output / ∂ residual of a bus|")
    return figure


def draw_attention(
    grid: Grid,
    residuals: np.ndarray,
    alphas: np.ndarray,
    probabilities: np.ndarray,
    center: int,
    reach: float = 3.2,
) -> plots.Figure:
    """A panel for each graph: on the half of a line at v, how much v attends to the other end.

    Args:
        residuals: (n, N), p.u.
        alphas: (n, N, N), of one head; a width of 8 points is 1.
        probabilities: (n,), of label 1, by the network.
        center, reach: what is shown are the buses around this one, up to about so many hops.
    """
    places = place_nodes(grid.adjacency)
    figure, panels = plots.subplots(1, len(alphas), (4.6 * len(alphas), 4.4))
    span = abs(residuals).max()
    for axes, r, alpha, p in zip(panels, residuals, alphas, probabilities):
        draw_grid(axes, grid, places, f"P(a line is out) = {p:.3f}")
        for v, to in np.argwhere(grid.adjacency):
            half = np.stack((places[v], (places[v] + places[to]) / 2), 1)
            axes.plot(*half, color="black", linewidth=8 * alpha[v, to], solid_capstyle="butt")
        dots = axes.scatter(*places.T, c=r, s=110, cmap="coolwarm", vmin=-span, vmax=span,
                            edgecolors="0.4", zorder=3)  # fmt: skip
        (x, y) = places[center]
        axes.set(xlim=(x - reach, x + reach), ylim=(y - reach, y + reach))
    figure.colorbar(dots, ax=list(panels), label="residual of Kirchhoff's law (p.u.)")
    return figure


def draw_losses(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> plots.Figure:
    """The loss of new graphs, epoch by epoch: a line for each network's rows of `run.fit`."""
    lines = {name: ([row["epoch"] for row in rows], [row["test_loss"] for row in rows])
             for name, rows in histories.items()}  # fmt: skip
    epochs = max(len(rows) for rows in histories.values())
    return plots.curves(lines, "epoch", "binary cross-entropy of new graphs (nats)", marker="o",
                        level=("no idea: ln 2", math.log(2)),
                        xticks=range(1, epochs + 1))  # fmt: skip
