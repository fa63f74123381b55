"""Power grids as graphs: their flows, and the residuals that a lost line leaves in them.

A grid has N buses and L lines. In the "DC" approximation of its power flow, a line from bus u to
bus v carries b (θ_u − θ_v): its susceptance times the difference of the buses' angles. The powers p
that the buses feed in determine the angles: B θ = p, where B = Σ b a aᵀ over the lines, and a is +1
at u, −1 at v and 0 elsewhere. Powers are in units of 100 MW ("per unit", p.u.).
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

DATA = Path(__file__).resolve().parent / "data"
NOISE = 0.05  # p.u., standard deviation of the error of a measured power
SWING = 0.2  # loads lie within ±20 % of the case file's
CLEAR = 4 * NOISE  # p.u.; smaller disturbances are lost among the noise of all buses


class Grid(NamedTuple):
    """A power grid.

    Attributes:
        adjacency: (N, N), True where a line joins two buses; a bus is not its own neighbor.
        ends: (L, 2), the buses that each line joins; lines may run parallel.
        susceptance: (L,), p.u.
        load, generation: (N,), p.u.
    """

    adjacency: np.ndarray
    ends: np.ndarray
    susceptance: np.ndarray
    load: np.ndarray
    generation: np.ndarray


def load_grid(buses: int) -> Grid:
    """The IEEE test grid of 14, 57 or 118 buses, which are counted from 0 here."""
    case = json.loads((DATA / f"ieee{buses}.json").read_text(encoding="utf-8"))
    numbers = {bus: i for i, (bus, _, _) in enumerate(case["buses"])}
    ends = np.array([[numbers[u], numbers[v]] for u, v, _, _ in case["branches"]])
    adjacency = np.zeros((buses, buses), dtype=bool)
    adjacency[ends[:, 0], ends[:, 1]] = adjacency[ends[:, 1], ends[:, 0]] = True
    susceptance = np.array([1 / (reactance * ratio) for _, _, reactance, ratio in case["branches"]])
    powers = np.array(case["buses"])[:, 1:].T / case["base_mva"]
    return Grid(adjacency, ends, susceptance, *powers)


def draw_injections(grid: Grid, count: int, rng: np.random.Generator) -> np.ndarray:
    """Powers that the buses feed in, (count, N), p.u.: loads at random, generation to match."""
    load = grid.load * rng.uniform(1 - SWING, 1 + SWING, (count, len(grid.load)))
    share = load.sum(1, keepdims=True) / grid.generation.sum()
    return grid.generation * share - load


def flows_seen(grid: Grid, injections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What shows of each line's loss, and which lines can be lost.

    Whoever believes that the lost line is still there computes from the angles that it carries
    g = b (θ_u − θ_v). So bus u seems to feed in g more than is measured, and bus v g less: the
    residual Bθ − p is +g at u, −g at v and 0 elsewhere. Without the line, B has lost b a aᵀ, so
    aᵀθ is what it was with the line, divided by 1 − b aᵀB⁺a (Sherman and Morrison).

    Args:
        injections: (n, N), p.u.

    Returns:
        g: (n, L), p.u.
        removable: (L,), False for a line without which the grid would fall apart.
    """
    lines = np.arange(len(grid.ends))
    a = np.zeros((len(lines), len(grid.load)))
    a[lines, grid.ends[:, 0]], a[lines, grid.ends[:, 1]] = 1, -1
    inverse = np.linalg.pinv(a.T * grid.susceptance @ a)  # B⁺; the angles' zero is arbitrary
    left = 1 - grid.susceptance * ((a @ inverse) * a).sum(1)  # (L,), 0 for a bridge
    removable = left > 1e-9
    flows = grid.susceptance * (injections @ inverse @ a.T)  # (n, L), with all lines there
    return flows / np.where(removable, left, np.inf), removable


class Graphs(NamedTuple):
    """Labeled graphs, all with one grid's nodes and edges.

    Attributes:
        residuals: (n, N), p.u.; the one feature of a node.
        labels: (n,), 1: a line is out, 0: two meters are wrong.
        sizes: (n,), g, p.u.
    """

    residuals: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray


def draw_graphs(grid: Grid, count: int, rng: np.random.Generator) -> Graphs:
    """Residuals of Kirchhoff's law, with noise, and what caused them.

    Label 1: a line is out, +g and −g at its two ends. Label 0: two meters are wrong by the +g and
    −g of such an outage, at two buses that are no neighbors. Each of the two is the end of a line
    drawn at random, as with label 1. So neither the residuals nor how often a bus is hit tell the
    classes apart: only the pair does.
    """
    g, removable = flows_seen(grid, draw_injections(grid, count, rng))
    lines = np.flatnonzero(removable)
    out = rng.choice(lines, count)
    labels = rng.integers(0, 2, count)
    places = grid.ends[out]  # (n, 2)
    wrong = labels == 0
    while wrong.any():  # draw again what came out as neighbors, or as one bus twice
        places[wrong] = rng.choice(grid.ends[lines].ravel(), (wrong.sum(), 2))
        wrong &= grid.adjacency[places[:, 0], places[:, 1]] | (places[:, 0] == places[:, 1])
    graphs, sizes = np.arange(count), g[np.arange(count), out]
    residuals = rng.normal(0, NOISE, (count, len(grid.load)))
    residuals[graphs, places[:, 0]] += sizes
    residuals[graphs, places[:, 1]] -= sizes
    return Graphs(residuals, labels, sizes)


