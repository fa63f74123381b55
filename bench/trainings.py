"""The trainings of the scripts' networks, each as contenders: the tutorial's loop and ours.

trainings = make_trainings(b=64, seed=0)
work = trainings["cnn"].prepare_ours(Images("sample"))
work()  # an epoch
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from bench.tutorial import Images, use_torch_layers
from common.data import Batches, Split
from common.loop import train_loop
from hw6.cnn import CNN
from hw7.autoencoder import Autoencoder, negative_elbo
from hw7.clustering import digit_images
from hw7.kmeans import ETA, KMeans, mean_over_pixels

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

Work = Callable[[], Any]


class Contender(NamedTuple):
    """One way to do the work.

    Attributes:
        prepare: makes everything ready on these images, and returns the work that is timed.
        peer: the contender whose time is divided by this one's.
        one_thread: whether it runs on one thread; otherwise on all that torch takes.
        plain: whether torch stays as it comes, without `common.runtime.cpu.prepare_cpu`.
        runs: how many runs it makes side by side; its seconds are those of one.
    """

    prepare: Callable[[Images], Work]
    peer: str
    one_thread: bool = True
    plain: bool = False
    runs: int = 1


Group = dict[str, Contender]


class Training(NamedTuple):
    """A network as its script trains it, for an epoch."""

    make: Callable[[Images], nn.Module]
    loss_fn: Callable[[Tensor, Tensor], Tensor]
    lr: float
    batch_size: int
    seed: int

    def prepare_ours(self, images: Images) -> Work:
        model = self.make(images).to(memory_format=torch.channels_last)
        batches = Batches(images.split(), self.batch_size, self.seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=self.lr)
        return lambda: train_loop(model, batches, self.loss_fn, optimizer)

    def prepare_bare(self, images: Images, gathering: bool = False) -> Work:
        """Nothing but the steps, on batches that are there already, or are gathered as ours are."""
        model = self.make(images).to(memory_format=torch.channels_last).train()
        batches = Batches(images.split(), self.batch_size, self.seed)
        batches = batches if gathering else list(batches)
        optimizer = torch.optim.SGD(model.parameters(), lr=self.lr)

        def train_epoch() -> None:
            for X, y in batches:
                self.loss_fn(model(X), y).backward()
                optimizer.step()
                optimizer.zero_grad()

        return train_epoch

    def prepare_tutorial(self, images: Images) -> Work:
        """The tutorial's train loop."""
        model = use_torch_layers(self.make(images)).train()
        loader = DataLoader(images.dataset(), self.batch_size, shuffle=True)
        optimizer = torch.optim.SGD(model.parameters(), lr=self.lr)

        def train_epoch() -> None:
            for batch, (X, y) in enumerate(loader):
                loss = self.loss_fn(model(X), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                if batch % 100 == 0:
                    loss.item()  # the tutorial prints it

        return train_epoch

    def compare_threads(self) -> Group:
        """The tutorial's loop and ours, both on all threads and both on one."""
        theirs, ours = self.prepare_tutorial, self.prepare_ours
        return {
            "tutorial_all": Contender(theirs, "tutorial_all", one_thread=False, plain=True),
            "ours_all": Contender(ours, "tutorial_all", one_thread=False),
            "tutorial_1": Contender(theirs, "tutorial_1", plain=True),
            "ours_1": Contender(ours, "tutorial_1"),
        }

    def compare_loops(self) -> Group:
        """Epochs by our loop; the bare steps with the gathering of their batches, and alone."""
        return {
            "loop": Contender(self.prepare_ours, "loop"),
            "gathering": Contender(partial(self.prepare_bare, gathering=True), "loop"),
            "bare": Contender(self.prepare_bare, "loop"),
        }


def make_kmeans(images: Images, kind: type[KMeans] = KMeans) -> KMeans:
    """The k-means network with the handout's initial centers."""
    model = kind()
    model.centers.data.copy_(initial_centers(images.split()))
    return model


def initial_centers(split: Split) -> Tensor:
    return digit_images(split.images.flatten(1), split.labels)


def make_trainings(b: int, seed: int) -> dict[str, Training]:
    """The trainings by network, in batches of b."""
    both = {"batch_norm": True, "dropout": 0.1}
    return {
        "kmeans": Training(make_kmeans, mean_over_pixels, ETA, b, seed),
        "cnn": Training(lambda images: CNN(), cross_entropy, 0.1, b, seed),
        "cnn_regular": Training(lambda images: CNN(**both), cross_entropy, 0.1, b, seed),
        "autoencoder": Training(lambda images: Autoencoder(), negative_elbo, 0.1, b, seed),
    }
