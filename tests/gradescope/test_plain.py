"""The plain form of common/: what a file does where its surroundings are others."""

import sys
from types import SimpleNamespace

from common.data import Batches as OwnBatches
from gradescope import plain

import pytest
import torch


def test_no_data_and_no_network_gives_one_short_message(run_alone):
    process, _ = run_alone("kmeans", "--part", "b")
    assert process.returncode == 2
    assert process.stderr.count("\n") == 3 and "--data" in process.stderr
    assert "Traceback" not in process.stderr


def test_c_locale(run_alone):
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    process, out = run_alone("gradient_descent", "--part", "a", **settings)
    assert process.returncode == 0, process.stderr
    assert (out / "summary.json").exists()


def test_runs_without_a_file_in_a_notebook(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ipykernel", "-f", "kernel.json"])
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace())
    cell = made["gradient_descent"].replace("ITERATIONS = 500", "ITERATIONS = 100")
    names = {"__name__": "notebook"}
    exec(compile(cell, "<cell>", "exec"), names)
    names["PARTS"] = {"a": names["part_a"]}
    monkeypatch.setitem(names, "PARTS", names["PARTS"])
    assert names["main"]() == 0
    assert (tmp_path / "results" / "hw5" / "gradient_descent" / "summary.json").exists()


@pytest.mark.parametrize("seed", [None, 3])
def test_batches_are_those_of_the_course(sample, seed):
    for _ in range(2):
        for own, other in zip(
            OwnBatches(sample.train, 300, seed), plain.Batches(sample.train, 300, seed)
        ):
            assert torch.equal(own[0], other[0]) and torch.equal(own[1], other[1])


def test_averages_are_weighted_by_size():
    model = torch.nn.Linear(1, 1)
    split = plain.Split(torch.ones(5, 1), torch.tensor([0.0, 0, 0, 0, 5]))
    rows = plain.run_epoch(model, plain.Batches(split, 4), lambda _, y: y.mean(), {})
    assert rows == {"loss": 1.0}


def test_divergence_is_one_line(sample, tmp_path):
    args = SimpleNamespace(out=tmp_path, seed=0, batch_size=500, epochs=1, device="cpu")
    run = plain.Run("hw7/kmeans", args)
    run.mnist = sample
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(plain.UserError, match="training diverged in epoch 1: try a lower --lr"):
        run.fit(model, lambda prediction, _: prediction.sum() * torch.inf, optimizer)
