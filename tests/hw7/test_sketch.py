import itertools

from hw7.autoencoder import Autoencoder
from hw7.sketch import DECODER, ENCODER, HEIGHT, WIDTH, describe_layer, list_stages, sketch

import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def figure():
    figure = sketch(Autoencoder())
    figure.canvas.draw()
    return figure


@pytest.fixture
def texts(figure):
    return [text for text in figure.axes[0].texts if text.get_text()]


def test_it_names_every_layer_and_no_text_overlaps(figure, texts):
    model = Autoencoder()
    words = " ".join(text.get_text() for text in texts)
    for layer in [*model.encoder, *model.decoder]:
        if isinstance(layer, nn.Linear):
            assert f"linear {layer.in_features}→{layer.out_features}" in words
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert f"conv {layer.in_channels}→{layer.out_channels}, 4×4" in words
    counts = {"ReLU": 6, "batch norm": 6, "dropout 0.1": 6, "sigmoid": 1, "max-pool 2": 1}
    counts |= {"bicubic upsampling ×2": 1, "unflatten": 1, "inverts": 6, "20 × 27 × 27": 1}
    assert {name: words.count(name) for name in counts} == counts
    boxes = [text.get_window_extent() for text in texts]
    for (one, a), (other, b) in itertools.combinations(zip(boxes, texts), 2):
        assert not one.overlaps(other), (a.get_text(), b.get_text())
    edges = figure.bbox
    assert all(edges.x0 <= box.x0 and box.x1 <= edges.x1 for box in boxes)
    assert all(edges.y0 <= box.y0 and box.y1 <= edges.y1 for box in boxes)


REGULAR = "ReLU · batch norm · dropout 0.1"
# From top to bottom: a layer, the pointwise ones after it, and the shape that results.
LEFT = [
    ("conv 1→20, 4×4, stride 1", REGULAR, "↓  20 × 25 × 25"),
    ("conv 20→20, 4×4, stride 2", "ReLU", "↓  20 × 11 × 11"),
    ("max-pool 2", "batch norm · dropout 0.1", "↓  20 × 5 × 5"),
    ("flatten", "", "↓  500"),
    ("linear 500→250", REGULAR, "↓  250"),
    ("linear 250→10", "", "↓  z: 10"),
]
RIGHT = [
    ("transposed conv 20→1, 4×4, stride 1, padding 1", "sigmoid", "↑  f: 1 × 28 × 28"),
    (
        "transposed conv 20→20, 4×4, stride 2, output padding 1",
        REGULAR,
        "↑  20 × 27 × 27",
    ),
    ("bicubic upsampling ×2", "", "↑  20 × 12 × 12"),
    ("unflatten", "", "↑  20 × 6 × 6"),
    ("linear 360→720", REGULAR, "↑  720"),
    ("linear 10→360", REGULAR, "↑  360"),
]


def test_each_column_reads_as_the_network(texts):
    """Downwards the shape stands under its stage, upwards over it."""

    def read(edge):
        column = [text for text in texts if text.get_position()[0] == edge + WIDTH / 2]
        column.sort(key=lambda text: -text.get_position()[1])
        return [text.get_text() for text in column]

    left = [text for stage in LEFT for text in stage if text]
    assert read(ENCODER) == ["encoder g", "↓  x: 1 × 28 × 28", *left]
    right = [text for name, after, shape in RIGHT for text in (shape, name, after) if text]
    assert read(DECODER) == ["decoder f", *right, "↑  z2: 10"]


def test_between_the_columns_stands_what_joins_them(texts):
    middle = (ENCODER + DECODER + WIDTH) / 2
    between = [text for text in texts if text.get_position()[0] == pytest.approx(middle)]
    between.sort(key=lambda text: -text.get_position()[1])
    assert [text.get_text() for text in between] == ["inverts"] * 6 + [
        "z2 = enc_mode · z + (2 − enc_mode) · N,   N standard Gaussian",
        "returned: [z, f − x],  10 + 784 numbers",
    ]


