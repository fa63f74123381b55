"""HW5 Q2 (f): the eight hacks as changes of the handout's setting, and students trained with them.

A setting is trained with five seeds, each with its own points and its own start. Settings with the
same number of hidden neurons, batch size and epochs are trained side by side, as one stack: for
matrices as small as 3 × 2, calling NumPy takes the time, and a call for 90 networks takes hardly
longer than a few calls for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from common.run import UserError, progress
from hw5.network import POINTS, Network, draw_network, draw_points, pick, sgd, stack

import numpy as np

SEEDS = 5  # students behind each median and range
SIGNS = {"eta": "η", "batch_size": "batch", "sigma": "σ", "patience": "T"}


@dataclass(frozen=True)
class Hyperparameters:
    """How a student is built and trained; the defaults are the handout's.

    Attributes:
        eta: learning rate η.
        a: steepness of φ.
        epochs: passes over the points.
        batch_size: points whose gradients are averaged for one update.
        hidden: hidden neurons.
        sigma: standard deviation σ of the weights at the start.
        patience: T: η becomes 0.9 η when the MSE has risen in T epochs in a row (0: never).
    """

    eta: float = 0.01
    a: float = 5.0
    epochs: int = 100
    batch_size: int = 1
    hidden: int = 3
    sigma: float = 0.1
    patience: int = 0

    def list_changes(self, base: "Hyperparameters") -> dict[str, Any]:
        """What differs from `base`: name → value."""
        return {name: value for name, value in vars(self).items() if value != getattr(base, name)}

    def make_key(self, base: "Hyperparameters") -> str:
        """Its name in summary.json, as "eta_0.1_patience_1"."""
        return "_".join(f"{k}_{v:g}" for k, v in self.list_changes(base).items()) or "base"

    def make_label(self, base: "Hyperparameters") -> str:
        """Its name for a reader, as "η = 0.1, T = 1"."""
        changes = self.list_changes(base).items()
        label = ", ".join(f"{SIGNS.get(k, k)} = {v:,g}" for k, v in changes)
        return label or "the handout's setting"


def list_hacks(base: Hyperparameters, points: int = POINTS) -> dict[str, list[Hyperparameters]]:
    """The settings of each hack, in the handout's order.

    And "best": combinations of them.

    Args:
        base: the setting that each hack changes.
        points: the number of training points, which is the batch of full gradient descent.

    Source: handout 2(f).
    """
    epochs = base.epochs  # more than HW5 asks
    changes: dict[str, list[dict[str, Any]]] = {
        "eta": [{"eta": 0.003}, {"eta": 0.03}, {"eta": 0.1}, {"eta": 0.3}],
        "rule": [
            {"eta": 0.1, "patience": 1},
            {"eta": 0.1, "patience": 2},  # more than HW5 asks
            {"eta": 0.3, "patience": 1},
        ],
        "a": [{"a": 1.0}, {"a": 2.5}, {"a": 10.0}, {"a": 20.0}],  # more than HW5 asks
        "epochs": [{"epochs": max(1, epochs // 4)}, {"epochs": 3 * epochs}],  # more than HW5 asks
        "full": [  # more than HW5 asks
            {"batch_size": points},
            {"batch_size": points, "eta": 1.0},
            {"batch_size": points, "eta": 1.0, "epochs": 100 * epochs},
        ],
        "minibatches": [
            {"batch_size": 5},  # more than HW5 asks
            {"batch_size": 5, "eta": 0.05},
            {"batch_size": 20, "eta": 0.2},
            {"batch_size": 100, "eta": 1.0},  # more than HW5 asks
        ],
        "hidden": [{"hidden": h} for h in (1, 2, 4, 6, 12)],
        "init": [{"sigma": s} for s in (0.0, 0.001, 1.0, 3.0)],  # more than HW5 asks
        "best": [  # more than HW5 asks
            {"eta": 0.1, "a": 10.0, "patience": 1, "hidden": 6},
            {"eta": 0.1, "a": 10.0, "patience": 1},
            {"eta": 0.2, "a": 10.0, "patience": 1, "batch_size": 5},
            {"eta": 0.3, "a": 10.0, "patience": 1},  # too high a start: see the write-up
        ],
    }
    return {name: [replace(base, **change) for change in rows] for name, rows in changes.items()}


class Students(NamedTuple):
    """Students after training: a stack of s networks, and the MSE after each epoch, (epochs, s)."""

    networks: Network
    mse: np.ndarray


@lru_cache(2)  # the parts of a script look at the same students
def train_students(
    settings: tuple[Hyperparameters, ...], seeds: tuple[int, ...]
) -> dict[Hyperparameters, Students]:
    """Train one student for each setting and seed.

    Returns:
        setting → its students, one for each seed; both in the order given.
    """
    alike: dict[tuple[int, ...], list[Hyperparameters]] = {}
    for setting in settings:
        shape = (setting.hidden, setting.batch_size, setting.epochs)
        alike.setdefault(shape, []).append(setting)
    students = {}
    for group in alike.values():
        students |= train_side_by_side(group, seeds)
    return {setting: students[setting] for setting in settings}


def train_side_by_side(
    settings: Sequence[Hyperparameters], seeds: Sequence[int]
) -> dict[Hyperparameters, Students]:
    """As `train_students`, for k settings that differ only in η, a, σ and T, as one stack (k, s).

    Raises:
        UserError: an MSE is no longer finite.
    """
    first = settings[0]
    x, y = (np.stack(arrays) for arrays in zip(*map(draw_points, seeds)))  # (s, 2, N), (s, 1, N)
    starts = [[draw_network(seed, first.hidden, each.sigma) for seed in seeds] for each in settings]
    networks = stack([stack(row) for row in starts])  # W (k, s, h, 2)
    numbers = np.array([(each.eta, each.a, each.patience) for each in settings])
    eta, a, patience = numbers.T[..., None, None, None]  # (k, 1, 1, 1)
    epochs = sgd(networks, x, y, eta, first.epochs, first.batch_size, a, patience)
    text = f"epochs, {len(settings) * len(seeds)} students, {first.hidden} hidden"
    history = []
    with np.errstate(over="ignore", invalid="ignore"):  # the error below says it, once
        for mse in progress(epochs, text, first.epochs):  # (k, s)
            history.append(mse)
            for setting, finite in zip(settings, np.isfinite(mse).all(axis=1)):
                if not finite:
                    text = f"with η = {setting.eta:g} the MSE is not finite after epoch"
                    raise UserError(f"argument --lr: {text} {len(history)}; take a smaller one")
    mse = np.stack(history, axis=1)  # (k, epochs, s)
    return {setting: Students(pick(networks, i), mse[i]) for i, setting in enumerate(settings)}


def measure_agreement(f: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The share of the points at which f (…, 1, n), rounded, is the label y (1, n)."""
    return ((f >= 0.5) == (y == 1)).mean((-2, -1))


def median_and_range(name: str, values: np.ndarray) -> dict[str, float]:
    """The median, the smallest and the largest of the values, as NAME_median, …_min and …_max."""
    found = {"median": np.median(values), "min": values.min(), "max": values.max()}
    return {f"{name}_{statistic}": float(value) for statistic, value in found.items()}
