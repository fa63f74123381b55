"""Lecture 8: LMS and the delta rule against autograd, point by point."""

import json
import warnings

from lectures import l07_regression as l07
from lectures import l08_delta_rule as delta
from lectures import l08_gradient_descent as l08

import numpy as np
import pytest
import torch

TORCH = {"identity": lambda v: v, "sigmoid": torch.sigmoid, "relu": torch.relu}


@pytest.fixture
def points():
    """X (3, 7), Y (2, 7) and a start W (2, 3)."""
    rng = np.random.default_rng(8)
    return [rng.standard_normal(shape) for shape in ((3, 7), (2, 7), (2, 3))]


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script with fewer epochs and starts: its results and its figures by name."""
    out = tmp_path_factory.mktemp("delta")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(delta, "EPOCHS", 21)
        patch.setattr(delta, "ETAS", (0.003, 0.1, 0.3))
        patch.setattr(delta, "BIASES", (-16, 0, 2))
        assert delta.main(["--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


@pytest.mark.parametrize("activation", delta.ACTIVATIONS)
def test_g_prime_is_the_derivative(activation):
    g, g_prime = delta.ACTIVATIONS[activation]
    v = torch.linspace(-3, 3, 8, dtype=torch.float64, requires_grad=True)
    f = TORCH[activation](v)
    f.sum().backward()
    np.testing.assert_allclose(g(v.detach().numpy()), f.detach())
    np.testing.assert_allclose(g_prime(v.detach().numpy()), v.grad)


def test_a_relu_has_no_slope_at_zero():
    assert delta.ACTIVATIONS["relu"][1](np.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize("activation", delta.ACTIVATIONS)
def test_the_delta_rule_is_sgd_point_by_point(points, activation):
    X, Y, start = points
    path = delta.delta_rule(X, Y, activation, 0.1, start, 3, seed=5, decay=0.5)
    W = torch.tensor(start, requires_grad=True)
    order = np.random.default_rng(5)
    for epoch in range(3):
        np.testing.assert_allclose(path[epoch], W.detach(), rtol=1e-12)
        for i in order.permutation(7):
            loss = (
                (torch.tensor(Y[:, i]) - TORCH[activation](W @ torch.tensor(X[:, i]))) ** 2
            ).sum()
            (grad,) = torch.autograd.grad(loss, W)
            W = (W - 0.1 / (1 + 0.5 * epoch) * grad).detach().requires_grad_()
    np.testing.assert_allclose(path[3], W.detach(), rtol=1e-12)
    assert path.shape == (4, 2, 3)


def test_points_are_drawn_with_replacement_if_asked(points):
    X, Y, start = points
    path = delta.delta_rule(X, Y, "identity", 0.1, start, 1, seed=3, replace=True)
    W = start
    drawn = np.random.default_rng(3).integers(7, size=7)
    assert len(set(drawn)) < 7
    for i in drawn:
        W = W + 0.2 * np.outer(Y[:, i] - W @ X[:, i], X[:, i])
    np.testing.assert_allclose(path[1], W)


def test_lms_is_the_linear_delta_rule_or_gradient_descent(points):
    X, Y, _ = points
    zero = np.zeros((2, 3))
    one = delta.lms(X, Y, 0.05, 2, seed=1)
    np.testing.assert_array_equal(one, delta.delta_rule(X, Y, "identity", 0.05, zero, 2, seed=1))
    batch = delta.lms(X, Y, 0.05, 500, batch=True)
    expected = l08.gradient_descent(l08.mean_gradient(X, Y), zero, 0.05, 500)
    np.testing.assert_array_equal(batch, expected)
    np.testing.assert_allclose(batch[-1], l07.pseudo_inverse_fit(X, Y), atol=1e-4)


def test_a_large_eta_is_a_result(points):
    X, Y, start = points
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = delta.delta_rule(X, Y, "identity", 50, start, 60)
    assert path.shape == (61, 2, 3)
    assert not np.isfinite(path[-1]).any()


def test_the_measures_of_lms(points, monkeypatch):
    monkeypatch.setattr(delta, "EPOCHS", 25)
    X, Y, _ = points
    distance, excess = delta.measure_lms(X, Y, eta=0.05, seed=2)
    W = l07.pseudo_inverse_fit(X, Y)
    path = delta.lms(X, Y, 0.05, 25, seed=2)
    assert distance[0] == 1
    assert distance[-1] == pytest.approx(np.linalg.norm(path[-1] - W) / np.linalg.norm(W))
    least = ((Y - W @ X) ** 2).sum()
    losses = [((Y - each @ X) ** 2).sum() for each in path[6:]]
    assert excess == pytest.approx(np.mean(losses) / least - 1)


def test_results(run):
    a, b = run[0]["a"], run[0]["b"]
    assert a["limit"] == pytest.approx(0.25)  # four inputs of variance 1
    assert a["widrow"]["0.1"] == pytest.approx(0.4 / 0.6)
    assert a["in_a_new_order"]["0.3"] == a["with_replacement"]["0.3"] == "diverged"
    assert a["in_a_new_order"]["0.003"] < a["in_a_new_order"]["0.1"]
    assert a["with_replacement"]["0.003"] == pytest.approx(a["widrow"]["0.003"], rel=0.5)
    assert a["batch"] < a["falling"] < 0.3
    on, off = b["relu"][2], b["relu"][1]
    assert on["r2"] == pytest.approx(b["linear_r2"], abs=0.04)
    assert off["r2"] < 0  # bias 0: the slope is 0
    assert [row["bias"] for row in b["sigmoid"]] == [-16, 0, 2]
    assert b["sigmoid"][0]["r2"] < 0 < b["sigmoid"][1]["r2"]
    assert b["sigmoid"][1]["correct"] == pytest.approx(b["linear_correct"], abs=0.03)
    assert b["linear_correct"] > 0.7


def test_figures(run):
    left, right = run[1]["a_lms"].axes
    assert len(left.lines) == 3
    measured, replaced, rule = right.lines
    assert list(measured.get_xdata()) == list(replaced.get_xdata()) == list(rule.get_xdata())
    assert measured.get_ydata()[0] < replaced.get_ydata()[0]
    lines = {line.get_label(): line.get_ydata() for line in run[1]["b_delta"].axes[0].lines}
    assert list(lines["relu"]) == [row["r2"] for row in run[0]["b"]["relu"]]
