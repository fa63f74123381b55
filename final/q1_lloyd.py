"""Final Q1: Lloyd's algorithm on four points.

    python final/q1_lloyd.py             everything, in seconds
    python final/q1_lloyd.py --part b    the other start alone

(a) From x₂ and x₃, step by step: one update, then at rest with a total squared error of 1.0201.
(b) A start that ends elsewhere, at rest with 4.9801. (c) Beyond: every start at two of the points,
every partition of the four, and starts at c and −c, of which 25.3 % end as (b) does. In fractions,
hence exact. Figures and summary.json go to results/final/q1_lloyd/; final/README.md explains them.
"""

import sys
from itertools import combinations, product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from final.voronoi import BOX, clip, exact, voronoi_cell

import numpy as np

POINTS = exact([["-0.01", "1"], ["1", "1"], ["0.01", "-1"], ["-1", "-1"]])  # (N, 2), N = 4
COLORS = ("tab:orange", "tab:blue")
DIRECTIONS = 900


def squared_distances(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """‖x_n − c_i‖² of points (N, 2) and centers (k, 2): (N, k). [final 1a.1]"""
    return ((points[:, None] - centers) ** 2).sum(2)


def assign(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The number of each point's nearest center, (N,); of two equally near ones, the first."""
    return squared_distances(points, centers).argmin(1)  # [final 1a.2]


def update(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Each center moves to the mean of its points; one without points stays where it is."""
    nearest, moved = assign(points, centers), centers.copy()
    for i in set(nearest):
        moved[i] = points[nearest == i].mean(0)  # [final 1a.3]
    return moved


def total_error(points: np.ndarray, centers: np.ndarray) -> Any:
    """Σ_n min_i ‖x_n − c_i‖², summed over the points, not averaged. [final 1a.4]"""
    return squared_distances(points, centers).min(1).sum()


def lloyd(points: np.ndarray, centers: np.ndarray, max_iter: int = 100) -> list[np.ndarray]:
    """The centers at the start and after each update, until an update moves none of them."""
    path = [centers]
    while len(path) <= max_iter and ((moved := update(points, path[-1])) != path[-1]).any():
        path.append(moved)
    return path


def name_partition(nearest: np.ndarray) -> str:
    """{x1,x2}{x3,x4}: the cells' points, whichever center they belong to."""
    cells = {i: [f"x{n + 1}" for n in np.flatnonzero(nearest == i)] for i in nearest}
    return "".join(f"{{{','.join(cell)}}}" for cell in cells.values())


def solve(run: Run, name: str, start: np.ndarray) -> dict[str, Any]:
    """Lloyd's algorithm from a start: a table, the cells before and after, the numbers."""
    path = lloyd(POINTS, start)
    for step, centers in enumerate(path):
        places = ", ".join(f"c{i} = ({x:g}, {y:g})" for i, (x, y) in enumerate(centers + 0.0, 1))
        print(f"  {f'after update {step}' if step else 'start'}: {places}")
        print("    point            ‖x − c1‖²  ‖x − c2‖²  nearest")
        rows = zip(POINTS + 0.0, squared_distances(POINTS, centers) + 0.0, assign(POINTS, centers))
        for n, ((x, y), (one, two), i) in enumerate(rows, 1):
            print(f"    x{n} = ({x:g}, {y:g})".ljust(22) + f"{one:.6f}   {two:.6f}   c{i + 1}")
        print(f"    total squared error {float(total_error(POINTS, centers)):.4f}")
    cells = name_partition(assign(POINTS, path[-1]))
    print(f"  at rest, as another update changes nothing: {cells}")
    figure, axes = plots.subplots(1, 2, size=(9, 4.9), sharey=True)
    for axis, centers, title in zip(axes, (path[0], path[-1]), ("start", "at rest")):
        draw_cells(axis, centers, title)
    run.save(name, figure)
    errors = [float(total_error(POINTS, centers)) for centers in path]
    centers = path[-1].astype(float).tolist()
    return {"errors": errors, "total": errors[-1], "centers": centers, "cells": cells}


def draw_cells(axes: plots.Axes, centers: np.ndarray, title: str) -> None:
    """The Voronoi cells of two centers as areas, the centers, and the points."""
    for i, ((x, y), color) in enumerate(zip(centers.astype(float), COLORS)):
        axes.fill(*voronoi_cell(i, centers).astype(float).T, facecolor=color, alpha=0.25)
        axes.plot(x, y, "X", color=color, markersize=13)
        write_beside(axes, f"$c_{i + 1}$", x, y, -22 if y > 0 else 13)
    draw_points(axes, f"{title}: total squared error {float(total_error(POINTS, centers)):.4f}")


def draw_points(axes: plots.Axes, title: str) -> None:
    for n, (x, y) in enumerate(POINTS.astype(float), 1):
        axes.plot(x, y, "ko", markersize=5)
        write_beside(axes, f"$x_{n}$", x, y, 10 if y > 0 else -19)
    axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal", title=title)
    axes.set(xlabel="first coordinate", ylabel="second coordinate")
    axes.label_outer()


def write_beside(axes: plots.Axes, text: str, x: float, y: float, up: float) -> None:
    axes.annotate(text, (x, y), (0, up), textcoords="offset points", ha="center")


def draw_starts(starts: np.ndarray, worse: np.ndarray) -> plots.Figure:
    """Starts (n, 2) and whether they end as (b), on the wedges where they must."""
    figure, axes = plots.subplots(size=(5.4, 5.4))
    for sign in (1, -1):
        wedge = clip(clip(BOX, sign * POINTS[0], 0), -sign * POINTS[1], 0)
        axes.fill(*wedge.astype(float).T, facecolor=COLORS[0], alpha=0.25)
    for chosen, color, total in ((worse, COLORS[0], "4.9801"), (~worse, COLORS[1], "1.0201")):
        both = np.concatenate([starts[chosen], -starts[chosen]])[::8]
        axes.plot(*both.T, ".", color=color, label=f"total squared error {total}")
    draw_points(axes, "starts at $c$ and $-c$\n(shaded: they part $x_1$ from $x_2$)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def part_a(run: Run) -> dict[str, Any]:
    """from x2 and x3: at rest after one update"""
    return solve(run, "a_cells", POINTS[[1, 2]])


def part_b(run: Run) -> dict[str, Any]:
    """a start that ends elsewhere: the y-axis separates"""
    return solve(run, "b_cells", exact([[-1, 0], [1, 0]]))


def part_c(run: Run) -> dict[str, Any]:
    """every start at two of the points, every partition, and starts at c and −c"""
    ends, partitions = {}, {}
    for i, j in combinations(range(4), 2):
        path = lloyd(POINTS, POINTS[[i, j]])
        total = float(total_error(POINTS, path[-1]))
        ends[f"x{i + 1},x{j + 1}"] = {"updates": len(path) - 1, "total": total}
        print(f"  start at x{i + 1} and x{j + 1}: {total:.4f} after update {len(path) - 1}")
    for others in product([0, 1], repeat=3):
        nearest = np.array([0, *others])
        means = np.array([POINTS[nearest == i].mean(0) for i in set(nearest)])
        total = float((squared_distances(POINTS, means)[range(4), nearest]).sum())
        at_rest = bool((assign(POINTS, means) == nearest).all())
        partitions[name_partition(nearest)] = {"total": total, "at_rest": at_rest}
        print(f"  {name_partition(nearest):20}  {total:.4f}{', at rest' * at_rest}")
    # c and −c part the points by the sign of c·x: −45° < angle of c < arctan 0.01 ends as (b).
    share = (45 + np.degrees(np.arctan(0.01))) / 180
    angles = np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    starts, points = np.c_[np.cos(angles), np.sin(angles)], POINTS.astype(float)
    rests = [lloyd(points, np.array([c, -c]))[-1] for c in starts]
    worse = np.array([total_error(points, centers) > 2 for centers in rests])
    print(f"  starts at c and −c that end as (b): {share:.4f}; of those tried {worse.mean():.4f}")
    run.save("c_starts", draw_starts(starts, worse))
    shares = {"exact": share, "tried": worse.mean().item()}
    return {"starts": ends, "partitions": partitions, "worse": shares}


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("final/q1_lloyd", __doc__, PARTS, argv, needs="numpy")


if __name__ == "__main__":
    sys.exit(main())
