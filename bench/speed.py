"""How fast the project is: each part against a named peer, all in one run.

    python -m bench                      results/bench/speed/, ten to twenty minutes

Every round times each way once, and ratios are taken round by round. "tutorial" is PyTorch's
beginner tutorial's loop, with its DataLoader over torchvision's MNIST and torch's own layers. Each
way has a process of its own; in the tutorial's, torch is as it comes. "_1" runs on one thread,
"_all" on all; of k-means, ours runs on one and the peers on all. Seconds are those of training for
an epoch, scaled up for the CNN and the autoencoder from 200 and 100 steps. The committed run was
made with --out bench/results/speed; bench/README.md explains it.
"""

import subprocess
import sys
import tempfile
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from bench.timing import interleaved, machine, peak_memory, processes
from bench.ways import REPEATED, SIDE_BY_SIDE, WAYS, mnist
from common.data import ROOT
from common.faults import UserError
from common.run import Run, run_parts
from hw7.clustering import inertia

ROUNDS = 5
LOOP_STEPS = {"kmeans": None, "cnn": 100, "autoencoder": 25}  # None: the whole epoch


def kmeans(run: Run) -> dict[str, Any]:
    """an epoch of the k-means network the tutorial's way, ours, and by hand"""
    return figures(interleaved(run, "kmeans", ROUNDS))


def clustering(run: Run) -> dict[str, Any]:
    """ten epochs by hand against MiniBatchKMeans, and Lloyd's algorithm against scikit-learn's"""
    results = interleaved(run, "clustering", rounds=3)
    x0 = mnist(run.args.data).train.images.flatten(1)
    inertias = {name: inertia(x0, row["value"].to(x0)) for name, row in results.items()}
    print("  inertia: " + ", ".join(f"{name} {value:.3f}" for name, value in inertias.items()))
    return figures(results) | {"inertia": inertias}


def cnn(run: Run) -> dict[str, Any]:
    """HW6's network"""
    return figures(interleaved(run, "cnn", ROUNDS, steps=200))


def cnn_regular(run: Run) -> dict[str, Any]:
    """HW6's network with batch norm and dropout"""
    return figures(interleaved(run, "cnn_regular", ROUNDS, steps=200))


