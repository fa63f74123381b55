import math

from final.covariance_autoencoder import (
    SMALLEST,
    CovarianceAutoencoder,
    fit_matrix,
    gaussian_nats,
    invert,
)
from hw7.autoencoder import Autoencoder, negative_elbo

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.covariance import empirical_covariance
from torch import nn


@pytest.fixture(scope="module")
def model():
    """A triangular M, far from the identity; without dropout or changes of the batch norm."""
    torch.manual_seed(0)
    model = CovarianceAutoencoder(triangular=True).eval()
    nn.init.normal_(model.a, 1, 0.5)
    nn.init.normal_(model.under, 0, 0.05)
    return model


def output_of(model, x, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        return model(x)


def test_the_diagonal_is_positive_and_bounded():
    model = CovarianceAutoencoder()
    with torch.no_grad():
        model.a.copy_(torch.linspace(-60, 60, 784))
    M = model.matrix().detach()
    assert (M.diagonal() > 0).all()
    assert M.diagonal()[0] < 1e-25
    assert M.diagonal()[-1] == pytest.approx(100)
    assert (M - M.diagonal().diag() == 0).all()
    torch.testing.assert_close(M.diagonal().log(), model.log_diagonal().detach())


def test_m_is_lower_triangular_and_its_log_det_is_slogdet_s(model):
    M = model.matrix().detach().double()
    assert (M.triu(1) == 0).all()
    torch.testing.assert_close(M.tril(-1).float(), model.under.detach().tril(-1))
    sign, log_det = torch.linalg.slogdet(M)
    assert sign == 1
    assert model.log_diagonal().sum().item() == pytest.approx(log_det.item(), rel=1e-5)


def test_the_output_is_z_and_m_times_the_error(model, sample):
    x = sample.test.images[:3]
    output = output_of(model, x)
    torch.manual_seed(0)
    with torch.no_grad():
        z = model.encoder(x)
        f = model.decoder(z + torch.randn_like(z)).flatten(1)
        M = model.matrix()
        expected = torch.stack([M @ (x_n - f_n) for x_n, f_n in zip(x.flatten(1), f)])
    torch.testing.assert_close(output, torch.cat((z, expected), 1))


def test_the_negative_elbo_is_scipy_s_density_and_the_divergence_by_monte_carlo(model, sample):
    x = sample.test.images[:2]
    output = output_of(model, x)
    torch.manual_seed(0)
    with torch.no_grad():
        z = model.encoder(x)
        f = model.decoder(z + torch.randn_like(z)).flatten(1).double().numpy()
        M = model.matrix().double().numpy()
    pixels = x.flatten(1).double().numpy()
    log_p = [multivariate_normal.logpdf(pixels[n], f[n], np.linalg.inv(M.T @ M)) for n in range(2)]
    # E_q[ln q(z|x) − ln p(z)], from draws of q
    mean = z.double().numpy()
    drawn = mean + np.random.default_rng(0).normal(size=(200_000, 2, 10))
    logs = (drawn**2 - (drawn - mean) ** 2).sum(2) / 2
    divergence = logs.mean(0)
    np.testing.assert_allclose(divergence, (mean**2).sum(1) / 2, atol=0.1)
    expected = np.mean((mean**2).sum(1) / 2 - log_p)
    assert model.negative_elbo(output, x).item() == pytest.approx(expected, rel=1e-5)


def test_a_gaussian_s_log_density_integrates_to_one():
    """The constants, in one dimension's worth: the density of 784 independent pixels."""
    model = CovarianceAutoencoder()
    nn.init.constant_(model.a, 1.0)
    deviation = SMALLEST + math.exp(-1)
    zeros = torch.zeros(1, 10 + 784)
    per_pixel = -model.negative_elbo(zeros, zeros).item() / 784  # ln of the density's peak
    assert math.exp(per_pixel) * deviation * math.sqrt(2 * math.pi) == pytest.approx(1, rel=1e-5)


def test_with_m_the_identity_it_is_hw7_s_loss(sample):
    torch.manual_seed(0)
    model, plain = CovarianceAutoencoder().eval(), Autoencoder().eval()
    nn.init.constant_(model.a, -math.log(1 - SMALLEST))  # M_ii = 1
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k != "a"})
    x = sample.test.images[:5]
    output, expected = output_of(model, x), output_of(plain, x)
    loss = negative_elbo(expected, x).item()
    assert negative_elbo(output, x).item() == pytest.approx(loss, rel=1e-4)
    nats = 397 * loss + 392 * math.log(2 * math.pi)
    assert model.negative_elbo(output, x).item() == pytest.approx(nats, rel=1e-5)


