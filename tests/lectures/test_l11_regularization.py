"""Lecture 11: folds and penalties against scikit-learn, polynomials against NumPy's own fit."""

import hashlib
import json
import zipfile

from common.run import UserError
from lectures import l07_regression as l07
from lectures import l11_regularization as l11
from lectures.data import make_huron

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.model_selection import KFold, cross_val_score


@pytest.fixture
def points():
    """X (4, 30) and Y (2, 30), of which two inputs matter."""
    rng = np.random.default_rng(11)
    X = rng.standard_normal((4, 30))
    return X, np.array([[1.0, -2, 0, 0], [0, 1, 1, 0]]) @ X + 0.3 * rng.standard_normal((2, 30))


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script with fewer splits: its results, its figures by name, and what it printed."""
    out = tmp_path_factory.mktemp("l11")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l11, "SPLITS", 8)
        patch.setattr(l11, "LAMBDAS", (1.0, 1e4))
        assert l11.main(["--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


@pytest.mark.parametrize(("n", "k", "seed"), [(10, 5, 0), (11, 4, 1), (7, 7, 2), (20, 2, 3)])
def test_the_folds_are_scikit_learn_s(n, k, seed):
    expected = list(KFold(k, shuffle=True, random_state=seed).split(np.zeros(n)))
    found = l11.k_fold(n, k, seed)
    assert len(found) == k
    for (train, validation), (train_sk, validation_sk) in zip(found, expected):
        np.testing.assert_array_equal(train, train_sk)
        np.testing.assert_array_equal(validation, validation_sk)


@pytest.mark.parametrize("k", [0, 1, 6])
def test_k_must_fit_the_points(k):
    with pytest.raises(UserError, match=f"--folds: came {k}, allowed is 2 to 5"):
        l11.k_fold(5, k, 0)


def test_too_many_folds_are_one_line(tmp_path, capsys):
    assert l11.main(["--part", "a", "--folds", "21", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err.strip()
    assert "argument --folds: came 21, allowed is 2 to 20" in error and "\n" not in error


@pytest.mark.parametrize("lam", [0.1, 10.0])
def test_ridge_is_scikit_learn_s(points, lam):
    X, Y = points
    W = l11.ridge(X, Y, lam)
    expected = Ridge(alpha=lam, fit_intercept=False).fit(X.T, Y.T).coef_
    np.testing.assert_allclose(W, expected, rtol=1e-9)
    np.testing.assert_allclose(l07.gradient(W, X, Y) + 2 * lam * W, 0, atol=1e-10)


def test_ridge_answers_where_the_inverse_does_not_exist(points):
    X, Y = (each[:, :3] for each in points)  # fewer points than inputs
    assert np.linalg.matrix_rank(X @ X.T) < 4
    np.testing.assert_allclose(l11.ridge(X, Y, 1e-6), Y @ np.linalg.pinv(X), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lam", [1.0, 30.0])
def test_lasso_comes_near_scikit_learn_s(points, lam):
    X, Y = points
    W = l11.lasso(X, Y, lam)
    expected = Lasso(lam / 60, fit_intercept=False, tol=1e-12).fit(X.T, Y.T).coef_
    np.testing.assert_allclose(W, expected, atol=4e-3)
    if lam == 30:
        assert (expected == 0).sum() >= 2
        assert (W == 0).sum() == 0  # small, never 0


def test_a_bound_on_the_norm_is_a_penalty(points):
    X, Y = points
    W = l11.ridge(X, Y, 5.0)
    radius = np.linalg.norm(W)
    np.testing.assert_allclose(l11.bounded(X, Y, radius), W, rtol=1e-9)
    free = l07.pseudo_inverse_fit(X, Y)
    np.testing.assert_allclose(l11.bounded(X, Y, 1.1 * np.linalg.norm(free)), free, rtol=1e-9)
    assert np.linalg.norm(l11.bounded(X, Y, 0.5 * radius)) == pytest.approx(0.5 * radius)


def test_powers_and_errors():
    x, W = np.array([-1.0, 0.5, 2.0]), np.array([[1.0, 2.0, 3.0]])
    assert l11.powers(x, 2).tolist() == [[1, 1, 1], [-1, 0.5, 2], [1, 0.25, 4]]
    Y = np.polyval([3, 2, 1], x)[None] + [[0, 0, 3]]
    assert l11.rmse(W, l11.powers(x, 2), Y) == pytest.approx(3**0.5)


def test_errors_of_degrees(monkeypatch):
    monkeypatch.setattr(l11, "DEGREES", range(3))
    _, x, Y = l11.load_huron()
    train = np.sort(np.random.default_rng(4).permutation(98)[:20])
    errors = l11.measure_degrees(x, Y, train, 4, 6)
    test = np.setdiff1d(np.arange(98), train)
    folds = KFold(4, shuffle=True, random_state=6)
    for degree in range(3):
        fit = np.polyfit(x[train], Y[0, train], degree)
        for row, part in ((0, train), (2, test)):
            expected = np.mean((np.polyval(fit, x[part]) - Y[0, part]) ** 2) ** 0.5
            assert errors[row, degree] == pytest.approx(expected)
        scores = cross_val_score(
            LinearRegression(fit_intercept=False), l11.powers(x, degree)[:, train].T, Y[0, train],
            cv=folds, scoring="neg_mean_squared_error",
        )  # fmt: skip
        assert errors[1, degree] == pytest.approx((-scores.mean()) ** 0.5)


def test_huron_is_the_pinned_file(tmp_path):
    content = l11.HURON.read_bytes()
    assert hashlib.sha256(content).hexdigest() == make_huron.SHA256
    assert make_huron.TARGET == l11.HURON
    year, x, level = l11.load_huron()
    assert (year[0], year[-1], x[0], x[-1], level[0, 0]) == (1875, 1972, -1, 1, 580.38)
    for name, text in (("right.whl", content), ("changed.whl", content + b"\n")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(make_huron.MEMBER, text)
    assert make_huron.extract(tmp_path / "right.whl") == content
    with pytest.raises(ValueError, match="other bytes"):
        make_huron.extract(tmp_path / "changed.whl")


def test_results(run, capsys):
    a, b = run[0]["a"], run[0]["b"]
    assert a["test"][2] == pytest.approx(1.10, abs=0.06)
    assert a["train"][2] == pytest.approx(0.92, abs=0.06)
    assert a["test"][12] > 4
    assert int(np.argmin(a["test"])) in (2, 3)
    assert sum(a["chosen"]) == 8
    assert a["degree_2_rmse"] <= a["chosen_rmse"]
    assert a["beyond"] > 100
    assert b["zero"] == 0 < b["small"]
    for row in b["rows"]:
        assert row["distance"] < 1e-9
    assert b["rows"][0]["radius"] > b["rows"][1]["radius"] > b["rows"][2]["radius"]


def test_figures(run):
    left, right = run[1]["a_degrees"].axes
    training, folds, test = (line.get_ydata() for line in left.lines)
    assert list(test) == run[0]["a"]["test"]
    assert list(folds) == run[0]["a"]["folds"]
    assert (np.diff(training) <= 1e-9).all()
    assert [len(line.get_xdata()) for line in right.lines[:2]] == [98, 20]
    years, fit = right.lines[3].get_data()  # degree 2
    points = right.lines[1].get_data()
    expected = np.polyval(np.polyfit(points[0] - 1920, points[1], 2), years - 1920)
    np.testing.assert_allclose(fit, expected, rtol=1e-9)
    ridge, lasso = run[1]["b_paths"].axes
    assert len(ridge.lines) == len(lasso.lines) == 10
    X, Y, _ = (*map(l07.standardize, l07.load_diabetes()[:2]), None)
    expected = Ridge(alpha=1e4, fit_intercept=False).fit(X.T, Y[0]).coef_
    np.testing.assert_allclose([line.get_ydata()[-1] for line in ridge.lines], expected)