def autoencoder(run: Run) -> dict[str, Any]:
    """HW7's autoencoder"""
    results = interleaved(run, "autoencoder", ROUNDS, steps=100)
    steps = min(100, -(-len(mnist(run.args.data).train.labels) // run.args.batch_size))
    faults = {name: row["page_faults"] / steps for name, row in results.items()}
    print("  page faults a step: " + ", ".join(f"{name} {n:.0f}" for name, n in faults.items()))
    return figures(results) | {"page_faults_per_step": faults}


def layers(run: Run) -> dict[str, Any]:
    """dropout and bicubic upsampling against torch's own, forward and backward, one thread"""
    results = figures(interleaved(run, "layers", rounds=11))
    for row in results.values():
        row["milliseconds"] = 1000 * row.pop("seconds") / REPEATED
    return results


def loop(run: Run) -> dict[str, Any]:
    """what batches, progress and bookkeeping cost over the bare steps, one thread"""
    results = {}
    for name, steps in LOOP_STEPS.items():
        group = f"{name}_loop"
        with processes(WAYS[group](1, 0), together=True) as own:
            found = interleaved(run, group, 3 * ROUNDS, steps, own=own)
        results[name] = {
            way: {key: found[way][key] - 1 for key in ("ratio", "lowest", "highest")}
            for way in ("bare", "gathering")
        }
    return results


def growth(run: Run) -> dict[str, Any]:
    """k-means with more images (by repetition), and with larger batches"""
    total = len(mnist(run.args.data).train.labels)
    results: dict[str, list[dict[str, Any]]] = {"images": [], "batch_size": []}
    with processes(WAYS["kmeans"](1, 0)) as own:
        for n in (total // 4, total, 4 * total):
            print(f"  {n:,} images")
            found = interleaved(run, "kmeans", 2, count=n, own=own)
            results["images"].append({"x": n} | seconds(found))
        for b in (16, 64, 256, 1024):
            print(f"  batches of {b}")
            found = interleaved(run, "kmeans", 2, b=b, own=own)
            results["batch_size"].append({"x": b} | seconds(found))
    run.save("growth", growth_figure(results))
    return results


def memory(run: Run) -> dict[str, Any]:
    """the most memory that each script holds at once, in MB"""
    data = ["--data", run.args.data] if run.args.data else []
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, script, part in [
            ("kmeans", "hw7/kmeans.py", "b"),
            ("cnn", "hw6/cnn.py", "all"),
            ("autoencoder", "hw7/autoencoder.py", "b"),
        ]:
            options = ["--part", part, "--epochs", "1", "--out", f"{folder}/{name}", *data]
            try:
                results[name] = peak_memory([str(ROOT / script), *options])
            except subprocess.CalledProcessError as error:
                raise UserError(f"{script} ended with status {error.returncode}") from error
            print(f"  {script}: {results[name]:,.0f} MB", flush=True)
    return results


ROWS = {  # of the table and the figure: title → part, peer, ours
    "k-means network": ("kmeans", "tutorial", "network"),
    "k-means by hand": ("kmeans", "tutorial", "by_hand"),
    f"{SIDE_BY_SIDE} such runs at once: each": ("kmeans", "tutorial", "side_by_side"),
    "CNN": ("cnn", "tutorial_all", "ours_all"),
    "the same, one thread": ("cnn", "tutorial_1", "ours_1"),
    "CNN, batch norm and dropout": ("cnn_regular", "tutorial_all", "ours_all"),
    "the same, one thread ": ("cnn_regular", "tutorial_1", "ours_1"),
    "autoencoder": ("autoencoder", "tutorial_all", "ours_all"),
    "the same, one thread  ": ("autoencoder", "tutorial_1", "ours_1"),
}


def table(run: Run) -> dict[str, Any]:
    """the epochs in one table and one figure"""
    if missing := sorted({part for part, _, _ in ROWS.values()} - run.results.keys()):
        raise UserError(f"argument --part: table needs the parts {', '.join(missing)} first; "
                        "run them into the same --out, each with --resume")  # fmt: skip
    lines = ["| seconds per epoch | tutorial | ours | ratio |", "| --- | --- | --- | --- |"]
    for title, (part, peer, ours) in ROWS.items():
        theirs, row = run.results[part][peer], run.results[part][ours]
        lines.append(
            f"| {title.strip()} | {theirs['seconds']:.2f} | {row['seconds']:.2f} | "
            f"{row['ratio']:.1f} ({row['lowest']:.1f} to {row['highest']:.1f}) |"
        )
    print(*(f"  {line}" for line in lines), sep="\n")
    run.write("table.md", ("\n".join(lines) + "\n").encode())
    run.save("speed", speed_figure(run.results))
    return machine()


def figures(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """What the summary holds of each way."""
    keys = ("seconds", "ratio", "lowest", "highest")
    return {name: {key: row[key] for key in keys} for name, row in results.items()}


def seconds(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {name: row["seconds"] for name, row in results.items()}


def growth_figure(results: dict[str, list[dict[str, Any]]]) -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    labels = {"images": "training images", "batch_size": "batch size b"}
    ways = {"tutorial": "tutorial", "network": "ours", "by_hand": "by hand"}
    for axes, (name, rows) in zip(panels, results.items()):
        x = [row["x"] for row in rows]
        for way, label in ways.items():
            axes.plot(x, [row[way] for row in rows], "o-", label=label)
        axes.set(xscale="log", yscale="log", xlabel=labels[name], ylabel="seconds per epoch")
        axes.set_xticks(x, [f"{value:,}" for value in x])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[1].legend()
    figure.suptitle("k-means: time of an epoch")
    return figure


def speed_figure(results: dict[str, Any]) -> Figure:
    """How many times as fast as the tutorial's loop, with the range over the rounds."""
    figure, axes = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
    for height, (part, peer, ours) in enumerate(ROWS.values()):
        row = results[part][ours]
        below, above = row["ratio"] - row["lowest"], row["highest"] - row["ratio"]
        axes.barh(height, row["ratio"], xerr=[[below], [above]], color="C0", capsize=3)
        text = f"  {results[part][peer]['seconds']:.2f} s → {row['seconds']:.2f} s"
        axes.text(row["highest"], height, text, va="center", fontsize=9)
    axes.axvline(1, color="black", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(ROWS)), [title.strip() for title in ROWS])
    axes.invert_yaxis()
    axes.set_xlim(
        right=1.3 * max(results[part][ours]["highest"] for part, _, ours in ROWS.values())
    )
    axes.set(xlabel="times as fast as the tutorial's loop", title="An epoch of MNIST")
    return figure


PARTS = {
    "kmeans": kmeans,
    "clustering": clustering,
    "cnn": cnn,
    "cnn_regular": cnn_regular,
    "autoencoder": autoencoder,
    "layers": layers,
    "loop": loop,
    "growth": growth,
    "memory": memory,
    "table": table,
}

if __name__ == "__main__":
    sys.exit(run_parts("bench/speed", __doc__, PARTS, batch_size=64))
