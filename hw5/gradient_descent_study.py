"""HW5 Q1, beyond the handout: what happens at the limit of stability, and momentum.

    python hw5/gradient_descent_study.py    everything, in seconds

limit: η one percent below 2/λ_max, at it, and one percent above; momentum: what it gains over the
best constant η. To be expected: at the limit the distance stays at 0.149; momentum comes within
1e-6 of the optimum in 135 iterations instead of 1,669. Figures and summary.json go to
results/hw5/gradient_descent_study/; hw5/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw5.gradient_descent import (
    ITERATIONS,
    START,
    best_eta,
    descend,
    distances,
    gradient,
    hessian,
    measure,
    optimum,
    rate,
    stability_limit,
)

import numpy as np


def descend_with_momentum(
    eta: float, beta: float, iterations: int, start: np.ndarray = START
) -> np.ndarray:
    """The path w(0), w(1), … of w ← w + Δ, Δ ← βΔ − η∇R(w). Source: Polyak's heavy ball.

    Args:
        eta: the learning rate η.
        beta: β, the share of the last step that is taken once more (0: plain descent).
        start: w(0), (2,).

    Returns:
        (iterations + 1, 2).
    """
    path = np.empty((iterations + 1, 2))
    path[0] = start
    step = np.zeros(2)
    for i in range(iterations):
        step = beta * step - eta * gradient(path[i])
        path[i + 1] = path[i] + step
    return path


def best_momentum() -> tuple[float, float]:
    """The η and the β with the smallest rate √β, for the two eigenvalues of the Hessian."""
    roots = np.sqrt(np.linalg.eigvalsh(hessian()))
    eta = float(4 / roots.sum() ** 2)
    beta = float(((roots[1] - roots[0]) / roots.sum()) ** 2)
    return eta, beta


def part_limit(run: Run) -> dict[str, Any]:
    """2,000 iterations with η below, at and above the limit of stability"""
    limit = stability_limit()
    near = {
        f"{share:g} × limit": distances(descend(share * limit, 2000)) for share in (0.99, 1, 1.01)
    }
    lines = {label: (range(2001), distance) for label, distance in near.items()}
    title = f"Below, at and above the limit η = 2/λ_max = {limit:.4f}"
    axis = {"yscale": "log", "ylim": (1e-4, 1e4)}
    run.save("limit", plots.curves(lines, "iteration", "distance ‖w − w*‖", title, **axis))
    for label, distance in near.items():
        print(f"  η = {label:<12}  distance after 2,000 iterations {distance[-1]:.6g}")
    # At the limit the component along λ_max's eigenvector only changes its sign.
    stuck = abs(np.linalg.eigh(hessian())[1][:, -1] @ (START - optimum()))
    return {
        "at_limit": {"predicted": float(stuck), "measured": float(near["1 × limit"][-1])},
        "after_2000": {share: float(near[f"{share} × limit"][-1]) for share in ("0.99", "1.01")},
    }


def part_momentum(run: Run) -> dict[str, Any]:
    """momentum with the best η and β, beside the best constant η"""
    best, (eta, beta) = best_eta(), best_momentum()
    plain, heavy = descend(best, 2000), descend_with_momentum(eta, beta, ITERATIONS)
    results: dict[str, Any] = {
        "plain": {"eta": best, "predicted": rate(best)} | measure(plain, ITERATIONS),
        # after 150 iterations it is as near as float64 can tell
        "momentum": {"eta": eta, "beta": beta, "predicted": beta**0.5} | measure(heavy, 150),
    }
    for name, row in results.items():
        print(f"  {name:<8}  η = {row['eta']:.6f}  rate predicted {row['predicted']:.6f}, measured "
              f"{row['measured']:.6f}  within 1e-6 of w* after "
              f"{row['iterations']:>5,} iterations")  # fmt: skip
    results["speedup"] = results["plain"]["iterations"] / results["momentum"]["iterations"]
    iterations = range(ITERATIONS + 1)
    lines = {
        f"best constant η = {best:.4f}": (iterations, distances(plain)[: ITERATIONS + 1]),
        f"momentum β = {beta:.3f}, η = {eta:.4f}": (iterations, distances(heavy)),
    }
    axis = {"title": "Momentum on R", "yscale": "log"}
    run.save("momentum", plots.curves(lines, "iteration", "distance ‖w − w*‖", **axis))
    return results


PARTS = {"limit": part_limit, "momentum": part_momentum}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw5/gradient_descent_study", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
