"""The plain form of common/: the same numbers, and what it does in other surroundings."""

import io
import sys
from argparse import Namespace
from types import SimpleNamespace

from common.data import Batches as OwnBatches
from common.loop import test_loop as own_test_loop
from common.loop import train_loop as own_train_loop
from gradescope import plain

import pytest
import torch


@pytest.fixture
def run(sample, tmp_path):
    args = Namespace(out=tmp_path, seed=0, batch_size=300, epochs=2, device="cpu")
    run = plain.Run(args)
    run.mnist = sample
    return run


def make_model():
    torch.manual_seed(0)
    layers = torch.nn.Flatten(), torch.nn.Linear(784, 10), torch.nn.Dropout(0.5)
    model = torch.nn.Sequential(*layers)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def accuracy(prediction, y):
    return (prediction.argmax(1) == y).float().mean()


def test_runs_without_a_file_in_a_notebook(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace())
    names = {"__name__": "notebook"}
    exec(compile(made["gradient_descent"], "<cell>", "exec"), names)
    names["PARTS"].pop("b")
    assert names["main"]() is None
    assert (tmp_path / "results" / "hw5" / "gradient_descent" / "summary.json").exists()


@pytest.mark.parametrize("seed", [None, 3])
def test_batches_are_those_of_the_course(sample, seed):
    own = OwnBatches(sample.train, 300, seed)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    for _ in range(2):
        others = [*plain.batches(sample.train, 300, generator)]
        assert len(others) == len(own) == 4
        for one, another in zip(own, others):
            assert torch.equal(one[0], another[0]) and torch.equal(one[1], another[1])


def test_fit_has_the_loops_of_the_course(run, sample):
    """Bit for bit, and with a scheduler that halves the learning rate after each epoch."""
    loss_fn, metrics = torch.nn.functional.cross_entropy, {"accuracy": accuracy}
    model, optimizer = make_model()
    train, test = OwnBatches(sample.train, 300, 0), OwnBatches(sample.test)
    expected = []
    for epoch in (1, 2):
        row = {"epoch": epoch}
        averages = own_train_loop(model, train, loss_fn, optimizer, metrics)
        row |= {f"train_{name}": value for name, value in averages.items()}
        averages = own_test_loop(model, test, loss_fn, metrics)
        row |= {f"test_{name}": value for name, value in averages.items()}
        optimizer.param_groups[0]["lr"] /= 2
        expected.append(row)
    model, optimizer = make_model()
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    assert run.fit(model, loss_fn, optimizer, metrics, scheduler) == expected
    model, optimizer = make_model()
    run.mnist = plain.Mnist(*[plain.Split(*(each[:20] for each in sample.test))] * 2)
    (row,) = run.fit(model, loss_fn, optimizer, metrics, epochs=1)
    for name in ("train_accuracy", "test_accuracy"):
        assert round(20 * row[name], 6) % 1 == 0


def test_divergence_is_one_line(run):
    model, optimizer = make_model()
    with pytest.raises(plain.UserError, match="not finite in epoch 1"):
        run.fit(model, lambda prediction, _: prediction.sum() * torch.inf, optimizer)


def test_a_model_s_images_are_channels_last(run):
    weight = run.place(torch.nn.Conv2d(2, 2, 3)).weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_the_numbers_of_the_parts_are_kept(tmp_path):
    def part(run):
        """the only part"""
        assert run.args.batch_size == 3 and run.args.seed == 0
        return {"number": 1}

    arguments = ["--batch-size", "3", "--out", str(tmp_path)]
    plain.run_parts("x/y", "", {"a": part}, arguments, "numpy", batch_size=1)
    summary = plain.json.loads((tmp_path / "summary.json").read_text())
    assert summary["results"] == {"a": {"number": 1}} and summary["settings"]["batch_size"] == 3


def test_threads_are_set_where_the_script_says_so(tmp_path):
    def part(run):
        """threads"""
        return torch.get_num_threads()

    threads = torch.get_num_threads()
    try:
        plain.run_parts("x/y", "", {"a": part}, ["--out", str(tmp_path)], threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def test_every_part_starts_from_the_seed(tmp_path):
    def part(run):
        """random numbers"""
        return torch.rand(1).item()

    threads = torch.get_num_threads()
    arguments = ["--seed", "3", "--device", "cpu", "--out", str(tmp_path)]
    plain.run_parts("x/y", "", {"a": part, "b": part}, arguments)
    torch.set_flush_denormal(False)
    results = plain.json.loads((tmp_path / "summary.json").read_text())["results"]
    torch.manual_seed(3)
    assert results["a"] == results["b"] == torch.rand(1).item()
    assert torch.get_num_threads() == threads


def test_letters_that_the_terminal_lacks(tmp_path, monkeypatch):
    def part(run):
        """with η"""
        return {}

    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    plain.run_parts("x/y", "", {"a": part}, ["--out", str(tmp_path)], "numpy")
    terminal.flush()
    assert terminal.buffer.getvalue().startswith(b"\npart a: with ?\n")
