"""HW5 Q2 (f): the eight hacks, as changes of the handout's setting."""

from dataclasses import dataclass, fields, replace
from typing import Any

SIGNS = {
    "eta": "η",
    "a": "a",
    "epochs": "epochs",
    "batch_size": "batch",
    "hidden": "hidden",
    "sigma": "σ",
    "patience": "T",
}


@dataclass(frozen=True)
class Setting:
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

    def changes(self, base: "Setting") -> dict[str, Any]:
        """What differs from `base`."""
        names = (field.name for field in fields(self))
        return {name: getattr(self, name) for name in names
                if getattr(self, name) != getattr(base, name)}  # fmt: skip

    def key(self, base: "Setting") -> str:
        """Its name in summary.json, as "eta_0.1_patience_1"."""
        return "_".join(f"{k}_{v:g}" for k, v in self.changes(base).items()) or "base"

    def label(self, base: "Setting") -> str:
        """Its name for a reader, as "η = 0.1, T = 1"."""
        changes = self.changes(base).items()
        return ", ".join(f"{SIGNS[k]} = {v:,g}" for k, v in changes) or "the handout's setting"


def hacks(base: Setting, points: int) -> dict[str, list[Setting]]:
    """The settings of each hack, in the handout's order, and combinations of them. [hw5 2f]

    Args:
        base: the setting that each hack changes.
        points: the number of training points: the batch of full gradient descent.
    """
    epochs = base.epochs
    changes: dict[str, list[dict[str, Any]]] = {
        "eta": [{"eta": 0.003}, {"eta": 0.03}, {"eta": 0.1}, {"eta": 0.3}],
        "rule": [
            {"eta": 0.1, "patience": 1},
            {"eta": 0.1, "patience": 2},
            {"eta": 0.3, "patience": 1},
        ],
        "a": [{"a": 1.0}, {"a": 2.5}, {"a": 10.0}, {"a": 20.0}],
        "epochs": [{"epochs": max(1, epochs // 4)}, {"epochs": 3 * epochs}],
        "full": [
            {"batch_size": points},
            {"batch_size": points, "eta": 1.0},
            {"batch_size": points, "eta": 1.0, "epochs": 100 * epochs},
        ],
        "minibatches": [
            {"batch_size": 5},
            {"batch_size": 5, "eta": 0.05},
            {"batch_size": 20, "eta": 0.2},
            {"batch_size": 100, "eta": 1.0},
        ],
        "hidden": [{"hidden": h} for h in (1, 2, 4, 6, 12)],
        "init": [{"sigma": 0.0}, {"sigma": 0.001}, {"sigma": 1.0}, {"sigma": 3.0}],
        "best": [
            {"eta": 0.1, "a": 10.0, "patience": 1, "hidden": 6},
            {"eta": 0.1, "a": 10.0, "patience": 1},
            {"eta": 0.2, "a": 10.0, "patience": 1, "batch_size": 5},
            {"eta": 0.3, "a": 10.0, "patience": 1},  # too high a start: see the write-up
        ],
    }
    return {name: [replace(base, **change) for change in rows] for name, rows in changes.items()}
