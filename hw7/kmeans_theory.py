"""The mathematics of HW7 Q1: the step of (a), and the choice of η in the appendix.

n images in a batch, d = 784 pixels, k = 10 centers.
"""

from hw7.clustering import BETA

import numpy as np
import torch
from torch import Tensor


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
