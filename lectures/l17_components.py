"""Lecture 17 on MNIST: filters that Hebb's, Oja's and Sanger's rules grow, beside PCA.

    python lectures/l17_components.py             everything, in a minute
    python lectures/l17_components.py --part c    several components alone

(a) the weights as pictures while they grow, by Hebb's rule, the covariance rule and Oja's; (b) how
large η may be on real images, and what a falling η gives; (c) several components by Sanger's rule.
What to expect: Oja's filter has norm 1 and a cosine above 0.999 with the first principal component;
Hebb's is the mean image, and grows for ever. Figures and summary.json go to
results/lectures/l17_components/; lectures/README.md explains them.
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures.hebbian import SILENT, covariance_rule, hebb, learn, oja, sanger

import numpy as np
from sklearn.decomposition import PCA

# One image per row, X (N, d), d = 784 pixels.
STEPS = (0, 10, 100, 1000, 10_000, 60_000)  # (a): images seen, in the pictures
RATES = (0.0003, 0.001, 0.003, 0.01, 0.02, 0.03, 0.1)  # (b)
SEEDS = 3  # (b)
COMPONENTS, PASSES = 8, 5  # (c)


def load_pixels(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's training images (N, 784), float32, less their mean; and the mean (784,)."""
    X = run.mnist.train.images.flatten(1).cpu().numpy()
    mean = X.mean(0)
    return X - mean, mean


def find_components(X: np.ndarray, count: int) -> PCA:
    """scikit-learn's principal components of X (N, d); "arpack" finds the first ones exactly."""
    return PCA(count, svd_solver="arpack", random_state=0).fit(X)


def first_weights(m: int, d: int, seed: int) -> np.ndarray:
    """m random directions of length 1, (m, d)."""
    W = np.random.default_rng(seed).standard_normal((m, d))
    return W / np.linalg.norm(W, axis=1, keepdims=True)


