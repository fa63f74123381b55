from common.data import Batches, Split
from hw7 import kmeans_gradient
from hw7.clustering import assign
from hw7.kmeans import ArgmaxKMeans, KMeans, mean_over_images, mean_over_pixels
from hw7.kmeans_gradient import gradient, train_by_gradient

import numpy as np
import pytest
import torch

CASES = [
    (KMeans, mean_over_pixels, "batch and pixels", True),
    (ArgmaxKMeans, mean_over_pixels, "batch and pixels", False),
    (KMeans, mean_over_images, "batch", True),
    (ArgmaxKMeans, mean_over_images, "batch", False),
]


@pytest.fixture
def split(sample) -> Split:
    """The sample in float64."""
    return Split(sample.train.images.double(), sample.train.labels)


@pytest.fixture
def start(x0, sample):
    """Mixtures of three images of a digit: near to each other, so that assignments are soft."""
    return torch.stack([x0[sample.train.labels == i][:3].mean(0) for i in range(10)])


def by_autograd(network, loss, start) -> torch.nn.Module:
    model = network().double()
    model.centers.data.copy_(start)
    return model


@pytest.mark.parametrize(("network", "loss", "averaged", "soft"), CASES)
def test_gradient_is_autograd_s(split, start, network, loss, averaged, soft):
    model = by_autograd(network, loss, start)
    loss(model(split.images[:70]), None).backward()
    ours = gradient(start, split.images[:70].flatten(1), averaged, soft)
    torch.testing.assert_close(ours, model.centers.grad, rtol=1e-10, atol=1e-12)


def test_softmax_gradient_by_finite_differences(split, start):
    """An oracle without autograd: the loss in explicit sums, and its central differences."""
    x = split.images[:5].flatten(1).numpy()
    C = start.numpy().copy()

    def loss(C):
        v = np.array([[x_n @ c - 0.5 * c @ c for c in C] for x_n in x])
        p = np.exp(20 * (v - v.max(1, keepdims=True)))
        p /= p.sum(1, keepdims=True)
        return sum(((p_n @ C - x_n) ** 2).sum() for p_n, x_n in zip(p, x)) / (5 * 784)

    ours = gradient(start, split.images[:5].flatten(1))
    largest = ours.abs().flatten().topk(20).indices
    for entry in largest.tolist():
        index = divmod(entry, 784)
        up, down = C.copy(), C.copy()
        up[index] += 1e-6
        down[index] -= 1e-6
        slope = (loss(up) - loss(down)) / 2e-6
        assert ours[index].item() == pytest.approx(slope, rel=1e-5, abs=1e-10)


def test_cells_average_gives_every_cell_the_handout_s_step(split, start):
    """−η times the gradient is (η/5)(m_i − C_i), whatever the cells' sizes."""
    x = split.images[:70].flatten(1)
    step = -4.5 * gradient(start, x, "cells", soft=False)
    nearest = ((x[:, None] - start) ** 2).sum(2).argmin(1)
    for i in range(10):
        cell = x[nearest == i]
        expected = 4.5 / 5 * (cell.mean(0) - start[i]) if len(cell) else torch.zeros(784)
        torch.testing.assert_close(step[i], expected.double(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("network", "loss", "averaged", "soft"), CASES)
@pytest.mark.parametrize("decay", [False, True])
def test_train_by_gradient_is_sgd_over_whole_epochs(
    split, start, network, loss, averaged, soft, decay
):
    eta = {"batch and pixels": 4.5, "batch": 0.005}[averaged]
    before = start.clone()
    starts, etas = torch.stack([start.flip(0), start]), [eta / 2, eta]  # the other run is a decoy
    batches = Batches(split, 64, seed=1)
    (_, ours), diverged = train_by_gradient(starts, batches, 2, etas, averaged, soft, decay)
    assert torch.equal(start, before) and torch.equal(starts[1], before)
    assert diverged == [None, None]
    model = by_autograd(network, loss, start)
    optimizer = torch.optim.SGD(model.parameters(), lr=eta)
    steps = 2 * 16
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 1 - step / steps if decay else 1
    )
    batches = Batches(split, 64, seed=1)
    for _ in range(2):
        for x, _y in batches:
            optimizer.zero_grad()
            loss(model(x), None).backward()
            optimizer.step()
            schedule.step()
    assert (ours - start).abs().max() > 1e-3
    torch.testing.assert_close(ours, model.centers.detach(), rtol=0, atol=1e-10)


def test_a_run_that_diverges_is_told_with_its_epoch_and_harms_no_other(sample, start):
    starts = start.float().expand(4, -1, -1)
    etas = [1e-3, 1e25, 20.0, 1e-3]
    centers, diverged = train_by_gradient(starts, Batches(sample.train, 64, 0), 8, etas, "batch")
    assert diverged[0] is diverged[3] is None
    assert diverged[1] == 1 < diverged[2]
    assert centers.isfinite().all(2).all(1).tolist() == [True, False, False, True]
    alone, _ = train_by_gradient(starts[:1], Batches(sample.train, 64, 0), 8, [1e-3], "batch")
    # a stack's product rounds otherwise than one run's
    torch.testing.assert_close(centers[0], alone[0], rtol=0, atol=1e-3)
    assert torch.equal(centers[0], centers[3])
    assert train_by_gradient(starts[:1], Batches(sample.train, 64, 0), 3, [1e25], "batch")[1] == [1]


def test_centers_whose_squares_overflow_have_diverged(sample, start):
    whole = Batches(sample.train, 1000, 0)  # one step: the centers are still finite
    centers, diverged = train_by_gradient(start.float()[None], whole, 1, [1e25], "batch")
    assert centers.isfinite().all() and diverged == [1]


def test_training_lowers_the_inertia_to_a_floor(x0, split, start):
    """One batch of all images, averaged over cells with η = 5: each step is Lloyd's."""
    batches = Batches(split, 1000, 0)
    (by_hand,), _ = train_by_gradient(start[None], batches, 3, [5.0], "cells", soft=False)
    centers = start
    for _ in range(3):
        nearest = assign(x0, centers)
        centers = torch.stack([x0[nearest == i].mean(0) for i in range(10)])
    torch.testing.assert_close(by_hand, centers, rtol=0, atol=1e-10)


def test_no_tensor_is_made_on_another_device():
    x, centers = torch.rand(70, 784, device="meta"), torch.rand(10, 784, device="meta")
    for averaged, soft in [("batch and pixels", True), ("batch", False), ("cells", False)]:
        assert kmeans_gradient.gradient(centers, x, averaged, soft).shape == (10, 784)
