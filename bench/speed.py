"""How fast the project is: each part against a named peer, all in one run.

    python -m bench                      results/bench/speed/, ten to twenty minutes

Every round times each contender once, and ratios are taken round by round. "tutorial" is PyTorch's
beginner tutorial: its loop, its DataLoader over torchvision's MNIST, and torch's own layers. Each
contender has a process of its own. In the tutorial's, torch is as it comes. "_1" runs on one
thread, "_all" on all; of k-means, ours runs on one and the peers on all. Seconds are those of an
epoch of training; for the CNN and the autoencoder they are scaled up from 200 and 100 steps. The
committed run was made with --out bench/results/speed; bench/README.md explains it.
"""

import subprocess
import tempfile
from typing import Any

from bench.contenders import CONTENDERS, REPEATED
from bench.speed_figures import ROWS, draw_growth, draw_speed
from bench.timing import describe_machine, measure_in_turn, measure_peak_memory, start_processes
from bench.tutorial import load_quietly
from common import ROOT
from common.run import Run, UserError, run_parts
from hw7.clustering import inertia

ROUNDS = 5
LOOP_STEPS = {"kmeans": None, "cnn": 100, "autoencoder": 25}  # None: the whole epoch


def measure_kmeans(run: Run) -> dict[str, Any]:
    """an epoch of the k-means network the tutorial's way, ours, and by hand"""
    return select_numbers(measure_in_turn(run, "kmeans", ROUNDS))


def measure_clustering(run: Run) -> dict[str, Any]:
    """ten epochs by hand against MiniBatchKMeans, and Lloyd's algorithm against scikit-learn's"""
    results = measure_in_turn(run, "clustering", rounds=3)
    x0 = load_quietly(run.args.data).train.images.flatten(1)
    inertias = {name: inertia(x0, row["value"].to(x0)) for name, row in results.items()}
    print("  inertia: " + ", ".join(f"{name} {value:.3f}" for name, value in inertias.items()))
    return select_numbers(results) | {"inertia": inertias}


def measure_cnn(run: Run) -> dict[str, Any]:
    """HW6's network"""
    return select_numbers(measure_in_turn(run, "cnn", ROUNDS, steps=200))


def measure_cnn_regular(run: Run) -> dict[str, Any]:
    """HW6's network with batch norm and dropout"""
    return select_numbers(measure_in_turn(run, "cnn_regular", ROUNDS, steps=200))


def measure_autoencoder(run: Run) -> dict[str, Any]:
    """HW7's autoencoder"""
    results = measure_in_turn(run, "autoencoder", ROUNDS, steps=100)
    steps = min(100, -(-len(load_quietly(run.args.data).train.labels) // run.args.batch_size))
    faults = {name: row["page_faults"] / steps for name, row in results.items()}
    print("  page faults a step: " + ", ".join(f"{name} {n:.0f}" for name, n in faults.items()))
    return select_numbers(results) | {"page_faults_per_step": faults}


def measure_layers(run: Run) -> dict[str, Any]:
    """dropout and bicubic upsampling against torch's own, forward and backward, one thread"""
    results = select_numbers(measure_in_turn(run, "layers", rounds=11))
    for row in results.values():
        row["milliseconds"] = 1000 * row.pop("seconds") / REPEATED
    return results


def measure_loop(run: Run) -> dict[str, Any]:
    """what batches, progress and bookkeeping cost over the bare steps, one thread"""
    results = {}
    for network, steps in LOOP_STEPS.items():
        group = f"{network}_loop"
        with start_processes(CONTENDERS[group](1, 0), together=True) as own:
            found = measure_in_turn(run, group, 3 * ROUNDS, steps, own=own)
        results[network] = {
            name: {key: found[name][key] - 1 for key in ("ratio", "lowest", "highest")}
            for name in ("bare", "gathering")
        }
    return results


def measure_growth(run: Run) -> dict[str, Any]:
    """k-means with more images (by repetition), and with larger batches"""
    total = len(load_quietly(run.args.data).train.labels)
    results: dict[str, list[dict[str, Any]]] = {"images": [], "batch_size": []}
    with start_processes(CONTENDERS["kmeans"](1, 0)) as own:
        for n in (total // 4, total, 4 * total):
            print(f"  {n:,} images")
            found = measure_in_turn(run, "kmeans", 2, count=n, own=own)
            results["images"].append({"x": n} | select_seconds(found))
        for b in (16, 64, 256, 1024):
            print(f"  batches of {b}")
            found = measure_in_turn(run, "kmeans", 2, b=b, own=own)
            results["batch_size"].append({"x": b} | select_seconds(found))
    run.save("growth", draw_growth(results))
    return results


def measure_memory(run: Run) -> dict[str, Any]:
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
                results[name] = measure_peak_memory([str(ROOT / script), *options])
            except subprocess.CalledProcessError as error:
                raise UserError(f"{script} ended with status {error.returncode}") from error
            print(f"  {script}: {results[name]:,.0f} MB", flush=True)
    return results


def make_table(run: Run) -> dict[str, Any]:
    """the epochs in one table and one figure"""
    if missing := sorted({part for _, part, _, _ in ROWS} - run.results.keys()):
        raise UserError(f"argument --part: table needs the parts {', '.join(missing)} first; "
                        "run them into the same --out, each with --resume")  # fmt: skip
    lines = ["| seconds per epoch | tutorial | ours | ratio |", "| --- | --- | --- | --- |"]
    for title, part, peer, ours in ROWS:
        theirs, row = run.results[part][peer], run.results[part][ours]
        lines.append(
            f"| {title} | {theirs['seconds']:.2f} | {row['seconds']:.2f} | "
            f"{row['ratio']:.1f} ({row['lowest']:.1f} to {row['highest']:.1f}) |"
        )
    print(*(f"  {line}" for line in lines), sep="\n")
    run.write("table.md", ("\n".join(lines) + "\n").encode())
    run.save("speed", draw_speed(run.results))
    return describe_machine()


def select_numbers(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """What the summary holds of each contender."""
    keys = ("seconds", "ratio", "lowest", "highest")
    return {name: {key: row[key] for key in keys} for name, row in results.items()}


def select_seconds(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {name: row["seconds"] for name, row in results.items()}


PARTS = {
    "kmeans": measure_kmeans,
    "clustering": measure_clustering,
    "cnn": measure_cnn,
    "cnn_regular": measure_cnn_regular,
    "autoencoder": measure_autoencoder,
    "layers": measure_layers,
    "loop": measure_loop,
    "growth": measure_growth,
    "memory": measure_memory,
    "table": make_table,
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("bench/speed", __doc__, PARTS, argv, batch_size=64)
