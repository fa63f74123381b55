"""Final Q2: competitive learning, by hand.

    python final/q2_competitive.py             everything, in seconds
    python final/q2_competitive.py --part a    the trace alone

(a) Two epochs as a table: w₁ ends at (0, 1), w₂ at (0, −1), clusters by the sign of x₂. (b) Ties
broken otherwise, in eight ways; and the point that the circulated trace shows, (−1, 1). (c) Beyond:
all 24 orders of the data at eight rates η, with rounding and without, and the point where small
steps end without it: (0.618, 1), the golden ratio. Figures and summary.json go to
results/final/q2_competitive/; final/README.md explains them.
"""

import sys
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from final.q2_figures import draw_outcomes, draw_winners

import numpy as np

DATA = np.array([[0, 1], [1, 1], [0, -1], [-1, -1]], dtype=float)  # (N, 2), in this order
WEIGHTS = np.array([[-1, 2], [2, -1]], dtype=float)  # w₁ and w₂, (k, 2)
ETA, EPOCHS = 0.5, 2
RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1.0)
OUTCOMES = ("by the sign of x₂", "other clusters", "runs away")

ROUNDINGS = {  # they differ where a weight lies halfway between two integers
    "even": np.rint,  # NumPy's and Python's
    "up": lambda w: np.floor(w + 0.5),
    "outward": lambda w: np.sign(w) * np.floor(np.abs(w) + 0.5),  # as at school
    "inward": lambda w: np.sign(w) * np.ceil(np.abs(w) - 0.5),
}


class Step(NamedTuple):
    x: np.ndarray  # the point, (2,)
    products: np.ndarray  # w_iᵀx before the step, (k,)
    winner: int
    unrounded: np.ndarray  # the winner's new weights, (2,)
    weights: np.ndarray  # all weights after the step, rounded, (k, 2)


def find_winner(products: np.ndarray, last: bool = False) -> int:
    """argmax_i w_iᵀx; of several, the first, or else the last. [final 2.1]"""
    winners = np.flatnonzero(products == products.max())
    return int(winners[-1 if last else 0])


def learn(w: np.ndarray, x: np.ndarray, eta: float) -> np.ndarray:
    """w ← (1 − ηỹ)w + ηỹx with the output ỹ = wᵀx: Hebb's ηỹx, and −ηỹw against growth.

    Where ỹ > 0 the weights move toward x, by the share ηỹ; where ỹ < 0 they move away and grow.
    """
    y = w @ x
    return (1 - eta * y) * w + eta * y * x  # [final 2.2]


def trace(
    data: np.ndarray,
    weights: np.ndarray = WEIGHTS,
    eta: float = ETA,
    epochs: int = EPOCHS,
    rounding: Callable = np.rint,
    last: bool = False,
) -> list[Step]:
    """The competition step by step: only the winner learns, then every weight is rounded.

    The points (N, 2) come in their order, in each epoch. `rounding` decides the ties of halves,
    `last` those of winners: the last of several wins, not the first.
    """
    steps = []
    for x in np.tile(data, (epochs, 1)):
        products, weights = weights @ x, weights.copy()
        winner = find_winner(products, last)
        unrounded = weights[winner] = learn(weights[winner], x, eta)
        weights = rounding(weights) + 0.0  # + 0.0 makes 0 of −0
        steps.append(Step(x, products, winner, unrounded, weights))
    return steps


def cluster(data: np.ndarray, weights: np.ndarray) -> list[int]:
    """The number of each point's winner, from 1, as on paper."""
    return [find_winner(weights @ x) + 1 for x in data]


def find_outcome(data: np.ndarray, eta: float, rounding: Callable, epochs: int = 50) -> str:
    """Which of OUTCOMES many epochs lead to."""
    weights = WEIGHTS
    for _ in range(epochs):
        weights = trace(data, weights, eta, 1, rounding)[-1].weights
        if np.abs(weights).max() > 100:
            return OUTCOMES[2]
    won = cluster(data, weights)
    return OUTCOMES[0 if len(set(won)) == len(set(zip(won, data[:, 1] > 0))) == 2 else 1]


