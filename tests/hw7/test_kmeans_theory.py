from common.data import Batches
from hw7.clustering import digit_images
from hw7.kmeans import ArgmaxKMeans, mean_over_images
from hw7.kmeans_theory import (
    balancing_eta,
    bias_squared,
    border_repulsion,
    formula_step,
    variance,
)

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("seed", [0, 1])
def test_autograd_and_sgd_take_the_formula_s_step_in_float32(sample, seed):
    start = digit_images(sample.train.images.flatten(1), sample.train.labels, torch.Generator())
    x, _ = next(iter(Batches(sample.train, 64, seed)))
    model = ArgmaxKMeans()
    model.centers.data.copy_(start)
    optimizer = torch.optim.SGD(model.parameters(), lr=4.5)
    mean_over_images(model(x), None).backward()
    optimizer.step()
    formula = start + formula_step(start, x.flatten(1), 4.5)
    assert (model.centers - formula).abs().max() < 1e-5
    assert (model.centers - start).abs().max() > 0.1


def test_formula_step_is_the_handout_s_for_equal_cells():
    """Ten images, one in each cell: n_i = n/10, so that α = η/5 exactly."""
    centers = torch.eye(10, 12, dtype=torch.float64) * 10
    noise = torch.randn(10, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = centers + noise
    expected = (1 - 4.5 / 5) * centers + 4.5 / 5 * x
    torch.testing.assert_close(centers + formula_step(centers, x, 4.5), expected)
    torch.testing.assert_close(centers + formula_step(centers, x, 4.5, cell_size=1), expected)
    twice = torch.cat([x, x[:1]])  # cell 0 now holds 2 of 11 images
    step = formula_step(centers, twice, 4.5)
    torch.testing.assert_close(step[0], 2 * 4.5 * 2 / 11 * (x[0] - centers[0]))
    torch.testing.assert_close(step[1], 2 * 4.5 * 1 / 11 * (x[1] - centers[1]))
    assert formula_step(centers, x[:4], 4.5)[4:].abs().max() == 0  # empty cells stay


@pytest.mark.parametrize("p", [0.6, 0.75, 0.99])
def test_border_repulsion_by_autograd(x0, p):
    """An image that is p its nearest center's: ∂ℓ/∂v_1 against C_1's factor in p·C."""
    C = x0[[3, 8]]
    D = C[0] - C[1]
    delta = np.log(p / (1 - p)) / 20
    x = C.mean(0) + delta / (D @ D) * D  # v_1 − v_2 = Δ
    v = (C @ x - 0.5 * C.square().sum(1)).requires_grad_()
    probabilities = torch.softmax(20 * v, 0)
    assert probabilities[0].item() == pytest.approx(p)
    (probabilities @ C - x).square().sum().backward()
    ratio = v.grad[0].item() / (2 * p)
    assert border_repulsion(p, (D @ D).item()) == pytest.approx(ratio, rel=1e-9)
    assert ratio > 0  # away


@pytest.mark.parametrize(
    ("b", "eta"), [(1, 3.017), (16, 4.133), (64, 4.493), (256, 4.721), (60_000, 4.980)]
)
def test_balancing_eta(b, eta):
    ours = balancing_eta(b)
    assert ours == pytest.approx(eta, abs=5e-4)
    alpha = ours / 5
    left = ((1 - alpha) / alpha) ** 2
    right = alpha**2 / (1 - (1 - alpha) ** 2) / b
    assert left == pytest.approx(right, rel=1e-6)
    assert bias_squared(alpha) == pytest.approx(left)
    assert variance(alpha, b) == pytest.approx(right)


def test_balance_is_where_the_curves_cross_on_a_fine_grid():
    eta = np.linspace(2.5, 4.999, 100_000)
    crossing = np.flatnonzero(np.diff(np.sign(bias_squared(eta / 5) - variance(eta / 5, 64))))
    assert len(crossing) == 1
    assert balancing_eta(64) == pytest.approx(eta[crossing[0]], abs=1e-4)


def test_bias_and_variance_are_those_of_a_simulated_drift():
    """C(t) = (1 − α)C(t−1) + α m_t, m_t = M + a(T − t) + aZ/√b: the handout's model itself."""
    alpha, b, T = 0.6, 4, 60
    rng = np.random.default_rng(0)
    C = np.zeros(200_000)
    for t in range(1, T + 1):
        C = (1 - alpha) * C + alpha * ((T - t) + rng.standard_normal(len(C)) / np.sqrt(b))
    assert C.mean() ** 2 == pytest.approx(bias_squared(alpha), rel=0.02)
    assert C.var() == pytest.approx(variance(alpha, b), rel=0.02)
