"""HW5 Q1: gradient descent on a quadratic, with three learning rates.

    python gradient_descent.py --check    are the lines right that you have filled in?
    python gradient_descent.py            what is still open; then (a) to (c), as far as they go

R(w) = 13w₁² − 10w₁w₂ + 4w₁ + 2w₂² − 2w₂ + 1. Put an expression in the place of each todo(…).
"""

import sys

from gradescope.starters.room import Figure, run
from hw5.gradient_descent import (
    ETAS,
    ITERATIONS,
    START,
    R,
    best_eta,
    descend,
    distances,
    gradient,
    hessian,
    optimum,
    rate,
    stability_limit,
)

import numpy as np

BLANKS = {
    "R return": "R",
    "gradient return": "the two derivatives",
    "hessian return": "the four second derivatives",
    "optimum return": "the solution of the optimality condition",
    "descend path[i + 1]": "one step",
    "distances return": "the distance of each point",
    "rate return": "the factor, by the eigenvalues",
    "stability_limit return": "the limit, by the eigenvalues",
    "best_eta return": "the best η, by the eigenvalues",
}


def part_a(args):
    """the gradient, and the point where it is zero"""
    w = optimum()
    print(f"  ∇R(0, 0) = {gradient(START)}, w* = {w}, R(w*) = {R(w):.0e}")
    return {"optimum": w.tolist()}


def part_b(args):
    """500 iterations from (0, 0) with three learning rates"""
    figure, results = Figure(layout="constrained"), {}
    axes = figure.subplots()
    for eta in ETAS:
        distance = distances(descend(eta, ITERATIONS))
        results[f"eta_{eta}"] = {f"after_{i}": float(distance[i]) for i in (1, 100, ITERATIONS)}
        print(f"  η = {eta}: {results[f'eta_{eta}']}")
        axes.plot(distance, label=f"η = {eta}")
    axes.set(xlabel="iteration", ylabel="distance ‖w − w*‖", yscale="log")
    axes.legend()
    figure.savefig(f"{args.out}/b_distance.png")
    return results


def part_c(args):
    """is a larger η better?"""
    results = {f"rate_{eta}": rate(eta) for eta in ETAS}
    results |= {"limit": stability_limit(), "best_eta": best_eta()}
    print("  " + ", ".join(f"{name} = {value:.6f}" for name, value in results.items()))
    return results


W = np.array([1.0, 2])
CHECKS = [
    ("R", lambda: R(W), {"result": 2}),
    ("gradient", lambda: gradient(W), {"result": [10, -4]}),
    ("hessian", hessian, {"result.shape": (2, 2), "result @ W": [6, -2], "W @ result": [6, -2]}),
    ("optimum", optimum, {"result": [1, 3]}),
    ("descend", lambda: descend(0.1, 2, W), {
        "path.shape": (3, 2), "path[0]": [1, 2], "path[1]": [0, 2.4], "result[2]": [2, 1.64]}),
    ("distances", lambda: distances(np.array([[1.0, 3], [4, 7]])), {"result": [0, 5]}),
    ("rate", lambda: rate(0.05), {"result": 0.9933}),
    ("rate", lambda: rate(0.1), {"result": 1.9866}),
    ("stability_limit", stability_limit, {"result": 0.067}),
    ("best_eta", best_eta, {"10 * result": 0.6667}),
]  # fmt: skip
PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main():
    return run(PARTS, CHECKS)


if __name__ == "__main__":
    sys.exit(main())
