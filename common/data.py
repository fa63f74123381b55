"""MNIST as tensors, and its batches.

    mnist = load_mnist("data")
    for images, labels in Batches(mnist.train, 64, seed=0): ...

The files come from common/runtime/fetch.py, which downloads and verifies them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from common.runtime.fetch import read_or_download
from common.runtime.sources import parse_idx

import torch
from torch import Tensor

EVAL_BATCH_SIZE = 256  # a network evaluates so many at once: more take memory and save no time


class Split(NamedTuple):
    """Images (N, 1, 28, 28), float32 in [0, 1], and their labels (N,), int64, on one device."""

    images: Tensor
    labels: Tensor


class Mnist(NamedTuple):
    """The training and the test images."""

    train: Split
    test: Split


def load_mnist(data: str | Path | None = None, device: torch.device | str = "cpu") -> Mnist:
    """MNIST on `device`, downloaded first where it is not there yet.

    Args:
        data: folder of MNIST (None: data/ in the repository), or of the sample, 100 training and 20
            test images of each digit, whose files lie in it directly; "sample": the repository's.

    Raises:
        UserError: no source gives the right files, or they cannot be written.
    """
    files = read_or_download(data)
    splits = []
    for part in ("train", "t10k"):
        images = parse_idx(files[f"{part}-images-idx3-ubyte"])[:, None]  # (N, 1, 28, 28)
        labels = parse_idx(files[f"{part}-labels-idx1-ubyte"])  # (N,)
        pixels = torch.from_numpy(images).to(device, torch.float32).div_(255)
        splits.append(Split(pixels, torch.from_numpy(labels).to(device, torch.int64)))
    train, test = splits
    print(f"data: {len(train.labels):,} training and {len(test.labels):,} test images", flush=True)
    return Mnist(train, test)


class Batches:
    """A split in batches (x, y), gathered on the split's device; the last one may be smaller.

    Args:
        split: Split, or any pair of tensors of the same length N.
        batch_size: B.
        seed: each pass over the batches is a new permutation, the same on every device; None: the
            images come in their order.
    """

    def __init__(self, split: Split, batch_size: int = EVAL_BATCH_SIZE, seed: int | None = None):
        self.split = split
        self.batch_size = batch_size
        self.generator = None if seed is None else torch.Generator("cpu").manual_seed(seed)

    def __len__(self) -> int:
        return -(-len(self.split[1]) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        x, y = self.split
        if self.generator is None:
            yield from zip(x.split(self.batch_size), y.split(self.batch_size))
            return
        order = torch.randperm(len(y), generator=self.generator, device="cpu").to(y.device)
        for index in order.split(self.batch_size):
            yield x.index_select(0, index), y.index_select(0, index)

    def smallest(self) -> int:
        """The number of examples in the smallest batch."""
        return min(self.batch_size, len(self.split[1]) % self.batch_size or self.batch_size)

    def average(self, table: Tensor) -> list[float]:
        """Averages over examples of averages over batches, a row of `table` (batches, m) each.

        A mean of the rows would count the examples of a small last batch more than the others.
        """
        sizes = torch.tensor([len(part) for part in self.split[1].split(self.batch_size)])
        weights = sizes.double()  # (batches,)
        return (weights @ table.cpu().double() / weights.sum()).tolist()
