"""HW6's network with dropout, with batch norm, with both and with neither.

    python -m bench.hw6_study            results/bench/hw6_study/, about half an hour

Each setting is trained with three seeds at the same learning rate; the last one is the network with
neither, at half of hw6/cnn.py's. The committed run was made with --out hw6/results/study.
"""

import statistics
import sys
from collections.abc import Callable
from typing import Any

import torch

from common import plots
from common.faults import UserError
from common.run import Run, run_parts
from hw6.cnn import CNN, LR, train

SEEDS = 3
OPTIONS: dict[str, dict[str, Any]] = {
    "neither": {},
    "dropout": {"dropout": 0.1},
    "batch_norm": {"batch_norm": True},
    "both": {"batch_norm": True, "dropout": 0.1},
    "half_rate": {"lr": LR / 2},
}


def study(name: str) -> Callable[[Run], dict[str, Any]]:
    """The part that trains the setting of that name with each seed."""

    def part(run: Run) -> dict[str, Any]:
        seeds = range(run.args.seed, run.args.seed + SEEDS)
        histories = []
        for seed in seeds:
            print(f"  seed {seed}", flush=True)
            torch.manual_seed(seed)
            args, options = run.args, dict(OPTIONS[name])
            lr = options.pop("lr", args.lr)
            model = CNN(**options)
            histories.append(train(model, run.mnist, args.epochs, args.batch_size, lr, seed))
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

    part.__doc__ = f"{SEEDS} seeds with options {OPTIONS[name]}"
    return part


def comparison(run: Run) -> dict[str, Any]:
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


PARTS = {name: study(name) for name in OPTIONS} | {"comparison": comparison}

if __name__ == "__main__":
    settings = {"epochs": 10, "batch_size": 64, "lr": LR}
    sys.exit(run_parts("bench/hw6_study", __doc__, PARTS, threads=1, **settings))
