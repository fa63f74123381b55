"""HW7 Q1, measured: single steps against the formula, and runs by hand from any start."""

import statistics
from typing import Any

import torch
from torch import Tensor, nn

from common.data import Batches
from common.loop import Measure
from common.progress import tqdm
from common.run import Run
from hw7 import clustering
from hw7.clustering import assign, contingency, effective_clusters, inertia, purity
from hw7.kmeans_by_hand import formula_step, train_by_hand

SEEDS = 3  # runs behind each mean ± standard deviation
LIVE = 0.01  # a center is live if at least this share of the images is nearest to it

START: dict[str, clustering.Start] = {
    "digit images": clustering.digit_images,
    "uniform": clustering.uniform,
    "uniform, mean grey": clustering.uniform_grey,
    "uniform, mean image": clustering.uniform_pixelwise,
    "random images": clustering.random_images,
    "k-means++": clustering.kmeans_plus_plus,
}


def starting_centers(run: Run, start: str, seed: int | None = None) -> Tensor:
    """The centers (k, d) of that start, drawn with `seed` (None: the run's) where it is random."""
    images, labels = run.mnist.train
    seed = run.args.seed if seed is None else seed
    return START[start](images.flatten(1), labels, torch.Generator().manual_seed(seed))


def study(
    run: Run, rows: list[dict[str, Any]], first: list[Tensor] | None = None
) -> list[dict[str, Any]]:
    """Train by hand for each row, a "start" and arguments of `train_by_hand`, with SEEDS seeds.

    Returns the rows with a list over the seeds of "inertia", "diverged" (the epoch, or None),
    "live" centers, "effective" clusters and "purity", None where a run diverged; and with "mean"
    and "std" of the inertia, None where all diverged, or all but one. `first` collects the centers
    of the first seed.
    """
    images, labels = run.mnist.train
    x0 = images.flatten(1)  # (N, d)
    groups: dict[tuple, list[int]] = {}  # rows that differ in start and η only run side by side
    for i, row in enumerate(rows):
        kind = row["averaged"], row["soft"], row.get("decay", False)
        groups.setdefault(kind, []).append(i)
    seeds = range(run.args.seed, run.args.seed + SEEDS)
    jobs = run.processes.share([(seed, *group) for seed in seeds for group in groups.items()])
    mine = {}
    for seed, kind, members in tqdm(jobs, "groups of runs", leave=False, disable=None):
        starts = [starting_centers(run, rows[i]["start"], seed) for i in members]
        batches = Batches(run.mnist.train, run.args.batch_size, seed)
        etas = [rows[i]["eta"] for i in members]
        ends = train_by_hand(torch.stack(starts), batches, run.args.epochs, etas, *kind)
        for i, centers, diverged in zip(members, *ends):
            mine[seed, i] = judged(x0, labels, centers, diverged), centers.cpu()
    found = {key: outcome for each in run.processes.gathered(mine) for key, outcome in each.items()}
    outcomes = [[found[seed, i][0] for seed in seeds] for i in range(len(rows))]
    if first is not None:
        first += [found[seeds[0], i][1] for i in range(len(rows))]
    results = [summed_up(row, outcome) for row, outcome in zip(rows, outcomes)]
    print(*map(described, results), sep="\n", flush=True)
    return results


def judged(x0: Tensor, labels: Tensor, centers: Tensor, diverged: int | None) -> dict[str, Any]:
    """What became of one run."""
    if diverged is not None:
        return dict.fromkeys(["inertia", "live", "effective", "purity"]) | {"diverged": diverged}
    table = contingency(labels, assign(x0, centers))
    return {
        "inertia": inertia(x0, centers),
        "live": (table.sum(0) >= LIVE * len(labels)).sum().item(),
        "effective": effective_clusters(table),
        "purity": purity(table),
        "diverged": None,
    }


def summed_up(row: dict[str, Any], outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """A row with its outcomes as lists over the seeds, and mean and deviation of the inertia."""
    result = row | {name: [outcome[name] for outcome in outcomes] for name in outcomes[0]}
    inertias = [value for value in result["inertia"] if value is not None]
    result["mean"] = statistics.mean(inertias) if inertias else None
    result["std"] = statistics.stdev(inertias) if len(inertias) > 1 else None
    return result


def described(row: dict[str, Any]) -> str:
    """A row of `study` as a line."""

    def average(name: str, digits: str) -> str:
        values = [value for value in row[name] if value is not None]
        return format(statistics.mean(values), digits) if values else "-"

    assignment = "softmax" if row["soft"] else "argmax"
    spread = "" if row["std"] is None else f" ± {row['std']:.3f}"
    outcome = "" if row["mean"] is None else f"inertia {row['mean']:.3f}{spread}"
    epochs = [str(epoch) for epoch in row["diverged"] if epoch is not None]
    diverged = f"  diverged in epoch {', '.join(epochs)}" if epochs else ""
    return (
        f"  {row['start']:<19}  {row['averaged']:<16}  {assignment}  η {row['eta']:<5g}"
        f"{' → 0' if row.get('decay') else ''}  {outcome:<23}  live {average('live', '4.1f')}  "
        f"purity {average('purity', '.3f')}{diverged}"
    )


def compare_steps(
    run: Run, model: nn.Module, loss: Measure, eta: float, averaged: str, assignment: str
) -> dict[str, Any]:
    """What SGD adds to the centers in one step, and what the formula does, on 100 real batches.

    Every batch starts at the same ten digit images. "difference" is the largest over all entries,
    with the cells' true sizes; "relative" are lengths of the differences over the formula's, with
    the true sizes and with the handout's n/10; "length" is how long the step is along the latter.
    """
    start = starting_centers(run, "digit images")
    model.to(run.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=eta)
    batches = Batches(run.mnist.train, run.args.batch_size, run.args.seed)
    taken, true, handout = [], [], []
    for (x, y), _ in zip(batches, range(100)):
        model.centers.data.copy_(start)
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
        taken.append(model.centers.detach() - start)
        true.append(formula_step(start, x.flatten(1), eta))
        handout.append(formula_step(start, x.flatten(1), eta, cell_size=len(x) / 10))
    taken, true, handout = torch.stack(taken), torch.stack(true), torch.stack(handout)
    row = {
        "averaged": averaged,
        "assignment": assignment,
        "difference": (taken - true).abs().max().item(),
        "relative": ((taken - true).norm() / true.norm()).item(),
        "relative_handout": ((taken - handout).norm() / handout.norm()).item(),
        "length": ((taken * handout).sum() / handout.square().sum()).item(),
    }
    print(
        f"  loss averaged over {averaged:<16}  {assignment}  off the formula by at most "
        f"{row['difference']:.1e}, relative {row['relative']:.1e}; with n/10 per cell: relative "
        f"{row['relative_handout']:.2f}, length {row['length']:.5f}"
    )
    return row
