"""More than one run in an output folder."""

import random
from functools import partial
from pathlib import Path

from bench.faults.commands import KMEANS, Faults
from bench.faults.process import (
    CheckFailed,
    compare,
    finish,
    kill_and_resume,
    run_undisturbed,
    start,
    wait_for_line,
)

NO_LOCKS = """
import errno, fcntl
def flock(*arguments):
    raise OSError(errno.ENOLCK, "no locks available")
fcntl.flock = flock
"""


def start_second(folder: Path) -> str:
    """Another run wants the folder; the first goes on."""
    first = start(folder, *KMEANS)
    wait_for_line(first, "part a")
    message = (
        f"error: argument --out: another run writes to {folder / 'out'}: process {first.pid} on"
    )
    finish(start(folder, *KMEANS, "--resume"), 2, message)
    finish(first)
    same = compare(folder / "out", run_undisturbed(*KMEANS))
    return f"one line names the other run; that one: {same}"


def follow_killed(folder: Path) -> str:
    """Another run wants the folder of one that was killed."""
    moment = partial(wait_for_line, pattern="part a")
    return "free after kill -9; " + kill_and_resume(folder, KMEANS, moment)


def start_five(folder: Path) -> str:
    """Five runs begin at the same time."""
    runs = [start(folder, *KMEANS) for _ in range(5)]
    done = [run for run in runs if run.wait() == 0]
    for run in runs:
        finish(run, *() if run in done else (2, "error: argument --out: another run writes to"))
    if len(done) != 1:
        raise CheckFailed(f"{len(done)} of five ran")
    same = compare(folder / "out", run_undisturbed(*KMEANS))
    return f"four are refused by a line; the fifth: {same}"


def run_without_locks(folder: Path) -> str:
    finish(start(folder, *KMEANS, before=NO_LOCKS))
    return f"ran; {compare(folder / 'out', run_undisturbed(*KMEANS))}"


def start_neighbors(draw: random.Random) -> Faults:
    """more than one run in an output folder"""
    yield "a second run in the output folder", [start_second] * 2
    yield "the next run after a killed one", [follow_killed] * 2
    yield "five runs started at once in one folder", [start_five]
    yield "a file system without locks", [run_without_locks]
