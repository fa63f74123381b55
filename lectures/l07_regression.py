"""Lecture 7: linear regression with several outputs, solved by one formula.

    python lectures/l07_regression.py             everything, in seconds
    python lectures/l07_regression.py --part d    nearly singular data alone

The model is y ≈ Wx, the loss is squared, and W = YXᵀ(XXᵀ)⁻¹ makes its gradient zero. (a) the
gradient, and what a factor 2 that is missing in the lecture's line does; (b) linnerud: three
outputs from 20 people; (c) diabetes: one output from 442; (d) two inputs that are nearly the same.
What to expect: R² = 0.518 on diabetes; on linnerud up to 0.55 in the fit and below 0 for people who
were left out. Figures and summary.json go to results/lectures/l07_regression/, which
lectures/README.md explains.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts

import numpy as np

# n points, d inputs (one of them the constant 1), m outputs; one point per column:
# X (d, n), Y (m, n), W (m, d).
GAPS = 10.0 ** np.arange(0, -11, -1)  # (d): deviation of the second input from the first
DRIFT = 0.1  # (d): how far the two inputs come apart later, in standard deviations


def add_ones(X: np.ndarray) -> np.ndarray:
    """X (d, n) with a row of ones below, (d + 1, n): Wx + b becomes one product. [l07 1]"""
    return np.vstack([X, np.ones(X.shape[1])])


def squared_loss(W: np.ndarray, X: np.ndarray, Y: np.ndarray) -> float:
    """R(W) = Σ ‖y − Wx‖², summed over points and outputs. [l07 2]"""
    return float(((Y - W @ X) ** 2).sum())  # [l07 2]


def gradient(W: np.ndarray, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """∇R(W), (m, d), of the loss summed over points; one point is X (d, 1), Y (m, 1). [l07 3]"""
    return -2 * Y @ X.T + 2 * W @ X @ X.T  # [l07 3]


def printed_gradient(W: np.ndarray, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The lecture's line for one point, which lacks a 2, summed over points: its zero is 2W."""
    return -2 * Y @ X.T + W @ X @ X.T