def test_each_box_holds_its_stage_and_its_bracket_joins_it_with_its_inverse(figure, texts):
    (axes,) = figure.axes
    boxes = [patch for patch in axes.patches if patch.get_width() == pytest.approx(WIDTH)]
    assert len(boxes) == len(axes.patches) == 12
    position = {text.get_text(): text.get_position() for text in texts}
    rows = list(zip(boxes[0::2], boxes[1::2], LEFT, RIGHT, zip(*[iter(axes.lines[:-1])] * 3)))
    assert len(rows) == 6 and len(axes.lines) == 3 * 6 + 1
    for left, right, (name, _, _), (inverse, _, _), (opening, closing, bar) in rows:
        assert left.get_facecolor() == boxes[0].get_facecolor() != right.get_facecolor()
        for box, edge, text in [(left, ENCODER, name), (right, DECODER, inverse)]:
            assert box.get_x() == pytest.approx(edge) and box.get_height() == pytest.approx(HEIGHT)
            assert box.get_y() < position[text][1] < box.get_y() + HEIGHT
        assert left.get_y() == right.get_y()
        middle = left.get_y() + HEIGHT / 2
        # [ beside the left box, ] beside the right one, and a bar between them
        for line, box_edge, inwards in [(opening, WIDTH, 1), (closing, DECODER, -1)]:
            x, y = line.get_data()
            assert 0 < inwards * (x[0] - box_edge) < 0.5 and x[0] == x[3]
            assert x[1] == x[2] and inwards * (x[1] - x[0]) > 0
            assert left.get_y() < y[3] == y[2] < middle < y[1] == y[0] < left.get_y() + HEIGHT
        x, y = bar.get_data()
        assert list(x) == [opening.get_xdata()[1], closing.get_xdata()[1]]
        assert list(y) == pytest.approx([middle, middle])
    heights = [box.get_y() for box in boxes[0::2]]
    assert heights == sorted(heights, reverse=True)


def test_the_code_goes_from_the_encoder_s_end_to_the_decoder_s_start(figure, texts):
    x, y = figure.axes[0].lines[-1].get_data()
    assert list(x) == [WIDTH / 2, WIDTH / 2, DECODER + WIDTH / 2, DECODER + WIDTH / 2]
    position = {text.get_text(): text.get_position() for text in texts}
    assert y[1] == y[2] < y[0] == y[3] < position["↓  z: 10"][1] == position["↑  z2: 10"][1]
    assert position[LEFT[-1][0]][1] > y[0] and position[RIGHT[-1][0]][1] > y[0]


def test_every_part_is_in_sight(figure):
    (axes,) = figure.axes
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for patch in axes.patches:
        assert left <= patch.get_x() and patch.get_x() + WIDTH <= right
        assert bottom <= patch.get_y() and patch.get_y() + HEIGHT <= top
    assert not axes.axison


def test_a_sketch_needs_as_many_stages_on_both_sides():
    model = Autoencoder()
    model.decoder = nn.Sequential(nn.Linear(10, 720), *model.decoder[5:])
    with pytest.raises(ValueError, match="6 stages in the encoder, 5 in the decoder"):
        sketch(model)


def test_a_layer_is_described_by_its_options():
    described = {
        nn.Conv2d(2, 3, (4, 5), stride=2, padding=1): "conv 2→3, 4×5, stride 2, padding 1",
        nn.ConvTranspose2d(3, 2, 2): "transposed conv 3→2, 2×2, stride 1",
        nn.Linear(4, 7): "linear 4→7",
        nn.MaxPool2d(3): "max-pool 3",
        nn.Upsample(scale_factor=1.5, mode="nearest"): "nearest upsampling ×1.5",
        nn.BatchNorm1d(4): "batch norm",
        nn.BatchNorm2d(4): "batch norm",
        nn.Dropout(0.25): "dropout 0.25",
        nn.ReLU(): "ReLU",
        nn.Sigmoid(): "sigmoid",
        nn.Tanh(): "tanh",
    }
    for layer, text in described.items():
        assert describe_layer(layer) == text


def test_stages_are_listed_in_evaluation_mode_and_leave_the_network_s_statistics_alone():
    layers = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Flatten())
    stages = list_stages(layers, torch.ones(1, 4))
    after = "batch norm · dropout 0.5"
    assert stages == [("linear 4→3", after, "3"), ("flatten", "", "3")]
    assert layers[1].num_batches_tracked == 0
