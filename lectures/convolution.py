"""Convolution and pooling by hand, forward and backward, for lecture 14.

Sums are written out place by place, as in HW6, whose convolution without padding this builds on.
n images, c channels of the input, k channels of the output (one per filter), u × v a kernel, s the
stride.
"""

from itertools import product

from common.run import UserError
from hw6.conv_backward import backward, forward, window

import torch
from torch import Tensor
from torch.nn import functional


def place_count(size: int, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """Places of a kernel along one side of an image, and the rows it leaves out at the end.

    Raises:
        UserError: the kernel is larger than the padded image, or a number is not allowed.
    """
    if kernel < 1 or stride < 1 or padding < 0:
        raise UserError(
            f"arguments --kernel, --stride, --padding: came {kernel}, {stride}, {padding}, allowed "
            "are whole numbers from 1, from 1 and from 0"
        )
    spare = size + 2 * padding - kernel
    if spare < 0:
        raise UserError(
            f"argument --kernel: came {kernel}, allowed is at most {size + 2 * padding}, the side "
            "of the padded image; a larger --padding makes room"
        )
    return spare // stride + 1, spare % stride  # [l14 1]


def pad(x: Tensor, padding: int) -> Tensor:
    """x with `padding` rows and columns of zeros on each of the four sides."""
    return functional.pad(x, (padding,) * 4)


def conv2d(x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """b_k + Σ_cuv w_kcuv x_c,(si+u),(sj+v), of the padded x: (n, k, rows, columns).

    Args:
        x: (n, c, height, width).
        w: (k, c, u, v), a filter for each channel of the output; b: (k,).

    Raises:
        UserError: the kernel is larger than the padded image.
    """
    for side in (2, 3):
        place_count(x.shape[side], w.shape[side], stride, padding)
    return forward(pad(x, padding), w, b, stride)


def conv2d_backward(
    delta: Tensor, x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """∂ℓ/∂w, ∂ℓ/∂b and ∂ℓ/∂x from δ = ∂ℓ/∂(output), (n, k, rows, columns).

    HW6's equations on the padded image: what comes to the padding is thrown away.
    """
    grad_w, grad_b, grad_x = backward(delta, pad(x, padding), w, b, torch.ones_like, stride)
    return grad_w, grad_b, pad(grad_x, -padding)  # a negative padding cuts off


def windows(x: Tensor, size: int, stride: int) -> list[tuple[slice, ...]]:
    """For each place in a size × size window, in reading order: the pixels of x that meet it."""
    counts = [place_count(side, size, stride, 0)[0] for side in x.shape[2:]]
    return [window(u, v, *counts, stride) for u, v in product(range(size), repeat=2)]


def max_pool(x: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
    """The largest entry of each window of x (n, c, height, width), and which it was.

    Returns:
        The maxima and, in reading order from 0, their places in the window, (n, c, rows, columns)
        both. Of equal entries the first counts, as in torch.
    """
    seen = [x[place] for place in windows(x, size, stride)]
    best, which = seen[0], torch.zeros_like(seen[0], dtype=torch.int64)
    for number, values in enumerate(seen):
        better = values > best  # not ≥: the first of equals stays [l14 2]
        best, which = torch.where(better, values, best), torch.where(better, number, which)
    return best, which


def max_pool_backward(delta: Tensor, which: Tensor, x: Tensor, size: int, stride: int) -> Tensor:
    """∂ℓ/∂x: each δ goes to the one entry that was the maximum; `which` as from `max_pool`."""
    grad_x = torch.zeros_like(x)
    for number, place in enumerate(windows(x, size, stride)):
        grad_x[place] += delta * (which == number)  # [l14 3]
    return grad_x


def avg_pool(x: Tensor, size: int, stride: int) -> Tensor:
    """The mean of each window of x (n, c, height, width): (n, c, rows, columns)."""
    return sum(x[place] for place in windows(x, size, stride)) / size**2


def avg_pool_backward(delta: Tensor, x: Tensor, size: int, stride: int) -> Tensor:
    """∂ℓ/∂x: each δ is shared out evenly among the entries of its window."""
    grad_x = torch.zeros_like(x)
    for place in windows(x, size, stride):
        grad_x[place] += delta / size**2  # [l14 4]
    return grad_x
