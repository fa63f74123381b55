"""Final Q5: its figures. They draw over m nodes of [0, 1], x or z."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common import plots

from torch import Tensor


def draw_generator(
    nodes: Tensor, best: Mapping[str, Tensor], samples: Tensor, density: Callable[[Tensor], Tensor]
) -> plots.Figure:
    """The best generators, (m,) each, and samples (n,) of the first with the density of X."""
    figure, axes = plots.subplots(1, 2, size=(9, 3.8))
    for (label, g), kind, style in zip(best.items(), ("increasing", "the other one"), ("-", "--")):
        axes[0].plot(nodes, g, style, label=f"{label}, {kind}")
    axes[0].set(xlabel="z", ylabel="G(z)")
    axes[1].hist(samples, bins=40, density=True, alpha=0.4, label=f"{len(samples):,} samples")
    axes[1].plot(nodes, density(nodes), label="2 − 2x")
    axes[1].set(xlabel="x", ylabel="density")
    for axis in axes:
        axis.legend()
    return figure


def draw_training(
    nodes: Tensor, best: Mapping[str, Tensor], pairs: Mapping[str, Sequence[Mapping[str, Any]]]
) -> plots.Figure:
    """For each setting: the distance per step, G and D in the end; a line per seed."""
    figure, axes = plots.subplots(2, 3, size=(10.5, 6), sharex="col", sharey="col")
    for row, (name, chosen) in zip(axes, pairs.items()):
        for pair in chosen:
            row[0].semilogy(pair["step"], pair["ks"])
            row[1].plot(nodes, pair["g"])
            row[2].plot(nodes, pair["d"])
        for (label, g), style in zip(best.items(), ("k--", "k:")):
            row[1].plot(nodes, g, style, label=label)
        row[2].axhline(0.5, color="black", linestyle="-.", linewidth=1, label="½")
        for axis, label in zip(row, (f"{name}\nKolmogorov–Smirnov distance", "G(z)", "D(x)")):
            axis.set_ylabel(label)
    for axis, label in zip(axes[1], ("step", "z", "x")):
        axis.set_xlabel(label)
    lines = [*axes[0, 1].lines[-2:], axes[0, 2].lines[-1]]
    figure.legend(handles=lines, loc="outside lower center", ncols=3)
    return figure
