from final.grid_figures import draw_attention, draw_hops, place_nodes
from final.power_grid import hop_distances, load_grid

import networkx as nx
import numpy as np
import pytest


def stress(places: np.ndarray, d: np.ndarray) -> float:
    """Summed pair by pair, at the scale that makes it least."""
    i, j = np.triu_indices(len(d), 1)
    apart, d = np.linalg.norm(places[i] - places[j], axis=1), d[i, j]
    scale = (apart / d).sum() / (apart**2 / d**2).sum()
    return ((scale * apart - d) ** 2 / d**2).sum()


def test_a_path_and_a_square_are_drawn_to_scale():
    path = place_nodes(nx.to_numpy_array(nx.path_graph(6)) > 0)
    np.testing.assert_allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), 1, atol=1e-3)
    assert np.linalg.norm(path[0] - path[5]) == pytest.approx(5, abs=1e-3)


def test_places_have_no_more_stress_than_networkx_s():
    grid = load_grid(57)
    d = hop_distances(grid.adjacency)
    theirs = nx.kamada_kawai_layout(nx.from_numpy_array(grid.adjacency))
    theirs = np.array([theirs[i] for i in range(57)])
    assert stress(place_nodes(grid.adjacency), d) < 1.03 * stress(theirs, d)


def test_hops_are_drawn_where_they_are():
    grid = load_grid(14)
    hops = hop_distances(grid.adjacency)[3]
    gradients = [np.where(hops <= layers, 10.0**-hops, 0) for layers in (1, 2)]
    panels = draw_hops(grid, hops, gradients).axes[:2]
    places = place_nodes(grid.adjacency)
    for layers, axes in enumerate(panels, start=1):
        plain, dots, ring, star = axes.collections
        np.testing.assert_allclose(plain.get_offsets(), places)
        np.testing.assert_allclose(ring.get_offsets(), places[hops == layers])
        np.testing.assert_allclose(star.get_offsets(), places[[3]])
        colors = dots.get_array()
        np.testing.assert_allclose(colors[hops <= layers], -hops[hops <= layers])
        assert dots.get_clim() == (-2, 0)
        assert np.isnan(np.ma.filled(colors, np.nan)[hops > layers]).all()
        assert axes.get_title().endswith(f"{(hops <= layers).sum()} buses")
        x, y = axes.lines[0].get_data()
        assert np.isnan(x).sum() == np.isnan(y).sum() == grid.adjacency.sum() / 2


def test_attention_is_drawn_at_its_own_end():
    grid = load_grid(14)
    alpha = np.stack([grid.adjacency / grid.adjacency.sum(1, keepdims=True)] * 2)
    v, (first, *others) = 3, np.flatnonzero(grid.adjacency[3])
    alpha[1, v, first], alpha[1, v, others] = 0.8, 0.2 / len(others)
    residuals = np.zeros((2, 14))
    residuals[1, v] = -2
    figure = draw_attention(grid, residuals, alpha, np.array([0.25, 0.9]), center=v, reach=3)
    places = place_nodes(grid.adjacency)
    for axes, expected in zip(figure.axes[:2], alpha):
        widths = {}
        for half in axes.lines[1:]:
            start, end = half.get_xydata()
            at = np.linalg.norm(places - start, axis=1).argmin()
            to = np.linalg.norm(places - (2 * end - start), axis=1).argmin()
            widths[at, to] = half.get_linewidth()
        assert set(widths) == set(map(tuple, np.argwhere(grid.adjacency)))
        for (at, to), width in widths.items():
            assert width == pytest.approx(8 * expected[at, to])
    busy = figure.axes[1]
    assert "0.900" in busy.get_title()
    assert busy.get_xlim() == pytest.approx((places[v, 0] - 3, places[v, 0] + 3))
    assert busy.get_ylim() == pytest.approx((places[v, 1] - 3, places[v, 1] + 3))
    assert busy.collections[0].get_clim() == (-2, 2)
    np.testing.assert_array_equal(busy.collections[0].get_array(), residuals[1])
