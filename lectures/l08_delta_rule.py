"""Lecture 8, second half: the LMS rule (Widrow–Hoff), and the delta rule.

    python lectures/l08_delta_rule.py             everything, in seconds
    python lectures/l08_delta_rule.py --part b    the delta rule alone

Both learn from one point at a time, here of the diabetes data. (a) LMS, a linear neuron, against
the closed form; (b) the delta rule, a neuron with a sigmoid or a ReLU. What to expect: with a
constant η, LMS ends near the closed form and not at it, and the nearer the smaller η is; from a
start where its slope is 0, a sigmoid or a ReLU learns nothing. Figures and summary.json go to
results/lectures/l08_delta_rule/; lectures/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw5.network import phi, phi_prime
from lectures import l07_regression as l07
from lectures import l08_gradient_descent as l08

import numpy as np

# As in lecture 7: one point per column, X (d, n), Y (m, n), W (m, d). Losses average over points.

ETAS, EPOCHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3), 60  # (a)
BIASES = (-16, -8, -2, 0, 2, 8, 16)  # (b)

# The neuron's f = g(v), and g′(v); the sigmoid is HW5's.
ACTIVATIONS = {
    "identity": (lambda v: v, np.ones_like),
    "sigmoid": (lambda v: phi(v, 1), lambda v: phi_prime(v, 1)),
    "relu": (lambda v: np.maximum(v, 0), lambda v: (v > 0).astype(v.dtype)),
}


def delta_rule(
    X: np.ndarray, Y: np.ndarray, activation: str, eta: float, W: np.ndarray, epochs: int, **options
) -> np.ndarray:
    """W ← W + 2η (y − g(v)) g′(v) xᵀ with v = Wx, one point at a time. [l08 3]

    A step down ‖y − g(Wx)‖². Books that leave the 2 out have an η twice this one.

    Args:
        activation: one of ACTIVATIONS.
        W: the start, (m, d).
        options: seed (0) of the points' order, new in each epoch; replace (False): draw n points
            with replacement instead; decay (0): η in epoch t = 0, 1, … is eta/(1 + decay·t).

    Returns:
        W after 0, 1, … epochs, (epochs + 1, m, d); infinite or NaN where η is too large.
    """
    g, g_prime = ACTIVATIONS[activation]
    n, rng = X.shape[1], np.random.default_rng(options.get("seed", 0))
    path = np.empty((epochs + 1, *W.shape))
    path[0] = W
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(epochs):
            W, rate = path[t].copy(), eta / (1 + options.get("decay", 0) * t)
            order = rng.integers(n, size=n) if options.get("replace") else rng.permutation(n)
            for i in order:
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
        return l08.gradient_descent(l08.mean_gradient(X, Y), W, eta, epochs)
    return delta_rule(X, Y, "identity", eta, W, epochs, **options)


def measure_lms(X: np.ndarray, Y: np.ndarray, **options: Any) -> tuple[np.ndarray, float]:
    """Of LMS: the distance to the closed form, (EPOCHS + 1,), as a share of the first one.

    And its loss in excess, as a share of the least loss, averaged over the last 20 epochs.
    """
    W = l07.pseudo_inverse_fit(X, Y)
    path = lms(X, Y, epochs=EPOCHS, **options)
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.linalg.norm(path - W, axis=(1, 2)) / np.linalg.norm(W)
        losses = [l07.squared_loss(each, X, Y) for each in path[-20:]]
    return distance, float(np.mean(losses) / l07.squared_loss(W, X, Y) - 1)


def part_a(run: Run) -> dict[str, Any]:
    """LMS: one point at a time or all at once, against the closed form"""
    X, Y, _ = l08.load_standardized()
    X = X[:4]  # a small condition number: η alone is at stake
    power = float((X**2).sum(0).mean())  # mean ‖x‖²
    figure, (left, right) = plots.subplots(1, 2, (10, 4.2))
    results = {"limit": 1 / power}
    kinds = {"in a new order": {}, "with replacement": {"replace": True}}
    for (kind, options), marker in zip(kinds.items(), "os"):
        excess = {}
        for eta in ETAS:
            distance, excess[eta] = measure_lms(X, Y, eta=eta, seed=run.args.seed, **options)
            if not options and eta in (0.001, 0.01, 0.1):
                left.semilogy(distance, label=f"one at a time, η = {eta:g}")
            print(
                f"  {kind:16}  η = {eta:<5g}  distance {distance[-1]:.1e}, excess {excess[eta]:.1e}"
            )
        finite = {eta: each for eta, each in excess.items() if np.isfinite(each)}
        right.loglog(list(finite), list(finite.values()), marker, label=kind)
        results[kind.replace(" ", "_")] = {f"{eta:g}": finite.get(eta, "diverged") for eta in ETAS}
    # [l08 5], Widrow's rule for the excess; infinite at η = 1/power
    results["widrow"] = {
        f"{eta:g}": eta * power / (1 - eta * power) for eta in ETAS if eta < 1 / power
    }
    right.loglog(*zip(*[(float(eta), each) for eta, each in results["widrow"].items()]),
                 label="Widrow's ηS/(1 − ηS), S = mean ‖x‖²")  # fmt: skip
    for label, options in {"one at a time, η = 0.1/(1 + t)": {"decay": 1.0, "seed": run.args.seed},
                           "all at once, η = 0.1": {"batch": True}}.items():  # fmt: skip
        distance, _ = measure_lms(X, Y, eta=0.1, **options)
        left.semilogy(distance, label=label)
        results["batch" if "batch" in options else "falling"] = float(distance[-1])
    left.set(xlabel="epoch t", ylabel="distance to the closed form (share of the first)")
    left.set(title="LMS on four inputs", ylim=(1e-5, 3))
    right.set(xlabel="η", ylabel="excess loss (share of the least)", title="One at a time")
    left.legend(fontsize=7, loc="lower left")
    right.legend(fontsize=8)
    run.save("a_lms", figure)
    return results


def part_b(run: Run) -> dict[str, Any]:
    """the delta rule: a sigmoid that says "above the median", a ReLU that says how far"""
    X = l07.add_ones(l08.load_standardized()[0])
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
    run.save("b_delta", figure)
    return results


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l08_delta_rule", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
