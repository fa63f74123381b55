"""Lecture 17: Hebb's rule and its children, step by step.

    python lectures/l17_hebbian.py             everything, in seconds
    python lectures/l17_hebbian.py --part a    the printed trace alone

(a) Hebb's rule on the lecture's six points, in all orders and from all sides; (b) growth, and what
decay does about it; (c) how large η may be, rule by rule. What to expect: the trace ends at
(−0.1, 6.3); decay bounds the weights of a sign unit and not of a linear one; Oja's rule comes to
rest for η‖x‖² < 1. l17_components.py takes the rules to MNIST, l17_competitive.py has the lecture's
other half. Figures and summary.json go to results/lectures/l17_hebbian/; lectures/README.md
explains them.
"""

import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures.hebbian import competitive, hebb, hebb_with_decay, linear, oja, trace

import numpy as np

# One point per row. The lecture's six: two groups, which the sign of x₂ tells apart.
POINTS = np.array([[1, 1], [0.9, 1], [1, 1.1], [1, -1], [1.1, -1], [1, -1.1]])
START, ETA = np.array([[0.1, 0.1]]), 1.0
ALPHAS = (0.5, 0.8, 0.9)  # (b)
REPEATS, LARGEST = 4000, 16.0  # (c): how often one point comes; the largest η tried
LOADS = np.linspace(0.5, 2.1, 641)  # (c): η‖x‖² in the figure


def is_parted(w: np.ndarray) -> bool:
    """Whether the sign of wᵀx is one in the first three of POINTS, and the other in the rest."""
    signs = np.sign(POINTS @ w)
    return bool(abs(signs[:3].sum()) == 3 and (signs[3:] == -signs[0]).all())


def share_parted(length: float) -> float:
    """The share of 720 directions of a first w, ‖w‖ = length, that end with the groups parted."""
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    starts = length * np.stack([np.cos(angles), np.sin(angles)], 1)
    return float(
        np.mean([is_parted(trace(hebb, [w], POINTS, ETA, np.sign)[-1, 0]) for w in starts])
    )


def part_a(run: Run) -> dict[str, Any]:
    """Hebb's rule on the lecture's six points"""
    path = trace(hebb, START, POINTS, ETA, np.sign)[:, 0]
    print("  x              y   w before the step, w after it")
    for x, w, after in zip(POINTS, path, path[1:]):
        print(f"  ({x[0]:4g}, {x[1]:4g}) {np.sign(w @ x):+4g}   ({w[0]:4.1f}, {w[1]:4.1f})    "
              f"({after[0]:4.1f}, {after[1]:4.1f})")  # fmt: skip
    ten = [trace(hebb, START, np.tile(X, (10, 1)), ETA, np.sign)[::6, 0]
           for X in [POINTS, *map(np.array, permutations(POINTS))]]  # fmt: skip
    results = {"path": path.tolist(), "norms": np.linalg.norm(ten[0], axis=1).tolist(),
               "orders": float(np.mean([is_parted(each[1]) for each in ten[1:]])),
               "orders_ten": float(np.mean([is_parted(each[10]) for each in ten[1:]])),
               "starts": {f"{size:g}": share_parted(size) for size in (0.1, 1, 10)}}  # fmt: skip
    print("  told apart: in {orders:.1%} of the 720 orders, {orders_ten:.1%} after ten passes"
          .format(**results))  # fmt: skip
    for length, share in results["starts"].items():
        print(f"  a start of length {length}: told apart from {share:.1%} of all directions")
    figure, axes = plots.subplots(size=(4.6, 5))
    axes.plot(*POINTS[:3].T, "o", label="x₂ > 0")
    axes.plot(*POINTS[3:].T, "s", label="x₂ < 0")
    axes.plot(*path.T, "k.-", label="w, step by step")
    for step, w in enumerate(path):
        axes.annotate(str(step), w, (4, 2), textcoords="offset points", fontsize=8)
    axes.axline((0, 0), path[-1] @ [[0, -1], [1, 0]], color="tab:gray", ls="--", label="wᵀx = 0")
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-2, 4), ylim=(-2, 7), aspect="equal")
    axes.legend(loc="upper right", fontsize=8)
    run.save("a_trace", figure)
    return results


