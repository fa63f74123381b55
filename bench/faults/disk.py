"""A disk without space, and folders that cannot be written."""

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.faults.commands import AUTOENCODER, KMEANS, Faults
from bench.faults.process import (
    CheckFailed,
    Skipped,
    check_no_leftover,
    compare,
    finish,
    resume,
    run_undisturbed,
    start,
)

LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
CANNOT = r"error: argument --out: .* cannot be written \("


def limit_file_size(folder: Path, command: tuple[str, ...], size: int) -> str:
    """As if the disk took files up to that size only; then resumed without the limit."""
    finish(start(folder, *command, before=LIMIT.format(size)), 2, CANNOT)
    check_no_leftover(folder / "out")
    return f"one line, status 2; {resume(folder, *command)}"


@contextlib.contextmanager
def mount(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own on folder/out, in memory."""
    (folder / "out").mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", folder / "out"]
    if subprocess.run(command, capture_output=True).returncode:
        raise Skipped("this user may mount nothing")
    try:
        yield
    finally:
        subprocess.run(["umount", folder / "out"], check=True)


def fill_disk(folder: Path, command: tuple[str, ...], size: str) -> str:
    """A disk of that size; then it grows."""
    with mount(folder, f"size={size}"):
        finish(start(folder, *command), 2, CANNOT + "No space left")
        check_no_leftover(folder / "out")
        subprocess.run(["mount", "-o", "remount,size=100m", folder / "out"], check=True)
        return f"one line, status 2; {resume(folder, *command)}"


def print_to_full_disk(folder: Path, stream: str) -> str:
    """Only what the run prints goes to a full disk."""
    with Path("/dev/full").open("w") as disk:
        finish(start(folder, *KMEANS, **{stream: disk}))
    return f"ran on; {compare(folder / 'out', run_undisturbed(*KMEANS))}"


def fill_disks(draw: random.Random) -> Faults:
    """a disk without space for the next file"""
    sizes = [10, *(int(10 ** draw.uniform(2, 4.5)) for _ in range(3))]
    trials = [partial(limit_file_size, command=KMEANS, size=size) for size in sizes]
    large = (10**6, 4 * 10**6)
    trials += [partial(limit_file_size, command=AUTOENCODER, size=size) for size in large]
    yield "no file may grow beyond 10 bytes to 4 MB", trials
    trials = [partial(fill_disk, command=KMEANS, size=size) for size in ("4k", "40k")]
    trials += [partial(fill_disk, command=AUTOENCODER, size=size) for size in ("3m", "9m")]
    yield "a disk of 4 kB to 9 MB is full", trials
    trials = [partial(print_to_full_disk, stream=stream) for stream in ("stdout", "stderr")]
    yield "what is printed goes to a full disk", trials


def forbid_writing(folder: Path, out: str) -> str:
    """The output folder cannot be made, or not be written."""
    (folder / "file").write_text("a file")
    (folder / "closed").mkdir(mode=0o555)
    if out == "closed" and os.access(folder / out, os.W_OK):
        raise Skipped("this user may write everywhere")
    output = finish(start(folder, *KMEANS, "--out", str(folder / out)), 2, CANNOT)
    if "part" in output or (folder / "file").read_text() != "a file":
        raise CheckFailed("told too late")
    return "one line before the work, status 2"


def mount_read_only(folder: Path) -> str:
    with mount(folder, "ro"):
        return forbid_writing(folder, "out")


def put_in_the_way(folder: Path, name: str) -> str:
    """A folder has the name of a file that is to be written."""
    (folder / "out" / name).mkdir(parents=True)
    finish(start(folder, *KMEANS), 2, CANNOT)
    (folder / "out" / name).rmdir()
    return f"one line, status 2; {resume(folder, *KMEANS)}"


def close_folders(draw: random.Random) -> Faults:
    """an output folder that cannot be written"""
    places = ["file", "file/out", "/proc/out", "/sys/out", "closed"]
    yield (
        "--out is a file, in a file, in /proc or /sys, closed, or mounted read-only",
        [*(partial(forbid_writing, out=out) for out in places), mount_read_only],
    )
    names = ["summary.json", "b_centers.png", ".running"]
    yield "a folder where a file is to be", [partial(put_in_the_way, name=name) for name in names]
