"""The figures of `python -m bench`, and the rows of its table."""

from typing import Any

from bench.contenders import SIDE_BY_SIDE
from common import plots

ROWS = [  # title, part, peer, ours
    ("k-means network", "kmeans", "tutorial", "network"),
    ("k-means by hand", "kmeans", "tutorial", "by_hand"),
    (f"{SIDE_BY_SIDE} such runs at once: each", "kmeans", "tutorial", "side_by_side"),
    ("CNN", "cnn", "tutorial_all", "ours_all"),
    ("the same, one thread", "cnn", "tutorial_1", "ours_1"),
    ("CNN, batch norm and dropout", "cnn_regular", "tutorial_all", "ours_all"),
    ("the same, one thread", "cnn_regular", "tutorial_1", "ours_1"),
    ("autoencoder", "autoencoder", "tutorial_all", "ours_all"),
    ("the same, one thread", "autoencoder", "tutorial_1", "ours_1"),
]


def draw_growth(results: dict[str, list[dict[str, Any]]]) -> plots.Figure:
    """Seconds of an epoch of k-means by the number of images and by the batch size."""
    figure, panels = plots.subplots(1, 2, (9, 3.8))
    labels = {"images": "training images", "batch_size": "batch size b"}
    contenders = {"tutorial": "tutorial", "network": "ours", "by_hand": "by hand"}
    for axes, (axis, rows) in zip(panels, results.items()):
        x = [row["x"] for row in rows]
        for name, label in contenders.items():
            axes.plot(x, [row[name] for row in rows], "o-", label=label)
        axes.set(xscale="log", yscale="log", xlabel=labels[axis], ylabel="seconds per epoch")
        axes.set_xticks(x, [f"{value:,}" for value in x])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[1].legend()
    figure.suptitle("k-means: time of an epoch")
    return figure


def draw_speed(results: dict[str, Any]) -> plots.Figure:
    """How many times as fast as the tutorial's loop, with the range over the rounds."""
    figure, axes = plots.subplots(size=(7.6, 3.6))
    for height, (_, part, peer, ours) in enumerate(ROWS):
        row = results[part][ours]
        below, above = row["ratio"] - row["lowest"], row["highest"] - row["ratio"]
        axes.barh(height, row["ratio"], xerr=[[below], [above]], color="C0", capsize=3)
        text = f"  {results[part][peer]['seconds']:.2f} s → {row['seconds']:.2f} s"
        axes.text(row["highest"], height, text, va="center", fontsize=9)
    axes.axvline(1, color="black", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(ROWS)), [title for title, *_ in ROWS])
    axes.invert_yaxis()
    longest = max(results[part][ours]["highest"] for _, part, _, ours in ROWS)
    axes.set_xlim(right=1.3 * longest)  # room for the text
    axes.set(xlabel="times as fast as the tutorial's loop", title="An epoch of MNIST")
    return figure
