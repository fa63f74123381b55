"""What can go wrong with a run, tried on the real scripts: is anything lost, or comes out wrong?

    python -m bench.faults               results/bench/faults/, about seven minutes on two cores

The scripts run as processes on the sample, and are killed, deprived of space or of their terminal,
or given damaged files. What they leave must be whole; taken up with --resume, they must end with
the files of a run that nothing disturbed, byte for byte but for the seconds. A mistake of the
user's is one line and exit status 2. faults.md is the table; the exit status is 1 if anything is
not as it should be. For Unix. The committed run was made with --out bench/results/faults.
"""

import contextlib
import gzip
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

from bench.disturbed import (
    EPOCH,
    Untried,
    Wrong,
    after,
    at_line,
    compare,
    ended,
    killed,
    resumed,
    start,
    undisturbed,
    whole,
)
from common.data import SAMPLE, SAMPLE_MD5
from common.run import Run, run_parts

AUTOENCODER = ("hw7/autoencoder.py", "--data", "sample", "--epochs", "2")
CODED = (*AUTOENCODER, "--part", "b")  # has a checkpoint after each of two epochs
KMEANS = ("hw7/kmeans.py", "--data", "sample", "--epochs", "1")
CNN = ("hw6/cnn.py", "--data", "sample", "--epochs", "4")
TABLE = ("hw7/kmeans.py", "--epochs", "1", "--part", "b")
CONTENT = {name: gzip.decompress((SAMPLE / f"{name}.gz").read_bytes()) for name in SAMPLE_MD5}
Faults = Iterator[tuple[str, list[Callable[[Path], str]]]]  # a fault, and its trials in a folder

# Runs before a script: the sample takes MNIST's place, and its one source and the disk are slow.
STAND_IN = """
import gzip, time, pathlib
from common import data
def source():
    time.sleep(0.2)
    return {n: gzip.decompress((data.SAMPLE / f"{n}.gz").read_bytes()) for n in data.SAMPLE_MD5}
def write_slowly(path, content):
    with path.open("wb", buffering=0) as file:
        for i in range(0, len(content), 16_384):
            file.write(content[i : i + 16_384])
            time.sleep(0.01)
data.MNIST_MD5, data.SOURCES = data.SAMPLE_MD5, {"a slow source": source}
if slow:
    pathlib.Path.write_bytes = write_slowly
"""
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
NO_LOCKS = """
import errno, fcntl
def flock(*arguments):
    raise OSError(errno.ENOLCK, "no locks available")
fcntl.flock = flock
"""
HEEDED = "import signal; signal.signal({:d}, signal.SIG_DFL)"  # even under nohup, or behind a &
OWN_TERMINAL = f"""
import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)
{HEEDED.format(signal.SIGHUP)}
"""
NO_HANGUP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"


def training(draw: random.Random) -> Faults:
    """kill -9 in the middle of a run, and --resume"""
    for command, count in ((AUTOENCODER, 5), (KMEANS, 5), (CNN, 4)):
        moments = [draw.uniform(0, undisturbed(*command).seconds) for _ in range(count)]
        yield (
            f"{command[0]} killed at any moment",
            [partial(killed, command=command, moment=partial(after, seconds=m)) for m in moments],
        )
    rows = [
        partial(at_line, pattern=EPOCH, times=draw.choice([1, 2]), seconds=draw.uniform(0, 0.02))
        for _ in range(6)
    ]
    yield (
        f"{CODED[0]} killed within 20 ms of an epoch's end, about its checkpoint's writing",
        [partial(killed, command=CODED, moment=moment) for moment in rows],
    )


def fetched(folder: Path, seconds: float) -> str:
    """Killed some seconds after the fetching began; an hour later, the next run fetches."""
    command, raw = (*TABLE, "--data", str(folder)), folder / "MNIST" / "raw"
    process = start(folder, *command, before=f"slow = True{STAND_IN}")
    at_line(process, "fetching", seconds=seconds)
    process.kill()
    process.communicate()
    for path in raw.glob("*"):
        if not path.name.startswith(".") and path.read_bytes() != CONTENT[path.name]:
            raise Wrong(f"{path.name} looks finished, and is not")
        os.utime(path, (0, time.time() - 3601))
    left = any(raw.glob(".*"))
    return stood_in(folder) + "; half a file was left, and went" * left


