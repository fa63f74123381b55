"""HW5 Q2, beyond: the network's symmetries, and the comparison with the teacher."""

import math

from hw5 import backprop, recovery_study
from hw5.hacks import Hyperparameters, train_students
from hw5.network import TEACHER, Network, draw_points, forward, pick, stack, teacher
from hw5.recovery_study import align, compare, list_equivalents, normalize_lines
from tests.hw5.helpers import Done, check_files, check_mistake, run_main

import numpy as np
import pytest

OWN = Hyperparameters(epochs=20)
BEST = Hyperparameters(epochs=20, eta=0.1, a=10, patience=1)


def test_equivalents_compute_the_same_f():
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (2, 50))
    network = Network(*(rng.standard_normal(weights.shape) for weights in TEACHER))
    f = forward(network, x, 5.0).f
    found = list(list_equivalents(network))
    assert len({tuple(np.concatenate([w.ravel() for w in other])) for other in found}) == 48
    for other in found:
        np.testing.assert_allclose(forward(other, x, 5.0).f, f, rtol=1e-10)


@pytest.mark.parametrize("disguise", [0, 5, 23, 47])
def test_align_finds_the_teacher_again(disguise):
    noise = np.random.default_rng(0)
    near = Network(*(w + 0.02 * noise.standard_normal(w.shape) for w in TEACHER))
    disguised = list(list_equivalents(near))[disguise]
    aligned = align(disguised, TEACHER)
    for own, weight in zip(aligned, near):
        np.testing.assert_allclose(own, weight, atol=1e-12)


def test_compare_measures_angles_and_offsets():
    turn = np.radians(10)
    W = TEACHER.W @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    student = Network(3 * W, 3 * (TEACHER.b + 0.5), 2 * TEACHER.U, 2 * TEACHER.c)
    found = compare(student, TEACHER, a=2.0)
    lengths = np.array([math.sqrt(2), math.sqrt(2), 1])
    np.testing.assert_allclose(found["angle"], 10)
    np.testing.assert_allclose(found["offset"], 0.5 / lengths)
    np.testing.assert_allclose(found["width"], 4 / (2 * 3 * lengths))
    np.testing.assert_allclose(found["U"], [1, 1, -1])
    assert found["c"] == pytest.approx(-1.5)
    np.testing.assert_allclose(np.linalg.norm(normalize_lines(student)[:, :2], axis=1), 1)


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Done:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery_study, "FRESH", 3000)
        out = tmp_path_factory.mktemp("recovery_study")
        return run_main(recovery_study.main, out, "--epochs", "20", "--seed", "1")


def list_aligned(setting: Hyperparameters) -> list[Network]:
    """The run's students, seeds 1 to 5, aligned."""
    students = train_students((OWN, BEST), (1, 2, 3, 4, 5))
    return [align(pick(students[setting].networks, i), TEACHER) for i in range(5)]


def test_script_compares_the_students_of_both_settings(done):
    assert list(done.results["weights"]) == ["base", "best"]
    check_files(done, "lines")
    x, _ = draw_points(6, 3000)
    inside = (x[1] > -1) & (x[1] <= 1 - np.abs(x[0]))
    for name, setting in (("base", OWN), ("best", BEST)):
        results = done.results["weights"][name]
        aligned = list_aligned(setting)
        for row, network in zip(results["seeds"], aligned, strict=True):
            share = np.mean(teacher(x, network)[0] == inside)
            assert row == {**compare(network, TEACHER, setting.a), "as_steps": share}
        for key in ("angle", "offset", "width", "U", "c", "as_steps"):
            values = np.abs([row[key] for row in results["seeds"]])
            np.testing.assert_array_equal(results[key], np.sort(values, axis=0)[2])


def test_script_draws_the_students_lines(done):
    axes = done.figures["lines"].axes
    assert [panel.get_title() for panel in axes] == [
        "the handout's setting",
        "η = 0.1, a = 10, T = 1",
    ]
    for panel, setting in zip(axes, (OWN, BEST)):
        networks = stack(list_aligned(setting))
        for i in range(3):
            *students, own = panel.lines[6 * i : 6 * i + 6]
            for s, line in enumerate(students):
                on_line = networks.W[s, i] @ [line.get_xdata(), line.get_ydata()]
                np.testing.assert_allclose(on_line, -networks.b[s, i, 0], atol=1e-9)
            on_line = TEACHER.W[i] @ [own.get_xdata(), own.get_ydata()]
            np.testing.assert_allclose(on_line, -TEACHER.b[i, 0], atol=1e-9)


def test_fresh_points_are_as_many_as_the_scripts():
    assert recovery_study.FRESH == backprop.FRESH == 100_000


@pytest.mark.parametrize("option", ["--data", "--device", "--batch-size"])
def test_a_mistake_is_one_line(option, tmp_path, capsys):
    options = (option, "5", "--out", str(tmp_path))
    check_mistake(recovery_study.main, capsys, f"unrecognized arguments: {option}", *options)
