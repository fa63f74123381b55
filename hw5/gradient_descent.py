"""HW5 Q1: gradient descent on a quadratic, with three learning rates.

    python hw5/gradient_descent.py             everything, in seconds
    python hw5/gradient_descent.py --part c    the eigenvalues' answer alone

R(w) = 13w₁² − 10w₁w₂ + 4w₁ + 2w₂² − 2w₂ + 1. (a) its gradient and its optimum; (b) 500 iterations
with η = 0.02, 0.05 and 0.1; (c) whether a larger η is better, answered by the Hessian's
eigenvalues. To be expected: w* = (1, 3); distances to it of 0.826 and 0.110 after 500 iterations
with the first two, 1.7e148 with the third, which is above the limit of stability, 0.067. Figures
and summary.json go to results/hw5/gradient_descent/; hw5/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common.run import Run, run_parts
from hw5 import figures

import numpy as np

ETAS = (0.02, 0.05, 0.1)  # the handout's learning rates
ITERATIONS = 500
START = np.zeros(2)


def R(w: np.ndarray) -> np.ndarray:
    """R at w, (2,), or at many points, (2, …). Source: handout 1."""
    w1, w2 = w
    return 13 * w1**2 - 10 * w1 * w2 + 4 * w1 + 2 * w2**2 - 2 * w2 + 1  # [hw5 1]


def gradient(w: np.ndarray) -> np.ndarray:
    """∇R = (∂R/∂w₁, ∂R/∂w₂) at w, (2,). Source: handout 1(a)."""
    w1, w2 = w
    return np.array([26 * w1 - 10 * w2 + 4, -10 * w1 + 4 * w2 - 2])  # [hw5 1a]


def hessian() -> np.ndarray:
    """H, (2, 2): the derivatives of `gradient`, which are the same at every w."""
    return np.array([[26.0, -10.0], [-10.0, 4.0]])  # [hw5 1a]


def optimum() -> np.ndarray:
    """w*, (2,), where ∇R(w*) = 0. Source: handout 1(a).

    ∇R is linear: ∇R(w) = H·w + ∇R(0).
    """
    return np.linalg.solve(hessian(), -gradient(np.zeros(2)))  # [hw5 1a]


def descend(eta: float, iterations: int, start: np.ndarray = START) -> np.ndarray:
    """The path w(0), w(1), … of gradient descent. Source: handout 1(b).

    Args:
        eta: the learning rate η.
        start: w(0), (2,).

    Returns:
        (iterations + 1, 2).
    """
    path = np.empty((iterations + 1, 2))
    path[0] = start
    for i in range(iterations):
        path[i + 1] = path[i] - eta * gradient(path[i])  # [hw5 1b]
    return path


def distances(path: np.ndarray) -> np.ndarray:
    """‖w(i) − w*‖ along a path (n, 2): (n,)."""
    return np.linalg.norm(path - optimum(), axis=1)  # [hw5 1b]


def rate(eta: float) -> float:
    """What ‖w − w*‖ is multiplied by in each iteration in the end.

    That is max |1 − ηλ|, over the eigenvalues λ of H.
    """
    return float(np.abs(1 - eta * np.linalg.eigvalsh(hessian())).max())  # [hw5 1c]


def stability_limit() -> float:
    """The η from which on gradient descent no longer converges.

    That is 2/λ_max, where the factor |1 − ηλ_max| is 1.
    """
    return float(2 / np.linalg.eigvalsh(hessian())[-1])  # [hw5 1c]


def best_eta() -> float:
    """The constant η with the smallest rate.

    That is 2/(λ_min + λ_max), where |1 − ηλ| is the same for both eigenvalues.
    """
    return float(2 / np.linalg.eigvalsh(hessian()).sum())  # [hw5 1c]


def measure(path: np.ndarray, last: int) -> dict[str, Any]:
    """How fast a path (n, 2) comes nearer to w*.

    Returns:
        "measured": the factor of the distance per iteration, the geometric mean over the hundred
        iterations up to `last`; "iterations": how many until ‖w − w*‖ ≤ 1e-6, or None.
    """
    distance = distances(path)
    near = np.flatnonzero(distance <= 1e-6)
    return {
        "measured": float((distance[last] / distance[last - 100]) ** 0.01),
        "iterations": int(near[0]) if len(near) else None,
    }


def part_a(run: Run) -> dict[str, Any]:
    """the gradient, and the point where it is zero"""
    w = optimum()
    print(f"  ∇R(0, 0) = {gradient(START)}, w* = {w}, ∇R(w*) = {gradient(w)}, R(w*) = {R(w):.0e}")
    return {
        "gradient_at_start": gradient(START).tolist(),
        "optimum": w.tolist(),
        "R_at_start": float(R(START)),
        "R_at_optimum": float(R(w)),
    }


def part_b(run: Run) -> dict[str, Any]:
    """500 iterations from (0, 0) with the handout's three learning rates"""
    paths = {eta: descend(eta, ITERATIONS) for eta in ETAS}
    lines, results = {}, {}
    for eta, path in paths.items():
        distance = distances(path)
        after = {f"after_{i}": float(distance[i]) for i in (1, 100, ITERATIONS)}
        results[f"eta_{eta}"] = after | {"w": path[-1].tolist()}
        lines[f"η = {eta:g}"] = distance
        print(f"  η = {eta:<4g}  distance", *(f" {k} {v:<10.6g}" for k, v in after.items()))
    run.save("b_distance", figures.plot_distances(lines, stability_limit()))
    run.save("b_paths", figures.plot_paths(paths, R, optimum()))  # more than HW5 asks
    return results


def part_c(run: Run) -> dict[str, Any]:
    """is a larger η better: the rate per iteration, predicted and measured"""
    smallest, largest = np.linalg.eigvalsh(hessian())
    limit, best = stability_limit(), best_eta()
    print(f"  λ = {smallest:.5f} and {largest:.5f}: stable for η < {limit:.6f}, "
          f"best η = {best:.6f}")  # fmt: skip
    rows = {}
    for name, eta in [*((f"{eta:g}", eta) for eta in ETAS), ("best", best)]:
        path = descend(eta, 6000 if eta < limit else ITERATIONS)
        row = {"eta": eta, "predicted": rate(eta)} | measure(path, ITERATIONS)
        rows[f"eta_{name}"] = row
        print(f"  η = {eta:<9.6g}  rate predicted {row['predicted']:.6f}, measured "
              f"{row['measured']:.6f}  within 1e-6 of w* after "
              f"{row['iterations'] or '-':>5}")  # fmt: skip
    measured = [(row["eta"], row["measured"]) for row in rows.values()]
    run.save("c_rate", figures.plot_rates((smallest, largest), limit, best, measured))
    return {
        "eigenvalues": [float(smallest), float(largest)],
        "condition": float(largest / smallest),
        "limit": limit,
        "best_eta": best,
        "rows": rows,
    }


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw5/gradient_descent", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
