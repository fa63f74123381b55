"""The mathematics of HW7 Q1: the network's gradient by hand, and the handout's choice of η.

n images in a batch, d = 784 pixels, k = 10 centers.
"""

import numpy as np
import torch
from torch import Tensor

from common.data import Batches
from hw7.clustering import BETA


def winners(v: Tensor) -> Tensor:
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
    p = torch.softmax(BETA * v, -2) if soft else winners(v)
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


def train_by_hand(
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


def formula_step(centers: Tensor, x0: Tensor, eta: float, cell_size: float | None = None) -> Tensor:
    """The step C_i(t) − C_i(t−1) = α_i (m_i − C_i), α_i = 2η n_i/n, (k, d). [hw7 1a]

    m_i is the mean of the batch's images in the cell of C_i.

    Args:
        cell_size: n_i as the handout has it, n/10 for every cell: then α_i = η/5. None: counted.
    """
    n = len(x0)
    step = torch.zeros_like(centers)
    nearest = torch.cdist(x0, centers).argmin(1)
    for i in nearest.unique():
        cell = x0[nearest == i]
        n_i = len(cell) if cell_size is None else cell_size
        step[i] = 2 * eta * n_i / n * (cell.mean(0) - centers[i])
    return step


def border_repulsion(p: float, squared_distance: float) -> float:
    """How much more an image near a border pushes its center away than it draws it. [hw7 1a]

    Between C_1 and C_2, with D = C_1 − C_2 and Δ = v_1 − v_2 ≥ 0, that is p = p_1 = σ(20Δ) ≥ ½,

        v̄_1 = 40 w p(1 − p)((p − ½)‖D‖² − Δ).

    SGD adds −η v̄_1 (x − C_1) to C_1 for its place in the scores, away from x, and
    2ηwp (x − reconstruction) for its place in the reconstruction, towards x. The two factors'
    ratio is 20 (1 − p)((p − ½)‖D‖² − Δ).
    """
    delta = np.log(p / (1 - p)) / BETA
    return BETA * (1 - p) * ((p - 0.5) * squared_distance - delta)


def bias_squared(alpha: np.ndarray) -> np.ndarray:
    """(Bias/a)² ≈ ((1 − α)/α)², of centers that follow means drifting by a per step. [hw7 1 app]"""
    return ((1 - alpha) / alpha) ** 2


def variance(alpha: np.ndarray, b: float) -> np.ndarray:
    """Variance/a² ≈ (1/b)·α²/(1 − (1 − α)²), of means over b images of variance a². [hw7 1 app]"""
    return alpha**2 / (1 - (1 - alpha) ** 2) / b


def balancing_eta(b: float) -> float:
    """The η = 5α in (0, 5) at which Bias² = Variance for batches of b. [hw7 1 app]

    Cleared of fractions, b(1 − α)²(2 − α) = α³: on [0, 1] the left side falls from 2b to 0 and the
    right one rises from 0 to 1, so that this cubic has one root there.
    """
    roots = np.roots([b + 1, -4 * b, 5 * b, -2 * b])
    (alpha,) = roots[(abs(roots.imag) < 1e-9) & (roots.real > 0) & (roots.real < 1)].real
    return 5 * float(alpha)
