"""Lecture 22: the game on the line, where p, p_G and the best D are known.

    G, D = LineGenerator(), LineDiscriminator()
    p, p_G = density_of_data(grid), density_of_generator(G, grid)
    optimal_discriminator(p, p_G), jensen_shannon(p, p_G, step)

p is a mixture of two Gaussians. G turns z ~ N(0, 1) into x = G(z) and only rises, so that its
density is known: p_G(G(z)) = N(z)/G′(z), as lecture 19 derives it. Densities are arrays over a grid
of x with a step; logarithms are natural. Goodfellow et al., "Generative adversarial nets", 2014.
"""

import math
from typing import Any

from common import plots

import torch
from torch import Tensor, nn

MEANS, DEVIATIONS = (-1.5, 1.0), (0.5, 0.4)  # of the two humps of p, which weigh the same
LOG_4 = math.log(4)


def density_of_data(x: Tensor) -> Tensor:
    """p(x), as x."""
    humps = [
        torch.exp(-((x - mean) ** 2) / (2 * deviation**2)) / (deviation * math.sqrt(2 * math.pi))
        for mean, deviation in zip(MEANS, DEVIATIONS)
    ]
    return sum(humps) / 2


def draw_data(count: int, generator: torch.Generator | None = None) -> Tensor:
    """(count, 1) draws from p."""
    which = torch.randint(2, (count, 1), generator=generator)
    noise = torch.randn(count, 1, generator=generator)
    return torch.tensor(MEANS)[which] + torch.tensor(DEVIATIONS)[which] * noise


class LineGenerator(nn.Module):
    """G(z) = b + e^a z + Σ_k e^c_k tanh(e^u_k z + v_k), (n, 1) → (n, 1): it only rises.

    Args:
        bends: terms of the sum.
    """

    def __init__(self, bends: int = 8):
        super().__init__()
        self.b, self.a = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.tensor([-0.5]))
        self.c = nn.Parameter(torch.full((bends,), -3.0))
        self.u = nn.Parameter(torch.full((bends,), 0.5))
        self.v = nn.Parameter(torch.linspace(-2, 2, bends))

    def forward(self, z: Tensor) -> Tensor:
        bends = self.c.exp() * torch.tanh(self.u.exp() * z + self.v)  # (n, bends)
        return self.b + self.a.exp() * z + bends.sum(1, keepdim=True)

    def slope(self, z: Tensor) -> Tensor:
        """G′(z), (n, 1), above 0."""
        rise = 1 - torch.tanh(self.u.exp() * z + self.v) ** 2
        return self.a.exp() + (self.c.exp() * self.u.exp() * rise).sum(1, keepdim=True)


class LineDiscriminator(nn.Module):
    """D: from points (n, 1), of which nothing is told, to logits (n,)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        )

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        return self.layers(x)[:, 0]


@torch.no_grad()
def density_of_generator(G: LineGenerator, grid: Tensor) -> Tensor:
    """p_G on the grid (m,), float64: N(z)/G′(z) at the z for which G(z) = x, found by halving."""
    low, high = torch.full_like(grid, -12)[:, None], torch.full_like(grid, 12)[:, None]
    for _ in range(60):
        middle = (low + high) / 2
        above = G(middle) > grid[:, None]
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    z = (low + high) / 2
    normal = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return (normal / G.slope(z))[:, 0]


def optimal_discriminator(p: Tensor, p_G: Tensor) -> Tensor:
    """D*(x) = p/(p + p_G), which makes p ln D + p_G ln(1 − D) largest at every x."""
    return p / (p + p_G)  # [l22 2]


def value(D: Tensor, p: Tensor, p_G: Tensor, step: float = 1) -> float:
    """V(G, D) = E_p[ln D] + E_pG[ln(1 − D)], of numbers on a grid with that step, in nats."""
    return step * (torch.xlogy(p, D) + torch.xlogy(p_G, 1 - D)).sum().item()  # [l22 1]


def jensen_shannon(p: Tensor, p_G: Tensor, step: float = 1) -> float:
    """JSD = ½ KL(p ‖ m) + ½ KL(p_G ‖ m) with m = (p + p_G)/2, in nats: from 0 to ln 2."""
    m = (p + p_G) / 2
    terms = torch.xlogy(p, p / m) + torch.xlogy(p_G, p_G / m)  # [l22 3]
    return step * terms.nansum().item() / 2  # p = p_G = 0 adds nothing


def measure_moment(G: LineGenerator, D: nn.Module, grid: Tensor) -> dict[str, Any]:
    """Where the game stands: the curves over the grid, and its values in nats.

    Returns:
        "p_G", "D", "D*": curves (m,) of p_G, the trained D and the best. "V", "best": the values
        of these two; "JSD"; "bound": −ln 4 + 2 JSD, which "best" is.
    """
    p, p_G, step = density_of_data(grid), density_of_generator(G, grid), (grid[1] - grid[0]).item()
    with torch.no_grad():
        judged = D(grid[:, None].float(), None).sigmoid().to(grid.dtype)
    best, jsd = optimal_discriminator(p, p_G), jensen_shannon(p, p_G, step)
    values = {"V": value(judged, p, p_G, step), "best": value(best, p, p_G, step)}
    return {"p_G": p_G, "D": judged, "D*": best, "JSD": jsd, "bound": -LOG_4 + 2 * jsd} | values


def plot_moments(moments: dict[str, dict[str, Any]], grid: Tensor) -> plots.Figure:
    """Title → what `measure_moment` gave: p, p_G, D and D* side by side, as in Figure 1."""
    figure, axes = plots.subplots(1, len(moments), (3.2 * len(moments), 3), sharey=True)
    for axis, (title, moment) in zip(axes, moments.items()):
        axis.plot(grid, density_of_data(grid), "k:", label="p, data")
        axis.plot(grid, moment["p_G"], "C2", label="p_G, drawn")
        axis.plot(grid, moment["D*"], "C0", linewidth=1, alpha=0.5, label="D*")
        axis.plot(grid, moment["D"], "C0--", label="D, trained")
        axis.set(title=f"{title}\nJSD {moment['JSD']:.3f} nats", xlabel="x", ylim=(0, 1.05))
    axes[0].set_ylabel("density, probability")
    axes[0].legend(fontsize=7)
    return figure