def part_b(run: Run) -> dict[str, Any]:
    """growth without bound, and with decay: one weight w = 1, inputs x = 1, η = 1"""
    ones = np.ones((40, 1))
    kinds = {"linear": linear, "sign": np.sign}
    figure, panels = plots.subplots(1, 2, (9, 3.6), sharey=True)
    results = {}
    for (name, phi), axes in zip(kinds.items(), panels):
        paths = {"no_decay": trace(hebb, [[1]], ones, ETA, phi)[:, 0, 0]}
        weak = trace(hebb_with_decay, [[1]], ones, 0.4, 0.5, phi)[:, 0, 0]
        for alpha in ALPHAS:
            path = trace(hebb_with_decay, [[1]], ones, ETA, alpha, phi)
            paths[f"α={alpha:g}"] = path[:, 0, 0]
        paths["α=0.5,η=0.4"] = weak
        for label, path in paths.items():
            axes.semilogy(path, ".-", label=label.replace("_", " "))
            print(f"  {name:6} {label:16}  {', '.join(f'{w:.4g}' for w in path[:5])}, …, "
                  f"{path[-1]:.4g}")  # fmt: skip
        axes.set(xlabel="step", title=f"y = {'wx' if name == 'linear' else 'sign(wx)'}")
        axes.set_ylim(0.1, 200)
        results[name] = {label: [*path[:5].tolist(), float(path[-1])]
                         for label, path in paths.items()}  # fmt: skip
    for alpha in ALPHAS:
        panels[1].axhline(1 / (1 - alpha), color="tab:gray", ls=":", lw=1)
    panels[0].set(ylabel="weight w", xlim=(-1, 21))
    panels[0].legend(fontsize=8, loc="center right")
    run.save("b_growth", figure)
    return results


def find_outcome(rule: Callable, eta: float, *args: Any, **options: Any) -> str:
    """What REPEATS steps with one point x, ‖x‖ = 1, make of w: "rest", "moves" or "diverges"."""
    x = np.array([0.6, 0.8])
    path = trace(rule, [[0.5, 0.2]], np.tile(x, (REPEATS, 1)), eta, *args, **options)[:, 0]
    half, end = path[REPEATS // 2 - 64 : REPEATS // 2], path[-64:]
    if not np.abs(end).max() < 2 * np.abs(half).max():
        return "diverges"
    steps = [np.abs(np.diff(part, axis=0)).max() for part in (half, end)]
    return "rest" if steps[1] < 1e-9 or steps[1] < steps[0] / 2 else "moves"


def find_limit(rule: Callable, outcomes: tuple[str, ...], *args: Any, **options: Any) -> float:
    """The η, at most LARGEST, up to which `find_outcome` is one of `outcomes`: by bisection."""
    low, high = 0.0, LARGEST
    for _ in range(16):
        middle = (low + high) / 2
        fits = find_outcome(rule, middle, *args, **options) in outcomes
        low, high = (middle, high) if fits else (low, middle)
    return low


def part_c(run: Run) -> dict[str, Any]:
    """how large η may be: one point x again and again, ‖x‖ = 1, decay α = 0.9"""
    rest, bounded = ("rest",), ("rest", "moves")
    limits = {
        "Hebb_linear": find_limit(hebb, bounded),
        "decay_linear": find_limit(hebb_with_decay, rest, 0.9),
        "decay_sign": find_limit(hebb_with_decay, rest, 0.9, np.sign),
        "competitive": find_limit(competitive, rest),
        "Oja_rests": find_limit(oja, rest),
        "Oja_bounded": find_limit(oja, bounded),
    }
    for name, limit in limits.items():
        print(f"  {name:12}  up to η = {limit:.3f}")
    path = [np.full(len(LOADS), 0.1)]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(600):  # Oja's rule along x, for many η at once
            path.append(path[-1] + LOADS * path[-1] * (1 - path[-1] ** 2))
    figure, axes = plots.subplots(size=(6.4, 3.6))
    axes.plot(LOADS, np.transpose(path[-100:]), "k,", alpha=0.5)
    axes.axvline(1, color="tab:gray", ls="--", lw=1)
    axes.axvline(2, color="tab:gray", ls="--", lw=1)
    axes.set(xlabel="η‖x‖²", ylabel="w along x, steps 500 to 600", ylim=(-1.8, 1.8))
    axes.set_title("Oja's rule with one point: rest, cycles, chaos, and off")
    run.save("c_stability", figure)
    return {"limits": limits}


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l17_hebbian", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
