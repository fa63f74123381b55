"""Densities in many dimensions against SciPy, and MNIST's sample."""

import json

from lectures import l19_dimensions as l19

import numpy as np
import pytest
from scipy import special, stats


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script on the sample, smaller: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l19")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        for name, value in {"DIMENSIONS": (1, 4, 16), "COUNTS": (50, 400), "HELD_OUT": 350,
                            "COMPONENTS": (1, 8, 784), "TRAINING": 400}.items():  # fmt: skip
            patch.setattr(l19, name, value)
        assert l19.main(["--data", "sample", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


@pytest.mark.parametrize("d", [1, 4])
def test_log_gaussian_is_scipy_s(d):
    rng = np.random.default_rng(d)
    A, mean, x = rng.standard_normal((d, d)), rng.standard_normal(d), rng.standard_normal((6, d))
    covariance = A @ A.T + np.eye(d)
    expected = stats.multivariate_normal(mean, covariance).logpdf(x)
    np.testing.assert_allclose(l19.log_gaussian(x, mean, covariance), expected)


def test_shares_of_the_kernels():
    rng = np.random.default_rng(0)
    x, points = rng.standard_normal((5, 3)), rng.standard_normal((9, 3))
    squares = ((x[:, None] - points) ** 2).sum(-1)
    shares = l19.kernel_shares(x, points, 0.5)
    np.testing.assert_allclose(shares, special.softmax(-squares / 0.5, axis=1))
    expected = np.exp(stats.entropy(shares, axis=1))
    np.testing.assert_allclose(l19.effective_number(shares), expected)
    extremes = np.array([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(l19.effective_number(extremes), [1, 4])


def test_what_is_lost_in_more_dimensions(run):
    a = run[0]["a"]
    kde = [a[d]["400"]["kde"] for d in ("1", "4", "16")]
    assert 0 < kde[0] < kde[1] < kde[2] and kde[0] < 0.1
    assert a["16"]["400"]["kde"] > 0.5 * a["16"]["50"]["kde"]  # eight times the points: still there
    expected = (16 + 16 * 17 / 2) / 2 / 400  # parameters/(2n)
    assert a["16"]["400"]["gaussian"] == pytest.approx(expected, rel=0.5)
    assert a["16"]["400"]["gaussian"] < 0.5 * a["16"]["400"]["kde"]


def test_one_image_has_all_the_say(run):
    b = run[0]["b"]
    assert b["n"] == 400
    assert b["1"]["effective"] > 20 > b["784"]["effective"] >= 1
    assert b["784"]["largest_share"] > 0.7 > b["1"]["largest_share"]
    assert b["784"]["noise"] == pytest.approx(28 * b["784"]["h"])
    assert b["784"]["noise"] == pytest.approx(b["784"]["nearest"], rel=0.1)
    assert b["copied"] == 1
    assert b["8"]["kde"] > b["8"]["gaussian"]
    assert "gaussian" not in b["784"]  # pixels that are always 0: its covariance has no inverse


def test_the_likelihoods_of_digits_are_scipy_s(sample):
    X = sample.train.images.flatten(1).numpy() @ np.random.default_rng(0).standard_normal((784, 5))
    x, choose, judge = X[:300], X[300:400], X[400:500]
    row = l19.measure_digits(x, choose, judge)
    gaussian = stats.multivariate_normal(x.mean(0), np.cov(x.T, bias=True))
    assert row["gaussian"] == pytest.approx(gaussian.logpdf(judge).mean())
    kernels = [stats.multivariate_normal(point, row["h"] ** 2).logpdf(judge) for point in x]
    assert row["kde"] == pytest.approx(special.logsumexp(kernels, 0).mean() - np.log(300))


def test_distances_do_not_depend_on_the_axes(run, sample):
    """With all 784 components, the nearest image is as far as in pixels."""
    X = sample.train.images.flatten(1).numpy().astype(float)
    X = X[np.random.default_rng(0).permutation(1000)]
    squares = ((X[700:1000, None] - X[:400]) ** 2).sum(-1)
    assert run[0]["b"]["784"]["nearest"] == pytest.approx(squares.min(1).mean() ** 0.5)


def test_figures(run):
    drawn = run[1]
    assert list(drawn) == ["a_gaussian", "b_samples", "b_say"]
    lines = {line.get_label(): line.get_ydata() for line in drawn["a_gaussian"].axes[0].lines}
    assert lines["KDE, n = 400"][2] == run[0]["a"]["16"]["400"]["kde"]
    images = [axes.images[0].get_array() for axes in drawn["b_samples"].axes]
    assert len(images) == 32
    noisy, under, less = (np.array(images[i]) for i in (0, 8, 16))
    assert np.abs(noisy - under).mean() > 3 * np.abs(less - under).mean() > 0
