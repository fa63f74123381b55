"""Seconds of one training epoch of HW6's network: ours against PyTorch's beginner tutorial.

    python -m bench.hw6_epoch            results/bench/hw6_epoch/summary.json, a few minutes

The same network, loss, optimizer and images; with torch's own layers and a DataLoader over
torchvision's MNIST with ToTensor the tutorial's way, with common/layers.py and weights laid out
channels last ours. Both on all the threads that torch takes and on one, on which hw6/cnn.py runs.
Each round times one epoch of each; ratios are taken round by round, since machines drift. The
committed run was made with --out hw6/results/epoch.
"""

import statistics
import sys
import time
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from common.data import DATA
from common.faults import UserError
from common.layers import Dropout
from common.run import Run, run_parts
from hw6.cnn import CNN, LR, train

ROUNDS = 3


def of_torch(model: nn.Module) -> nn.Module:
    """The model with torch's own dropout."""
    for name, stage in model.stages.named_children():
        if isinstance(stage, Dropout):
            model.stages[int(name)] = nn.Dropout(stage.p)
    return model


def tutorial_epoch(model: nn.Module, loaders: list[DataLoader], lr: float) -> None:
    """The tutorial's train loop and test loop: its DataLoaders, its lines."""
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    train_loader, test_loader = loaders
    model.train()
    for batch, (X, y) in enumerate(train_loader):
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 100 == 0:
            loss.item()
    model.eval()
    test_loss, correct = 0.0, 0.0
    with torch.no_grad():
        for X, y in test_loader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()


def measure(run: Run, options: dict[str, Any]) -> dict[str, Any]:
    """Medians over the rounds of an epoch with those options, its test included."""
    if run.args.data == "sample":
        raise UserError("argument --data: came sample, and torchvision needs MNIST's own files")
    args, every = run.args, torch.get_num_threads()
    folder = args.data or DATA
    loaders = [
        DataLoader(MNIST(folder, train=True, transform=ToTensor()), args.batch_size, shuffle=True),
        DataLoader(MNIST(folder, train=False, transform=ToTensor()), args.batch_size),
    ]
    ways = {f"{way}_{n}": (way, n) for n in sorted({1, every}) for way in ("tutorial", "ours")}
    seconds = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (way, threads) in ways.items():
            torch.set_num_threads(threads)
            model = CNN(**options)
            began = time.perf_counter()
            if way == "tutorial":
                tutorial_epoch(of_torch(model), loaders, args.lr)
            else:
                train(model, run.mnist, 1, args.batch_size, args.lr, args.seed)
            seconds[name].append(time.perf_counter() - began)
    torch.set_num_threads(every)
    results = {}
    for name, times in seconds.items():
        slow = seconds[f"tutorial_{ways[name][1]}"]
        ratios = sorted(a / b for a, b in zip(slow, times))
        results[name] = {
            "seconds": statistics.median(times),
            "ratio": statistics.median(ratios),
            "lowest": ratios[0],
            "highest": ratios[-1],
        }
        print(
            f"  {name:<10}  {statistics.median(times):6.2f} s  tutorial / this: "
            f"{statistics.median(ratios):5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
    return results


def neither(run: Run) -> dict[str, Any]:
    """an epoch of the handout's network"""
    return measure(run, {})


def both(run: Run) -> dict[str, Any]:
    """an epoch with batch norm and dropout"""
    return measure(run, {"batch_norm": True, "dropout": 0.1})


if __name__ == "__main__":
    parts = {"neither": neither, "both": both}
    sys.exit(run_parts("bench/hw6_epoch", __doc__, parts, batch_size=64, lr=LR))
