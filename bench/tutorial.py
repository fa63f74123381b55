"""The peer of all trainings: what a student has after PyTorch's beginner tutorial.

Its DataLoader over torchvision's MNIST, and torch's own layers.
"""

import contextlib
import io
from functools import cache
from pathlib import Path
from typing import NamedTuple

from common.data import Mnist, Split, load_mnist
from common.layers import Dropout, Upsample
from common.runtime.fetch import DATA, MNIST_MD5

import torch
from torch import nn
from torch.utils.data import Dataset, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor


class Images(NamedTuple):
    """Which images a contender works on.

    Attributes:
        data: as --data.
        count: the first so many of the training images, or, beyond their number, repeated; None:
            all of them.
    """

    data: str | None
    count: int | None = None

    def split(self) -> Split:
        """As our scripts have them."""
        images, labels = load_quietly(self.data).train
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
            whole = TutorialImages(load_quietly(self.data).train)
        count = self.count or len(whole)
        if count == len(whole):
            return whole
        return Subset(whole, [i % len(whole) for i in range(count)])


@cache
def load_quietly(data: str | None) -> Mnist:
    """MNIST, once in each process, without the line that says so."""
    with contextlib.redirect_stdout(io.StringIO()):
        return load_mnist(data)


class TutorialImages(MNIST):
    """torchvision's data set, around images that are in memory already."""

    def __init__(self, split: Split):
        self.data = (split.images[:, 0] * 255).round().byte()
        self.targets = split.labels
        self.transform, self.target_transform = ToTensor(), None


def use_torch_layers(
    model: nn.Module, kinds: tuple[type[nn.Module], ...] = (Dropout, Upsample)
) -> nn.Module:
    """The model with torch's own layers in place of those kinds of ours."""
    for layer in model.modules():
        if isinstance(layer, kinds):
            layer.__class__ = type(layer).__base__
    return model
