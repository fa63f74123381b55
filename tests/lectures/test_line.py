"""The game on the line: densities by SciPy, and values of discrete distributions in fractions."""

import math
from fractions import Fraction

from lectures import line

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.spatial.distance import jensenshannon

P = [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4), Fraction(0)]
P_G = [Fraction(1, 4), Fraction(1, 4), Fraction(0), Fraction(1, 2)]


def as_tensor(values):
    return torch.tensor([float(value) for value in values], dtype=torch.float64)


@pytest.fixture(scope="module")
def grid():
    return torch.linspace(-6, 6, 1201, dtype=torch.float64)


@pytest.fixture(scope="module")
def bent():
    """A generator that is no longer affine, in float64."""
    torch.manual_seed(1)
    G = line.LineGenerator().double()
    for weight in G.parameters():
        weight.data += 0.3 * torch.randn_like(weight)
    return G


def test_the_best_discriminator_of_discrete_distributions():
    best = line.optimal_discriminator(as_tensor(P), as_tensor(P_G))
    assert best.tolist() == [float(p / (p + q)) for p, q in zip(P, P_G)] == [2 / 3, 1 / 2, 1, 0]


def test_its_value_is_that_of_the_divergence():
    p, q = as_tensor(P), as_tensor(P_G)
    jsd = line.jensen_shannon(p, q)
    assert jsd == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-12)
    best = line.optimal_discriminator(p, q)
    assert line.value(best, p, q) == pytest.approx(-math.log(4) + 2 * jsd, rel=1e-12)
    half = line.optimal_discriminator(p[:3], p[:3])
    assert line.value(half, p[:3], p[:3]) == pytest.approx(-math.log(4))
    assert line.jensen_shannon(p, p) == 0
    apart = line.jensen_shannon(torch.tensor([1.0, 0]), torch.tensor([0, 1.0]))
    assert apart == pytest.approx(math.log(2))


def test_no_other_discriminator_is_better():
    p, q = as_tensor(P), as_tensor(P_G)
    best = line.optimal_discriminator(p, q)
    for step in (0.01, -0.01):
        assert line.value((best + step).clamp(1e-9, 1 - 1e-9), p, q) < line.value(best, p, q)


def test_the_data(grid):
    humps = [stats.norm(m, s).pdf(grid) for m, s in zip(line.MEANS, line.DEVIATIONS)]
    np.testing.assert_allclose(line.density_of_data(grid), sum(humps) / 2, rtol=1e-9)
    x = line.draw_data(20_000, torch.Generator().manual_seed(0))
    assert x.shape == (20_000, 1)
    mean = sum(line.MEANS) / 2
    second = sum(m**2 + s**2 for m, s in zip(line.MEANS, line.DEVIATIONS)) / 2
    assert x.mean().item() == pytest.approx(mean, abs=0.03)
    assert x.square().mean().item() == pytest.approx(second, abs=0.05)


def test_density_of_the_generator(bent, grid):
    p_G = line.density_of_generator(bent, grid)
    assert integrate.trapezoid(p_G, grid) == pytest.approx(1, abs=1e-3)
    z = torch.randn(50_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        counts, _ = np.histogram(bent(z), bins=grid[::100].numpy())
    whole = [integrate.trapezoid(p_G[i : i + 101], grid[i : i + 101]) for i in range(0, 1200, 100)]
    np.testing.assert_allclose(counts / 50_000, whole, atol=0.01)


def test_slope_of_the_generator(bent):
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)[:, None].requires_grad_()
    (slope,) = torch.autograd.grad(bent(z).sum(), z)
    torch.testing.assert_close(bent.slope(z), slope)
    assert (slope > 0).all()


def test_a_moment_and_its_figure(bent, grid):
    D = line.LineDiscriminator()
    moment = line.measure_moment(bent.float(), D, grid)
    assert moment["best"] == pytest.approx(moment["bound"], abs=1e-4)
    assert moment["V"] < moment["best"]
    torch.testing.assert_close(
        moment["D"].float(), D(grid[:, None].float(), None).sigmoid().detach()
    )
    figure = line.plot_moments({"now": moment, "then": moment}, grid)
    labels = {drawn.get_label(): drawn.get_ydata() for drawn in figure.axes[1].lines}
    np.testing.assert_array_equal(labels["p_G, drawn"], moment["p_G"])
    np.testing.assert_array_equal(labels["D, trained"], moment["D"])
    assert "JSD" in figure.axes[0].get_title()
