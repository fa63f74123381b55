"""HW6 Q3, beyond the handout: the network with dropout, batch norm, both, and neither.

    python hw6/cnn_study.py                      about half an hour on one core
    python hw6/cnn_study.py --part batch_norm    one setting alone

Each setting is trained with three seeds at the same learning rate. The last one is the network with
neither, at half of the rate. Expect 99.2 ± 0.1 % of the test images right with batch norm, and
98.1 ± 1.5 % with neither. Figures and summary.json go to results/hw6/cnn_study/; hw6/README.md
explains them.
"""

import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, UserError, run_parts
from hw6.cnn import CNN, LR, train

import torch

SEEDS = 3
OPTIONS: dict[str, dict[str, Any]] = {
    "neither": {},
    "dropout": {"dropout": 0.1},
    "batch_norm": {"batch_norm": True},
    "both": {"batch_norm": True, "dropout": 0.1},
    "half_rate": {"lr": LR / 2},
}


def train_seed(run: Run, name: str, seed: int) -> list[dict[str, Any]]:
    """Train the setting of that name with one seed; a row per epoch."""
    print(f"  seed {seed}", flush=True)
    torch.manual_seed(seed)
    options = {"lr": run.args.lr} | OPTIONS[name]
    lr = options.pop("lr")
    return train(CNN(**options), run.mnist, run.args.epochs, run.args.batch_size, lr, seed)


def make_part(name: str) -> Callable[[Run], dict[str, Any]]:
    """The part that trains the setting of that name with each seed."""

    def train_setting(run: Run) -> dict[str, Any]:
        seeds = range(run.args.seed, run.args.seed + SEEDS)
        histories = run.map(lambda seed: train_seed(run, name, seed), seeds)
        columns = [column for column in histories[0][0] if column != "epoch"]
        per_epoch = {
            column: [[row[column] for row in history] for history in histories]
            for column in columns
        }  # column → (seeds, epochs)
        finals = {column: [values[-1] for values in per_epoch[column]] for column in columns}
        final = {
            column: {"mean": statistics.mean(values), "std": statistics.stdev(values)}
            for column, values in finals.items()
        }
        mean, std = final["test_accuracy"].values()
        print(f"  {name}: test accuracy {mean:.2%} ± {std:.2%}", flush=True)
        return {"options": OPTIONS[name], "final": final, "per_epoch": per_epoch}

    train_setting.__doc__ = f"{SEEDS} seeds with options {OPTIONS[name]}"
    return train_setting


def compare_settings(run: Run) -> dict[str, Any]:
    """the settings in one figure"""
    if missing := [name for name in OPTIONS if name not in run.results]:
        raise UserError(f"argument --part: comparison needs the parts {', '.join(missing)} first; "
                        "run them into the same --out, each with --resume")  # fmt: skip
    epochs = range(1, run.args.epochs + 1)
    means = {}
    for name in OPTIONS:
        seeds = run.results[name]["per_epoch"]["test_accuracy"]  # (seeds, epochs)
        means[name] = [100 * (1 - statistics.mean(epoch)) for epoch in zip(*seeds)]
    labels = {name: name.replace("_", " ") for name in means} | {"half_rate": "neither, half η"}
    lines = {labels[name]: (epochs, errors) for name, errors in means.items()}
    title = f"Wrongly answered test images, mean of {SEEDS} seeds"
    level = ("99.0 % accuracy", 1.0)
    figure = plots.curves(lines, "epoch", "test error, %", title, "o", level, xticks=epochs)
    run.save("errors", figure)
    return {"best": min(means, key=lambda name: means[name][-1])}


PARTS = {name: make_part(name) for name in OPTIONS} | {"comparison": compare_settings}


def main(argv: list[str] | None = None) -> int:
    settings = {"epochs": 10, "batch_size": 64, "lr": LR}
    return run_parts("hw6/cnn_study", __doc__, PARTS, argv, threads=1, **settings)


if __name__ == "__main__":
    sys.exit(main())
