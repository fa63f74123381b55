import math
from itertools import pairwise

from hw7.clustering import lloyd
from lectures import elbo
from lectures.elbo import Attempt, Perceptrons, log_likelihood
from lectures.hierarchy import negative_elbo

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.distributions import MultivariateNormal
from torch.distributions import kl_divergence as torch_kl


@pytest.fixture
def linear():
    """x (6, 3), W (3, 2), b (3,), v."""
    torch.manual_seed(0)
    x, W, b = torch.randn(6, 3).double(), torch.randn(3, 2).double(), torch.randn(3).double()
    return x, W, b, 0.4


def test_the_linear_density_is_scipy_s(linear):
    x, W, b, v = linear
    covariance = (W @ W.T + v * torch.eye(3)).numpy()
    expected = multivariate_normal(b.numpy(), covariance).logpdf(x.numpy())
    torch.testing.assert_close(elbo.linear_log_density(*linear), torch.from_numpy(expected))


def test_the_posterior_is_what_remains_of_the_joint_normal(linear):
    """Mean and covariance of z given x by the rule of block matrices, Cov(z, x) Cov(x)⁻¹."""
    x, W, b, v = linear
    gain = W.T @ torch.linalg.inv(W @ W.T + v * torch.eye(3).double())
    mean, covariance = elbo.linear_posterior(*linear)
    torch.testing.assert_close(mean, (x - b) @ gain.T)
    torch.testing.assert_close(covariance, torch.eye(2).double() - gain @ W)


def test_the_bound_is_tight_at_the_posterior_and_below_by_the_divergence_elsewhere(linear):
    exact = elbo.linear_log_density(*linear)
    mean, covariance = elbo.linear_posterior(*linear)
    torch.testing.assert_close(elbo.linear_elbo(*linear, mean, covariance), exact)
    other = mean + torch.randn(6, 2).double(), torch.tensor([[0.5, 0.2], [0.2, 0.7]]).double()
    gap = torch_kl(MultivariateNormal(*other), MultivariateNormal(mean, covariance))
    torch.testing.assert_close(elbo.linear_elbo(*linear, *other), exact - gap)


def test_the_elbo_is_the_mean_of_what_is_sampled(linear):
    x, W, b, v = linear
    q = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double() / 2)
    z = q.sample((200_000,))
    for i in range(2):
        likelihood = -((x[i] - b - z @ W.T) ** 2).sum(1) / (2 * v)
        likelihood -= 1.5 * math.log(2 * math.pi * v)
        prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
        sampled = (likelihood + prior.log_prob(z) - q.log_prob(z)).mean().item()
        found = elbo.linear_elbo(x[i : i + 1], W, b, v, q.mean[None], q.covariance_matrix)
        assert found.item() == pytest.approx(sampled, abs=0.05)


def test_the_likelihood_of_a_decoder_is_scipy_s_integral():
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    x, v = torch.randn(3, 2).double(), 0.2
    for point, found in zip(x, log_likelihood(decoder, v, x)):

        def joint(z, point=point):
            with torch.no_grad():
                f = decoder(torch.tensor([[z]]).double())[0].numpy()
            return norm.pdf(z) * norm.pdf(point.numpy(), f, v**0.5).prod()

        assert found.item() == pytest.approx(math.log(quad(joint, -6, 6)[0]), abs=1e-5)


def test_the_likelihood_of_a_linear_decoder_is_the_closed_form():
    decoder, x = nn.Linear(1, 2).double(), torch.randn(5, 2).double()
    W, b = decoder.weight.detach(), decoder.bias.detach()
    expected = elbo.linear_log_density(x, W, b, 0.1)
    torch.testing.assert_close(log_likelihood(decoder, 0.1, x), expected, rtol=1e-5, atol=1e-5)


def test_the_mixture_s_density_is_scikit_learn_s():
    x, centers = torch.randn(9, 2).double(), torch.randn(4, 2).double()
    mixture = GaussianMixture(4, covariance_type="spherical")
    mixture.weights_, mixture.means_ = torch.full((4,), 0.25).numpy(), centers.numpy()
    mixture.covariances_ = torch.full((4,), 0.3).numpy()
    mixture.precisions_cholesky_ = mixture.covariances_**-0.5
    expected = torch.from_numpy(mixture.score_samples(x.numpy())).double()
    found = elbo.mixture_log_density(x, centers, 0.3)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    # A sure encoder loses the logarithm of the probability that it should have given
    sure = torch.from_numpy(mixture.predict_proba(x.numpy()).max(1)).double()
    gap = found - elbo.kmeans_elbo(x, centers, 0.3)
    torch.testing.assert_close(gap, -sure.log(), rtol=1e-5, atol=1e-6)


def test_lloyd_s_steps_raise_the_bound():
    torch.manual_seed(0)
    x = torch.randn(200, 2).double()
    means = [elbo.kmeans_elbo(x, lloyd(x, x[:8], max_iter=i)[0], 0.1).mean() for i in range(1, 8)]
    assert all(after >= before for before, after in pairwise(means))


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(64, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("idea", elbo.IDEAS)
def test_where_an_idea_s_codes_come_from(idea, x):
    torch.manual_seed(0)
    model = Attempt(Perceptrons((2,), (8,), 1), idea)
    mean, log_variance = model.encode(x)
    encoded, variances = model.vae.encode(x)
    if idea == 1:
        assert not mean.any() and not log_variance.any()
    elif idea == 2:
        expected = (encoded - encoded.mean(0)) / encoded.std(0, unbiased=False)
        torch.testing.assert_close(mean, expected, rtol=1e-3, atol=1e-3)
        assert (log_variance == -torch.inf).all()
    else:
        assert torch.equal(mean, encoded) and torch.equal(log_variance, variances)
    torch.manual_seed(1)
    output = model(x)
    torch.manual_seed(1)
    z = mean + (log_variance / 2).exp() * torch.randn(64, 1)
    torch.testing.assert_close(output[:, 1], (model.decoder(z) - x).square().sum(1))
    kl = ((mean**2 + log_variance.exp() - log_variance - 1) / 2).sum(1)
    expected = kl if idea == 4 else torch.zeros(64)
    torch.testing.assert_close(output[:, 0], expected)


@pytest.mark.parametrize("idea", elbo.IDEAS)
def test_which_networks_learn(idea, x):
    model = Attempt(Perceptrons((2,), (8,), 1), idea)
    negative_elbo(model(x), pixels=2).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.decoder.parameters())
    learns = [p.grad is not None and p.requires_grad for p in model.vae.encoder.parameters()]
    assert all(learns) if idea > 2 else not any(learns)


def test_perceptrons_make_images_from_images(sample):
    network = Perceptrons((1, 28, 28), (30, 20), 5)
    code = network.encoder(sample.test.images[:3])
    assert code.shape == (3, 5)
    images = network.decoder(code)
    assert images.shape == (3, 1, 28, 28) and images.min() > 0 and images.max() < 1
    sizes = [m.out_features for m in network.modules() if isinstance(m, nn.Linear)]
    assert sizes == [30, 20, 5, 20, 30, 784]
