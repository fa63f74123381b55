"""Several processes against one: with the same batches, the same numbers."""

import json
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.data import Batches, Split, load_mnist
from common.loop import fit, test_loop, train_loop
from common.run import Run, UserError, run_parts
from common.runtime.parallel import ALONE, Processes, from_environment
from common.runtime.rng import derive_seed
from common.runtime.shards import ShardedBatches, average_statistics, train_together
from hw7.clustering import digit_images
from hw7.kmeans import ArgmaxKMeans, KMeans, mean_over_pixels

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

# What each process computes, and process 0's numbers are compared with those of one process alone.


def make_batches(split: Split, size: int, seed: int | None, processes: Processes) -> Batches:
    if processes.world == 1:
        return Batches(split, size, seed)
    return ShardedBatches(split, size, seed, processes=processes)


def join(model: nn.Module, optimizer, batches: Batches, processes: Processes) -> None:
    if processes.world > 1:
        train_together(model, optimizer, batches, processes)


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    return (logits.argmax(1) == y).to(logits.dtype).mean()


def kmeans(processes: Processes, model: nn.Module, dtype: torch.dtype, epochs: int) -> Tensor:
    """Centers after training on the sample, with a last batch of 40."""
    images, labels = load_mnist("sample").train
    images = images.to(dtype)
    model.to(dtype).centers.data.copy_(digit_images(images.flatten(1), labels, None))
    optimizer = torch.optim.SGD(model.parameters(), lr=4.5)
    batches = make_batches(Split(images, labels), 64, 0, processes)
    join(model, optimizer, batches, processes)
    for _ in range(epochs):
        train_loop(model, batches, mean_over_pixels, optimizer)
    return model.centers.detach()


def points(count: int) -> Split:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return Split(x, torch.randn(count, 1, generator=generator, dtype=torch.float64))


def gradients(processes: Processes) -> list[Tensor]:
    """Of each batch of 5 of 11 points: shares of 3 and 2, and of the last, 1 and none."""
    torch.manual_seed(0)
    model, found = nn.Linear(3, 1, dtype=torch.float64), []
    model.bias.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    batches = make_batches(points(11), 5, 0, processes)
    join(model, optimizer, batches, processes)
    for x, y in batches:
        optimizer.zero_grad()
        mse_loss(model(x), y).backward()
        optimizer.step()
        found.append(model.weight.grad.clone())
        assert model.bias.grad is None
    return found


def figures(processes: Processes) -> tuple[dict, dict]:
    """Of an epoch on 11 points, and of a test of them with the weights alone."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    metrics = {"size": lambda prediction, y: prediction.abs().mean()}
    test_averages = test_loop(
        model, make_batches(points(11), 2, None, processes), mse_loss, metrics
    )
    batches = make_batches(points(11), 5, 0, processes)
    join(model, optimizer, batches, processes)
    return train_loop(model, batches, mse_loss, optimizer, metrics), test_averages


def shares(processes: Processes) -> list[tuple[list, list]]:
    """Labels of the shares of two epochs in random order, and of the batches in their order."""
    split = Split(torch.arange(11.0), torch.arange(11))
    mixed = make_batches(split, 5, 7, processes)
    ordered = make_batches(split, 4, None, processes)
    counts = [
        [y.tolist()[: getattr(mixed, "count", None)] for _, y in mixed] for _ in range(2)
    ]  # of a batch of one, only one process has a share
    return [*counts, [y.tolist() for _, y in ordered]]


def regular() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 20), nn.BatchNorm1d(20), nn.Dropout(), nn.Linear(20, 10)
    )


def trained(processes: Processes) -> dict[str, Any]:
    """Two epochs of a network with batch norm and dropout, begun differently in each process."""
    torch.manual_seed(derive_seed(0, processes.rank))
    model, sample = regular(), load_mnist("sample")
    model[2].running_mean += processes.rank
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    train = make_batches(sample.train, 64, 0, processes)
    test = make_batches(sample.test, 30, None, processes)
    join(model, optimizer, train, processes)
    rows = list(fit(model, train, test, cross_entropy, optimizer, 2, {"accuracy": accuracy}))
    alone = test_loop(model, Batches(sample.test, 30), cross_entropy, {"accuracy": accuracy})
    random = processes.all_gather(torch.get_rng_state())
    return {"rows": rows, "model": model.state_dict(), "alone": alone, "random": random}


def averaged(processes: Processes) -> Tensor:
    """The running means that came of each process's own statistics."""
    model = nn.BatchNorm1d(2)
    model.running_mean.fill_(processes.rank)
    if processes.world > 1:
        average_statistics(model, processes)
    return model.running_mean


