"""How far apart two sets of images are, by their features."""

import torch
from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """The Fréchet distance between the normal distributions fitted to two sets of features.

        ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½)

    Zero for equal sets, in the unit of the features squared. The trace of the root is that of
    (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric: a sum of roots of eigenvalues, computed in float64.
    Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982.

    Args:
        one, other: features (n, d) and (m, d), one row per image; n and m at least 2.
    """
    one, other = one.cpu().double(), other.cpu().double()  # float64 is not on every device
    covariance = torch.cov(one.T).reshape(one.shape[1], -1)  # (d, d), for d = 1 too
    other_covariance = torch.cov(other.T).reshape(one.shape[1], -1)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T  # Σ₁^½
    products = torch.linalg.eigvalsh(root @ other_covariance @ root)  # (d,)
    traces = covariance.trace() + other_covariance.trace()
    means = (one.mean(0) - other.mean(0)).square().sum()
    return (means + traces - 2 * products.clamp_min(0).sqrt().sum()).item()
