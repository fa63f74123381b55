import io

from common import plots

import numpy as np
import pytest


def png(figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def test_images_share_one_scale_and_keep_their_order():
    images = np.random.default_rng(0).random((7, 784))
    figure = plots.image_grid(images, 3, titles=list("abcdefg"), row_titles=["r", "s", "t"])
    axes = figure.axes
    assert len(axes) == 9
    for axis, image, title in zip(axes, images, "abcdefg"):
        np.testing.assert_array_equal(axis.images[0].get_array(), image.reshape(28, 28))
        assert axis.images[0].get_clim() == (0, 1)
        assert axis.get_title() == title
    assert not axes[7].images and not axes[8].images
    assert [axes[i].get_ylabel() for i in (0, 3, 6)] == ["r", "s", "t"]
    assert png(figure)


def test_curves_hold_the_data_and_a_legend():
    lines = {"one": ([1, 2, 3], [3.0, 2.0, 1.0]), "two": ([1, 2, 3], [4.0, 5.0, 6.0])}
    figure = plots.curves(lines, "x", "y", level=("limit", 2.5), yscale="log")
    (axis,) = figure.axes
    for line, (x, y) in zip(axis.lines, lines.values()):
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([x, y]))
    assert set(axis.lines[2].get_ydata()) == {2.5}
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["one", "two", "limit"]
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_yscale()) == ("x", "y", "log")


def test_learning_curves_are_the_test_and_the_train_column():
    history = [
        {"epoch": 3 + i, "train_loss": 2.0 - i, "test_loss": 5.0 - i, "train_x": 7, "test_x": 8}
        for i in range(2)
    ]
    (axis,) = plots.learning_curves(history, "loss", "nats", "Loss").axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert lines == {
        "test images": [[3, 5], [4, 4]],
        "training images, during the epoch": [[3, 2], [4, 1]],
    }
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title()) == ("epoch", "nats", "Loss")


def test_a_table_shows_every_number_at_its_place():
    counts = np.random.default_rng(0).integers(0, 7000, (10, 10))
    counts[3] = 0  # a row without images must not divide by zero
    figure = plots.count_table(counts, "digit", "cluster")
    (axis,) = figure.axes
    shown = {text.get_position(): text.get_text() for text in axis.texts}
    assert shown == {(j, i): f"{counts[i, j]:,}" for i in range(10) for j in range(10)}
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("digit", "cluster")
    assert all(text.get_fontsize() >= 9 for text in axis.texts)


def test_3d_scatters_share_their_scales():
    rng = np.random.default_rng(0)
    panels = {"one": rng.random((3, 20)), "two": 5 * rng.random((3, 20))}
    figure = plots.scatter_3d(panels, ("x", "y", "z"), "both")
    assert png(figure)  # drawing brings the points of a 3D scatter into their final order
    for axes, (title, points) in zip(figure.axes, panels.items()):
        assert axes.get_title() == title
        assert [axes.get_xlabel(), axes.get_ylabel(), axes.get_zlabel()] == ["x", "y", "z"]
        (scatter,) = axes.collections
        drawn = np.array(scatter._offsets3d)
        np.testing.assert_array_equal(np.sort(drawn), np.sort(points))
        assert scatter.get_clim() == (panels["one"][2].min(), panels["two"][2].max())
    for limits in ("get_xlim", "get_ylim", "get_zlim"):
        assert len({getattr(axes, limits)() for axes in figure.axes}) == 1


@pytest.mark.parametrize("values", [[0.0], [3.0, 3.0], [0.0, 0.0], [np.nan, np.nan], [1e300, 1.0]])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_numbers_that_show_nothing_are_drawn(values, scale):
    """As after a training that went nowhere."""
    x = range(1, len(values) + 1)
    assert png(plots.curves({"one": (x, values), "two": (x, values)}, "x", "y", yscale=scale))
    rows = [{"epoch": i, "train_loss": value, "test_loss": value} for i, value in zip(x, values)]
    assert png(plots.learning_curves(rows, "loss", "nats", "Loss"))
    assert png(plots.image_grid(np.full((2, 784), values[0]), 2))
