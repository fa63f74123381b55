"""What else was tried to make training faster: each variant against ours as it is, one thread.

    python -m bench.trials               results/bench/trials/, three minutes

Measured are the steps alone, without the loop, in turn. A ratio above 1 means that the variant is
faster. The committed run was made with --out bench/results/trials. The variants are in
bench/variants.py.
"""

import sys
from typing import Any

from bench.timing import measure_in_turn
from common.run import Run, run_parts


def try_kmeans(run: Run) -> dict[str, Any]:
    """variants of the k-means network"""
    return select_ratios(measure_in_turn(run, "kmeans_variants", rounds=7))


def try_autoencoder(run: Run) -> dict[str, Any]:
    """variants of the autoencoder"""
    return select_ratios(measure_in_turn(run, "autoencoder_variants", rounds=5, steps=60))


def select_ratios(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    keys = ("ratio", "lowest", "highest")
    return {name: {key: row[key] for key in keys} for name, row in results.items()}


PARTS = {"kmeans": try_kmeans, "autoencoder": try_autoencoder}


def main(argv: list[str] | None = None) -> int:
    return run_parts("bench/trials", __doc__, PARTS, argv, batch_size=64)


if __name__ == "__main__":
    sys.exit(main())
