"""HW5 Q2: a network of sigmoids imitates a network of step functions, by backpropagation by hand.

    python hw5/backprop.py             everything, in two or three minutes
    python hw5/backprop.py --part d    the handout's training alone, in seconds

(a) φ and φ′; (b), (c) the forward and backward equations, against finite differences; (d) SGD one
point at a time; (e) the student's surface and boundary beside the teacher's; (f) all eight hacks
and their best combination; teacher: whether the student found the teacher's weights. Every number
is of five seeds, each with its own points and its own start. To be expected after 100 epochs: an
MSE of 0.0070 (median; 0.0067 to 0.0140), and 0.0009 with the best combination. Figures and
summary.json go to results/hw5/backprop/; hw5/README.md explains them.
"""

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from common import plots
from common.run import Run, run_parts
from hw5 import figures
from hw5.hacks import Setting, hacks
from hw5.imitation import align, compare, lines
from hw5.student import (
    POINTS,
    TEACHER,
    Network,
    Trained,
    backward,
    draw_network,
    draw_points,
    forward,
    phi,
    phi_prime,
    teacher,
    trained,
)

SEEDS = 5  # students behind each median and range
FRESH = 100_000  # points on which a student is compared with the teacher


def agreement(f: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The share of the points at which f (…, 1, n), rounded, is the label y (1, n)."""
    return ((f >= 0.5) == (y == 1)).mean((-2, -1))


def measure(run: Run, setting: Setting, label: str) -> tuple[Trained, dict[str, Any]]:
    """Train SEEDS students; their MSE at the end, and their agreement on fresh points."""
    students = trained(setting, seeds(run))
    x, y = draw_points(run.args.seed + SEEDS, FRESH)  # no student's own points
    agree = agreement(forward(students.network, x, setting.a).f, y)
    row = {"mse": students.mse[-1].tolist()} | spread("mse", students.mse[-1])
    row |= {"agreement": agree.tolist()} | spread("agreement", agree)
    print(
        f"  {label:<37}  MSE {row['mse_median']:.4f} ({row['mse_min']:.4f} to {row['mse_max']:.4f})"
        f"  agreement {row['agreement_median']:6.2%} (from {row['agreement_min']:6.2%})"
        f"  {students.seconds:5.1f} s"
    )
    return students, row


def spread(name: str, values: np.ndarray) -> dict[str, float]:
    """The median and the range over the seeds."""
    parts = {"median": np.median(values), "min": values.min(), "max": values.max()}
    return {f"{name}_{part}": float(value) for part, value in parts.items()}


def seeds(run: Run) -> tuple[int, ...]:
    return tuple(range(run.args.seed, run.args.seed + SEEDS))


def base(run: Run) -> Setting:
    """The handout's setting."""
    return Setting(eta=run.args.lr, epochs=run.args.epochs)


def part_a(run: Run) -> dict[str, Any]:
    """φ and φ′, beside the step function"""
    v = np.linspace(-2, 2, 801)
    run.save("a_phi", figures.phi_figure(v, phi, phi_prime, (1, 5, 20)))
    h = 1e-6
    difference = np.abs((phi(v + h, 5.0) - phi(v - h, 5.0)) / (2 * h) - phi_prime(v, 5.0)).max()
    far = phi(np.array([-1e6, 1e6]), 5.0)
    print(f"  φ(∓10⁶) = {far}, φ′(0) = {phi_prime(np.zeros(1), 5.0)[0]:g}; φ′ is off finite "
          f"differences by at most {difference:.1e}")  # fmt: skip
    return {"far": far.tolist(), "slope": float(phi_prime(0.0, 5.0)), "difference": difference}


def part_c(run: Run) -> dict[str, Any]:
    """the backward equations against finite differences"""
    x, y = draw_points(run.args.seed)
    network = draw_network(run.args.seed, sigma=1.0)  # far from symmetric, and φ′ not flat
    gradient = backward(network, x, y, forward(network, x, 5.0), 5.0)
    h = 1e-6
    results = {}
    for name, weight, grad in zip(Network._fields, network, gradient):
        differences = np.empty_like(weight)
        for i in np.ndindex(*weight.shape):
            sides = []
            for sign in (1, -1):
                weight[i] += sign * h
                sides.append(((forward(network, x, 5.0).f - y) ** 2).mean())
                weight[i] -= sign * h
            differences[i] = (sides[0] - sides[1]) / (2 * h)
        results[name] = float(np.abs(differences - grad).max())
        print(f"  ∇_{name}: largest entry {np.abs(grad).max():.4f}, off finite differences by at "
              f"most {results[name]:.1e}")  # fmt: skip
    return results


def part_d(run: Run) -> dict[str, Any]:
    """the handout's training: one point at a time, η = 0.01, 100 epochs"""
    students, row = measure(run, base(run), "the handout's setting")
    median = np.median(students.mse, axis=1)
    for epoch in sorted({1, *range(10, len(median) + 1, 10), len(median)}):
        print(f"  epoch {epoch:>4}  MSE {median[epoch - 1]:.4f} (median)")
    run.save("d_mse", figures.mse_figure({"the handout's setting": students.mse}))
    for batch_size in (1, 5):  # for the seconds: the numbers are in the stack's already
        alone = trained(replace(base(run), batch_size=batch_size), (run.args.seed,))
        run.seconds[f"one_student_batch_{batch_size}"] = round(alone.seconds, 2)
        print(f"  one student alone, batch of {batch_size}: {alone.seconds:.2f} s")
    return row | {"curve": median.tolist()}


def part_e(run: Run) -> dict[str, Any]:
    """the first seed's student beside its teacher: 3D scatter plots, and the boundary"""
    setting = base(run)
    student = first(trained(setting, seeds(run)).network)
    x, y = draw_points(run.args.seed)
    f = forward(student, x, setting.a).f
    panels = {"student": (*x, f[0]), "teacher": (*x, y[0])}
    title = f"{POINTS:,} points after {setting.epochs} epochs"
    run.save("e_scatter", plots.scatter_3d(panels, ("x₁", "x₂", "f(x₁, x₂)"), title))
    surfaces = {
        "student": forward(student, figures.GRID, setting.a).f,
        "teacher": teacher(figures.GRID),
    }
    run.save("e_boundary", figures.boundary_figure(surfaces))
    results = {
        "mse": float(((f - y) ** 2).mean()),
        "agreement": float(agreement(f, y)),
        "positive": float(y.mean()),
        "f_min": float(f.min()),
        "f_max": float(f.max()),
    }
    print(f"  MSE {results['mse']:.4f}, agreement {results['agreement']:.2%} on its own points, "
          f"f from {results['f_min']:.4f} to {results['f_max']:.4f}")  # fmt: skip
    return results


def first(stack: Network) -> Network:
    return Network(*(weights[0] for weights in stack))


TITLES = {
    "eta": "Another learning rate η",
    "rule": "Start high, and 0.9 η when the MSE has risen in T epochs in a row",
    "a": "Another steepness a",
    "epochs": "Another number of epochs",
    "full": "Full gradient descent: the mean gradient of all points",
    "minibatches": "Minibatches: the mean gradient of a few points",
    "hidden": "More or fewer hidden neurons",
    "init": "Another spread σ of the first weights",
    "best": "The best combination, and variants of it",
}


def part_f(run: Run) -> dict[str, Any]:
    """all eight hacks, each alone against the handout's setting, and the best combination"""
    own = base(run)
    students, row = measure(run, own, own.label(own))
    surface = forward(first(students.network), figures.GRID, own.a).f
    results: dict[str, Any] = {"base": row}
    for name, settings in hacks(own, POINTS).items():
        print(f"  {TITLES[name]}")
        histories = {own.label(own): students.mse}
        surfaces = {own.label(own): surface}
        for setting in settings:
            label = setting.label(own)
            hacked, results[setting.key(own)] = measure(run, setting, label)
            histories[label] = hacked.mse
            surfaces[label] = forward(first(hacked.network), figures.GRID, setting.a).f
        run.save(f"f_{name}", figures.hack_figure(TITLES[name], histories, surfaces))
    return results


def part_teacher(run: Run) -> dict[str, Any]:
    """whether the students found the teacher's weights, up to the network's symmetries"""
    own = base(run)
    best = hacks(own, POINTS)["best"][1]  # with as many hidden neurons as the teacher
    x, y = draw_points(run.args.seed + SEEDS, FRESH)
    results: dict[str, Any] = {}
    pictures = {}
    for name, setting in {"base": own, "best": best}.items():
        stack = trained(setting, seeds(run)).network
        aligned = [align(Network(*weights), TEACHER) for weights in zip(*stack)]
        pictures[setting.label(own)] = np.stack([lines(network) for network in aligned])
        rows = [compare(network, TEACHER, setting.a) for network in aligned]
        # The student with the teacher's u for φ: v and 0 are compared, and a does not matter.
        for row, network in zip(rows, aligned):
            row["as_steps"] = float((teacher(x, network) == y).mean())
        results[name] = {"seeds": rows}
        for key in rows[0]:
            size = np.median(np.abs([row[key] for row in rows]), axis=0)  # per neuron, over seeds
            results[name][key] = size.tolist()
        print(f"  {setting.label(own)}: medians over the seeds of the sizes")
        for key in rows[0]:
            print(f"    {key:<9} {np.round(results[name][key], 4)}")
    run.save("teacher_lines", figures.lines_figure(pictures, lines(TEACHER)))
    return results


PARTS = {
    "a": part_a,
    "c": part_c,
    "d": part_d,
    "e": part_e,
    "f": part_f,
    "teacher": part_teacher,
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw5/backprop", __doc__, PARTS, argv, mnist=False, epochs=100, lr=0.01)


if __name__ == "__main__":
    sys.exit(main())
