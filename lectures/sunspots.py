"""Many to many in step: networks and a linear model that foretell the next value of a series.

    guess = forecast(train_forecaster("LSTM", series[:split], steps=300, seed=0), series)

For lecture 24. A series has N values; the guess for value t + 1 is made of the values up to t.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

SCALE = 100.0  # sunspots; √(x / SCALE) is about 1, and as noisy in years with few as with many


def autoregression(series: np.ndarray, split: int, order: int) -> np.ndarray:
    """Guesses (N − split,) by x_t ≈ c + Σ_i a_i x_{t−i}, fitted to the first `split` values."""
    rows = np.stack([np.r_[1, series[t - order : t]] for t in range(order, len(series))])
    known = split - order
    weights = np.linalg.lstsq(rows[:known], series[order:split], rcond=None)[0]
    return rows[known:] @ weights


def rmse(guess: np.ndarray, truth: np.ndarray) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean((guess - truth) ** 2)))


class Forecaster(nn.Module):
    """Value t → state → value t + 1, as a change of value t."""

    def __init__(self, kind: str, width: int = 16):
        super().__init__()
        self.layer = getattr(nn, kind)(1, width)
        self.out = nn.Linear(width, 1)

    def forward(self, z: Tensor) -> Tensor:
        """The guesses (T, n) of the values after each of z (T, n)."""
        return z + self.out(self.layer(z[..., None])[0])[..., 0]  # [l24 15]


def to_signal(series: np.ndarray) -> Tensor:
    """√(x / SCALE), (T, 1), float32."""
    return torch.from_numpy(np.sqrt(series / SCALE)).float()[:, None]


def train_forecaster(
    kind: str, series: np.ndarray, steps: int, seed: int, noise: float = 0.1
) -> Forecaster:
    """Adam on the squared error of √(x / SCALE), mean over all years; η falls as a cosine.

    Args:
        noise: deviation of what is added to the inputs, afresh in each step and copy of the series:
            there are few years, and a network would learn them by heart.
    """
    torch.manual_seed(seed)
    network, z = Forecaster(kind), to_signal(series)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2
    )
    for _ in range(steps):
        fed = z[:-1] + noise * torch.randn(len(z) - 1, 8)
        loss = (network(fed) - z[1:]).square()[10:].mean()  # the state needs some years to begin
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return network


@torch.no_grad()
def forecast(network: Forecaster, series: np.ndarray) -> np.ndarray:
    """The guess of the value after each of the series, (N,)."""
    guess = network(to_signal(series))[:, 0].clamp(min=0).double().numpy()
    return SCALE * guess**2
