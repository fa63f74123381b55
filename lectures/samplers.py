"""Lecture 20: how a diffusion draws, step by step or in jumps.

    x = fast(process, partial(model.denoise, digits=digits), noise, steps=20)

From x_T ~ N(0, I) (n, …), the noise, to x_0. A denoiser says what x_0 was, by x_t and t (n,).
"""

import math
from collections.abc import Callable
from itertools import pairwise

from lectures.diffusion import Process

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]  # (x_t, t) → x̂_0


def ancestral(process: Process, denoise: Denoiser, x: Tensor, generator: torch.Generator) -> Tensor:
    """T steps, each a draw from q(x_{t−1} | x_t, x̂_0). `generator` is the CPU's."""
    for i in range(process.steps, 0, -1):
        t = torch.full((len(x),), i)
        mean, variance = process.posterior(denoise(x, t), x, t)
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        x = mean + variance.sqrt() * noise  # at t = 1 the variance is 0 [l20 11]
    return x


def fast(process: Process, denoise: Denoiser, x: Tensor, steps: int) -> Tensor:
    """`steps` jumps, at most T, without new noise, from t = T over equal distances to 0.

    Each jump takes x̂_0 and the noise that x_t then has, and mixes both as at the next t (Song et
    al., "Denoising diffusion implicit models", 2021). x̂_0 is drawn out by half of its last change,
    which makes the error of a step one order smaller (Lu et al., "DPM-Solver++", 2022).
    """
    times = torch.linspace(process.steps, 0, min(steps, process.steps) + 1).round().long().tolist()
    last = None
    for now, after in pairwise(times):
        t = torch.full((len(x),), now)
        guess = x0 = denoise(x, t)
        if last and after:
            distance = half_log_snr(process, after) - half_log_snr(process, now)
            before = half_log_snr(process, now) - half_log_snr(process, last[0])
            x0 = guess + distance / before / 2 * (guess - last[1])  # [l20 12]
        last = now, guess
        alpha_bar, next_bar = process.alpha_bar[now].item(), process.alpha_bar[after].item()
        noise = (x - alpha_bar**0.5 * x0) / (1 - alpha_bar) ** 0.5
        x = next_bar**0.5 * x0 + (1 - next_bar) ** 0.5 * noise  # [l20 13]
    return x


def half_log_snr(process: Process, t: int) -> float:
    """ln √(ᾱ_t / (1 − ᾱ_t)): half the logarithm of the ratio of signal to noise."""
    alpha_bar = process.alpha_bar[t].item()
    return math.log(alpha_bar / (1 - alpha_bar)) / 2
