"""HW5 Q2, beyond the handout: whether a student finds its teacher's weights.

    python hw5/recovery_study.py    everything, in seconds

The students are those of backprop.py, parts (d) and (f): those of the handout's setting, and of the
best combination with as many hidden neurons as the teacher, five seeds each. Several networks
compute the same f. Renumbering the hidden neurons changes nothing. Nor does turning one around:
since φ(−v) = 1 − φ(v), neuron i with −W_i, −b_i and −U_i, and c + U_i for c, adds the same. So a
network with h hidden neurons has h!·2^h equivalents; for h = 3, 48. The one nearest to the teacher
is compared with it. To be expected: lines off by about a degree (medians). Figures and summary.json
go to results/hw5/recovery_study/; hw5/README.md explains them.
"""

import sys
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common.run import Run, run_parts
from hw5 import figures
from hw5.backprop import FRESH, choose_base
from hw5.hacks import SEEDS, list_hacks, train_students
from hw5.network import POINTS, TEACHER, Network, draw_points, pick, teacher

import numpy as np


def list_equivalents(network: Network) -> Iterator[Network]:
    """All networks that compute the same f: hidden neurons renumbered and turned around."""
    W, b, U, c = network
    h = len(W)
    for order in map(list, permutations(range(h))):
        for signs in product((1.0, -1.0), repeat=h):
            sign = np.array(signs)[:, None]  # (h, 1)
            turned = U[:, order] * (sign.T < 0)  # (1, h): the U_i of those turned around
            yield Network(sign * W[order], sign * b[order], sign.T * U[:, order], c + turned.sum())


def normalize_lines(network: Network) -> np.ndarray:
    """The hidden neurons' lines W_i·x + b_i = 0, as (W_i, b_i)/‖W_i‖, (h, 3).

    A step function does not see the length of (W_i, b_i), so the labels do not tell it.
    """
    W, b = network.W, network.b
    return np.hstack([W, b]) / np.linalg.norm(W, axis=1, keepdims=True)


def align(student: Network, teacher: Network) -> Network:
    """The equivalent of `student` whose lines are nearest to the teacher's in least squares."""
    target = normalize_lines(teacher)
    return min(
        list_equivalents(student),
        key=lambda other: np.square(normalize_lines(other) - target).sum(),
    )


def compare(student: Network, teacher: Network, a: float) -> dict[str, Any]:
    """An aligned student beside its teacher.

    Args:
        a: the steepness of the student's φ.

    Returns:
        "angle": between the normals of each pair of lines, in degrees; "offset": how much farther
        than the teacher's the student's line is from the origin, as b_i/‖W_i‖, in units of x;
        "width": 4/(a‖W_i‖), in units of x, over which φ's tangent at ½ rises from 0 to 1 (the
        teacher's step: 0); "U" and "c" in units of the mean |U_i|.
    """
    own, others = normalize_lines(student), normalize_lines(teacher)
    dot = (own[:, :2] * others[:, :2]).sum(1)
    cross = own[:, 0] * others[:, 1] - own[:, 1] * others[:, 0]
    unit = np.abs(student.U).mean()
    return {
        "angle": np.degrees(np.arctan2(np.abs(cross), dot)).tolist(),
        "offset": (own[:, 2] - others[:, 2]).tolist(),
        "width": (4 / (a * np.linalg.norm(student.W, axis=1))).tolist(),
        "U": (student.U[0] / unit).tolist(),
        "c": float(student.c[0, 0] / unit),
    }


def part_weights(run: Run) -> dict[str, Any]:
    """the students' weights beside the teacher's, up to the network's symmetries"""
    own, seeds = choose_base(run)
    best = list_hacks(own, POINTS)["best"][1]  # with as many hidden neurons as the teacher
    students = train_students((own, best), seeds)
    x, y = draw_points(run.args.seed + SEEDS, FRESH)
    results: dict[str, Any] = {}
    pictures = {}
    for name, setting in {"base": own, "best": best}.items():
        networks = students[setting].networks
        aligned = [align(pick(networks, i), TEACHER) for i in range(SEEDS)]
        label = setting.make_label(own)
        pictures[label] = np.stack([normalize_lines(network) for network in aligned])
        rows = [compare(network, TEACHER, setting.a) for network in aligned]
        # The student with the teacher's u for φ: v and 0 are compared, and a does not matter.
        for row, network in zip(rows, aligned):
            row["as_steps"] = float((teacher(x, network) == y).mean())
        results[name] = {"seeds": rows}
        print(f"  {label}: medians over the seeds of the sizes")
        for key in rows[0]:
            size = np.median(np.abs([row[key] for row in rows]), axis=0)  # per neuron, over seeds
            results[name][key] = size.tolist()
            print(f"    {key:<9} {np.round(size, 4)}")
    run.save("lines", figures.plot_lines(pictures, normalize_lines(TEACHER)))
    return results


PARTS = {"weights": part_weights}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw5/recovery_study", __doc__, PARTS, argv, needs="numpy", epochs=100, lr=0.01)


if __name__ == "__main__":
    sys.exit(main())
