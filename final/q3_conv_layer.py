"""Final Q3: a convolutional layer by hand, forward and backward.

    python final/q3_conv_layer.py             everything, in seconds
    python final/q3_conv_layer.py --part b    the backward pass alone

A 2×2 image, two channels of output, 1×1 kernels with bias: f^k_ij = g(w_k x_ij + b_k). (a) Forward,
in whole numbers. (b) Backward: ∂ℓ/∂w = (7, −3), ∂ℓ/∂b = (3, 1), also by differences. (c) HW6's
equations for any kernel and stride against autograd, and how many outputs see each pixel. All in
float64 on the CPU. Figures and summary.json go to results/final/q3_conv_layer/; final/README.md
explains them.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw6.conv_backward import backward, backward_1x1, forward

import numpy as np
import torch
from torch import Tensor

KIND = {"dtype": torch.float64, "device": "cpu"}
X = torch.tensor([[[[1, -1], [2, 3]]]], **KIND)  # (n, 1, h, w), n = 1
W = torch.tensor([2, -2], **KIND)  # (k,), k = 2 channels
B = torch.tensor([-1, 3], **KIND)  # (k,)
TARGET = torch.tensor([[[[0, 0], [3, 3]], [[2, 3], [1, -1]]]], **KIND)  # (n, k, h, w)

Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, tuple[Activation, Activation]] = {  # g and g′
    "ReLU": (torch.relu, lambda a: (a > 0).double()),
    "sigmoid": (torch.sigmoid, lambda a: torch.sigmoid(a) * (1 - torch.sigmoid(a))),
    "tanh": (torch.tanh, lambda a: 1 - torch.tanh(a) ** 2),
}
# Channels in, channels out, kernel (rows, columns), stride.
LAYERS = [(1, 2, (1, 1), 1), (3, 4, (3, 3), 1), (2, 3, (4, 4), 2), (2, 2, (2, 3), 3)]


def forward_1x1(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """a^k_ij = w_k x_ij + b_k of images (n, 1, h, w) with w, b (k,): (n, k, h, w). [final 3.1]"""
    return w[:, None, None] * x + b[:, None, None]


def loss(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """ℓ = ½ Σ (f − target)² with f = ReLU(a), a sum over everything: ∂ℓ/∂f = f − target."""
    return 0.5 * ((torch.relu(forward_1x1(x, w, b)) - TARGET) ** 2).sum()  # [final 3.2]


def difference_quotients(
    function: Callable[..., Tensor], at: Sequence[Tensor], step: float = 1e-4
) -> list[Tensor]:
    """(ℓ(… θ + h …) − ℓ(… θ − h …)) / 2h for every number θ of `at`: a tensor for each of it."""
    quotients = []
    for i, values in enumerate(at):
        found = torch.empty_like(values)
        for index in np.ndindex(*values.shape):
            shift = torch.zeros_like(values)
            shift[index] = step
            up, down = ([*at[:i], values + h, *at[i + 1 :]] for h in (shift, -shift))
            found[index] = (function(*up) - function(*down)) / (2 * step)
        quotients.append(found)
    return quotients


def largest_deviation(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    return max((one - other).abs().max().item() for one, other in zip(found, expected))


def deviation_from_autograd(layer: tuple, name: str) -> float:
    """Of HW6's gradients of w, b and x, for one of LAYERS with random numbers."""
    channels, outputs, kernel, stride = layer
    g, g_prime = ACTIVATIONS[name]
    leaf = {"dtype": torch.float64, "requires_grad": True}
    x = torch.randn(3, channels, 8, 7, **leaf)
    w, b = torch.randn(outputs, channels, *kernel, **leaf), torch.randn(outputs, **leaf)
    f = g(torch.nn.functional.conv2d(x, w, b, stride))
    grad_f = torch.randn_like(f)
    expected = torch.autograd.grad(f, (w, b, x), grad_f)
    with torch.no_grad():
        return largest_deviation(backward(grad_f, x, w, b, g_prime, stride), expected)


def count_views(size: int, kernel: int, stride: int) -> Tensor:
    """How many outputs see each pixel (size, size): ∂ℓ/∂x where all weights and all ∂ℓ/∂f are 1."""
    x, w = torch.zeros(1, 1, size, size).double(), torch.ones(1, 1, kernel, kernel).double()
    b = torch.zeros(1).double()
    ones = torch.ones_like(forward(x, w, b, stride))
    return backward(ones, x, w, b, torch.ones_like, stride)[2][0, 0]


def draw_layer(layer: dict[str, Tensor]) -> plots.Figure:
    """Forward from left to right, then back: a panel for each of the layer's maps (h, w)."""
    columns = ["x", "a{}", "f{}", "∂ℓ/∂f{}", "δ{}", "∂ℓ/∂x"]
    figure = plots.new_figure((9.6, 3.6))
    axes = figure.subplot_mosaic([[name.format(k) for name in columns] for k in "¹²"])
    for name, values in layer.items():
        draw_numbers(axes[name], values, name)
    return figure


