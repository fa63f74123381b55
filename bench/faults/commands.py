"""The commands that the campaign disturbs, and data for them that come from a slow stand-in."""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.faults.process import (
    CheckFailed,
    Trial,
    compare,
    finish,
    run_undisturbed,
    start,
)
from common.runtime.fetch import SAMPLE, SAMPLE_MD5

AUTOENCODER = ("hw7/autoencoder.py", "--data", "sample", "--epochs", "2")
CODED = (*AUTOENCODER, "--part", "b")  # has a checkpoint after each of two epochs
KMEANS = ("hw7/kmeans.py", "--data", "sample", "--epochs", "1")
CNN = ("hw6/cnn.py", "--data", "sample", "--epochs", "4")
TABLE = ("hw7/kmeans.py", "--epochs", "1", "--part", "b")
CONTENT = {name: gzip.decompress((SAMPLE / f"{name}.gz").read_bytes()) for name in SAMPLE_MD5}

Faults = Iterator[tuple[str, list[Trial]]]  # a fault, and its trials

# Runs before a script: the sample takes MNIST's place, and its one source and the disk are slow.
STAND_IN = """
import gzip, time, pathlib
from common.runtime import fetch
def read_source():
    time.sleep(0.2)
    sample = fetch.SAMPLE
    return {n: gzip.decompress((sample / f"{n}.gz").read_bytes()) for n in fetch.SAMPLE_MD5}
def write_slowly(path, content):
    with path.open("wb", buffering=0) as file:
        for i in range(0, len(content), 16_384):
            file.write(content[i : i + 16_384])
            time.sleep(0.01)
fetch.MNIST_MD5, fetch.MNIST_SIZES = fetch.SAMPLE_MD5, fetch.SAMPLE_SIZES
fetch.SOURCES = {"a slow source": read_source}
if slow:
    pathlib.Path.write_bytes = write_slowly
"""


def run_with_stand_in(folder: Path, expected: Mapping[str, bytes] = CONTENT) -> str:
    """A run whose data come from the folder, or else from the stand-in, which fills it.

    Args:
        expected: the files that have to be under MNIST/raw/ in the end.
    """
    finish(start(folder, *TABLE, "--data", str(folder), before=f"slow = False{STAND_IN}"))
    raw = folder / "MNIST" / "raw"
    paths = [path for path in raw.rglob("*") if path.is_file()]
    if {path.relative_to(raw).as_posix(): path.read_bytes() for path in paths} != expected:
        raise CheckFailed("the data folder does not hold the right files alone")
    return compare(folder / "out", run_undisturbed(*TABLE, "--data", "sample"))
