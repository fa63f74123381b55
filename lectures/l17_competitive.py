"""Lecture 17, the other half: competitive learning, and k-means as its batch form.

    python lectures/l17_competitive.py             everything, in half a minute
    python lectures/l17_competitive.py --part a    the printed trace alone
    python lectures/l17_competitive.py --k 30      (c) with thirty neurons

(a) the trace on the lecture's six points, and starts from which a neuron never wins; (b) the winner
is the nearest only if all norms are equal; (c) MNIST: Lloyd's algorithm as a network with weights
2c and biases −‖c‖², and competitive learning image by image. What to expect: (1, −0.925) and
(0.9625, 0.9375); Lloyd's 39.22 to the last digit by the network. Figures and summary.json go to
results/lectures/l17_competitive/; lectures/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, UserError, run_parts
from hw7.clustering import lloyd
from lectures.hebbian import competitive, find_winner, learn, trace
from lectures.l17_hebbian import POINTS

import numpy as np
import torch

# One point per row, X (N, d); one neuron per row, W (k, d).
START, ETA = np.array([[0.8, 0], [0.9, 0.1]]), 0.5  # (a)
ARROWS = np.array([[2.2, 0.4], [0.5, 0.9], [-0.9, -0.3]])  # (b): three neurons of unequal norms
EDGE = np.linspace(-2.5, 2.5, 250)  # (b): of the figure's square, without 0, where all tie
RATES = (0.5, 0.1, 0.01, 0.001)  # (c)


def answers(W: np.ndarray, X: np.ndarray, nearest: bool = False) -> np.ndarray:
    """wᵀx of all neurons for points X (n, d), or 2wᵀx − ‖w‖²: (n, k), as in `find_winner`."""
    return 2 * X @ W.T - (W**2).sum(1) if nearest else X @ W.T


def unit(W: np.ndarray) -> np.ndarray:
    """The rows of W at length 1."""
    return W / np.linalg.norm(W, axis=1, keepdims=True)


def disagreement(W: np.ndarray, X: np.ndarray) -> float:
    """The share of the points X (n, d) whose winner by wᵀx is not the nearest neuron."""
    return float((answers(W, X).argmax(1) != answers(W, X, nearest=True).argmax(1)).mean())


def move_to_means(C: np.ndarray, X: np.ndarray, eta: float = 1) -> np.ndarray:
    """Batch competitive learning: c ← (1 − η)c + η · the mean of the points it won. [l17 9]

    With η = 1 it is one iteration of Lloyd's algorithm. A neuron that won none stays.
    """
    won = answers(C, X, nearest=True).argmax(1)
    C = C.copy()
    for i in np.unique(won):
        C[i] = (1 - eta) * C[i] + eta * X[won == i].mean(0)  # [l17 9]
    return C


def inertia(C: np.ndarray, X: np.ndarray) -> float:
    """The squared distance to the nearest of C, averaged over the points X (n, d)."""
    return float(((X**2).sum(1) - answers(C, X, nearest=True).max(1)).mean())


def part_a(run: Run) -> dict[str, Any]:
    """competitive learning on the lecture's six points"""
    path = trace(competitive, START, POINTS, ETA)
    print("  x              winner  w1                 w2")
    for x, before, after in zip(POINTS, path, path[1:]):
        w1, w2 = (f"({w[0]:.4f}, {w[1]:7.4f})" for w in after)
        print(f"  ({x[0]:4g}, {x[1]:4g})  {find_winner(before, x) + 1:6}  {w1}  {w2}")
    rng = np.random.default_rng(run.args.seed)
    dead = {False: 0, True: 0}
    for start in rng.uniform(-1, 1, (1000, 2, 2)):
        for nearest in dead:
            end = trace(competitive, start, np.tile(POINTS, (5, 1)), ETA, nearest)[-1]
            dead[nearest] += int((end == start).all(1).any())  # it has never won
    print(f"  a neuron never wins: {dead[False] / 10:.1f} % of starts by wᵀx, "
          f"{dead[True] / 10:.1f} % by distance")  # fmt: skip
    figure, axes = plots.subplots(size=(5, 5))
    axes.plot(*POINTS[:3].T, "o", *POINTS[3:].T, "s", color="tab:gray")
    for i in range(2):
        axes.plot(*path[:, i].T, ".-", label=f"$w_{i + 1}$")
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(0, 2), ylim=(-1.3, 1.3))
    axes.legend()
    run.save("a_trace", figure)
    return {"path": path.tolist(), "dead": dead[False] / 1000, "dead_nearest": dead[True] / 1000}


