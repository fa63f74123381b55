import math

from lectures.diffusion import Process
from lectures.diffusion_bound import (
    DEVIATION,
    MEAN,
    gaussian_bound,
    gaussian_denoiser,
    gaussian_entropy,
    prior_cost,
    step_cost,
)

import pytest
import torch
from torch.distributions import Normal, kl_divergence


@pytest.fixture
def process() -> Process:
    return Process(torch.tensor([0.9, 0.7, 0.8, 0.5]))


@pytest.mark.parametrize("wide", [True, False])
def test_the_step_s_cost_is_torch_s_divergence(process, wide):
    x0, guess, xt = torch.randn(3, 5, 1, 2, 2, dtype=torch.float64)
    for t in (2, 3, 4):
        times = torch.full((5,), t)
        mean, variance = process.posterior(x0, xt, times)
        other, _ = process.posterior(guess, xt, times)
        sigma = (1 - process.alpha[t]).sqrt() if wide else variance.sqrt()
        q, p = Normal(mean, variance.sqrt().expand_as(mean)), Normal(other, sigma.expand_as(mean))
        expected = kl_divergence(q, p).flatten(1).sum(1)
        torch.testing.assert_close(step_cost(process, x0, guess, xt, t, wide), expected)


def test_the_first_step_s_cost_is_a_density_s(process):
    x0, guess, xt = torch.randn(3, 5, 1, 2, 2, dtype=torch.float64)
    expected = -Normal(guess, 0.1**0.5).log_prob(x0).flatten(1).sum(1)
    torch.testing.assert_close(
        step_cost(process, x0, guess, xt, 1, True), expected, rtol=1e-6, atol=0
    )


def test_the_last_code_s_cost_is_torch_s_divergence(process):
    x0, alpha_bar = torch.randn(5, 3, dtype=torch.float64), 0.9 * 0.7 * 0.8 * 0.5
    left = Normal(alpha_bar**0.5 * x0, torch.tensor((1 - alpha_bar) ** 0.5).double())
    expected = kl_divergence(left, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(prior_cost(process, x0), expected, rtol=1e-6, atol=1e-7)


def test_the_denoiser_is_the_regression_of_x0_on_xt(process):
    generator = torch.Generator().manual_seed(0)
    x0 = MEAN + DEVIATION * torch.randn(200_000, 1, generator=generator)
    t = torch.full((len(x0),), 3)
    xt = process.jump(x0, t, torch.randn(x0.shape, generator=generator))
    design = torch.cat((torch.ones_like(xt), xt), 1)
    weights = torch.linalg.lstsq(design, x0).solution
    guess = gaussian_denoiser(process, xt, t)
    torch.testing.assert_close(guess, design @ weights, rtol=0, atol=0.02)


def test_the_wide_bound_comes_down_to_the_entropy_and_the_narrow_one_does_not():
    entropy = Normal(MEAN, DEVIATION).entropy().item()
    assert gaussian_entropy() == pytest.approx(entropy)
    wide = [gaussian_bound(Process.cosine(steps), True) for steps in (5, 20, 100)]
    # the expectations in closed form, of which these are means of draws
    assert wide == pytest.approx(
        [exact_bound(Process.cosine(n), True) for n in (5, 20, 100)], abs=0.02
    )
    exact = [exact_bound(Process.cosine(n), True) for n in (5, 20, 100, 1000)]
    assert exact[0] > exact[1] > exact[2] > exact[3] > entropy
    assert exact[3] == pytest.approx(entropy, abs=0.001)
    narrow = gaussian_bound(Process.cosine(20), False)
    assert narrow == pytest.approx(exact_bound(Process.cosine(20), False), abs=0.05)
    assert narrow > entropy + 0.5


def exact_bound(process: Process, wide: bool) -> float:
    """−ELBO of N(MEAN, DEVIATION²) with its exact denoiser: every expectation by hand."""
    a, bar, s2 = process.alpha.tolist(), process.alpha_bar.tolist(), DEVIATION**2
    total = (bar[-1] * (MEAN**2 + s2) - bar[-1] - math.log(1 - bar[-1])) / 2
    for t in range(1, process.steps + 1):
        beta = 1 - a[t]
        left = s2 * (1 - bar[t]) / (s2 * bar[t] + 1 - bar[t])  # Var[x_0 | x_t]
        if t == 1:
            total += (left / beta + math.log(2 * math.pi * beta)) / 2
            continue
        tilde = beta * (1 - bar[t - 1]) / (1 - bar[t])
        v = beta if wide else tilde
        weight = bar[t - 1] * beta**2 / (1 - bar[t]) ** 2
        total += (tilde / v - 1 - math.log(tilde / v) + weight * left / v) / 2
    return total


def test_the_bound_is_the_one_step_model_s_exact_value():
    """T = 1: the mean of KL(q(x_1 | x_0) ‖ N(0, 1)) − ln N(x_0; E[x_0 | x_1], 1 − α), by hand."""
    alpha = 0.4
    process = Process(torch.tensor([alpha]))
    square = MEAN**2 + DEVIATION**2
    prior = (alpha * square - alpha - math.log(1 - alpha)) / 2
    left = DEVIATION**2 * (1 - alpha) / (alpha * DEVIATION**2 + 1 - alpha)  # Var[x_0 | x_1]
    likelihood = (left / (1 - alpha) + math.log(2 * math.pi * (1 - alpha))) / 2
    assert gaussian_bound(process, True, 400_000) == pytest.approx(prior + likelihood, abs=0.01)
