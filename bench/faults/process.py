"""A script as a process that is disturbed, and whether what it leaves is right.

    process = start(folder, "hw7/kmeans.py", "--data", "sample")
    at_line(process, EPOCH)
    process.kill()
    resumed(folder, "hw7/kmeans.py", "--data", "sample")

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

import torch
from PIL import Image

from common.data import ROOT

EPOCH = r"^ +\d+  "  # the row that is printed after an epoch
SAME = "the same bytes in the end"


class Wrong(Exception):
    """Something is not as it should be."""


class Untried(Exception):
    """The machine does not allow the trial."""


def start(folder: Path, *command: str, before: str = "", **options) -> subprocess.Popen:
    """The script with --out folder/out as a process; the code `before` runs in it first."""
    run = "import runpy, sys; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    python = [sys.executable, *(["-c", f"{before}\n{run}"] if before else [])]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    out = [] if "--out" in command else ["--out", str(folder / "out")]
    return subprocess.Popen([*python, *command, *out], cwd=ROOT, env=environment, **pipes | options)


def ended(process: subprocess.Popen, status: int = 0, told: str = "") -> str:
    """What the process printed; `told` matches the only line on stderr, else there is none."""
    output, error = process.communicate(timeout=300)
    lines = (error or "").strip().splitlines()
    if process.returncode != status:
        raise Wrong(f"exit status {process.returncode}, not {status}: {' | '.join(lines[-1:])}")
    if len(lines) != bool(told) or not re.search(told, "".join(lines)):
        raise Wrong(f"on stderr not one line with “{told}”, but {len(lines)}: {lines[-1:]}")
    return output


def whole(out: Path) -> bool:
    """Whether a killed writer left a file there; all others are whole."""
    for path in out.glob("[!.]*"):
        try:
            if path.suffix == ".json":
                json.loads(path.read_bytes())
            elif path.suffix == ".png":
                Image.open(path).load()
            elif path.suffix == ".pt" and zipfile.ZipFile(path).testzip():
                raise Wrong("a checksum")
        except Exception as error:
            raise Wrong(f"{path.name} is half-written: {error}") from error
    return any(out.glob(".*.tmp"))


def contents(out: Path) -> dict[str, bytes]:
    """All files by name; of summary.json neither the seconds nor what the data are called.

    Of a checkpoint all values: the same ones may be pickled in several ways.
    """
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    for path in out.glob("*.pt"):
        files[path.name] = repr(values(torch.load(path, weights_only=True))).encode()
    summary = json.loads(files["summary.json"])
    del summary["environment"]["seconds"], summary["settings"]["data"]
    return files | {"summary.json": json.dumps(summary).encode()}


def values(state: Any) -> Any:
    """The same with bytes for tensors."""
    if isinstance(state, torch.Tensor):
        return state.dtype, state.shape, state.stride(), state.numpy().tobytes()
    if isinstance(state, Mapping):
        return {key: values(value) for key, value in state.items()}
    return [values(value) for value in state] if isinstance(state, (list, tuple)) else state


class Undisturbed(NamedTuple):
    """What a run writes when it is left alone, and how long it takes."""

    files: dict[str, bytes]
    seconds: float


@cache
def undisturbed(*command: str) -> Undisturbed:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        ended(start(Path(folder), *command))
        return Undisturbed(contents(Path(folder, "out")), time.perf_counter() - began)


def compare(out: Path, expected: Undisturbed) -> str:
    found = contents(out)
    names = sorted(found.keys() | expected.files.keys())
    if other := [name for name in names if found.get(name) != expected.files.get(name)]:
        raise Wrong(f"not as without disturbance: {', '.join(other)}")
    return SAME


def resumed(folder: Path, *command: str) -> str:
    """Take the run in folder/out up, to its end."""
    ended(start(folder, *command, "--resume"))
    return compare(folder / "out", undisturbed(*command))


def after(process: subprocess.Popen, seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def at_line(process: subprocess.Popen, pattern: str, times: int = 1, seconds: float = 0.0) -> None:
    """Wait for the line that matches for the `times`-th time, and some seconds more."""
    for line in process.stdout:
        times -= bool(re.search(pattern, line))
        if not times:
            break
    after(process, seconds)


def killed(folder: Path, command: tuple[str, ...], moment: Callable) -> str:
    process = start(folder, *command)
    moment(process)
    process.kill()
    process.communicate()
    left = whole(folder / "out")
    return resumed(folder, *command) + "; half a file was left, and went" * left
