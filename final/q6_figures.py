"""Final Q6: its figures.

matplotlib neither joins Arabic letters nor turns a line around, so no figure holds an Arabic word:
the letters stand one by one, in the order in which the network writes them.
"""

from collections.abc import Mapping, Sequence

from common import plots
from final.name_pairs import Pair
from final.seq2seq import Seq2Seq

import numpy as np
from torch import Tensor

END = "■"  # stands for EDGE
# kind of edit → label and color. No label begins with an Arabic letter: it would turn around.
KIND_LABELS = {
    "vowel": ("vowel, long or short", "#4477aa"),
    "ayn": ("ayn (ع) or hamza", "#66ccee"),
    "silent_h": ("silent h at the end", "#228833"),
    "h": ("h (ه or ح)", "#ccbb44"),
    "emphatic": ("s, t, d, z, plain or emphatic", "#aa3377"),
    "kq": ("k, q, g, j", "#ee6677"),
    "other": ("what the Latin does tell", "#bbbbbb"),
}


def plot_lengths(pairs: Sequence[Pair]) -> plots.Figure:
    """How many pairs have how many Latin and Arabic letters."""
    latin = [len(pair.latin) for pair in pairs]
    arabic = [len(pair.arabic) for pair in pairs]
    counts = np.zeros((max(arabic) + 1, max(latin) + 1))
    np.add.at(counts, (arabic, latin), 1)
    figure, axes = plots.subplots(size=(6.4, 4))
    shades = axes.imshow(np.where(counts, counts, np.nan), origin="lower", aspect="auto")
    figure.colorbar(shades, label="pairs of words")
    axes.axline((0, 0), slope=1, color="red", linewidth=1, label="equally many letters")
    axes.set(xlim=(0.5, 15.5), ylim=(0.5, 12.5), xlabel="Latin letters", ylabel="Arabic letters")
    axes.set_xticks(range(1, 16))
    axes.set_yticks(range(1, 13))
    axes.legend(loc="upper left")
    return figure


def draw_box(axes: plots.Axes, x: float, y: float, text: str, color: str) -> None:
    style = {"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": "0.3"}
    axes.text(x, y, text, ha="center", va="center", fontsize=10, bbox=style)


def draw_arrow(
    axes: plots.Axes, start: tuple[float, float], end: tuple[float, float], text: str = ""
) -> None:
    """An arrow between the middles of two boxes, with the matrix that acts there."""
    style = {"arrowstyle": "->", "color": "0.3" if text else "0.65", "shrinkA": 11, "shrinkB": 13}
    axes.annotate("", end, start, arrowprops=style)
    if start[0] == end[0]:
        x, y = start[0] + 0.07, (start[1] + end[1]) / 2
        axes.text(x, y, text, ha="left", va="center", fontsize=9)
    else:  # nearer to the end, where no other arrow crosses
        x, y = 0.28 * start[0] + 0.72 * end[0], start[1] + 0.06
        axes.text(x, y, text, ha="center", va="bottom", fontsize=9)


def plot_diagram(model: Seq2Seq, latin: str, arabic: str) -> plots.Figure:
    """The network unrolled over one word: as many steps, and the shapes, that the model has."""
    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    size = {
        "A": shapes["A.weight"][::-1],  # torch keeps one row per letter, the exam one column
        "N": shapes["encoder.weight_ih_l0"],
        "W": shapes["encoder.weight_hh_l0"],
        "V′": shapes["decoder.weight_ih_l0"],
        "V": shapes["decoder.weight_hh_l0"],
        "U": shapes["U.weight"],
    }
    T, L = len(latin), len(arabic) + 1
    figure, axes = plots.subplots(size=(0.95 * (T + L) + 0.5, 4.4))
    axes.set(xlim=(-0.6, T + L - 0.4), ylim=(-0.4, 4))
    axes.axis("off")
    for t, letter in enumerate(latin):
        draw_box(axes, t, 0, letter, "white")
        draw_box(axes, t, 1, f"$x^{{emb}}_{{{t + 1}}}$", "#dde8f5")
        draw_box(axes, t, 2, f"$s_{{{t + 1}}}$", "#a8c8ec")
        draw_arrow(axes, (t, 0), (t, 1), "A")
        draw_arrow(axes, (t, 1), (t, 2), "N")
        if t:
            draw_arrow(axes, (t - 1, 2), (t, 2), "W")
    for t, (fed, letter) in enumerate(zip([END, *arabic], [*arabic, END]), start=T):
        draw_box(axes, t, 1, fed, "white")
        draw_box(axes, t, 2, f"$s'_{{{t - T + 1}}}$", "#f3c69a")
        draw_box(axes, t, 3, letter, "#fdf0dc")
        draw_arrow(axes, (t - 1, 2), (t, 2), "V")  # at first from the encoder's last state
        draw_arrow(axes, (t, 1), (t, 2), "V′")
        draw_arrow(axes, (t, 2), (t, 3), "U")
        if t > T:
            draw_arrow(axes, (t - 1, 3), (t, 1))  # the last output is fed
    text = ", ".join(f"{name} {rows} × {columns}" for name, (rows, columns) in size.items())
    axes.text(-0.4, 3.7, f"{text};  {END} is the sign before and after a word", fontsize=9)
    axes.text((T - 1) / 2, 2.6, "encoder", ha="center", fontsize=11)
    axes.text(T + (L - 1) / 2, 3.35, "decoder", ha="center", fontsize=11)
    return figure


def plot_attention(panels: Sequence[tuple[str, str, Tensor]]) -> plots.Figure:
    """Where the decoder looks while it writes, one panel per word.

    Args:
        panels: (Latin word, Arabic word, weights (Arabic letters + 1, Latin letters)).
    """
    figure, axes = plots.subplots(1, len(panels), (3.1 * len(panels), 3.3), squeeze=False)
    for axis, (latin, arabic, alpha) in zip(axes[0], panels):
        shades = axis.imshow(np.asarray(alpha), vmin=0, vmax=1, cmap="Blues", aspect="auto")
        axis.set_xticks(range(len(latin)), list(latin), fontsize=11)
        axis.set_yticks(range(len(arabic) + 1), [*arabic, END], fontsize=12)
        axis.set(title=latin, xlabel="Latin letter read")
    axes[0, 0].set_ylabel(f"Arabic letter written ({END}: the end)")
    figure.colorbar(shades, ax=axes, label="weight α")
    return figure


def plot_errors(bars: Mapping[str, Mapping[str, float]]) -> plots.Figure:
    """Edits of each kind, stacked, one bar per network or set.

    Args:
        bars: label → kind → edits per letter.
    """
    figure, axes = plots.subplots(size=(8, 1.4 + 0.55 * len(bars)))
    labels, left = list(bars), np.zeros(len(bars))
    for kind, (text, color) in KIND_LABELS.items():
        widths = 100 * np.array([bars[label][kind] for label in labels])
        axes.barh(labels, widths, left=left, color=color, label=text)
        left += widths
    for y, total in enumerate(left):
        axes.text(total + 0.01 * left.max(), y, f"{total:.1f}", va="center")
    axes.invert_yaxis()
    axes.set(xlabel="letters to mend, per 100", xlim=(0, 1.1 * left.max()))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure
