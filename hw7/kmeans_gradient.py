"""HW7 Q1: the gradient of the k-means network by hand, and SGD with it.

n images in a batch, d = 784 pixels, k = 10 centers.
"""

from common.data import Batches
from hw7.clustering import BETA

import torch
from torch import Tensor


def one_hot_argmax(v: Tensor) -> Tensor:
    """1 for the largest score of each column of v (…, k, n), 0 for the others."""
    return torch.zeros_like(v).scatter_(-2, v.argmax(-2, keepdim=True), 1)


def gradient(
    centers: Tensor, x0: Tensor, averaged: str = "batch and pixels", soft: bool = True
) -> Tensor:
    """dℓ/dC of the network's loss ℓ = Σ_n w_n ‖p_n·C − x_n‖², (…, k, d). [hw7 1a]

    C stands in two places: in the reconstruction p·C, and in the scores v behind p. With
    W = diag(w), p̄ = ∂ℓ/∂p and v̄ = ∂ℓ/∂v,

        dℓ/dC = 2 pᵀW(p·C − x) + v̄ᵀx − diag(Σ_n v̄_n)·C
        p̄ = 2W(p·C − x)·Cᵀ
        v̄ = 20 p ⊙ (p̄ − ⟨p, p̄⟩), or 0 for the argmax, through which no gradient passes.

    Multiplied out, the images meet C in two products only, C·xᵀ and (…)·x; the rest is k wide.
    Here v, p and their gradients lie transposed, an image per column: sums over k rows of n
    numbers are faster than over n rows of k, and a stack's centers meet x in one product.

    Args:
        centers: C, (k, d), or a stack of several runs' C with more axes in front.
        x0: the batch, (n, d), the same for all of a stack.
        averaged: what ℓ averages ‖error‖² over. "batch and pixels": w_n = 1/(n·d);
            "batch": w_n = 1/n; "cells": w_n = 1/(k·n_i), n_i the number of the batch's images in
            the cell of x_n: the mean over the k cells of each cell's own mean (argmax only).
        soft: p = softmax(20·v), as in `KMeans`; otherwise the argmax, as in `ArgmaxKMeans`.
    """
    n, d = x0.shape
    k = centers.shape[-2]
    products = centers @ x0.T  # (…, k, n)
    gram = centers @ centers.mT  # (…, k, k)
    v = products - 0.5 * gram.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)  # (…, k, n)
    p = torch.softmax(BETA * v, -2) if soft else one_hot_argmax(v)
    if averaged == "cells":
        sizes = p.sum(-1, keepdim=True).clamp_min(1)  # (…, k, 1)
        w = (p / (k * sizes)).sum(-2, keepdim=True)  # (…, 1, n)
    else:
        w = {"batch and pixels": 1 / (n * d), "batch": 1 / n}[averaged]
    to_images = -2 * w * p  # (…, k, n): what multiplies x
    to_centers = -to_images @ p.mT  # (…, k, k): what multiplies C
    if soft:
        p_bar = 2 * w * (gram @ p - products)  # (…, k, n)
        v_bar = BETA * p * (p_bar - (p * p_bar).sum(-2, keepdim=True))  # (…, k, n)
        to_images = to_images + v_bar
        to_centers = to_centers - v_bar.sum(-1).diag_embed()
    return to_images @ x0 + to_centers @ centers  # (…, k, d)


def train_by_gradient(
    centers: Tensor,
    batches: Batches,
    epochs: int,
    etas: list[float],
    averaged: str = "batch and pixels",
    soft: bool = True,
    decay: bool = False,
) -> tuple[Tensor, list[int | None]]:
    """SGD with `gradient`, for several runs side by side on the same batches.

    Each run takes the steps of autograd and torch.optim.SGD, in a fraction of their time.

    Args:
        centers: the starts (r, k, d); left as they are.
        etas: the learning rate of each run.
        averaged, soft: as in `gradient`.
        decay: lower every η linearly, from its value at the first step to 0 after the last one.

    Returns:
        The centers (r, k, d), and the epoch after which a run's squares were not finite, or None.
    """
    centers = centers.clone()
    rates = centers.new_tensor(etas)[:, None, None]  # (r, 1, 1)
    steps, step = epochs * len(batches), 0
    diverged: list[int | None] = [None] * len(etas)
    for epoch in range(1, epochs + 1):
        for x, _ in batches:
            share = 1 - step / steps if decay else 1
            centers -= share * rates * gradient(centers, x.flatten(1), averaged, soft)
            step += 1
        # Of the squares, not the centers: scores and inertia overflow before the centers do.
        for run, finite in enumerate(centers.square().sum((1, 2)).isfinite().tolist()):
            if not finite and diverged[run] is None:
                diverged[run] = epoch
        if all(diverged):
            break
    return centers, diverged
