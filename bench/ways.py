"""Ways to do the same work: ours and the peers', by the name of what is compared.

A peer is what a student would write: the beginner tutorial's loop with its DataLoader over
torchvision's MNIST and torch's own layers, or scikit-learn's estimator.
"""

import contextlib
import io
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from sklearn.cluster import KMeans as LloydOfSklearn
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from common.data import DATA, MNIST_MD5, Batches, Mnist, Split, load_mnist
from common.layers import Dropout, Upsample
from common.loop import train_loop
from hw6.cnn import CNN
from hw7.autoencoder import Autoencoder, elbo
from hw7.clustering import digit_images, lloyd
from hw7.kmeans import ETA, KMeans, mean_over_pixels
from hw7.kmeans_by_hand import train_by_hand

EPOCHS = 10  # the handout's
SIDE_BY_SIDE = 5  # runs by hand, as there are starts in HW7 Q1 (c)
REPEATED = 20  # passes of a layer that are timed together

Work = Callable[[], Any]


class Images(NamedTuple):
    """Which images a way works on."""

    data: str | None  # as --data
    count: int | None = None  # the first so many of the training images; None: all; or repeated

    def split(self) -> Split:
        """As our scripts have them."""
        images, labels = mnist(self.data).train
        count = self.count or len(labels)
        if count <= len(labels):
            return Split(images[:count], labels[:count])
        index = torch.arange(count) % len(labels)
        return Split(images[index], labels[index])

    def dataset(self) -> Dataset:
        """As the tutorial has them: each becomes a PIL image and then a tensor at every access."""
        folder = Path(self.data or DATA)
        if all((folder / "MNIST" / "raw" / name).exists() for name in MNIST_MD5):
            whole = MNIST(folder, transform=ToTensor())
        else:  # the sample, or .gz files
            whole = TutorialImages(mnist(self.data).train)
        count = self.count or len(whole)
        return (
            whole if count == len(whole) else Subset(whole, [i % len(whole) for i in range(count)])
        )


@cache
def mnist(data: str | None) -> Mnist:
    with contextlib.redirect_stdout(io.StringIO()):  # else each process says so
        return load_mnist(data)


class Way(NamedTuple):
    """One way to do the work.

    Attributes:
        ready: makes everything ready on these images, and returns what is to be timed.
        peer: the way whose time is divided by this one's.
        one: whether it runs on one thread; otherwise on all that torch takes.
        plain: whether torch stays as it comes, without `common.cpu.prepare_cpu`.
        runs: how many runs it makes side by side; what is told of it is the time of one.
    """

    ready: Callable[[Images], Work]
    peer: str
    one: bool = True
    plain: bool = False
    runs: int = 1


