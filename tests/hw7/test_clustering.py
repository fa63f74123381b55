import math

from common.data import Split
from hw7 import clustering
from hw7.clustering import (
    assign,
    contingency,
    describe,
    digit_images,
    effective_clusters,
    inertia,
    kmeans_plus_plus,
    lloyd,
    purity,
    random_images,
    scores,
)

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Peer
from sklearn.metrics.cluster import contingency_matrix


@pytest.fixture
def centers(x0):
    """Ten random mixtures of images: no two distances are alike."""
    weights = torch.rand(10, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return weights**20 @ x0 / (weights**20).sum(1, keepdim=True)


@pytest.fixture
def distances(x0, centers):
    """Squared distances (1000, 10), by a loop over the centers."""
    return np.stack([((x0.numpy() - c) ** 2).sum(1) for c in centers.numpy()], 1)


def test_the_largest_score_is_the_nearest_center(x0, centers, distances):
    assert np.array_equal(assign(x0, centers), distances.argmin(1))
    squared = x0.square().sum(1, keepdim=True) - 2 * scores(x0, centers)
    np.testing.assert_allclose(squared, distances, rtol=1e-10)


def test_inertia_is_the_mean_squared_distance(x0, centers, distances):
    expected = distances.min(1).mean()
    assert inertia(x0, centers) == pytest.approx(expected, rel=1e-12)
    assert inertia(x0.float(), centers.float()) == pytest.approx(expected, rel=1e-6)


def test_the_table_counts_digits_against_clusters(x0, centers, sample):
    labels, assignment = sample.train.labels, assign(x0, centers)
    table = contingency(labels, assignment)
    naive = np.zeros((10, 10), int)
    for digit, cluster in zip(labels.tolist(), assignment.tolist()):
        naive[digit, cluster] += 1
    assert np.array_equal(table, naive)
    present = naive.sum(0) > 0
    assert np.array_equal(contingency_matrix(labels, assignment), naive[:, present])
    assert table.sum() == 1000
    biggest = sum(naive[:, j].max() for j in range(10))
    assert purity(table) == pytest.approx(biggest / 1000)
    # an empty last cluster is counted too
    assert contingency(torch.tensor([0, 9]), torch.tensor([0, 0])).shape == (10, 10)


def test_effective_clusters_by_closed_forms():
    assert effective_clusters(torch.full((10, 10), 7)) == pytest.approx(10)
    one = torch.zeros(10, 10, dtype=torch.int64)
    one[:, 4] = 100
    assert effective_clusters(one) == pytest.approx(1)
    one[:, 5] = 300  # a quarter and three quarters
    entropy = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert effective_clusters(one) == pytest.approx(math.exp(entropy))


def test_lloyd_is_scikit_learn_s(x0, sample):
    start = digit_images(x0, sample.train.labels, torch.Generator())
    before = start.clone()
    ours, iterations = lloyd(x0, start)
    peer = Peer(10, init=start.numpy(), n_init=1, algorithm="lloyd", tol=0).fit(x0.numpy())
    np.testing.assert_allclose(ours, peer.cluster_centers_, atol=1e-10)
    assert np.array_equal(assign(x0, ours), peer.labels_)
    assert inertia(x0, ours) == pytest.approx(peer.inertia_ / 1000, rel=1e-10)
    assert iterations == peer.n_iter_
    assert torch.equal(start, before)


def test_lloyd_leaves_the_center_of_an_empty_cell(x0):
    far = torch.full((1, 784), 100.0, dtype=torch.float64)
    centers, _ = lloyd(x0, torch.cat([x0[:3], far]))
    assert torch.equal(centers[3:], far)
    assert centers.isfinite().all()


def test_lloyd_stops_at_its_bound(x0):
    start = x0[:10]
    once, iterations = lloyd(x0, start, max_iter=1)
    assert iterations == 1
    nearest = assign(x0, start)
    torch.testing.assert_close(once[4], x0[nearest == 4].mean(0))


def test_digit_images_are_images_1_3_to_19_which_are_the_digits_in_order(x0, sample):
    start = digit_images(x0, sample.train.labels)
    assert sample.train.labels[1:20:2].tolist() == list(range(10))
    for digit in range(10):
        assert torch.equal(start[digit], x0[2 * digit + 1])


def test_a_clustering_is_described_by_its_numbers(x0, centers, sample):
    split = Split(x0.view(-1, 1, 28, 28), sample.train.labels)
    found = describe(split, centers)
    table = contingency(sample.train.labels, assign(x0, centers))
    assert found == {
        "inertia": inertia(x0, centers),
        "purity": purity(table),
        "effective": effective_clusters(table),
        "collapsed": False,
        "smallest_cluster": min(table.sum(0).tolist()),
        "table": table.tolist(),
    }
    far = torch.cat([x0[:1], torch.full((9, 784), 100.0, dtype=torch.float64)])
    assert describe(split, far)["collapsed"] and describe(split, far)["smallest_cluster"] == 0


@pytest.mark.parametrize(
    ("start", "upper"),
    [
        (clustering.uniform, lambda x0: torch.ones(784, dtype=x0.dtype)),
        (clustering.uniform_grey, lambda x0: 2 * x0.mean().expand(784)),
        (clustering.uniform_pixelwise, lambda x0: 2 * x0.mean(0)),
    ],
)
def test_uniform_starts_fill_their_range(x0, start, upper):
    centers = start(x0, None, torch.Generator().manual_seed(0))
    assert centers.shape == (10, 784) and centers.dtype == x0.dtype
    shares = centers / upper(x0).clamp_min(1e-9)
    inside = upper(x0) > 1e-6
    assert (shares >= 0).all() and (shares <= 1 + 1e-6).all()
    assert shares[:, inside].mean() == pytest.approx(0.5, abs=0.02)
    assert shares[:, inside].var() == pytest.approx(1 / 12, abs=0.005)


@pytest.mark.parametrize("start", [random_images, kmeans_plus_plus])
def test_image_starts_are_ten_different_images_set_by_the_seed(x0, start):
    centers = start(x0, None, torch.Generator().manual_seed(1))
    assert (torch.cdist(centers, x0).amin(1) < 1e-6).all()
    assert torch.pdist(centers).amin() > 0
    assert torch.equal(centers, start(x0, None, torch.Generator().manual_seed(1)))
    assert not torch.equal(centers, start(x0, None, torch.Generator().manual_seed(2)))


def test_kmeans_plus_plus_draws_in_proportion_to_the_squared_distance(monkeypatch):
    # Ten positions, so that each is chosen; we look at those drawn after 0, and after 0 and 9.
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor(0))
    positions = torch.arange(10.0)[:, None]
    generator = torch.Generator().manual_seed(0)
    seconds, thirds = [], []
    while len(seconds) < 1000:
        first, second, third, *_ = kmeans_plus_plus(positions, None, generator).int().tolist()
        assert first == [0]
        seconds += second
        thirds += third * (second == [9])
    i = np.arange(10)
    for drawn, squares in [(seconds, i**2), (thirds, np.minimum(i, 9 - i) ** 2)]:
        observed = np.bincount(drawn, minlength=10) / len(drawn)
        tolerance = 4 * np.sqrt(0.25 / len(drawn))
        np.testing.assert_allclose(observed, squares / squares.sum(), atol=tolerance)
