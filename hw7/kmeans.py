"""HW7 Q1: k-means as a network that clusters MNIST without its labels.

    python hw7/kmeans.py             everything
    python hw7/kmeans.py --part b    the handout's training alone

(a) the step that SGD takes, against the formula that the handout derives for it; (b) the handout's
training from ten digit images, beside Lloyd's algorithm; (c) other starts, and whether they
collapse; beyond: what brings the same network to Lloyd's inertia; appendix: the choice of η.
Figures and summary.json go to results/hw7/kmeans/; hw7/README.md explains them.
"""

import sys
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, one_hot

from common import plots
from common.data import Batches
from common.loop import fit
from common.run import Run, run_parts
from hw7.clustering import BETA, assign, contingency, inertia, lloyd, purity, scores
from hw7.kmeans_by_hand import (
    balancing_eta,
    bias_squared,
    border_repulsion,
    variance,
)
from hw7.kmeans_study import SEEDS, START, compare_steps, starting_centers, study

ETA = 4.5  # the handout's learning rate
COLLAPSED = 5  # a clustering has collapsed if its effective number of clusters is below

# n images in a batch, N in all, d = 784 pixels, k = 10 centers.


class KMeans(nn.Module):
    """The handout's network: images (n, 1, 28, 28) to (nearest center − image), (n, 784)."""

    def __init__(self):
        super().__init__()
        self.centers = nn.Parameter(torch.rand(10, 784))  # C, one center per row
        self.flatten = nn.Flatten()
        self.softmax = nn.Softmax(dim=1)

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
    return mse_loss(error, torch.zeros_like(error))


def mean_over_images(error: Tensor, label: Tensor) -> Tensor:
    """‖error‖² averaged over the batch only: the loss that (a)'s formula belongs to."""
    return error.square().sum(1).mean()


def part_a(run: Run) -> dict[str, Any]:
    """the step of autograd + SGD against the formula, and what it makes of ten epochs"""
    steps = [
        compare_steps(run, ArgmaxKMeans(), mean_over_images, ETA, "batch", "argmax"),
        compare_steps(run, KMeans(), mean_over_images, ETA, "batch", "softmax"),
        compare_steps(run, KMeans(), mean_over_pixels, ETA, "batch and pixels", "softmax"),
    ]
    literal = {"start": "digit images", "averaged": "batch and pixels", "soft": True, "eta": ETA}
    rows = [
        literal,
        literal | {"soft": False},
        literal | {"soft": False, "eta": 10 * ETA},
        literal | {"eta": 10 * ETA},
        literal | {"averaged": "batch"},
        literal | {"averaged": "batch", "soft": False},
        literal | {"averaged": "cells", "soft": False, "eta": 0.05},
        literal | {"start": "uniform"},
        literal | {"start": "uniform", "soft": False},
    ]
    return {"steps": steps, "border": border(run), "rows": study(run, rows)}


def border(run: Run) -> dict[str, float]:
    """How much there is at the cells' borders, where the softmax's own gradient acts.

    "share" of the training images that are less than 99 % one center's, and "repulsion": for two
    centers at their mean squared distance, how many times as strongly an image there (p = ¾)
    pushes its nearest center away as an image inside the cell draws it.
    """
    x0, start = run.mnist.train.images.flatten(1), starting_centers(run, "digit images")
    p = torch.softmax(BETA * scores(x0, start), 1)  # (N, k)
    return {
        "share": (p.amax(1) < 0.99).double().mean().item(),
        "repulsion": border_repulsion(0.75, torch.pdist(start).square().mean().item()),
    }


def part_b(run: Run) -> dict[str, Any]:
    """the handout's training from ten digit images, and Lloyd's algorithm from the same start"""
    start = starting_centers(run, "digit images")
    model, history = train(run, KMeans(), start, run.args.lr)
    images, labels = run.mnist.train
    x0 = images.flatten(1)  # (N, d)
    centers = model.centers.detach()
    lloyd_centers, iterations = lloyd_from_digit_images(run)
    table = contingency(labels, assign(x0, centers))
    lloyd_table = contingency(labels, assign(x0, lloyd_centers))
    results = {
        "train_loss": [row["train_loss"] for row in history],
        "test_loss": [row["test_loss"] for row in history],
        "table": table.tolist(),
        "inertia": inertia(x0, centers),
        "purity": purity(table),
        "smallest_cluster": table.sum(0).min().item(),
        "lloyd_inertia": inertia(x0, lloyd_centers),
        "lloyd_purity": purity(lloyd_table),
        "lloyd_iterations": iterations,
        "lloyd_smallest_cluster": lloyd_table.sum(0).min().item(),
    }
    print(f"  inertia {results['inertia']:.2f}, purity {results['purity']:.3f}; Lloyd's algorithm "
          f"({iterations} iterations): {results['lloyd_inertia']:.2f}, "
          f"{results['lloyd_purity']:.3f}")  # fmt: skip
    both = torch.cat([centers, lloyd_centers]).cpu()
    numbers = [f"{size:,}" for size in torch.cat([table.sum(0), lloyd_table.sum(0)]).tolist()]
    rows = ["the network", "Lloyd's algorithm"]
    title = "Centers, and the number of training images nearest to each"
    run.save("b_centers", plots.image_grid(both, 10, numbers, rows, title))
    title = f"{len(labels):,} training images: digit against cluster"
    run.save("b_table", plots.count_table(table.cpu(), "digit", "cluster", title))
    lines = [",".join(["digit", *(f"cluster {j}" for j in range(10))])]
    lines += [",".join(map(str, [i, *row])) for i, row in enumerate(results["table"])]
    run.write("b_table.csv", ("\n".join(lines) + "\n").encode())
    epochs = [row["epoch"] for row in history]
    losses = {
        "test images": (epochs, results["test_loss"]),
        "training images, during the epoch": (epochs, results["train_loss"]),
    }
    label = "squared error per pixel"
    run.save("b_test_loss", plots.curves(losses, "epoch", label, "Loss after each epoch", "o"))
    return results