def stood_in(folder: Path) -> str:
    """A run whose data come from the folder, or else from the stand-in, which fills it."""
    before = f"slow = False{STAND_IN}"
    ended(start(folder, *TABLE, "--data", str(folder), before=before))
    if {path.name: path.read_bytes() for path in folder.glob("MNIST/raw/*")} != CONTENT:
        raise Wrong("the data folder does not hold the four files alone")
    return compare(folder / "out", undisturbed(*TABLE, "--data", "sample"))


def downloading(draw: random.Random) -> Faults:
    """kill -9 while MNIST is being fetched, and a second start"""
    moments = [draw.uniform(0, 1) for _ in range(20)]
    yield (
        "hw7/kmeans.py killed while it fetches, from a slow stand-in to a slow disk",
        [partial(fetched, seconds=seconds) for seconds in moments],
    )


CANNOT = r"error: argument --out: .* cannot be written \("


def limited(folder: Path, command: tuple[str, ...], size: int) -> str:
    """As if the disk took files up to that size only; then taken up without the limit."""
    ended(start(folder, *command, before=LIMITED.format(size)), 2, CANNOT)
    if whole(folder / "out"):
        raise Wrong("half a file is left")
    return f"one line, status 2; {resumed(folder, *command)}"


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own on folder/out, in memory."""
    (folder / "out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", folder / "out"]
    if subprocess.run(mount, capture_output=True).returncode:
        raise Untried("this user may mount nothing")
    try:
        yield
    finally:
        subprocess.run(["umount", folder / "out"], check=True)


def full(folder: Path, command: tuple[str, ...], size: str) -> str:
    """A disk of that size; then it grows."""
    with mounted(folder, f"size={size}"):
        ended(start(folder, *command), 2, CANNOT + "No space left")
        if whole(folder / "out"):
            raise Wrong("half a file is left")
        subprocess.run(["mount", "-o", "remount,size=100m", folder / "out"], check=True)
        return f"one line, status 2; {resumed(folder, *command)}"


def unprinted(folder: Path, stream: str) -> str:
    """Only what the run prints goes to a full disk."""
    with Path("/dev/full").open("w") as disk:
        ended(start(folder, *KMEANS, **{stream: disk}))
    return f"ran on; {compare(folder / 'out', undisturbed(*KMEANS))}"


def full_disk(draw: random.Random) -> Faults:
    """a disk without space for the next file"""
    sizes = [10, *(int(10 ** draw.uniform(2, 4.5)) for _ in range(3))]
    trials = [partial(limited, command=KMEANS, size=size) for size in sizes]
    trials += [partial(limited, command=AUTOENCODER, size=size) for size in (10**6, 4 * 10**6)]
    yield "no file may grow beyond 10 bytes to 4 MB", trials
    trials = [partial(full, command=KMEANS, size=size) for size in ("4k", "40k")]
    trials += [partial(full, command=AUTOENCODER, size=size) for size in ("3m", "9m")]
    yield "a disk of 4 kB to 9 MB is full", trials
    trials = [partial(unprinted, stream=stream) for stream in ("stdout", "stderr")]
    yield "what is printed goes to a full disk", trials


def unwritable(folder: Path, out: str) -> str:
    """The output folder cannot be made, or not be written."""
    (folder / "file").write_text("a file")
    (folder / "closed").mkdir(mode=0o555)
    if out == "closed" and os.access(folder / out, os.W_OK):
        raise Untried("this user may write everywhere")
    output = ended(start(folder, *KMEANS, "--out", str(folder / out)), 2, CANNOT)
    if "part" in output or (folder / "file").read_text() != "a file":
        raise Wrong("told too late")
    return "one line before the work, status 2"


def read_only(folder: Path) -> str:
    with mounted(folder, "ro"):
        return unwritable(folder, "out")


def in_the_way(folder: Path, name: str) -> str:
    """A folder has the name of a file that is to be written."""
    (folder / "out" / name).mkdir(parents=True)
    ended(start(folder, *KMEANS), 2, CANNOT)
    (folder / "out" / name).rmdir()
    return f"one line, status 2; {resumed(folder, *KMEANS)}"


def no_writing(draw: random.Random) -> Faults:
    """an output folder that cannot be written"""
    places = ["file", "file/out", "/proc/out", "/sys/out", "closed"]
    yield (
        "--out is a file, in a file, in /proc or /sys, closed, or mounted read-only",
        [*(partial(unwritable, out=out) for out in places), read_only],
    )
    names = ["summary.json", "b_centers.png", ".running"]
    yield "a folder where a file is to be", [partial(in_the_way, name=name) for name in names]


Damage = Callable[[bytes], bytes]


def flipped(content: bytes, at: float) -> bytes:
    """One bit turned at that share of the length."""
    i = int(at * len(content))
    return content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :]


def cut(content: bytes, at: float) -> bytes:
    return content[: int(at * len(content))]


@cache
def checkpoint() -> bytes:
    """The autoencoder's after its first epoch."""
    with tempfile.TemporaryDirectory() as folder:
        process = start(Path(folder), *CODED)
        path = Path(folder, "out", "b_model.pt")
        while not path.exists():
            time.sleep(0.001)
        process.kill()
        process.communicate()
        return path.read_bytes()


