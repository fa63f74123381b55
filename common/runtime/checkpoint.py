"""Training that survives an interruption: a checkpoint after each epoch."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from common.data import Batches
from common.loop import Metric, fit
from common.runtime.errors import UserError
from common.runtime.rng import random_state, set_random_state
from common.runtime.session import Session
from common.runtime.shards import ShardedBatches, train_together

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def train_and_keep(
    run: Session,
    model: nn.Module,
    train: Batches,
    test: Batches,
    loss_fn: Metric,
    optimizer: Optimizer,
    epochs: int,
    metrics: Mapping[str, Metric],
    scheduler: LRScheduler | None,
    name: str | None,
) -> list[dict[str, Any]]:
    """`fit`, writing out/NAME.pt after each epoch; its rows.

    With --resume, it goes on after the last epoch in that file, and ends with the same weights
    and rows, bit for bit, as a run without interruption: the file also holds the optimizer's
    state and those of all random generators, every process's.
    """
    file = f"{name}.pt"
    history: list[dict[str, Any]] = []
    if name and run.args.resume and (content := run.read_output(file)) is not None:
        history = restore(run, file, content, model, optimizer, train, scheduler)
        print(f"  resumed after epoch {len(history)}")
    if isinstance(train, ShardedBatches):
        train_together(model, optimizer, train, run.processes)
    first = len(history) + 1
    for row in fit(model, train, test, loss_fn, optimizer, epochs, metrics, first):
        history.append(row)
        if scheduler:
            scheduler.step()
        if name:
            run.write_output(file, dump(run, history, model, optimizer, train, scheduler))
    return history


def dump(
    run: Session,
    history: list[dict[str, Any]],
    model: nn.Module,
    optimizer: Optimizer,
    train: Batches,
    scheduler: LRScheduler | None,
) -> bytes:
    """All that training goes on from."""
    random = {"batches": train.generator.get_state()} | random_state()
    content = io.BytesIO()
    torch.save(
        {
            "settings": run.settings,
            "history": history,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict() if scheduler else {},
            "random": run.processes.all_gather(random),
        },
        content,
    )
    return content.getvalue()


def restore(
    run: Session,
    file: str,
    content: bytes,
    model: nn.Module,
    optimizer: Optimizer,
    train: Batches,
    scheduler: LRScheduler | None,
) -> list[dict[str, Any]]:
    """Put everything as it was when the checkpoint was written; the rows until then."""
    path = run.out / file
    try:
        # torch.load leaves the checksums unread
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if broken := archive.testzip():
                raise zipfile.BadZipFile(broken)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        settings, history = state["settings"], list(state["history"])
        if settings == run.settings:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            if scheduler:
                scheduler.load_state_dict(state["scheduler"])
            random = state["random"][run.processes.rank]
            train.generator.set_state(random["batches"])
            set_random_state(random)
    except Exception as error:  # torch.load has no exception of its own for a damaged file
        raise UserError(
            f"argument --resume: {path} is damaged, or no checkpoint of this model; remove it"
        ) from error
    run.check_settings(settings, path)
    return history
