"""HW5 Q2: the equations against autograd, finite differences and naive loops, and the training."""

import math
import warnings
from decimal import Decimal, localcontext

from hw5.network import (
    Network,
    backward,
    draw_network,
    draw_points,
    forward,
    phi,
    phi_prime,
    pick,
    sgd,
    stack,
    teacher,
)

import numpy as np
import pytest
import torch


def random_batch(n=7, *front):
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (*front, 2, n))
    return x, rng.integers(0, 2, (*front, 1, n)).astype(float)


def random_network(hidden=4, *front):
    """Weights far from symmetric, and not so large that φ′ is flat."""
    rng = np.random.default_rng(6)
    shapes = [(hidden, 2), (hidden, 1), (1, hidden), (1, 1)]
    return Network(*(0.5 * rng.standard_normal((*front, *shape)) for shape in shapes))


class TorchStudent:
    """The same network with torch's sigmoid and autograd, one point per row."""

    def __init__(self, network):
        self.weights = [torch.tensor(weight, requires_grad=True) for weight in network]

    def loss(self, x, y, a):
        """(f − y)² averaged over the points."""
        W, b, U, c = self.weights
        z = torch.sigmoid(a * (torch.tensor(x).T @ W.T + b[:, 0]))
        f = torch.sigmoid(a * (z @ U.T + c[:, 0]))
        return ((f - torch.tensor(y).T) ** 2).mean()


def exact_phi(v, a):
    with localcontext() as context:
        context.prec = 50
        return float(1 / (1 + (-Decimal(a) * Decimal(v)).exp()))


def test_phi_is_exact():
    v = np.concatenate([np.linspace(-140, 140, 113), np.linspace(-1, 1, 41), [1e-9]])
    expected = [exact_phi(float(value), 5.0) for value in v]
    np.testing.assert_allclose(phi(v, 5.0), expected, rtol=1e-12, atol=0)


def test_phi_never_overflows():
    v = np.array([-1e6, -1e3, -200.0, 200.0, 1e3, 1e6])
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        z, slope = phi(v, 5.0), phi_prime(v, 5.0)
    np.testing.assert_allclose(z, [0, 0, 0, 1, 1, 1], atol=1e-300)
    np.testing.assert_array_equal(slope, 0)


def test_a_is_5_where_none_is_named():
    v, (x, y) = np.linspace(-1, 1, 11), random_batch()
    assert phi(0.3) == pytest.approx(1 / (1 + math.exp(-1.5)), rel=1e-12)
    assert phi_prime(0.0) == 1.25
    np.testing.assert_array_equal(phi(v), phi(v, 5.0))
    np.testing.assert_array_equal(phi_prime(v), phi_prime(v, 5.0))
    network, other = random_network(), random_network()
    for own, expected in zip(forward(network, x), forward(network, x, 5.0)):
        np.testing.assert_array_equal(own, expected)
    at = forward(network, x)
    for own, expected in zip(backward(network, x, y, at), backward(network, x, y, at, 5.0)):
        np.testing.assert_array_equal(own, expected)
    assert list(sgd(network, x, y, 0.3, 2)) == list(sgd(other, x, y, 0.3, 2, a=5.0))


@pytest.mark.parametrize("a", [1.0, 5.0, 20.0])
def test_phi_prime_is_the_derivative(a):
    v = np.linspace(-2, 2, 81)
    t = torch.tensor(v, requires_grad=True)
    torch.sigmoid(a * t).sum().backward()
    np.testing.assert_allclose(phi_prime(v, a), t.grad.numpy(), rtol=1e-10, atol=1e-14)
    assert phi_prime(v, a).max() == pytest.approx(a / 4)


