"""Lecture 11: overfitting, cross-validation, and the penalties L2 and L1.

    python lectures/l11_regularization.py                        everything, in seconds
    python lectures/l11_regularization.py --part a --folds 10    polynomials, 10-fold validation

(a) polynomials on the level of Lake Huron: training and test error against the degree, and k-fold
cross-validation; (b) L2 and L1 on the diabetes data, and a bound on ‖w‖ instead of a penalty. What
to expect: degree 2 is best and degree 12 ten times worse; L1 by subgradient makes weights small,
but never 0. l11_early_stopping.py is the second half: a network on 1,000 digits. Figures and
summary.json go to results/lectures/l11_regularization/; lectures/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, UserError, run_parts
from lectures import l07_regression as l07
from lectures import l08_gradient_descent as l08

import numpy as np

# As in lecture 7: one point per column, X (d, n), Y (m, n), W (m, d); R(W) sums over points.

HURON = Path(__file__).resolve().parent / "data" / "huron.csv"
DEGREES, SPLITS, POINTS = range(15), 50, 20  # (a): tried, and training points of each split
LAMBDAS = np.geomspace(1, 1e4, 17)  # (b)


def k_fold(n: int, k: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """k pairs (training, validation) of indices; each of n points is validated once. [l11 1]

    The first n mod k folds have one point more. They are those of scikit-learn's shuffled KFold.

    Raises:
        UserError: if k is not from 2 to n.
    """
    if not 2 <= k <= n:
        raise UserError(f"argument --folds: came {k}, allowed is 2 to {n}, the training points")
    order = np.random.RandomState(seed % 2**32).permutation(n)
    folds = [np.sort(fold) for fold in np.array_split(order, k)]
    return [(np.setdiff1d(order, fold), fold) for fold in folds]  # [l11 1]


def ridge(X: np.ndarray, Y: np.ndarray, lam: float) -> np.ndarray:
    """The least ‖Y − WX‖² + λ‖W‖²: W = YXᵀ(XXᵀ + λI)⁻¹, (m, d), for λ > 0. [l11 2]

    Its gradient has 2λW more than lecture 7's. A bias would be held back, too: center X and Y.
    """
    return Y @ X.T @ np.linalg.inv(X @ X.T + lam * np.eye(len(X)))  # [l11 2]


def lasso(X: np.ndarray, Y: np.ndarray, lam: float, steps: int = 5000) -> np.ndarray:
    """The least ‖Y − WX‖² + λ Σ|W|, (m, d), nearly: by subgradient descent. [l11 3]

    |w| has no slope at 0, where sign gives 0. Elsewhere its slope is ±1 however small w is: so a
    constant η jumps to and fro across 0 for good, hence η/√t in step t.
    """
    W = np.zeros((len(Y), len(X)))
    eta = 1 / (2 * np.linalg.eigvalsh(X @ X.T)[-1])
    for t in range(1, steps + 1):
        W = W - eta / t**0.5 * (l07.gradient(W, X, Y) + lam * np.sign(W))  # [l11 3]
    return W


def bounded(X: np.ndarray, Y: np.ndarray, radius: float, steps: int = 5000) -> np.ndarray:
    """The least ‖Y − WX‖² with ‖W‖ ≤ radius: step, and back onto the ball if outside. [l11 4]"""
    W = np.zeros((len(Y), len(X)))
    eta = 1 / (2 * np.linalg.eigvalsh(X @ X.T)[-1])
    for _ in range(steps):
        W = W - eta * l07.gradient(W, X, Y)
        W = W * min(1, radius / np.linalg.norm(W))  # [l11 4]
    return W


def powers(x: np.ndarray, degree: int) -> np.ndarray:
    """1, x, x², …, (degree + 1, n), of x (n,), which should lie in [−1, 1]."""
    return np.vander(x, degree + 1, increasing=True).T


def rmse(W: np.ndarray, X: np.ndarray, Y: np.ndarray) -> float:
    """The root of the squared error averaged over points (and outputs)."""
    return float(np.sqrt(l07.squared_loss(W, X, Y) / Y.size))


def load_huron() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Year (98,), the same scaled to [−1, 1], and the level of Lake Huron (1, 98) in feet."""
    year, level = np.loadtxt(HURON, delimiter=",", skiprows=1, usecols=(0, 1)).T
    return year, 2 * (year - year.min()) / np.ptp(year) - 1, level[None]


def measure_degrees(
    x: np.ndarray, Y: np.ndarray, train: np.ndarray, k: int, seed: int
) -> np.ndarray:
    """Errors (3, degrees) of least squares on the points `train`: there, by k folds, elsewhere."""
    test = np.setdiff1d(np.arange(len(x)), train)
    errors = []
    for degree in DEGREES:
        X = powers(x, degree)
        W = Y[:, train] @ np.linalg.pinv(X[:, train])
        folds = []
        for fit, validate in k_fold(len(train), k, seed):
            W_fold = Y[:, train[fit]] @ np.linalg.pinv(X[:, train[fit]])
            folds.append(rmse(W_fold, X[:, train[validate]], Y[:, train[validate]]) ** 2)
        errors.append((rmse(W, X[:, train], Y[:, train]), np.mean(folds) ** 0.5,
                       rmse(W, X[:, test], Y[:, test])))  # fmt: skip
    return np.transpose(errors)


