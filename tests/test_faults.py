"""Short forms of the campaign in bench/faults.py, and the files that a run reads and writes."""

import errno
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from bench import faults
from bench.disturbed import EPOCH, SAME, Wrong, at_line, killed, undisturbed
from common.faults import UserError, alone_in, remove_leftovers, write_file

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="signals and limits of this kind are Unix's"
)
ROOT = Path(__file__).parents[1]


def test_a_trial_that_fails_is_told_in_the_table():
    def fails(folder):
        raise Wrong("half a file")

    assert faults.tried(fails) == (False, "WRONG: Wrong('half a file')")
    part = faults.part(lambda draw: iter([("a fault", [fails, lambda folder: "well"])]))
    (row,) = part(SimpleRun())["rows"]
    assert not row["right"]
    assert faults.line(row).endswith("| NO |") and "1 × well" in faults.line(row)


class SimpleRun:
    """As much of a Run as a part of the campaign uses."""

    args = type("Options", (), {"seed": 0})


HOLDER = """
import sys, time
from pathlib import Path
from common.faults import alone_in
with alone_in(Path(sys.argv[1]), "--out"):
    print("mine", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the folder."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], cwd=ROOT,
                          stdout=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout.readline() == b"mine\n"
        yield process
        process.kill()


def test_a_second_run_is_told_of_the_first_one_and_may_begin_once_that_is_killed(holder, tmp_path):
    with pytest.raises(UserError, match="argument --out") as told, alone_in(tmp_path, "--out"):
        pass
    assert f"another run writes to {tmp_path}: process {holder.pid} on " in str(told.value)
    holder.kill()
    holder.wait()
    with alone_in(tmp_path, "--out"):
        assert [path.name for path in tmp_path.iterdir()] == [".running"]
        assert f"process {os.getpid()} on " in (tmp_path / ".running").read_text()
    assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path, "--out"):  # twice in one process
        pass


def test_a_lock_on_a_file_that_the_run_before_has_removed_is_none(tmp_path, monkeypatch):
    def removed(file):
        (tmp_path / ".running").unlink()
        return True

    monkeypatch.setattr("common.faults.lock", removed)
    with pytest.raises(UserError, match="another run"), alone_in(tmp_path, "--out"):
        pass


def test_without_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    def flock(*arguments):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    fresh = tmp_path / ".summary.json.7.tmp"
    fresh.touch()
    with alone_in(tmp_path, "--out"), alone_in(tmp_path, "--out"):
        assert fresh.exists()  # the other run may be writing it


def test_what_killed_runs_left_goes_and_nothing_else(tmp_path):
    left, young, other = (tmp_path / n for n in (".a.png.12.tmp", ".b.png.3.tmp", ".c.tmp"))
    for path in (left, young, other):
        path.touch()
    os.utime(left, (0, time.time() - 3601))
    remove_leftovers(tmp_path, idle=3600)
    assert not left.exists() and young.exists()
    with alone_in(tmp_path, "--out"):
        assert not young.exists() and other.exists()


def test_a_writer_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    def write_bytes(path, content):
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "file", b"content", "--out")
    assert list(tmp_path.iterdir()) == []


# A small run in two parts, the second one with a checkpoint after each epoch.
SCRIPT = """
import sys, torch
from torch.nn.functional import cross_entropy
from common.checkpoint import resumable_fit
from common.data import Batches
from common.run import run_parts
def first(run):
    "a file"
    run.write("first.csv", b"1\\n" * 5000)
    return {"random": torch.rand(3).tolist()}
def second(run):
    "training"
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    train, test = Batches(run.mnist.train, 20, run.args.seed), Batches(run.mnist.test, 200)
    return {"rows": resumable_fit(run, "model", model, train, test, cross_entropy, optimizer)}
sys.exit(run_parts("hw0/trial", "", {"a": first, "b": second}, threads=1, epochs=1, batch_size=20))
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> tuple[str, ...]:
    path = tmp_path_factory.mktemp("script") / "trial.py"
    path.write_text(SCRIPT)
    command = (str(path), "--data", "sample", "--epochs", "40")
    undisturbed(*command)
    return command


def test_a_killed_run_is_taken_up_to_the_same_bytes(script, tmp_path):
    about_a_checkpoint = partial(at_line, pattern=EPOCH, times=5, seconds=0.002)
    assert killed(tmp_path, script, about_a_checkpoint).startswith(SAME)


@pytest.mark.parametrize("size", [10, 6000])  # of these, the lock's text is the first file
def test_a_full_disk_is_one_line_and_loses_nothing(script, tmp_path, size):
    assert SAME in faults.limited(tmp_path, script, size)


def test_a_closed_terminal_keeps_what_is_finished(script, tmp_path, monkeypatch):
    monkeypatch.setattr(faults, "CODED", script)
    result = faults.closed(tmp_path, faults.OWN_TERMINAL, 0.1)
    assert result == f"ended with status 129; {SAME}"


def test_a_run_goes_on_when_nobody_reads_its_lines(script, tmp_path, monkeypatch):
    monkeypatch.setattr(faults, "KMEANS", script)
    assert faults.headed(tmp_path, 3) == f"ran on; {SAME}"
