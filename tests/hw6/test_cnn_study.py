import json
import statistics

from bench.hw6_study import OPTIONS, PARTS
from common.run import run_parts


def run(out, *arguments: str) -> int:
    settings = {"threads": 1, "epochs": 1, "batch_size": 64, "lr": 0.1}
    arguments = ["--data", "sample", "--out", str(out), *arguments]
    return run_parts("bench/hw6_study", "", PARTS, arguments, **settings)


def test_every_setting_is_trained_with_three_seeds_and_compared(tmp_path):
    assert run(tmp_path) == 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert list(results) == [*OPTIONS, "comparison"]
    for name in OPTIONS:
        row = results[name]
        assert row["options"] == OPTIONS[name]
        finals = [seed[-1] for seed in row["per_epoch"]["test_accuracy"]]
        assert len(set(map(str, row["per_epoch"]["train_loss"]))) == 3  # seeds differ
        assert row["final"]["test_accuracy"]["mean"] == statistics.mean(finals)
        assert row["final"]["test_accuracy"]["std"] == statistics.stdev(finals)
    means = {name: results[name]["final"]["test_accuracy"]["mean"] for name in OPTIONS}
    assert means[results["comparison"]["best"]] == max(means.values())
    assert (tmp_path / "errors.png").exists()


def test_the_comparison_alone_asks_for_the_settings_first(tmp_path, capsys):
    assert run(tmp_path, "--part", "comparison") == 2
    assert "comparison needs the parts neither, dropout" in capsys.readouterr().err