class Training(NamedTuple):
    """A network as its script trains it, for an epoch."""

    make: Callable[[Images], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]
    lr: float
    batch_size: int
    seed: int

    def ours(self, images: Images) -> Work:
        model = self.make(images).to(memory_format=torch.channels_last)
        batches = Batches(images.split(), self.batch_size, self.seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=self.lr)
        return lambda: train_loop(model, batches, self.loss, optimizer)

    def bare(self, images: Images, gathering: bool = False) -> Work:
        """Nothing but the steps, on batches that are there already, or are gathered as ours are."""
        model = self.make(images).to(memory_format=torch.channels_last).train()
        batches = Batches(images.split(), self.batch_size, self.seed)
        batches = batches if gathering else list(batches)
        optimizer = torch.optim.SGD(model.parameters(), lr=self.lr)

        def epoch() -> None:
            for X, y in batches:
                self.loss(model(X), y).backward()
                optimizer.step()
                optimizer.zero_grad()

        return epoch

    def tutorial(self, images: Images) -> Work:
        """The tutorial's train loop."""
        model = with_layers_of_torch(self.make(images)).train()
        loader = DataLoader(images.dataset(), self.batch_size, shuffle=True)
        optimizer = torch.optim.SGD(model.parameters(), lr=self.lr)

        def epoch() -> None:
            for batch, (X, y) in enumerate(loader):
                loss = self.loss(model(X), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                if batch % 100 == 0:
                    loss.item()  # the tutorial prints it

        return epoch

    def by_threads(self) -> dict[str, Way]:
        """The tutorial's loop and ours, both on all threads and both on one."""
        return {
            "tutorial_all": Way(self.tutorial, "tutorial_all", one=False, plain=True),
            "ours_all": Way(self.ours, "tutorial_all", one=False),
            "tutorial_1": Way(self.tutorial, "tutorial_1", plain=True),
            "ours_1": Way(self.ours, "tutorial_1"),
        }


class TutorialImages(MNIST):
    """torchvision's data set, around images that are in memory already."""

    def __init__(self, split: Split):
        self.data = (split.images[:, 0] * 255).round().byte()
        self.targets = split.labels
        self.transform, self.target_transform = ToTensor(), None


def with_layers_of_torch(
    model: nn.Module, kinds: tuple[type[nn.Module], ...] = (Dropout, Upsample)
) -> nn.Module:
    """The model with torch's own layers for those kinds of ours."""
    for layer in model.modules():
        if isinstance(layer, kinds):
            layer.__class__ = type(layer).__base__
    return model


def centered(images: Images, kind: type[KMeans] = KMeans) -> KMeans:
    """The k-means network with the handout's start."""
    model = kind()
    model.centers.data.copy_(start(images.split()))
    return model


def start(split: Split) -> Tensor:
    return digit_images(split.images.flatten(1), split.labels, torch.Generator())


def trainings(b: int, seed: int) -> dict[str, Training]:
    regular = {"batch_norm": True, "dropout": 0.1}
    return {
        "kmeans": Training(centered, mean_over_pixels, ETA, b, seed),
        "cnn": Training(lambda images: CNN(), cross_entropy, 0.1, b, seed),
        "cnn_regular": Training(lambda images: CNN(**regular), cross_entropy, 0.1, b, seed),
        "autoencoder": Training(lambda images: Autoencoder(), elbo, 0.1, b, seed),
    }


def kmeans(b: int, seed: int) -> dict[str, Way]:
    training = trainings(b, seed)["kmeans"]

    def by_hand(images: Images, runs: int = 1) -> Work:
        split = images.split()
        batches, starts = Batches(split, b, seed), start(split).expand(runs, -1, -1)
        return lambda: train_by_hand(starts, batches, 1, [ETA] * runs)

    many = partial(by_hand, runs=SIDE_BY_SIDE)
    return {
        "tutorial": Way(training.tutorial, "tutorial", one=False, plain=True),
        "network": Way(training.ours, "tutorial"),
        "by_hand": Way(by_hand, "tutorial"),
        "side_by_side": Way(many, "tutorial", runs=SIDE_BY_SIDE),
    }


def clustering(b: int, seed: int) -> dict[str, Way]:
    """Work that returns centers (10, 784), all from the same start."""

    def by_hand(images: Images) -> Work:
        """The argmax, and η from 135 down to 0: the best of hw7/kmeans.py."""
        split = images.split()
        batches, starts = Batches(split, b, seed), start(split)[None]
        etas = [30 * ETA]
        return lambda: train_by_hand(starts, batches, EPOCHS, etas, soft=False, decay=True)[0][0]

    def minibatch(images: Images) -> Work:
        """As many epochs and images in a batch, without a rule that stops it before."""
        split = images.split()
        x0, init = split.images.flatten(1).numpy(), start(split).numpy()
        settings = {"batch_size": b, "max_iter": EPOCHS, "random_state": seed}
        method = MiniBatchKMeans(10, init=init, n_init=1, max_no_improvement=None, **settings)
        return lambda: torch.from_numpy(method.fit(x0).cluster_centers_)

    def lloyd_ours(images: Images) -> Work:
        split = images.split()
        x0, centers = split.images.flatten(1), start(split)
        return lambda: lloyd(x0, centers)[0]

    def lloyd_sklearn(images: Images) -> Work:
        split = images.split()
        x0 = split.images.flatten(1).numpy()
        method = LloydOfSklearn(10, init=start(split).numpy(), n_init=1, max_iter=500, tol=0)
        return lambda: torch.from_numpy(method.fit(x0).cluster_centers_)

    return {
        "minibatch": Way(minibatch, "minibatch", one=False, plain=True),
        "by_hand": Way(by_hand, "minibatch"),
        "lloyd_sklearn": Way(lloyd_sklearn, "lloyd_sklearn", one=False, plain=True),
        "lloyd": Way(lloyd_ours, "lloyd_sklearn", one=False),
    }


def loop(training: Training) -> dict[str, Way]:
    """Epochs by our loop; the bare steps with the gathering of their batches, and alone."""
    return {
        "loop": Way(training.ours, "loop"),
        "gathering": Way(partial(training.bare, gathering=True), "loop"),
        "bare": Way(training.bare, "loop"),
    }


def layers(b: int, seed: int) -> dict[str, Way]:
    """Forward and backward of a layer, REPEATED times; the maps of dropout lie channels last."""

    def passes(layer: nn.Module, *shape: int) -> Callable[[Images], Work]:
        def ready(images: Images) -> Work:
            x = torch.rand(b, *shape)
            if len(shape) == 3 and isinstance(layer, nn.Dropout):
                x = x.to(memory_format=torch.channels_last)
            weights = torch.ones_like(layer(x))
            x.requires_grad_()

            def repeated() -> None:
                for _ in range(REPEATED):
                    layer(x).backward(weights)

            return repeated

        return ready

    found = {}
    bicubic = {"scale_factor": 2, "mode": "bicubic"}
    for name, theirs, ours, shape in [
        ("dropout_20x25x25", nn.Dropout(0.1), Dropout(0.1), (20, 25, 25)),
        ("dropout_20x5x5", nn.Dropout(0.1), Dropout(0.1), (20, 5, 5)),
        ("dropout_250", nn.Dropout(0.1), Dropout(0.1), (250,)),
        ("upsample_20x6x6", nn.Upsample(**bicubic), Upsample(**bicubic), (20, 6, 6)),
    ]:
        found[f"{name}_torch"] = Way(passes(theirs, *shape), f"{name}_torch", plain=True)
        found[name] = Way(passes(ours, *shape), f"{name}_torch")
    return found


WAYS: dict[str, Callable[[int, int], dict[str, Way]]] = {
    "kmeans": kmeans,
    "clustering": clustering,
    "cnn": lambda b, seed: trainings(b, seed)["cnn"].by_threads(),
    "cnn_regular": lambda b, seed: trainings(b, seed)["cnn_regular"].by_threads(),
    "autoencoder": lambda b, seed: trainings(b, seed)["autoencoder"].by_threads(),
    "kmeans_loop": lambda b, seed: loop(trainings(b, seed)["kmeans"]),
    "cnn_loop": lambda b, seed: loop(trainings(b, seed)["cnn"]),
    "autoencoder_loop": lambda b, seed: loop(trainings(b, seed)["autoencoder"]),
    "layers": layers,
}
