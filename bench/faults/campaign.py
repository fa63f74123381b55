"""What can go wrong with a run, tried on the real scripts: is anything lost, or comes out wrong?

    python -m bench.faults               results/bench/faults/, about seven minutes on two cores

The scripts run as processes on the sample. They are killed, deprived of space or of their terminal,
or given damaged files. What they leave must be whole. With --resume they must end with the files of
a run that nothing disturbed, byte for byte but for the seconds. A mistake of the user's is one line
and exit status 2. faults.md is the table; the exit status is 1 if anything is not as it should be.
For Unix. The committed run was made with --out bench/results/faults.
"""

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.faults.commands import Faults
from bench.faults.damage import damage_checkpoints, damage_data
from bench.faults.disk import close_folders, fill_disks
from bench.faults.endings import end_from_outside
from bench.faults.kills import kill_downloads, kill_trainings
from bench.faults.neighbors import start_neighbors
from bench.faults.process import Skipped, Trial
from common.run import Run, run_parts

FAULTS: dict[str, Callable[[random.Random], Faults]] = {
    "training": kill_trainings,
    "downloading": kill_downloads,
    "full_disk": fill_disks,
    "no_writing": close_folders,
    "damaged_checkpoint": damage_checkpoints,
    "damaged_data": damage_data,
    "two_runs": start_neighbors,
    "terminal": end_from_outside,
}


def attempt(trial: Trial) -> tuple[bool, str]:
    """Whether a trial in a folder of its own went as it should, and what happened."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return True, trial(Path(folder))
        except Skipped as why:
            return True, f"not tried: {why}"
        except Exception as error:  # CheckFailed, or whatever a broken run does to the trial
            return False, f"WRONG: {error!r}"


def make_part(name: str, faults: Callable[[random.Random], Faults]) -> Callable[[Run], dict]:
    """The part of the run that tries those faults, two at a time."""

    def try_faults(run: Run) -> dict:
        rows = []
        for title, trials in faults(random.Random(f"{run.args.seed} {name}")):
            pool = ThreadPoolExecutor(2)
            try:
                outcomes = list(pool.map(attempt, trials))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C no more are begun
            counts = dict(Counter(what for _, what in outcomes).most_common())
            right = all(right for right, _ in outcomes)
            rows.append({"fault": title, "tried": len(trials), "what": counts, "right": right})
            print(f"  {format_row(rows[-1])}", flush=True)
        return {"rows": rows}

    try_faults.__doc__ = faults.__doc__
    return try_faults


def format_row(row: dict) -> str:
    """A row of the table."""
    counts = row["what"].items()
    what = "; ".join(f"{n} × {what}" if len(counts) > 1 else what for what, n in counts)
    return f"| {row['fault']} | {row['tried']} | {what} | {'yes' if row['right'] else 'NO'} |"


def make_table(run: Run) -> dict:
    """the table"""
    rows = [row for name in FAULTS if name in run.results for row in run.results[name]["rows"]]
    lines = ["| fault | tried | what happened | as it should be |", "| --- | --- | --- | --- |"]
    run.write("faults.md", "\n".join([*lines, *map(format_row, rows), ""]).encode())
    trials, wrong = sum(row["tried"] for row in rows), sum(not row["right"] for row in rows)
    print(f"  {trials} trials of {len(rows)} faults, {wrong} with anything that is not as it "
          "should be")  # fmt: skip
    return {"faults": len(rows), "trials": trials, "wrong": wrong}


PARTS = {name: make_part(name, faults) for name, faults in FAULTS.items()}


def main(argv: list[str] | None = None) -> int:
    wrong = []

    def make_last_part(run: Run) -> dict:
        results = make_table(run)
        wrong.append(results["wrong"])
        return results

    make_last_part.__doc__ = make_table.__doc__
    parts = PARTS | {"table": make_last_part}
    status = run_parts("bench/faults", __doc__, parts, argv, needs="numpy")
    return status or int(any(wrong))
