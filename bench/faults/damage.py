"""Checkpoints, summaries and data files that are damaged."""

import random
import re
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from bench.faults.commands import (
    AUTOENCODER,
    CODED,
    CONTENT,
    TABLE,
    Faults,
    run_with_stand_in,
)
from bench.faults.process import compare, finish, run_undisturbed, start
from common.runtime.fetch import SAMPLE

Damage = Callable[[bytes], bytes]


def flip_bit(content: bytes, at: float) -> bytes:
    """One bit turned at that share of the length."""
    i = int(at * len(content))
    return content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :]


def cut_off(content: bytes, at: float) -> bytes:
    return content[: int(at * len(content))]


@cache
def make_checkpoint() -> bytes:
    """The autoencoder's after its first epoch."""
    with tempfile.TemporaryDirectory() as folder:
        process = start(Path(folder), *CODED)
        path = Path(folder, "out", "b_model.pt")
        while not path.exists():
            time.sleep(0.001)
        process.kill()
        process.communicate()
        return path.read_bytes()


def resume_damaged(folder: Path, damage: Damage, *options: str, name: str = "b_model.pt") -> str:
    """Resumed from a damaged file: one line says so, or the damage has no consequence."""
    (folder / "out").mkdir()
    original = make_checkpoint() if name == "b_model.pt" else run_undisturbed(*CODED).files[name]
    (folder / "out" / name).write_bytes(damage(original))
    process = start(folder, *CODED, *options, "--resume")
    if process.wait() == 0:
        finish(process)
        return f"of no consequence: {compare(folder / 'out', run_undisturbed(*CODED))}"
    finish(process, 2, f"error: argument --resume: .*{re.escape(name)} is ")
    return "one line, status 2"


def damage_checkpoints(draw: random.Random) -> Faults:
    """--resume from files that are damaged, or another run's"""
    make_checkpoint()
    flips = [partial(flip_bit, at=draw.random()) for _ in range(20)]
    yield "a bit of a checkpoint turned", [partial(resume_damaged, damage=flip) for flip in flips]
    cuts = [partial(cut_off, at=at) for at in (0, *(draw.random() for _ in range(4)))]
    yield "a checkpoint empty or cut off", [partial(resume_damaged, damage=cut) for cut in cuts]
    files = run_undisturbed(*AUTOENCODER).files
    others = [files["c_model.pt"], files["b_loss.png"], files["summary.json"]]
    trials = [partial(resume_damaged, damage=lambda _, other=other: other) for other in others]
    trials.append(lambda folder: resume_damaged(folder, lambda same: same, "--lr", "0.2"))
    yield "another model's checkpoint, another file, other settings", trials
    cuts = [partial(cut_off, at=at) for at in (0, *(draw.random() for _ in range(4)))]
    yield (
        "summary.json empty or cut off",
        [partial(resume_damaged, damage=cut, name="summary.json") for cut in cuts],
    )


def spoil(path: Path, damage: Damage | None) -> None:
    """Damage the file; None: a folder takes its place."""
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    else:
        path.mkdir()


def damage_mnist(folder: Path, name: str, damage: Damage | None) -> str:
    """One of MNIST's files is damaged, or a folder; the source still has it.

    What bears the file's name may be another file of the user's, and stays as it is.
    """
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for each, content in CONTENT.items():
        (raw / each).write_bytes(content)
    spoil(raw / name, damage)
    expected = CONTENT | {f"verified/{name}": CONTENT[name]}
    if damage:
        expected[name] = damage(CONTENT[name])
    else:
        del expected[name]
    return f"fetched beside it; {run_with_stand_in(folder, expected)}"


def damage_sample(folder: Path, name: str, damage: Damage | None) -> str:
    """One of the sample's files is damaged, or a folder."""
    data = folder / "sample"
    data.mkdir()
    for each in CONTENT:
        (data / f"{each}.gz").write_bytes((SAMPLE / f"{each}.gz").read_bytes())
    spoil(data / f"{name}.gz", damage)
    process = start(folder, *TABLE, "--data", str(data))
    if process.wait() == 0:
        finish(process)
        expected = run_undisturbed(*TABLE, "--data", "sample")
        return f"of no consequence: {compare(folder / 'out', expected)}"
    finish(process, 2, f"error: argument --data: .* lacks {name} of the sample")
    return "one line, status 2"


def damage_data(draw: random.Random) -> Faults:
    """data files that are damaged"""
    for title, trial in {
        "one of MNIST's files": damage_mnist,
        "one of the sample's files, --data a copy of it,": damage_sample,
    }.items():
        trials = []
        for name in CONTENT:
            at = draw.random()
            damages = [partial(cut_off, at=at), partial(flip_bit, at=at), partial(cut_off, at=0)]
            trials += [partial(trial, name=name, damage=damage) for damage in (*damages, None)]
        yield f"{title} cut off, one bit turned, empty, or a folder", trials
