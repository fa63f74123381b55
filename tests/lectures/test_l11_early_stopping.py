"""Lecture 11: early stopping, wrong labels and sweeps, on the sample."""

import itertools
import json

from lectures import l09_backpropagation as l09
from lectures import l11_early_stopping as l11

import numpy as np
import pytest


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script on the sample: its results and its figures by name."""
    out = tmp_path_factory.mktemp("early")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l11, "SEEDS", 2)
        patch.setattr(l11, "LAMBDAS", (0, 0.1))
        patch.setattr(l11, "AMOUNTS", (250, 500, 1000))
        assert l11.main(["--data", "sample", "--epochs", "6", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


class FakeRun:
    """What `split_digits` and `train` take of a run."""

    def __init__(self, mnist):
        self.mnist = mnist
        self.args = type("Args", (), {"lr": 0.1, "batch_size": 50, "epochs": 9, "seed": 0})

    def save(self, name, figure):
        pass


@pytest.mark.parametrize(
    ("risks", "patience", "expected"),
    [
        ([3, 2, 1], 1, (2, 2)),  # never worse
        ([3, 2, 2.5, 2.4, 1], 2, (1, 3)),  # the later 1 is not seen
        ([3, 2, 2.5, 2.4, 1], 3, (4, 4)),
        ([1, 1, 1], 2, (0, 2)),  # as low is not below
        ([5, 6], 9, (0, 1)),
    ],
)
def test_early_stopping(risks, patience, expected):
    assert l11.early_stopping(risks, patience) == expected


@pytest.mark.parametrize(("risks", "patience"), [([], 3), ([1.0], 0)])
def test_early_stopping_needs_risks_and_patience(risks, patience):
    with pytest.raises(ValueError, match="both must be at least 1"):
        l11.early_stopping(risks, patience)


def test_the_splits_share_no_image(sample):
    (x, y), (x_val, y_val), (x_test, _) = l11.split_digits(FakeRun(sample), 700)
    assert x.shape == x_val.shape == (784, 500)  # half of the sample each
    images = sample.train.images.flatten(1).numpy()
    np.testing.assert_array_equal(x.T, images[:500])
    np.testing.assert_array_equal(x_val.T, images[500:])
    labels = sample.train.labels.numpy()
    np.testing.assert_array_equal(np.concatenate([y.argmax(0), y_val.argmax(0)]), labels)
    assert x_test.shape == (784, 200)


def test_a_share_of_the_labels_is_drawn_anew():
    y = l09.one_hot(np.arange(1000) % 10)
    wrong = l11.randomize_labels(y, 0.2, 0)
    assert (wrong.sum(0) == 1).all()
    changed = (wrong.argmax(0) != y.argmax(0)).mean()
    assert changed == pytest.approx(0.18, abs=0.02)
    assert (y.argmax(0) == np.arange(1000) % 10).all()
    np.testing.assert_array_equal(l11.randomize_labels(y, 0, 0), y)
    assert (l11.randomize_labels(y, 0.2, 1) != wrong).any()


def test_training_goes_on_from_epoch_to_epoch(sample):
    run = FakeRun(sample)
    data = l11.split_digits(run, 100)[0]
    free, held = l11.train(run, data, 3, 0.0), l11.train(run, data, 3, 0.05)
    losses = [l11.measure(next(free), data)[0] for _ in range(5)]
    assert losses[-1] < 0.7 * losses[0]
    last = next(free), [next(held) for _ in range(6)][-1]
    norms = [sum((W**2).sum() for W in mlp.W) for mlp in last]
    assert norms[1] < 0.9 * norms[0]


def test_measures_and_moments(sample):
    x, y = l11.split_digits(FakeRun(sample), 100)[0]
    mlp = l09.MLP([784, 5, 10], dtype=np.float32)
    f = mlp.forward(x)
    risk, wrong = l11.measure(mlp, (x, y))
    assert risk == pytest.approx(float(((f - y) ** 2).sum() / 100), rel=1e-5)
    assert wrong == pytest.approx(100 * np.mean(f.argmax(0) != y.argmax(0)))
    found = l11.moments(np.array([[1.0, 10.0], [3.0, 30.0]]))
    assert found == {"risk": 2, "wrong": 20, "risk_std": 1, "wrong_std": 10}


def test_the_validation_risk_decides_what_is_kept(monkeypatch):
    """A "network" is its epoch; x tells which split it is: 0 training, 1 validation, 2 test."""
    splits = [(np.full((784, 1), kind), np.eye(10)[:, :1]) for kind in range(3)]
    monkeypatch.setattr(l11, "split_digits", lambda run: splits)
    monkeypatch.setattr(l11, "train", lambda run, data, seed, lam: itertools.count(1))
    risks = {0: lambda epoch: 1 / epoch, 1: lambda epoch: abs(epoch - 2), 2: lambda epoch: epoch}
    monkeypatch.setattr(l11, "measure", lambda epoch, data: (risks[data[0][0, 0]](epoch), epoch))
    right = l11.part_a(FakeRun(None))["right_labels"]
    assert (right["best"], right["stop"]) == ([2] * 3, [7] * 3)  # patience 5
    assert (right["kept"]["risk"], right["last"]["risk"], right["least"]["risk"]) == (2, 9, 1)


def test_each_amount_of_data_takes_as_many_steps(sample, monkeypatch):
    monkeypatch.setattr(l11, "train", lambda run, data, seed, lam: itertools.count(1))
    monkeypatch.setattr(l11, "measure", lambda epoch, data: (epoch, epoch))
    jobs = {count: {"count": count} for count in (250, 500)}
    rows = l11.sweep(FakeRun(sample), "x", jobs, "")["a_fifth_wrong"]
    assert (rows["250"]["risk"], rows["500"]["risk"]) == (36, 18)  # 9 epochs of 1,000


def test_results(run):
    a, b, c = (run[0][part] for part in "abc")
    right, wrong = a["right_labels"], a["a_fifth_wrong"]
    assert len(right["best"]) == 2
    assert all(best <= stop <= 6 for best, stop in zip(right["best"], right["stop"]))
    assert right["least"]["risk"] <= right["kept"]["risk"] + 1e-9
    assert right["last"]["wrong"] < 35  # learns
    assert wrong["last"]["risk"] > right["last"]["risk"]
    assert list(b["right_labels"]) == ["0", "0.1"]
    assert list(c["right_labels"]) == ["250", "500"]  # the sample has no 2 × 1,000
    assert c["right_labels"]["500"]["wrong"] < c["right_labels"]["250"]["wrong"]
    assert b["right_labels"]["0"]["risk_std"] > 0
    assert b["right_labels"]["0"] == c["right_labels"]["500"]


def test_figures(run):
    for axes, label in zip(run[1]["a_epochs"].axes, ("right labels", "a fifth wrong")):
        assert axes.get_title() == f"500 digits, {label}"
        training, validation, test, kept = axes.lines
        assert len(test.get_ydata()) == 6
        assert training.get_ydata()[-1] < validation.get_ydata()[-1]
        assert kept.get_xdata()[0] == run[0]["a"][label.replace(" ", "_")]["best"][0]
        last = run[0]["a"][label.replace(" ", "_")]["last"]["risk"]
        assert test.get_ydata()[-1] == pytest.approx(last)
    (axes,) = run[1]["c_amount"].axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["250", "500"]
    assert axes.lines[0].get_ydata()[1] == run[0]["c"]["right_labels"]["500"]["wrong"]


def test_a_training_that_diverges_is_one_line(tmp_path, capsys):
    options = ["--part", "a", "--data", "sample", "--epochs", "2", "--lr", "50"]
    assert l11.main([*options, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err.strip()
    assert "argument --lr: training diverged" in error and "\n" not in error
