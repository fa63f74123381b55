"""What the heuristics of lecture 13 are worth on MNIST: parts (d) to (f) of l13_training.py.

Every recipe is trained with several η and from three starts; the η that is best on images which are
in neither the training nor the test set is the one whose test error counts.
"""

from dataclasses import replace
from typing import Any

from common import plots
from common.data import Split
from common.run import Run
from lectures.heuristics import DEPTH, Recipe, build, prepare_inputs, train

import numpy as np
import torch
from torch import nn
from torch.nn import functional

SEEDS = (0, 1, 2)
IMAGES = 5000  # for training; as many others choose η
RATIOS = (0.25, 0.5, 1, 2)  # of a layer's η to that of the layer before


def compare(
    run: Run, recipes: dict[str, Recipe], etas: tuple[float, ...], epochs: int
) -> dict[str, Any]:
    """Each recipe's share of test images wrong, mean and deviation over the SEEDS, printed."""
    (images, y), (test_x, test_y) = run.mnist
    x, test_x, count = images.flatten(1), test_x.flatten(1), min(IMAGES, len(y) // 2)
    kinds = {recipe.inputs for recipe in recipes.values()}
    maps = {kind: prepare_inputs(x[:count], kind) for kind in sorted(kinds)}

    def errors(job: tuple[str, float, int]) -> list[float]:
        name, eta, seed = job
        W, mean = (each.to(run.device) for each in maps[recipes[name].inputs])
        split = Split((x[:count] - mean) @ W.T, y[:count])
        model = train(replace(recipes[name], eta=eta), split, epochs, seed)
        rest = [(x[count : 2 * count], y[count : 2 * count]), (test_x, test_y)]
        with torch.no_grad():
            answers = [model((inputs - mean) @ W.T).argmax(1) for inputs, _ in rest]
        return [(a != labels).float().mean().item() for a, (_, labels) in zip(answers, rest)]

    jobs = [(name, eta, seed) for name in recipes for eta in etas for seed in SEEDS]
    found = np.array(run.map(errors, jobs)).reshape(len(recipes), len(etas), len(SEEDS), 2)
    rows = {}
    for name, (choice, test) in zip(recipes, np.moveaxis(found, -1, 1)):
        best = choice.mean(1).argmin()
        mean, std = test[best].mean(), test[best].std(ddof=1)
        rows[name] = {"eta": etas[best], "error": mean, "std": std, "by_eta": test.mean(1).tolist()}
        print(f"  {name:15} {mean:6.2%} ± {std:.2%} wrong at η = {etas[best]:g}", flush=True)
    return rows


def train_deep(run: Run) -> dict[str, Any]:
    """30 layers trained: from which first weights do they learn at all?"""
    choices = [("tanh", 0.5), ("tanh", 1), ("ReLU", 1), ("ReLU", 2), ("sigmoid", 1)]
    recipes = {
        f"{activation}_{gain:g}": Recipe(depth=DEPTH, activation=activation, gain=gain)
        for activation, gain in choices
    }
    return compare(run, recipes, (0.01, 0.1), max(1, run.args.epochs // 3))


def draw_errors(rows: dict[str, Any], etas: tuple[float, ...]) -> plots.Figure:
    """Rows of `compare`: every recipe's error with each η, a line for each recipe."""
    figure, axes = plots.subplots(size=(6.4, 0.32 * len(rows) + 0.9))
    names = [name.replace("_", " ") for name in rows]
    for i, eta in enumerate(etas):
        errors = [100 * row["by_eta"][i] for row in rows.values()]
        axes.plot(errors, names, "osD^"[i], fillstyle="none", label=f"η = {eta:g}")
    axes.set(xscale="log", xlabel="test images wrong (%), mean of the starts")
    axes.set_xticks([7, 10, 20, 50, 90], ["7", "10", "20", "50", "90"])
    axes.set_xticks([], minor=True)
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=len(etas))
    return figure


def compare_heuristics(run: Run) -> dict[str, Any]:
    """each heuristic on and off, three starts each"""
    recipes = {
        "none": Recipe(),
        "small_weights": Recipe(gain=0.01),
        "large_weights": Recipe(gain=25),
        "centered": Recipe(inputs="centered"),
        "whitened": Recipe(inputs="whitened"),
        "whitened_large": Recipe(inputs="whitened, large"),
        "lowered_rate": Recipe(patience=1),
        "by_inputs": Recipe(by_inputs=True),
        "clipped": Recipe(step="clipped"),
        "normalized": Recipe(step="normalized"),
        "batch_500": Recipe(batch_size=500),
    }
    dropped = {
        f"dropout_{kind or 'none'}": Recipe(dropout=kind) for kind in ("", "lecture", "torch")
    }
    etas = (0.1, 0.3, 1.0)
    rows = compare(run, recipes, etas, run.args.epochs)
    run.save("e_heuristics", draw_errors(rows, etas))
    print("  and with three times the epochs:")
    return rows | compare(run, dropped, (0.1, 0.3), 3 * run.args.epochs)


def draw_ratios(rows: dict[str, Any]) -> plots.Figure:
    """Each activation's error against the ratio; see `compare_layer_rates`."""
    lines = {
        activation: (RATIOS, [100 * found[f"{ratio:g}"]["error"] for ratio in RATIOS])
        for activation, found in rows.items()
    }
    axis = {"xscale": "log", "yscale": "log", "ylabel": "test images wrong (%)"}
    figure = plots.curves(lines, "η of a layer / η of the layer before", marker="o", **axis)
    axes = figure.axes[0]
    axes.set_xticks(RATIOS, ["¼", "½", "1", "2"])
    axes.set_yticks([7, 10, 20, 50], ["7", "10", "20", "50"])
    axes.minorticks_off()
    return figure


def compare_layer_rates(run: Run) -> dict[str, Any]:
    """do later layers want a smaller η? each layer has the η of the one before, times a ratio"""
    x, y = (each[:IMAGES] for each in run.mnist.train)
    rows: dict[str, Any] = {}
    for activation in ("sigmoid", "tanh"):
        plain = Recipe(depth=3, activation=activation)
        model = build(plain, 784, run.args.seed).to(run.device)
        functional.cross_entropy(model(x.flatten(1)), y).backward()
        layers = [layer.weight for layer in model if isinstance(layer, nn.Linear)]
        start = [(weight.grad.norm() / weight.norm()).item() for weight in layers]
        print(f"  {activation}, ‖gradient‖/‖weights‖ of each layer:", *(f"{s:.1e}" for s in start))
        recipes = {f"{ratio:g}": replace(plain, ratio=ratio) for ratio in RATIOS}
        found = compare(run, recipes, (0.3, 1.0, 3.0), run.args.epochs)
        rows[activation] = {"start": start} | found
    run.save("f_ratios", draw_ratios(rows))
    return rows
