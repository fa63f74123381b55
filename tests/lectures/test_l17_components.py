"""Filters on the sample of MNIST against scikit-learn's principal components."""

import json

from lectures import l17_components as l17

import numpy as np
import pytest
from sklearn.decomposition import PCA


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script on the sample, with fewer trials: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l17")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        for name, value in {"STEPS": (0, 100, 4000), "RATES": (0.001, 0.1), "SEEDS": 2,
                            "COMPONENTS": 3, "PASSES": 8}.items():  # fmt: skip
            patch.setattr(l17, name, value)
        assert l17.main(["--data", "sample", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


@pytest.fixture(scope="module")
def pca(sample):
    return PCA(3, svd_solver="full").fit(sample.train.images.flatten(1).numpy().astype(float))


def test_components_are_those_of_the_full_decomposition(sample, pca):
    X = sample.train.images.flatten(1).numpy()
    found = l17.find_components(X, 3)
    np.testing.assert_allclose(l17.cosines(found.components_, pca.components_), 1, atol=1e-5)
    np.testing.assert_allclose(found.explained_variance_, pca.explained_variance_, rtol=1e-4)


def test_oja_is_the_first_component_of_norm_one(run):
    oja = run[0]["a"]["Oja"]
    assert oja["cosine"] > 0.99
    assert oja["norm"] == pytest.approx(1, abs=0.01)


def test_the_other_rules(run):
    a = run[0]["a"]
    assert a["covariance"]["cosine"] == pytest.approx(a["Oja"]["cosine"], abs=0.01)
    assert a["covariance"]["norm"] > 1000
    assert a["Oja_raw"]["cosine_mean"] > 0.95
    assert a["Hebb"]["cosine_mean"] > 0.95 and a["Hebb"]["norm"] > 1e50


def test_how_large_eta_may_be(run, sample):
    b = run[0]["b"]
    assert b["rates"]["0.1"] == {"outcome": "diverged"}
    assert b["rates"]["falling"]["cosine"] > b["rates"]["0.001"]["cosine"]
    assert b["rates"]["0.001"]["cosine_std"] > 0
    x = sample.train.images.flatten(1).double()
    squares = (x - x.mean(0)).square().sum(1)
    assert b["mean_square"] == pytest.approx(squares.mean().item(), rel=1e-5)
    assert b["largest_square"] == pytest.approx(squares.max().item(), rel=1e-5)


def test_sanger_finds_several_and_oja_one(run, pca):
    c = run[0]["c"]
    assert min(c["Sanger"]["cosines"]) > 0.95
    assert min(c["Oja"]["first"]) > 0.99
    assert max(c["Oja"]["cosines"][1:]) < 0.2
    np.testing.assert_allclose(c["Sanger"]["norms"], 1, atol=0.03)
    np.testing.assert_allclose(c["ratio"][:3], pca.explained_variance_ratio_, rtol=1e-3)


def test_figures(run, pca):
    drawn = run[1]
    assert list(drawn) == ["a_norms", "a_filters", "c_components"]
    images = [axes.images[0].get_array() for axes in drawn["a_filters"].axes if axes.images]
    assert len(images) == 4 * 4
    first, last, expected = images[12], images[14], images[15]
    assert np.abs(last - expected).mean() < 0.3 * np.abs(first - expected).mean()
    lines = drawn["a_norms"].axes[0].lines
    assert lines[0].get_label() == "Hebb"
    assert lines[3].get_ydata()[-1] == run[0]["a"]["Oja"]["norm"]


def test_following_w_is_learning_with_stops():
    rng = np.random.default_rng(5)
    X, rates, order = rng.standard_normal((9, 4)), np.linspace(0.1, 0.02, 7), rng.permutation(9)[:7]
    start = l17.first_weights(1, 4, 0)
    path = l17.follow(l17.oja, start, X, rates, order, [0, 3, 7])
    for W, mark in zip(path, (0, 3, 7)):
        np.testing.assert_array_equal(W, l17.learn(l17.oja, start, X, rates[:mark], order[:mark]))


def test_lengths_cosines_and_orders():
    W = np.array([[3.0, 4.0], [0.0, -2.0]])
    assert l17.norm(W[:1]) == pytest.approx(5)
    assert l17.norm(1e200 * W[:1]) == pytest.approx(5e200)
    np.testing.assert_allclose(l17.cosines(-1e200 * W, np.array([[1.0, 0.0]])), [0.6, 0])
    np.testing.assert_allclose(np.linalg.norm(l17.first_weights(4, 9, 1), axis=1), 1)
    order = l17.draw_order(5, 12, 0)
    assert len(order) == 12 and sorted(order[:5]) == sorted(order[5:10]) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(l17.falling(0.2, 3), [0.2, 0.2 / 1.001, 0.2 / 1.002])


@pytest.mark.filterwarnings("error:overflow", "error:invalid")
def test_a_large_eta_is_a_result(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(l17, "STEPS", (0, 300))
    monkeypatch.setattr(l17, "RATES", (0.001,))
    monkeypatch.setattr(l17, "PASSES", 1)
    assert l17.main(["--data", "sample", "--lr", "9", "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert results["a"]["Oja"]["diverged"] <= 300
    assert results["b"]["rates"]["falling"] == results["c"]["Sanger"] == {"outcome": "diverged"}
    assert "infinite weights by image" in capsys.readouterr().out
