"""HW7 Q2 (c): what each change of the autoencoder does, alone, and when it alone is left out.

    python -m bench.hw7_study         results/bench/hw7_study/, an hour and a quarter on two cores

Each variant is trained with three seeds, for half of the handout's epochs; as many at once as there
are cores, one thread each. The committed run was made with --out hw7/results/study.
"""

import atexit
import contextlib
import io
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from common import plots
from common.cpu import prepare_cpu
from common.data import Batches, Mnist, load_mnist
from common.faults import UserError
from common.loop import fit
from common.run import Run, run_parts
from hw7.autoencoder import (
    ADAM_LR,
    Variational,
    calibrated_elbo,
    divergence,
    entries,
    error_square,
)
from hw7.generation import Judge, decode, judged, sources

SEEDS = 3
SHOWN = 10  # digits of each variant in the figure
HANDOUT: dict[str, Any] = {
    "width": 10,
    "dropout": 0.1,
    "learned": False,
    "calibrated": False,
    "adam": False,
}
BEST: dict[str, Any] = {
    "width": 32,
    "dropout": 0.0,
    "learned": True,
    "calibrated": True,
    "adam": True,
}
CHANGES = {
    "width": "codes of 32",
    "dropout": "no dropout",
    "learned": "encoder's variance learnt",
    "calibrated": "decoder's variance learnt",
    "adam": "Adam, η falling to 0",
}
VARIANTS = (
    {"handout": HANDOUT}
    | {name: HANDOUT | {name: BEST[name]} for name in CHANGES}
    | {"together": BEST}
    | {f"without_{name}": BEST | {name: HANDOUT[name]} for name in CHANGES}
)
LABELS = (
    {"handout": "the handout's"}
    | CHANGES
    | {"together": "all together"}
    | {f"without_{name}": f"all but: {text}" for name, text in CHANGES.items()}
)
SOURCES = ["2·N", "N", "Gaussian", "mixture"]


def variational_elbo(output: Tensor, label: Tensor) -> Tensor:
    """The handout's loss of a `Variational`: KL + ½‖x − f‖², times 2/(k + 784), batch average."""
    return 2 / entries(output) * (divergence(output, label) + error_square(output, label) / 2)


def study(name: str) -> Callable[[Run], dict[str, Any]]:
    """The part that trains the variant of that name with each seed."""

    def part(run: Run) -> dict[str, Any]:
        seeds = [job.get() for job in jobs(run)[name]]
        columns = [(source, measure) for source in SOURCES for measure in seeds[0]["quality"]["N"]]
        quality: dict[str, dict[str, Any]] = {source: {} for source in SOURCES}
        for source, measure in columns:
            quality[source][measure] = spread([run["quality"][source][measure] for run in seeds])
        seconds = spread([run["seconds"] for run in seeds])
        distances = {source: row["frechet"]["mean"] for source, row in quality.items()}
        run.write(f"{name}.pt", seeds[0]["digits"])
        told = "  ".join(f"{source} {distance:.1f}" for source, distance in distances.items())
        print(f"  Fréchet distance: {told}; {seconds['mean']:.1f} s an epoch", flush=True)
        return {
            "options": VARIANTS[name],
            "quality": quality,
            "seconds_per_epoch": seconds,
            "error": spread([run["error"] for run in seeds]),
            "floor": seeds[0]["floor"],
        }

    part.__doc__ = f"{LABELS[name]}: {SEEDS} seeds"
    return part


def spread(values: list[float]) -> dict[str, Any]:
    mean, std = statistics.mean(values), statistics.stdev(values)
    return {"mean": mean, "std": std, "values": values}


@cache
def jobs(run: Run) -> dict[str, list[AsyncResult]]:
    """All trainings that the command line asks for, begun at the first use: variant → its seeds."""
    asked = VARIANTS if run.args.part == "all" else [run.args.part]
    ignoring = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is this process's affair; they end with it
    pool = get_context("spawn").Pool(os.cpu_count(), signal.signal, ignoring)
    atexit.register(pool.terminate)
    seeds = range(run.args.seed, run.args.seed + SEEDS)
    return {
        name: [pool.apply_async(trained, (name, seed, run.args, str(run.device))) for seed in seeds]
        for name in asked
        if name not in run.results
    }


