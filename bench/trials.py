"""What else was tried to make training faster: each variant against ours as it is, one thread.

    python -m bench.trials               results/bench/trials/, three minutes

The steps alone, without the loop, in turn. A ratio above 1 means that the variant is faster. The
committed run was made with --out bench/results/trials; bench/variants.py holds the variants.
"""

import sys
from typing import Any

from bench.timing import interleaved
from common.run import Run, run_parts


def kmeans(run: Run) -> dict[str, Any]:
    """variants of the k-means network"""
    return ratios(interleaved(run, "kmeans_variants", rounds=7))


def autoencoder(run: Run) -> dict[str, Any]:
    """variants of the autoencoder"""
    return ratios(interleaved(run, "autoencoder_variants", rounds=5, steps=60))


def ratios(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    keys = ("ratio", "lowest", "highest")
    return {name: {key: row[key] for key in keys} for name, row in results.items()}


PARTS = {"kmeans": kmeans, "autoencoder": autoencoder}

if __name__ == "__main__":
    sys.exit(run_parts("bench/trials", __doc__, PARTS, batch_size=64))