def test_without_the_determinant_m_shrinks_and_with_it_finds_the_deviations():
    """The ELBO of given errors is best at their own deviation; without it, at M = 0."""
    torch.manual_seed(0)
    errors = torch.randn(64, 784) * torch.linspace(0.05, 0.5, 784)
    found = {}
    for with_det in (False, True):
        model = CovarianceAutoencoder()
        optimizer = torch.optim.Adam([model.a], 0.1)
        for _ in range(100):
            output = torch.cat((torch.zeros(64, 10), errors * model.log_diagonal().exp()), 1)
            loss = (negative_elbo, model.negative_elbo)[with_det](output, errors)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found[with_det] = model.log_diagonal().exp().detach()
    deviations = errors.square().mean(0).sqrt()
    torch.testing.assert_close(1 / found[True], deviations, rtol=0.02, atol=0)
    assert found[False].max() < 0.2


def test_the_inverse_gives_the_errors_their_covariance(model):
    M = model.matrix().detach().double()
    L = invert(M)
    torch.testing.assert_close(L @ M, torch.eye(784, dtype=torch.float64), rtol=0, atol=1e-8)
    torch.testing.assert_close(L @ L.T @ (M.T @ M), torch.eye(784).double(), rtol=0, atol=1e-6)


def test_parameter_groups_hold_each_parameter_once(model):
    rest, diagonal = model.parameter_groups()
    assert diagonal["params"] == [model.a]
    together = [id(p) for p in [*rest["params"], model.a]]
    assert sorted(together) == sorted(id(p) for p in model.parameters())


def test_the_fitted_matrix_is_the_best_one_s(model):
    """Its Σ is scikit-learn's covariance; no other M has a smaller −ln density."""
    torch.manual_seed(1)
    errors = torch.randn(1000, 784).double() @ invert(model.matrix().detach().double()).T
    M = fit_matrix(errors)
    assert (M.triu(1) == 0).all()
    assert (M.diagonal() > 0).all()
    expected = empirical_covariance(errors.numpy(), assume_centered=True)
    expected += SMALLEST**2 * np.eye(784)
    np.testing.assert_allclose(torch.linalg.inv(M.T @ M), expected, atol=1e-8)
    best = gaussian_nats(errors, M)
    for other in (
        0.97 * M,
        1.03 * M,
        M + 0.01 * torch.randn(784, 784).tril(-1),
        M.diagonal().diag(),
    ):
        assert gaussian_nats(errors, other) > best
    density = multivariate_normal.logpdf(errors.numpy(), np.zeros(784), expected)
    assert best == pytest.approx(-density.mean(), rel=1e-6)


def test_a_matrix_is_taken_over(model):
    errors = torch.randn(1000, 784) * torch.linspace(0, 0.5, 784)  # one pixel is always the same
    M = fit_matrix(errors)
    other = CovarianceAutoencoder(triangular=True)
    other.set_matrix(M)
    torch.testing.assert_close(other.matrix().detach(), M, rtol=1e-3, atol=1e-3)
    zeros = torch.zeros(1000, 10)
    output = torch.cat((zeros, errors @ other.matrix().detach().T), 1)
    nats = other.negative_elbo(output, errors).item()
    assert nats == pytest.approx(gaussian_nats(errors, M), rel=1e-4)
