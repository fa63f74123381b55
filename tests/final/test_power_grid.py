import hashlib
import json
from collections import Counter

from final import power_grid
from final.data import make_grids
from final.power_grid import (
    DATA,
    NOISE,
    draw_graphs,
    draw_injections,
    flows_seen,
    hop_distances,
    judge,
    load_grid,
    log_likelihood_ratios,
    measure_limits,
)

import networkx as nx
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def laplacian(grid, lines) -> np.ndarray:
    """B of some of the lines, entry by entry."""
    B = np.zeros((len(grid.load),) * 2)
    for line in lines:
        (u, v), b = grid.ends[line], grid.susceptance[line]
        B[u, u] += b
        B[v, v] += b
        B[u, v] -= b
        B[v, u] -= b
    return B


def test_the_grids_are_the_ieee_s():
    grid = load_grid(118)
    degrees = grid.adjacency.sum(1)
    assert (len(grid.ends), grid.adjacency.sum() / 2) == (186, 179)
    assert (degrees.min(), degrees.max(), round(degrees.mean(), 1)) == (1, 9, 3.0)
    assert (grid.adjacency == grid.adjacency.T).all()
    assert not grid.adjacency.diagonal().any()
    assert grid.load.sum() == pytest.approx(42.42)  # 4,242 MW
    small = load_grid(14)
    assert small.ends[7].tolist() == [3, 6]  # a transformer from bus 4 to bus 7
    assert small.susceptance[7] == pytest.approx(1 / (0.20912 * 0.978))
    assert small.generation[[0, 1]] == pytest.approx([2.324, 0.4])


def test_the_files_are_what_the_readme_names():
    readme = "".join(path.read_text(encoding="utf-8") for path in DATA.glob("README*.md"))
    for buses in make_grids.CASES:
        content = (DATA / f"ieee{buses}.json").read_bytes()
        assert hashlib.sha256(content).hexdigest() in readme


def test_a_case_file_is_read_and_not_run():
    source = """
from numpy import array
def case():
    ppc = {"version": '2'}
    ppc["baseMVA"] = 100.0
    ppc["bus"] = array([[1, 3, 0, 9], [7, 1, 21.7, 9]])
    ppc["gen"] = array([[1, 5, 0, 0, 0, 1, 100, 1], [1, 3, 0, 0, 0, 1, 100, 1],
                        [7, 4, 0, 0, 0, 1, 100, 0]])
    ppc["branch"] = array([[1, 7, 0, 0.5, 0, 0, 0, 0, 0, 0, 1],
                           [1, 7, 0, 0.4, 0, 0, 0, 0, 0.9, 0, 1],
                           [1, 7, 0, 0.3, 0, 0, 0, 0, 0, 0, 0]])
raise SystemExit
"""
    case = json.loads(make_grids.grid_json(make_grids.read_tables(source)))
    assert case["base_mva"] == 100
    assert case["buses"] == [[1, 0, 8], [7, 21.7, 0]]
    assert case["branches"] == [[1, 7, 0.5, 1], [1, 7, 0.4, 0.9]]


def test_injections_balance_and_loads_swing_by_a_fifth(rng):
    grid = load_grid(57)
    injections = draw_injections(grid, 400, rng)
    assert abs(injections.sum(1)).max() < 1e-12
    only_load = (grid.generation == 0) & (grid.load > 0)
    factors = -injections[:, only_load] / grid.load[only_load]
    assert 0.8 <= factors.min() < 0.81
    assert 1.19 < factors.max() <= 1.2


