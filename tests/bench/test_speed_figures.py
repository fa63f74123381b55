from bench.contenders import SIDE_BY_SIDE
from bench.speed_figures import draw_growth, draw_speed
from tests.bench.test_speed import results

import pytest

__all__ = ["results"]  # the fixture


def test_a_bar_per_row_of_the_table_with_its_range_and_seconds(results):
    (axes,) = draw_speed(results).axes
    widths = [3, 4, 12, 3, 3, 3, 3, 3, 3]
    assert [bar.get_width() for bar in axes.patches] == widths
    assert [round(bar.get_y() + bar.get_height() / 2) for bar in axes.patches] == list(range(9))
    assert [text.get_text() for text in axes.texts] == [
        "  6.00 s → 2.00 s", "  6.00 s → 1.50 s", "  6.00 s → 0.50 s",
        *["  6.00 s → 2.00 s", "  9.00 s → 3.00 s"] * 3
    ]  # fmt: skip
    assert [text.get_position() for text in axes.texts] == list(
        zip([4, 4, 13, 4, 4, 4, 4, 4, 4], range(9))
    )
    ranges = [lines.get_segments()[0][:, 0] for lines in axes.collections]
    assert [list(ends) for ends in ranges] == [[2.5, 4], [2.5, 4], [2.5, 13], *[[2.5, 4]] * 6]
    (level,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert list(level.get_xdata()) == [1, 1]  # as fast as the peer
    titles = ["k-means network", "k-means by hand", f"{SIDE_BY_SIDE} such runs at once: each"]
    for title in ("CNN", "CNN, batch norm and dropout", "autoencoder"):
        titles += [title, "the same, one thread"]
    assert [label.get_text() for label in axes.get_yticklabels()] == titles
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top
    assert axes.get_xlim()[1] == pytest.approx(1.3 * 13)


def test_growth_is_drawn_against_images_and_batch_size():
    def make_row(x: int) -> dict[str, float]:
        return {"x": x, "tutorial": 3.0 * x, "network": 2.0 * x, "by_hand": 1.0 * x}

    rows = {
        "images": [make_row(x) for x in (25, 100, 400)],
        "batch_size": [make_row(x) for x in (16, 64)],
    }
    for axes, x, label in zip(
        draw_growth(rows).axes, [(25, 100, 400), (16, 64)], ["training images", "batch size b"]
    ):
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines) == ["tutorial", "ours", "by hand"]
        for line, factor in zip(lines.values(), (3, 2, 1)):
            assert tuple(line.get_xdata()) == x
            assert tuple(line.get_ydata()) == tuple(factor * each for each in x)
        assert (axes.get_xlabel(), axes.get_ylabel()) == (label, "seconds per epoch")
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
