"""Several processes against one: whether they learn the same, and in what time.

    torchrun --nproc-per-node=2 -m bench.scale      results/bench/scale/summary.json, ten minutes

The k-means network with the same batches, by its largest difference in a center's entry after so
many steps; the autoencoder of HW7 Q2 (b) with three seeds, by its losses after each epoch. While
one process trains alone, the others wait. The committed run was made with --out bench/results/scale
on two cores.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from common.data import Batches, Split
from common.faults import UserError
from common.loop import fit
from common.processes import ALONE, Processes
from common.run import Run, run_parts
from hw7.autoencoder import Autoencoder, code_square, elbo, error_square
from hw7.kmeans import ETA, ArgmaxKMeans, KMeans, mean_over_pixels
from hw7.kmeans_study import starting_centers

SEEDS = 3
KMEANS_EPOCHS = 10


def drift(
    run: Run, kind: type[nn.Module], dtype: torch.dtype, epochs: int, nudge: float = 0.0
) -> dict[str, float]:
    """Largest difference of the centers after 1, 10, … steps, trained by one and by all.

    With a `nudge`, by one and by one whose start has noise of that size.
    """
    images, labels = run.mnist.train
    split, start = Split(images.to(dtype), labels), starting_centers(run, "digit images")
    models, all_batches = [], []
    for processes, size in ((ALONE, 0.0), (ALONE if nudge else run.processes, nudge)):
        models.append(kind().to(run.device, dtype))
        models[-1].centers.data.copy_(start + size * torch.randn(start.shape, dtype=dtype))
        all_batches.append(Batches(split, run.args.batch_size, run.args.seed, processes))
    found, step = {}, 0
    for _ in range(epochs):
        for pair in zip(*all_batches):
            for model, batches, (x, y) in zip(models, all_batches, pair):
                model.zero_grad()
                if len(y):
                    mean_over_pixels(model(x), y).backward()
                batches.processes.average_gradients(model, len(y))
                model.centers.data -= ETA * model.centers.grad
            step += 1
            if str(step).strip("0") == "1" or step == epochs * len(all_batches[0]):
                one, other = (model.centers.detach() for model in models)
                found[str(step)] = (one - other).abs().max().item()
    name = f"{kind.__name__}, {dtype}".replace("torch.", "")
    print(f"  {name:<21} " + "  ".join(f"{k}: {v:.0e}" for k, v in found.items()), flush=True)
    return found


def kmeans(run: Run) -> dict[str, Any]:
    """the centers' largest difference from those of one process, by steps"""
    check(run)
    return {
        "argmax": drift(run, ArgmaxKMeans, torch.float32, KMEANS_EPOCHS),
        "softmax": drift(run, KMeans, torch.float32, 1),
        "softmax_float64": drift(run, KMeans, torch.float64, 1),
    }


def perturbed(run: Run) -> dict[str, Any]:
    """the softmax network's centers against its own from a start that differs by 1e-16"""
    return {"softmax_float64": drift(run, KMeans, torch.float64, 1, nudge=1e-16)}


def autoencoder(run: Run) -> dict[str, Any]:
    """the losses of the handout's autoencoder by epoch, with one process and with all"""
    check(run)
    results: dict[str, Any] = {}
    for seed in range(run.args.seed, run.args.seed + SEEDS):
        for name, each in {
            "alone": first_only(run, lambda seed=seed: trained(run, seed, ALONE)),
            "together": trained(run, seed, run.processes),
        }.items():
            for column, values in each.items():
                results.setdefault(name, {}).setdefault(column, []).append(values)
    for column in ("train_loss", "test_loss"):
        for epoch in range(run.args.epochs):
            one, both = (
                [seed[epoch] for seed in results[name][column]] for name in ("alone", "together")
            )
            row = {"alone": spread(one), "together": spread(both)}
            row["difference"] = statistics.mean(both) - statistics.mean(one)
            results.setdefault(column, []).append(row)
            print(f"  epoch {epoch + 1}  {column:<10}  alone {told(one)}, together {told(both)}")
    for name in ("alone", "together"):
        seconds = [value for seed in results[name]["seconds"] for value in seed]
        results[f"seconds_{name}"] = statistics.median(seconds)
    print(f"  seconds of an epoch: {results['seconds_alone']:.1f} alone, "
          f"{results['seconds_together']:.1f} together")  # fmt: skip
    return results


def trained(run: Run, seed: int, processes: Processes) -> dict[str, list[float]]:
    """The losses by epoch, and the seconds of each."""
    torch.manual_seed(processes.seed(seed))
    model = Autoencoder().to(run.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=run.args.lr)
    train = Batches(run.mnist.train, run.args.batch_size, seed, processes)
    test = Batches(run.mnist.test, processes=processes)
    metrics = {"code": code_square, "error": error_square}
    found: dict[str, list[float]] = {}
    began = time.perf_counter()
    for row in fit(model, train, test, elbo, optimizer, run.args.epochs, metrics):
        row["seconds"] = time.perf_counter() - began
        began = time.perf_counter()
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return found


def first_only(run: Run, function: Callable[[], Any]) -> Any:
    """What process 0 makes of it, while the others wait."""
    return run.processes.gathered(function() if run.processes.rank == 0 else None)[0]


def spread(values: list[float]) -> dict[str, float]:
    return {"mean": statistics.mean(values), "std": statistics.stdev(values)}


def told(values: list[float]) -> str:
    return f"{statistics.mean(values):.5f} ± {statistics.stdev(values):.5f}"


def check(run: Run) -> None:
    if run.processes.world == 1:
        raise UserError("this compares several processes with one: start it with "
                        "torchrun --nproc-per-node=2 -m bench.scale")  # fmt: skip


if __name__ == "__main__":
    parts = {"kmeans": kmeans, "perturbed": perturbed, "autoencoder": autoencoder}
    options = {"epochs": 2, "batch_size": 64, "lr": 0.1}
    sys.exit(run_parts("bench/scale", __doc__, parts, threads=1, **options))
