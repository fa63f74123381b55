"""Lecture 13: the craft of training.

    python lectures/l13_training.py             everything, 5 to 8 minutes
    python lectures/l13_training.py --part e    the table of heuristics alone

(a) A minibatch's gradient is right on average, and its variance falls as 1/B. (b) Whitening.
(c) First weights of variance 1/n: what 30 layers keep of signals and gradients, for which
activation, and (d) whether such networks learn. (e) Each heuristic on and off. (f) Do later layers
want a smaller η? What to expect: slope −1 in (a), mean 0 and covariance I in (b), 2/n for ReLU in
(c), and in (e) that some heuristics change nothing. heuristics.py holds the heuristics,
heuristics_study.py (d) to (f); lectures/README.md explains the figures.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures.heuristics import ACTIVATIONS, DEPTH, GAINS, draw_weights, whiten
from lectures.heuristics_study import compare_heuristics, compare_layer_rates, train_deep

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SEEDS = (0, 1, 2)
DRAWS = 300  # minibatches of each size in (a)
IMAGES = {"a": 2048, "b": 5000, "c": 200}


def gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of the cross-entropy, averaged over the B examples, as one vector."""
    loss = functional.cross_entropy(model(x), y)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


def minibatch_errors(
    model: nn.Module, x: Tensor, y: Tensor, size: int, draws: int, replacement: bool, seed: int
) -> tuple[float, float]:
    """How far the gradients of random minibatches are from the whole gradient g of x, y.

    Returns:
        E‖g_B − g‖² over the draws, and ‖mean of g_B − g‖², which is 0 in the limit: no bias.
    """
    generator = torch.Generator().manual_seed(seed)
    whole, total, square = gradient(model, x, y), 0.0, 0.0
    for _ in range(draws):
        if replacement:
            index = torch.randint(len(y), (size,), generator=generator)
        else:
            index = torch.randperm(len(y), generator=generator)[:size]
        error = gradient(model, x[index], y[index]) - whole
        total, square = total + error, square + error.square().sum().item()
    return square / draws, (total / draws).square().sum().item()


def expected_variance(sigma2: float, B: np.ndarray, N: int, replacement: bool) -> np.ndarray:
    """E‖g_B − g‖² = σ²/B, σ² that of one image; without replacement times (N − B)/(N − 1)."""
    return sigma2 / B * (1 if replacement else (N - B) / (N - 1))  # [l13 1]


