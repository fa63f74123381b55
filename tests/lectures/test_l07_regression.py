"""Lecture 7: the fit against SciPy and scikit-learn, the gradient against autograd."""

import json

from lectures import l07_regression as l07

import numpy as np
import pytest
import torch
from scipy.linalg import lstsq
from sklearn import datasets
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler


@pytest.fixture
def points():
    """X (4, 9) and Y (3, 9), far from symmetric."""
    rng = np.random.default_rng(7)
    return rng.standard_normal((4, 9)), rng.standard_normal((3, 9))


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The whole script: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l07")
    with figures() as drawn:
        assert l07.main(["--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_the_fit_is_scipy_s(points, capsys):
    X, Y = points
    W = l07.pseudo_inverse_fit(X, Y)
    np.testing.assert_allclose(W, lstsq(X.T, Y.T)[0].T, rtol=1e-10)
    np.testing.assert_allclose(W, l07.normal_equations(X, Y), rtol=1e-10)
    assert capsys.readouterr().out == ""


def test_the_loss_is_a_sum(points):
    X, Y = points
    W = np.ones((3, 4))
    total = 0.0
    for i in range(9):
        for j in range(3):
            total += (Y[j, i] - sum(W[j, k] * X[k, i] for k in range(4))) ** 2
    assert l07.squared_loss(W, X, Y) == pytest.approx(total)


@pytest.mark.parametrize("n", [1, 9])  # one point, and all
def test_the_gradient_is_autograd_s(points, n):
    X, Y = (each[:, :n] for each in points)
    W = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    ((torch.tensor(Y) - W @ torch.tensor(X)) ** 2).sum().backward()
    np.testing.assert_allclose(l07.gradient(W.detach().numpy(), X, Y), W.grad, rtol=1e-12)


def test_the_printed_line_leads_to_twice_the_fit(points):
    X, Y = points
    W = l07.pseudo_inverse_fit(X, Y)
    np.testing.assert_allclose(l07.gradient(W, X, Y), 0, atol=1e-12)
    np.testing.assert_allclose(l07.printed_gradient(2 * W, X, Y), 0, atol=1e-12)
    printed = l07.printed_gradient(W, X[:, :1], Y[:, :1])
    missing = W @ X[:, :1] @ X[:, :1].T
    np.testing.assert_allclose(printed + missing, l07.gradient(W, X[:, :1], Y[:, :1]))


def test_a_singular_matrix_has_its_rank_printed_and_the_least_solution(points, capsys):
    X, Y = points
    X = np.vstack([X, X[:1] - 2 * X[1:2]])
    np.testing.assert_allclose(l07.pseudo_inverse_fit(X, Y), lstsq(X.T, Y.T)[0].T, rtol=1e-9)
    assert "singular in float64: its rank is 4 of 5 (X's own: 4)" in capsys.readouterr().out


def test_one_point_is_met_exactly(capsys):
    x, y = l07.add_ones(np.array([[2.0], [1.0]])), np.array([[3.0]])
    W = l07.pseudo_inverse_fit(x, y)
    np.testing.assert_allclose(W, [[1, 0.5, 0.5]])  # y xᵀ/‖x‖²
    assert "rank is 1 of 3" in capsys.readouterr().out
    assert np.isnan(l07.leave_one_out(x, y)).all()  # no other point, no answer


@pytest.mark.parametrize("shapes", [((2, 3), (1, 4)), ((2, 0), (1, 0)), ((3,), (1, 3))])
def test_shapes_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match=r"needed are \(d, n\) and \(m, n\)"):
        l07.pseudo_inverse_fit(*map(np.ones, shapes))


def test_leaving_one_out_is_fitting_without_it(points):
    X, Y = points
    for i in range(9):
        rest = np.arange(9) != i
        expected = l07.pseudo_inverse_fit(X[:, rest], Y[:, rest]) @ X[:, i]
        np.testing.assert_allclose(l07.leave_one_out(X, Y)[:, i], expected, rtol=1e-9)


def test_measures_are_scikit_learn_s(points):
    X, Y = points
    F = Y + 0.3 * X[:3]
    expected = r2_score(Y.T, F.T, multioutput="raw_values")
    np.testing.assert_allclose(l07.r_squared(Y, F), expected)
    np.testing.assert_allclose(l07.standardize(X), StandardScaler().fit_transform(X.T).T)
    assert l07.add_ones(X).shape == (5, 9)
    assert (l07.add_ones(X)[-1] == 1).all()


def test_the_diabetes_data_are_the_same_in_all_versions(monkeypatch):
    X, Y, names = l07.load_diabetes()
    assert (X.shape, Y.shape, names[2]) == ((10, 442), (1, 442), "bmi")
    assert X[8, 1] == 3.8918
    other = datasets.load_diabetes(scaled=False)
    other.data = other.data * (1 - 1e-15)  # older versions differ so in s5
    monkeypatch.setattr(datasets, "load_diabetes", lambda scaled: other)
    np.testing.assert_array_equal(l07.load_diabetes()[0], X)


def test_twins_against_what_they_mean(points):
    X, Y = points
    row = l07.measure_twins(X, Y[:1], 1e-3, np.random.default_rng(3))
    twins = np.vstack([X, X[:1] + 1e-3 * np.random.default_rng(3).standard_normal(9)])
    model = LinearRegression(fit_intercept=False).fit(twins.T, Y[0])
    assert row["condition"] == pytest.approx(np.linalg.cond(twins @ twins.T), rel=1e-3)
    assert row["weight"] == pytest.approx(max(abs(model.coef_[0]), abs(model.coef_[4])))
    errors = model.predict(twins.T) - Y[0]
    assert row["rmse"] == pytest.approx((errors**2).mean() ** 0.5)
    drifted = errors + 0.1 * model.coef_[4]
    assert row["rmse_drifted"] == pytest.approx((drifted**2).mean() ** 0.5)
    assert row["error_pinv"] < 1e-9
    assert row["error_pinv"] < row["error_formula"] < 1e-5


def test_r2_is_the_expected_one(run):
    results, _ = run
    assert results["c"]["progression"]["r2"] == pytest.approx(0.518, abs=5e-4)
    fitted = [results["b"][name]["r2"] for name in ("weight", "waist", "pulse")]
    np.testing.assert_allclose(fitted, [0.27, 0.55, 0.07], atol=0.006)
    assert all(results["b"][name]["r2_left_out"] < 0 for name in ("weight", "waist", "pulse"))
    assert results["a"]["printed_r2"] < 0 < results["a"]["r2"] == pytest.approx(0.344, abs=5e-4)


def test_nearly_the_same_inputs_cost_weights_and_not_the_fit(run):
    rows = run[0]["d"]["rows"]
    assert rows[-1]["weight"] > 1e6 * rows[0]["weight"]
    assert rows[-1]["rmse"] == pytest.approx(rows[0]["rmse"], rel=0.01)
    assert rows[-1]["rmse_drifted"] > 1e6 * rows[-1]["rmse"]
    first, _, last = run[0]["d"]["copies"]
    assert first == pytest.approx(last)  # the least W shares the weight out


def test_figures_show_the_data(run):
    drawn = run[1]
    assert list(drawn) == ["a_line", "b_linnerud", "c_diabetes", "d_singular"]
    fits = drawn["b_linnerud"].axes
    assert [axes.get_xlabel() for axes in fits][1] == "true waist (in)"
    assert fits[1].get_ylabel() == "predicted waist (in)"
    (axes,) = drawn["c_diabetes"].axes
    X, Y, _ = l07.load_diabetes()
    model = LinearRegression().fit(X.T, Y[0])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), model.predict(X.T), rtol=1e-7)
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), Y[0])
    one, twice = (line.get_ydata() for line in drawn["a_line"].axes[0].lines[1:])
    np.testing.assert_allclose(twice, 2 * one)
    assert drawn["d_singular"].axes[0].get_xscale() == "log"
