"""HW5 Q2: the equations against autograd, finite differences and naive loops, and the training."""

import math
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch

from hw5.backprop import agreement
from hw5.hacks import Setting, hacks
from hw5.student import (
    Network,
    backward,
    draw_network,
    draw_points,
    forward,
    phi,
    phi_prime,
    sgd,
    teacher,
    trained,
)


def random_batch(n=7, stack=()):
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (*stack, 2, n))
    return x, rng.integers(0, 2, (*stack, 1, n)).astype(float)


def random_network(hidden=4, stack=()):
    """Weights far from symmetric, and not so large that φ′ is flat."""
    rng = np.random.default_rng(6)
    shapes = [(hidden, 2), (hidden, 1), (1, hidden), (1, 1)]
    return Network(*(0.5 * rng.standard_normal((*stack, *shape)) for shape in shapes))


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
    network, (x, y) = random_network(stack=(3,)), random_batch(stack=(3,))
    gradient = backward(network, x, y, forward(network, x, 5.0), 5.0)
    for s in range(3):
        one = Network(*(weight[s] for weight in network))
        expected = backward(one, x[s], y[s], forward(one, x[s], 5.0), 5.0)
        for own, weight in zip(gradient, expected):
            np.testing.assert_allclose(own[s], weight, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 5, 7, 23])
def test_sgd_is_torchs_in_the_points_order(batch_size):
    x, y = random_batch(23)  # 5 and 7 leave a ragged batch
    network = random_network()
    student = TorchStudent(network)
    optimizer = torch.optim.SGD(student.weights, lr=0.3)
    setting = Setting(eta=0.3, epochs=3, batch_size=batch_size)
    for mse in sgd(network, x, y, setting):
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
    setting = Setting(eta=0.3, epochs=1)
    list(sgd(there, x, y, setting))
    list(sgd(back, x[:, ::-1], y[:, ::-1], setting))
    assert np.abs(there.W - back.W).max() > 1e-3  # so that the test above tells orders apart


@pytest.mark.parametrize("patience", [0, 1, 2])
@pytest.mark.parametrize("eta", [0.1, 0.3])  # rises in a row, and single ones
def test_eta_falls_exactly_when_the_mse_rises(eta, patience):
    x, y = draw_points(0, 60)
    setting = Setting(eta=eta, epochs=30, patience=patience)
    network, naive = draw_network(0), draw_network(0)
    history = [float(mse) for mse in sgd(network, x, y, setting)]
    rises, falls = 0, 0
    for epoch in range(30):
        (mse,) = sgd(naive, x, y, Setting(eta=eta, epochs=1))
        assert history[epoch] == float(mse)
        rises = rises + 1 if epoch and history[epoch] > history[epoch - 1] else 0
        if patience and rises == patience:
            eta, rises, falls = 0.9 * eta, 0, falls + 1
    assert falls >= 1 or not patience
    assert (np.diff(history) > 0).sum() >= 5


def test_each_network_of_a_stack_has_its_own_eta():
    setting = Setting(eta=0.5, epochs=12, a=10.0, batch_size=5, patience=1)
    together = trained(setting, (0, 1, 2))
    for s in range(3):
        alone = trained(setting, (s,))
        np.testing.assert_allclose(alone.mse[:, 0], together.mse[:, s], rtol=1e-9)
    rises = [tuple(np.diff(together.mse[:-1, s]) > 0) for s in range(3)]
    assert len(set(rises)) > 1  # they were not lowered together


def test_zeros_stay_symmetric():
    x, y = draw_points(0)
    network = draw_network(0, sigma=0.0)
    assert not any(weight.any() for weight in network)
    list(sgd(network, x, y, Setting(eta=0.1, epochs=2)))
    assert np.abs(network.W).min() > 1e-3
    for rows in (network.W, network.b, network.U.T):
        np.testing.assert_array_equal(rows, np.broadcast_to(rows[0], rows.shape))


def test_steepness_is_another_eta_and_sigma():
    """φ(a·v) with weights w is φ(v) with weights a·w: a is but a scale of σ, and a² of η."""
    x, y = draw_points(0, 100)
    steep, flat = draw_network(0, sigma=0.1), draw_network(0, sigma=0.2)
    steep_mse = list(sgd(steep, x, y, Setting(a=10.0, eta=0.02, epochs=5)))
    flat_mse = list(sgd(flat, x, y, Setting(a=5.0, eta=0.08, epochs=5)))
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


def test_a_student_learns():
    best = hacks(Setting(epochs=40), 1000)["best"][2]
    students = trained(best, (0,))
    x, y = draw_points(9, 10_000)
    assert students.mse[-1, 0] < 0.02
    assert agreement(forward(students.network, x, best.a).f, y)[0] > 0.97