def part_a(run: Run) -> dict[str, Any]:
    """polynomials of all degrees on Lake Huron's level, and k-fold cross-validation"""
    year, x, Y = load_huron()
    rng = np.random.default_rng(run.args.seed)
    trains = [np.sort(rng.permutation(len(x))[:POINTS]) for _ in range(SPLITS)]
    k, seed = run.args.folds, run.args.seed
    errors = np.stack([measure_degrees(x, Y, train, k, seed) for train in trains])
    median = np.median(errors, 0)  # (3, degrees)
    chosen = errors[:, 1].argmin(1)  # by cross-validation, in each split
    figure, (left, right) = plots.subplots(1, 2, (10, 4))
    for name, row in zip(("training", f"{k}-fold validation", "test"), median):
        left.semilogy(DEGREES, row, "o-", label=name)
    left.set(xlabel="degree", ylabel=f"RMSE (ft), median of {SPLITS} splits", ylim=(0.3, 100))
    left.legend()
    right.plot(year, Y[0], ".", color="tab:gray", label="other years")
    right.plot(year[trains[0]], Y[0, trains[0]], "k.", label=f"{POINTS} years in the fit")
    for degree in (1, 2, 12):
        W = Y[:, trains[0]] @ np.linalg.pinv(powers(x, degree)[:, trains[0]])
        right.plot(year, (W @ powers(x, degree))[0], label=f"degree {degree}")
    right.set(xlabel="year", ylabel="level of Lake Huron (ft)", ylim=(574, 584))
    right.legend(fontsize=7)
    run.save("a_degrees", figure)
    for degree in (0, 1, 2, 5, 8, 10, 12):
        print("  degree {:2}  RMSE {:5.2f} ft in training, {:6.2f} by {} folds, {:6.2f} in the test"
              .format(degree, *median[:2, degree], k, median[2, degree]))  # fmt: skip
    picked = errors[range(SPLITS), 2, chosen]
    print(f"  chosen by cross-validation: median degree {np.median(chosen):g}, test RMSE "
          f"{picked.mean():.2f}; always degree 2: {errors[:, 2, 2].mean():.2f}")  # fmt: skip
    X = powers(x, 24)[:, trains[0]]  # more weights than points
    beyond = rmse(l07.pseudo_inverse_fit(X, Y[:, trains[0]]), powers(x, 24), Y)
    return {"train": median[0].tolist(), "folds": median[1].tolist(), "test": median[2].tolist(),
            "chosen": np.bincount(chosen, minlength=len(DEGREES)).tolist(), "beyond": beyond,
            "chosen_rmse": picked.mean(), "degree_2_rmse": errors[:, 2, 2].mean()}  # fmt: skip


def part_b(run: Run) -> dict[str, Any]:
    """L2 and L1 on the diabetes data, and a bound on the norm"""
    X, Y, names = l08.load_standardized()
    paths = {
        "L2": [ridge(X, Y, lam) for lam in LAMBDAS],
        "L1": [lasso(X, Y, lam) for lam in LAMBDAS],
    }
    figure, panels = plots.subplots(1, 2, (10, 4), sharey=True)
    for (name, path), axes in zip(paths.items(), panels):
        for weight, label in zip(np.concatenate(path).T, names):
            axes.semilogx(LAMBDAS, weight, label=label)
        axes.set(xlabel="λ", title=f"{name}: ten weights on the diabetes data")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("weight (deviations of y per deviation of x)")
    panels[1].legend(fontsize=7, ncols=2)
    run.save("b_paths", figure)
    W = lasso(X, Y, 100.0)
    results = {"zero": int((W == 0).sum()), "small": int((np.abs(W) < 1e-3).sum()), "rows": []}
    print(f"  L1, λ = 100: {results['small']} weights below 0.001, {results['zero']} of them 0")
    for lam in (10, 100, 1000):
        W = ridge(X, Y, lam)
        radius = float(np.linalg.norm(W))
        distance = float(np.linalg.norm(bounded(X, Y, radius) - W) / radius)
        results["rows"].append({"lam": lam, "radius": radius, "distance": distance})
        print(
            f"  λ = {lam:5}: ‖w‖ = {radius:.4f}; bounded by that: the same w up to {distance:.0e}"
        )
    return results


PARTS = {"a": part_a, "b": part_b}
FOLDS = {"type": int, "default": 5, "help": "k of the cross-validation in (a)"}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l11_regularization", __doc__, PARTS, argv, needs="numpy",
                     options={"--folds": FOLDS})  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
