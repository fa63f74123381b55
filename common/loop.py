"""The train loop and the test loop of PyTorch's beginner tutorial, written once.

    for row in fit(model, train, test, loss_fn, optimizer, epochs=10): ...

A loss is a function of (prediction, y) that averages over the batch's examples; its docstring says
what else it averages over. Metrics are functions of the same kind, by name.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from common.data import Batches
from common.runtime.errors import UserError
from common.runtime.progress import progress

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Metric = Callable[[Tensor, Tensor], Tensor]
NO_METRICS: Mapping[str, Metric] = {}


class NonFiniteLoss(UserError):
    """Training diverged in `epoch`: the loss, or what was learned, is infinite or not a number."""

    def __init__(self, epoch: int, batch: int, batches: int, lr: float):
        super().__init__(
            f"training diverged: not finite in epoch {epoch}, batch {batch} of {batches}, "
            f"at learning rate {lr:g}; try a lower one"
        )
        self.epoch = epoch


def fit(
    model: nn.Module,
    train: Batches,
    test: Batches,
    loss_fn: Metric,
    optimizer: Optimizer,
    epochs: int,
    metrics: Mapping[str, Metric] = NO_METRICS,
    first: int = 1,
) -> Iterator[dict[str, Any]]:
    """Train epoch by epoch; print a row for each and yield it.

    Yields:
        {"epoch": from `first` to `epochs`, "train_loss": …, "test_loss": …}, with
        "train_NAME" and "test_NAME" of each metric. The train figures are averages over the epoch,
        while the model changes; the test figures are those of the model after the epoch.

    Raises:
        NonFiniteLoss: as `train_loop`, or the test images' loss was not finite.
        UserError: a batch is too small for batch norm.
    """
    check_batch_norm(model, train)
    for epoch in range(first, epochs + 1):
        started = time.perf_counter()
        train_averages = train_loop(model, train, loss_fn, optimizer, metrics, epoch)
        test_averages = test_loop(model, test, loss_fn, metrics)
        if not math.isfinite(test_averages["loss"]):  # only here does the last step show
            raise NonFiniteLoss(epoch, len(train), len(train), optimizer.param_groups[0]["lr"])
        row = {"epoch": epoch}
        row |= {f"train_{name}": value for name, value in train_averages.items()}
        row |= {f"test_{name}": value for name, value in test_averages.items()}
        print_row(row, time.perf_counter() - started, header=epoch == first)
        yield row


def train_loop(
    model: nn.Module,
    batches: Batches,
    loss_fn: Metric,
    optimizer: Optimizer,
    metrics: Mapping[str, Metric] = NO_METRICS,
    epoch: int = 1,
) -> dict[str, float]:
    """One epoch of training.

    Returns:
        "loss" and the metrics, each averaged over the epoch's examples.

    Raises:
        NonFiniteLoss: a batch's loss was not finite; names epoch, batch and learning rate.
    """
    model.train()
    table = epoch_table(batches, metrics)
    for (X, y), row in zip(progress(batches, f"epoch {epoch}"), table):
        prediction = model(X)
        loss = loss_fn(prediction, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        record(row, loss, prediction, y, metrics)
    averages = batches.average(table)
    if not math.isfinite(averages[0]):
        batch = table[:, 0].isfinite().tolist().index(False) + 1
        raise NonFiniteLoss(epoch, batch, len(table), optimizer.param_groups[0]["lr"])
    return dict(zip(["loss", *metrics], averages))


@torch.no_grad()
def test_loop(
    model: nn.Module, batches: Batches, loss_fn: Metric, metrics: Mapping[str, Metric] = NO_METRICS
) -> dict[str, float]:
    """Loss and metrics of the model in evaluation mode, averaged over the examples."""
    model.eval()
    table = epoch_table(batches, metrics)
    for (X, y), row in zip(batches, table):
        prediction = model(X)
        record(row, loss_fn(prediction, y), prediction, y, metrics)
    return dict(zip(["loss", *metrics], batches.average(table)))


# pytest would take the tutorial's name for a test wherever it is imported.
test_loop.__test__ = False


def epoch_table(batches: Batches, metrics: Mapping[str, Metric]) -> Tensor:
    """Zeros (batches, 1 + metrics): a row for the loss and the metrics of each batch.

    One tensor, read once an epoch: each read halts a GPU, and a small tensor kept from every step
    would lie between the large ones that the next step needs, so that memory would grow.
    """
    return batches.split[0].new_zeros(len(batches), 1 + len(metrics))


def record(
    row: Tensor, loss: Tensor, prediction: Tensor, y: Tensor, metrics: Mapping[str, Metric]
) -> None:
    """Fill the row with the loss and the metrics of one batch, cut off from the graph."""
    prediction = prediction.detach()
    others = (metric(prediction, y) for metric in metrics.values())
    torch.stack([loss.detach(), *others], out=row)


def check_batch_norm(model: nn.Module, batches: Batches) -> None:
    """Raise UserError where batch norm after a linear layer would meet a single example."""
    smallest = batches.smallest()
    if smallest < 2 and any(isinstance(module, nn.BatchNorm1d) for module in model.modules()):
        raise UserError(
            f"argument --batch-size: came {batches.batch_size}, which leaves {smallest} of the "
            f"{len(batches.split[1])} images for a batch, and batch norm needs 2; take another"
        )


def print_row(row: Mapping[str, Any], seconds: float, header: bool) -> None:
    """Print an epoch's numbers in columns, under their names where `header` asks for them."""
    cells = {name: f"{value:.5f}" for name, value in row.items()}
    cells |= {"epoch": str(row["epoch"]), "seconds": f"{seconds:.1f}"}
    if header:
        print("  ".join(f"{name:>10}" for name in cells))
    print("  ".join(f"{cell:>{max(10, len(name))}}" for name, cell in cells.items()), flush=True)
