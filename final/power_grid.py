"""Power grids as graphs: their flows, what a lost line does to them, and how to draw them.

A grid has N buses and L lines. In the "DC" approximation of its power flow, the power on a line from
bus u to bus v is the line's susceptance b times the difference of the buses' angles, θ_u − θ_v, and
the powers p that the buses feed in determine the angles: B θ = p, where B = Σ b a aᵀ over the lines
and a is +1 at u, −1 at v and 0 elsewhere. Powers are in units of 100 MW ("per unit", p.u.).
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

DATA = Path(__file__).resolve().parent / "data"
NOISE = 0.05  # p.u., standard deviation of the error of a measured power
SWING = 0.2  # loads lie within ±20 % of the case file's


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
    """The IEEE test grid of 14, 57, 118 or 300 buses, which are counted from 0 here."""
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
    g = b (θ_u − θ_v), and misses g at bus u and finds it too much at bus v: the residual p − Bθ is
    +g at u, −g at v and 0 elsewhere. Without the line, B has lost b a aᵀ, so aᵀθ is what it was
    with the line, divided by 1 − b aᵀB⁺a (Sherman and Morrison).

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


def draw_graphs(
    grid: Grid, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals of Kirchhoff's law and what caused them.

    Label 1: a line is out, +g and −g at its two ends. Label 0: two meters are off by the +g and −g
    of such an outage, at two buses that are no neighbors. Each of these two is an end of a line
    that is drawn anew, so that a bus is as often among them as with label 1, and neither the values
    nor where they stand tell the classes apart: only the pair does.

    Returns:
        residuals: (count, N), p.u., with noise.
        labels: (count,), 0 or 1.
    """
    g, removable = flows_seen(grid, draw_injections(grid, count, rng))
    lines = np.flatnonzero(removable)
    out = rng.choice(lines, count)
    labels = rng.integers(0, 2, count)
    places = grid.ends[out]  # (count, 2)
    wrong = labels == 0
    while wrong.any():
        u, v = grid.ends[rng.choice(lines, (2, wrong.sum()))][..., rng.integers(2)]
        places[wrong] = np.stack((u, v), 1)
        wrong &= grid.adjacency[places[:, 0], places[:, 1]] | (places[:, 0] == places[:, 1])
    residuals = rng.normal(0, NOISE, (count, len(grid.load)))
    size = g[np.arange(count), out]
    residuals[np.arange(count), places[:, 0]] += size
    residuals[np.arange(count), places[:, 1]] -= size
    return residuals, labels


def hop_distances(adjacency: np.ndarray) -> np.ndarray:
    """The least number of lines between each two nodes, (N, N); −1 where there is no way."""
    distance = np.where(np.eye(len(adjacency), dtype=bool), 0, -1)
    reached = distance == 0
    for hops in range(1, len(adjacency)):
        reached = reached @ adjacency | reached
        distance[reached & (distance < 0)] = hops
    return distance


def place_nodes(adjacency: np.ndarray, steps: int = 300) -> np.ndarray:
    """Coordinates (N, 2) for a drawing, in which distances are about the numbers of lines between.

    They minimize the stress Σ (|x_i − x_j| − d_ij)² / d_ij², from the two leading directions of
    the distances. Gansner, Koren and North, "Graph drawing by stress majorization", 2004.
    """
    d = hop_distances(adjacency).astype(float)
    n = len(d)
    center = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-center @ d**2 @ center / 2)
    x = vectors[:, -2:] * np.sqrt(values[-2:])
    weights = 1 / (d + np.eye(n)) ** 2 - np.eye(n)
    inverse = np.linalg.pinv(np.diag(weights.sum(1)) - weights)
    for _ in range(steps):
        apart = np.linalg.norm(x[:, None] - x, axis=2)
        pull = weights * d / np.maximum(apart, 1e-9)
        x = inverse @ (np.diag(pull.sum(1)) - pull) @ x
    return x
