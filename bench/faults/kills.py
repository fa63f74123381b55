"""kill -9 at any moment of a run, and of a download."""

import os
import random
import time
from functools import partial
from pathlib import Path

from bench.faults.commands import (
    AUTOENCODER,
    CNN,
    CODED,
    CONTENT,
    KMEANS,
    STAND_IN,
    TABLE,
    Faults,
    run_with_stand_in,
)
from bench.faults.process import (
    EPOCH,
    CheckFailed,
    kill_and_resume,
    run_undisturbed,
    start,
    wait,
    wait_for_line,
)


def kill_trainings(draw: random.Random) -> Faults:
    """kill -9 in the middle of a run, and --resume"""
    for command, count in ((AUTOENCODER, 5), (KMEANS, 5), (CNN, 4)):
        moments = [draw.uniform(0, run_undisturbed(*command).seconds) for _ in range(count)]
        waits = [partial(wait, seconds=seconds) for seconds in moments]
        yield (
            f"{command[0]} killed at any moment",
            [partial(kill_and_resume, command=command, moment=moment) for moment in waits],
        )
    waits = [
        partial(
            wait_for_line, pattern=EPOCH, times=draw.choice([1, 2]), seconds=draw.uniform(0, 0.02)
        )
        for _ in range(6)
    ]
    yield (
        f"{CODED[0]} killed within 20 ms of an epoch's end, about its checkpoint's writing",
        [partial(kill_and_resume, command=CODED, moment=moment) for moment in waits],
    )


def kill_download(folder: Path, seconds: float) -> str:
    """Killed some seconds after the download began; an hour later, the next run downloads."""
    command, raw = (*TABLE, "--data", str(folder)), folder / "MNIST" / "raw"
    process = start(folder, *command, before=f"slow = True{STAND_IN}")
    wait_for_line(process, "downloading", seconds=seconds)
    process.kill()
    process.communicate()
    for path in raw.glob("*"):
        if not path.name.startswith(".") and path.read_bytes() != CONTENT[path.name]:
            raise CheckFailed(f"{path.name} looks finished, and is not")
        os.utime(path, (0, time.time() - 3601))
    leftover = any(raw.glob(".*"))
    return run_with_stand_in(folder) + "; half a file was left, and went" * leftover


def kill_downloads(draw: random.Random) -> Faults:
    """kill -9 while MNIST is being fetched, and a second start"""
    moments = [draw.uniform(0, 1) for _ in range(20)]
    yield (
        "hw7/kmeans.py killed while it fetches, from a slow stand-in to a slow disk",
        [partial(kill_download, seconds=seconds) for seconds in moments],
    )
