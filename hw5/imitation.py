"""HW5 Q2: whether a student found its teacher's weights, up to the network's symmetries.

Renumbering the hidden neurons changes nothing. Neither does turning one around: with
φ(−v) = 1 − φ(v), the neuron i with −W_i, −b_i and −U_i, and c + U_i for c, computes the same f.
A network with h hidden neurons thus has h!·2^h names; for h = 3, 48.
"""

from collections.abc import Iterator
from itertools import permutations, product
from typing import Any, TypeVar

import numpy as np

# A NamedTuple of W (h, 2), b (h, 1), U (1, h), c (1, 1).
Weights = TypeVar("Weights", bound=tuple)


def equivalents(network: Weights) -> Iterator[Weights]:
    """All networks that compute the same f: hidden neurons renumbered and turned around."""
    W, b, U, c = network
    h = len(W)
    for order in map(list, permutations(range(h))):
        for signs in product((1.0, -1.0), repeat=h):
            sign = np.array(signs)[:, None]  # (h, 1)
            turned = U[:, order] * (sign.T < 0)  # (1, h): the U_i of those turned around
            yield type(network)(
                sign * W[order], sign * b[order], sign.T * U[:, order], c + turned.sum()
            )


def lines(network: Weights) -> np.ndarray:
    """The hidden neurons' lines W_i·x + b_i = 0 with normals of length 1: (W_i, b_i)/‖W_i‖, (h, 3).

    A step function does not see the length of (W_i, b_i), hence the labels do not tell it.
    """
    W, b = network[:2]
    return np.hstack([W, b]) / np.linalg.norm(W, axis=1, keepdims=True)


def align(student: Weights, teacher: Weights) -> Weights:
    """The equivalent of `student` whose lines are nearest to the teacher's in least squares."""
    return min(
        equivalents(student), key=lambda network: np.square(lines(network) - lines(teacher)).sum()
    )


def compare(student: Weights, teacher: Weights, a: float) -> dict[str, Any]:
    """An aligned student beside its teacher.

    Returns:
        "angle": between the normals of each pair of lines, in degrees; "offset": how much farther
        than the teacher's the student's line is from the origin, as b_i/‖W_i‖, in units of x;
        "width": 4/(a‖W_i‖), in units of x, over which φ's tangent at ½ rises from 0 to 1 (the
        teacher's step: 0); "U" and "c" in units of the mean |U_i|.
    """
    own, others = lines(student), lines(teacher)
    dot = (own[:, :2] * others[:, :2]).sum(1)
    cross = own[:, 0] * others[:, 1] - own[:, 1] * others[:, 0]
    unit = np.abs(student[2]).mean()
    return {
        "angle": np.degrees(np.arctan2(np.abs(cross), dot)).tolist(),
        "offset": (own[:, 2] - others[:, 2]).tolist(),
        "width": (4 / (a * np.linalg.norm(student[0], axis=1))).tolist(),
        "U": (student[2][0] / unit).tolist(),
        "c": float(student[3][0, 0] / unit),
    }