def refused(processes: Processes) -> str:
    """What is said of a last batch of 3."""
    split = Split(torch.rand(11, 1, 28, 28), torch.zeros(11, dtype=torch.int64))
    model = regular()
    batches = make_batches(split, 4, 0, processes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    try:
        list(fit(model, batches, Batches(split, 4), cross_entropy, optimizer, 1))
    except UserError as error:
        return str(error)
    return ""


CASES = {
    "argmax, float32": lambda p: kmeans(p, ArgmaxKMeans(), torch.float32, 2),
    "argmax, float64": lambda p: kmeans(p, ArgmaxKMeans(), torch.float64, 2),
    "softmax, float64": lambda p: kmeans(p, KMeans(), torch.float64, 1),
    "gradients": gradients,
    "figures": figures,
    "shares": shares,
    "trained": trained,
    "again": trained,
    "averaged": averaged,
    "refused": refused,
    "seed": lambda p: derive_seed(3, p.rank),
}


def work(folder: str) -> None:
    """What each process does."""
    torch.set_num_threads(1)
    processes = from_environment()
    processes.join()
    found = {name: case(processes) for name, case in CASES.items()}
    torch.save(found, f"{folder}/{processes.rank}")
    processes.leave()


def started(world: int, function: Callable, *arguments) -> list:
    """Start processes with the environment that torchrun gives them, in a fraction of its time."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    # A forked process has torch already; elsewhere than on Linux, forking is not safe.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    found = []
    for rank in range(world):
        words = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
        words |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": store.port, "OMP_NUM_THREADS": 1}
        words |= {"TORCHELASTIC_RUN_ID": "test", "TORCHELASTIC_USE_AGENT_STORE": True}
        words = {name: str(word) for name, word in words.items()}
        found.append(context.Process(target=within, args=(words, function, *arguments)))
        found[-1].store = store  # stays as long as the processes
        found[-1].start()
    return found


def within(environment: dict[str, str], function: Callable, *arguments) -> None:
    os.environ |= environment
    function(*arguments)


def ended(processes: list) -> list[int]:
    """Their exit statuses; they end by themselves."""
    for process in processes:
        process.join(60)
        process.kill()
    return [process.exitcode for process in processes]


@pytest.fixture(scope="module", params=[2, 3])
def together(request, tmp_path_factory) -> list[dict[str, Any]]:
    """The cases' results by process."""
    folder, world = tmp_path_factory.mktemp("processes"), request.param
    assert ended(started(world, work, str(folder))) == [0] * world
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(world)]


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return {name: case(ALONE) for name, case in CASES.items()}


@pytest.mark.parametrize(
    ("case", "bound"),
    # The softmax near a border doubles a difference every few steps: bounds for one epoch only.
    [("argmax, float32", 1e-5), ("argmax, float64", 1e-12), ("softmax, float64", 1e-8)],
)
def test_kmeans_has_the_centers_of_one_process(together, alone, case, bound):
    for process in together:
        torch.testing.assert_close(process[case], alone[case], rtol=0, atol=bound)
        assert torch.equal(process[case], together[0][case])


def test_gradients_are_those_of_the_whole_batch(together, alone):
    assert len(alone["gradients"]) == 3
    for process in together:
        torch.testing.assert_close(process["gradients"], alone["gradients"], rtol=1e-12, atol=0)


def test_shares_make_up_the_batch(together, alone):
    for kind in range(2):  # in random order, as equal as can be
        for i, batch in enumerate(alone["shares"][kind]):
            found = [process["shares"][kind][i] for process in together]
            assert sorted(y for share in found for y in share) == sorted(batch)
            sizes = [len(share) for share in found]
            assert max(sizes) - min(sizes) <= 1
    for rank, process in enumerate(together):  # in their order, batches go around whole
        assert process["shares"][2] == alone["shares"][2][rank :: len(together)]


def test_figures_are_those_of_one_process(together, alone):
    for process in together:
        for found, expected in zip(process["figures"], alone["figures"]):
            assert found == pytest.approx(expected, rel=1e-12)
        assert process["figures"][1] == alone["figures"][1]  # of tests, bit for bit


def test_all_processes_have_one_model_and_its_figures(together):
    for process in together:
        assert process["trained"]["rows"] == together[0]["trained"]["rows"]
        for name, tensor in process["trained"]["model"].items():
            assert torch.equal(tensor, together[0]["trained"]["model"][name]), name
        last = process["trained"]["rows"][-1]
        assert last == last | {f"test_{k}": v for k, v in process["trained"]["alone"].items()}
    assert last["test_accuracy"] > 0.6


def test_the_same_seed_gives_the_same_numbers_bit_for_bit(together):
    for process in together:
        assert process["trained"]["rows"] == process["again"]["rows"]
        for name, tensor in process["trained"]["model"].items():
            assert torch.equal(tensor, process["again"]["model"][name]), name


def test_noise_differs_by_process_and_the_first_has_that_of_one_alone(together, alone):
    seeds = [process["seed"] for process in together]
    assert seeds[0] == alone["seed"] == 3
    assert len(set(seeds)) == len(seeds)
    states = together[0]["trained"]["random"]
    assert len(states) == len(together)
    assert not any(torch.equal(states[0], other) for other in states[1:])


def test_running_statistics_are_the_mean_of_the_processes(together, alone):
    for process in together:
        torch.testing.assert_close(
            process["averaged"], torch.full((2,), (len(together) - 1) / 2), rtol=1e-6, atol=0
        )
    assert torch.equal(alone["averaged"], torch.zeros(2))