def test_forward_is_the_naive_loop():
    network, (x, _) = random_network(), random_batch()
    v_z, z, v_f, f = forward(network, x, 3.0)
    W, b, U, c = network
    for n in range(x.shape[1]):
        output = c[0, 0]
        for i in range(len(W)):
            v = W[i, 0] * x[0, n] + W[i, 1] * x[1, n] + b[i, 0]
            assert v_z[i, n] == pytest.approx(v, rel=1e-12)
            assert z[i, n] == pytest.approx(1 / (1 + math.exp(-3 * v)), rel=1e-12)
            output += U[0, i] * z[i, n]
        assert v_f[0, n] == pytest.approx(output, rel=1e-12)
        assert f[0, n] == pytest.approx(1 / (1 + math.exp(-3 * output)), rel=1e-12)


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("a", [1.0, 5.0])
def test_backward_is_autograd(n, a):
    network, (x, y) = random_network(), random_batch(n)
    student = TorchStudent(network)
    student.loss(x, y, a).backward()
    gradient = backward(network, x, y, forward(network, x, a), a)
    for own, weight in zip(gradient, student.weights):
        assert own.shape == weight.shape
        np.testing.assert_allclose(own, weight.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_backward_is_the_finite_difference():
    network, (x, y) = random_network(), random_batch()
    gradient = backward(network, x, y, forward(network, x, 5.0), 5.0)
    for weight, own in zip(network, gradient):
        for i in np.ndindex(*weight.shape):
            sides = []
            for h in (1e-6, -2e-6):
                weight[i] += h
                sides.append(np.mean((forward(network, x, 5.0).f - y) ** 2))
            weight[i] += 1e-6
            assert own[i] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-8)


def test_a_stack_is_its_networks_one_by_one():
    network, (x, y) = random_network(4, 3), random_batch(7, 3)
    gradient = backward(network, x, y, forward(network, x, 5.0), 5.0)
    for s in range(3):
        one = pick(network, s)
        expected = backward(one, x[s], y[s], forward(one, x[s], 5.0), 5.0)
        for own, weight in zip(gradient, expected):
            np.testing.assert_allclose(own[s], weight, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 5, 7, 23])
def test_sgd_is_torchs_in_the_points_order(batch_size):
    x, y = random_batch(23)  # 5 and 7 leave a ragged batch
    network = random_network()
    student = TorchStudent(network)
    optimizer = torch.optim.SGD(student.weights, lr=0.3)
    for mse in sgd(network, x, y, 0.3, 3, batch_size):
        for i in range(0, 23, batch_size):
            optimizer.zero_grad()
            student.loss(x[:, i : i + batch_size], y[:, i : i + batch_size], 5.0).backward()
            optimizer.step()
        for own, weight in zip(network, student.weights):
            np.testing.assert_allclose(own, weight.detach().numpy(), rtol=1e-10)
        assert mse == pytest.approx(student.loss(x, y, 5.0).item(), rel=1e-10)


def test_the_order_of_the_points_matters():
    x, y = random_batch(23)
    there, back = random_network(), random_network()
    list(sgd(there, x, y, 0.3, 1))
    list(sgd(back, x[:, ::-1], y[:, ::-1], 0.3, 1))
    assert np.abs(there.W - back.W).max() > 1e-3  # so that the test above tells orders apart


@pytest.mark.parametrize("patience", [0, 1, 2])
@pytest.mark.parametrize("eta", [0.1, 0.3])  # rises in a row, and single ones
def test_eta_falls_exactly_when_the_mse_rises(eta, patience):
    x, y = draw_points(0, 60)
    network, naive = draw_network(0), draw_network(0)
    history = [float(mse) for mse in sgd(network, x, y, eta, 30, patience=patience)]
    rises, falls = 0, 0
    for epoch in range(30):
        (mse,) = sgd(naive, x, y, eta, 1)
        assert history[epoch] == float(mse)
        rises = rises + 1 if epoch and history[epoch] > history[epoch - 1] else 0
        if patience and rises == patience:
            eta, rises, falls = 0.9 * eta, 0, falls + 1
    assert falls >= 1 or not patience
    assert (np.diff(history) > 0).sum() >= 5