def refused(folder: Path, damage: Damage, *options: str, name: str = "b_model.pt") -> str:
    """Taken up from a damaged file: told in one line, or else of no consequence."""
    (folder / "out").mkdir()
    original = checkpoint() if name == "b_model.pt" else undisturbed(*CODED).files[name]
    (folder / "out" / name).write_bytes(damage(original))
    process = start(folder, *CODED, *options, "--resume")
    if process.wait() == 0:
        ended(process)
        return f"of no consequence: {compare(folder / 'out', undisturbed(*CODED))}"
    ended(process, 2, f"error: argument --resume: .*{re.escape(name)} is ")
    return "one line, status 2"


def damaged_checkpoint(draw: random.Random) -> Faults:
    """--resume from files that are damaged, or another run's"""
    checkpoint()
    places = [partial(flipped, at=draw.random()) for _ in range(20)]
    yield "a bit of a checkpoint turned", [partial(refused, damage=place) for place in places]
    cuts = [partial(cut, at=at) for at in (0, *(draw.random() for _ in range(4)))]
    yield "a checkpoint empty or cut off", [partial(refused, damage=damage) for damage in cuts]
    files = undisturbed(*AUTOENCODER).files
    others = [files["c_model.pt"], files["b_loss.png"], files["summary.json"]]
    trials = [partial(refused, damage=lambda _, other=other: other) for other in others]
    trials.append(lambda folder: refused(folder, lambda same: same, "--lr", "0.2"))
    yield "another model's checkpoint, another file, other settings", trials
    cuts = [partial(cut, at=at) for at in (0, *(draw.random() for _ in range(4)))]
    yield (
        "summary.json empty or cut off",
        [partial(refused, damage=damage, name="summary.json") for damage in cuts],
    )


