"""HW5 Q2: the network's symmetries, and the comparison with the teacher."""

import math

import numpy as np
import pytest

from hw5.imitation import align, compare, equivalents, lines
from hw5.student import TEACHER, Network, forward


def test_equivalents_compute_the_same_f():
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (2, 50))
    network = Network(*(rng.standard_normal(weights.shape) for weights in TEACHER))
    f = forward(network, x, 5.0).f
    found = list(equivalents(network))
    assert len({tuple(np.concatenate([w.ravel() for w in other])) for other in found}) == 48
    for other in found:
        np.testing.assert_allclose(forward(other, x, 5.0).f, f, rtol=1e-10)


@pytest.mark.parametrize("disguise", [0, 5, 23, 47])
def test_align_finds_the_teacher_again(disguise):
    noise = np.random.default_rng(0)
    near = Network(*(w + 0.02 * noise.standard_normal(w.shape) for w in TEACHER))
    disguised = list(equivalents(near))[disguise]
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
    np.testing.assert_allclose(np.linalg.norm(lines(student)[:, :2], axis=1), 1)
