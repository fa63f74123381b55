from common.frechet import frechet_distance

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm


def features(seed: int, n: int, d: int) -> torch.Tensor:
    """Correlated features with a mean: a random mixture of normal variables."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, d, generator=generator) @ torch.randn(d, d, generator=generator)
    return mixed + torch.randn(d, generator=generator)


@pytest.mark.parametrize("d", [1, 3, 20])
def test_it_is_the_formula_with_scipy_s_root(d):
    one, other = features(0, 100, d), features(1, 150, d)
    a, b = one.double().numpy(), other.double().numpy()
    S, T = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    expected = means + np.trace(S + T - 2 * np.real(sqrtm(S @ T)))
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(other, one) == pytest.approx(expected, rel=1e-8)


def test_equal_sets_are_at_no_distance():
    one = features(0, 200, 20)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(one, one.flip(0)) == pytest.approx(0, abs=1e-8)


def test_a_shift_counts_squared_and_a_scaling_by_the_deviations():
    """In closed form: Σ₂ = 4Σ₁ has the root 2Σ₁, so that the traces leave tr Σ₁."""
    one = features(0, 200, 5).double()
    assert frechet_distance(one, one + 3) == pytest.approx(5 * 9)
    doubled = 2 * one - one.mean(0)
    assert frechet_distance(one, doubled) == pytest.approx(torch.cov(one.T).trace().item())


def test_features_that_never_vary_are_no_hindrance():
    """A ReLU that is dead makes the covariance singular."""
    one, other = features(0, 100, 4), features(1, 100, 4)
    pad = torch.zeros(100, 3)
    padded = frechet_distance(torch.cat([one, pad], 1), torch.cat([other, pad], 1))
    assert padded == pytest.approx(frechet_distance(one, other), rel=1e-8)
