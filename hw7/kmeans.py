"""HW7 Q1: k-means as a network that clusters MNIST without its labels.

    python hw7/kmeans.py             everything, in one or two minutes
    python hw7/kmeans.py --part b    the handout's training alone

(a) the step that SGD takes, against the formula that the handout derives for it; (b) the handout's
training from ten digit images, beside Lloyd's algorithm; (c) the same from other initial centers,
and whether they collapse; appendix: the choice of η. To be expected of (b): an inertia of about 40,
Lloyd's 39.22. Figures and summary.json go to results/hw7/kmeans/; hw7/README.md explains them.
What changes of this setting do is measured by hw7/kmeans_study.py.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw7.clustering import BETA, INITIALIZERS, assign, describe, initial_centers, lloyd
from hw7.kmeans_theory import balancing_eta, bias_squared, formula_step, variance

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, one_hot

ETA = 4.5  # the handout's learning rate

# n images in a batch, N in all, d = 784 pixels, k = 10 centers.


class KMeans(nn.Module):
    """The handout's network: images (n, 1, 28, 28) to (nearest center − image), (n, 784)."""

    def __init__(self):
        super().__init__()
        self.centers = nn.Parameter(torch.rand(10, 784))  # (k, d), a center per row [hw7 1]
        self.flatten = nn.Flatten()  # (n, 1, 28, 28) to (n, d) [hw7 1]
        self.softmax = nn.Softmax(dim=1)  # (n, k) to (n, k) [hw7 1]

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.flatten(x)  # (n, d) [hw7 1.1]
        v = x0 @ self.centers.T - 0.5 * (self.centers**2).sum(1)  # (n, k) [hw7 1.2]
        p = self.softmax(BETA * v)  # (n, k) [hw7 1.3]
        reconstruction = p @ self.centers  # (n, d) [hw7 1.4]
        return reconstruction - x0  # (n, d) [hw7 1.5]


class ArgmaxKMeans(KMeans):
    """The same network as (a)'s derivation takes it, with an argmax for the softmax.

    No gradient passes through the assignment: C learns only from its place in the reconstruction.
    """

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.flatten(x)
        p = one_hot(assign(x0, self.centers), 10).to(x0.dtype)  # (n, k)
        return p @ self.centers - x0


def mean_over_pixels(error: Tensor, label: Tensor) -> Tensor:
    """The handout's loss: ‖error‖² averaged over the batch and over the 784 pixels."""
    return mse_loss(error, torch.zeros_like(error))  # scalar [hw7 1.6]


def mean_over_images(error: Tensor, label: Tensor) -> Tensor:
    """‖error‖² averaged over the batch only: the loss that (a)'s formula belongs to."""
    return error.square().sum(1).mean()


def train(run: Run, model: KMeans, centers: Tensor, lr: float) -> list[dict[str, Any]]:
    """The handout's training of `model` from `centers` (k, d); the rows of its epochs."""
    run.place(model).centers.data.copy_(centers)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return run.fit(model, mean_over_pixels, optimizer)


def compare_steps(run: Run, model: KMeans, loss_fn: Callable) -> dict[str, Any]:
    """What SGD adds to the centers in one step, and what the formula does, on 100 real batches.

    Every batch starts at the same ten digit images. "difference" is the largest over all entries,
    with the cells' true sizes; "relative" are lengths of the differences over the formula's, with
    the true sizes and with the handout's n/10; "length" is how long the step is along the latter.
    """
    start = initial_centers(run, "digit images")
    optimizer = torch.optim.SGD(run.place(model).parameters(), lr=ETA)
    taken, true, handout = [], [], []
    for (x, y), _ in zip(run.batches(run.mnist.train), range(100)):
        model.centers.data.copy_(start)
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
        taken.append(model.centers.detach() - start)
        true.append(formula_step(start, x.flatten(1), ETA))
        handout.append(formula_step(start, x.flatten(1), ETA, cell_size=len(x) / 10))
    taken, true, handout = torch.stack(taken), torch.stack(true), torch.stack(handout)
    return {
        "difference": (taken - true).abs().max().item(),
        "relative": ((taken - true).norm() / true.norm()).item(),
        "relative_handout": ((taken - handout).norm() / handout.norm()).item(),
        "length": ((taken * handout).sum() / handout.square().sum()).item(),
    }


def part_a(run: Run) -> dict[str, Any]:
    """the step of autograd + SGD against the formula"""
    results = {
        "argmax": compare_steps(run, ArgmaxKMeans(), mean_over_images),
        "softmax": compare_steps(run, KMeans(), mean_over_images),
        "handout": compare_steps(run, KMeans(), mean_over_pixels),
    }
    for name, row in results.items():
        print(f"  {name:<8}  off the formula by at most {row['difference']:.1e}, relative "
              f"{row['relative']:.1e}; with n/10 per cell: relative {row['relative_handout']:.2f}, "
              f"length {row['length']:.5f}")  # fmt: skip
    return results