def measure_layers(activation: str, gain: float, x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """What DEPTH layers of 200 units with weights N(0, gain/n) do to inputs x (N, d).

    Returns:
        Root mean squares of each layer's output z and of ∂ℓ/∂z, (DEPTH,) both, where ∂ℓ/∂z of the
        last layer is N(0, 1).
    """
    generator, layers = torch.Generator().manual_seed(seed), []
    for _ in range(DEPTH):
        weights = torch.randn(200, x.shape[1], generator=generator) * (gain / x.shape[1]) ** 0.5
        weights = weights.to(x).requires_grad_()  # so that autograd remembers the layers
        x = ACTIVATIONS[activation]()(x @ weights.T)  # (N, 200)
        layers.append(x)
    top = torch.randn(x.shape, generator=generator).to(x)
    gradients = torch.autograd.grad(x, layers, top)
    return tuple(torch.stack([z.detach().cpu().double().square().mean().sqrt() for z in each])
                 for each in (layers, gradients))  # fmt: skip


def part_a(run: Run) -> dict[str, Any]:
    """minibatches: no bias, and a variance that falls as 1/B"""
    x, y = (each[: IMAGES["a"]] for each in run.mnist.train)
    x, N = x.flatten(1), len(y)
    model = nn.Sequential(nn.Linear(784, 20), nn.Tanh(), nn.Linear(20, 10))
    draw_weights(model, 1.0, run.args.seed)
    model.to(run.device)
    whole = gradient(model, x, y)
    singles = (gradient(model, x[i : i + 1], y[i : i + 1]) for i in range(N))
    sigma2 = sum((g - whole).square().sum().item() for g in singles) / N
    sizes = [B for B in (1, 4, 16, 64, 256, 1024) if B < N]
    rows: dict[str, Any] = {"N": N, "sizes": sizes, "sigma2": sigma2}
    figure, axes = plots.subplots()
    grid = np.geomspace(1, 0.9 * N, 50)
    for name, marker in (("with", "o"), ("without", "s")):
        errors = [
            minibatch_errors(model, x, y, B, DRAWS, name == "with", run.args.seed) for B in sizes
        ]
        variance, bias = (np.array(each) for each in zip(*errors))
        slope = np.polyfit(np.log(sizes), np.log(variance), 1)[0]
        share = variance / expected_variance(sigma2, np.array(sizes), N, name == "with")
        # Even without bias, a mean of DRAWS errors has a square of about variance/DRAWS.
        rows[name] = {"variance": variance.tolist(), "slope": slope, "share": share.tolist()}
        rows[name]["bias"] = (bias * DRAWS / variance).tolist()
        print(f"  {name} replacement: slope {slope:.3f}; measured/expected", share.round(2))
        law = expected_variance(sigma2, grid, N, name == "with")
        label = "σ²/B" if name == "with" else "σ²/B · (N − B)/(N − 1)"
        (line,) = axes.plot(grid, law, label=label)
        style = {"color": line.get_color(), "fillstyle": "none", "linestyle": ""}
        axes.plot(sizes, variance, marker, label=f"measured, {name} replacement", **style)
    axes.set(xscale="log", yscale="log", xlabel="images B in the minibatch")
    axes.set(ylabel="mean of ‖g_B − g‖²", title=f"How far a minibatch's gradient is off, N = {N}")
    axes.legend()
    axes.grid(alpha=0.3)
    run.save("a_variance", figure)
    return rows


def part_b(run: Run) -> dict[str, Any]:
    """whitening: mean 0 and covariance I, on two numbers of a digit and on its pixels"""
    images = run.mnist.train[0][: IMAGES["b"]].cpu().double()
    halves = images.unflatten(2, (2, 14)).sum((1, 3, 4))  # ink in the upper and lower half
    pixels = images.flatten(1)
    spectrum = torch.linalg.eigvalsh(pixels.T.cov(correction=0)).flip(0)
    (W, mean), (V, center) = whiten(pixels), whiten(halves)
    z = (pixels - mean) @ W.T
    figure, axes = plots.subplots(1, 3, (9.6, 3.3))
    axes[0].scatter(*halves.T, s=2, linewidths=0)
    axes[0].set(title="two numbers of a digit, raw", aspect="equal")
    axes[0].set(xlabel="ink, upper half (pixels)", ylabel="ink, lower half (pixels)")
    axes[1].scatter(*((halves - center) @ V.T).T, s=2, linewidths=0)
    axes[1].set(title="whitened", aspect="equal", xlabel="first number", ylabel="second number")
    axes[2].semilogy(spectrum[: len(W)], label="raw (pixel²)")
    axes[2].semilogy(torch.ones(len(W)), label="whitened")
    axes[2].set(title="all pixels", xlabel="direction, by its variance", ylabel="variance")
    axes[2].legend()
    run.save("b_whitening", figure)
    rows = {
        "directions": len(W),
        "mean": z.mean(0).abs().max().item(),
        "covariance": (z.T.cov(correction=0) - torch.eye(len(W))).abs().max().item(),
        "condition": (spectrum[0] / spectrum[len(W) - 1]).item(),
        "correlation": torch.corrcoef(halves.T)[0, 1].item(),
    }
    print(f"  {len(W)} of 784 directions vary, the first {rows['condition']:.1e} times the last")
    print(f"  whitened: |mean| ≤ {rows['mean']:.0e}, |covariance − I| ≤ {rows['covariance']:.0e}")
    return rows


def part_c(run: Run) -> dict[str, Any]:
    """first weights of variance gain/n: what 30 layers keep of the signal and of the gradient"""
    x = run.mnist.train[0][: IMAGES["c"]].flatten(1)
    x = (x - x.mean()) / x.std()  # one scale for all pixels
    rows: dict[str, Any] = {}
    figure, axes = plots.subplots(2, 4, (10.5, 5.2), sharex=True, sharey="row")
    for column, activation in zip(axes.T, ACTIVATIONS):
        for gain in GAINS:
            found = [measure_layers(activation, gain, x, seed) for seed in SEEDS]
            signal, back = (torch.stack(each).log().mean(0).exp() for each in zip(*found))
            column[0].semilogy(range(1, DEPTH + 1), signal, label=f"{gain:g}/n")
            column[1].semilogy(range(1, DEPTH + 1), back)
            row = {"signal": (signal[-1] / signal[0]).item(), "gradient": (back[0]).item()}
            rows.setdefault(activation, {})[f"{gain:g}"] = row
            print(f"  {activation:8} {gain:g}/n: from layer 1 to {DEPTH} the signal × "
                  f"{row['signal']:.1e}, back the gradient × {row['gradient']:.1e}")  # fmt: skip
        column[0].set_title(activation)
        column[1].set_xlabel("layer")
    axes[0, 0].set_ylabel("signal z, root mean square")
    axes[1, 0].set_ylabel("gradient ∂ℓ/∂z, root mean square")
    axes[0, 3].legend(title="variance of the weights", ncols=2, fontsize=8, loc="lower center")
    run.save("c_depth", figure)
    return rows


PARTS = {
    "a": part_a,
    "b": part_b,
    "c": part_c,
    "d": train_deep,
    "e": compare_heuristics,
    "f": compare_layer_rates,
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l13_training", __doc__, PARTS, argv, threads=1, epochs=6)


if __name__ == "__main__":
    sys.exit(main())
