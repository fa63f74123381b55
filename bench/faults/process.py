"""A script as a process that is disturbed, and whether what it leaves is right.

    process = start(folder, "hw7/kmeans.py", "--data", "sample")
    wait_for_line(process, EPOCH)
    process.kill()
    resume(folder, "hw7/kmeans.py", "--data", "sample")

Every trial has a folder of its own, and the run's --out in it. For Unix.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from common import ROOT

import torch
from PIL import Image

EPOCH = r"^ +\d+  "  # the row that is printed after an epoch
SAME = "the same bytes in the end"

Trial = Callable[[Path], str]  # tries one fault in a folder; says what happened


class CheckFailed(Exception):
    """Something is not as it should be."""


class Skipped(Exception):
    """The machine does not allow the trial."""


def start(folder: Path, *command: str, before: str = "", **options: Any) -> subprocess.Popen:
    """Start the script with --out folder/out; the code `before` runs in its process first."""
    run = "import runpy, sys; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    python = [sys.executable, *(["-c", f"{before}\n{run}"] if before else [])]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    out = [] if "--out" in command else ["--out", str(folder / "out")]
    return subprocess.Popen([*python, *command, *out], cwd=ROOT, env=environment, **pipes | options)


def finish(process: subprocess.Popen, status: int = 0, message: str = "") -> str:
    """Wait for the end, and check the exit status and stderr; what the process printed.

    Args:
        message: pattern of the only line on stderr; "": there is none.
    """
    output, error = process.communicate(timeout=300)
    lines = (error or "").strip().splitlines()
    if process.returncode != status:
        last = " | ".join(lines[-1:])
        raise CheckFailed(f"exit status {process.returncode}, not {status}: {last}")
    if len(lines) != bool(message) or not re.search(message, "".join(lines)):
        raise CheckFailed(f"on stderr not one line with “{message}”, but {len(lines)}: "
                          f"{lines[-1:]}")  # fmt: skip
    return output


def has_leftover(out: Path) -> bool:
    """Whether a killed writer left a temporary file there; checks that all others are whole."""
    for path in out.glob("[!.]*"):
        try:
            if path.suffix == ".json":
                json.loads(path.read_bytes())
            elif path.suffix == ".png":
                Image.open(path).load()
            elif path.suffix == ".pt" and zipfile.ZipFile(path).testzip():
                raise CheckFailed("a checksum")
        except Exception as error:
            raise CheckFailed(f"{path.name} is half-written: {error}") from error
    return any(out.glob(".*.tmp"))


def check_no_leftover(out: Path) -> None:
    if has_leftover(out):
        raise CheckFailed("half a file is left")


def read_contents(out: Path) -> dict[str, bytes]:
    """All files by name; of summary.json neither the seconds nor what the data are called.

    Of a checkpoint all values: the same ones may be pickled in several ways.
    """
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    for path in out.glob("*.pt"):
        state = torch.load(path, weights_only=True)
        files[path.name] = repr(replace_tensors(state)).encode()
    summary = json.loads(files["summary.json"])
    del summary["environment"]["seconds"]
    summary["settings"].pop("data", None)
    return files | {"summary.json": json.dumps(summary).encode()}


def replace_tensors(state: Any) -> Any:
    """The same state with bytes for tensors."""
    if isinstance(state, torch.Tensor):
        return state.dtype, state.shape, state.stride(), state.numpy().tobytes()
    if isinstance(state, Mapping):
        return {key: replace_tensors(value) for key, value in state.items()}
    return [replace_tensors(value) for value in state] if isinstance(state, list | tuple) else state


class Undisturbed(NamedTuple):
    """What a run writes when it is left alone, and how long it takes."""

    files: dict[str, bytes]
    seconds: float


@cache
def run_undisturbed(*command: str) -> Undisturbed:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        finish(start(Path(folder), *command))
        return Undisturbed(read_contents(Path(folder, "out")), time.perf_counter() - began)


def compare(out: Path, expected: Undisturbed) -> str:
    """Check that the folder holds the files of an undisturbed run."""
    found = read_contents(out)
    names = sorted(found.keys() | expected.files.keys())
    if other := [name for name in names if found.get(name) != expected.files.get(name)]:
        raise CheckFailed(f"not as without disturbance: {', '.join(other)}")
    return SAME


def resume(folder: Path, *command: str) -> str:
    """Run folder/out to its end with --resume."""
    finish(start(folder, *command, "--resume"))
    return compare(folder / "out", run_undisturbed(*command))


def wait(process: subprocess.Popen, seconds: float) -> None:
    """Wait so long, or until the process has ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def wait_for_line(
    process: subprocess.Popen, pattern: str, times: int = 1, seconds: float = 0.0
) -> None:
    """Wait for the line that matches for the `times`-th time, and some seconds more."""
    for line in process.stdout:
        times -= bool(re.search(pattern, line))
        if not times:
            break
    wait(process, seconds)


def kill_and_resume(
    folder: Path, command: tuple[str, ...], moment: Callable[[subprocess.Popen], None]
) -> str:
    """kill -9 when `moment` returns; then the run goes on with --resume."""
    process = start(folder, *command)
    moment(process)
    process.kill()
    process.communicate()
    leftover = has_leftover(folder / "out")
    return resume(folder, *command) + "; half a file was left, and went" * leftover
