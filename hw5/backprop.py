"""HW5 Q2: a network of sigmoids imitates a network of step functions, by backpropagation by hand.

    python hw5/backprop.py             everything, in two minutes or so
    python hw5/backprop.py --part d    the handout's training alone, in seconds

(a) φ and φ′; (b) the forward equations, against a loop over neurons; (c) the backward equations,
against finite differences; (d) SGD one point at a time; (e) the student's surface and boundary
beside the teacher's; (f) all eight hacks and their best combination. Every number is of five seeds,
each with its own points and its own start. To be expected after 100 epochs: an MSE of 0.0070
(median; 0.0067 to 0.0140), and about 0.0006 with the best combination, where the processor's
rounding matters. Figures and summary.json go to results/hw5/backprop/; hw5/README.md explains them.
"""

import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw5 import figures
from hw5.hacks import (
    SEEDS,
    Hyperparameters,
    Students,
    list_hacks,
    measure_agreement,
    median_and_range,
    train_students,
)
from hw5.network import (
    POINTS,
    Network,
    backward,
    draw_network,
    draw_points,
    forward,
    phi,
    phi_prime,
    pick,
    teacher,
)

import numpy as np

FRESH = 100_000  # points on which a student is compared with the teacher
TITLES = {
    "eta": "Another learning rate η",
    "rule": "Start high, and 0.9 η when the MSE has risen in T epochs in a row",
    "a": "Another steepness a",  # more than HW5 asks
    "epochs": "Another number of epochs",  # more than HW5 asks
    "full": "Full gradient descent: the mean gradient of all points",  # more than HW5 asks
    "minibatches": "Minibatches: the mean gradient of a few points",
    "hidden": "More or fewer hidden neurons",
    "init": "Another spread σ of the first weights",  # more than HW5 asks
    "best": "The best combination, and variants of it",  # more than HW5 asks
}


def choose_base(run: Run) -> tuple[Hyperparameters, tuple[int, ...]]:
    """The handout's setting, with the command line's η and epochs, and the students' seeds."""
    own = Hyperparameters(eta=run.args.lr, epochs=run.args.epochs)
    return own, tuple(range(run.args.seed, run.args.seed + SEEDS))


def evaluate(run: Run, setting: Hyperparameters, label: str, students: Students) -> dict[str, Any]:
    """Print and return the students' MSE at the end, and their agreement on fresh points."""
    row = {"mse": students.mse[-1].tolist()} | median_and_range("mse", students.mse[-1])
    text = f"MSE {row['mse_median']:.4f} ({row['mse_min']:.4f} to {row['mse_max']:.4f})"
    row |= measure_on_fresh_points(run, setting, students)  # more than HW5 asks
    share, least = row["agreement_median"], row["agreement_min"]  # more than HW5 asks
    text += f"  agreement {share:6.2%} (from {least:6.2%})"  # more than HW5 asks
    print(f"  {label:<37}  {text}")
    return row


def measure_on_fresh_points(
    run: Run, setting: Hyperparameters, students: Students
) -> dict[str, Any]:
    """The students' agreement with the teacher, on points that none of them has seen."""
    x, y = draw_points(run.args.seed + SEEDS, FRESH)
    agreement = measure_agreement(forward(students.networks, x, setting.a).f, y)
    return {"agreement": agreement.tolist()} | median_and_range("agreement", agreement)


def part_a(run: Run) -> dict[str, Any]:
    """φ and φ′, beside the step function"""
    v = np.linspace(-2, 2, 801)
    run.save("a_phi", figures.plot_phi(v, phi, phi_prime, (1, 5, 20)))
    h = 1e-6
    difference = np.abs((phi(v + h) - phi(v - h)) / (2 * h) - phi_prime(v)).max()
    far = phi(np.array([-1e6, 1e6]))
    print(f"  φ(∓10⁶) = {far}, φ′(0) = {phi_prime(0.0):g}; φ′ is off finite differences by at most "
          f"{difference:.1e}")  # fmt: skip
    return {"far": far.tolist(), "slope": float(phi_prime(0.0)), "difference": difference}


def part_b(run: Run) -> dict[str, Any]:
    """the forward equations against a loop over points and neurons"""
    x, _ = draw_points(run.args.seed)
    network = draw_network(run.args.seed, sigma=1.0)
    W, b, U, c = network
    f = []
    for x1, x2 in x.T.tolist():
        v_f = c.item()
        for (w1, w2), (bias,), weight in zip(W.tolist(), b.tolist(), U[0].tolist()):
            v_f += weight / (1 + math.exp(-5 * (w1 * x1 + w2 * x2 + bias)))
        f.append(1 / (1 + math.exp(-5 * v_f)))
    difference = float(np.abs(forward(network, x).f - f).max())
    print(f"  f at {POINTS:,} points: off the loop's by at most {difference:.1e}")
    return {"difference": difference}


