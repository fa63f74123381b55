"""Figures from arrays. Each function returns a figure; the script decides where it goes.

Arrays may be NumPy's, or tensors on the CPU.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from common.runtime.canvas import Axes, Figure, new_figure, subplots

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Axes", "Figure", "new_figure", "subplots"]


def image_grid(
    images: ArrayLike,
    columns: int,
    titles: Sequence[str] = (),
    row_titles: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Grey images in rows of `columns`, all on one scale: 0 is black, 1 is white.

    Args:
        images: (n, 28, 28), or (n, 784).
        titles: over each image.
        row_titles: left of each row.
    """
    images = np.asarray(images).reshape(len(images), 28, 28)
    rows = -(-len(images) // columns)
    width = 0.9 * columns + 1.8 * bool(row_titles)
    height = (0.9 + 0.25 * bool(titles)) * rows + 0.4 * bool(title)
    bare = {"xticks": [], "yticks": [], "frame_on": False}
    figure, axes = subplots(rows, columns, (width, height), squeeze=False, subplot_kw=bare)
    for axis, image in zip(axes.flat, images):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    for axis, text in zip(axes.flat, titles):
        axis.set_title(text, fontsize=8)
    for axis, text in zip(axes[:, 0], row_titles):
        axis.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def curves(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    xlabel: str,
    ylabel: str,
    title: str = "",
    marker: str = "",
    level: tuple[str, float] | None = None,
    **axis: Any,
) -> Figure:
    """Curves in one pair of axes, with a legend where there are several.

    Args:
        lines: label → (x, y).
        level: label and height of a dashed horizontal line to compare with.
        axis: properties of the axes, such as xscale="log" or ylim=(0, 1).
    """
    figure, axes = subplots()
    for label, (x, y) in lines.items():
        axes.plot(x, y, marker=marker, label=label)
    if level:
        axes.axhline(level[1], color="black", linestyle="--", linewidth=1, label=level[0])
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title, **axis)
    axes.grid(alpha=0.3)
    if len(lines) > 1 or level:
        axes.legend()
    return figure


def learning_curves(
    history: Sequence[Mapping[str, Any]], name: str, ylabel: str, title: str
) -> Figure:
    """A number of each epoch, of the test and of the training images.

    Args:
        history: the rows of `common.loop.fit`.
        name: "loss", or a metric.
    """
    epochs = [row["epoch"] for row in history]
    lines = {
        "test images": (epochs, [row[f"test_{name}"] for row in history]),
        "training images, during the epoch": (epochs, [row[f"train_{name}"] for row in history]),
    }
    figure = curves(lines, "epoch", ylabel, title, "o")
    figure.axes[0].locator_params("x", integer=True, min_n_ticks=1)  # no half epochs
    return figure


def scatter_3d(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    labels: tuple[str, str, str],
    title: str = "",
) -> Figure:
    """3D scatter plots side by side, all on one scale, colored by their height.

    Args:
        panels: title → (x, y, z) of the points.
        labels: of the three axes.
    """
    axes_values = zip(*panels.values())
    limits = [(min(map(np.min, each)), max(map(np.max, each))) for each in axes_values]
    figure = new_figure((3.7 * len(panels), 3.3))
    for i, (text, points) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), i, projection="3d")
        colors = {"c": points[2], "cmap": "coolwarm", "clim": limits[2], "depthshade": False}
        axes.scatter(*points, s=3, linewidths=0, **colors)
        axes.set(xlim=limits[0], ylim=limits[1], zlim=limits[2], title=text)
        axes.set(xlabel=labels[0], ylabel=labels[1], zlabel=labels[2])
        axes.locator_params(nbins=5)
        axes.set_box_aspect(None, zoom=0.92)  # else the z label is cut off
    if title:
        figure.suptitle(title)
    return figure


def count_table(
    counts: ArrayLike, rows: str, columns: str, title: str = "", column_titles: Sequence[str] = ()
) -> Figure:
    """A table of counts, the numbers in the cells, shaded by their share of the row.

    Args:
        counts: (n, m) whole numbers.
        rows, columns: what the rows and the columns are.
        column_titles: under each column instead of 0, 1, …
    """
    counts = np.asarray(counts)
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    figure, axes = subplots(size=(6.8, 5.6))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), count in np.ndenumerate(counts):
        color = "white" if shares[i, j] > 0.55 else "black"
        axes.text(j, i, f"{count:,}", ha="center", va="center", fontsize=9, color=color)
    axes.set(xlabel=columns, ylabel=rows, title=title)
    axes.set_xticks(range(counts.shape[1]), column_titles or None)
    axes.set_yticks(range(counts.shape[0]))
    return figure
