"""Seconds, memory and page faults of contenders, measured in turn."""

import contextlib
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from bench.contenders import CONTENDERS
from bench.trainings import Group
from bench.tutorial import Images, load_quietly
from bench.variants import VARIANTS
from common.run import Run
from common.runtime.cpu import prepare_cpu

import torch

LAUNCHER = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


class Measurement(NamedTuple):
    """What one execution took, and what it returned."""

    seconds: float
    page_faults: int
    value: Any


@cache
def make_contenders(group: str, b: int, seed: int) -> Group:
    return (CONTENDERS | VARIANTS)[group](b, seed)


@contextlib.contextmanager
def start_processes(
    names: Iterable[str], together: bool = False
) -> Iterator[dict[str, ProcessPoolExecutor]]:
    """A process for each name, or one for all of them together.

    What `prepare_cpu` sets holds for a whole process and cannot be taken back; and whether glibc
    keeps the memory that a step frees depends on what else the process has done before. Contenders
    that want the same of both are compared more closely in one process: two processes differ by
    some percent in the same work.
    """
    with contextlib.ExitStack() as stack:

        def start() -> ProcessPoolExecutor:
            return stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))

        one = start() if together else None
        yield {name: one or start() for name in names}


def execute(group: str, name: str, b: int, seed: int, images: Images) -> Measurement:
    """Run a contender's work once; called in a process of its own."""
    contender = make_contenders(group, b, seed)[name]
    threads = 1 if contender.one_thread else os.cpu_count()
    if contender.plain:
        torch.set_num_threads(threads)
    else:
        prepare_cpu(threads)
    work = contender.prepare(images)
    faults, began = count_page_faults(), time.perf_counter()
    value = work()
    seconds = (time.perf_counter() - began) / contender.runs
    return Measurement(seconds, count_page_faults() - faults, value)


def measure_in_turn(
    run: Run,
    group: str,
    rounds: int,
    steps: int | None = None,
    b: int | None = None,
    count: int | None = None,
    own: dict[str, ProcessPoolExecutor] | None = None,
) -> dict[str, dict[str, Any]]:
    """Time the contenders of a group in turn, `rounds` times after a round that does not count.

    Args:
        steps: of an epoch; the seconds are scaled up to the whole epoch's. None: all.
        b: the batch size; None: the run's.
        count: images, if not all of the training images.
        own: the contenders' processes, by `start_processes`. None: new ones.

    Returns:
        For each contender "seconds", the median; "ratio", the median of its peer's time over its
        own, taken round by round since machines drift, with its range, "lowest" and "highest";
        "page_faults", the median; and "value", what its last execution returned.
    """
    b = b or run.args.batch_size
    total = len(load_quietly(run.args.data).train.labels)
    if steps is not None:
        count = min(total, steps * b)
    scale = total / count if steps is not None else 1
    members = make_contenders(group, b, run.args.seed)
    found: dict[str, list[Measurement]] = {name: [] for name in members}
    images = Images(run.args.data, count)
    with contextlib.nullcontext(own) if own else start_processes(members) as own:
        wait(
            [process.submit(count_page_faults) for process in own.values()]
        )  # import, side by side
        for _ in range(1 + rounds):
            for name in members:
                job = own[name].submit(execute, group, name, b, run.args.seed, images)
                found[name].append(job.result())
    return compare_times(found, members, scale)


def compare_times(
    found: dict[str, list[Measurement]], members: Group, scale: float
) -> dict[str, dict[str, Any]]:
    """What `measure_in_turn` returns, from each round's measurements; the first does not count."""
    results = {}
    for name, (_, *ours) in found.items():
        peers = found[members[name].peer][1:]
        ratios = sorted(other.seconds / own.seconds for other, own in zip(peers, ours))
        results[name] = {
            "seconds": scale * statistics.median(own.seconds for own in ours),
            "ratio": statistics.median(ratios),
            "lowest": ratios[0],
            "highest": ratios[-1],
            "page_faults": statistics.median(own.page_faults for own in ours),
            "value": ours[-1].value,
        }
        print(
            f"  {name:<26} {results[name]['seconds']:9.4g} s  {members[name].peer} / this: "
            f"{results[name]['ratio']:6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            flush=True,
        )
    return results


def measure_peak_memory(command: list[str]) -> float:
    """The most memory that a script held at once, in MB.

    Raises:
        CalledProcessError: it failed.
    """
    # Linux counts what a process held before it became the script: so a small one starts it
    launcher = [sys.executable, "-c", LAUNCHER, sys.executable, *command]
    printed = subprocess.run(launcher, check=True, stdout=subprocess.PIPE).stdout
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return int(printed) * unit / 1e6


def count_page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def describe_machine() -> dict[str, Any]:
    """What the seconds depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