def normal_equations(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """W = YXᵀ(XXᵀ)⁻¹, (m, d), at which the gradient is zero: the lecture's formula. [l07 4]"""
    return Y @ X.T @ np.linalg.inv(X @ X.T)  # [l07 4]


def pseudo_inverse_fit(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The W (m, d) of the least squared loss for X (d, n), Y (m, n). [l07 4]

    Where XXᵀ is singular, many W are equally good. Then its rank is printed, and W = YX⁺, the one
    of the smallest norm, is returned; X⁺ is the pseudo-inverse. Other shapes are a ValueError.
    """
    if X.ndim != 2 or Y.ndim != 2 or X.shape[1] != Y.shape[1] or not X.size:
        raise ValueError(f"X {X.shape} and Y {Y.shape}: needed are (d, n) and (m, n), n ≥ 1")
    rank = int(np.linalg.matrix_rank(X @ X.T))
    if rank == len(X):
        return normal_equations(X, Y)
    print(f"  XXᵀ is singular in float64: its rank is {rank} of {len(X)} (X's own: "
          f"{np.linalg.matrix_rank(X)}). Taking the pseudo-inverse of X.")  # fmt: skip
    return Y @ np.linalg.pinv(X)


def leave_one_out(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """What the fit to all other points says about each point, (m, n). [l07 5]

    No need to fit n times: without point i, its error grows by 1/(1 − h_i), where
    h_i = x_iᵀ(XXᵀ)⁻¹x_i is how strongly point i pulls the fit to itself. Where h_i = 1, the other
    points say nothing about it: NaN.
    """
    h = np.einsum("di,id->i", X, np.linalg.pinv(X))  # (n,)
    others = np.where(1 - h > 1e-9, 1 - h, np.nan)
    return Y - (Y - pseudo_inverse_fit(X, Y) @ X) / others  # [l07 5]


def r_squared(Y: np.ndarray, F: np.ndarray) -> np.ndarray:
    """R² = 1 − Σ(y − f)²/Σ(y − ȳ)² of each output, (m,), for predictions F (m, n)."""
    return 1 - ((Y - F) ** 2).sum(1) / ((Y - Y.mean(1, keepdims=True)) ** 2).sum(1)


def standardize(X: np.ndarray) -> np.ndarray:
    """Each input (row) with mean 0 and standard deviation 1."""
    return (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)


def load_diabetes() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Progression Y (1, 442) a year after ten measurements X (10, 442), and the inputs' names."""
    from sklearn import datasets  # here, since it is slow to import

    data = datasets.load_diabetes(scaled=False)
    # scikit-learn's versions differ in the 15th digit; four decimals are in all of them.
    return np.round(data.data, 4).T, data.target[None], list(data.feature_names)


def part_a(run: Run) -> dict[str, Any]:
    """the gradient, and the line with a 2 missing"""
    X, Y, names = load_diabetes()
    X = add_ones(X[[names.index("bmi")]])  # (2, 442)
    W = pseudo_inverse_fit(X, Y)
    wrong = pseudo_inverse_fit(X, 2 * Y)  # the zero of printed_gradient
    r2, printed_r2 = (float(r_squared(Y, each @ X)[0]) for each in (W, wrong))
    print(f"  progression ≈ {W[0, 0]:.2f} · bmi − {-W[0, 1]:.1f}; R² = {r2:.3f}")
    print(f"  with a 2 missing, twice that: R² = {printed_r2:.3f}")
    figure, axes = plots.subplots()
    axes.plot(X[0], Y[0], ".", color="tab:gray", alpha=0.6, label="442 patients")
    ends = X[:, [X[0].argmin(), X[0].argmax()]]
    axes.plot(ends[0], (W @ ends)[0], label="zero of −2YXᵀ + 2WXXᵀ")
    axes.plot(ends[0], (wrong @ ends)[0], "--", label="zero of −2YXᵀ + WXXᵀ (a 2 missing)")
    axes.set(xlabel="body mass index (kg/m²)", ylabel="progression of diabetes after a year")
    axes.legend()
    run.save("a_line", figure)
    return {"W": W[0].tolist(), "r2": r2, "printed_r2": printed_r2}


def measure_fit(run: Run, name: str, X: np.ndarray, Y: np.ndarray, outputs: list[str]) -> dict:
    """R² of each output for fitted and for left-out points; a figure of predicted against true."""
    X = add_ones(X)
    fitted, left_out = pseudo_inverse_fit(X, Y) @ X, leave_one_out(X, Y)
    results = {"condition": float(np.linalg.cond(X @ X.T))}
    figure, panels = plots.subplots(1, len(Y), (4.2 * len(Y), 4.2), squeeze=False)
    for output, axes, y, *both in zip(outputs, panels.flat, Y, fitted, left_out):
        r2, r2_out = (float(r_squared(y[None], f[None])[0]) for f in both)
        print(f"  {output:13} R² = {r2:6.3f} in the fit, {r2_out:6.3f} left out of it")
        results[output.split()[0]] = {"r2": r2, "r2_left_out": r2_out}
        axes.plot(y, both[0], ".", label=f"in the fit: R² = {r2:.2f}")
        axes.plot(y, both[1], "x", markersize=4, label=f"left out of it: R² = {r2_out:.2f}")
        axes.axline((y.mean(), y.mean()), slope=1, color="black", linewidth=1)
        axes.set(xlabel=f"true {output}", ylabel=f"predicted {output}")
        axes.set(aspect="equal", adjustable="datalim")
        axes.legend(fontsize=8)
    run.save(name, figure)
    return results


def part_b(run: Run) -> dict[str, Any]:
    """linnerud: three outputs at once"""
    from sklearn import datasets

    exercises, body = datasets.load_linnerud(return_X_y=True)
    outputs = ["weight (lb)", "waist (in)", "pulse (1/min)"]
    return measure_fit(run, "b_linnerud", exercises.T, body.T, outputs)


def part_c(run: Run) -> dict[str, Any]:
    """diabetes: one output"""
    return measure_fit(run, "c_diabetes", *load_diabetes()[:2], ["progression"])


def measure_twins(X: np.ndarray, Y: np.ndarray, gap: float, rng: np.random.Generator) -> dict:
    """Fits X and a last input that is the first one plus `gap` standard deviations of noise.

    Returns XXᵀ's condition number; W's relative error by formula and by pseudo-inverse where Y is
    exactly linear; for the real Y, the twins' larger weight and the root mean squared error, as
    fitted and where the last input has drifted by DRIFT.
    """
    twins = np.vstack([X, X[:1] + gap * rng.standard_normal(X.shape[1])])
    drifted = np.vstack([X, twins[-1:] + DRIFT])
    truth = rng.standard_normal((1, len(twins)))
    exact, inverse = truth @ twins, np.linalg.pinv(twins)
    fits = (normal_equations(twins, exact), exact @ inverse)
    errors = [np.linalg.norm(fit - truth) / np.linalg.norm(truth) for fit in fits]
    return {
        "gap": float(gap),
        "condition": float(np.linalg.cond(twins) ** 2),
        "error_formula": float(errors[0]),
        "error_pinv": float(errors[1]),
        "weight": float(np.abs((Y @ inverse)[0, [0, -1]]).max()),
        "rmse": float(np.sqrt(squared_loss(Y @ inverse, twins, Y) / Y.size)),
        "rmse_drifted": float(np.sqrt(squared_loss(Y @ inverse, drifted, Y) / Y.size)),
    }


def part_d(run: Run) -> dict[str, Any]:
    """two inputs that are nearly the same"""
    X, Y, _ = load_diabetes()
    X, Y = standardize(X[2:4]), Y - Y.mean()  # body mass index and blood pressure
    rng = np.random.default_rng(run.args.seed)
    rows = [measure_twins(X, Y, gap, rng) for gap in GAPS]
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    print("  " + " ".join(f"{key:>13}" for key in columns))
    for row in rows[::2]:
        print("  " + " ".join(f"{value:13.2g}" for value in row.values()))
    figure, (left, right) = plots.subplots(1, 2, (10, 4))
    left.loglog(GAPS, columns["error_formula"], "o-", label="YXᵀ(XXᵀ)⁻¹")
    left.loglog(GAPS, columns["error_pinv"], "s-", label="YX⁺")
    left.loglog(GAPS, np.finfo(float).eps / GAPS**2, "k:", label="float64's precision/gap²")
    left.set(ylabel="relative error of W, exact data", ylim=(1e-17, 1e3))
    right.loglog(GAPS, columns["weight"], "o-", label="larger weight of the two")
    right.set_ylabel("weight; error (unit of the progression)")
    right.loglog(GAPS, columns["rmse"], "s-", label="RMSE, as fitted")
    right.loglog(GAPS, columns["rmse_drifted"], "^-", label=f"RMSE, {DRIFT} apart")
    for axes in (left, right):
        axes.set_xlabel("gap between the two inputs (standard deviations)")
        axes.grid(alpha=0.3)
        axes.legend()
    run.save("d_singular", figure)
    print("  and with gap 0:")
    return {"rows": rows, "copies": pseudo_inverse_fit(np.vstack([X, X[:1]]), Y)[0].tolist()}


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l07_regression", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
