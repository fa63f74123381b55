"""HW7 Q2 (c), beyond: what each change of the autoencoder does, alone and left out.

    python hw7/autoencoder_study.py                    everything, over two hours on one core
    python hw7/autoencoder_study.py --part handout     one variant, about ten minutes

Each variant is trained with three seeds, for half of the handout's epochs. HW6's network, trained
once more, measures the digits of each: the Fréchet distance of 10,000 generated digits from the
test images, for four ways to draw their codes. Expect 164 ± 4 for the handout's network, 8.8 ± 0.2
for all changes together with codes from the mixture, 2.5 for real digits that were held out.
Figures and summary.json go to results/hw7/autoencoder_study/; hw7/README.md explains them.
"""

import io
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches
from common.loop import fit
from common.run import Run, UserError, run_parts
from hw7.autoencoder import ADAM_LR, Autoencoder
from hw7.mixture import decode, sample_codes
from hw7.quality import FrechetEvaluator, evaluate_run
from hw7.vae import VAE, calibrated_loss, reconstruction_error, variational_loss

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

SEEDS = 3
SHOWN = 10  # digits of each variant in a figure
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
    "learned": "encoder's variance learned",
    "calibrated": "decoder's variance learned",
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

_evaluators: WeakKeyDictionary[Run, FrechetEvaluator] = WeakKeyDictionary()


def get_evaluator(run: Run) -> FrechetEvaluator:
    """The run's evaluator: trained at its first use, and gone with the run."""
    if run not in _evaluators:
        print("  HW6's network, which measures the digits:", flush=True)
        _evaluators[run] = FrechetEvaluator(run.mnist, run.args.seed)
    return _evaluators[run]


def make_part(name: str) -> Callable[[Run], dict[str, Any]]:
    """The part that trains the variant of that name with each seed."""

    def part(run: Run) -> dict[str, Any]:
        seeds = range(run.args.seed, run.args.seed + SEEDS)
        rows = run.map(partial(measure_variant, run, name), seeds)
        quality = {
            source: {
                measure: mean_and_std([row["quality"][source][measure] for row in rows])
                for measure in rows[0]["quality"][source]
            }
            for source in SOURCES
        }
        content = io.BytesIO()
        torch.save(rows[0]["digits"], content)
        run.write(f"{name}.pt", content.getvalue())
        seconds = mean_and_std([row["seconds"] for row in rows])
        distances = [f"{source} {row['frechet']['mean']:.1f}" for source, row in quality.items()]
        print(f"  Fréchet distance: {'  '.join(distances)}; {seconds['mean']:.1f} s an epoch")
        return {
            "options": VARIANTS[name],
            "quality": quality,
            "seconds_per_epoch": seconds,
            "error": mean_and_std([row["error"] for row in rows]),
            "floor": rows[0]["floor"],
        }

    part.__doc__ = f"{LABELS[name]}: {SEEDS} seeds"
    return part


def mean_and_std(values: list[float]) -> dict[str, Any]:
    """Mean and standard deviation (of a sample: n − 1), and the values."""
    mean, std = statistics.mean(values), statistics.stdev(values)
    return {"mean": mean, "std": std, "values": values}


def measure_variant(run: Run, name: str, seed: int) -> dict[str, Any]:
    """Train a variant with a seed; the quality of its digits, and some of them."""
    mnist, evaluator = run.mnist, get_evaluator(run)
    print(f"  seed {seed}:", flush=True)
    started = time.perf_counter()
    model, error = train_variant(run, VARIANTS[name], seed)
    seconds = (time.perf_counter() - started) / run.args.epochs
    codes = sample_codes(model, mnist.train.images, SHOWN, run.args.seed)
    return {
        "quality": evaluate_run(evaluator, model, mnist.train.images, run.args.seed),
        "seconds": seconds,
        "error": error,
        "digits": {source: decode(model, z).cpu() for source, z in codes.items()},
        "floor": evaluator.floor | {"accuracy": evaluator.accuracy},
    }


def train_variant(run: Run, options: dict[str, Any], seed: int) -> tuple[nn.Module, float]:
    """The trained model, and ‖x − f‖² of the test images after the last epoch.

    Not by run.fit: each model is trained alone, so that they can be shared out.
    """
    torch.manual_seed(seed)
    network = Autoencoder(options["width"], options["dropout"])
    model = run.place(VAE(network, options["learned"]))
    scheduler = None
    if options["adam"]:
        optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_LR)
        scheduler = CosineAnnealingLR(optimizer, run.args.epochs)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=run.args.lr)
    loss_fn = calibrated_loss if options["calibrated"] else variational_loss
    train, test = Batches(run.mnist.train, run.args.batch_size, seed), Batches(run.mnist.test)
    metrics = {"error": reconstruction_error}
    for row in fit(model, train, test, loss_fn, optimizer, run.args.epochs, metrics):
        error = row["test_error"]
        if scheduler:
            scheduler.step()
    return model, error


def compare(run: Run) -> dict[str, Any]:
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
    run.save("distances", plot_distances(quality, run.results["handout"]["floor"]["frechet"]))
    seconds = {name: run.results[name]["seconds_per_epoch"]["mean"] for name in VARIANTS}
    means = {
        source: {name: quality[name][source]["frechet"]["mean"] for name in VARIANTS}
        for source in SOURCES
    }
    base, best = means["2·N"]["handout"], means["mixture"]["together"]
    print(f"  all together: Fréchet distance {best:.1f}; the handout's: {base:.1f}")
    return {
        "gain": base / best,
        "gain_by_source": {source: base / means[source]["handout"] for source in SOURCES},
        "gain_by_training": {source: base / means[source]["together"] for source in SOURCES},
        "time": {name: value / seconds["handout"] for name, value in seconds.items()},
    }


def plot_distances(quality: dict[str, Any], floor: float) -> plots.Figure:
    """Fréchet distance of each variant, mean and standard deviation, by where codes come from."""
    figure, axes = plots.subplots(size=(7.6, 4.8))
    heights = range(len(quality))
    for source, marker in zip(SOURCES, "osD^"):
        rows = [row[source]["frechet"] for row in quality.values()]
        means, stds = [row["mean"] for row in rows], [row["std"] for row in rows]
        axes.errorbar(means, heights, xerr=stds, fmt=marker, label=f"codes from {source}")
    axes.axvline(floor, color="black", linestyle="--", linewidth=1, label="held-out images")
    axes.set(xscale="log", xlabel="Fréchet distance to the test images (features²)")
    axes.set_yticks(heights, [LABELS[name] for name in quality])
    axes.set_title(f"10,000 generated digits, {SEEDS} seeds")
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


PARTS = {name: make_part(name) for name in VARIANTS} | {"comparison": compare}


def main(argv: list[str] | None = None) -> int:
    defaults = {"epochs": 5, "batch_size": 64, "lr": 0.1}
    return run_parts("hw7/autoencoder_study", __doc__, PARTS, argv, threads=1, **defaults)


if __name__ == "__main__":
    sys.exit(main())
