"""The backward pass of a convolutional layer by hand, equation by equation.

The layer computes a = w ∗ x + b and f = g(a). Backpropagation brings ∂ℓ/∂f, and each function
here turns it into the gradients of w, b and x. hw6/README.md derives the equations; the tests hold
them against autograd. Explicit rather than fast: nothing else in the project calls it.

Letters: n images, c channels of the input, k channels of the output, (u, v) a place in the kernel
and (i, j) one in the output; s is the stride.
"""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def backward_1x1(
    grad_f: Tensor, x: Tensor, w: Tensor, b: Tensor, g_prime: Activation
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of a 1×1 convolution of one channel, f^k_ij = g(w_k x_ij + b_k).

    Args:
        grad_f: ∂ℓ/∂f, (n, k, h, w).
        x: the input, (n, 1, h, w).
        w, b: a weight and a bias for each channel of the output, (k,).
        g_prime: the activation's derivative, as a function of what goes into it.

    Returns:
        ∂ℓ/∂w (k,), ∂ℓ/∂b (k,) and ∂ℓ/∂x (n, 1, h, w).
    """
    w, b = w[:, None, None], b[:, None, None]  # (k, 1, 1)
    a = w * x + b  # (n, k, h, w)
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
    """
    rows, columns = output_size(x, w, stride)
    a = b[:, None, None].expand(len(x), len(w), rows, columns).clone()
    for u, v in product(range(w.shape[2]), range(w.shape[3])):
        seen = x[window(u, v, rows, columns, stride)]  # (n, c, rows, columns)
        a += torch.einsum("kc,ncij->nkij", w[:, :, u, v], seen)  # [hw6 5]
    return a


def backward(
    grad_f: Tensor, x: Tensor, w: Tensor, b: Tensor, g_prime: Activation, stride: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of f = g(a), with `forward`'s a: any kernel, any stride, no padding.

    Args:
        grad_f: ∂ℓ/∂f, (n, k, rows, columns).
        x, w, b, stride: as in `forward`.
        g_prime: the activation's derivative, as a function of a.

    Returns:
        ∂ℓ/∂w, ∂ℓ/∂b and ∂ℓ/∂x, each shaped like what it belongs to.
    """
    delta = grad_f * g_prime(forward(x, w, b, stride))  # ∂ℓ/∂a [hw6 1]
    rows, columns = delta.shape[2:]
    grad_w, grad_x = torch.zeros_like(w), torch.zeros_like(x)
    for u, v in product(range(w.shape[2]), range(w.shape[3])):
        place = window(u, v, rows, columns, stride)
        # ∂ℓ/∂w_kcuv = Σ_n,ij δ^k_ij x_c,(si+u),(sj+v): what this weight was multiplied by [hw6 6]
        grad_w[:, :, u, v] = torch.einsum("nkij,ncij->kc", delta, x[place])
        # ∂ℓ/∂x_c,(si+u),(sj+v) gains Σ_k δ^k_ij w_kcuv for every output that saw it [hw6 7]
        grad_x[place] += torch.einsum("nkij,kc->ncij", delta, w[:, :, u, v])
    grad_b = delta.sum((0, 2, 3))  # [hw6 3]
    return grad_w, grad_b, grad_x


def output_size(x: Tensor, w: Tensor, stride: int) -> tuple[int, int]:
    """Rows and columns of the output: as many places as the kernel fits into the input."""
    return (
        (x.shape[2] - w.shape[2]) // stride + 1,
        (x.shape[3] - w.shape[3]) // stride + 1,
    )


def window(u: int, v: int, rows: int, columns: int, stride: int) -> tuple[slice, ...]:
    """The pixels x_(si+u),(sj+v) for all (i, j): those that the kernel's place (u, v) meets."""
    return (
        slice(None),
        slice(None),
        slice(u, u + stride * rows, stride),
        slice(v, v + stride * columns, stride),
    )
