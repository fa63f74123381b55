"""Features in the plane by t-SNE, as far as t-SNE can place them."""

import importlib.util
from typing import Any

from common import plots
from common.run import Run

import numpy as np
import torch
from torch import Tensor

PERPLEXITY = 30  # about how many neighbors t-SNE keeps near each image


def show_tsne(run: Run, features: Tensor, labels: Tensor) -> dict[str, Any] | None:
    """Save the figure tsne.png of the images' features in the plane.

    Args:
        features: (N, d), on the CPU.
        labels: the images' digits, (N,).

    Returns:
        "images", their number, and "neighbors", the share of the images whose nearest one in the
        plane is of the same digit. None where t-SNE cannot place them; a printed line says why.
    """
    if obstacle := find_obstacle(features):
        print(f"  t-SNE left out: {obstacle}")
        return None
    from sklearn.manifold import TSNE  # slow to import

    print(f"  t-SNE of the first {len(features):,} test images", flush=True)
    seed = run.args.seed % 2**32  # NumPy takes no larger one
    method = TSNE(perplexity=PERPLEXITY, init="pca", learning_rate="auto", random_state=seed)
    plane = torch.from_numpy(method.fit_transform(features.numpy()))  # (N, 2)
    nearest = torch.cdist(plane, plane).fill_diagonal_(torch.inf).argmin(1)  # (N,)
    run.save("tsne", scatter_by_class(plane, labels))
    same = (labels[nearest] == labels).double().mean().item()
    return {"images": len(features), "neighbors": same}


def find_obstacle(features: Tensor) -> str:
    """Why t-SNE cannot place these features (N, d), or "" if it can.

    Asked before, since afterwards is too late: constant features crash scikit-learn's t-SNE, and
    the whole process with it.
    """
    if importlib.util.find_spec("sklearn") is None:
        return "it needs scikit-learn: python -m pip install scikit-learn"
    if not features.isfinite().all():
        return "some features are not finite"
    distinct = len(features.unique(dim=0))
    if distinct <= PERPLEXITY:
        return f"it needs more than {PERPLEXITY} different feature vectors; found: {distinct}"
    largest = features.abs().max().item()
    if not 1e-15 < largest < 1e15:  # beyond, squared distances become 0 or infinite in float32
        return f"the largest feature is {largest:.0e}, which float32 cannot square"
    return ""


def scatter_by_class(plane: Tensor, labels: Tensor) -> plots.Figure:
    """Points (N, 2) colored by digit, each digit's number at the middle of its points."""
    figure, axes = plots.subplots(size=(6.4, 6))
    for digit in labels.unique().tolist():
        points = plane[labels == digit].numpy()
        axes.scatter(*points.T, s=4, color=f"C{digit}", label=str(digit))
        box = {"facecolor": "white", "alpha": 0.8, "pad": 1.5, "edgecolor": f"C{digit}"}
        axes.text(*np.median(points, 0), str(digit), ha="center", va="center", bbox=box)
    axes.set(xticks=[], yticks=[], title=f"{len(labels):,} test images by t-SNE, colored by digit")
    return figure
