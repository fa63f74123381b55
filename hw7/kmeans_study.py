"""HW7 Q1, beyond the handout: which changes of its setting bring the network to Lloyd's inertia.

    python hw7/kmeans_study.py                   everything, about a minute
    python hw7/kmeans_study.py --part variants   ten epochs of each setting that (a) speaks of

variants: what (a)'s formula and the handout's network make of ten epochs; border: why the softmax
is no argmax; initial: (c)'s initial centers, the handout's way and with two changes; eta: the
network with an argmax against the learning rate. All by the gradient by hand, which takes the steps
of autograd in a fraction of the time; "±" is the standard deviation over three seeds. Figures and
summary.json go to results/hw7/kmeans_study/; hw7/README.md explains them.
"""

import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches
from common.run import Run, run_parts
from hw7.clustering import (
    BETA,
    COLLAPSED,
    INITIALIZERS,
    describe,
    inertia,
    initial_centers,
    lloyd,
    scores,
)
from hw7.kmeans import ETA, ArgmaxKMeans, train
from hw7.kmeans_gradient import train_by_gradient
from hw7.kmeans_theory import border_repulsion

import torch
from torch import Tensor

SEEDS = 3  # runs behind each mean ± standard deviation
LIVE = 0.01  # a center is live if at least this share of the images is nearest to it
HANDOUT = {"initial": "digit images", "averaged": "batch and pixels", "soft": True, "eta": ETA}

Row = dict[str, Any]  # a setting, and what came of it


def sweep(run: Run, rows: list[Row], first: list[Tensor] | None = None) -> list[Row]:
    """Train for each row, "initial" centers and arguments of `train_by_gradient`, with SEEDS seeds.

    Returns the rows with a list over the seeds of "inertia", "diverged" (the epoch, or None),
    "live" centers, "effective" clusters and "purity", None where a run diverged; and with "mean"
    and "std" of the inertia, None where all diverged, or all but one. `first` collects the centers
    of the first seed.
    """
    groups: dict[tuple, list[int]] = {}  # rows that differ in initial centers and η alone
    for i, row in enumerate(rows):
        kind = row["averaged"], row["soft"], row.get("decay", False)
        groups.setdefault(kind, []).append(i)
    seeds = range(run.args.seed, run.args.seed + SEEDS)

    def train_group(job: tuple) -> list[tuple[Row, Tensor]]:
        seed, kind, members = job
        start = torch.stack([initial_centers(run, rows[i]["initial"], seed) for i in members])
        batches = Batches(run.mnist.train, run.args.batch_size, seed)
        etas = [rows[i]["eta"] for i in members]
        ends = train_by_gradient(start, batches, run.args.epochs, etas, *kind)
        return [(evaluate_run(run, *end), end[0].cpu()) for end in zip(*ends)]

    jobs = [(seed, kind, members) for seed in seeds for kind, members in groups.items()]
    ends = {}
    for (seed, _, members), outcomes in zip(jobs, run.map(train_group, jobs)):
        ends |= {(seed, i): outcome for i, outcome in zip(members, outcomes)}
    if first is not None:
        first += [ends[seeds[0], i][1] for i in range(len(rows))]
    results = [aggregate(row, [ends[seed, i][0] for seed in seeds]) for i, row in enumerate(rows)]
    print(*map(format_row, results), sep="\n", flush=True)
    return results


def evaluate_run(run: Run, centers: Tensor, diverged: int | None) -> Row:
    """What one run ended with."""
    if diverged is not None:
        return dict.fromkeys(["inertia", "live", "effective", "purity"]) | {"diverged": diverged}
    found = describe(run.mnist.train, centers)
    sizes = torch.tensor(found["table"]).sum(0)
    kept = {name: found[name] for name in ("inertia", "effective", "purity")}
    return kept | {"live": (sizes >= LIVE * sizes.sum()).sum().item(), "diverged": None}


def aggregate(row: Row, outcomes: list[Row]) -> Row:
    """A row with its outcomes as lists over the seeds, and mean and deviation of the inertia."""
    result = row | {name: [outcome[name] for outcome in outcomes] for name in outcomes[0]}
    inertias = [value for value in result["inertia"] if value is not None]
    result["mean"] = statistics.mean(inertias) if inertias else None
    result["std"] = statistics.stdev(inertias) if len(inertias) > 1 else None
    return result


def format_row(row: Row) -> str:
    """A row of `sweep` as a line."""

    def average(name: str, digits: str) -> str:
        values = [value for value in row[name] if value is not None]
        return format(statistics.mean(values), digits) if values else "-"

    assignment = "softmax" if row["soft"] else "argmax"
    spread = "" if row["std"] is None else f" ± {row['std']:.3f}"
    outcome = "" if row["mean"] is None else f"inertia {row['mean']:.3f}{spread}"
    epochs = [str(epoch) for epoch in row["diverged"] if epoch is not None]
    diverged = f"  diverged in epoch {', '.join(epochs)}" if epochs else ""
    return (
        f"  {row['initial']:<19}  {row['averaged']:<16}  {assignment}  η {row['eta']:<5g}"
        f"{' → 0' if row.get('decay') else ''}  {outcome:<23}  live {average('live', '4.1f')}  "
        f"purity {average('purity', '.3f')}{diverged}"
    )