def log_likelihood_ratios(
    grid: Grid, residuals: np.ndarray, rng: np.random.Generator, cases: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """ln P(r | label 1) − ln P(r | label 0): no decision is right more often than its sign.

    With +g at u and −g at v, the density of the residuals r is that of noise alone times
    exp((dg − g²)/σ²), d = r_u − r_v. This is averaged over pairs (u, v), and over g.

    Args:
        residuals: (n, N), p.u.
        cases: loads drawn, from which the distribution of g is taken.

    Returns:
        general: (n,), for one who knows the edges, and how g is distributed over all lines.
        informed: (n,), for one who knows how g is distributed for each line.
    """
    g, removable = flows_seen(grid, draw_injections(grid, cases, rng))
    g, ends = g[:, removable], grid.ends[removable]
    sizes = np.sort(abs(g), axis=None)
    sizes = np.outer((1, -1), sizes[:: 1 + sizes.size // 1000])  # of either sign
    far = np.arange(0, 2 * sizes.max() + 1, 0.01)  # |d|, to interpolate between
    table = [log_mean_exp((d * sizes - sizes**2) / NOISE**2) for d in far]
    hits = np.bincount(ends.ravel(), minlength=len(grid.load))
    u, v = np.nonzero(np.triu(~grid.adjacency & (hits[:, None] * hits > 0), 1))
    general, informed = [], []
    for r in residuals:
        d = r[ends[:, 0]] - r[ends[:, 1]]
        meters = log_mean_exp(np.interp(abs(r[u] - r[v]), far, table), hits[u] * hits[v])
        general.append(log_mean_exp(np.interp(abs(d), far, table)) - meters)
        informed.append(log_mean_exp((d * g - g**2) / NOISE**2) - meters)
    return np.array(general), np.array(informed)


def log_mean_exp(exponents: np.ndarray, weights: np.ndarray | None = None) -> float:
    """ln of the weighted mean of exp(exponents), without overflow."""
    top = exponents.max()
    return np.log(np.average(np.exp(exponents - top), weights=weights)) + top


def hop_distances(adjacency: np.ndarray) -> np.ndarray:
    """The least number of lines between each two nodes, (N, N); −1 where there is no way."""
    distance = np.where(np.eye(len(adjacency), dtype=bool), 0, -1)
    reached = distance == 0
    for hops in range(1, len(adjacency)):
        reached = reached @ adjacency | reached
        distance[reached & (distance < 0)] = hops
    return distance


def judge(scores: np.ndarray, labels: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    """How good decisions by the sign of a score are.

    Args:
        scores, labels, sizes: (n,) each; a positive score says label 1.

    Returns:
        "accuracy": the share that is right.
        "accuracy_clear": the same among disturbances with |g| of at least CLEAR.
        "auc": the chance that a graph of label 1 scores higher than one of label 0, a tie counting
            half: the area under the ROC curve.
    """
    right = (scores > 0) == (labels > 0)
    ones, zeros = scores[labels > 0, None], scores[labels <= 0]
    wins = (ones > zeros).mean() + (ones == zeros).mean() / 2
    clear = abs(sizes) >= CLEAR
    return {
        "accuracy": float(right.mean()),
        "accuracy_clear": float(right[clear].mean()),
        "auc": float(wins),
    }


def measure_limits(grid: Grid, graphs: Graphs, rng: np.random.Generator) -> dict[str, Any]:
    """What the largest residual tells, and how good the best decisions are.

    Returns:
        "largest_outages": AUC of max |r| where label 1 is an outage and label 0 is noise alone.
        "largest": AUC of max |r| on the graphs.
        "general", "informed": `judge` of the two likelihood ratios.
    """
    residuals, labels, sizes = graphs
    outages = residuals[labels == 1]
    quiet = rng.normal(0, NOISE, outages.shape)
    largest = abs(np.concatenate((outages, quiet))).max(1)
    is_outage, any_size = np.repeat([1, 0], len(outages)), np.ones(len(largest))
    general, informed = log_likelihood_ratios(grid, residuals, rng)
    return {
        "largest_outages": judge(largest, is_outage, any_size)["auc"],
        "largest": judge(abs(residuals).max(1), labels, sizes)["auc"],
        "general": judge(general, labels, sizes),
        "informed": judge(informed, labels, sizes),
    }