def trained(name: str, seed: int, args: Any, device: str) -> dict[str, Any]:
    """Train a variant with a seed; what its digits are worth, and some of them."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        mnist, judge = ground(args.data, device, args.seed)
        options = dict(VARIANTS[name])
        loss = calibrated_elbo if options.pop("calibrated") else variational_elbo
        adam = options.pop("adam")
        torch.manual_seed(seed)
        model = Variational(**options).to(device, memory_format=torch.channels_last)
        optimizer = (
            torch.optim.Adam(model.parameters(), lr=ADAM_LR)
            if adam
            else torch.optim.SGD(model.parameters(), lr=args.lr)
        )
        scheduler = CosineAnnealingLR(optimizer, args.epochs) if adam else None
        train, test = Batches(mnist.train, args.batch_size, seed), Batches(mnist.test)
        started = time.perf_counter()
        metrics = {"error": error_square}
        for row in fit(model, train, test, loss, optimizer, args.epochs, metrics):
            error = row["test_error"]
            if scheduler:
                scheduler.step()
        seconds = (time.perf_counter() - started) / args.epochs
        quality = judged(judge, model, mnist.train.images, args.seed)
        codes = sources(model, mnist.train.images, SHOWN, args.seed)
        digits = io.BytesIO()
        torch.save({source: decode(model, z).cpu() for source, z in codes.items()}, digits)
    return {
        "quality": quality,
        "seconds": seconds,
        "error": error,
        "digits": digits.getvalue(),
        "floor": judge.floor | {"accuracy": judge.accuracy},
    }


@cache
def ground(data: str | None, device: str, seed: int) -> tuple[Mnist, Judge]:
    """The images and the judge, once in each process."""
    prepare_cpu(threads=1)
    mnist = load_mnist(data, device)
    return mnist, Judge(mnist, seed)


def comparison(run: Run) -> dict[str, Any]:
    """the variants side by side"""
    if missing := [name for name in VARIANTS if name not in run.results]:
        raise UserError(f"argument --part: comparison needs the parts {', '.join(missing)} first; "
                        "run them into the same --out, each with --resume")  # fmt: skip
    digits = {name: torch.load(run.out / f"{name}.pt", weights_only=True) for name in VARIANTS}
    for source, title in {"N": "N(0, I)", "mixture": "their mixture of Gaussians"}.items():
        shown = [name for name in VARIANTS if not name.startswith("without_")]
        rows = torch.cat([digits[name][source] for name in shown])
        labels = [LABELS[name] for name in shown]
        figure = plots.image_grid(rows, SHOWN, (), labels, f"Codes from {title}")
        run.save(f"digits_{source.lower()}", figure)
    quality = {name: run.results[name]["quality"] for name in VARIANTS}
    run.save("distances", distances(quality, run.results["handout"]["floor"]["frechet"]))
    seconds = {name: run.results[name]["seconds_per_epoch"]["mean"] for name in VARIANTS}
    means = {
        source: {name: quality[name][source]["frechet"]["mean"] for name in VARIANTS}
        for source in SOURCES
    }
    base, best = means["2·N"]["handout"], means["mixture"]["together"]
    print(f"  together against the handout's: Fréchet distance {best:.1f} against {base:.1f}")
    return {
        "gain": base / best,
        "gain_by_source": {source: base / means[source]["handout"] for source in SOURCES},
        "gain_by_training": {source: base / means[source]["together"] for source in SOURCES},
        "time": {name: value / seconds["handout"] for name, value in seconds.items()},
    }


def distances(quality: dict[str, Any], floor: float) -> Figure:
    """Fréchet distance of each variant, mean and standard deviation, by where codes come from."""
    figure, axes = plt.subplots(figsize=(7.6, 4.8), layout="constrained")
    heights = range(len(quality))
    for source, marker in zip(SOURCES, "osD^"):
        rows = [row[source]["frechet"] for row in quality.values()]
        means, stds = [row["mean"] for row in rows], [row["std"] for row in rows]
        axes.errorbar(means, heights, xerr=stds, fmt=marker, label=f"codes from {source}")
    axes.axvline(floor, color="black", linestyle="--", linewidth=1, label="held-out images")
    axes.set(xscale="log", xlabel="Fréchet distance to the test images")
    axes.set_yticks(heights, [LABELS[name] for name in quality])
    axes.set_title(f"10,000 generated digits, {SEEDS} seeds")
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


PARTS = {name: study(name) for name in VARIANTS} | {"comparison": comparison}

if __name__ == "__main__":
    settings = {"epochs": 5, "batch_size": 64, "lr": 0.1}
    sys.exit(run_parts("bench/hw7_study", __doc__, PARTS, threads=1, **settings))
