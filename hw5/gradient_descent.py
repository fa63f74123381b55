"""HW5 Q1: gradient descent on a quadratic, with three learning rates.

    python hw5/gradient_descent.py             everything, in seconds
    python hw5/gradient_descent.py --part c    the eigenvalues' answer alone

R(w) = 13w₁² − 10w₁w₂ + 4w₁ + 2w₂² − 2w₂ + 1. (a) its gradient and its optimum; (b) 500 iterations
with η = 0.02, 0.05 and 0.1; (c) whether a larger η is better, answered by the Hessian's
eigenvalues; momentum: what goes beyond the best constant η. Figures and summary.json go to
results/hw5/gradient_descent/; hw5/README.md explains them.
"""

import sys
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from common import plots
from common.run import Run, run_parts

ETAS = (0.02, 0.05, 0.1)  # the handout's learning rates
ITERATIONS = 500
START = np.zeros(2)


def R(w: np.ndarray) -> np.ndarray:
    """R at w, (2,), or at many points, (2, …). [hw5 1]"""
    w1, w2 = w
    return 13 * w1**2 - 10 * w1 * w2 + 4 * w1 + 2 * w2**2 - 2 * w2 + 1


def gradient(w: np.ndarray) -> np.ndarray:
    """∇R = (∂R/∂w₁, ∂R/∂w₂) at w, (2,). [hw5 1a]"""
    w1, w2 = w
    return np.array([26 * w1 - 10 * w2 + 4, -10 * w1 + 4 * w2 - 2])


def hessian() -> np.ndarray:
    """H, (2, 2): the derivatives of `gradient`, the same everywhere. [hw5 1a]"""
    return np.array([[26.0, -10.0], [-10.0, 4.0]])


def optimum() -> np.ndarray:
    """w*, (2,): the solution of ∇R(w) = H·w + ∇R(0) = 0. [hw5 1a]"""
    return np.linalg.solve(hessian(), -gradient(np.zeros(2)))


def descend(
    eta: float, iterations: int, beta: float = 0.0, start: np.ndarray = START
) -> np.ndarray:
    """The path w(0), w(1), …, (iterations + 1, 2), of w ← w − η∇R(w). [hw5 1b]

    Args:
        eta: the learning rate η.
        beta: momentum: the share of the last step that is taken once more (0: none).
        start: w(0), (2,).
    """
    path = np.empty((iterations + 1, 2))
    path[0] = start
    step = np.zeros(2)
    for i in range(iterations):
        step = beta * step - eta * gradient(path[i])
        path[i + 1] = path[i] + step
    return path


def distances(path: np.ndarray) -> np.ndarray:
    """‖w(i) − w*‖ along a path, (iterations + 1,)."""
    return np.linalg.norm(path - optimum(), axis=1)


def rate(eta: float) -> float:
    """What ‖w − w*‖ is multiplied by in each iteration in the end: max |1 − ηλ|. [hw5 1c]"""
    return float(np.abs(1 - eta * np.linalg.eigvalsh(hessian())).max())


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
        print(f"  η = {eta:<4g}  distance "
              + "  ".join(f"{when} {value:<10.6g}" for when, value in after.items()))  # fmt: skip
    run.save("b_distance", distance_figure(lines))
    run.save("b_paths", path_figure(paths))
    return results


def stability_limit() -> float:
    """The η from which on gradient descent no longer converges, 2/λ_max. [hw5 1c]"""
    return float(2 / np.linalg.eigvalsh(hessian())[-1])


