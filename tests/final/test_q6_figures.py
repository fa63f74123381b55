"""Final Q6's figures: what stands in their axes."""

from final.name_pairs import KINDS, OTHER, Pair
from final.q6_figures import (
    END,
    KIND_LABELS,
    plot_attention,
    plot_diagram,
    plot_errors,
    plot_lengths,
)
from final.seq2seq import Seq2Seq

import pytest
import torch


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_lengths_are_counted():
    pairs = [Pair("nur", "نور", 3), Pair("nour", "نور", 9), Pair("omar", "عمر", 1)]
    counts = plot_lengths(pairs).axes[0].images[0].get_array()
    assert counts.shape == (4, 5)
    assert counts[3, 3] == 1 and counts[3, 4] == 2 and counts.sum() == 3


def test_the_diagram_is_drawn_from_the_model():
    axes = plot_diagram(Seq2Seq("rnn", width=10, embedding=7), "sharif", "شريف").axes[0]
    found = texts(axes)
    assert [text for text in found if text and text in "sharif"] == list("sharif")
    outputs = {round(x): text for x, y, text in positions(axes) if y == 3}
    fed = {round(x): text for x, y, text in positions(axes) if y == 1 and x >= 6}
    assert list(outputs.values()) == [*"شريف", END]
    assert list(fed.values()) == [END, *"شريف"]  # each is the output of the step before
    assert [found.count(name) for name in ("A", "N", "W", "V", "V′", "U")] == [6, 6, 5, 5, 5, 5]
    (header,) = [text for text in found if text.startswith("A ")]
    assert header.startswith("A 7 × 28, N 10 × 7, W 10 × 10, V′ 10 × 32, V 10 × 10, U 32 × 10;")


def positions(axes) -> list[tuple[float, float, str]]:
    return [(*text.get_position(), text.get_text()) for text in axes.texts if text.get_text()]


def test_attention_has_a_row_per_letter_written():
    alpha = torch.eye(5, 6)
    axes = plot_attention([("sharif", "شريف", alpha), ("nur", "نور", torch.eye(4, 3))]).axes
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == list("sharif")
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == [*"شريف", END]
    assert (axes[0].images[0].get_array() == alpha.numpy()).all()
    assert [axes[1].get_title(), axes[1].images[0].get_clim()] == ["nur", (0, 1)]


def test_the_bars_are_the_edits_of_each_kind_per_hundred_letters():
    kinds = [*KINDS, OTHER]
    bars = {label: {kind: (n + m) / 100 for n, kind in enumerate(kinds)}
            for m, label in enumerate(["one", "two"])}  # fmt: skip
    axes = plot_errors(bars).axes[0]
    assert list(KIND_LABELS) == kinds
    for n, container in enumerate(axes.containers):
        assert [bar.get_width() for bar in container] == pytest.approx([n, n + 1])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["one", "two"]
    assert texts(axes) == ["21.0", "28.0"]
    assert axes.containers[-1][0].get_x() == pytest.approx(15)  # stacked
