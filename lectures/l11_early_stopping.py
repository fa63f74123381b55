"""Lecture 11, second half: a network on 1,000 digits, and how not to overfit.

    python lectures/l11_early_stopping.py             everything, in two minutes
    python lectures/l11_early_stopping.py --part a    the risks against the epochs alone

Training, validation and test risk (squared loss) of a network with 100 hidden neurons, with the
digits' labels as they are and with a fifth of them drawn at random. (a) against the epochs, and
early stopping; (b) against λ of the penalty λ‖W‖²; (c) against the amount of data. What to expect:
with wrong labels the test risk turns and early stopping or λ saves much; with right labels neither
gains more than a little, and data gain most. Figures and summary.json go to
results/lectures/l11_early_stopping/; lectures/README.md explains them.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, UserError, run_parts
from lectures import l09_backpropagation as l09

import numpy as np

COUNT, SEEDS, PATIENCE = 1000, 3, 5  # training digits, and as many for validation; seeds; epochs
SHARES = {"right labels": 0.0, "a fifth wrong": 0.2}  # of the training labels that are random
LAMBDAS = (0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)  # (b)
AMOUNTS = (250, 500, 1000, 2000, 4000, 8000)  # (c)


def early_stopping(risks: list[float], patience: int) -> tuple[int, int]:
    """(best, last): indices of the epoch whose weights are kept, and of the last one. [l11 5]

    Training stops when the validation risk has not been below its least for `patience` epochs.

    Raises:
        ValueError: if there is no risk, or patience is not from 1 on.
    """
    if not len(risks) or patience < 1:
        raise ValueError(f"{len(risks)} risks, patience {patience}: both must be at least 1")
    best = 0
    for i, risk in enumerate(risks):
        if risk < risks[best]:
            best = i
        elif i - best >= patience:  # [l11 5]
            return best, i
    return best, len(risks) - 1


def split_digits(run: Run, count: int = COUNT) -> list[tuple[np.ndarray, np.ndarray]]:
    """(x, y) for training (the first `count`), validation (the last COUNT) and the test.

    Neither of the first two takes more than half of the training images.
    """
    x, y, x_test, y_test = l09.load_columns(run)
    count, last = (min(each, x.shape[1] // 2) for each in (count, COUNT))
    return [(x[:, :count], y[:, :count]), (x[:, -last:], y[:, -last:]), (x_test, y_test)]


def randomize_labels(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """y (10, n) with a share of its columns drawn anew; by chance a tenth of those stays right."""
    y, rng = y.copy(), np.random.default_rng([seed, 1])  # another stream than the training's
    some = rng.permutation(y.shape[1])[: round(share * y.shape[1])]
    y[:, some] = l09.one_hot(rng.integers(0, 10, len(some)))
    return y


def train(
    run: Run, data: tuple[np.ndarray, np.ndarray], seed: int, lam: float
) -> Iterator[l09.MLP]:
    """Train 784-100-10 on x, y with the penalty λ = `lam`; yield it after each epoch, for ever."""
    rng = np.random.default_rng(seed)
    mlp = l09.MLP([784, 100, 10], "relu", seed, np.float32)
    while True:
        l09.train_epoch(mlp, *data, run.args.lr, run.args.batch_size, rng, lam)
        yield mlp


def measure(mlp: l09.MLP, data: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """The risk (squared loss) and the share of wrong digits (%).

    Raises:
        UserError: the risk is not finite: η was too large.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        f = mlp.forward(data[0])
        risk = l09.squared_loss(f, data[1])
    if not np.isfinite(risk):
        raise UserError("argument --lr: training diverged with it; take a lower one")
    return risk, 100 * l09.wrong(f, data[1])


