"""The train loop and the test loop of PyTorch's beginner tutorial, written once.

    for row in fit(model, train, test, loss, optimizer, epochs=10): ...

A loss is a function of (prediction, label) that averages over the batch's examples; what else it
averages over (pixels, say) is its own affair. Metrics are functions of the same kind, by name.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from common.data import Batches
from common.faults import UserError
from common.progress import tqdm

Measure = Callable[[Tensor, Tensor], Tensor]
NO_METRICS: Mapping[str, Measure] = {}


class NonFiniteLoss(UserError):
    """Training diverged in `epoch`: the loss, or what was learnt, is infinite or not a number."""

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
    loss: Measure,
    optimizer: Optimizer,
    epochs: int,
    metrics: Mapping[str, Measure] = NO_METRICS,
    first: int = 1,
) -> Iterator[dict[str, Any]]:
    """Train epoch by epoch, printing a row for each and yielding it.

    Yields:
        {"epoch": from `first` to `epochs`, "train_loss": …, "test_loss": …}, with
        "train_NAME" and "test_NAME" of each metric. The train figures are averages over the epoch,
        while the model changes; the test figures are those of the model after the epoch.

    Raises:
        NonFiniteLoss: as `train_loop`, or the test images' loss was not finite.
        UserError: a batch is too small for batch norm.
    """
    check_batch_norm(model, train)
    train.processes.start_alike(model)
    for epoch in range(first, epochs + 1):
        started = time.perf_counter()
        trained = train_loop(model, train, loss, optimizer, metrics, epoch)
        train.processes.average_statistics(model)
        tested = test_loop(model, test, loss, metrics)
        if not math.isfinite(tested["loss"]):  # the epoch's last step is seen here only
            raise NonFiniteLoss(epoch, len(train), len(train), optimizer.param_groups[0]["lr"])
        row = {"epoch": epoch}
        row |= {f"train_{name}": value for name, value in trained.items()}
        row |= {f"test_{name}": value for name, value in tested.items()}
        cells = {name: f"{value:.5f}" for name, value in row.items()}
        cells |= {"epoch": str(epoch), "seconds": f"{time.perf_counter() - started:.1f}"}
        if epoch == first:
            print("  ".join(f"{name:>10}" for name in cells))
        print(
            "  ".join(f"{cell:>{max(10, len(name))}}" for name, cell in cells.items()), flush=True
        )
        yield row


def check_batch_norm(model: nn.Module, batches: Batches) -> None:
    """Raise UserError where batch norm after a linear layer would meet a single example."""
    world = batches.processes.world
    smallest = min(batches.batch_size, len(batches.split.labels) % batches.batch_size or math.inf)
    if smallest < 2 * world and any(isinstance(m, nn.BatchNorm1d) for m in model.modules()):
        raise UserError(
            f"argument --batch-size: came {batches.batch_size}, which leaves {smallest} of the "
            f"{len(batches.split.labels)} images for a batch, and batch norm needs 2 for each "
            f"of {world} process{'es' if world > 1 else ''}; take another"
        )


def train_loop(
    model: nn.Module,
    batches: Batches,
    loss: Measure,
    optimizer: Optimizer,
    metrics: Mapping[str, Measure] = NO_METRICS,
    epoch: int = 1,
) -> dict[str, float]:
    """One epoch of training.

    Returns:
        "loss" and the metrics, each averaged over the epoch's examples.

    Raises:
        NonFiniteLoss: a batch's loss was not finite; names epoch, batch and learning rate.
    """
    model.train()
    values, sizes = table_for(batches, metrics), []
    for (X, y), row in zip(tqdm(batches, f"epoch {epoch}", leave=False, disable=None), values):
        if len(y):  # else, of several processes, this one has no share of a small batch
            prediction = model(X)
            batch_loss = loss(prediction, y)
            batch_loss.backward()
            measure(row, batch_loss, prediction, y, metrics)
        batches.processes.average_gradients(model, len(y))
        optimizer.step()
        optimizer.zero_grad()
        sizes.append(len(y))
    values, sizes = batches.processes.whole(values, sizes)
    finite = values[:, 0].isfinite().tolist()
    if not all(finite):
        lr = optimizer.param_groups[0]["lr"]
        raise NonFiniteLoss(epoch, finite.index(False) + 1, len(finite), lr)
    return averages(values, sizes, metrics)


@torch.no_grad()
def test_loop(
    model: nn.Module, batches: Batches, loss: Measure, metrics: Mapping[str, Measure] = NO_METRICS
) -> dict[str, float]:
    """Loss and metrics of the model in evaluation mode, averaged over the examples."""
    model.eval()
    values, sizes = table_for(batches, metrics), []
    for (X, y), row in zip(batches, values):
        if len(y):
            prediction = model(X)
            measure(row, loss(prediction, y), prediction, y, metrics)
        sizes.append(len(y))
    return averages(*batches.processes.whole(values, sizes), metrics)


# pytest would take the tutorial's name for a test wherever it is imported.
test_loop.__test__ = False


def table_for(batches: Batches, metrics: Mapping[str, Measure]) -> Tensor:
    """Zeros (batches, 1 + metrics): a row for the loss and the metrics of each batch.

    Read once an epoch: each read halts a GPU. And in one piece: a small tensor kept from every step
    would lie between the large ones that the next step takes anew, and the memory would fray.
    """
    return batches.split.images.new_zeros(len(batches), 1 + len(metrics))


def measure(
    row: Tensor, loss: Tensor, prediction: Tensor, y: Tensor, metrics: Mapping[str, Measure]
) -> None:
    """Fill the row with the loss and the metrics of one batch, cut off from the graph."""
    prediction = prediction.detach()
    others = (metric(prediction, y) for metric in metrics.values())
    torch.stack([loss.detach(), *others], out=row)


def averages(values: Tensor, sizes: list[int], metrics: Mapping[str, Measure]) -> dict[str, float]:
    """Averages over examples of what was averaged over each batch: weighted by the batches' sizes.

    A mean of the batch means would count the examples of a small last batch more than the others.
    """
    weights = torch.tensor(sizes, dtype=torch.float64)
    means = weights @ values.cpu().double() / weights.sum()  # (1 + metrics,)
    return dict(zip(["loss", *metrics], means.tolist()))
