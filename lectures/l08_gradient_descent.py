"""Lecture 8: gradient descent.

    python lectures/l08_gradient_descent.py                       everything, in seconds
    python lectures/l08_gradient_descent.py --part a --lr 0.51    R(w) = w⁴ with another η

(a) R(w) = w⁴ from w = 1; (b) two weights and ten on the diabetes data: paths, and speed against the
condition number. What to expect: from η = ½ on, w⁴ does not converge; below, it does, but slower
and slower; on the diabetes data the steps needed grow as the condition number. l08_delta_rule.py
is the second half: LMS and the delta rule. Figures and summary.json go to
results/lectures/l08_gradient_descent/; lectures/README.md explains them.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures import l07_regression as l07

import numpy as np

# As in lecture 7: one point per column, X (d, n), Y (m, n), W (m, d). Losses average over points.

NEAR = 1e-6  # (b): arrived when the distance to the optimum is this share of the first one


def gradient_descent(
    gradient: Callable[[np.ndarray], np.ndarray], w: np.ndarray | float, eta: float, steps: int
) -> np.ndarray:
    """The path w(0), w(1), … of w ← w − η∇R(w), (steps + 1, *shape of w). [l08 1]

    Where η is too large the path runs off, to infinity and then NaN: a result, and no error.
    """
    path = [np.asarray(w, dtype=float)]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            path.append(path[-1] - eta * gradient(path[-1]))  # [l08 1]
    return np.array(path)


def mean_gradient(X: np.ndarray, Y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """W → lecture 7's gradient, averaged over the points."""
    return lambda W: l07.gradient(W, X, Y) / X.shape[1]


def rate(eta: float, eigenvalues: np.ndarray) -> float:
    """What the distance is multiplied by per step in the end: max |1 − ηλ|. [l08 4]"""
    return float(np.abs(1 - eta * eigenvalues).max())


def load_standardized() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The diabetes data with mean 0 and deviation 1, so that no bias is needed; inputs' names."""
    X, Y, names = l07.load_diabetes()
    return l07.standardize(X), l07.standardize(Y), names


def part_a(run: Run) -> dict[str, Any]:
    """R(w) = w⁴ from w = 1"""
    results, lines = {}, {}
    for eta in (1 / 8, 1 / 4, 1 / 2, run.args.lr):
        path = gradient_descent(lambda w: 4 * w**3, 1.0, eta, 1000)
        shown = path[:4].tolist()
        end = float(path[-1]) if np.isfinite(path[-1]) else "diverged"
        print(f"  η = {eta:<6g} w = {', '.join(f'{w:.4g}' for w in shown)}, …; after 1000: {end}")
        results[f"eta_{eta:g}"] = {"first": shown, "last": end}
        lines[f"η = {eta:g}"] = (range(9), np.clip(path[:9], -9, 9))
    # At the optimum the curvature 12w² is 0: w shrinks as 1/√(8ηk), here 1/√k, not geometrically.
    results["slow"] = results["eta_0.125"]["last"] * 1000**0.5
    figure = plots.curves(lines, "step", "w", "R(w) = w⁴ from w = 1", "o", ylim=(-1.6, 1.6))
    run.save("a_w4", figure)
    return results


def draw_paths(axes: plots.Axes, X: np.ndarray, Y: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Paths of two weights on the contours of R, with η as a share of the limit 2/λ_max."""
    eigenvalues = np.linalg.eigvalsh(2 * X @ X.T / X.shape[1])
    condition = eigenvalues[-1] / eigenvalues[0]
    W = l07.pseudo_inverse_fit(X, Y)
    grid = np.stack(np.meshgrid(np.linspace(-1.3, 1.3, 81), np.linspace(-1.3, 1.3, 81)))
    loss = ((Y[:, None] - np.einsum("dab,dn->abn", grid, X)) ** 2).mean(-1)
    axes.contour(*grid, loss, np.geomspace(loss.min() * 1.001, loss.max(), 14), cmap="Greys_r")
    for share in (0.2, 0.9, 1.02):
        eta = share * 2 / eigenvalues[-1]
        steps = 40 if share < 1 else 14
        path = gradient_descent(mean_gradient(X, Y), np.array([[-1.0, 0.5]]), eta, steps)[:, 0]
        axes.plot(*path.T, "o-", markersize=3, linewidth=1, label=f"η = {share:g} × limit")
    axes.plot(*W[0], "k*", markersize=10, label="closed form")
    axes.set(xlabel=f"weight of {names[0]}", ylabel=f"weight of {names[1]}", aspect="equal")
    axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), title=f"condition number {condition:.1f}")
    return {"condition": float(condition), "limit": float(2 / eigenvalues[-1])}


def measure_speed(X: np.ndarray, Y: np.ndarray) -> dict[str, Any]:
    """Steps to the closed form with the best constant η, and the rate they go at. [l08 4]"""
    eigenvalues = np.linalg.eigvalsh(2 * X @ X.T / X.shape[1])
    eta = 2 / (eigenvalues[0] + eigenvalues[-1])
    W = l07.pseudo_inverse_fit(X, Y)
    condition = float(eigenvalues[-1] / eigenvalues[0])
    path = gradient_descent(mean_gradient(X, Y), np.zeros_like(W), eta, int(9 * condition) + 20)
    distance = np.linalg.norm(path - W, axis=(1, 2)) / np.linalg.norm(W)
    steps = int(np.flatnonzero(distance <= NEAR)[0])
    measured = float((distance[steps] / distance[steps // 2]) ** (1 / (steps - steps // 2)))
    return {"inputs": len(X), "condition": condition, "steps": steps,
            "predicted": rate(eta, eigenvalues), "measured": measured}  # fmt: skip


def part_b(run: Run) -> dict[str, Any]:
    """paths on the contours, and speed against the condition number"""
    X, Y, names = load_standardized()
    figure, panels = plots.subplots(1, 2, (9, 4.6))
    pairs = {}
    for axes, (i, j) in zip(panels, ((2, 3), (4, 5))):
        pairs[f"{names[i]}_{names[j]}"] = draw_paths(axes, X[[i, j]], Y, [names[i], names[j]])
    panels[0].legend(fontsize=8)
    run.save("b_paths", figure)
    rows = [measure_speed(X[:d], Y) for d in range(2, 11)]
    for row in rows:
        print("  first {inputs:2} inputs: condition number {condition:6.1f}, rate {predicted:.5f} "
              "predicted, {measured:.5f} measured, {steps:5} steps".format(**row))  # fmt: skip
    condition = np.array([row["condition"] for row in rows])
    lines = {"measured": (condition, [row["steps"] for row in rows])}
    lines["½ κ ln 10⁶"] = (condition, condition / 2 * np.log(1 / NEAR))
    figure = plots.curves(lines, "condition number κ of XXᵀ", "steps to 10⁻⁶ of the distance",
                          "Best constant η, diabetes", "o", xscale="log", yscale="log")  # fmt: skip
    run.save("b_speed", figure)
    raw = l07.add_ones(l07.load_diabetes()[0])  # in their own units, with a bias
    return {"pairs": pairs, "rows": rows, "raw_condition": float(np.linalg.cond(raw @ raw.T))}


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l08_gradient_descent", __doc__, PARTS, argv, needs="numpy", lr=0.6)


if __name__ == "__main__":
    sys.exit(main())
