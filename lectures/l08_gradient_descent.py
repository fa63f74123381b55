"""Lecture 8: gradient descent, the LMS rule (Widrow–Hoff), and the delta rule.

    python lectures/l08_gradient_descent.py                       everything, in seconds
    python lectures/l08_gradient_descent.py --part a --lr 0.51    R(w) = w⁴ with another η

(a) R(w) = w⁴ from w = 1; (b) two weights and ten on the diabetes data: paths, and speed against the
condition number; (c) LMS, all points at once or one at a time, against the closed form; (d) the
delta rule: one neuron with a sigmoid or a ReLU. What to expect: from η = ½ on, w⁴ does not
converge; the steps needed grow as the condition number; one point at a time ends at the closed form
only if η falls; a ReLU that starts off stays off. Figures and summary.json go to
results/lectures/l08_gradient_descent/; lectures/README.md explains them.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

import numpy as np

from common import plots
from common.run import Run, run_parts
from hw5.network import phi, phi_prime
from lectures import l07_regression as l07

# As in lecture 7: one point per column, X (d, n), Y (m, n), W (m, d). Losses average over points.

LMS_ETAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # (c)
BIASES = (-16, -8, -2, 0, 2, 8, 16)  # (d)
NEAR = 1e-6  # (b): arrived when the distance to the optimum is this share of the first one

# The neuron's f = g(v), and g′(v); the sigmoid is HW5's.
ACTIVATIONS = {
    "identity": (lambda v: v, np.ones_like),
    "sigmoid": (lambda v: phi(v, 1), lambda v: phi_prime(v, 1)),
    "relu": (lambda v: np.maximum(v, 0), lambda v: (v > 0).astype(v.dtype)),
}


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


def delta_rule(
    X: np.ndarray, Y: np.ndarray, activation: str, eta: float, W: np.ndarray, epochs: int, **options
) -> np.ndarray:
    """W ← W + 2η (y − g(v)) g′(v) xᵀ with v = Wx, one point at a time. [l08 3]

    A step down ‖y − g(Wx)‖². Books that leave the 2 out have an η twice this one.

    Args:
        activation: one of ACTIVATIONS.
        W: the start, (m, d).
        options: seed (0) of the points' order, new in each epoch; decay (0): η in epoch
            t = 0, 1, … is eta/(1 + decay·t).

    Returns:
        W after 0, 1, … epochs, (epochs + 1, m, d); infinite or NaN where η is too large.
    """
    g, g_prime = ACTIVATIONS[activation]
    rng = np.random.default_rng(options.get("seed", 0))
    path = np.empty((epochs + 1, *W.shape))
    path[0] = W
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(epochs):
            W, rate = path[t].copy(), eta / (1 + options.get("decay", 0) * t)
            for i in rng.permutation(X.shape[1]):
                x, y = X[:, i], Y[:, i]
                v = W @ x
                delta = (y - g(v)) * g_prime(v)  # [l08 3]
                W += 2 * rate * np.outer(delta, x)  # [l08 2]
            path[t + 1] = W
    return path


def lms(X: np.ndarray, Y: np.ndarray, eta: float, epochs: int, batch: bool = False, **options):
    """The LMS rule from W = 0, W ← W + 2η(y − Wx)xᵀ: the delta rule of a linear neuron. [l08 2]

    With batch=True, a step per epoch by the mean over all points. Else as `delta_rule`.
    """
    W = np.zeros((len(Y), len(X)))
    if batch:
        return gradient_descent(mean_gradient(X, Y), W, eta, epochs)
    return delta_rule(X, Y, "identity", eta, W, epochs, **options)


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
    # w shrinks as 1/√(8ηk), not geometrically: at the optimum the curvature 12w² is 0.
    slow = results["eta_0.125"]["last"] * np.sqrt(8 / 8 * 1000)
    figure = plots.curves(lines, "step", "w", "R(w) = w⁴ from w = 1", "o", ylim=(-1.6, 1.6))
    run.save("a_w4", figure)
    return results | {"slow": float(slow)}


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
        path = gradient_descent(mean_gradient(X, Y), np.array([[-1.0, 0.5]]), eta, 40)[:, 0]
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


def part_c(run: Run) -> dict[str, Any]:
    """LMS: all points at once or one at a time, against the closed form"""
    X, Y, _ = load_standardized()
    X = X[:4]  # a small condition number: η alone is at stake
    W = l07.pseudo_inverse_fit(X, Y)
    power = float((X**2).sum(0).mean())  # mean ‖x‖²
    figure, (left, right) = plots.subplots(1, 2, (10, 4.2))
    results, rows = {"limit_singly": 1 / power}, []
    runs = {f"one at a time, η = {eta:g}": {"eta": eta} for eta in LMS_ETAS}
    runs["one at a time, η = 0.1/(1 + t)"] = {"eta": 0.1, "decay": 1.0}
    runs["all at once, η = 0.1"] = {"eta": 0.1, "batch": True}
    for label, options in runs.items():
        path = lms(X, Y, epochs=60, seed=run.args.seed, **options)
        with np.errstate(over="ignore", invalid="ignore"):
            distance = np.linalg.norm(path - W, axis=(1, 2)) / np.linalg.norm(W)
            losses = [l07.squared_loss(each, X, Y) for each in path[-20:]]
        excess = np.mean(losses) / l07.squared_loss(W, X, Y) - 1
        reached = {"distance": float(distance[-1]), "excess": float(excess)}
        results[label.replace(" ", "_")] = reached if np.isfinite(excess) else "diverged"
        print(f"  {label:31} distance {distance[-1]:.1e} of the first, excess loss {excess:.1e}")
        if label.endswith(("01", "0.1", "t)")):
            left.semilogy(distance, label=label)
        if len(options) == 1 and options["eta"] * power < 1:
            rows.append((options["eta"], excess))
    left.set(xlabel="epoch t", ylabel="distance to the closed form (share of the first)")
    left.set(title="LMS on four inputs", ylim=(1e-9, 3))
    eta = np.geomspace(min(LMS_ETAS), 0.8 / power)
    right.loglog(*zip(*rows), "o", label="measured, last 20 of 60 epochs")
    right.loglog(eta, eta * power / (1 - eta * power), label="Widrow's ηS/(1 − ηS), S = mean ‖x‖²")
    right.set(xlabel="η", ylabel="excess loss (share of the least)", title="One at a time")
    left.legend(fontsize=7)
    right.legend(fontsize=8)
    run.save("c_lms", figure)
    return results


def part_d(run: Run) -> dict[str, Any]:
    """the delta rule: a sigmoid that says "above the median", a ReLU that says how far"""
    X = l07.add_ones(load_standardized()[0])
    progression = l07.load_diabetes()[1] / 100
    above = (progression > np.median(progression)).astype(float)
    linear, line = (l07.pseudo_inverse_fit(X, Y) for Y in (above, progression))
    results = {"linear_correct": float(((linear @ X > 0.5) == above).mean())}
    results["linear_r2"] = float(l07.r_squared(progression, line @ X)[0])
    lines = {}
    for activation, target, eta in (("sigmoid", above, 0.05), ("relu", progression, 0.005)):
        rows = results[activation] = []
        for bias in BIASES:
            start = np.append(np.zeros(len(X) - 1), bias)[None]
            path = delta_rule(X, target, activation, eta, start, 20, seed=run.args.seed)
            F = ACTIVATIONS[activation][0](path[-1] @ X)
            r2, correct = float(l07.r_squared(target, F)[0]), float(((F > 0.5) == above).mean())
            rows.append({"bias": bias, "r2": r2, "correct": correct})
            print(f"  {activation:7} from bias {bias:3}: R² = {r2:6.3f}")
        lines[activation] = (BIASES, [row["r2"] for row in rows])
    figure = plots.curves(lines, "bias at the start (other weights 0)", "R² after 20 epochs",
                          "The delta rule on diabetes", "o")  # fmt: skip
    run.save("d_delta", figure)
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l08_gradient_descent", __doc__, PARTS, argv, needs="numpy", lr=0.6)


if __name__ == "__main__":
    sys.exit(main())
