"""What a single file has in place of common/: the same doors, for one process and one machine.

The inliner takes each name from here that common.run, common.data or common.loop gives to a lesson.
The tests hold both forms to the same numbers, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchvision.datasets import MNIST

EVAL_BATCH_SIZE = 256  # a network evaluates so many images at once


class UserError(Exception):
    """What the user can mend: one line, and exit status 2."""


class Split(NamedTuple):
    """Images (N, 1, 28, 28), 0 to 1, and their labels (N,)."""

    images: Tensor
    labels: Tensor


class Mnist(NamedTuple):
    train: Split
    test: Split


def load_mnist(folder: str, device: torch.device) -> Mnist:
    """MNIST by torchvision, downloaded into the folder where it is not there yet."""
    splits = []
    for train in (True, False):
        try:
            data = MNIST(folder, train, download=True)
        except Exception as error:
            raise UserError(
                f"MNIST is not in {folder} and cannot be downloaded ({type(error).__name__}):\n"
                "  connect to the internet and run this again,\n"
                "  or name the folder that has MNIST/raw/ with --data"
            ) from error
        images = data.data[:, None].to(device, torch.float32).div_(255)  # (N, 1, 28, 28)
        splits.append(Split(images, data.targets.to(device)))
    return Mnist(*splits)


class Batches:
    """A split in batches (x, y); with a seed, in a new order in each pass."""

    def __init__(self, split: Split, batch_size: int = EVAL_BATCH_SIZE, seed: int | None = None):
        self.split, self.batch_size = split, batch_size
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        x, y = self.split
        order = torch.arange(len(y))
        if self.generator is not None:
            order = torch.randperm(len(y), generator=self.generator)
        for index in order.to(y.device).split(self.batch_size):
            yield x[index], y[index]


def average(rows: list[list[Tensor]], sizes: list[int]) -> list[float]:
    """Averages over examples of averages over batches, a row for each batch."""
    table = torch.stack([torch.stack(row) for row in rows]).cpu().double()  # (batches, m)
    weights = torch.tensor(sizes, dtype=torch.float64)
    return (weights @ table / weights.sum()).tolist()


def train_loop(model, batches, loss_fn, optimizer, metrics) -> list[float]:
    model.train()
    rows, sizes = [], []
    for X, y in batches:
        prediction = model(X)
        loss = loss_fn(prediction, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        prediction = prediction.detach()
        rows.append([loss.detach(), *(metric(prediction, y) for metric in metrics.values())])
        sizes.append(len(y))
    return average(rows, sizes)


@torch.no_grad()
def test_loop(model, batches, loss_fn, metrics) -> list[float]:
    model.eval()
    rows, sizes = [], []
    for X, y in batches:
        prediction = model(X)
        rows.append([f(prediction, y) for f in (loss_fn, *metrics.values())])
        sizes.append(len(y))
    return average(rows, sizes)


def fit(model, train, test, loss_fn, optimizer, epochs, metrics=None) -> Iterator[dict[str, Any]]:
    """Train; after each epoch print and yield its losses and metrics."""
    metrics = metrics or {}
    names = ["loss", *metrics]
    for epoch in range(1, epochs + 1):
        started = time.perf_counter()
        row = {"epoch": epoch}
        averages = train_loop(model, train, loss_fn, optimizer, metrics)
        row |= {f"train_{name}": value for name, value in zip(names, averages)}
        averages = test_loop(model, test, loss_fn, metrics)
        row |= {f"test_{name}": value for name, value in zip(names, averages)}
        if not all(map(math.isfinite, row.values())):
            raise UserError(f"training diverged in epoch {epoch}: try a lower --lr")
        values = "  ".join(f"{name} {value:.5f}" for name, value in row.items() if name != "epoch")
        print(f"  epoch {epoch:2}  {values}  {time.perf_counter() - started:.1f} s", flush=True)
        yield row
