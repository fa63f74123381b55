from dataclasses import replace
from types import SimpleNamespace

from lectures import heuristics_study
from lectures.heuristics import DEPTH, Recipe, build, prepare_inputs
from lectures.heuristics_study import (
    compare,
    compare_heuristics,
    compare_layer_rates,
    train_deep,
)

import numpy as np
import pytest
import torch
from torch.nn import functional


@pytest.fixture
def run(sample) -> SimpleNamespace:
    """What `compare` uses of a run."""
    args = SimpleNamespace(epochs=4, seed=0)
    call = lambda function, jobs: [function(job) for job in jobs]  # noqa: E731
    saved = {}
    test = sample.test
    few = sample._replace(test=test._replace(images=test.images[::4], labels=test.labels[::4]))
    return SimpleNamespace(mnist=few, device=torch.device("cpu"), args=args, map=call, saved=saved,
                           save=saved.__setitem__)  # fmt: skip


@pytest.fixture
def trained(monkeypatch) -> list[tuple]:
    """Trainings are noted, and give a network of no training."""
    calls = []

    def note(recipe, split, epochs, seed):
        calls.append((recipe, split, epochs, seed))
        return build(recipe, split[0].shape[1], seed).eval()

    monkeypatch.setattr(heuristics_study, "train", note)
    monkeypatch.setattr(heuristics_study, "IMAGES", 40)
    return calls


def wrong(recipe, seed, x, y) -> float:
    model = build(recipe, x.shape[1], seed).eval()
    return sum(int(row.argmax()) != label for row, label in zip(model(x), y.tolist())) / len(y)


def test_eta_is_chosen_on_other_images_than_the_test_s(run, sample, monkeypatch):
    """A network that is right on the images for choosing with one η, on the test with the other."""
    monkeypatch.setattr(heuristics_study, "IMAGES", 300)
    x = sample.train.images.flatten(1)
    choosing = {
        tuple(row.tolist()): int(y) for row, y in zip(x[300:600], sample.train.labels[300:])
    }
    labels = {tuple(row.tolist()): int(y) for row, y in
              zip(run.mnist.test.images.flatten(1), run.mnist.test.labels)}  # fmt: skip

    def answer(recipe, split, epochs, seed):
        table = {0.1: choosing, 0.2: labels}[recipe.eta]
        right = lambda row: table.get(tuple(row.tolist()), 0)  # noqa: E731
        return lambda x: functional.one_hot(torch.tensor([right(row) for row in x]), 10)

    monkeypatch.setattr(heuristics_study, "train", answer)
    row = compare(run, {"one": Recipe()}, (0.1, 0.2), 1)["one"]
    zeros = (run.mnist.test.labels != 0).float().mean().item()
    assert row["eta"] == 0.1
    assert row["by_eta"] == pytest.approx([zeros, 0])
    assert row["error"] == pytest.approx(zeros)


def test_mean_and_deviation_over_the_starts(run, sample, trained):
    rows = compare(run, {"one": Recipe(), "other": Recipe(inputs="centered")}, (0.1,), 7)
    x, y = run.mnist.test.images.flatten(1), run.mnist.test.labels
    W, mean = prepare_inputs(sample.train.images[:40].flatten(1), "centered")
    for name, inputs in (("one", x), ("other", (x - mean) @ W.T)):
        errors = [wrong(Recipe(), seed, inputs, y) for seed in (0, 1, 2)]
        assert rows[name]["error"] == pytest.approx(np.mean(errors))
        assert rows[name]["std"] == pytest.approx(np.std(errors, ddof=1))
    assert [(call[0].eta, *call[2:]) for call in trained] == [(0.1, 7, s) for s in (0, 1, 2)] * 2
    split = trained[0][1]
    assert torch.equal(split[0], sample.train.images[:40].flatten(1))
    assert torch.equal(split[1], sample.train.labels[:40])
    torch.testing.assert_close(trained[3][1][0], (split[0] - mean) @ W.T)


def test_a_run_that_learns(run):
    rows = compare(run, {"one": Recipe(inputs="centered")}, (0.3,), 4)
    assert rows["one"]["error"] < 0.35


def test_each_recipe_changes_one_thing(run, trained):
    plain = Recipe()
    rows = compare_heuristics(run)
    lines = run.saved["e_heuristics"].axes[0].lines
    assert [line.get_label() for line in lines] == ["η = 0.1", "η = 0.3", "η = 1"]
    for i, line in enumerate(lines):
        errors = [100 * row["by_eta"][i] for row in list(rows.values())[:11]]
        assert list(line.get_xdata()) == pytest.approx(errors)
    once = [call for call in trained if call[2] == 4]
    recipes = list(dict.fromkeys(replace(call[0], eta=plain.eta) for call in once))
    assert recipes[0] == plain
    for recipe in recipes[1:]:
        changed = [key for key, value in vars(recipe).items() if value != vars(plain)[key]]
        assert len(changed) == 1
    assert len(recipes) == 11 and len(once) == 11 * 3 * 3
    longer = [call for call in trained if call[2] == 12]
    assert [call[0].dropout for call in longer] == [""] * 6 + ["lecture"] * 6 + ["torch"] * 6


def test_the_deep_networks_are_deep(run, trained):
    train_deep(run)
    assert {call[0].depth for call in trained} == {DEPTH}
    assert {(call[0].activation, call[0].gain) for call in trained} == {
        *[("tanh", 0.5), ("tanh", 1), ("ReLU", 1), ("ReLU", 2), ("sigmoid", 1)]
    }


def test_the_layers_gradients_at_the_start(run, sample, trained):
    rows = compare_layer_rates(run)
    assert {call[0].ratio for call in trained} == {0.25, 0.5, 1, 2}
    for activation in ("sigmoid", "tanh"):
        model = build(Recipe(depth=3, activation=activation), 784, 0)
        x, y = (each[:40] for each in sample.train)
        functional.cross_entropy(model(x.flatten(1)), y).backward()
        expected = [(p.grad.norm() / p.norm()).item() for p in model.parameters() if p.dim() == 2]
        assert rows[activation]["start"] == pytest.approx(expected, rel=1e-4)
    for line, activation in zip(run.saved["f_ratios"].axes[0].lines, ("sigmoid", "tanh")):
        errors = [100 * rows[activation][name]["error"] for name in ("0.25", "0.5", "1", "2")]
        assert list(line.get_ydata()) == pytest.approx(errors)
        assert list(line.get_xdata()) == [0.25, 0.5, 1, 2]
