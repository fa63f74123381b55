import math

from hw7 import vae as hw7
from lectures import hierarchy
from lectures.digits import attach_digits
from lectures.elbo import Perceptrons
from lectures.hierarchy import Between, ConditionalVAE, HierarchicalVAE, negative_elbo

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

SHAPE = (1, 28, 28)


@pytest.fixture
def gaussian() -> tuple[torch.Tensor, torch.Tensor, Normal]:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(2, 5, 3, dtype=torch.float64)
    return mean, log_variance, Normal(mean, log_variance.exp().sqrt())


def test_density_entropy_and_divergence_are_torch_s(gaussian):
    mean, log_variance, normal = gaussian
    z = torch.randn(5, 3).double()
    found = hierarchy.log_density(z, mean, log_variance)
    torch.testing.assert_close(found, normal.log_prob(z).sum(1))
    torch.testing.assert_close(hierarchy.entropy(log_variance), normal.entropy().sum(1))
    expected = kl_divergence(normal, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(hierarchy.divergence(mean, log_variance), expected)


def test_the_divergence_is_the_mean_of_what_is_sampled(gaussian):
    mean, log_variance, normal = gaussian
    z = normal.sample((200_000,))
    sampled = (normal.log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(2).mean(0)
    torch.testing.assert_close(
        hierarchy.divergence(mean, log_variance), sampled.double(), rtol=0, atol=0.03
    )


def test_draws_have_the_mean_and_the_deviation_and_a_gradient():
    mean = torch.tensor([[1.0, -2.0]], requires_grad=True)
    log_variance = torch.tensor([[0.0, 2.0]], requires_grad=True)
    torch.manual_seed(0)
    z = hierarchy.draw(mean.expand(100_000, 2), log_variance.expand(100_000, 2))
    torch.testing.assert_close(z.mean(0), mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(z.std(0), (log_variance[0] / 2).exp(), rtol=0.02, atol=0)
    z.square().mean(0).sum().backward()  # E z² = μ² + σ²
    torch.testing.assert_close(mean.grad, 2 * mean.detach(), rtol=0, atol=0.08)
    torch.testing.assert_close(log_variance.grad, log_variance.detach().exp(), rtol=0.03, atol=0)


def test_the_loss_is_the_density_s_at_the_best_variance():
    torch.manual_seed(0)
    x, f = torch.randn(2, 6, 4, dtype=torch.float64)
    cost = torch.rand(6).double()
    output = torch.stack((cost, (x - f).square().sum(1)), 1)

    def at(v: float) -> float:
        return (cost - Normal(f, v**0.5).log_prob(x).sum(1)).mean().item()

    best = (x - f).square().mean().item()
    found = negative_elbo(output, pixels=4).item()
    assert found == pytest.approx(at(best))
    assert found < min(at(0.9 * best), at(1.1 * best))


def test_the_metrics_are_the_means_of_the_columns():
    output = torch.tensor([[1.0, 10.0], [2.0, 30.0]])
    assert hierarchy.code_cost(output).item() == 1.5
    assert hierarchy.squared_error(output).item() == 20


def test_with_one_code_it_is_hw7_s(sample):
    torch.manual_seed(0)
    model = HierarchicalVAE(Perceptrons(SHAPE, (20,), 4), (4,)).double()
    x = sample.test.images[:7].double()
    torch.manual_seed(1)
    output = model(x)
    torch.manual_seed(1)
    theirs = model.first(x)
    assert output[:, 0].mean().item() == pytest.approx(hw7.kl_divergence(theirs, None).item())
    error = hw7.reconstruction_error(theirs, None).item()
    assert output[:, 1].mean().item() == pytest.approx(error)
    loss, scale = hw7.calibrated_loss(theirs, None).item(), (4 + 784) / 2
    assert negative_elbo(output).item() == pytest.approx(
        scale * loss + 392 * (1 + math.log(2 * math.pi))
    )
    z = torch.randn(3, 4).double()
    torch.testing.assert_close(model.decode(z), model.first.decoder(z))


def test_the_codes_cost_what_their_densities_say(sample):
    """Three codes, drawn once: the mean of ln q(z_1, z_2, z_3 | x) − ln p(z_1, z_2, z_3)."""
    torch.manual_seed(0)
    model = HierarchicalVAE(Perceptrons(SHAPE, (20,), 4), (4, 3, 2)).double()
    for down in model.down:  # the code above matters, and not its mean alone
        down[-1].weight.data *= 8
    x = sample.test.images[:1].double().expand(5_000, 1, 28, 28)
    costs = model(x)[:, 0]
    total = 0
    q = Normal(*as_normal(*model.first.encode(x)))
    z = q.sample()
    total = q.log_prob(z).sum(1)
    for up, down in zip(model.up, model.down):
        q = Normal(*as_normal(*up(z)))
        above = q.sample()
        total += q.log_prob(above).sum(1) - Normal(*as_normal(*down(above))).log_prob(z).sum(1)
        z = above
    total -= Normal(0.0, 1.0).log_prob(z).sum(1)
    error = 4 * (costs.std() + total.std()).item() / 5_000**0.5
    assert costs.mean().item() == pytest.approx(total.mean().item(), abs=error)


def as_normal(mean, log_variance):
    return mean.detach(), (log_variance / 2).exp().detach()


def test_digits_are_decoded_through_all_codes():
    """With fixed steps down, without noise: the decoder gets the image of the top code."""
    torch.manual_seed(0)
    model = HierarchicalVAE(Perceptrons(SHAPE, (20,), 4), (4, 3, 2))
    for down in model.down:  # constant variances, almost none
        down[-1].bias.data[len(down[-1].bias) // 2 :] = -100
        down[-1].weight.data[len(down[-1].bias) // 2 :] = 0
    z = torch.randn(6, 2)
    expected = model.first.decoder(model.down[0](model.down[1](z)[0])[0])
    torch.testing.assert_close(model.decode(z), expected, rtol=0, atol=0.01)


def test_a_step_between_codes_is_bounded():
    step = Between(3, 2)
    mean, log_variance = step(1e6 * torch.randn(50, 3))
    assert mean.shape == log_variance.shape == (50, 2)
    assert log_variance.min() >= -12 and log_variance.max() <= 4


@pytest.fixture
def told() -> ConditionalVAE:
    torch.manual_seed(0)
    return ConditionalVAE(Perceptrons(SHAPE, (20,), 4), 4).double()


def test_the_conditional_s_terms_are_the_formula_s(told, sample):
    split = attach_digits(sample.test)
    x, digits = split.images[:9].double(), split.labels[:9]
    torch.manual_seed(1)
    output = told(x)
    torch.manual_seed(1)
    y = torch.eye(10).double()[digits]
    numbers = told.code(torch.cat((told.features(x[:, :, :28]), y), 1))
    mean, variance = numbers[:, :4], numbers[:, 4:].sigmoid()
    z = mean + variance.sqrt() * torch.randn(9, 4, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(output[:, 0], expected)
    f = told.decoder(torch.cat((z, y), 1))
    torch.testing.assert_close(output[:, 1], (f - x[:, :, :28]).square().sum((1, 2, 3)))
    torch.testing.assert_close(told.decode(z, digits), f)


def test_the_network_next_to_the_code_sees_the_digit(told):
    assert isinstance(told.decoder[0], nn.Linear)
    assert told.decoder[0].in_features == 14 and told.code.out_features == 8
    z = torch.randn(1, 4).double().expand(10, 4)
    images = told.decode(z, torch.arange(10))
    assert len(images.flatten(1).unique(dim=0)) == 10


def test_the_codes_learn_to_say_more_than_nothing(sample):
    """A learning floor: two codes beat the mean image, by far."""
    torch.manual_seed(0)
    model = HierarchicalVAE(Perceptrons(SHAPE, (100,), 8), (8, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    x = sample.train.images[:200]
    for _ in range(80):
        loss = negative_elbo(model(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    mean = (x - x.mean(0)).square().flatten(1).sum(1)
    nothing = negative_elbo(torch.stack((0 * mean, mean), 1)).item()
    assert loss.item() < nothing - 100