def part_a(run: Run) -> dict[str, Any]:
    """risks against the epochs, and early stopping"""
    (x, y), *others = split_digits(run)
    figure, panels = plots.subplots(1, 2, (10, 4), sharey=True)
    results = {}
    for (label, share), axes in zip(SHARES.items(), panels):
        rows = []  # (seeds, epochs, splits, 2)
        for seed in range(run.args.seed, run.args.seed + SEEDS):
            learned = (x, randomize_labels(y, share, seed))
            networks = islice(train(run, learned, seed, 0.0), run.args.epochs)
            rows.append([[measure(mlp, split) for split in (learned, *others)] for mlp in networks])
        table = np.array(rows)
        for name, line in zip(("training", "validation", "test"), table.mean(0).T[0]):
            axes.plot(range(1, run.args.epochs + 1), line, label=name)
        stops = [early_stopping(list(seed[:, 1, 0]), PATIENCE) for seed in table]
        kept = np.array([seed[best, 2] for seed, (best, _) in zip(table, stops)])
        last = table[:, -1, 2]
        axes.axvline(1 + stops[0][0], color="black", linestyle=":", label="kept (first seed)")
        axes.set(xlabel="epoch", title=f"{x.shape[1]:,} digits, {label}", ylim=(0, 0.5))
        for name, ends in (("early", kept), ("at the end", last)):
            risk, wrong = ends.mean(0)
            print(f"  {label}, stopped {name}: test risk {risk:.4f}, wrong digits {wrong:.2f} %")
        results[label.replace(" ", "_")] = {
            "best": [1 + best for best, _ in stops], "stop": [1 + stop for _, stop in stops],
            "kept": moments(kept), "last": moments(last), "least": moments(table[:, :, 2].min(1)),
        }  # fmt: skip
    panels[0].set_ylabel(f"squared loss per digit, mean of {SEEDS} seeds")
    panels[1].legend(fontsize=8)
    run.save("a_epochs", figure)
    return results


def moments(rows: np.ndarray) -> dict[str, float]:
    """Mean and deviation over the seeds of risk and wrong digits (%), from rows (seeds, 2)."""
    names = ("risk", "wrong", "risk_std", "wrong_std")
    return dict(zip(names, [*map(float, rows.mean(0)), *map(float, rows.std(0))]))


def sweep(run: Run, name: str, jobs: dict[float, dict[str, Any]], xlabel: str) -> dict[str, Any]:
    """The test risk and wrong digits after --epochs for each value; a figure of them.

    Args:
        jobs: value → λ as "lam" and training digits as "count". Other amounts of data take as many
            steps as COUNT digits do.
    """
    results = {}
    figure, axes = plots.subplots()
    for label, share in SHARES.items():
        rows = results[label.replace(" ", "_")] = {}
        for value, job in jobs.items():
            (x, y), _, test = split_digits(run, job.get("count", COUNT))
            epochs = max(1, run.args.epochs * COUNT // x.shape[1])
            ends = []
            for seed in range(run.args.seed, run.args.seed + SEEDS):
                learned = (x, randomize_labels(y, share, seed))
                networks = train(run, learned, seed, job.get("lam", 0.0))
                ends.append(measure(next(islice(networks, epochs - 1, None)), test))
            row = rows[f"{value:g}"] = moments(np.array(ends))
            print(f"  {label}, {value:<6g} risk {row['risk']:.4f} ± {row['risk_std']:.4f}, wrong "
                  f"{row['wrong']:.2f} ± {row['wrong_std']:.2f} %")  # fmt: skip
        wrong, std = ([row[key] for row in rows.values()] for key in ("wrong", "wrong_std"))
        axes.errorbar(range(len(jobs)), wrong, std, fmt="o-", capsize=3, label=label)
    axes.set_xticks(range(len(jobs)), [f"{value:g}" for value in jobs])
    axes.set(xlabel=xlabel, ylabel=f"wrong test digits (%), {SEEDS} seeds", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    run.save(name, figure)
    return results


def part_b(run: Run) -> dict[str, Any]:
    """the test risk against λ"""
    return sweep(run, "b_lambda", {lam: {"lam": lam} for lam in LAMBDAS}, "λ")


def part_c(run: Run) -> dict[str, Any]:
    """the test risk against the amount of data"""
    # The sample has fewer digits: amounts that it cannot give are left out.
    amounts = [count for count in AMOUNTS if count <= len(run.mnist.train.labels) // 2]
    return sweep(run, "c_amount", {count: {"count": count} for count in amounts}, "training digits")


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l11_early_stopping", __doc__, PARTS, argv,
                     epochs=60, batch_size=50, lr=0.1)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
