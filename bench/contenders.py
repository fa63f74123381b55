"""Contenders: several ways to do the same work, ours and the peers', by group.

A peer is what a student would write: the beginner tutorial's loop with torch's own layers, or
scikit-learn's estimator.
"""

from collections.abc import Callable
from functools import partial

from bench.trainings import Contender, Group, Work, initial_centers, make_trainings
from bench.tutorial import Images
from common.data import Batches
from common.layers import Dropout, Upsample
from hw7.clustering import lloyd
from hw7.kmeans import ETA
from hw7.kmeans_gradient import train_by_gradient

import torch
from sklearn.cluster import KMeans as LloydOfSklearn
from sklearn.cluster import MiniBatchKMeans
from torch import nn

EPOCHS = 10  # the handout's
SIDE_BY_SIDE = 5  # runs by hand, as there are starts in HW7 Q1 (c)
REPEATED = 20  # passes of a layer that are timed together


def compare_kmeans(b: int, seed: int) -> Group:
    """An epoch of the k-means network."""
    training = make_trainings(b, seed)["kmeans"]

    def prepare_by_hand(images: Images, runs: int = 1) -> Work:
        split = images.split()
        batches, starts = Batches(split, b, seed), initial_centers(split).expand(runs, -1, -1)
        return lambda: train_by_gradient(starts, batches, 1, [ETA] * runs)

    several = partial(prepare_by_hand, runs=SIDE_BY_SIDE)
    theirs = training.prepare_tutorial
    return {
        "tutorial": Contender(theirs, "tutorial", one_thread=False, plain=True),
        "network": Contender(training.prepare_ours, "tutorial"),
        "by_hand": Contender(prepare_by_hand, "tutorial"),
        "side_by_side": Contender(several, "tutorial", runs=SIDE_BY_SIDE),
    }


def compare_clusterings(b: int, seed: int) -> Group:
    """Work that returns centers (10, 784), all from the same start."""

    def by_hand(images: Images) -> Work:
        """The argmax, and η from 135 down to 0: the best that HW7 Q1 has found."""
        split = images.split()
        batches, starts = Batches(split, b, seed), initial_centers(split)[None]
        settings = {"soft": False, "decay": True}
        return lambda: train_by_gradient(starts, batches, EPOCHS, [30 * ETA], **settings)[0][0]

    def minibatch(images: Images) -> Work:
        """As many epochs and images in a batch, without a rule that stops it before."""
        split = images.split()
        x0, init = split.images.flatten(1).numpy(), initial_centers(split).numpy()
        settings = {"batch_size": b, "max_iter": EPOCHS, "random_state": seed}
        method = MiniBatchKMeans(10, init=init, n_init=1, max_no_improvement=None, **settings)
        return lambda: torch.from_numpy(method.fit(x0).cluster_centers_)

    def lloyd_ours(images: Images) -> Work:
        split = images.split()
        x0, centers = split.images.flatten(1), initial_centers(split)
        return lambda: lloyd(x0, centers)[0]

    def lloyd_sklearn(images: Images) -> Work:
        split = images.split()
        x0, init = split.images.flatten(1).numpy(), initial_centers(split).numpy()
        method = LloydOfSklearn(10, init=init, n_init=1, max_iter=500, tol=0)
        return lambda: torch.from_numpy(method.fit(x0).cluster_centers_)

    return {
        "minibatch": Contender(minibatch, "minibatch", one_thread=False, plain=True),
        "by_hand": Contender(by_hand, "minibatch"),
        "lloyd_sklearn": Contender(lloyd_sklearn, "lloyd_sklearn", one_thread=False, plain=True),
        "lloyd": Contender(lloyd_ours, "lloyd_sklearn", one_thread=False),
    }


def compare_layers(b: int, seed: int) -> Group:
    """Forward and backward of a layer, REPEATED times; the maps of dropout lie channels last."""

    def passes(layer: nn.Module, *shape: int) -> Callable[[Images], Work]:
        def prepare(images: Images) -> Work:
            x = torch.rand(b, *shape)
            if len(shape) == 3 and isinstance(layer, nn.Dropout):
                x = x.to(memory_format=torch.channels_last)
            weights = torch.ones_like(layer(x))
            x.requires_grad_()

            def repeat() -> None:
                for _ in range(REPEATED):
                    layer(x).backward(weights)

            return repeat

        return prepare

    group = {}
    bicubic = {"scale_factor": 2, "mode": "bicubic"}
    for name, theirs, ours, shape in [
        ("dropout_20x25x25", nn.Dropout(0.1), Dropout(0.1), (20, 25, 25)),
        ("dropout_20x5x5", nn.Dropout(0.1), Dropout(0.1), (20, 5, 5)),
        ("dropout_250", nn.Dropout(0.1), Dropout(0.1), (250,)),
        ("upsample_20x6x6", nn.Upsample(**bicubic), Upsample(**bicubic), (20, 6, 6)),
    ]:
        group[f"{name}_torch"] = Contender(passes(theirs, *shape), f"{name}_torch", plain=True)
        group[name] = Contender(passes(ours, *shape), f"{name}_torch")
    return group


# Group → function of the batch size and the seed.
CONTENDERS: dict[str, Callable[[int, int], Group]] = {
    "kmeans": compare_kmeans,
    "clustering": compare_clusterings,
    "cnn": lambda b, seed: make_trainings(b, seed)["cnn"].compare_threads(),
    "cnn_regular": lambda b, seed: make_trainings(b, seed)["cnn_regular"].compare_threads(),
    "autoencoder": lambda b, seed: make_trainings(b, seed)["autoencoder"].compare_threads(),
    "kmeans_loop": lambda b, seed: make_trainings(b, seed)["kmeans"].compare_loops(),
    "cnn_loop": lambda b, seed: make_trainings(b, seed)["cnn"].compare_loops(),
    "autoencoder_loop": lambda b, seed: make_trainings(b, seed)["autoencoder"].compare_loops(),
    "layers": compare_layers,
}
