"""Several processes against one: whether they learn the same, and in what time.

    torchrun --nproc-per-node=2 -m bench.scale      results/bench/scale/summary.json, ten minutes

The k-means network is trained on the same batches by one process and by all. Told is the largest
difference of an entry of its centers after so many steps. The autoencoder of HW7 Q2 (b) is trained
with three seeds; told are its losses after each epoch. While one process trains alone, the others
wait. The committed run was made with --out bench/results/scale on two cores.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from common.data import Batches, Split
from common.loop import fit
from common.run import Run, UserError, run_parts
from common.runtime.parallel import ALONE, Processes
from common.runtime.rng import derive_seed
from common.runtime.shards import ShardedBatches, train_together
from hw7.autoencoder import Autoencoder, negative_elbo, squared_code_norm
from hw7.clustering import initial_centers
from hw7.kmeans import ETA, ArgmaxKMeans, KMeans, mean_over_pixels
from hw7.vae import reconstruction_error

import torch
from torch import Tensor, nn

SEEDS = 3
KMEANS_EPOCHS = 10

Step = Callable[[Tensor, Tensor], None]


def make_batches(split: Split, batch_size: int | None, seed: int | None, processes: Processes):
    """The split in batches for one process, or sharded among several."""
    sizes = () if batch_size is None else (batch_size,)
    if processes.world == 1:
        return Batches(split, *sizes, seed=seed)
    return ShardedBatches(split, *sizes, seed=seed, processes=processes)


def make_pupil(model: nn.Module, batches: Batches, processes: Processes) -> Step:
    """The function that takes the model's SGD step on a batch, together with the others'."""
    optimizer = torch.optim.SGD(model.parameters(), lr=ETA)
    if processes.world > 1:
        train_together(model, optimizer, batches, processes)

    def take_step(x: Tensor, y: Tensor) -> None:
        mean_over_pixels(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()

    return take_step


def measure_drift(
    run: Run, kind: type[nn.Module], dtype: torch.dtype, epochs: int, nudge: float = 0.0
) -> dict[str, float]:
    """Largest difference of the centers after 1, 10, … steps, trained by one and by all.

    With a `nudge`, by one and by one whose start has noise of that size.
    """
    images, labels = run.mnist.train
    split, start = Split(images.to(dtype), labels), initial_centers(run, "digit images")
    models, all_batches, steps = [], [], []
    for processes, size in ((ALONE, 0.0), (ALONE if nudge else run.processes, nudge)):
        model = kind().to(run.device, dtype)
        model.centers.data.copy_(start + size * torch.randn(start.shape, dtype=dtype))
        batches = make_batches(split, run.args.batch_size, run.args.seed, processes)
        models.append(model)
        all_batches.append(batches)
        steps.append(make_pupil(model, batches, processes))
    found, step = {}, 0
    for _ in range(epochs):
        for pair in zip(*all_batches):
            for take_step, batch in zip(steps, pair):
                take_step(*batch)
            step += 1
            if str(step).strip("0") == "1" or step == epochs * len(all_batches[0]):
                one, other = (model.centers.detach() for model in models)
                found[str(step)] = (one - other).abs().max().item()
    name = f"{kind.__name__}, {dtype}".replace("torch.", "")
    print(f"  {name:<21} " + "  ".join(f"{k}: {v:.0e}" for k, v in found.items()), flush=True)
    return found


def compare_kmeans(run: Run) -> dict[str, Any]:
    """the centers' largest difference from those of one process, by steps"""
    check_processes(run)
    return {
        "argmax": measure_drift(run, ArgmaxKMeans, torch.float32, KMEANS_EPOCHS),
        "softmax": measure_drift(run, KMeans, torch.float32, 1),
        "softmax_float64": measure_drift(run, KMeans, torch.float64, 1),
    }


def perturb_kmeans(run: Run) -> dict[str, Any]:
    """the softmax network's centers against its own from a start that differs by 1e-16"""
    return {"softmax_float64": measure_drift(run, KMeans, torch.float64, 1, nudge=1e-16)}


def compare_autoencoder(run: Run) -> dict[str, Any]:
    """the losses of the handout's autoencoder by epoch, with one process and with all"""
    check_processes(run)
    results: dict[str, Any] = {}
    for seed in range(run.args.seed, run.args.seed + SEEDS):
        for name, columns in {
            "alone": run_on_first(run, lambda seed=seed: train_autoencoder(run, seed, ALONE)),
            "together": train_autoencoder(run, seed, run.processes),
        }.items():
            for column, values in columns.items():
                results.setdefault(name, {}).setdefault(column, []).append(values)
    for column in ("train_loss", "test_loss"):
        for epoch in range(run.args.epochs):
            one, both = (
                [seed[epoch] for seed in results[name][column]] for name in ("alone", "together")
            )
            row = {"alone": describe_spread(one), "together": describe_spread(both)}
            row["difference"] = statistics.mean(both) - statistics.mean(one)
            results.setdefault(column, []).append(row)
            print(f"  epoch {epoch + 1}  {column:<10}  "
                  f"alone {format_spread(one)}, together {format_spread(both)}")  # fmt: skip
    for name in ("alone", "together"):
        seconds = [value for seed in results[name]["seconds"] for value in seed]
        results[f"seconds_{name}"] = statistics.median(seconds)
    print(f"  seconds of an epoch: {results['seconds_alone']:.1f} alone, "
          f"{results['seconds_together']:.1f} together")  # fmt: skip
    return results


def train_autoencoder(run: Run, seed: int, processes: Processes) -> dict[str, list[float]]:
    """The losses by epoch, and the seconds of each."""
    torch.manual_seed(derive_seed(seed, processes.rank))
    model = run.place(Autoencoder())
    optimizer = torch.optim.SGD(model.parameters(), lr=run.args.lr)
    train = make_batches(run.mnist.train, run.args.batch_size, seed, processes)
    test = make_batches(run.mnist.test, None, None, processes)
    if processes.world > 1:
        train_together(model, optimizer, train, processes)
    metrics = {"code": squared_code_norm, "error": reconstruction_error}
    columns: dict[str, list[float]] = {}
    began = time.perf_counter()
    for row in fit(model, train, test, negative_elbo, optimizer, run.args.epochs, metrics):
        row["seconds"] = time.perf_counter() - began
        began = time.perf_counter()
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def run_on_first(run: Run, function: Callable[[], Any]) -> Any:
    """What the function returns in process 0, given to all; the others wait."""
    return run.processes.all_gather(function() if run.processes.rank == 0 else None)[0]


def describe_spread(values: list[float]) -> dict[str, float]:
    return {"mean": statistics.mean(values), "std": statistics.stdev(values)}


def format_spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.5f} ± {statistics.stdev(values):.5f}"


def check_processes(run: Run) -> None:
    if run.processes.world == 1:
        raise UserError("this compares several processes with one: start it with "
                        "torchrun --nproc-per-node=2 -m bench.scale")  # fmt: skip


PARTS = {"kmeans": compare_kmeans, "perturbed": perturb_kmeans, "autoencoder": compare_autoencoder}


def main(argv: list[str] | None = None) -> int:
    options = {"epochs": 2, "batch_size": 64, "lr": 0.1}
    return run_parts("bench/scale", __doc__, PARTS, argv, threads=1, **options)


if __name__ == "__main__":
    sys.exit(main())
