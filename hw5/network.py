"""HW5 Q2: the teacher, the student, its equations forward and backward, and SGD.

This file is the lesson of the question. `backprop.py` trains students with it and shows them.

Letters: n points in a batch, N points in all, h hidden neurons. A batch is a matrix with one point
per column, and b and c are columns. So the handout's equations for one point are also those for n
points. Every array may have more axes in front, for a stack of networks that are trained side by
side: W (s, h, 2) are the weights of s networks. All operations act on the last two axes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

POINTS = 1000  # the handout's N


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
    """The labels f = u(U·u(Wx + b) + c), (1, n), of the points x (2, n). Source: HW2 Q2.

    The step u(v) is 1 if v ≥ 0, else 0.
    """
    z = (network.W @ x + network.b >= 0).astype(float)  # (h, n) [hw5 2]
    return (network.U @ z + network.c >= 0).astype(float)  # (1, n) [hw5 2]


def phi(v: np.ndarray, a: float = 5.0) -> np.ndarray:
    """The sigmoid φ(v) = 1/(1 + e^(−av)) of each entry of v. Source: handout 2(a).

    e^(−av) overflows for av < −709. logaddexp(0, t) is log(e^0 + e^t) without computing e^t, so φ
    is computed as e^(−log(1 + e^(−av))), which never overflows.

    Args:
        v: an array of any shape, or a number.
        a: the steepness, a number or an array that broadcasts against v.
    """
    return np.exp(-np.logaddexp(0, -a * v))  # [hw5 2a]


def phi_prime(v: np.ndarray, a: float = 5.0) -> np.ndarray:
    """The derivative φ′(v) of each entry of v; arguments as for `phi`. Source: handout 2(a)."""
    z = phi(v, a)
    return a * z * (1 - z)  # [hw5 2a]


def forward(network: Network, x: np.ndarray, a: float = 5.0) -> Activations:
    """The student's activations at the points x (2, n). Source: handout 2(b)."""
    W, b, U, c = network
    v_z = W @ x + b  # (h, n) [hw5 2b]
    z = phi(v_z, a)  # (h, n) [hw5 2b]
    v_f = U @ z + c  # (1, n) [hw5 2b]
    f = phi(v_f, a)  # (1, n) [hw5 2b]
    return Activations(v_z, z, v_f, f)


def backward(
    network: Network, x: np.ndarray, y: np.ndarray, activations: Activations, a: float = 5.0
) -> Network:
    """The gradient of the loss ℓ = (f − y)², averaged over the n points. Source: handout 2(c).

    Args:
        x, y: the points (2, n) and their labels (1, n).
        activations: what `forward` returns for x.

    Returns:
        dℓ/dW, dℓ/db, dℓ/dU and dℓ/dc in the shapes of W, b, U and c.
    """
    v_z, z, v_f, f = activations
    n = x.shape[-1]
    grad_f = 2 * (f - y)  # ∇_f ℓ, (1, n) [hw5 2c]
    delta_f = grad_f * phi_prime(v_f, a)  # (1, n) [hw5 2c]
    grad_z = transpose(network.U) @ delta_f  # ∇_z ℓ, (h, n) [hw5 2c]
    delta_z = grad_z * phi_prime(v_z, a)  # (h, n) [hw5 2c]
    # The products below are sums over the points of the batch. So they are divided by n.
    return Network(
        W=delta_z @ transpose(x) / n,  # (h, 2) [hw5 2c]
        b=delta_z.sum(-1, keepdims=True) / n,  # (h, 1) [hw5 2c]
        U=delta_f @ transpose(z) / n,  # (1, h) [hw5 2c]
        c=delta_f.sum(-1, keepdims=True) / n,  # (1, 1) [hw5 2c]
    )


def transpose(matrix: np.ndarray) -> np.ndarray:
    """The matrix, or each of a stack of matrices, with its last two axes swapped."""
    return matrix.swapaxes(-1, -2)


def sgd(
    network: Network,
    x: np.ndarray,
    y: np.ndarray,
    eta: float | np.ndarray,
    epochs: int,
    batch_size: int = 1,
    a: float | np.ndarray = 5.0,
    patience: int | np.ndarray = 0,
) -> Iterator[np.ndarray]:
    """SGD through the points in their order. It changes the weights in place. Source: handout 2(d).

    eta, a and patience are numbers, or arrays (…, 1, 1) with one for each network of a stack.

    Args:
        network: the weights at the start.
        x, y: all points (2, N) and their labels (1, N).
        eta: the learning rate η.
        epochs: passes over the points.
        batch_size: points whose gradients are averaged for one update; the last may be fewer.
        a: the steepness of φ.
        patience: T: η becomes 0.9 η when the MSE has risen in T epochs in a row (0: never).

    Yields:
        after each epoch the MSE, (f − y)² averaged over all N points: one for each network.
    """
    eta = eta * np.ones_like(network.c)  # (1, 1): each network has its own
    previous, rises = np.inf, 0
    for _ in range(epochs):
        for i in range(0, x.shape[-1], batch_size):
            x_i = x[..., i : i + batch_size]  # (2, n)
            y_i = y[..., i : i + batch_size]  # (1, n)
            gradient = backward(network, x_i, y_i, forward(network, x_i, a), a)
            for weight, grad in zip(network, gradient):
                weight -= eta * grad  # [hw5 2d]
        mse = ((forward(network, x, a).f - y) ** 2).mean((-2, -1), keepdims=True)  # [hw5 2d]
        yield mse[..., 0, 0]
        rises = np.where(mse > previous, rises + 1, 0)
        previous = mse
        late = (patience > 0) & (rises == patience)
        eta *= np.where(late, 0.9, 1.0)  # [hw5 2f]
        rises = np.where(late, 0, rises)


def draw_points(seed: int, count: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Points x uniform in [−2, 2]², (2, count), and the teacher's labels y, (1, count)."""
    x = np.random.default_rng(seed).uniform(-2, 2, (2, count))
    return x, teacher(x)


def draw_network(seed: int, hidden: int = 3, sigma: float = 0.1) -> Network:
    """Weights at the start, all i.i.d. N(0, σ²). Source: handout 2(d)."""
    rng = np.random.default_rng([seed, 1])  # another stream than the points'
    shapes = Network((hidden, 2), (hidden, 1), (1, hidden), (1, 1))
    return Network(*(sigma * rng.standard_normal(shape) for shape in shapes))


def stack(networks: Sequence[Network]) -> Network:
    """Networks of one shape as a stack: their weights with a new axis in front."""
    return Network(*(np.stack(weights) for weights in zip(*networks)))


def pick(networks: Network, i: int) -> Network:
    """Network i of a stack."""
    return Network(*(weights[i] for weights in networks))
