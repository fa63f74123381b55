"""Lecture 19, the other half: derived densities, and any random variable from a uniform one.

    python lectures/l19_derived.py             everything, in seconds
    python lectures/l19_derived.py --part b    samples from uniform numbers alone

(a) the density of X = g(Z), by formula and by Monte Carlo; (b) F⁻¹(u) for four distributions, one
of them estimated from data, and a discrete one. What to expect: e^(−x) for −ln z; a formula that
finds half of the truth where g is not monotone. Figures and summary.json go to
results/lectures/l19_derived/; lectures/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures import density as ld
from lectures.l19_density import load_faithful

import numpy as np

DRAWS = 20_000  # samples of each distribution
KEYS = {  # titles, and names in summary.json
    "−ln z, z uniform": "log",
    "z², z uniform": "square",
    "e^z, z Gaussian": "exp",
    "z², z Gaussian": "square_Gaussian",
    "−ln(1 − u)": "exponential",
    "1 − √(1 − u)": "triangle",
    "tan π(u − ½)": "Cauchy",
    "KDE of waiting": "waiting",
}


def uniform(z: np.ndarray) -> np.ndarray:
    """The density 1 on [0, 1]."""
    return ((z >= 0) & (z <= 1)).astype(float)


def gaussian(z: np.ndarray) -> np.ndarray:
    """The density of N(0, 1)."""
    return np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5


def draw_histogram(axes: plots.Axes, sample: np.ndarray, edges: np.ndarray) -> None:
    """The sample's share per unit in each bin; samples outside count, too."""
    shares = np.histogram(sample, edges)[0] / len(sample)
    axes.stairs(shares / np.diff(edges), edges, fill=True, color="tab:gray", alpha=0.4)


def part_a(run: Run) -> dict[str, Any]:
    """derived densities: formula and Monte Carlo"""
    rng = np.random.default_rng(run.args.seed)
    z, normal = rng.random(DRAWS), rng.standard_normal(DRAWS)
    maps = {  # sample, grid, g⁻¹, its derivative, density of z
        "−ln z, z uniform":
            (-np.log(z), (0, 6), lambda x: np.exp(-x), lambda x: -np.exp(-x), uniform),
        "z², z uniform": (z**2, (0.002, 1), np.sqrt, lambda x: 0.5 / np.sqrt(x), uniform),
        "e^z, z Gaussian": (np.exp(normal), (0.01, 6), np.log, lambda x: 1 / x, gaussian),
        "z², z Gaussian": (normal**2, (0.02, 6), np.sqrt, lambda x: 0.5 / np.sqrt(x), gaussian),
    }  # fmt: skip
    figure, panels = plots.subplots(1, 4, (13, 3.4))
    results: dict[str, Any] = {}
    for axes, (name, (sample, ends, inverse, slope, density)) in zip(panels, maps.items()):
        grid = np.linspace(*ends, 3000)
        f = ld.derive_density(grid, inverse, slope, density)
        edges = np.linspace(*ends, 41)
        counts = np.histogram(sample, edges)[0] / len(sample)
        areas = np.diff(np.interp(edges, grid, ld.cumulate(grid, f)))
        results[KEYS[name]] = {"area": float(areas.sum()), "monte_carlo": float(counts.sum()),
                         "largest_gap": float(np.abs(counts - areas).max())}  # fmt: skip
        print("  {:18} area {area:.3f}, Monte Carlo {monte_carlo:.3f}, largest gap of 40 bins "
              "{largest_gap:.4f}".format(name, **results[KEYS[name]]))  # fmt: skip
        draw_histogram(axes, sample, edges)
        axes.plot(grid, f)
        axes.set(xlabel="x", title=name, ylim=(0, min(3, 1.2 * f.max())))
    at_zero = float(np.exp(ld.log_kde(np.zeros(1), maps["−ln z, z uniform"][0], 0.1))[0])
    print(f"  KDE (h = 0.1) of −ln z says {at_zero:.3f} at x = 0, where the density is 1")
    panels[0].set_ylabel("density")
    run.save("a_derived", figure)
    return results | {"kde_at_zero": at_zero}


def part_b(run: Run) -> dict[str, Any]:
    """any random variable from a uniform one"""
    u = np.random.default_rng(run.args.seed).random((5, DRAWS))
    waiting = load_faithful(seed=run.args.seed)[:, 1]
    h = ld.choose_bandwidth(waiting)
    minutes = np.linspace(20, 120, 4000)
    kde = np.exp(ld.log_kde(minutes, waiting, h))
    F = ld.cumulate(minutes, kde)
    values, counts = np.unique(load_faithful()[:, 1], return_counts=True)
    drawn = values[ld.invert_steps(u[4], counts)]
    samples = {
        "−ln(1 − u)": (-np.log(1 - u[0]), lambda x: 1 - np.exp(-x)),
        "1 − √(1 − u)": (1 - np.sqrt(1 - u[1]), lambda x: 2 * x - x**2),
        "tan π(u − ½)": (np.tan(np.pi * (u[2] - 0.5)), lambda x: 0.5 + np.arctan(x) / np.pi),
        "KDE of waiting": (ld.invert_cdf(u[3], minutes, kde), lambda x: np.interp(x, minutes, F)),
    }
    figure, panels = plots.subplots(1, 4, (13, 3.4))
    level = 1.358 / DRAWS**0.5
    results = {"level": level}
    for axes, (name, (sample, cdf)) in zip(panels, samples.items()):
        results[KEYS[name]] = distance = ld.ks_distance(sample, cdf)
        print(f"  {name:15}  Kolmogorov–Smirnov distance {distance:.4f} (95 %: {level:.4f})")
        low, high = np.quantile(sample, (0.02, 0.98))
        edges = np.linspace(low, high, 41)
        draw_histogram(axes, sample, edges)
        axes.plot(edges[1:] - np.diff(edges) / 2, np.diff(cdf(edges)) / np.diff(edges))
        axes.set(xlabel="x", title=name)
    panels[0].set_ylabel("density")
    run.save("b_samples", figure)
    shares = np.array([(drawn == value).mean() for value in values])
    results["minutes"] = float(np.abs(shares - counts / counts.sum()).max())
    return results


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l19_derived", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
