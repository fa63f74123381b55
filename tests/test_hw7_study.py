import json
import statistics
from types import SimpleNamespace

import pytest
import torch

from bench import hw7_study
from bench.hw7_study import BEST, HANDOUT, VARIANTS, variational_elbo
from common.run import run_parts
from hw7.autoencoder import Autoencoder, Variational, elbo


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the parts of two variants in this process."""
    names = ["handout", "together"]

    def here(run):
        def job(name, seed):
            result = hw7_study.trained(name, seed, run.args, "cpu")
            return SimpleNamespace(get=lambda: result)

        return {name: [job(name, run.args.seed + i) for i in range(3)] for name in names}

    monkeypatch.setattr(hw7_study, "jobs", here)
    monkeypatch.setattr(hw7_study, "VARIANTS", {name: VARIANTS[name] for name in names})
    parts = {name: hw7_study.PARTS[name] for name in [*names, "comparison"]}

    def run(*arguments):
        argv = ["--data", "sample", "--out", str(tmp_path), *arguments]
        defaults = {"threads": 1, "epochs": 1, "batch_size": 250, "lr": 0.1}
        return run_parts("bench/hw7_study", "", parts, argv, **defaults)

    return run


def test_variants_are_trained_with_three_seeds_and_compared(run, tmp_path):
    assert run() == 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    for name, options in {"handout": HANDOUT, "together": BEST}.items():
        row = results[name]
        assert row["options"] == options
        for source in ("2·N", "N", "Gaussian", "mixture"):
            frechet = row["quality"][source]["frechet"]
            assert frechet["mean"] == statistics.mean(frechet["values"])
            assert frechet["std"] == statistics.stdev(frechet["values"])
            assert len(set(frechet["values"])) == 3  # seeds differ
    base = results["handout"]["quality"]["2·N"]["frechet"]["mean"]
    best = results["together"]["quality"]["mixture"]["frechet"]["mean"]
    comparison = results["comparison"]
    assert comparison["gain"] == base / best
    assert comparison["gain_by_training"]["mixture"] == comparison["gain"]
    assert comparison["gain_by_source"]["2·N"] == 1
    for figure in ("digits_n.png", "digits_mixture.png", "distances.png"):
        assert (tmp_path / figure).exists()


def test_the_comparison_alone_asks_for_the_variants_first(run, capsys):
    assert run("--part", "comparison") == 2
    assert "comparison needs the parts handout, together first" in capsys.readouterr().err


def test_each_change_is_tried_alone_and_left_out_alone():
    for name in hw7_study.CHANGES:
        alone = {key for key in HANDOUT if VARIANTS[name][key] != HANDOUT[key]}
        without = {key for key in BEST if VARIANTS[f"without_{name}"][key] != BEST[key]}
        assert alone == without == {name}
    assert len(VARIANTS) == 2 + 2 * len(HANDOUT)


def test_with_the_handout_s_choices_it_is_the_handout_s_network(sample):
    x = sample.test.images[:7]
    torch.manual_seed(0)
    handout = Autoencoder()
    same = Variational(width=10, dropout=0.1, learned=False)
    same.load_state_dict(handout.state_dict())
    losses = []
    for model, loss in [(handout, elbo), (same, variational_elbo)]:
        torch.manual_seed(1)
        value = loss(model(x), None)
        value.backward()
        losses.append(value)
    torch.testing.assert_close(*losses)
    for one, other in zip(handout.parameters(), same.parameters()):
        torch.testing.assert_close(one.grad, other.grad)
