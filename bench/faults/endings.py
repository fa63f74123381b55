"""An end from outside, and a terminal that goes away."""

import os
import random
import signal
from functools import partial
from pathlib import Path

from bench.faults.commands import CODED, KMEANS, Faults
from bench.faults.process import (
    check_no_leftover,
    compare,
    finish,
    resume,
    run_undisturbed,
    start,
    wait,
    wait_for_line,
)

HEED = "import signal; signal.signal({:d}, signal.SIG_DFL)"  # even under nohup, or behind a &
OWN_TERMINAL = f"""
import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)
{HEED.format(signal.SIGHUP)}
"""
NO_HANGUP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"


def send_signal(folder: Path, number: int, seconds: float) -> str:
    process = start(folder, *CODED, before=HEED.format(number))
    wait_for_line(process, "part b", seconds=seconds)
    process.send_signal(number)
    finish(process, 128 + number, r"interrupted in part b; (no part was finished|.*--resume)")
    check_no_leftover(folder / "out")
    return f"one line, status {128 + number}; {resume(folder, *CODED)}"


def close_terminal(folder: Path, before: str, seconds: float) -> str:
    """The terminal in which the run was started is closed."""
    terminal, end = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), end)
    process = start(folder, *CODED, before=before, start_new_session=True, **streams)
    os.close(end)
    with open(terminal, "rb", buffering=0) as screen:  # noqa: PTH123
        shown = b""
        while b"part b" not in shown:
            shown += screen.read(1000)
        wait(process, seconds)
    if NO_HANGUP in before:
        finish(process)
        return f"ran on; {compare(folder / 'out', run_undisturbed(*CODED))}"
    finish(process, 129)
    check_no_leftover(folder / "out")
    return f"ended with status 129; {resume(folder, *CODED)}"


def leave_pipe(folder: Path, lines: int) -> str:
    """The reader of the pipe leaves: | head -3"""
    process = start(folder, *KMEANS)
    for _ in range(lines):
        process.stdout.readline()
    process.stdout.close()
    process.wait()
    process.stdout = None
    finish(process)
    return f"ran on; {compare(folder / 'out', run_undisturbed(*KMEANS))}"


def end_from_outside(draw: random.Random) -> Faults:
    """an end from outside, and a terminal that goes away"""
    length = run_undisturbed(*CODED).seconds / 2  # as much is the start-up
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        moments = [length * draw.random() for _ in range(3)]
        trials = [partial(send_signal, number=number, seconds=seconds) for seconds in moments]
        yield f"{number.name} during training", trials
    for title, before in {
        "the terminal closed": OWN_TERMINAL,
        "the terminal closed, SIGHUP ignored (nohup, disown)": f"{OWN_TERMINAL}\n{NO_HANGUP}",
    }.items():
        moments = [length * draw.random() for _ in range(3)]
        trials = [partial(close_terminal, before=before, seconds=seconds) for seconds in moments]
        yield title, trials
    yield (
        "what is printed goes to a pipe whose reader leaves (head -3)",
        [partial(leave_pipe, lines=n) for n in (0, 3, 12)],
    )
