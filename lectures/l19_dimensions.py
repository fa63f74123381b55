"""Lecture 19: why kernel density estimation fails in 784 dimensions, measured.

    python lectures/l19_dimensions.py             everything, in half a minute
    python lectures/l19_dimensions.py --part b    MNIST alone

(a) a Gaussian whose density is known, in more and more dimensions; (b) MNIST in more and more of
its principal components: how many images have a say in the density of a new one, and what samples
of the estimate look like. What to expect: an error that grows with the dimension, and falls ever
more slowly with more points; one image that has all the say; samples that are training images with
noise. Figures and summary.json go to results/lectures/l19_dimensions/; lectures/README.md explains
them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures import density as ld

import numpy as np

DIMENSIONS, COUNTS = (1, 2, 4, 8, 16, 32), (250, 1000, 4000)  # (a)
HELD_OUT = 500  # points that choose h, and as many others that judge it
COMPONENTS, TRAINING = (1, 2, 4, 8, 16, 32, 64, 128, 256, 784), 4000  # (b)


def log_gaussian(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """ln of N(mean, covariance) at x (q, d): (q,)."""
    L = np.linalg.cholesky(covariance)
    z = np.linalg.solve(L, (x - mean).T)  # (d, q)
    return -0.5 * (z**2).sum(0) - np.log(np.diag(L)).sum() - len(L) / 2 * np.log(2 * np.pi)


def measure_gaussian(d: int, n: int, seed: int) -> dict[str, float]:
    """What is lost, in nats per point, by estimates from n points of N(0, I) in d dimensions.

    The Kullback–Leibler divergence from the truth, over HELD_OUT points: of KDE with the best h,
    and of the likeliest Gaussian.
    """
    rng = np.random.default_rng([seed, d, n])
    points, choose, judge = (rng.standard_normal((m, d)) for m in (n, HELD_OUT, HELD_OUT))
    truth = log_gaussian(judge, np.zeros(d), np.eye(d))
    h = ld.choose_bandwidth(points, choose)
    covariance = np.cov(points.T, bias=True).reshape(d, d)
    gaussian = log_gaussian(judge, points.mean(0), covariance)
    return {"h": h, "kde": float((truth - ld.log_kde(judge, points, h)).mean()),
            "gaussian": float((truth - gaussian).mean())}  # fmt: skip


def kernel_shares(x: np.ndarray, points: np.ndarray, h: float) -> np.ndarray:
    """The share of each point's kernel in the estimate at x (q, d): (q, n), rows sum to 1."""
    terms = ld.log_kernels(ld.squared_distances(x, points), h, points.shape[1])
    return np.exp(terms - ld.log_sum_exp(terms)[:, None])


def effective_number(shares: np.ndarray) -> np.ndarray:
    """exp(entropy) of each row: n if all n shares are equal, 1 if one has all."""
    logs = np.log(np.where(shares > 0, shares, 1))
    return np.exp(-(shares * logs).sum(1))


def part_a(run: Run) -> dict[str, Any]:
    """a Gaussian of d dimensions, whose density is known"""
    results = {}
    print("  nats lost per point, n = " + ", ".join(f"{n:,}" for n in COUNTS))
    for d in DIMENSIONS:
        rows = [measure_gaussian(d, n, run.args.seed) for n in COUNTS]
        results[f"{d}"] = {f"{n}": row for n, row in zip(COUNTS, rows)}
        text = [", ".join(f"{row[name]:7.3f}" for row in rows) for name in ("kde", "gaussian")]
        print(f"  d = {d:2}  KDE {text[0]};  Gaussian {text[1]}")
    lines = {}
    for label, name in (("KDE", "kde"), ("Gaussian", "gaussian")):
        for n in COUNTS:
            losses = [results[f"{d}"][f"{n}"][name] for d in DIMENSIONS]
            lines[f"{label}, n = {n:,}"] = (DIMENSIONS, losses)
    figure = plots.curves(lines, "dimensions d", "nats lost per point", "N(0, I) estimated", "o",
                          xscale="log", yscale="log")  # fmt: skip
    run.save("a_gaussian", figure)
    return results