def fixed_point(points: np.ndarray) -> np.ndarray:
    """Where small steps without rounding end, for a neuron that wins the points (n, 2) alone.

    Σ ỹ(x − w) = 0 reads S w = (Σ wᵀx) w with S = Σ x xᵀ: w is an eigenvector of S, as long as
    makes Σ wᵀx the eigenvalue. [final 2.3]
    """
    values, vectors = np.linalg.eigh(points.T @ points)
    return values[-1] / (vectors[:, -1] @ points.sum(0)) * vectors[:, -1]


def print_trace(steps: list[Step]) -> None:
    print("  step  x         w1·x  w2·x  winner     before rounding  w1        w2")
    for number, step in enumerate(steps, 1):
        x, new, w1, w2 = (f"({a:g}, {b:g})" for a, b in (step.x, step.unrounded, *step.weights))
        one, two = step.products
        winner = f"{step.winner + 1} (tie)" if one == two else f"{step.winner + 1}"
        print(f"  {number:4}  {x:8}  {one:4g}  {two:4g}  {winner:9}  {new:15}  {w1:8}  {w2}")


def part_a(run: Run) -> dict[str, Any]:
    """two epochs, each weight rounded after each step"""
    steps = trace(DATA)
    print_trace(steps)
    end = steps[-1].weights
    print(f"  the points' winners in the end: {cluster(DATA, end)}")
    path = [WEIGHTS, *(step.weights for step in steps)]
    figure, axes = plots.subplots(1, 2, size=(8.6, 4.6), sharey=True)
    draw_winners(axes[0], DATA, path[:1], "start: where each neuron wins")
    draw_winners(axes[1], DATA, path, "after two epochs")
    run.save("a_clusters", figure)
    unrounded = [step.unrounded.tolist() for step in steps]
    return {"weights": end.tolist(), "clusters": cluster(DATA, end), "unrounded": unrounded}


def part_b(run: Run) -> dict[str, Any]:
    """the ties broken otherwise, and the point that the circulated trace shows"""
    ties = {}
    for winner, half in product(("first", "last"), ROUNDINGS):
        options = {"rounding": ROUNDINGS[half], "last": winner == "last"}
        end = trace(DATA, **options)[-1].weights
        largest = np.abs(trace(DATA, epochs=10, **options)[-1].weights).max()
        ties[f"{winner}_{half}"] = [*end.tolist(), cluster(DATA, end), largest]
        print(f"  {winner:5} of two winners, ½ {half:7}: {end.astype(int).tolist()!s:18}", end="")
        print(f" winners {cluster(DATA, end)}, largest weight after ten epochs {largest:g}")
    print("  with (−1, 1) in the place of (−1, −1):")
    steps = trace(np.array([*DATA[:3], [-1, 1]]))
    print_trace(steps)
    winners = [step.winner + 1 for step in steps]
    return {"ties": ties, "shown": {"winners": winners, "weights": steps[-1].weights.tolist()}}


def part_c(run: Run) -> dict[str, Any]:
    """all orders of the data, eight rates, and where small steps end without rounding"""
    results = {}
    for name, rounding in {"rounded": np.rint, "unrounded": np.array}.items():
        print(f"  {name}, of 24 orders: {', '.join(OUTCOMES)}")
        for eta in RATES:
            orders = permutations(DATA)
            found = [find_outcome(np.array(order), eta, rounding) for order in orders]
            counts = [found.count(outcome) for outcome in OUTCOMES]
            results.setdefault(name, []).append(counts)
            print(f"    η = {eta:<5g} {counts}")
    run.save("c_orders", draw_outcomes(results, RATES, OUTCOMES))
    end = trace(DATA, trace(DATA)[-1].weights, 0.01, 1000, np.array)[-1].weights[0]
    rest = fixed_point(DATA[:2])
    print(f"  small steps from (a)'s end: w1 = {end.round(4)}, by the formula {rest.round(4)}")
    return {**results, "small_steps": end.tolist(), "fixed_point": rest.tolist()}


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("final/q2_competitive", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
