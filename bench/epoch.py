"""Seconds of one training epoch of the k-means network: ours against PyTorch's beginner tutorial.

    python -m bench.epoch                results/bench/epoch/summary.json, about a minute

The same network, loss, optimizer and images; ours on one thread, as hw7/kmeans.py runs, and the
tutorial's on all that torch takes. The tutorial's batches come from a DataLoader over torchvision's
MNIST with ToTensor, which makes each image a tensor anew in every epoch. Each round times one epoch
of each; ratios are taken round by round, since machines drift.
"""

import statistics
import sys
import time

import torch
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from common.data import DATA, Batches
from common.faults import UserError
from common.loop import train_loop
from common.run import Run, run_parts
from hw7.kmeans import ETA, KMeans, mean_over_pixels
from hw7.kmeans_by_hand import gradient
from hw7.kmeans_study import starting_centers

ROUNDS = 5


def tutorial_epoch(model, loader, optimizer) -> None:
    """The tutorial's train loop: its DataLoader, its lines."""
    model.train()
    for batch, (X, _) in enumerate(loader):
        pred = model(X)
        loss = torch.nn.functional.mse_loss(pred, torch.zeros_like(pred))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 100 == 0:
            loss.item()


def measure(run: Run) -> dict:
    """an epoch at b = 64 the tutorial's way, ours, and by hand"""
    if run.args.data == "sample":
        raise UserError("argument --data: came sample, and torchvision needs MNIST's own files")
    b = run.args.batch_size
    loader = DataLoader(MNIST(run.args.data or DATA, transform=ToTensor()), b, shuffle=True)
    start = starting_centers(run, "digit images")
    ours = Batches(run.mnist.train, b, run.args.seed)

    def tutorial() -> None:
        tutorial_epoch(model, loader, optimizer)

    def network() -> None:
        train_loop(model, ours, mean_over_pixels, optimizer)

    def by_hand() -> None:
        centers = start.clone()
        for x, _ in ours:
            centers -= ETA * gradient(centers, x.flatten(1))

    threads = {tutorial: torch.get_num_threads(), network: 1, by_hand: 1}
    seconds = {epoch: [] for epoch in threads}
    for _ in range(ROUNDS):
        for epoch, times in seconds.items():
            torch.set_num_threads(threads[epoch])
            model = KMeans().to(run.device)
            model.centers.data.copy_(start)
            optimizer = torch.optim.SGD(model.parameters(), lr=ETA)
            began = time.perf_counter()
            epoch()
            times.append(time.perf_counter() - began)
    results = {}
    for epoch, times in seconds.items():
        ratios = sorted(slow / fast for slow, fast in zip(seconds[tutorial], times))
        results[epoch.__name__] = {
            "seconds": statistics.median(times),
            "ratio": statistics.median(ratios),
            "lowest": ratios[0],
            "highest": ratios[-1],
        }
        print(
            f"  {epoch.__name__:<8}  {statistics.median(times):6.2f} s  tutorial / this: "
            f"{statistics.median(ratios):5.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )
    return results


if __name__ == "__main__":
    sys.exit(run_parts("bench/epoch", __doc__, {"epoch": measure}, batch_size=64))