def variants(run: Run) -> dict[str, Any]:
    """ten epochs of what (a)'s formula and the handout's network differ in"""
    rows = [
        HANDOUT,
        HANDOUT | {"soft": False},
        HANDOUT | {"soft": False, "eta": 10 * ETA},
        HANDOUT | {"eta": 10 * ETA},
        HANDOUT | {"averaged": "batch"},
        HANDOUT | {"averaged": "batch", "soft": False},
        HANDOUT | {"averaged": "cells", "soft": False, "eta": 0.05},
        HANDOUT | {"initial": "uniform"},
        HANDOUT | {"initial": "uniform", "soft": False},
    ]
    return {"rows": sweep(run, rows)}


def border(run: Run) -> dict[str, float]:
    """how much there is at the cells' borders, where the softmax's own gradient acts

    "share" of the training images that are less than 99 % one center's, and "repulsion": for two
    centers at their mean squared distance, how many times as strongly an image there (p = ¾)
    pushes its nearest center away as an image inside the cell draws it.
    """
    x0, start = run.mnist.train.images.flatten(1), initial_centers(run, "digit images")
    p = torch.softmax(BETA * scores(x0, start), 1)  # (N, k)
    share = (p.amax(1) < 0.99).float().mean().item()
    repulsion = border_repulsion(0.75, torch.pdist(start).square().mean().item())
    print(f"  {share:.1%} of the images are undecided; there the push is {repulsion:.0f} times the "
          "pull")  # fmt: skip
    return {"share": share, "repulsion": repulsion}


def initial(run: Run) -> dict[str, Any]:
    """other initial centers: the handout's network, and with an argmax and ten times its η"""
    names = [name for name in INITIALIZERS if name != "digit images"]
    handout = HANDOUT | {"eta": run.args.lr}
    improved = handout | {"soft": False, "eta": 10 * run.args.lr}
    first: list[Tensor] = []
    results = {
        "criterion": f"collapsed: fewer than {COLLAPSED} effective clusters, exp(entropy of sizes)",
        "handout": sweep(run, [handout | {"initial": name} for name in names]),
        "argmax": sweep(run, [improved | {"initial": name} for name in names], first),
    }
    for row in results["handout"]:
        row["collapsed"] = [size is None or size < COLLAPSED for size in row["effective"]]
    title = f"Centers with an argmax and η = {10 * run.args.lr:g}, by initial centers"
    titles = [name.replace(", ", ",\n") for name in names]
    run.save("initial_centers", plots.image_grid(torch.cat(first), 10, (), titles, title))
    return results


def eta(run: Run) -> dict[str, Any]:
    """what brings the same network, SGD and ten epochs to Lloyd's inertia"""
    x0 = run.mnist.train.images.flatten(1)
    start = initial_centers(run, "digit images")
    lloyd_inertia = inertia(x0, lloyd(x0, start)[0])
    model = ArgmaxKMeans()
    train(run, model, start, 10 * run.args.lr)
    network = inertia(x0, model.centers.detach())
    print(f"  the network with an argmax, η = {10 * run.args.lr:g}: inertia {network:.3f}, "
          f"Lloyd's {lloyd_inertia:.3f}: {network / lloyd_inertia - 1:+.2%}")  # fmt: skip
    etas = [run.args.lr * factor for factor in (1, 3, 10, 30)]
    rows = [HANDOUT | {"soft": False, "eta": value} for value in etas]
    constant = sweep(run, rows)
    decaying = sweep(run, [row | {"decay": True} for row in rows])
    lines = {
        "η constant": (etas, [row["mean"] for row in constant]),
        "η falling linearly to 0": (etas, [row["mean"] for row in decaying]),
    }
    figure = plots.curves(
        lines,
        "learning rate η (at the first step)",
        "inertia of the training images",
        f"ArgmaxKMeans after {run.args.epochs} epochs, mean of {SEEDS} seeds",
        marker="o",
        level=("Lloyd's algorithm from the same centers", lloyd_inertia),
        xscale="log",
    )
    run.save("eta", figure)
    return {
        "network_inertia": network,
        "lloyd_inertia": lloyd_inertia,
        "excess": network / lloyd_inertia - 1,
        "constant": constant,
        "decaying": decaying,
    }


PARTS = {"variants": variants, "border": border, "initial": initial, "eta": eta}


def main(argv: list[str] | None = None) -> int:
    return run_parts(
        "hw7/kmeans_study", __doc__, PARTS, argv, threads=1, epochs=10, batch_size=64, lr=ETA
    )


if __name__ == "__main__":
    sys.exit(main())
