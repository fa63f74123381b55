"""Looks against naive loops, and what a cycle gives that leads back to its start."""

from lectures import translation

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn


@pytest.fixture
def x():
    torch.manual_seed(0)
    return 2 * torch.rand(2, 1, 24, 24) - 1


def test_edges_by_a_naive_loop(x):
    found = translation.find_edges(x)
    for i, j in ((0, 0), (5, 7), (23, 11)):
        part = x[1, 0, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2]
        assert found[1, 0, i, j].item() == pytest.approx((part.max() - part.min()).item() - 1)
    assert (translation.find_edges(torch.full_like(x, 0.3)) == -1).all()


def test_blur_by_a_naive_loop(x):
    found = translation.blur_quarter(x)
    assert found.shape == x.shape
    torch.testing.assert_close(found[1, 0, 4:8, 20:24], x[1, 0, 4:8, 20:24].mean().expand(4, 4))


def test_cycle_loss(x):
    double, halve = nn.Linear(24, 24, bias=False), nn.Linear(24, 24, bias=False)
    double.weight.data = 2 * torch.eye(24)
    halve.weight.data = torch.eye(24) / 2
    assert translation.cycle_loss(halve, double(x), x).item() == 0  # inverse pairs
    assert translation.cycle_loss(double, halve(x), x).item() == 0
    expected = nn.functional.l1_loss(double(double(x)), x)
    torch.testing.assert_close(translation.cycle_loss(double, double(x), x), expected)


def test_scans():
    images, labels = translation.load_scans()
    data = load_digits()
    assert images.shape == (1797, 1, 24, 24) and labels.tolist() == data.target.tolist()
    assert images.min() == -1 and images.max() <= 1
    assert (images[:, :, :2] == -1).all() and (images[..., 22:] == -1).all()
    coarse = nn.functional.adaptive_avg_pool2d(images[:50, :, 2:22, 2:22], 4)
    means = torch.tensor(data.images[:50].reshape(50, 4, 2, 4, 2).mean((2, 4)) / 8 - 1)
    assert (coarse[:, 0] - means).abs().mean() < 0.08


def test_held_out_scans_are_others():
    known, other = translation.split_scans(360, 0, "cpu")
    assert (len(known.labels), len(other.labels)) == (1437, 360)
    both = torch.cat((known.images, other.images)).flatten(1)
    images, labels = translation.load_scans()
    assert sorted(both.sum(1).tolist()) == sorted(images.flatten(1).sum(1).tolist())
    (place,) = (images == other.images[3]).flatten(1).all(1).nonzero()[0]
    assert labels[place] == other.labels[3]


def test_translator_learns_a_look(x):
    torch.manual_seed(0)
    T = translation.Translator(width=8)
    optimizer = torch.optim.Adam(T.parameters(), 3e-3)
    look = translation.blur_quarter(x)
    for _ in range(60):
        loss = (T(look) - x).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.4  # the best constant's is 0.5
    drawn = translation.translate(T, x)
    assert drawn.shape == x.shape and drawn.abs().max() <= 1 and not drawn.requires_grad