def part_c(run: Run) -> dict[str, Any]:
    """other starts: the handout's network, and with an argmax and ten times its η"""
    names = [name for name in START if name != "digit images"]
    literal = {"averaged": "batch and pixels", "soft": True, "eta": run.args.lr}
    mended = literal | {"soft": False, "eta": 10 * run.args.lr}
    first: list[Tensor] = []
    results = {
        "criterion": f"collapsed: fewer than {COLLAPSED} effective clusters, exp(entropy of sizes)",
        "handout": study(run, [{"start": name} | literal for name in names], first),
        "argmax": study(run, [{"start": name} | mended for name in names]),
    }
    for row in results["handout"]:
        row["collapsed"] = [size is None or size < COLLAPSED for size in row["effective"]]
    title = f"Centers of the handout's network after {run.args.epochs} epochs, by start"
    titles = [name.replace(", ", ",\n") for name in names]
    run.save("c_centers", plots.image_grid(torch.cat(first).cpu(), 10, (), titles, title))
    return results


def beyond(run: Run) -> dict[str, Any]:
    """what brings the same network, SGD and ten epochs to Lloyd's inertia"""
    x0 = run.mnist.train.images.flatten(1)
    start = starting_centers(run, "digit images")
    lloyd_inertia = inertia(x0, lloyd_from_digit_images(run)[0])
    model, _ = train(run, ArgmaxKMeans(), start, 10 * run.args.lr)
    network = inertia(x0, model.centers.detach())
    print(f"  the network with an argmax, η = {10 * run.args.lr:g}: inertia {network:.3f}, "
          f"Lloyd's {lloyd_inertia:.3f}: {network / lloyd_inertia - 1:+.2%}")  # fmt: skip
    row = {"start": "digit images", "averaged": "batch and pixels", "soft": False}
    etas = [run.args.lr * factor for factor in (1, 3, 10, 30)]
    constant = study(run, [row | {"eta": eta} for eta in etas])
    decaying = study(run, [row | {"eta": eta, "decay": True} for eta in etas])
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
        level=("Lloyd's algorithm from the same start", lloyd_inertia),
        xscale="log",
    )
    run.save("beyond_eta", figure)
    return {
        "network_inertia": network,
        "lloyd_inertia": lloyd_inertia,
        "excess": network / lloyd_inertia - 1,
        "constant": constant,
        "decaying": decaying,
    }


def appendix(run: Run) -> dict[str, Any]:
    """the η that balances bias and variance, in the handout's model"""
    eta = np.linspace(1, 4.99, 400)
    b = 64
    sides = {
        "Bias²/a² = ((1 − α)/α)²": (eta, bias_squared(eta / 5)),
        f"Variance/a² = α²/(1 − (1 − α)²)/b, b = {b}": (eta, variance(eta / 5, b)),
    }
    title = f"Balance at η = {balancing_eta(b):.3f}"
    label = "in units of a²"
    run.save(
        "appendix_curves",
        plots.curves(sides, "η = 5α", label, title, yscale="log", ylim=(1e-4, 20)),
    )
    sizes = np.geomspace(1, 60_000, 200)
    line = {"balancing η": (sizes, [balancing_eta(b) for b in sizes])}
    figure = plots.curves(
        line,
        "batch size b",
        "balancing η",
        "The larger the batch, the nearer to η = 5, Lloyd's full step",
        level=("η = 5", 5),
        xscale="log",
    )
    run.save("appendix_balance", figure)
    balance = {str(b): balancing_eta(b) for b in (1, 16, 64, 256, 60_000)}
    print("  " + ", ".join(f"b = {b}: η = {eta:.3f}" for b, eta in balance.items()))
    return {"balance": balance}


@cache  # both (b) and beyond compare with it
def lloyd_from_digit_images(run: Run) -> tuple[Tensor, int]:
    return lloyd(run.mnist.train.images.flatten(1), starting_centers(run, "digit images"))


def train(run: Run, model: KMeans, start: Tensor, lr: float) -> tuple[KMeans, list[dict]]:
    """The handout's training of `model` from the centers `start`: the model and its epochs."""
    model.to(run.device).centers.data.copy_(start)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    batches = Batches(run.mnist.train, run.args.batch_size, run.args.seed, run.processes)
    test = Batches(run.mnist.test, processes=run.processes)
    return model, list(fit(model, batches, test, mean_over_pixels, optimizer, run.args.epochs))


PARTS = {"a": part_a, "b": part_b, "c": part_c, "beyond": beyond, "appendix": appendix}


def main(argv: list[str] | None = None) -> int:
    return run_parts(
        "hw7/kmeans", __doc__, PARTS, argv, threads=1, epochs=10, batch_size=64, lr=ETA
    )


if __name__ == "__main__":
    sys.exit(main())