def part_c(run: Run) -> dict[str, Any]:
    """the backward equations against finite differences"""
    x, y = draw_points(run.args.seed)
    network = draw_network(run.args.seed, sigma=1.0)  # far from symmetric, and φ′ not flat
    gradient = backward(network, x, y, forward(network, x))
    h = 1e-6
    results = {}
    for name, weight, grad in zip(network._fields, network, gradient):
        differences = np.empty_like(weight)
        for i in np.ndindex(*weight.shape):
            sides = []
            for sign in (1, -1):
                weight[i] += sign * h
                sides.append(((forward(network, x).f - y) ** 2).mean())
                weight[i] -= sign * h
            differences[i] = (sides[0] - sides[1]) / (2 * h)
        results[name] = float(np.abs(differences - grad).max())
        print(f"  ∇_{name}: largest entry {np.abs(grad).max():.4f}, off finite differences by at "
              f"most {results[name]:.1e}")  # fmt: skip
    return results


def part_d(run: Run) -> dict[str, Any]:
    """the handout's training: one point at a time, η = 0.01, 100 epochs"""
    own, seeds = choose_base(run)
    students = train_students((own,), seeds)[own]
    row = evaluate(run, own, "the handout's setting", students)
    median = np.median(students.mse, axis=1)
    for epoch in sorted({1, *range(10, len(median) + 1, 10), len(median)}):
        print(f"  epoch {epoch:>4}  MSE {median[epoch - 1]:.4f} (median)")
    run.save("d_mse", figures.plot_mse({"the handout's setting": students.mse}))
    return row | {"curve": median.tolist()}


def part_e(run: Run) -> dict[str, Any]:
    """the first seed's student beside its teacher"""
    own, seeds = choose_base(run)
    student = pick(train_students((own,), seeds)[own].networks, 0)
    x, y = draw_points(run.args.seed)
    f = forward(student, x).f
    panels = {"student": (*x, f[0]), "teacher": (*x, y[0])}
    title = f"{POINTS:,} points after {own.epochs} epochs"
    run.save("e_scatter", plots.scatter_3d(panels, ("x₁", "x₂", "f(x₁, x₂)"), title))
    save_boundary(run, student)  # more than HW5 asks
    results = {
        "mse": float(((f - y) ** 2).mean()),
        "agreement": float(measure_agreement(f, y)),  # more than HW5 asks
        "positive": float(y.mean()),
        "f_min": float(f.min()),
        "f_max": float(f.max()),
    }
    print(f"  MSE {results['mse']:.4f}, f from {results['f_min']:.4f} to {results['f_max']:.4f}")
    print(f"  agreement {results['agreement']:.2%} on its own points")  # more than HW5 asks
    return results


def save_boundary(run: Run, student: Network) -> None:
    """The figure e_boundary: the student's surface and boundary beside the teacher's."""
    grid = figures.GRID
    surfaces = {"student": forward(student, grid).f, "teacher": teacher(grid)}
    run.save("e_boundary", figures.plot_boundaries(surfaces))


def part_f(run: Run) -> dict[str, Any]:
    """hacks, each alone against the handout's setting, and combinations of them"""
    own, seeds = choose_base(run)
    hacks = list_hacks(own, points=POINTS)
    others = tuple(setting for settings in hacks.values() for setting in settings)
    students = train_students((own,), seeds) | train_students(others, seeds)
    results = {"base": evaluate(run, own, own.make_label(own), students[own])}
    for name, settings in hacks.items():
        print(f"  {TITLES[name]}")
        histories, surfaces = {}, {}
        for setting in (own, *settings):
            label, (networks, mse) = setting.make_label(own), students[setting]
            histories[label] = mse
            surfaces[label] = forward(pick(networks, 0), figures.GRID, setting.a).f
            if setting != own:
                key = setting.make_key(own)
                results[key] = evaluate(run, setting, label, students[setting])
        run.save(f"f_{name}", figures.plot_hack(TITLES[name], histories, surfaces))
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d, "e": part_e, "f": part_f}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw5/backprop", __doc__, PARTS, argv, needs="numpy", epochs=100, lr=0.01)


if __name__ == "__main__":
    sys.exit(main())