def part_b(run: Run) -> dict[str, Any]:
    """the handout's training from ten digit images"""
    start = initial_centers(run, "digit images")
    model = KMeans()
    history = train(run, model, start, run.args.lr)
    images, labels = run.mnist.train
    centers = {"network": model.centers.detach()}
    centers["lloyd"], iterations = lloyd(images.flatten(1), start)  # more than HW7 asks
    results: dict[str, Any] = {"test_loss": [row["test_loss"] for row in history]}
    for name, C in centers.items():
        results[name] = describe(run.mnist.train, C)
        print(f"  {name:<8}  inertia {results[name]['inertia']:.2f}, purity "
              f"{results[name]['purity']:.3f}")  # fmt: skip
    results["lloyd"]["iterations"] = iterations  # more than HW7 asks
    sizes = [f"{size:,}" for row in results.values() if "table" in row
             for size in np.sum(row["table"], 0)]  # fmt: skip
    title = "Centers, and the number of training images nearest to each"
    rows = ["the network", "Lloyd's algorithm"]
    grid = plots.image_grid(torch.cat([*centers.values()]).cpu(), 10, sizes, rows, title)
    run.save("b_centers", grid)
    table = results["network"]["table"]
    title = f"{len(labels):,} training images: digit against cluster"
    run.save("b_table", plots.count_table(table, "digit", "cluster", title))
    save_details(run, history, table)  # more than HW7 asks
    return results


def save_details(run: Run, history: list[dict[str, Any]], table: list[list[int]]) -> None:
    """The table of part (b) as CSV, and the loss after each epoch as a figure."""
    lines = ["digit," + ",".join(f"cluster {j}" for j in range(10))]
    lines += [",".join(map(str, [digit, *row])) for digit, row in enumerate(table)]
    run.write("b_table.csv", ("\n".join(lines) + "\n").encode())
    title = "Loss after each epoch"
    figure = plots.learning_curves(history, "loss", "squared error per pixel", title)
    run.save("b_test_loss", figure)


def part_c(run: Run) -> dict[str, Any]:
    """the handout's training from other initial centers"""
    results, centers = {}, []
    names = [name for name in INITIALIZERS if name != "digit images"]
    for name in names:
        print(f"  {name}")
        model = KMeans()
        train(run, model, initial_centers(run, name), run.args.lr)
        centers.append(model.centers.detach())
        results[name] = describe(run.mnist.train, centers[-1])
    for name, row in results.items():
        print(f"  {name:<19}  inertia {row['inertia']:.2f}, purity {row['purity']:.3f}, effective "
              f"clusters {row['effective']:.1f}{', collapsed' * row['collapsed']}")  # fmt: skip
    title = f"Centers of the handout's network after {run.args.epochs} epochs"
    titles = [name.replace(", ", ",\n") for name in names]
    run.save("c_centers", plots.image_grid(torch.cat(centers).cpu(), 10, (), titles, title))
    return results


def appendix(run: Run) -> dict[str, Any]:
    """the η that balances bias and variance, in the handout's model"""
    eta, b = np.linspace(1, 4.99, 400), 64
    sides = {
        "Bias²/a² = ((1 − α)/α)²": (eta, bias_squared(eta / 5)),
        f"Variance/a² = α²/(1 − (1 − α)²)/b, b = {b}": (eta, variance(eta / 5, b)),
    }
    title = f"Balance at η = {balancing_eta(b):.3f}"
    scale = {"yscale": "log", "ylim": (1e-4, 20)}
    run.save("appendix_curves", plots.curves(sides, "η = 5α", "in units of a²", title, **scale))
    sizes = np.geomspace(1, 60_000, 200)
    line = {"balancing η": (sizes, [balancing_eta(b) for b in sizes])}
    title = "The larger the batch, the nearer to η = 5, Lloyd's full step"
    level = ("η = 5", 5)
    figure = plots.curves(line, "batch size b", "balancing η", title, level=level, xscale="log")
    run.save("appendix_balance", figure)
    balance = {str(b): balancing_eta(b) for b in (1, 16, 64, 256, 60_000)}
    print("  " + ", ".join(f"b = {b}: η = {eta:.3f}" for b, eta in balance.items()))
    return {"balance": balance}


PARTS = {"a": part_a, "b": part_b, "c": part_c, "appendix": appendix}


def main(argv: list[str] | None = None) -> int:
    # one thread: these operations are too short to share
    return run_parts(
        "hw7/kmeans", __doc__, PARTS, argv, threads=1, epochs=10, batch_size=64, lr=ETA
    )


if __name__ == "__main__":
    sys.exit(main())