def test_a_batch_too_small_for_batch_norm_is_refused(together, alone):
    said = "argument --batch-size: came 4, which leaves 1 of the 11 images"
    for process in together:
        assert re.match(said, process["refused"])
    assert alone["refused"] == ""


def trial(mode: str, *argv: str) -> int:
    """A script that trains for five epochs; in the fourth, something may befall process 1."""
    steps = []

    def loss(prediction: Tensor, label: Tensor) -> Tensor:
        steps.append(label)
        if len(steps) == 50 and from_environment().rank == 1:
            if mode == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if mode == "mistake":
                raise UserError("this one's alone")
        return cross_entropy(prediction, label)

    def part(run: Run) -> dict[str, Any]:
        """training"""
        model = regular()
        optimizer = torch.optim.Adam(model.parameters())
        return {"rows": run.fit(model, loss, optimizer, name="net")}

    argv = ["--data", "sample", *argv]
    return run_parts("hw0/trial", "", {"a": part}, argv, threads=1, epochs=5, batch_size=64, lr=0.1)


def told(folder: Path, mode: str, *argv: str) -> None:
    """The trial, printing into files: what pytest captures of a forked process is the parent's."""
    rank = os.environ["RANK"]
    with (folder / f"output{rank}").open("w") as sys.stdout:  # noqa: SIM117
        with (folder / f"error{rank}").open("w") as sys.stderr:
            status = trial(mode, *argv)
    os._exit(status)


def printed(folder: Path) -> tuple[str, str]:
    """What the processes of `told` printed, one after the other."""
    return tuple(
        "".join(path.read_text() for path in sorted(folder.glob(f"{kind}?")))
        for kind in ("output", "error")
    )


def test_a_killed_process_ends_the_job_and_resume_ends_as_if_it_had_not(tmp_path):
    assert 0 not in ended(started(2, told, tmp_path, "killed", "--out", str(tmp_path / "out")))
    error = printed(tmp_path)[1]
    assert error.startswith("trial.py: error: process 1 of 2 is gone, noticed in part a; ")
    assert "epochs in net.pt; go on with --resume" in error and error.count("\n") == 1
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert [path.name for path in out.iterdir()] == ["net.pt"]
    assert ended(started(2, told, tmp_path, "", "--out", str(whole))) == [0, 0]
    output, error = printed(tmp_path)
    assert output.count("part a") == 1 and len(output.splitlines()) < 15  # one process prints
    assert error == ""
    assert ended(started(2, told, tmp_path, "", "--out", str(out), "--resume")) == [0, 0]
    assert "resumed after epoch 3" in printed(tmp_path)[0]
    found, expected = (json.loads((path / "summary.json").read_text()) for path in (out, whole))
    assert found["results"] == expected["results"]
    assert found["settings"]["processes"] == 2
    states = [torch.load(path / "net.pt", weights_only=True)["model"] for path in (out, whole)]
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


@pytest.mark.parametrize(
    ("mode", "argument", "expected"),
    [
        ("mistake", "--seed=1", "this one's alone"),
        ("", "--batch-size=9999", "argument --batch-size: came 9999"),
        ("", "--epochs=x", "argument --epochs: came x"),
        ("killed", "--seed=1", "process 1 of 2 is gone, noticed in part a; finished and kept in"),
    ],
)
def test_what_ends_the_job_is_told_once_wherever_it_is_seen(tmp_path, mode, argument, expected):
    statuses = ended(started(2, told, tmp_path, mode, "--out", str(tmp_path / "out"), argument))
    assert 0 not in statuses
    error = printed(tmp_path)[1]
    assert error.startswith("trial.py: error: ") and expected in error and error.count("\n") == 1


def test_a_run_of_another_number_of_processes_is_not_resumed(tmp_path, capsys):
    out = str(tmp_path / "out")
    assert trial("", "--out", out, "--epochs", "1") == 0
    assert 0 not in ended(started(2, told, tmp_path, "", "--out", out, "--epochs=1", "--resume"))
    error = printed(tmp_path)[1]
    assert "'processes': 2" in error and error.count("\n") == 1


def different(folder: Path) -> None:
    told(folder, "", "--out", str(folder / "out"), f"--seed={os.environ['RANK']}")


def test_processes_with_different_options_are_refused(tmp_path):
    assert 0 not in ended(started(2, different, tmp_path))
    error = printed(tmp_path)[1]
    assert "the processes differ in their options" in error and error.count("\n") == 1


def test_without_torch_one_process_does_the_work(tmp_path, monkeypatch, capsys):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "1" if "RANK" in name else "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    parts = {"a": lambda run: pytest.fail("worked twice")}
    assert run_parts("hw0/trial", "", parts, ["--out", str(tmp_path)], needs="numpy") == 0
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir())


def test_a_part_of_torchrun_s_environment_is_no_job(monkeypatch):
    """As where another program's variables have come along."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    assert from_environment() is ALONE