def part_b(run: Run) -> dict[str, Any]:
    """the winner is the nearest only if all norms are equal"""
    square = np.stack(np.meshgrid(EDGE, EDGE), -1).reshape(-1, 2)
    figure, panels = plots.subplots(1, 3, (11, 4.5), sharey=True)
    shapes = {"unequal": ARROWS, "unit": unit(ARROWS)}
    titles = ("unequal norms", "the same directions, norm 1")
    results = {}
    for axes, title, (name, W) in zip(panels, titles, shapes.items()):
        won, near = (answers(W, square, nearest).argmax(1) for nearest in (False, True))
        results[name] = disagreement(W, square)
        draw_areas(axes, W, won, won != near, f"largest wᵀx: {title}")
        print(f"  {title:28}  {results[name]:.1%} of the square is not won by the nearest")
    near = answers(ARROWS, square, nearest=True).argmax(1)
    draw_areas(panels[2], ARROWS, near, np.zeros(len(square)), "largest 2wᵀx − ‖w‖²: unequal norms")
    panels[0].set_ylabel("$x_2$")
    run.save("b_winner", figure)
    return results


def draw_areas(axes: plots.Axes, W, won: np.ndarray, wrong: np.ndarray, title: str) -> None:
    """Who wins (n,) where in the square, and, dark, where `wrong`; the weights as arrows."""
    shape = (len(EDGE), len(EDGE))
    look = {"extent": (EDGE[0], EDGE[-1]) * 2, "origin": "lower", "interpolation": "nearest"}
    axes.imshow(won.reshape(shape), cmap="Set3", vmin=0, vmax=11, **look)
    axes.imshow(np.zeros(shape), cmap="gray", alpha=0.45 * wrong.reshape(shape), **look)
    axes.quiver(*np.zeros((2, 3)), *W.T, angles="xy", scale_units="xy", scale=1, width=0.012)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("$x_1$")


def part_c(run: Run) -> dict[str, Any]:
    """MNIST: Lloyd's algorithm by the network, and competitive learning image by image"""
    images = run.mnist.train.images.flatten(1).cpu()
    X, k = images.numpy(), run.args.k
    if not 1 <= k <= len(X) // 2:
        raise UserError(f"argument --k: came {k}, allowed is 1 to {len(X) // 2} for {len(X):,} "
                        "images, of which each second one may be a start")  # fmt: skip
    start = X[1 : 2 * k : 2].astype(float)  # HW7's ten digits, if k = 10
    C, iterations = lloyd(images, torch.from_numpy(start).to(images))
    C, network = C.numpy(), start
    for _ in range(iterations):
        network = move_to_means(network, X)
    ends = {"Lloyd": C, "network": network}
    rng = np.random.default_rng(run.args.seed)
    order = np.concatenate([rng.permutation(len(X)) for _ in range(2)])
    for eta in RATES:
        rates = np.full(len(order), eta)
        ends[f"nearest_{eta:g}"] = learn(competitive, start, X, rates, order, nearest=True)
    falling = 0.1 / (1 + 0.001 * np.arange(len(order)))
    ends["nearest_falling"] = learn(competitive, start, X, falling, order, nearest=True)
    ends["largest_falling"] = learn(competitive, start, X, falling, order)
    results = {"iterations": iterations, "winner_not_nearest": disagreement(C, X),
               "winner_not_nearest_unit": disagreement(unit(C), X),
               "norms": np.sort(np.linalg.norm(C, axis=1)).tolist()}  # fmt: skip
    for name, W in ends.items():
        used = len(np.unique(answers(W, X, "largest" not in name).argmax(1)))
        results[name] = {"inertia": inertia(W, X), "used": used}
        print(f"  {name:16}  inertia {results[name]['inertia']:.3f}, {used} neurons win")
    results["difference"] = float(np.abs(network - C).max())
    print("  by Lloyd's centers, {winner_not_nearest:.1%} of the images have a winner that is not "
          "the nearest; at norm 1 {winner_not_nearest_unit:.1%}".format(**results))  # fmt: skip
    shown = ("Lloyd", "nearest_falling", "largest_falling")
    rows = ["Lloyd", "nearest, falling η", "largest wᵀx, falling η"]
    grid = np.concatenate([ends[name][:10] for name in shown])
    run.save("c_weights", plots.image_grid(np.clip(grid, 0, 1), min(k, 10), (), rows))
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c}
NEURONS = {"type": int, "default": 10, "help": "(c): neurons (default: 10)"}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l17_competitive", __doc__, PARTS, argv, options={"--k": NEURONS})


if __name__ == "__main__":
    sys.exit(main())
