"""Lecture 20: what each step of a diffusion adds to −ELBO, and a case where p(x) is known.

    step_cost(process, x0, guess, xt, t, wide=True)    # nats, (n,)

−log p(x_0) ≤ −ELBO = KL(q(x_T | x_0) ‖ N(0, I)) + Σ_{t=2}^T KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} |
x_t)) − log p(x_0 | x_1), on average over the noise. n examples.
"""

from lectures.diffusion import Process

import torch
from torch import Tensor

MEAN, DEVIATION = 1.0, 0.5  # p(x) = N(1, ½²), one number per example


def step_cost(
    process: Process, x0: Tensor, guess: Tensor, xt: Tensor, t: int, wide: bool
) -> Tensor:
    """What t adds to −ELBO, nats, (n,): a KL, or −log p(x_0 | x_1) with variance 1 − α_1.

    Args:
        guess: what x_0 was thought to be from xt = x_t.
        wide: which variance p(x_{t−1} | x_t) has, as in `Process.variance`.
    """
    if t > 1:
        return process.divergence(x0, guess, xt, torch.full((len(x0),), t), wide)
    variance = 1 - process.alpha[1].item()
    terms = (x0 - guess).square() / variance + torch.tensor(2 * torch.pi * variance).log()
    return terms.flatten(1).sum(1) / 2  # [l20 14]


def prior_cost(process: Process, x0: Tensor) -> Tensor:
    """KL(q(x_T | x_0) ‖ N(0, I)), nats, (n,): what no network can change."""
    left = process.alpha_bar[-1].item()
    terms = left * x0.square() - left - torch.log1p(torch.tensor(-left))
    return terms.flatten(1).sum(1) / 2  # [l20 15]


def gaussian_entropy() -> float:
    """The mean of −log p(x) for p = N(1, ½²), nats."""
    return (0.5 * (2 * torch.pi * torch.e * torch.tensor(DEVIATION).square()).log()).item()


def gaussian_denoiser(process: Process, xt: Tensor, t: Tensor) -> Tensor:
    """E[x_0 | x_t] for x_0 ~ N(1, ½²) in each entry: no network can do better."""
    _, alpha_bar, _ = process.at(t, xt)
    gain = alpha_bar.sqrt() * DEVIATION**2 / (alpha_bar * DEVIATION**2 + 1 - alpha_bar)
    return MEAN + gain * (xt - alpha_bar.sqrt() * MEAN)


def gaussian_bound(process: Process, wide: bool, count: int = 20_000) -> float:
    """The mean of −ELBO, nats, for p = N(1, ½²) and its exact denoiser, by `count` draws per t."""
    generator = torch.Generator().manual_seed(0)
    x0 = MEAN + DEVIATION * torch.randn(count, 1, generator=generator)
    total = 0.0
    for i in range(1, process.steps + 1):
        t = torch.full((count,), i)
        xt = process.jump(x0, t, torch.randn(x0.shape, generator=generator))
        guess = gaussian_denoiser(process, xt, t)
        total += step_cost(process, x0, guess, xt, i, wide).mean().item()
    return total + prior_cost(process, x0).mean().item()