def repaired(folder: Path, name: str, damage: Damage | None) -> str:
    """One of MNIST's files is damaged, or a folder; the source still has it."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for each, content in CONTENT.items():
        (raw / each).write_bytes(content)
    spoil(raw / name, damage)
    if damage:
        return f"fetched anew; {stood_in(folder)}"
    command = (*TABLE, "--data", str(folder))
    error = rf"error: argument --data: .*{name} cannot be written \(Is a directory"
    ended(start(folder, *command, before=f"slow = False{STAND_IN}"), 2, error)
    return "one line, status 2"


def spoil(path: Path, damage: Damage | None) -> None:
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    else:
        path.mkdir()


def lacking(folder: Path, name: str, damage: Damage | None) -> str:
    """One of the sample's files is damaged, or a folder."""
    data = folder / "sample"
    data.mkdir()
    for each in CONTENT:
        (data / f"{each}.gz").write_bytes((SAMPLE / f"{each}.gz").read_bytes())
    spoil(data / f"{name}.gz", damage)
    process = start(folder, *TABLE, "--data", str(data))
    if process.wait() == 0:
        ended(process)
        expected = undisturbed(*TABLE, "--data", "sample")
        return f"of no consequence: {compare(folder / 'out', expected)}"
    ended(process, 2, f"error: argument --data: .* lacks {name} of the sample")
    return "one line, status 2"


def damaged_data(draw: random.Random) -> Faults:
    """data files that are damaged"""
    for title, trial in {
        "one of MNIST's files": repaired,
        "one of the sample's files, --data a copy of it,": lacking,
    }.items():
        trials = []
        for name in CONTENT:
            at = draw.random()
            damages = [partial(cut, at=at), partial(flipped, at=at), partial(cut, at=0), None]
            trials += [partial(trial, name=name, damage=damage) for damage in damages]
        yield f"{title} cut off, one bit turned, empty, or a folder", trials


def second(folder: Path) -> str:
    """Another run wants the folder; the first goes on."""
    first = start(folder, *KMEANS)
    at_line(first, "part a")
    told = f"error: argument --out: another run writes to {folder / 'out'}: process {first.pid} on"
    ended(start(folder, *KMEANS, "--resume"), 2, told)
    ended(first)
    return (
        f"one line names the other run; that one: {compare(folder / 'out', undisturbed(*KMEANS))}"
    )


def successor(folder: Path) -> str:
    """Another run wants the folder of one that was killed."""
    return "free after kill -9; " + killed(folder, KMEANS, partial(at_line, pattern="part a"))


def at_once(folder: Path) -> str:
    """Five runs begin at the same time."""
    runs = [start(folder, *KMEANS) for _ in range(5)]
    done = [run for run in runs if run.wait() == 0]
    for run in runs:
        ended(run, *() if run in done else (2, "error: argument --out: another run writes to"))
    if len(done) != 1:
        raise Wrong(f"{len(done)} of five ran")
    return f"four are refused by a line; the fifth: {compare(folder / 'out', undisturbed(*KMEANS))}"


def without_locks(folder: Path) -> str:
    ended(start(folder, *KMEANS, before=NO_LOCKS))
    return f"ran; {compare(folder / 'out', undisturbed(*KMEANS))}"


def two_runs(draw: random.Random) -> Faults:
    """more than one run in an output folder"""
    yield "a second run in the output folder", [second] * 2
    yield "the next run after a killed one", [successor] * 2
    yield "five runs started at once in one folder", [at_once]
    yield "a file system without locks", [without_locks]


def signalled(folder: Path, number: int, seconds: float) -> str:
    process = start(folder, *CODED, before=HEEDED.format(number))
    at_line(process, "part b", seconds=seconds)
    process.send_signal(number)
    ended(process, 128 + number, r"interrupted in part b; (no part was finished|.*--resume)")
    if whole(folder / "out"):
        raise Wrong("half a file is left")
    return f"one line, status {128 + number}; {resumed(folder, *CODED)}"


def closed(folder: Path, before: str, seconds: float) -> str:
    """The terminal in which the run was started is closed."""
    terminal, end = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), end)
    command = start(folder, *CODED, before=before, start_new_session=True, **streams)
    os.close(end)
    with open(terminal, "rb", buffering=0) as screen:  # noqa: PTH123
        shown = b""
        while b"part b" not in shown:
            shown += screen.read(1000)
        after(command, seconds)
    if NO_HANGUP in before:
        ended(command)
        return f"ran on; {compare(folder / 'out', undisturbed(*CODED))}"
    ended(command, 129)
    if whole(folder / "out"):
        raise Wrong("half a file is left")
    return f"ended with status 129; {resumed(folder, *CODED)}"