def cosines(W: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """|cos| of the angles between rows, (m,): w and −w answer alike but for the sign."""
    W = W / np.abs(W).max(-1, keepdims=True)  # Hebb's may be too long to square
    lengths = np.linalg.norm(W, axis=-1) * np.linalg.norm(directions, axis=-1)
    return np.abs((W * directions).sum(-1)) / lengths


def norm(W: np.ndarray) -> float:
    """‖W‖, also where its square is beyond the largest float."""
    with np.errstate(**SILENT):
        largest = np.abs(W).max()
        return float(largest * np.linalg.norm(W / largest))


def falling(eta: float, count: int) -> np.ndarray:
    """η/(1 + t/1000) for the steps t = 0, …, count − 1."""
    return eta / (1 + np.arange(count) / 1000)


def draw_order(n: int, count: int, seed: int) -> np.ndarray:
    """`count` numbers of points, each of n once before any comes again, in random orders."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(n) for _ in range(-(-count // n))])[:count]


def follow(
    rule: Callable, W: np.ndarray, X: np.ndarray, rates: np.ndarray, order, marks, **options: Any
) -> list[np.ndarray]:
    """W (1, d) when as many images have been seen as `marks` says; ends where ‖W‖ is not finite."""
    path = []
    for begin, end in pairwise([0, *marks]):
        W = learn(rule, W, X, rates[begin:end], order[begin:end], **options)
        if not norm(W) < np.inf:
            break
        path.append(W)
    return path


def part_a(run: Run) -> dict[str, Any]:
    """how the filter grows on MNIST: Hebb, the covariance rule, Oja"""
    X, mean = load_pixels(run)
    first = find_components(X, 1).components_[0]
    raw = X + mean
    rules = {"Hebb": (hebb, raw, {}), "covariance": (covariance_rule, raw, {"x_mean": mean}),
             "Oja_raw": (oja, raw, {}), "Oja": (oja, X, {})}  # fmt: skip
    labels = ["Hebb", "covariance rule", "Oja, raw pixels", "Oja, less the mean"]
    order = draw_order(len(X), STEPS[-1], run.args.seed)
    rates = falling(run.args.lr, STEPS[-1])
    marks = np.unique(np.r_[0, np.geomspace(1, STEPS[-1], 40).astype(int), STEPS])
    figure, (left, right) = plots.subplots(1, 2, (9.5, 3.8))
    left.set(yscale="log", ylim=(0.1, 1e12))  # before the lines: Hebb's is too long to fit
    results, pictures = {}, []
    for label, (name, (rule, data, options)) in zip(labels, rules.items()):
        start = first_weights(1, 784, run.args.seed)
        path = follow(rule, start, data, rates, order, marks, **options)
        norms, near = [norm(W) for W in path], [float(cosines(W, first)[0]) for W in path]
        seen = [W[0] / length for W, length, mark in zip(path, norms, marks) if mark in STEPS]
        pictures += [*seen, *[np.zeros(784)] * (len(STEPS) - len(seen)), first]
        style = "--" if rule is oja else "-"
        left.loglog(marks[1 : len(path)], norms[1:], style, label=label)
        right.semilogx(marks[1 : len(path)], near[1:], style, label=label)
        if len(path) < len(marks):
            results[name] = {"diverged": int(marks[len(path)])}
            print(f"  {label:18}  diverged: infinite weights by image {marks[len(path)]:,}")
            continue
        to_mean = float(cosines(path[-1], mean)[0])
        results[name] = {"norm": norms[-1], "cosine": near[-1], "cosine_mean": to_mean}
        print(f"  {label:18}  ‖w‖ = {norms[-1]:8.3g}, cosine with the first component "
              f"{near[-1]:.5f}, with the mean image {to_mean:.4f}")  # fmt: skip
    left.set(xlabel="images seen", ylabel="‖w‖")
    right.set(xlabel="images seen", ylabel="|cosine| with the first principal component")
    left.legend(fontsize=8)
    run.save("a_norms", figure)
    gray = [0.5 + 4 * np.sign(w @ first) * w for w in pictures]  # gray is 0
    titles = [f"{step:,}" for step in STEPS] + ["PCA"]
    title = "The weights, at length 1, after so many images (gray is 0)"
    run.save("a_filters", plots.image_grid(np.clip(gray, 0, 1), len(titles), titles, labels, title))
    return results


def measure_oja(run: Run, X: np.ndarray, first: np.ndarray, rates: np.ndarray) -> dict[str, Any]:
    """|cosine| with `first` (784,) and ‖w‖ after a step for each of the `rates`, of SEEDS starts.

    "diverged" where a start did.
    """
    ends = []
    for seed in range(run.args.seed, run.args.seed + SEEDS):
        W = learn(oja, first_weights(1, 784, seed), X, rates, draw_order(len(X), len(rates), seed))
        with np.errstate(**SILENT):
            ends.append((cosines(W, first)[0], norm(W)))
    if not np.isfinite(ends).all():
        return {"outcome": "diverged"}
    mean, std = np.mean(ends, 0), np.std(ends, 0)
    return {"outcome": "", "cosine": mean[0], "cosine_std": std[0], "norm": mean[1]}


def part_b(run: Run) -> dict[str, Any]:
    """how large η may be on MNIST, and a falling η"""
    X, _ = load_pixels(run)
    pca = find_components(X, 2)
    squares = (X**2).sum(1)
    results = {"mean_square": float(squares.mean()), "largest_square": float(squares.max()),
               "eigenvalues": pca.explained_variance_.tolist(), "rates": {}}  # fmt: skip
    count = min(STEPS[-1], len(X))
    settings = {f"{eta:g}": np.full(count, eta) for eta in RATES}
    settings["falling"] = falling(run.args.lr, count)
    for name, rates in settings.items():
        row = measure_oja(run, X, pca.components_[0], rates)
        results["rates"][name] = row
        print(f"  η = {name:8}", row["outcome"] or f"cosine {row['cosine']:.5f} ± "
              f"{row['cosine_std']:.5f}, ‖w‖ = {row['norm']:.4f}")  # fmt: skip
    print("  ‖x‖² is {mean_square:.1f} on average, at most {largest_square:.1f}".format(**results))
    return results


def part_c(run: Run) -> dict[str, Any]:
    """several components: Sanger's rule, and Oja's with as many neurons"""
    X, _ = load_pixels(run)
    pca = find_components(X, COMPONENTS)
    V = pca.components_
    order = draw_order(len(X), PASSES * len(X), run.args.seed)
    rates = falling(2 * run.args.lr, len(order))
    start = first_weights(COMPONENTS, 784, run.args.seed)
    filters, results = {"PCA": V}, {"ratio": pca.explained_variance_ratio_.tolist()}
    for name, rule in (("Sanger", sanger), ("Oja", oja)):
        W = filters[name] = learn(rule, start, X, rates, order)
        if not np.isfinite(W).all():
            filters[name], results[name] = np.zeros_like(W), {"outcome": "diverged"}
            print(f"  {name:6}  diverged")
            continue
        near = cosines(W, V)
        results[name] = {"cosines": near.tolist(), "norms": np.linalg.norm(W, axis=1).tolist(),
                         "first": cosines(W, V[:1]).tolist()}  # fmt: skip
        print(f"  {name:6}  cosines with PCA's {', '.join(f'{each:.4f}' for each in near)}")
    targets = (V, V, V[:1])  # w and −w are one component: show the sign of PCA's
    signs = [np.sign((W * U).sum(1))[:, None] for W, U in zip(filters.values(), targets)]
    gray = np.concatenate([0.5 + 4 * s * W for s, W in zip(signs, filters.values())])
    titles = [f"{i}" for i in range(1, COMPONENTS + 1)]
    rows = ["PCA", "Sanger's rule", "Oja's rule"]
    run.save("c_components", plots.image_grid(np.clip(gray, 0, 1), COMPONENTS, titles, rows,
                                              "Principal components and neurons"))  # fmt: skip
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l17_components", __doc__, PARTS, argv, lr=0.003)


if __name__ == "__main__":
    sys.exit(main())
