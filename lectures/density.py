"""Lecture 19: densities out of samples, and samples out of densities.

`l19_density.py` and `l19_dimensions.py` show what each is worth. n points of d numbers, (n, d) or,
where d = 1, (n,). Log-densities in nats.
"""

from collections.abc import Callable
from typing import NamedTuple

from common.run import UserError

import numpy as np

GOLDEN = (5**0.5 - 1) / 2


class Gaussians(NamedTuple):
    """A mixture of m Gaussians on the line; m = 1 is a Gaussian."""

    shares: np.ndarray  # (m,), sum 1
    means: np.ndarray  # (m,)
    variances: np.ndarray  # (m,)

    def log_terms(self, x: np.ndarray) -> np.ndarray:
        """ln of share · density of each Gaussian at x (n,): (n, m)."""
        squares = (x[:, None] - self.means) ** 2 / self.variances
        return np.log(self.shares) - 0.5 * (squares + np.log(2 * np.pi * self.variances))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """ln f(x), (n,)."""
        return log_sum_exp(self.log_terms(x))


def log_sum_exp(terms: np.ndarray) -> np.ndarray:
    """ln Σ exp over the last axis, without underflow; −∞ where all terms are."""
    largest = terms.max(-1, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(terms - largest).sum(-1)) + largest[..., 0]


def fit_gaussian(x: np.ndarray) -> Gaussians:
    """The Gaussian of the largest likelihood: mean and mean square deviation (over n). [l19 1]"""
    return Gaussians(np.ones(1), x.mean(keepdims=True), x.var(keepdims=True))  # [l19 1]


def fit_mixture(x: np.ndarray, steps: int = 200) -> Gaussians:
    """Two Gaussians by EM: a maximum of the likelihood near the split at the mean of x (n,).

    It is no global one: with a Gaussian of variance → 0 at one point, the likelihood is infinite.
    """
    parts = np.stack([x <= x.mean(), x > x.mean()], 1).astype(float)  # (n, 2)
    for _ in range(steps):
        sizes = parts.sum(0)
        means = parts.T @ x / sizes
        variances = (parts * (x[:, None] - means) ** 2).sum(0) / sizes
        variances = np.maximum(variances, 1e-6 * x.var())  # keeps away from that infinity
        mixture = Gaussians(sizes / len(x), means, variances)  # [l19 2], M step
        terms = mixture.log_terms(x)
        parts = np.exp(terms - log_sum_exp(terms)[:, None])  # [l19 3], E step
    return mixture


def squared_distances(x: np.ndarray, points: np.ndarray) -> np.ndarray:
    """‖x_i − p_j‖² of x (q, d) or (q,) and points (n, d) or (n,): (q, n)."""
    x, points = (each.reshape(len(each), -1) for each in (x, points))
    if x.shape[1] == 1:
        return (x - points.T) ** 2  # exact
    x, points = x - points.mean(0), points - points.mean(0)  # small numbers lose fewer digits
    squares = (x**2).sum(1)[:, None] + (points**2).sum(1) - 2 * x @ points.T
    return np.maximum(squares, 0)


def log_kernels(squares: np.ndarray, h: float, d: int) -> np.ndarray:
    """ln of Gaussian kernels, N(0, h²I) in d dimensions, at these squared distances."""
    return -squares / (2 * h**2) - d / 2 * np.log(2 * np.pi * h**2)  # [l19 4]


def log_kde(x: np.ndarray, points: np.ndarray, h: float) -> np.ndarray:
    """ln of the kernel density estimate (1/n) Σ_i K_h(x − x_i) at x (q, d): (q,). [l19 5]

    Raises:
        UserError: h is not above 0, or there are no points.
    """
    if not (0 < h < np.inf and len(points)):
        raise UserError(f"bandwidth {h:g} for {len(points)} points: needed are a bandwidth above 0 "
                        "and a point")  # fmt: skip
    kernels = log_kernels(squared_distances(x, points), h, points[0].size)
    return log_sum_exp(kernels) - np.log(len(points))  # [l19 5]


def leave_one_out(points: np.ndarray, h: float) -> np.ndarray:
    """ln of the estimate at each of the points (n, d), by the n − 1 others: (n,). [l19 6]"""
    squares = squared_distances(points, points)
    np.fill_diagonal(squares, np.inf)
    terms = log_kernels(squares, h, points[0].size)
    return log_sum_exp(terms) - np.log(len(points) - 1)  # [l19 6]


def choose_bandwidth(points: np.ndarray, others: np.ndarray | None = None) -> float:
    """The h of the largest likelihood of `others` (q, d); by default that of leaving one out.

    The best of a grid, and then a golden-section search between its neighbors. At the maximum h² is
    the mean of ‖x − x_i‖²/d, each kernel weighted by its share of the estimate at x. [l19 7]

    Raises:
        UserError: one point, or all alike: the likelihood has no maximum.
    """
    if not (len(points) and np.ptp(points, axis=0).any()):
        raise UserError(f"{len(points)} points, all alike: to choose a bandwidth, two different "
                        "points are needed")  # fmt: skip
    d = points[0].size
    squares = squared_distances(points if others is None else others, points)
    if others is None:
        np.fill_diagonal(squares, np.inf)

    def loss(log_h: float) -> float:
        return -log_sum_exp(log_kernels(squares, np.exp(log_h), d)).mean()

    grid = np.log(points.std(0).max()) + np.linspace(-5, 1.2, 26)
    best = int(np.argmin([loss(log_h) for log_h in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    for _ in range(20):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)  # [l19 7]
    return float(np.exp((low + high) / 2))


def silverman(x: np.ndarray) -> float:
    """Silverman's rule of thumb, 1.06 σ n^(−1/5): the best h if the density is a Gaussian."""
    return float(1.06 * x.std(ddof=1) * len(x) ** -0.2)


def derive_density(x: np.ndarray, inverse: Callable, slope: Callable, density: Callable):
    """The density of X = g(Z) for a monotone g: f_X(x) = f_Z(g⁻¹(x)) |d g⁻¹/dx|. [l19 8]

    Args:
        x: where, (n,).
        inverse, slope: g⁻¹ and its derivative.
        density: f_Z.
    """
    return density(inverse(x)) * np.abs(slope(x))  # [l19 8]


def cumulate(grid: np.ndarray, density: np.ndarray) -> np.ndarray:
    """The area under the density from the grid's begin to each of its places, all (m,)."""
    areas = np.diff(grid) * (density[1:] + density[:-1]) / 2  # trapezoids
    return np.append(0, areas.cumsum())


def invert_cdf(u: np.ndarray, grid: np.ndarray, density: np.ndarray) -> np.ndarray:
    """F⁻¹(u) for the density on a fine grid, both (m,): samples of it, if u is uniform. [l19 9]"""
    F = cumulate(grid, density)
    return np.interp(u, F / F[-1], grid)  # [l19 9]


def invert_steps(u: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The number of the first outcome up to which the shares sum to more than u. [l19 10]"""
    return np.searchsorted(np.cumsum(shares) / np.sum(shares), u, side="right")  # [l19 10]


def ks_distance(sample: np.ndarray, cdf: Callable) -> float:
    """The largest gap between the sample's own distribution function and `cdf`."""
    n, F = len(sample), cdf(np.sort(sample))
    return float(np.maximum(np.arange(1, n + 1) / n - F, F - np.arange(n) / n).max())