def test_each_network_of_a_stack_has_its_own_eta():
    """Side by side, with η, a and T of their own, the networks train as each does alone."""
    x, y = random_batch(40, 3)
    own = [(0.5, 10.0, 1), (0.7, 5.0, 2), (0.5, 8.0, 0)]
    eta, a, patience = (np.array(values)[:, None, None] for values in zip(*own))
    together, alone = random_network(3, 3), random_network(3, 3)
    history = np.array(list(sgd(together, x, y, eta, 25, 5, a, patience)))
    assert history.shape == (25, 3)
    for s in range(3):
        eta_s, a_s, patience_s = own[s]
        expected = list(sgd(pick(alone, s), x[s], y[s], eta_s, 25, 5, a_s, patience_s))
        np.testing.assert_allclose(history[:, s], expected, rtol=1e-9)
    for weights, expected in zip(together, alone):
        np.testing.assert_allclose(weights, expected, rtol=1e-8)
    rises = np.diff(history, axis=0) > 0
    assert len({tuple(column) for column in rises.T}) == 3  # so they were not lowered together
    assert (eta.ravel() == [0.5, 0.7, 0.5]).all()  # the caller's array is as before


def test_stack_and_pick_are_inverse():
    networks = [draw_network(seed) for seed in range(3)]
    stacked = stack(networks)
    assert [weights.shape for weights in stacked] == [(3, 3, 2), (3, 3, 1), (3, 1, 3), (3, 1, 1)]
    for i, network in enumerate(networks):
        for weights, expected in zip(pick(stacked, i), network):
            np.testing.assert_array_equal(weights, expected)


def test_zeros_stay_symmetric():
    x, y = draw_points(0)
    network = draw_network(0, sigma=0.0)
    assert not any(weight.any() for weight in network)
    list(sgd(network, x, y, 0.1, 2))
    assert np.abs(network.W).min() > 1e-3
    for rows in (network.W, network.b, network.U.T):
        np.testing.assert_array_equal(rows, np.broadcast_to(rows[0], rows.shape))


def test_steepness_is_another_eta_and_sigma():
    """φ(a·v) with weights w is φ(v) with weights a·w: a is but a scale of σ, and a² of η."""
    x, y = draw_points(0, 100)
    steep, flat = draw_network(0, sigma=0.1), draw_network(0, sigma=0.2)
    steep_mse = list(sgd(steep, x, y, 0.02, 5, a=10.0))
    flat_mse = list(sgd(flat, x, y, 0.08, 5, a=5.0))
    np.testing.assert_allclose(steep_mse, flat_mse, rtol=1e-9)
    np.testing.assert_allclose(2 * steep.W, flat.W, rtol=1e-8)


def test_teacher_is_the_triangle():
    x, y = draw_points(3, 20_000)
    inside = (x[1] > -1) & (x[1] <= 1 - np.abs(x[0]))
    np.testing.assert_array_equal(y[0], inside)
    assert y.mean() == pytest.approx(0.25, abs=0.01)
    edges = np.array([[0.0, 1.0, 0.0, -2.0], [1.0, 0.0, -1.0, -1.0]])
    np.testing.assert_array_equal(teacher(edges), [[1, 1, 0, 0]])


def test_draws_are_the_handouts():
    x, y = draw_points(0)
    assert (x.shape, y.shape) == ((2, 1000), (1, 1000))
    assert -2 <= x.min() < -1.98 and 1.98 < x.max() <= 2
    np.testing.assert_array_equal(x, draw_points(0)[0])
    assert (x != draw_points(1)[0]).any()
    network = draw_network(0, hidden=4000, sigma=0.1)
    for weights in (network.W, network.b, network.U):
        assert weights.std() == pytest.approx(0.1, rel=0.05)
        assert abs(weights.mean()) < 0.01
    np.testing.assert_array_equal(draw_network(2).W, draw_network(2).W)
    assert [w.shape for w in draw_network(2)] == [(3, 2), (3, 1), (1, 3), (1, 1)]
    assert draw_network(2).W.std() < 0.2  # σ = 0.1
    assert (draw_network(2).W != draw_network(3).W).all()
    # the points and the start come from streams of their own
    same = np.random.default_rng(2).standard_normal(6)
    assert (draw_network(2).W.ravel() != 0.1 * same).all()