def headed(folder: Path, lines: int) -> str:
    """The reader of the pipe leaves: | head -3"""
    process = start(folder, *KMEANS)
    for _ in range(lines):
        process.stdout.readline()
    process.stdout.close()
    process.wait()
    process.stdout = None
    ended(process)
    return f"ran on; {compare(folder / 'out', undisturbed(*KMEANS))}"


def terminal(draw: random.Random) -> Faults:
    """an end from outside, and a terminal that goes away"""
    length = undisturbed(*CODED).seconds / 2  # as much is the start-up
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        trials = [partial(signalled, number=number, seconds=length * draw.random()) for _ in "123"]
        yield f"{number.name} during training", trials
    for title, before in {
        "the terminal closed": OWN_TERMINAL,
        "the terminal closed, SIGHUP ignored (nohup, disown)": f"{OWN_TERMINAL}\n{NO_HANGUP}",
    }.items():
        moments = [length * draw.random() for _ in range(3)]
        yield title, [partial(closed, before=before, seconds=seconds) for seconds in moments]
    yield (
        "what is printed goes to a pipe whose reader leaves (head -3)",
        [partial(headed, lines=n) for n in (0, 3, 12)],
    )


def tried(trial: Callable[[Path], str]) -> tuple[bool, str]:
    """Whether a trial in a folder of its own went as it should, and what happened."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return True, trial(Path(folder))
        except Untried as why:
            return True, f"not tried: {why}"
        except Exception as error:  # Wrong, or what else a broken run makes of the trial
            return False, f"WRONG: {error!r}"


def part(faults: Callable[[random.Random], Faults]) -> Callable[[Run], dict]:
    """The part of the run that tries those faults, two at a time."""

    def rows(run: Run) -> dict:
        found = []
        for title, trials in faults(random.Random(f"{run.args.seed} {faults.__name__}")):
            pool = ThreadPoolExecutor(2)
            try:
                outcomes = list(pool.map(tried, trials))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C no more are begun
            happened = dict(Counter(what for _, what in outcomes).most_common())
            right = all(right for right, _ in outcomes)
            found.append({"fault": title, "tried": len(trials), "what": happened, "right": right})
            print(f"  {line(found[-1])}", flush=True)
        return {"rows": found}

    rows.__doc__ = faults.__doc__
    return rows


def line(row: dict) -> str:
    """A row of the table."""
    counts = row["what"].items()
    what = "; ".join(f"{n} × {what}" if len(counts) > 1 else what for what, n in counts)
    return f"| {row['fault']} | {row['tried']} | {what} | {'yes' if row['right'] else 'NO'} |"


def table(run: Run) -> dict:
    """the table"""
    rows = [row for name in PARTS if name in run.results for row in run.results[name]["rows"]]
    lines = ["| fault | tried | what happened | as it should be |", "| --- | --- | --- | --- |"]
    run.write("faults.md", "\n".join([*lines, *map(line, rows), ""]).encode())
    wrong = sum(not row["right"] for row in rows)
    print(f"  {sum(row['tried'] for row in rows)} trials of {len(rows)} faults, {wrong} with "
          "anything that is not as it should be")  # fmt: skip
    return {"faults": len(rows), "trials": sum(row["tried"] for row in rows), "wrong": wrong}


FAULTS = [training, downloading, full_disk, no_writing, damaged_checkpoint, damaged_data,
          two_runs, terminal]  # fmt: skip
PARTS = {faults.__name__: part(faults) for faults in FAULTS}


def main(argv: list[str] | None = None) -> int:
    wrong = []

    def last(run: Run) -> dict:
        results = table(run)
        wrong.append(results["wrong"])
        return results

    last.__doc__ = table.__doc__
    status = run_parts("bench/faults", __doc__, PARTS | {"table": last}, argv, mnist=False)
    return status or int(any(wrong))


if __name__ == "__main__":
    sys.exit(main())
