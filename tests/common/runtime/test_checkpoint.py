from common.run import run_parts
from common.runtime import checkpoint

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR


class Stopped(Exception):
    """The process dies here."""


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains a small network with dropout; dies after the epoch `die`; its rows and weights."""

    def train(*arguments, die=None, model=None, out="out"):
        found = {}

        def part(run):
            """training"""
            network = model or nn.Sequential(
                nn.Flatten(), nn.Linear(784, 20), nn.Dropout(), nn.Linear(20, 10)
            )
            optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
            scheduler = CosineAnnealingLR(optimizer, run.args.epochs)
            rows = run.fit(network, cross_entropy, optimizer, scheduler=scheduler, name="net")
            found["lr"] = optimizer.param_groups[0]["lr"]
            found["rows"] = rows
            found["weights"] = [p.detach().clone() for p in network.parameters()]
            return {}

        def dying(*fit_arguments):
            for row in checkpoint_fit(*fit_arguments):
                yield row
                if row["epoch"] == die:
                    raise Stopped

        monkeypatch.setattr(checkpoint, "fit", dying)
        argv = ["--data", "sample", "--out", str(tmp_path / out), *arguments]
        status = run_parts(
            "hw0/trial", "", {"a": part}, argv, threads=1, epochs=4, batch_size=64, lr=0.1
        )
        return found if status == 0 else status

    checkpoint_fit = checkpoint.fit
    return train


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_resumed_run_ends_as_an_uninterrupted_one_bit_for_bit(train, epoch):
    whole = train(out="whole")
    with pytest.raises(Stopped):
        train(die=epoch)
    resumed = train("--resume")
    assert whole["lr"] == 0  # after four of four epochs
    assert resumed["lr"] == 0
    assert resumed["rows"] == whole["rows"]
    assert [row["epoch"] for row in resumed["rows"]] == [1, 2, 3, 4]
    assert all(map(torch.equal, resumed["weights"], whole["weights"]))


def test_without_resume_training_starts_afresh(train):
    whole = train(out="whole")
    with pytest.raises(Stopped):
        train("--seed", "7", die=2)
    again = train()
    assert again["rows"] == whole["rows"]


def test_a_finished_checkpoint_trains_no_more(train, tmp_path):
    whole = train()
    (tmp_path / "out" / "summary.json").unlink()  # as if it had died just before the end
    before = (tmp_path / "out" / "net.pt").read_bytes()
    assert train("--resume")["rows"] == whole["rows"]
    assert (tmp_path / "out" / "net.pt").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"not a checkpoint",
        lambda content: content[:2000] + bytes(1000) + content[3000:],
        # among the weights, where only a checksum can tell
        lambda content: (
            content[: len(content) // 2] + bytes(1000) + content[len(content) // 2 + 1000 :]
        ),
    ],
    ids=["truncated", "empty", "foreign", "overwritten", "weights"],
)
def test_a_damaged_checkpoint_is_one_line(train, tmp_path, capsys, damage):
    with pytest.raises(Stopped):
        train(die=2)
    path = tmp_path / "out" / "net.pt"
    path.write_bytes(damage(path.read_bytes()))
    assert train("--resume") == 2
    error = capsys.readouterr().err
    assert f"argument --resume: {path} is damaged" in error and error.count("\n") == 1


def test_a_checkpoint_of_another_network_or_run_is_refused(train, capsys):
    with pytest.raises(Stopped):
        train(die=2)
    other = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    assert train("--resume", model=other) == 2
    assert "no checkpoint of this model" in capsys.readouterr().err
    assert train("--resume", "--lr", "2") == 2
    assert "'lr': 0.1" in capsys.readouterr().err


def test_a_checkpoint_is_no_program(train, tmp_path, capsys):
    """A pickle that would run code is refused, not run."""

    class Evil:
        def __reduce__(self):
            return (tmp_path / "trapped").touch, ()

    with pytest.raises(Stopped):
        train(die=1)
    torch.save({"settings": Evil()}, tmp_path / "out" / "net.pt")
    assert train("--resume") == 2
    assert not (tmp_path / "trapped").exists()
