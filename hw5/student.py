"""HW5 Q2: the teacher, the student, its equations forward and backward, and SGD.

The lesson of the question in full: what `backprop.py` measures and draws is computed here.
"""

import time
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from common.faults import UserError
from common.progress import tqdm
from hw5.hacks import Setting

POINTS = 1000

# n points in a batch, h hidden neurons. A batch is a matrix with one point per column, and b and c
# are columns, so that the handout's equations for one point hold for n of them as they stand.
# Every array may have one more axis in front, for s networks trained side by side: W (s, h, 2),
# x (s, 2, n). All operations below act on the last two axes, for one network or for s.


class Network(NamedTuple):
    """The weights: W (h, 2), b (h, 1), U (1, h), c (1, 1)."""

    W: np.ndarray
    b: np.ndarray
    U: np.ndarray
    c: np.ndarray


class Activations(NamedTuple):
    """What the forward equations compute: v_z and z (h, n), v_f and f (1, n)."""

    v_z: np.ndarray
    z: np.ndarray
    v_f: np.ndarray
    f: np.ndarray


TEACHER = Network(
    W=np.array([[1.0, -1.0], [-1.0, -1.0], [0.0, -1.0]]),
    b=np.array([[1.0], [1.0], [-1.0]]),
    U=np.array([[1.0, 1.0, -1.0]]),
    c=np.array([[-1.5]]),
)


def teacher(x: np.ndarray, network: Network = TEACHER) -> np.ndarray:
    """The labels f = u(U·u(Wx + b) + c), 0 or 1, of x (2, n): (1, n). [hw5 2]"""
    z = (network.W @ x + network.b >= 0).astype(float)  # (h, n)
    return (network.U @ z + network.c >= 0).astype(float)  # (1, n)


def phi(v: np.ndarray, a: float) -> np.ndarray:
    """φ(v) = 1/(1 + e^(−av)), of any shape. [hw5 2a]

    As e^(−log(1 + e^(−av))): log(e^0 + e^t), which is logaddexp(0, t), never computes the e^t
    that overflows.
    """
    return np.exp(-np.logaddexp(0, -a * v))


def phi_prime(v: np.ndarray, a: float) -> np.ndarray:
    """φ′(v) = a·φ(v)·(1 − φ(v)), of any shape. [hw5 2a]"""
    z = phi(v, a)
    return a * z * (1 - z)


def forward(network: Network, x: np.ndarray, a: float) -> Activations:
    """The student's activations at x (2, n). [hw5 2b]"""
    W, b, U, c = network
    v_z = W @ x + b  # (h, n)
    z = phi(v_z, a)  # (h, n)
    v_f = U @ z + c  # (1, n)
    f = phi(v_f, a)  # (1, n)
    return Activations(v_z, z, v_f, f)


def backward(
    network: Network, x: np.ndarray, y: np.ndarray, activations: Activations, a: float
) -> Network:
    """The gradient of ℓ = (f − y)², averaged over the n points. [hw5 2c]

    Args:
        x, y: the points (2, n) and their labels (1, n).
        activations: of `forward` at x.

    Returns:
        dℓ/dW, dℓ/db, dℓ/dU and dℓ/dc in the shapes of W, b, U and c.
    """
    v_z, z, v_f, f = activations
    n = x.shape[-1]
    grad_f = 2 * (f - y)  # ∇_f ℓ, (1, n)
    delta_f = grad_f * phi_prime(v_f, a)  # (1, n)
    grad_z = transposed(network.U) @ delta_f  # ∇_z ℓ, (h, n)
    delta_z = grad_z * phi_prime(v_z, a)  # (h, n)
    # The products below sum over the points, δ_f zᵀ = Σ δ_f,i z_iᵀ; hence the division by n.
    return Network(
        W=delta_z @ transposed(x) / n,
        b=delta_z.sum(-1, keepdims=True) / n,
        U=delta_f @ transposed(z) / n,
        c=delta_f.sum(-1, keepdims=True) / n,
    )


def transposed(matrix: np.ndarray) -> np.ndarray:
    return matrix.swapaxes(-1, -2)


def sgd(network: Network, x: np.ndarray, y: np.ndarray, setting: Setting) -> Iterator[np.ndarray]:
    """SGD through the points in their order, changing the weights in place. [hw5 2d]

    Args:
        network: the start, one network or s of them.
        x, y: all points and labels, (2, N) and (1, N), or s of each.

    Yields:
        after each epoch, the MSE: (f − y)² averaged over all N points: (), or (s,) for s networks.
    """
    eta = np.full_like(network.c, setting.eta)  # (1, 1) or (s, 1, 1): each network has its own
    previous, rises = np.inf, 0
    for _ in range(setting.epochs):
        for i in range(0, x.shape[-1], setting.batch_size):
            x_i = x[..., i : i + setting.batch_size]  # (2, n)
            y_i = y[..., i : i + setting.batch_size]  # (1, n)
            gradient = backward(network, x_i, y_i, forward(network, x_i, setting.a), setting.a)
            for weight, grad in zip(network, gradient):
                weight -= eta * grad
        mse = ((forward(network, x, setting.a).f - y) ** 2).mean((-2, -1))
        yield mse
        rises = np.where(mse > previous, rises + 1, 0)
        previous = mse
        if setting.patience:  # 0.9 η after so many rises in a row [hw5 2f]
            late = rises == setting.patience
            eta *= np.where(late, 0.9, 1.0)[..., None, None]
            rises = np.where(late, 0, rises)


def draw_points(seed: int, count: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Points uniform in [−2, 2]², (2, count), and the teacher's labels, (1, count). [hw5 2]"""
    x = np.random.default_rng(seed).uniform(-2, 2, (2, count))
    return x, teacher(x)


def draw_network(seed: int, hidden: int = 3, sigma: float = 0.1) -> Network:
    """A start: all weights i.i.d. N(0, σ²). [hw5 2d]"""
    rng = np.random.default_rng([seed, 1])  # another stream than the points'
    shapes = Network((hidden, 2), (hidden, 1), (1, hidden), (1, 1))
    return Network(*(sigma * rng.standard_normal(shape) for shape in shapes))


class Trained(NamedTuple):
    """Students after training: networks in a stack of s, and mse (epochs, s)."""

    network: Network
    mse: np.ndarray
    seconds: float


@cache  # parts d, e, f and teacher look at the same students
def trained(setting: Setting, seeds: tuple[int, ...]) -> Trained:
    """One student for each seed, with its own points and start, all trained side by side."""
    x, y = (np.stack(each) for each in zip(*(draw_points(seed) for seed in seeds)))
    starts = [draw_network(seed, setting.hidden, setting.sigma) for seed in seeds]
    network = Network(*(np.stack(each) for each in zip(*starts)))
    history = []
    started = time.perf_counter()
    epochs = sgd(network, x, y, setting)
    with np.errstate(over="ignore", invalid="ignore"):  # told below, once
        for mse in tqdm(epochs, "epochs", setting.epochs, leave=False, disable=None):
            history.append(mse)
            if not np.isfinite(mse).all():
                raise UserError(f"argument --lr: with η = {setting.eta:g} the MSE is not finite "
                                f"after epoch {len(history)}; take a smaller one")  # fmt: skip
    return Trained(network, np.array(history), time.perf_counter() - started)
