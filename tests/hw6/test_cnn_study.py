import json
import statistics
from pathlib import Path

from common.plots import Figure
from hw6 import cnn_study
from hw6.cnn import CNN, train
from hw6.cnn_study import OPTIONS

import pytest
import torch


def run_study(out: Path, *arguments: str) -> int:
    """One epoch in large batches: what matters here is the bookkeeping."""
    settings = ["--data", "sample", "--epochs", "1", "--batch-size", "100"]
    return cnn_study.main([*settings, "--out", str(out), *arguments])


@pytest.fixture(scope="module")
def study(tmp_path_factory, figures, few) -> tuple[Path, dict, Figure]:
    """The whole study: its folder, its results and its figure."""
    out = tmp_path_factory.mktemp("study")
    with figures() as drawn, pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.data.load_mnist", lambda data, device: few)
        assert run_study(out) == 0
    assert list(drawn) == ["errors"]
    return out, json.loads((out / "summary.json").read_text())["results"], drawn["errors"]


def test_every_setting_is_trained_with_three_seeds_and_compared(study):
    out, results, _ = study
    assert list(results) == [*OPTIONS, "comparison"]
    for name in OPTIONS:
        row = results[name]
        assert row["options"] == OPTIONS[name]
        finals = [seed[-1] for seed in row["per_epoch"]["test_accuracy"]]
        assert len(set(map(str, row["per_epoch"]["train_loss"]))) == 3  # seeds differ
        assert row["final"]["test_accuracy"]["mean"] == statistics.mean(finals)
        assert row["final"]["test_accuracy"]["std"] == statistics.stdev(finals)
    losses = [str(results[name]["per_epoch"]["train_loss"]) for name in OPTIONS]
    assert len(set(losses)) == len(OPTIONS)  # settings differ
    means = {name: results[name]["final"]["test_accuracy"]["mean"] for name in OPTIONS}
    assert means[results["comparison"]["best"]] == max(means.values())
    assert (out / "errors.png").exists()


def test_a_seed_gives_the_training_that_it_gives_alone(study, few):
    _, results, _ = study
    for name, options, lr in [("neither", {}, 0.1), ("half_rate", {}, 0.05),
                              ("both", {"batch_norm": True, "dropout": 0.1}, 0.1)]:  # fmt: skip
        torch.manual_seed(1)
        (row,) = train(CNN(**options), few, 1, 100, lr, seed=1)
        for column, value in row.items():
            if column != "epoch":
                assert results[name]["per_epoch"][column][1] == pytest.approx([value], rel=1e-4)


def test_the_figure_shows_the_mean_test_error_of_each_setting(study):
    _, results, figure = study
    (axes,) = figure.axes
    *lines, level = axes.lines
    labels = ["neither", "dropout", "batch norm", "both", "neither, half η"]
    assert [line.get_label() for line in lines] == labels
    for name, line in zip(OPTIONS, lines):
        accuracies = [seed[0] for seed in results[name]["per_epoch"]["test_accuracy"]]
        assert list(line.get_xdata()) == [1]
        assert line.get_ydata()[0] == pytest.approx(100 - 100 * sum(accuracies) / 3)
    assert (level.get_label(), list(level.get_ydata())) == ("99.0 % accuracy", [1.0, 1.0])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "test error, %")


def test_the_comparison_alone_asks_for_the_settings_first(tmp_path, capsys):
    assert run_study(tmp_path, "--part", "comparison") == 2
    assert "comparison needs the parts neither, dropout" in capsys.readouterr().err
