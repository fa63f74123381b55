"""Clusterings: their initial centers, their measures, and Lloyd's algorithm to compare with.

N images of d = 784 pixels, k centers; an assignment holds the number of each image's cluster.
"""

from collections.abc import Callable
from typing import Any

from common.data import Split
from common.run import Run

import torch
from torch import Tensor
from torch.nn.functional import one_hot

BETA = 20  # sharpness of the softmax that stands for the nearest center
COLLAPSED = 5  # a clustering has collapsed if its effective number of clusters is below


def scores(x0: Tensor, centers: Tensor) -> Tensor:
    """v_i = x·C_iᵀ − ½‖C_i‖² for images (N, d) and centers (k, d): (N, k). [hw7 1.2]

    ‖x − C_i‖² = ‖x‖² − 2 v_i, so that the nearest center has the largest score.
    """
    return torch.addmm(-0.5 * centers.square().sum(1), x0, centers.T)  # (N, k)


def assign(x0: Tensor, centers: Tensor) -> Tensor:
    """The number of each image's nearest center, (N,), int64."""
    return scores(x0, centers).argmax(1)  # (N,) [hw7 1b]


def inertia(x0: Tensor, centers: Tensor) -> float:
    """Mean over the images of the squared distance to the nearest center, in pixel units²."""
    squared = x0.norm(dim=1).square() - 2 * scores(x0, centers).amax(1)  # (N,) [hw7 1b]
    return squared.cpu().double().mean().item()  # float64 is not on every device


def contingency(labels: Tensor, assignment: Tensor, k: int = 10) -> Tensor:
    """Counts (10, k): entry (i, j) is the number of images of digit i in cluster j."""
    return torch.bincount(labels * k + assignment, minlength=10 * k).reshape(10, k)  # [hw7 1b]


def purity(table: Tensor) -> float:
    """Share of the images whose digit is the most frequent one in their cluster, from `table`."""
    return (table.amax(0).sum() / table.sum()).item()  # [hw7 1b]


def effective_clusters(table: Tensor) -> float:
    """exp(entropy of the clusters' sizes): k when all are equal, 1 when one has everything."""
    shares = table.sum(0).cpu().double() / table.sum().cpu()
    return torch.special.entr(shares).sum().exp().item()


def describe(split: Split, centers: Tensor) -> dict[str, Any]:
    """The clustering of a split's images by `centers` (k, d), in numbers.

    "inertia", "purity" and "effective" clusters as above; whether it has "collapsed"; the number of
    images in its "smallest_cluster"; and the "table" of digits against clusters.
    """
    x0 = split.images.flatten(1)  # (N, d)
    table = contingency(split.labels, assign(x0, centers))
    effective = effective_clusters(table)
    return {
        "inertia": inertia(x0, centers),
        "purity": purity(table),
        "effective": effective,
        "collapsed": effective < COLLAPSED,
        "smallest_cluster": table.sum(0).min().item(),
        "table": table.tolist(),
    }


def lloyd(x0: Tensor, centers: Tensor, max_iter: int = 500) -> tuple[Tensor, int]:
    """Lloyd's algorithm: assign every image, move every center to its cell's mean, until at rest.

    A center whose cell is empty stays where it is.

    Args:
        x0: images (N, d).
        centers: the start (k, d); left as it is.
        max_iter: bound on the iterations.

    Returns:
        The centers and the number of iterations, the last of which changed no assignment.
    """
    k = len(centers)
    cells = torch.full((len(x0),), k, device=x0.device)  # (N,), the cell of each image; k: none
    sums, sizes = torch.zeros_like(centers), x0.new_zeros(k, 1)  # (k, d) and (k, 1), of each cell
    for iteration in range(1, max_iter + 1):
        nearest = assign(x0, centers)
        moved = (nearest != cells).nonzero()[:, 0]  # soon few: faster than all sums anew
        if not len(moved):
            return centers, iteration
        change = one_hot(nearest[moved], k + 1) - one_hot(cells[moved], k + 1)  # 1, 0 or −1
        change = change[:, :k].to(x0.dtype)  # (moved, k)
        sums += change.T @ x0[moved]
        sizes += change.sum(0)[:, None]
        cells = nearest
        centers = torch.where(sizes > 0, sums / sizes, centers)
    return centers, max_iter


# Initial centers: functions of images (N, d), their labels (N,) and a random generator on the CPU.


def digit_images(x0: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The handout's "cheat": C_i is an image of digit i.

    Training images 1, 3, 5, …, 19, counted from 0, are the digits 0 to 9 in order, in the
    repository's sample too; the course's own starter takes these.
    """
    return x0[1:20:2].clone()  # (k, d) [hw7 1b]


def uniform(x0: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Each coordinate uniform in [0, 1]."""
    return torch.rand(10, x0.shape[1], generator=generator).to(x0)  # (k, d) [hw7 1c]


def uniform_grey(x0: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Each coordinate uniform in [0, 2x̄], x̄ the mean of all pixels."""
    return uniform(x0, labels, generator) * 2 * x0.mean()  # (k, d) [hw7 1c]


def uniform_pixelwise(x0: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Coordinate j uniform in [0, 2x̄_j], x̄_j the mean of pixel j."""
    return uniform(x0, labels, generator) * 2 * x0.mean(0)


def random_images(x0: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Ten different training images."""
    order = torch.randperm(len(x0), generator=generator).to(x0.device)
    return x0[order[:10]].clone()  # (k, d) [hw7 1c]


def kmeans_plus_plus(x0: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Image after image, each drawn with a probability ∝ its squared distance to those before.

    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
    """
    chosen = [torch.randint(len(x0), (), generator=generator).item()]
    squares = x0.norm(dim=1).square()  # (N,)
    while len(chosen) < 10:
        nearest = squares - 2 * scores(x0, x0[chosen]).amax(1)  # (N,), squared distances
        weights = nearest.clamp_min(0).index_fill(0, torch.tensor(chosen, device=x0.device), 0)
        chosen.append(torch.multinomial(weights.cpu().double(), 1, generator=generator).item())
    return x0[chosen].clone()


INITIALIZERS: dict[str, Callable[[Tensor, Tensor, torch.Generator], Tensor]] = {
    "digit images": digit_images,
    "uniform": uniform,
    "uniform, mean grey": uniform_grey,
    "uniform, mean image": uniform_pixelwise,  # more than HW7 asks
    "random images": random_images,
    "k-means++": kmeans_plus_plus,  # more than HW7 asks
}


def initial_centers(run: Run, name: str, seed: int | None = None) -> Tensor:
    """Centers (k, d) of that kind, drawn with `seed` (None: the run's) where they are random.

    The generator is not the device's, so that a seed means the same centers everywhere.
    """
    images, labels = run.mnist.train
    seed = run.args.seed if seed is None else seed
    return INITIALIZERS[name](images.flatten(1), labels, torch.Generator("cpu").manual_seed(seed))