def draw_numbers(axes: plots.Axes, values: Tensor, title: str, scale: float = 8) -> None:
    """A map (h, w) with a number in each cell: red at `scale`, white at 0, blue at −`scale`."""
    axes.imshow(values.numpy(), cmap="RdBu_r", vmin=-scale, vmax=scale)
    for (i, j), value in np.ndenumerate(values.numpy()):
        axes.text(j, i, f"{value:g}".replace("-", "−"), ha="center", va="center")
    axes.set(xticks=[], yticks=[], title=title)


def part_a(run: Run) -> dict[str, Any]:
    """forward: two channels of one image"""
    a = forward_1x1(X, W, B)
    f = torch.relu(a)
    print(f"  x = {X[0, 0].tolist()}, w = {W.tolist()}, b = {B.tolist()}, g = ReLU")
    for k in range(2):
        print(f"  channel {k + 1}: a = {a[0, k].tolist()}, f = {f[0, k].tolist()}")
    general = forward(X, W[:, None, None, None], B)  # by HW6's loop over the kernel's places
    print(f"  the same by HW6's forward for any kernel: {torch.equal(a, general)}")
    return {"a": a[0].tolist(), "f": f[0].tolist(), "loss": loss(X, W, B).item()}


def part_b(run: Run) -> dict[str, Any]:
    """backward: by the equations, by differences, and by autograd"""
    a, (g, g_prime) = forward_1x1(X, W, B), ACTIVATIONS["ReLU"]
    grad_f = g(a) - TARGET
    grad_w, grad_b, grad_x = backward_1x1(grad_f, X, W, B, g_prime)
    delta = grad_f * g_prime(a) + 0.0  # + 0.0 makes 0 of −0
    print(f"  ℓ = ½ Σ (f − target)² = {loss(X, W, B):g}")
    layer = {"x": X[0, 0], "∂ℓ/∂x": grad_x[0, 0]}
    for k, mark in enumerate("¹²"):
        maps = {"a": a, "f": g(a), "∂ℓ/∂f": grad_f, "δ": delta}
        layer |= {name + mark: values[0, k] for name, values in maps.items()}
        print(f"  channel {k + 1}: ∂ℓ/∂f = {grad_f[0, k].tolist()}, δ = {delta[0, k].tolist()}")
        print(f"    ∂ℓ/∂w = Σ δ x = {grad_w[k]:g}, ∂ℓ/∂b = Σ δ = {grad_b[k]:g}")
    print(f"  ∂ℓ/∂x = Σ_k δ^k w_k = {grad_x[0, 0].tolist()}")
    run.save("b_layer", draw_layer(layer))
    by_hand, at = (grad_x, grad_w, grad_b), (X, W, B)
    wholes = [values.clone().requires_grad_() for values in at]
    deviations = {
        "autograd": largest_deviation(by_hand, torch.autograd.grad(loss(*wholes), wholes)),
        "differences": largest_deviation(by_hand, difference_quotients(loss, at)),
    }
    for name, deviation in deviations.items():
        print(f"  largest deviation from {name}: {deviation:.1e}")
    numbers = {"w": grad_w.tolist(), "b": grad_b.tolist(), "x": grad_x[0, 0].tolist()}
    return {**numbers, "deviations": deviations}


def part_c(run: Run) -> dict[str, Any]:
    """HW6's equations for any kernel and stride, and how many outputs see each pixel"""
    deviations = []
    print(f"  in  out  kernel  stride  largest deviation from autograd: {', '.join(ACTIVATIONS)}")
    for layer in LAYERS:
        channels, outputs, (rows, columns), stride = layer
        deviations.append([deviation_from_autograd(layer, name) for name in ACTIVATIONS])
        found = "  ".join(f"{deviation:.1e}" for deviation in deviations[-1])
        print(f"  {channels:2}  {outputs:3}  {rows} × {columns}   {stride:6}  {found}")
    figure, axes = plots.subplots(1, 2, size=(8, 4.3))
    views = {}
    for axis, stride in zip(axes, (1, 2)):
        views[f"stride_{stride}"] = count_views(8, 4, stride).tolist()
        draw_numbers(axis, count_views(8, 4, stride), f"4×4 kernel, stride {stride}", 26)
    figure.suptitle("how many outputs see each pixel of an 8×8 image")
    run.save("c_views", figure)
    return {"largest": max(map(max, deviations)), "views": views}


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("final/q3_conv_layer", __doc__, PARTS, argv, needs="torch", threads=1)


if __name__ == "__main__":
    sys.exit(main())