def measure_digits(x: np.ndarray, choose: np.ndarray, judge: np.ndarray) -> dict[str, float]:
    """What KDE from points x (n, d) makes of new ones, with the h that is best for `choose`.

    "h"; "effective", the median number of points with a say, and the mean "largest_share";
    "nearest", the root mean square distance to the nearest point, and "noise", the length of a
    kernel's noise, h√d; "kde" and "gaussian", nats per new point.
    """
    d = x.shape[1]
    h = ld.choose_bandwidth(x, choose)
    shares = kernel_shares(judge, x, h)
    row = {"h": h, "effective": np.median(effective_number(shares)), "noise": h * d**0.5,
           "largest_share": shares.max(1).mean(), "kde": ld.log_kde(judge, x, h).mean(),
           "nearest": ld.squared_distances(judge, x).min(1).mean() ** 0.5}  # fmt: skip
    covariance = np.cov(x.T, bias=True).reshape(d, d)
    if np.linalg.matrix_rank(covariance) == d:
        row["gaussian"] = log_gaussian(judge, x.mean(0), covariance).mean()
    return {name: float(value) for name, value in row.items()}


def part_b(run: Run) -> dict[str, Any]:
    """MNIST: who has a say in the density of a new digit, and samples"""
    X = run.mnist.train.images.flatten(1).cpu().numpy().astype(float)
    n = min(TRAINING, len(X) // 2)
    m = min(HELD_OUT, (len(X) - n) // 2)
    order = np.random.default_rng(run.args.seed).permutation(len(X))[: n + 2 * m]
    points, choose, judge = np.split(X[order], [n, n + m])
    mean = points.mean(0)
    _, directions = np.linalg.eigh(np.cov(points.T))
    results = {"n": n}
    for d in COMPONENTS:
        U = directions[:, : -d - 1 : -1]  # (784, d), of the largest variances
        row = results[f"{d}"] = measure_digits(*((x - mean) @ U for x in (points, choose, judge)))
        print("  d = {:3}  h {h:.3f}; images with a say {effective:6.1f}; h√d {noise:5.2f}, "
              "nearest at {nearest:5.2f}; nats: KDE {kde:7.2f}, Gaussian {gaussian:7.2f}"
              .format(d, **{"gaussian": np.nan} | row))  # fmt: skip
    results |= draw_samples(run, points, judge, results["784"]["h"])
    say = [results[f"{d}"]["effective"] for d in COMPONENTS]
    figure = plots.curves({"": (COMPONENTS, say)}, "principal components d",
                          "images with a say (median)", f"The density of a new digit, by {n:,}",
                          "o", xscale="log", yscale="log")  # fmt: skip
    run.save("b_say", figure)
    return results


def draw_samples(run: Run, points: np.ndarray, judge: np.ndarray, h: float) -> dict[str, Any]:
    """Samples of the estimate: a training image each, and noise of deviation h on all pixels."""
    rng = np.random.default_rng(run.args.seed)
    which = rng.integers(len(points), size=200)
    noise = h * rng.standard_normal((200, 784))
    samples = points[which] + noise
    copied = ld.squared_distances(samples, points).argmin(1) == which
    rows = {"sample, best h": samples, "the image under it": points[which],
            "sample, h/5": points[which] + noise / 5, "other digits": judge}  # fmt: skip
    grid = np.concatenate([images[:8] for images in rows.values()])
    title = "KDE draws a training image and adds noise"
    run.save("b_samples", plots.image_grid(np.clip(grid, 0, 1), 8, (), list(rows), title))
    print(f"  {copied.mean():.1%} of the samples have the image under them as nearest image")
    return {"copied": float(copied.mean())}


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l19_dimensions", __doc__, PARTS, argv)


if __name__ == "__main__":
    sys.exit(main())