def distance_figure(lines: dict[str, np.ndarray]) -> Figure:
    """Distance against iteration: all of it, and the decades in which the stable runs move."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for axes, title in zip(panels, ("everything", "the same, near w*")):
        for label, distance in lines.items():
            axes.plot(distance, label=label)
        axes.set(xlabel="iteration", ylabel="distance ‖w − w*‖", title=title, yscale="log")
        axes.grid(alpha=0.3)
    panels[0].legend()
    panels[1].set(ylim=(0.08, 12))
    figure.suptitle(f"Gradient descent on R: stable for η < 2/λ_max = {stability_limit():.4f}")
    return figure


def path_figure(paths: dict[float, np.ndarray]) -> Figure:
    """The paths on the contours of R, one panel for each η, all on the same scale."""
    figure, panels = plt.subplots(1, len(paths), figsize=(9, 4), sharey=True, layout="constrained")
    w = np.stack(np.meshgrid(np.linspace(-2, 3, 201), np.linspace(-1, 5, 241)))  # (2, 241, 201)
    levels = 4.0 ** np.arange(-3, 5)
    for axes, (eta, path) in zip(panels, paths.items()):
        axes.contour(*w, R(w), levels=levels, colors="0.75", linewidths=0.8)
        inside = path[np.abs(path).max(1) < 8]  # what is farther off is outside; 1e148 is no place
        axes.plot(*inside.T, ".-", color="tab:blue", markersize=3, linewidth=0.8)
        axes.plot(*START, "s", color="tab:green", markersize=4, label="start (0, 0)")
        axes.plot(*optimum(), "*", color="tab:red", markersize=10, label="optimum w*")
        axes.set(xlim=(-2, 3), ylim=(-1, 5), aspect="equal", xlabel="w₁", title=f"η = {eta:g}")
    panels[0].set_ylabel("w₂")
    panels[-1].legend(loc="upper left", fontsize=8)
    figure.suptitle(f"{ITERATIONS} iterations on the contours of R (levels 4⁻³, 4⁻², …, 4⁴)")
    return figure


def part_c(run: Run) -> dict[str, Any]:
    """is a larger η better: the rate per iteration, predicted and measured"""
    smallest, largest = np.linalg.eigvalsh(hessian())
    limit, best = stability_limit(), float(2 / (smallest + largest))
    print(f"  λ = {smallest:.5f} and {largest:.5f}: stable for η < {limit:.6f}, "
          f"best η = {best:.6f}")  # fmt: skip
    rows = {
        f"eta_{name}": measure(eta)
        for name, eta in [*((f"{eta:g}", eta) for eta in ETAS), ("best", best)]
    }
    run.save("c_rate", rate_figure(limit, best))
    near = {f"{share:g} × limit": distances(descend(share * limit, 2000))
            for share in (0.99, 1, 1.01)}  # fmt: skip
    lines = {label: (range(2001), distance) for label, distance in near.items()}
    title = f"Below, at and above the limit η = 2/λ_max = {limit:.4f}"
    figure = plots.curves(
        lines, "iteration", "distance ‖w − w*‖", title, yscale="log", ylim=(1e-4, 1e4)
    )
    run.save("c_limit", figure)
    # At the limit the component along λ_max's eigenvector only changes its sign.
    stuck = abs(np.linalg.eigh(hessian())[1][:, -1] @ (START - optimum()))
    return {
        "eigenvalues": [float(smallest), float(largest)],
        "condition": float(largest / smallest),
        "limit": limit,
        "best_eta": best,
        "rows": rows,
        "at_limit": {"predicted": float(stuck), "measured": float(near["1 × limit"][-1])},
        "after_2000": {f"{share:g}": float(near[f"{share:g} × limit"][-1])
                       for share in (0.99, 1.01)},
    }  # fmt: skip


def measure(eta: float, beta: float = 0.0, predicted: float | None = None) -> dict[str, Any]:
    """The predicted and the measured rate, and the iterations until ‖w − w*‖ ≤ 1e-6 (or None).

    Measured: the geometric mean over iterations 50 to 150 with momentum, which is soon as near as
    float64 can tell, and over the last hundred of 500 without.
    """
    predicted = rate(eta) if predicted is None else predicted
    distance = distances(descend(eta, 20_000 if predicted < 1 else ITERATIONS, beta))
    last = 150 if beta else ITERATIONS
    measured = float((distance[last] / distance[last - 100]) ** 0.01)
    near = np.flatnonzero(distance <= 1e-6)
    iterations = int(near[0]) if len(near) else None
    print(f"  η = {eta:<8.6g}  β = {beta:<8.6g}  rate predicted {predicted:.6f}, measured "
          f"{measured:.6f}  within 1e-6 of w* after {iterations or '-':>6}")  # fmt: skip
    return {"eta": eta, "predicted": predicted, "measured": measured, "iterations": iterations}


def rate_figure(limit: float, best: float) -> Figure:
    """|1 − ηλ| against η for both eigenvalues, and measured rates as dots; right: where they cross.

    The larger of the two is what the distance is multiplied by in the end.
    """
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    eta = np.linspace(0, 0.12, 4801)
    measured = [distances(descend(value, ITERATIONS)) for value in (*ETAS, best)]
    rates = [(distance[-1] / distance[-101]) ** 0.01 for distance in measured]
    for axes in panels:
        for name, value in zip(("λ_min", "λ_max"), np.linalg.eigvalsh(hessian())):
            axes.plot(eta, abs(1 - eta * value), label=f"|1 − η{name}|, {name} = {value:.3f}")
        axes.plot((*ETAS, best), rates, "o", color="tab:red", label="measured over 400 to 500")
        axes.axvline(limit, color="black", linestyle=":", linewidth=1, label="η = 2/λ_max")
        axes.axhline(1, color="black", linestyle="--", linewidth=1)
        axes.set(xlabel="learning rate η", ylabel="factor of the distance per iteration")
        axes.grid(alpha=0.3)
    panels[0].set(title=f"Unstable from η = {limit:.6f}", xlim=(0, 0.12), ylim=(0, 2.6))
    panels[1].set(title=f"Best at η = {best:.6f}", xlim=(0.066, 0.0672), ylim=(0.97, 1.01))
    panels[0].legend(fontsize=8)
    return figure


def momentum(run: Run) -> dict[str, Any]:
    """outlook: momentum, with the η and β that are best for the two eigenvalues"""
    roots = np.sqrt(np.linalg.eigvalsh(hessian()))
    smallest, largest = roots**2
    eta = float(4 / roots.sum() ** 2)
    beta = float(((roots[1] - roots[0]) / roots.sum()) ** 2)
    best = float(2 / (smallest + largest))
    results = {
        "plain": measure(best),
        "momentum": measure(eta, beta, predicted=beta**0.5) | {"beta": beta},
    }
    results["speedup"] = results["plain"]["iterations"] / results["momentum"]["iterations"]
    lines = {
        f"best constant η = {best:.4f}": (
            range(ITERATIONS + 1),
            distances(descend(best, ITERATIONS)),
        ),
        f"momentum β = {beta:.3f}, η = {eta:.4f}": (
            range(ITERATIONS + 1),
            distances(descend(eta, ITERATIONS, beta)),
        ),
    }
    title = "Momentum on R"
    run.save("momentum", plots.curves(lines, "iteration", "distance ‖w − w*‖", title, yscale="log"))
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c, "momentum": momentum}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw5/gradient_descent", __doc__, PARTS, argv, mnist=False)


if __name__ == "__main__":
    sys.exit(main())
