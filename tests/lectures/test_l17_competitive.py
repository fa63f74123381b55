"""Lecture 17's competition: the printed trace, cells by SciPy, means by scikit-learn."""

import json

from hw7.clustering import inertia as hw7_inertia
from hw7.clustering import lloyd
from lectures import l17_competitive as l17
from lectures.hebbian import competitive, trace
from lectures.l17_hebbian import POINTS

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans


@pytest.fixture
def case():
    """Weights (4, 3) of unequal norms, and points (80, 3)."""
    rng = np.random.default_rng(7)
    return rng.standard_normal((4, 3)) * [[0.4], [0.8], [1.2], [2]], rng.standard_normal((80, 3))


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script on the sample: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l17")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l17, "RATES", (0.5, 0.05))
        assert l17.main(["--data", "sample", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_the_printed_trace(run):
    path = trace(competitive, l17.START, POINTS, l17.ETA)
    np.testing.assert_allclose(path[-1], [(1, -0.925), (0.9625, 0.9375)], atol=1e-12)
    w1, w2 = path[:, 0], path[:, 1]
    np.testing.assert_allclose(w2[1:4], [(0.95, 0.55), (0.925, 0.775), (0.9625, 0.9375)])
    np.testing.assert_allclose(w1[3:], [(0.8, 0), (0.9, -0.5), (1, -0.75), (1, -0.925)])
    np.testing.assert_allclose(run[0]["a"]["path"], path)


def test_some_starts_leave_a_neuron_dead(run):
    assert 0.05 < run[0]["a"]["dead"] < 0.6
    rng, count = np.random.default_rng(0), 0
    for start in rng.uniform(-1, 1, (1000, 2, 2)):
        w, wins = start.copy(), [0, 0]
        for x in np.tile(POINTS, (5, 1)):
            i = int(w[1] @ x > w[0] @ x)
            wins[i] += 1
            w[i] = (w[i] + x) / 2
        count += 0 in wins
    assert run[0]["a"]["dead"] == count / 1000


def test_answers_and_disagreement(case):
    W, X = case
    np.testing.assert_allclose((X**2).sum(1)[:, None] - l17.answers(W, X, True), cdist(X, W) ** 2)
    wrong = (X @ W.T).argmax(1) != cdist(X, W).argmin(1)
    assert l17.disagreement(W, X) == wrong.mean() > 0.2
    assert l17.disagreement(3 * l17.unit(W), X) == 0
    np.testing.assert_allclose(np.linalg.norm(l17.unit(W), axis=1), 1)


def test_batch_competition_is_lloyd_s(case):
    W, X = case
    C = W
    for _ in range(5):
        C = l17.move_to_means(C, X)
    expected = KMeans(4, init=W, n_init=1, max_iter=5, tol=0, algorithm="lloyd").fit(X)
    np.testing.assert_allclose(C, expected.cluster_centers_)
    assert l17.inertia(C, X) == pytest.approx(expected.inertia_ / len(X))
    assert l17.inertia(C, X) == pytest.approx(hw7_inertia(torch.tensor(X), torch.tensor(C)))


def test_half_a_step_goes_half_the_way(case):
    W, X = case
    whole, half, before = l17.move_to_means(W, X), l17.move_to_means(W, X, 0.5), W.copy()
    np.testing.assert_allclose(half, (W + whole) / 2)
    np.testing.assert_array_equal(W, before)
    far = np.vstack([W, [[99, 99, 99]]])
    np.testing.assert_array_equal(l17.move_to_means(far, X)[-1], [99, 99, 99])


def test_results(run, sample):
    b, c = run[0]["b"], run[0]["c"]
    assert b["unequal"] > 0.1
    assert b["unit"] == 0
    images = sample.train.images.flatten(1)
    centers, iterations = lloyd(images, images[1:20:2])
    assert c["iterations"] == iterations
    assert c["Lloyd"]["inertia"] == pytest.approx(hw7_inertia(images, centers))
    assert c["difference"] < 1e-4  # float32
    assert c["winner_not_nearest"] > 0.2 and c["winner_not_nearest_unit"] == 0
    assert c["nearest_falling"]["inertia"] < c["nearest_0.5"]["inertia"]
    assert c["nearest_falling"]["inertia"] == pytest.approx(c["Lloyd"]["inertia"], rel=0.05)
    assert c["largest_falling"]["inertia"] > c["nearest_falling"]["inertia"]


def test_figures(run):
    drawn = run[1]
    assert list(drawn) == ["a_trace", "b_winner", "c_weights"]
    w1 = drawn["a_trace"].axes[0].lines[2]
    assert w1.get_label() == "$w_1$" and w1.get_ydata()[-1] == pytest.approx(-0.925)
    unequal, equal, biased = drawn["b_winner"].axes
    square = np.stack(np.meshgrid(l17.EDGE, l17.EDGE), -1).reshape(-1, 2)
    nearest = cdist(square, l17.ARROWS).argmin(1).reshape(250, 250)
    assert (biased.images[0].get_array() != nearest).mean() < 1e-3  # ties on a border
    wrong = (unequal.images[0].get_array() != nearest).mean()
    assert wrong == pytest.approx(run[0]["b"]["unequal"], abs=1e-3)
    dark = [np.max(axes.images[1].get_alpha()) for axes in (unequal, equal, biased)]
    assert dark[0] > 0 == dark[1] == dark[2]


@pytest.mark.parametrize("k", ["0", "501", "-3"])
def test_more_neurons_than_images_are_a_user_s_mistake(k, tmp_path, capsys):
    argv = ["--part", "c", "--data", "sample", "--k", k, "--out", str(tmp_path)]
    assert l17.main(argv) == 2
    error = capsys.readouterr().err
    assert f"argument --k: came {k}, allowed is 1 to 500" in error and error.count("\n") == 1
