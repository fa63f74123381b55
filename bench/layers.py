"""Milliseconds of the layers in common/layers.py against torch's own, forward and backward.

    python -m bench.layers               results/bench/layers/summary.json, some seconds

The shapes are those of HW6's and HW7's networks with batches of 64, on one thread. Each round times
both, one after the other, and ratios are taken round by round, since machines drift; "ratio" is
torch's time over ours.
"""

import statistics
import sys
import time

import torch
from torch import nn

from common.layers import Dropout, Upsample
from common.run import Run, run_parts

ROUNDS = 51


def milliseconds(layer: nn.Module, x: torch.Tensor, weights: torch.Tensor) -> float:
    """One forward and backward pass."""
    began = time.perf_counter()
    layer(x).backward(weights)
    return 1000 * (time.perf_counter() - began)


def measured(run: Run, theirs: nn.Module, ours: nn.Module, shape: tuple[int, ...]) -> dict:
    """Medians over the rounds for an input of that shape."""
    x = torch.rand(shape, device=run.device, requires_grad=True)
    weights = torch.ones_like(ours(x))
    rounds = []
    for _ in range(ROUNDS):
        x.grad = None
        rounds.append([milliseconds(layer, x, weights) for layer in (theirs, ours)])
    slow, fast = (statistics.median(column) for column in zip(*rounds))
    ratios = statistics.quantiles([a / b for a, b in rounds], n=4)
    print(
        f"  {ours!s:<44} {shape!s:<18} torch {slow:6.3f} ms, ours {fast:6.3f} ms: "
        f"{ratios[1]:4.1f} times as fast (quartiles {ratios[0]:.1f} to {ratios[2]:.1f})"
    )
    keys = ["lower_quartile", "ratio", "upper_quartile"]
    return {"shape": list(shape), "torch": slow, "ours": fast} | dict(zip(keys, ratios))


def dropout(run: Run) -> list[dict]:
    """dropout with p = 0.1 of the CNN's three stages"""
    shapes = [(64, 20, 25, 25), (64, 20, 5, 5), (64, 250)]
    return [measured(run, nn.Dropout(0.1), Dropout(0.1), shape) for shape in shapes]


def upsample(run: Run) -> list[dict]:
    """bicubic upsampling by 2 of the decoder's maps"""
    kind = {"scale_factor": 2, "mode": "bicubic"}
    return [measured(run, nn.Upsample(**kind), Upsample(**kind), (64, 20, 6, 6))]


if __name__ == "__main__":
    parts = {"dropout": dropout, "upsample": upsample}
    sys.exit(run_parts("bench/layers", __doc__, parts, threads=1))