@pytest.mark.parametrize("buses", [14, 118])
def test_what_shows_of_a_lost_line_by_solving_without_it(buses, rng):
    grid = load_grid(buses)
    p = draw_injections(grid, 1, rng)
    g, removable = flows_seen(grid, p)
    lines = np.arange(len(grid.ends))
    whole = nx.MultiGraph(grid.ends.tolist())
    for line in lines[:: 1 + buses // 30]:
        without = whole.copy()
        without.remove_edge(*grid.ends[line].tolist())
        assert removable[line] == nx.is_connected(without)
        expected = np.zeros(buses)
        if removable[line]:
            theta = np.linalg.lstsq(laplacian(grid, lines[lines != line]), p[0], rcond=None)[0]
            u, v = grid.ends[line]
            expected[u] += g[0, line]
            expected[v] -= g[0, line]
            residual = laplacian(grid, lines) @ theta - p[0]
            np.testing.assert_allclose(residual, expected, atol=1e-8)
        else:
            assert g[0, line] == 0
    if buses == 118:
        assert removable.sum() == 177


def test_labels_and_where_the_residuals_stand(rng, monkeypatch):
    monkeypatch.setattr(power_grid, "NOISE", 0)
    grid = load_grid(57)
    residuals, labels, sizes = draw_graphs(grid, 3000, rng)
    assert abs(labels.mean() - 0.5) < 0.04
    assert abs(residuals.sum(1)).max() < 1e-12
    assert ((residuals != 0).sum(1) == 2).all()
    u, v = residuals.argmax(1), residuals.argmin(1)
    np.testing.assert_array_equal(grid.adjacency[u, v], labels == 1)
    np.testing.assert_array_equal(residuals.max(1), abs(sizes))
    # The sizes are as large, and a bus is as often among the two, with either label.
    medians = [np.median(abs(sizes[labels == y])) for y in (0, 1)]
    assert medians[0] == pytest.approx(medians[1], rel=0.15)
    _, removable = flows_seen(grid, draw_injections(grid, 1, rng))
    hub = np.bincount(grid.ends[removable].ravel()).argmax()
    shares = [(residuals[labels == y][:, hub] != 0).mean() for y in (0, 1)]
    assert shares[0] == pytest.approx(shares[1], rel=0.3)


def test_noise_has_its_size(rng):
    residuals, _, _ = draw_graphs(load_grid(118), 200, rng)
    assert np.median(abs(residuals)) == pytest.approx(norm.ppf(0.75) * NOISE, rel=0.03)


def test_likelihood_ratios_by_every_pair_and_size():
    grid = load_grid(14)
    residuals = draw_graphs(grid, 4, np.random.default_rng(1)).residuals
    residuals[:2] = np.random.default_rng(2).normal(0, 2 * NOISE, (2, 14))  # near the threshold
    residuals = np.clip(residuals, -0.6, 0.6)  # else densities are 0 in float64
    general, informed = log_likelihood_ratios(grid, residuals, np.random.default_rng(3))
    g, removable = flows_seen(grid, draw_injections(grid, 50, np.random.default_rng(3)))
    lines = np.flatnonzero(removable)
    pooled = np.concatenate((g[:, lines].ravel(), -g[:, lines].ravel()))
    hits = Counter(grid.ends[lines].ravel().tolist())

    def density(r, u, v, g):
        quiet = norm.pdf(r[u], 0, NOISE) * norm.pdf(r[v], 0, NOISE)
        return (norm.pdf(r[u], g, NOISE) * norm.pdf(r[v], -g, NOISE) / quiet).mean()

    pairs = [(u, v) for u in hits for v in hits if u != v and not grid.adjacency[u, v]]
    weights = [hits[u] * hits[v] for u, v in pairs]
    for i, r in enumerate(residuals):
        meters = np.average([density(r, u, v, pooled) for u, v in pairs], weights=weights)
        known = np.mean([density(r, *grid.ends[k], g[:, k]) for k in lines])
        unknown = np.mean([density(r, *grid.ends[k], pooled) for k in lines])
        assert general[i] == pytest.approx(np.log(unknown / meters), abs=0.02)
        assert informed[i] == pytest.approx(np.log(known / meters), abs=0.02)


def test_limits(rng):
    grid = load_grid(14)
    graphs = draw_graphs(grid, 500, rng)
    limits = measure_limits(grid, graphs, rng)
    assert limits["largest_outages"] > 0.9
    assert abs(limits["largest"] - 0.5) < 0.06
    assert 0.92 < limits["general"]["accuracy"] < limits["informed"]["accuracy"] + 0.02 < 1
    assert limits["general"]["accuracy_clear"] > 0.99


def test_judge_by_scikit_learn(rng):
    labels = rng.integers(0, 2, 300)
    scores = np.round(rng.normal(0, 1, 300) + labels, 1)  # with ties
    sizes = rng.normal(0, 0.3, 300)
    row = judge(scores, labels, sizes)
    right = (scores > 0) == labels
    assert row["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert row["accuracy"] == right.mean()
    assert row["accuracy_clear"] == right[abs(sizes) >= 0.2].mean()


def test_hops_by_networkx():
    graph = nx.disjoint_union(nx.random_labeled_tree(20, seed=1), nx.cycle_graph(5))
    lengths = dict(nx.all_pairs_shortest_path_length(graph))
    expected = [[lengths[u].get(v, -1) for v in range(25)] for u in range(25)]
    adjacency = nx.to_numpy_array(graph, nodelist=range(25)) > 0
    np.testing.assert_array_equal(hop_distances(adjacency), expected)
