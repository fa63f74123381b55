import importlib.util

from hw6 import tsne

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")
LABELS = torch.arange(200) % 10


class FakeRun:
    """As much of a Run as the figure needs."""

    def __init__(self):
        self.args = type("Options", (), {"seed": 2**32 + 3})
        self.saved = {}

    def save(self, name, figure):
        self.saved[name] = figure


@pytest.fixture
def calls(monkeypatch) -> list[tuple]:
    """What scikit-learn's t-SNE is given; a plane of random points takes the place of its own."""
    manifold, calls = importlib.import_module("sklearn.manifold"), []

    def fit_transform(self, features):
        calls.append((self.get_params(), features))
        return np.random.default_rng(0).normal(size=(len(features), 2)).astype(np.float32)

    monkeypatch.setattr(manifold.TSNE, "fit_transform", fit_transform)
    return calls


def make_features(*shape: int) -> torch.Tensor:
    """Random ones of one sign, as after a ReLU."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def with_entry(value: float) -> torch.Tensor:
    features = make_features(200, 250)
    features[7, 3] = value
    return features


DEGENERATE = {
    "all zero": (torch.zeros(200, 250), "different feature vectors; found: 1"),
    "constant": (torch.full((200, 250), 1.37), "different feature vectors; found: 1"),
    "two values": (make_features(2, 250).repeat(100, 1), "different feature vectors; found: 2"),
    "one differs": (torch.eye(200)[:, :1] + torch.ones(250), "different feature vectors; found: 2"),
    "30 values": (make_features(30, 250).repeat(7, 1), "different feature vectors; found: 30"),
    "too few images": (make_features(30, 250), "different feature vectors; found: 30"),
    "not a number": (with_entry(torch.nan), "not finite"),
    "infinite": (with_entry(torch.inf), "not finite"),
    "squares overflow": (1e30 * make_features(200, 250), "largest feature is 1e+30"),
    "squares underflow": (1e-30 * make_features(200, 250), "largest feature is 1e-30"),
    "one square overflows": (with_entry(3e38), "largest feature is 3e+38"),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_what_cannot_be_placed_is_left_out_with_a_reason(name, calls, capsys):
    features, reason = DEGENERATE[name]
    run = FakeRun()
    assert tsne.show_tsne(run, features, LABELS[: len(features)]) is None
    printed = capsys.readouterr().out
    assert printed.startswith("  t-SNE left out: ") and printed.count("\n") == 1
    assert reason in printed
    assert calls == [] and run.saved == {}


UNUSUAL = {
    "half of them zero": torch.cat([make_features(50, 250), torch.zeros(50, 250)]),
    "nearly all of them zero": torch.cat([make_features(31, 250), torch.zeros(69, 250)]),
    "a single feature": make_features(100, 250) * torch.eye(250)[0],
    "one far away": torch.cat([make_features(99, 250), 1e14 * make_features(1, 250)]),
    "small": 1e-14 * make_features(100, 250),
    "few images": make_features(32, 250),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_features_are_placed(name):
    features, run = UNUSUAL[name], FakeRun()
    found = tsne.show_tsne(run, features, LABELS[: len(features)])
    assert found["images"] == len(features) and 0 <= found["neighbors"] <= 1
    offsets = [points.get_offsets() for points in run.saved["tsne"].axes[0].collections]
    assert np.isfinite(np.concatenate(offsets)).all()


def test_the_neighbors_by_counting(calls):
    features, run = make_features(200, 5), FakeRun()
    found = tsne.show_tsne(run, features, LABELS)
    ((settings, given),) = calls
    assert (given == features.numpy()).all()
    assert (settings["perplexity"], settings["init"], settings["random_state"]) == (30, "pca", 3)
    plane = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    same = 0
    for i, point in enumerate(plane):
        distances = ((plane - point) ** 2).sum(1)
        distances[i] = np.inf
        same += int(LABELS[i] == LABELS[distances.argmin()])
    assert found == {"images": 200, "neighbors": same / 200}
    assert 0 < same < 200


def test_each_digit_has_its_points_color_and_number():
    generator = torch.Generator().manual_seed(0)
    plane = torch.randn(99, 2, generator=generator)
    labels = torch.randint(9, (99,), generator=generator)
    labels[labels == 4] = 9  # no 4
    (axes,) = tsne.scatter_by_class(plane, labels).axes
    digits = [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert len(axes.collections) == len(axes.texts) == 9
    for digit, points, text in zip(digits, axes.collections, axes.texts):
        expected = plane[labels == digit].numpy()
        assert (points.get_offsets() == expected).all()
        color = importlib.import_module("matplotlib.colors").to_rgba(f"C{digit}")
        assert tuple(points.get_facecolor()[0]) == color
        assert text.get_bbox_patch().get_edgecolor()[:3] == color[:3]
        assert (points.get_label(), text.get_text()) == (str(digit), str(digit))
        assert text.get_position() == pytest.approx(np.median(expected, 0))
    assert "99 test images" in axes.get_title()


def test_without_scikit_learn_it_says_so_and_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    run = FakeRun()
    assert tsne.show_tsne(run, make_features(200, 250), LABELS) is None
    output = capsys.readouterr().out
    assert "t-SNE left out: it needs scikit-learn: python -m pip install scikit-learn" in output
    assert run.saved == {}
