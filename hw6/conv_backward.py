"""The backward pass of a convolutional layer by hand, equation by equation.

The layer computes a = w ∗ x + b and f = g(a). Backpropagation brings ∂ℓ/∂f. The functions here
turn it into the gradients of w, b and x. hw6/README.md derives the equations, and the tests hold
them against autograd. The code is explicit rather than fast; nothing else in the project calls it.

Letters: n images, c input channels, k output channels, (u, v) a position in the kernel, (i, j) one
in the output, and s the stride.
"""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def backward_1x1(
    grad_f: Tensor, x: Tensor, w: Tensor, b: Tensor, g_prime: Activation
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of a 1×1 convolution of one input channel, f^k_ij = g(w_k x_ij + b_k).

    Args:
        grad_f: ∂ℓ/∂f, (n, k, height, width).
        x: the input, (n, 1, height, width).
        w, b: a weight and a bias for each output channel, (k,).
        g_prime: the derivative of the activation g, as a function of a.

    Returns:
        ∂ℓ/∂w (k,), ∂ℓ/∂b (k,) and ∂ℓ/∂x (n, 1, height, width).

    Raises:
        ValueError: the shapes do not fit together.
    """
    check_shape("x", x, "n", 1, "height", "width")
    check_shape("w", w, "k")
    check_shape("b", b, len(w))
    check_shape("grad_f", grad_f, len(x), len(w), *x.shape[2:])
    w, b = w[:, None, None], b[:, None, None]  # (k, 1, 1)
    a = w * x + b  # (n, k, height, width)
    delta = grad_f * g_prime(a)  # ∂ℓ/∂a = ∂ℓ/∂f · g′(a) [hw6 1]
    grad_w = (delta * x).sum((0, 2, 3))  # ∂ℓ/∂w_k = Σ_n,ij δ^k_ij x_ij [hw6 2]
    grad_b = delta.sum((0, 2, 3))  # ∂ℓ/∂b_k = Σ_n,ij δ^k_ij [hw6 3]
    grad_x = (delta * w).sum(1, keepdim=True)  # ∂ℓ/∂x_ij = Σ_k δ^k_ij w_k [hw6 4]
    return grad_w, grad_b, grad_x


def forward(x: Tensor, w: Tensor, b: Tensor, stride: int = 1) -> Tensor:
    """a^k_ij = b_k + Σ_c,uv w_kcuv x_c,(si+u),(sj+v), without padding: (n, k, rows, columns).

    Args:
        x: (n, c, height, width).
        w: (k, c, kernel height, kernel width).
        b: (k,).

    Raises:
        ValueError: the shapes do not fit together, or the kernel is larger than the input.
    """
    check_shape("x", x, "n", "c", "height", "width")
    check_shape("w", w, "k", x.shape[1], "kernel height", "kernel width")
    check_shape("b", b, len(w))
    rows, columns = output_size(x, w, stride)
    a = b[:, None, None].expand(len(x), len(w), rows, columns).clone()
    for u, v in product(range(w.shape[2]), range(w.shape[3])):
        seen = x[window(u, v, rows, columns, stride)]  # (n, c, rows, columns)
        a += torch.einsum("kc,ncij->nkij", w[:, :, u, v], seen)  # [hw6 5]
    return a


def backward(
    grad_f: Tensor, x: Tensor, w: Tensor, b: Tensor, g_prime: Activation, stride: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of f = g(a), with the a of `forward`: any kernel, any stride, no padding.

    Args:
        grad_f: ∂ℓ/∂f, (n, k, rows, columns).
        x, w, b, stride: as in `forward`.
        g_prime: the derivative of the activation g, as a function of a.

    Returns:
        ∂ℓ/∂w, ∂ℓ/∂b and ∂ℓ/∂x, with the shapes of w, b and x.

    Raises:
        ValueError: as in `forward`, or `grad_f` does not have the output's shape.
    """
    a = forward(x, w, b, stride)
    check_shape("grad_f", grad_f, *a.shape)
    delta = grad_f * g_prime(a)  # ∂ℓ/∂a = ∂ℓ/∂f · g′(a) [hw6 1]
    rows, columns = delta.shape[2:]
    grad_w, grad_x = torch.zeros_like(w), torch.zeros_like(x)
    for u, v in product(range(w.shape[2]), range(w.shape[3])):
        pixels = window(u, v, rows, columns, stride)
        # ∂ℓ/∂w_kcuv = Σ_n,ij δ^k_ij x_c,(si+u),(sj+v): what this weight was multiplied by [hw6 6]
        grad_w[:, :, u, v] = torch.einsum("nkij,ncij->kc", delta, x[pixels])
        # ∂ℓ/∂x_c,(si+u),(sj+v) gains Σ_k δ^k_ij w_kcuv for every output that saw it [hw6 7]
        grad_x[pixels] += torch.einsum("nkij,kc->ncij", delta, w[:, :, u, v])
    grad_b = delta.sum((0, 2, 3))  # [hw6 3]
    return grad_w, grad_b, grad_x


def output_size(x: Tensor, w: Tensor, stride: int) -> tuple[int, int]:
    """Rows and columns of the output: the number of places where the kernel fits in the input."""
    if stride < 1:
        raise ValueError(f"stride: came {stride}, allowed is 1 or more")
    rows = (x.shape[2] - w.shape[2]) // stride + 1
    columns = (x.shape[3] - w.shape[3]) // stride + 1
    if min(rows, columns) < 1:
        raise ValueError(f"the kernel {tuple(w.shape[2:])} is larger than the input "
                         f"{tuple(x.shape[2:])}")  # fmt: skip
    return rows, columns


def window(u: int, v: int, rows: int, columns: int, stride: int) -> tuple[slice, ...]:
    """Index of the pixels x_(si+u),(sj+v) for all (i, j): those that meet position (u, v)."""
    return (
        slice(None),
        slice(None),
        slice(u, u + stride * rows, stride),
        slice(v, v + stride * columns, stride),
    )


def check_shape(name: str, tensor: Tensor, *expected: int | str) -> None:
    """Raise ValueError unless the tensor has the expected sizes; a name stands for any size."""
    sizes = tuple(tensor.shape)
    fits = (isinstance(size, str) or size == n for size, n in zip(expected, sizes))
    if len(sizes) != len(expected) or not all(fits):
        shape = ", ".join(map(str, expected))
        raise ValueError(f"{name}: came the shape {sizes}, expected is ({shape})")
