"""The learning rules of lecture 17, all of one form: rule(W, x, η, …) → the new W.

m neurons with d weights each, W (m, d), see one point x (d,) and answer y = φ(Wx), (m,). No rule
asks for a target: the change is made of x, y and W alone. `l17_hebbian.py` and `l17_competitive.py`
show what they do.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

# Where η is too large, W grows until it is infinite or NaN: a result, which the caller sees.
SILENT = {"over": "ignore", "invalid": "ignore"}


def linear(v: np.ndarray) -> np.ndarray:
    """φ(v) = v; np.sign is the other φ of the lecture."""
    return v


def hebb(W: np.ndarray, x: np.ndarray, eta: float, phi: Callable = linear) -> np.ndarray:
    """w ← w + ηyx, y = φ(wᵀx): a weight grows where its input and the output agree. [l17 1]"""
    y = phi(W @ x)
    return W + eta * np.outer(y, x)  # [l17 1], (m, d)


def hebb_with_decay(
    W: np.ndarray, x: np.ndarray, eta: float, alpha: float, phi: Callable = linear
) -> np.ndarray:
    """w ← αw + ηyx with 0 < α < 1: what is not used is forgotten. [l17 2]"""
    y = phi(W @ x)
    return alpha * W + eta * np.outer(y, x)  # [l17 2], (m, d)


def covariance_rule(W: np.ndarray, x: np.ndarray, eta: float, x_mean: np.ndarray) -> np.ndarray:
    """w ← w + η(y − ȳ)(x − x̄) for linear neurons, whose mean answer ȳ is wᵀx̄. [l17 3]

    A weight falls where only one of the two is above its mean; by `hebb`, with pixels and answers
    above 0, no weight can ever fall.
    """
    y, y_mean = W @ x, W @ x_mean
    return W + eta * np.outer(y - y_mean, x - x_mean)  # [l17 3], (m, d)


def find_winner(W: np.ndarray, x: np.ndarray, nearest: bool = False) -> int:
    """The neuron with the largest answer wᵀx, or with the nearest weights. [l17 4] [l17 5]

    ‖x − w‖² = ‖x‖² − (2wᵀx − ‖w‖²), so the nearest w has the largest answer of a neuron with the
    weights 2w and the bias −‖w‖². If all norms are equal, this is the neuron with the largest wᵀx.
    """
    if nearest:
        return int(np.argmax(2 * W @ x - (W**2).sum(1)))  # [l17 5]
    return int(np.argmax(W @ x))  # [l17 4]


def competitive(W: np.ndarray, x: np.ndarray, eta: float, nearest: bool = False) -> np.ndarray:
    """w ← (1 − η)w + ηx for the winner; the others keep their weights. [l17 6]"""
    winner = find_winner(W, x, nearest)
    W = W.copy()
    W[winner] = (1 - eta) * W[winner] + eta * x  # [l17 6], (d,)
    return W


def oja(W: np.ndarray, x: np.ndarray, eta: float) -> np.ndarray:
    """w ← w + ηy(x − yw), y = wᵀx: Hebb's step, and −ηy²w, which leads ‖w‖ to 1. [l17 7]

    Each neuron learns for itself, so all m of them find the same direction.
    """
    y = (W @ x)[:, None]  # (m, 1)
    return W + eta * y * (x - y * W)  # [l17 7], (m, d)


def sanger(W: np.ndarray, x: np.ndarray, eta: float) -> np.ndarray:
    """w_i ← w_i + ηy_i(x − Σ_{j ≤ i} y_j w_j): Oja's rule on what earlier neurons leave. [l17 8]"""
    y = W @ x
    return W + eta * (np.outer(y, x) - np.tril(np.outer(y, y)) @ W)  # [l17 8], (m, d)


def trace(rule: Callable, W: Any, X: Any, *args: Any, **options: Any) -> np.ndarray:
    """W before and after each point of X (n, d), in order: (n + 1, m, d)."""
    path = [np.asarray(W, dtype=float)]
    with np.errstate(**SILENT):
        for x in np.asarray(X, dtype=float):
            path.append(rule(path[-1], x, *args, **options))
    return np.stack(path)


def learn(
    rule: Callable,
    W: np.ndarray,
    X: np.ndarray,
    rates: Iterable[float],
    order: np.ndarray,
    **options,
) -> np.ndarray:
    """W after the points X[i] for i in `order`, (m, d); `rates` has an η for each of them.

    An η may be a column (m, 1), too: one for each neuron.
    """
    with np.errstate(**SILENT):
        for i, eta in zip(order, rates):
            W = rule(W, X[i], eta, **options)
    return W
