"""Training that survives an interruption: a checkpoint after each epoch."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from common.data import Batches
from common.faults import UserError
from common.loop import NO_METRICS, Measure, fit
from common.run import Run


def resumable_fit(
    run: Run,
    name: str,
    model: nn.Module,
    train: Batches,
    test: Batches,
    loss: Measure,
    optimizer: Optimizer,
    metrics: Mapping[str, Measure] = NO_METRICS,
    scheduler: LRScheduler | None = None,
) -> list[dict[str, Any]]:
    """`fit` for --epochs epochs, writing out/NAME.pt after each; its rows.

    With --resume, it goes on after the last epoch in that file, and ends with the same weights
    and rows, bit for bit, as a run without interruption: the file also holds the optimizer's
    state and those of all random generators, every process's.

    Args:
        name: of the file.
        scheduler: of the learning rate; takes a step after each epoch.
        Others as in `fit`.

    Raises:
        UserError: the file is damaged, or of another script or other settings.
    """
    file = f"{name}.pt"
    history: list[dict[str, Any]] = []
    if run.args.resume and (content := run.read(file)) is not None:
        history = restore(run, file, content, model, optimizer, train, scheduler)
        print(f"  resumed after epoch {len(history)}")
    first = len(history) + 1
    for row in fit(model, train, test, loss, optimizer, run.args.epochs, metrics, first):
        history.append(row)
        if scheduler:
            scheduler.step()
        content = io.BytesIO()
        torch.save(
            {
                "settings": run.settings,
                "history": history,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict() if scheduler else {},
                "random": run.processes.gathered(random_states(train)),
            },
            content,
        )
        run.write(file, content.getvalue())
    return history


def restore(
    run: Run,
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
            torch.set_rng_state(random["cpu"])
            if torch.cuda.is_available():
                torch.cuda.set_rng_state(random["cuda"])
    except Exception as error:  # torch.load has no exception of its own for a damaged file
        raise UserError(
            f"argument --resume: {path} is damaged, or no checkpoint of this model; remove it"
        ) from error
    if settings != run.settings:
        raise UserError(f"argument --resume: {path} is of a run with {settings}, and this one has "
                        f"{run.settings}; name the same, or another --out")  # fmt: skip
    return history


def random_states(train: Batches) -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {"batches": train.generator.get_state(), "cpu": torch.get_rng_state(), "cuda": cuda}
