"""Lecture 19: maximum likelihood and kernel density estimation on Old Faithful's eruptions.

    python lectures/l19_density.py                          everything, in seconds
    python lectures/l19_density.py --part b --bandwidth 3   KDE with a bandwidth of your own

(a) Gaussians of the largest likelihood, and KDE beside them; (b) the bandwidth of KDE, by leaving
one out. What to expect: two humps; a likelihood on the points themselves that grows without bound
as h → 0; and ties, which deceive even leaving one out. l19_derived.py is the lecture's other half,
l19_dimensions.py shows why KDE fails on images. Figures and summary.json go to
results/lectures/l19_density/; lectures/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, UserError, run_parts
from lectures import density as ld
from lectures.l11_regularization import k_fold

import numpy as np

FAITHFUL = Path(__file__).resolve().parent / "data" / "faithful.csv"
COLUMNS = {"duration": 0, "waiting": 1}  # both in minutes
ROUNDED = np.array([1 / 60, 1])  # minutes: durations to the second, waiting times to the minute
FOLDS, DRAWS = 10, 20_000  # (a)


def load_faithful(count: int | None = None, seed: int | None = None) -> np.ndarray:
    """The first `count` eruptions (all: 272): duration and waiting time in minutes, (n, 2).

    The data are rounded. With a seed, the rounding is undone: each number is drawn anew from those
    that are rounded to it. (b) shows what ties do to a bandwidth otherwise.
    """
    data = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
    if count is not None and not 20 <= count <= len(data):
        raise UserError(f"argument --points: came {count}, allowed is 20 to {len(data)}")
    if seed is not None:
        data = data + ROUNDED * np.random.default_rng(seed).uniform(-0.5, 0.5, data.shape)
    return data[:count]


def held_out(x: np.ndarray, seed: int) -> dict[str, float]:
    """Mean log-likelihood per point (nats) by FOLDS folds, of each way to estimate a density."""
    ways = {
        "Gaussian": lambda fit, x: ld.fit_gaussian(fit).log_density(x),
        "two_Gaussians": lambda fit, x: ld.fit_mixture(fit).log_density(x),
        "KDE": lambda fit, x: ld.log_kde(x, fit, ld.choose_bandwidth(fit)),
        "KDE_Silverman": lambda fit, x: ld.log_kde(x, fit, ld.silverman(fit)),
    }
    folds = k_fold(len(x), FOLDS, seed)
    return {name: float(np.concatenate([way(x[fit], x[rest]) for fit, rest in folds]).mean())
            for name, way in ways.items()}  # fmt: skip


def part_a(run: Run) -> dict[str, Any]:
    """maximum likelihood: one Gaussian, two Gaussians, and held-out likelihoods"""
    data = load_faithful(run.args.points, run.args.seed)
    rng = np.random.default_rng(run.args.seed)
    five = rng.standard_normal((DRAWS, 5))  # many samples of five from N(0, 1)
    results = {"variance_of_five": float(five.var(1).mean())}
    print(f"  N(0, 1): the likeliest variance of 5 draws is {results['variance_of_five']:.3f} on "
          "average, not 1")  # fmt: skip
    figure, panels = plots.subplots(1, 2, (10, 3.8))
    for (name, column), axes in zip(COLUMNS.items(), panels):
        x = data[:, column]
        grid = np.linspace(x.min() - 0.15 * np.ptp(x), x.max() + 0.15 * np.ptp(x), 400)
        one, two = ld.fit_gaussian(x), ld.fit_mixture(x)
        axes.hist(x, 30, density=True, color="tab:gray", alpha=0.4)
        for label, fit in (("one Gaussian", one), ("two Gaussians", two)):
            axes.plot(grid, np.exp(fit.log_density(grid)), label=label)
        h = ld.choose_bandwidth(x)
        axes.plot(grid, np.exp(ld.log_kde(grid, x, h)), label=f"KDE, h = {h:.2g} min")
        axes.set(xlabel=f"{name} (min)", ylabel="density (1/min)")
        axes.legend(fontsize=8)
        results[name] = {"mean": float(one.means[0]), "std": float(one.variances[0] ** 0.5),
                         "shares": two.shares.tolist(), "means": two.means.tolist(),
                         "stds": np.sqrt(two.variances).tolist(),
                         "held_out": held_out(x, run.args.seed)}  # fmt: skip
        for way, value in results[name]["held_out"].items():
            print(f"  {name:8}  {way:13}  {value:7.3f} nats per held-out point")
    run.save("a_likelihood", figure)
    return results


def part_b(run: Run) -> dict[str, Any]:
    """KDE: the bandwidth, and ties that deceive it"""
    data = load_faithful(run.args.points, run.args.seed)
    apart, x = data[:, 1], load_faithful(run.args.points)[:, 1]
    h = ld.choose_bandwidth(apart) if run.args.bandwidth is None else run.args.bandwidth
    widths = np.geomspace(0.02, 30, 60)
    lines = {"by all points": [ld.log_kde(apart, apart, w).mean() for w in widths],
             "by the others": [ld.leave_one_out(apart, w).mean() for w in widths],
             "by the others, rounded": [ld.leave_one_out(x, w).mean() for w in widths]}  # fmt: skip
    values, counts = np.unique(x, return_counts=True)
    results = {"h": h, "silverman": ld.silverman(apart), "h_rounded": ld.choose_bandwidth(x),
               "different": len(values), "twins": float(counts[counts > 1].sum() / len(x)),
               "at_small_h": {label.replace(" ", "_"): float(line[0])
                              for label, line in lines.items()}}  # fmt: skip
    figure, (left, right) = plots.subplots(1, 2, (10, 4))
    for label, line in lines.items():
        left.semilogx(widths, line, label=label)
    left.set(xlabel="bandwidth h (min)", ylabel="nats per point", ylim=(-6, -1))
    left.legend(fontsize=7)
    grid = np.linspace(35, 105, 500)
    shapes = {f"h = {results['h_rounded']:.2g} min, rounded data": (x, results["h_rounded"]),
              f"h = {h:.2g} min": (apart, h), "Silverman": (apart, results["silverman"]),
              f"h = {5 * h:.2g} min": (apart, 5 * h)}  # fmt: skip
    for (label, (points, width)), color in zip(shapes.items(), ("silver", "k", "C0", "C1")):
        right.plot(grid, np.exp(ld.log_kde(grid, points, width)), color=color, label=label)
    right.plot(x, np.full(len(x), -0.002), "k|")
    right.set(xlabel="waiting (min)", ylabel="density (1/min)")
    right.legend(fontsize=8)
    run.save("b_bandwidth", figure)
    print(f"  h = {h:.3f} min, {results['h_rounded']:.3f} from the rounded data (only "
          f"{len(values)} different values), Silverman's {results['silverman']:.3f}")  # fmt: skip
    draw_both(run, data)
    return results


def draw_both(run: Run, data: np.ndarray) -> None:
    """KDE in two dimensions, with both columns in units of their deviation."""
    units = data.std(0)
    h = ld.choose_bandwidth(data / units)
    x, y = np.linspace(1, 6, 90), np.linspace(35, 105, 90)
    places = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    density = np.exp(ld.log_kde(places / units, data / units, h)).reshape(90, 90) / units.prod()
    figure, axes = plots.subplots(size=(5.4, 4))
    axes.contourf(x, y, density, 12, cmap="Blues")
    axes.plot(*data.T, "k.", markersize=2)
    axes.set(xlabel="duration (min)", ylabel="waiting (min)", title="Old Faithful, density by KDE")
    run.save("b_both", figure)


PARTS = {"a": part_a, "b": part_b}
OPTIONS = {
    "--points": {"type": int, "help": "only the first eruptions (default: all 272)"},
    "--bandwidth": {"type": float, "help": "(b): in minutes (default: by leaving one out)"},
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l19_density", __doc__, PARTS, argv, needs="numpy", options=OPTIONS)


if __name__ == "__main__":
    sys.exit(main())
