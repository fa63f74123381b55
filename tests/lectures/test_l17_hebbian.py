"""Lecture 17's printed traces, and the limits of η against the calculus."""

import json
from fractions import Fraction

from lectures import l17_hebbian as l17
from lectures.hebbian import competitive, hebb, hebb_with_decay, oja, trace

import numpy as np
import pytest


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script with shorter trials: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l17")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l17, "REPEATS", 500)
        assert l17.main(["--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_the_printed_trace():
    path = trace(hebb, l17.START, l17.POINTS, l17.ETA, np.sign)[:, 0]
    printed = [(0.1, 0.1), (1.1, 1.1), (2, 2.1), (3, 3.2), (2, 4.2), (0.9, 5.2), (-0.1, 6.3)]
    np.testing.assert_allclose(path, printed, atol=1e-12)


def test_the_trace_in_fractions(run):
    w = [Fraction(1, 10)] * 2
    points = [["1", "1"], ["0.9", "1"], ["1", "1.1"], ["1", "-1"], ["1.1", "-1"], ["1", "-1.1"]]
    expected = [w]
    for x in points:
        x = [*map(Fraction, x)]
        y = 1 if w[0] * x[0] + w[1] * x[1] > 0 else -1
        w = [w[0] + y * x[0], w[1] + y * x[1]]
        expected.append(w)
    assert w == [Fraction("-0.1"), Fraction("6.3")]
    np.testing.assert_allclose(run[0]["a"]["path"], np.array(expected, float), atol=1e-12)


def test_saturation_and_decay(run):
    linear, sign = run[0]["b"]["linear"], run[0]["b"]["sign"]
    assert linear["no_decay"][:4] == [1, 2, 4, 8]
    assert linear["no_decay"][-1] == 2.0**40
    assert sign["no_decay"] == [1, 2, 3, 4, 5, 41]
    for alpha in (0.5, 0.8, 0.9):
        limit = 1 / (1 - alpha)
        found = sign[f"α={alpha}"]
        expected = [limit - (limit - 1) * alpha**n for n in (0, 1, 2, 3, 4, 40)]
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(linear[f"α={alpha}"][:3], [1, 1 + alpha, (1 + alpha) ** 2])
    assert linear["α=0.5,η=0.4"][-1] == pytest.approx(0.9**40)
    assert sign["α=0.5,η=0.4"][-1] == pytest.approx(0.4 / (1 - 0.5))


def test_parted_means_one_sign_for_each_group():
    assert l17.is_parted(np.array([0.0, 1.0])) and l17.is_parted(np.array([0.1, -2.0]))
    for w in ([1.0, 0.0], [1.0, 1.0], [1, 0.95]):
        assert not l17.is_parted(np.array(w))


def test_where_the_trace_holds(run):
    a = run[0]["a"]
    assert 0.5 < a["orders"] < 0.8
    assert a["starts"]["0.1"] == 1 > a["starts"]["10"] == l17.share_parted(10)
    np.testing.assert_allclose(np.diff(a["norms"])[3:], 6.2, atol=0.2)  # it grows for ever
    assert len(a["norms"]) == 11


def test_the_limits_of_eta(run):
    limits = run[0]["c"]["limits"]
    assert limits["Hebb_linear"] < 0.004  # (1 + η)²⁵⁰ < 2: what 500 steps can see
    assert limits["decay_linear"] == pytest.approx(0.1, abs=0.005)  # α + η‖x‖² < 1
    assert limits["decay_sign"] == pytest.approx(l17.LARGEST, abs=1e-3)
    assert limits["competitive"] == pytest.approx(2, abs=0.005)  # |1 − η| < 1
    assert limits["Oja_rests"] == pytest.approx(1, abs=0.005)  # |1 − 2η‖x‖²| < 1
    assert limits["Oja_bounded"] == pytest.approx(2, abs=0.005)


@pytest.mark.parametrize(
    ("rule", "eta", "more", "outcome"),
    [
        (oja, 0.9, (), "rest"),
        (oja, 1.1, (), "moves"),
        (oja, 1.9, (), "moves"),
        (oja, 2.1, (), "diverges"),
        (hebb, 0.01, (), "diverges"),
        (hebb_with_decay, 0.05, (0.9,), "rest"),
        (hebb_with_decay, 5, (0.9, np.sign), "rest"),
        (competitive, 2, (), "moves"),
        (competitive, 2.1, (), "diverges"),
    ],
)
def test_outcomes(monkeypatch, rule, eta, more, outcome):
    monkeypatch.setattr(l17, "REPEATS", 1000)
    assert l17.find_outcome(rule, eta, *more) == outcome


def test_figures(run):
    drawn = run[1]
    assert list(drawn) == ["a_trace", "b_growth", "c_stability"]
    axes = drawn["a_trace"].axes[0]
    np.testing.assert_array_equal(np.transpose(axes.lines[2].get_data()), run[0]["a"]["path"])
    lines = {line.get_label(): line.get_ydata() for line in drawn["b_growth"].axes[1].lines}
    assert lines["α=0.9"][4] == run[0]["b"]["sign"]["α=0.9"][4]
    w = drawn["c_stability"].axes[0].lines[50]
    at = dict(zip(w.get_xdata().round(4), w.get_ydata()))
    assert at[0.75] == pytest.approx(1)
    assert abs(at[1.1] - 1) > 0.05
    assert not np.isfinite(at[2.1])
