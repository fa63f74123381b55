"""Lecture 17's rules: gradients by autograd, means by NumPy, and the closed form."""

from lectures import hebbian

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist


@pytest.fixture
def case():
    """W (3, 4), a point x (4,), and points X (50, 4) whose mean is not 0."""
    rng = np.random.default_rng(17)
    return rng.standard_normal((3, 4)), rng.standard_normal(4), 1 + rng.standard_normal((50, 4))


def ascend(W, x, objective, eta):
    """W + η ∇ objective(W, x) by autograd."""
    leaf = torch.tensor(W, requires_grad=True)
    objective(leaf, torch.tensor(x)).backward()
    return W + eta * leaf.grad.numpy()


def test_linear_hebb_climbs_half_the_square_of_the_answer(case):
    W, x, _ = case
    expected = ascend(W, x, lambda W, x: 0.5 * (W @ x).square().sum(), 0.3)
    np.testing.assert_allclose(hebbian.hebb(W, x, 0.3), expected)


@pytest.mark.parametrize("phi", [np.sign, np.tanh])
def test_hebb_weight_by_weight(case, phi):
    W, x, _ = case
    found = hebbian.hebb(W, x, 0.3, phi)
    decayed = hebbian.hebb_with_decay(W, x, 0.3, 0.8, phi)
    for i in range(3):
        y = phi(sum(W[i, j] * x[j] for j in range(4)))
        for j in range(4):
            assert found[i, j] == pytest.approx(W[i, j] + 0.3 * y * x[j])
            assert decayed[i, j] == pytest.approx(0.8 * W[i, j] + 0.3 * y * x[j])


def test_the_covariance_rule_multiplies_by_the_covariance_on_average(case):
    W, _, X = case
    steps = [hebbian.covariance_rule(W, x, 0.1, X.mean(0)) - W for x in X]
    np.testing.assert_allclose(np.mean(steps, 0), 0.1 * W @ np.cov(X.T, bias=True))


def test_the_covariance_rule_is_linear_hebb_less_the_means(case):
    W, x, X = case
    found = hebbian.covariance_rule(W, x, 0.1, X.mean(0))
    np.testing.assert_allclose(found, hebbian.hebb(W, x - X.mean(0), 0.1))


def test_the_nearest_moves_where_the_nearest_shall_win():
    W, x = np.array([[1.0, 0], [5, 5]]), np.array([1.0, 1])  # the long one answers more
    np.testing.assert_allclose(hebbian.competitive(W, x, 0.5), [[1, 0], [3, 3]])
    np.testing.assert_allclose(hebbian.competitive(W, x, 0.5, nearest=True), [[1, 0.5], [5, 5]])


def test_the_nearest_is_scipy_s(case):
    W, _, X = case
    W = W * [[0.5], [1], [4]]
    nearest = cdist(X, W).argmin(1)
    assert [hebbian.find_winner(W, x, nearest=True) for x in X] == nearest.tolist()
    largest = [hebbian.find_winner(W, x) for x in X]
    assert largest == (X @ W.T).argmax(1).tolist() != nearest.tolist()


def test_with_equal_norms_the_winner_is_the_nearest(case):
    W, _, X = case
    W = 1.7 * W / np.linalg.norm(W, axis=1, keepdims=True)
    found = [hebbian.find_winner(W, x) for x in X]
    assert found == cdist(X, W).argmin(1).tolist()
    assert len(set(found)) == 3


@pytest.mark.parametrize("nearest", [False, True])
def test_only_the_winner_learns(case, nearest):
    W, x, _ = case
    winner = hebbian.find_winner(W, x, nearest)
    before = W.copy()
    expected = ascend(W, x, lambda W, x: -0.5 * (x - W[winner]).square().sum(), 0.3)
    np.testing.assert_allclose(hebbian.competitive(W, x, 0.3, nearest), expected)
    np.testing.assert_array_equal(W, before)


@pytest.mark.parametrize("eta", [0.1, 0.5, 1.0, 1.5])
def test_competitive_closed_form(eta):
    """w(n+1) = (1−η)ⁿw + (1 − (1−η)ⁿ)x, where the point stays the same."""
    w, x = np.array([0.3, -0.2]), np.array([1.0, 2.0])
    path = hebbian.trace(hebbian.competitive, [w], np.tile(x, (9, 1)), eta)
    for n in range(10):
        np.testing.assert_allclose(path[n, 0], (1 - eta) ** n * w + (1 - (1 - eta) ** n) * x)


def test_oja_reconstructs_the_point_from_its_answer(case):
    W, x, _ = case

    def error(W, x):
        return -0.5 * (x - (W @ x).detach()[:, None] * W).square().sum()

    np.testing.assert_allclose(hebbian.oja(W, x, 0.1), ascend(W, x, error, 0.1))


def test_sanger_reconstructs_what_earlier_neurons_leave(case):
    W, x, _ = case
    found = hebbian.sanger(W, x, 0.1)
    for i in range(3):

        def error(W, x, i=i):
            parts = (W @ x).detach()[: i + 1, None] * W[: i + 1]
            return -0.5 * (x - parts.sum(0)).square().sum()

        np.testing.assert_allclose(found[i], ascend(W, x, error, 0.1)[i])
    np.testing.assert_allclose(found[0], hebbian.oja(W, x, 0.1)[0])


def test_principal_components_are_at_rest_on_average():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((200, 5)) * [3, 2.5, 2, 1, 1]
    V = np.linalg.eigh(X.T @ X)[1][:, ::-1].T
    steps = {rule: np.mean([rule(V, x, 0.1) - V for x in X], 0)
             for rule in (hebbian.oja, hebbian.sanger)}  # fmt: skip
    np.testing.assert_allclose(steps[hebbian.sanger], 0, atol=1e-12)
    np.testing.assert_allclose(steps[hebbian.oja], 0, atol=1e-12)


def test_traces_and_learning_take_the_points_in_order(case):
    W, _, X = case
    path = hebbian.trace(hebbian.oja, W, X[[2, 0, 2]], 0.01)
    assert path.shape == (4, 3, 4)
    np.testing.assert_array_equal(path[0], W)
    expected = W
    for i, eta in ((2, 0.01), (0, 0.03), (2, 0.02)):
        expected = hebbian.oja(expected, X[i], eta)
    found = hebbian.learn(hebbian.oja, W, X, [0.01, 0.03, 0.02], [2, 0, 2])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(path[1], hebbian.oja(W, X[2], 0.01))
    columns = np.array([[[0.1], [0.2], [0.3]], [[0.3], [0.2], [0.1]]])
    found = hebbian.learn(hebbian.oja, W, X, columns, [4, 7])
    for i in range(3):
        alone = hebbian.learn(hebbian.oja, W[i : i + 1], X, columns[:, i, 0], [4, 7])
        np.testing.assert_allclose(found[i], alone[0])


@pytest.mark.filterwarnings("error")
def test_a_large_eta_is_a_result(case):
    W, _, X = case
    X = np.tile(X, (40, 1))
    assert not np.isfinite(hebbian.trace(hebbian.oja, W, X, 3.0)[-1]).all()
    assert not np.isfinite(hebbian.learn(hebbian.hebb, W, X, np.full(2000, 9.0), range(2000))).all()
