"""Lecture 8: the worked numbers, paths against autograd, speed against the eigenvalues."""

import json
import warnings
from fractions import Fraction

from lectures import l08_gradient_descent as l08

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The whole script: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l08")
    with figures() as drawn:
        assert l08.main(["--out", str(out), "--lr", "0.7"]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def quartic(w):
    return 4 * w**3


def test_the_lecture_s_numbers():
    assert l08.gradient_descent(quartic, 1.0, 1 / 8, 2).tolist() == [1, 1 / 2, 7 / 16]
    assert l08.gradient_descent(quartic, 1.0, 1 / 2, 4).tolist() == [1, -1, 1, -1, 1]
    w = Fraction(1, 2)
    assert w - Fraction(1, 8) * 4 * w**3 == Fraction(7, 16)  # printed: 3/16


def test_the_path_follows_autograd_s_gradient():
    rng = np.random.default_rng(8)
    X, Y, start = (rng.standard_normal(shape) for shape in ((3, 11), (2, 11), (2, 3)))
    path = l08.gradient_descent(l08.mean_gradient(X, Y), start, 0.05, 6)
    W = torch.tensor(start, requires_grad=True)
    for step in range(7):
        np.testing.assert_allclose(path[step], W.detach(), rtol=1e-12)
        loss = ((torch.tensor(Y) - W @ torch.tensor(X)) ** 2).sum(0).mean()
        W = (W - 0.05 * torch.autograd.grad(loss, W)[0]).detach().requires_grad_()
    assert path.shape == (7, 2, 3)
    assert (path[0] == start).all()


def test_divergence_is_a_result():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = l08.gradient_descent(quartic, 1.0, 0.6, 30)
    assert len(path) == 31
    assert not np.isfinite(path[-1])


@pytest.mark.parametrize("eta", [0.1, 0.24, 0.5])
def test_the_rate_is_the_slowest_eigenvalue_s(eta):
    eigenvalues = np.array([1.0, 3.0])
    path = l08.gradient_descent(lambda w: eigenvalues * w, np.ones(2), eta, 200)
    measured = (np.linalg.norm(path[200]) / np.linalg.norm(path[100])) ** 0.01
    assert l08.rate(eta, eigenvalues) == pytest.approx(measured)


def test_the_speed_with_the_best_eta():
    rng = np.random.default_rng(8)
    X, Y = rng.standard_normal((3, 50)) * [[1], [2], [3]], rng.standard_normal((1, 50))
    row = l08.measure_speed(X, Y)
    condition = np.linalg.cond(X @ X.T)
    assert row["condition"] == pytest.approx(condition)
    assert row["predicted"] == pytest.approx((condition - 1) / (condition + 1))
    assert row["measured"] == pytest.approx(row["predicted"], rel=1e-3)
    exact = np.log(1e-6) / np.log(row["predicted"])
    assert exact - 12 < row["steps"] <= np.ceil(exact)
    assert row["inputs"] == 3


def test_the_data_need_no_bias():
    X, Y, names = l08.load_standardized()
    np.testing.assert_allclose(X.mean(1), 0, atol=1e-13)
    np.testing.assert_allclose(Y.std(1), 1)
    assert len(names) == 10


def test_results(run):
    a, b = run[0]["a"], run[0]["b"]
    assert a["eta_0.125"]["first"] == [1, 0.5, 7 / 16, 7 / 16 - 0.5 * (7 / 16) ** 3]
    assert a["eta_0.5"]["last"] == 1
    assert a["eta_0.7"]["last"] == "diverged"
    assert a["slow"] == pytest.approx(1, abs=0.01)
    assert b["rows"][-1]["condition"] == pytest.approx(470, abs=0.5)
    for row in b["rows"]:
        assert row["steps"] == pytest.approx(row["condition"] / 2 * np.log(1e6), rel=0.2)
    assert b["pairs"]["s1_s2"]["condition"] > 7 * b["pairs"]["bmi_bp"]["condition"]


def test_figures_show_the_paths(run):
    drawn = run[1]
    (axes,) = drawn["a_w4"].axes
    assert axes.lines[0].get_ydata()[:3].tolist() == [1, 0.5, 7 / 16]
    below, near, above = drawn["b_paths"].axes[0].lines[:3]
    X, Y, _ = l08.load_standardized()
    closed = np.linalg.lstsq(X[2:4].T, Y[0], rcond=None)[0]
    assert np.linalg.norm(np.transpose(below.get_data())[-1] - closed) < 0.01
    assert np.linalg.norm(np.transpose(near.get_data())[-1] - closed) < 0.1
    far = np.linalg.norm(np.transpose(above.get_data()) - closed, axis=1)
    assert far[-1] > far[4]
    assert drawn["b_paths"].axes[1].get_xlabel() == "weight of s1"
    measured, rule = (line.get_ydata() for line in drawn["b_speed"].axes[0].lines)
    np.testing.assert_allclose(measured, rule, rtol=0.2)
