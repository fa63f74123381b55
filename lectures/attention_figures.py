"""Lecture 25: what a transformer's outputs depend on, where it looks, and drawings of both."""

from collections.abc import Callable, Sequence

from common import plots
from lectures.transformer import Embedding, Transformer

import numpy as np
import torch
from torch import Tensor

# (title, labels of the columns, labels of the rows, weights (rows, columns) from 0 to 1)
Panel = tuple[str, Sequence[str], Sequence[str], Tensor]


def measure_dependence(embed: Embedding, compute: Callable[[], Tensor]) -> Tensor:
    """‖∂ output at place i / ∂ the vector of the sign at place j‖, (L, T).

    Args:
        embed: gives the vectors, (1, T, d), while `compute` runs.
        compute: gives the outputs, (1, L, …).
    """
    kept: list[Tensor] = []
    handle = embed.register_forward_hook(lambda _, __, vectors: kept.append(vectors))
    outputs = compute()[0]
    handle.remove()
    # A random mixture of an output's entries: their sum may be a constant, as after a norm.
    mixed = outputs @ torch.randn(outputs.shape[1], dtype=outputs.dtype)
    rows = [torch.autograd.grad(each, kept[0], retain_graph=True)[0][0].norm(dim=1)
            for each in mixed]  # fmt: skip
    return torch.stack(rows)


@torch.no_grad()
def look(model: Transformer, x: Tensor, fed: Tensor) -> list[Tensor]:
    """Where each block of the decoder looks in the word x (1, T), fed the phones (1, L).

    Returns:
        weights (H, L, T) of each block.
    """
    kept: list[Tensor] = []
    handles = [
        block.other.register_forward_pre_hook(
            lambda attention, given: kept.append(attention.weights(*given)[0].cpu())
        )
        for block in model.decoder.blocks
    ]
    device = next(model.parameters()).device
    model(x.to(device), fed.to(device))
    for handle in handles:
        handle.remove()
    return kept


def plot_panels(panels: Sequence[Panel], label: str, xlabel: str, ylabel: str) -> plots.Figure:
    """Tables of weights side by side, on one scale from 0 to 1.

    Args:
        label: of the scale.
    """
    columns = sum(len(panel[1]) for panel in panels)
    ratios = [len(panel[1]) for panel in panels]
    figure, axes = plots.subplots(
        1, len(panels), (0.36 * columns + 2, 3.6), squeeze=False, width_ratios=ratios
    )
    for axis, (title, letters, phones, weights) in zip(axes[0], panels):
        shades = axis.imshow(np.asarray(weights), vmin=0, vmax=1, cmap="Blues", aspect="auto")
        axis.set_xticks(range(len(letters)), letters)
        axis.set_yticks(range(len(phones)), phones)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(xlabel)
    axes[0, 0].set_ylabel(ylabel)
    figure.colorbar(shades, ax=axes, label=label)
    return figure
