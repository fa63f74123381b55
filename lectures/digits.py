"""A digit written into its image, for networks that are told which digit they see or make.

    split = attach_digits(run.mnist.train)    # images (N, 1, 29, 28)
    images, digits = detach_digits(x)         # (n, 1, 28, 28), (n,)

n images of a batch, N in all. So a network that needs both has one input, as all others do, and
trains in the loop of all others. In row 28 of the image, pixel d is 1 for the digit d.
"""

from common.data import Split

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

NOTHING = 10  # the digit of an image whose digit is not told


def attach_digits(split: Split) -> Split:
    """Images (N, 1, 28, 28) of digits 0 to 9 as (N, 1, 29, 28), with the same labels."""
    row = pad(one_hot(split.labels, 10), (0, 18)).to(split.images.dtype)  # (N, 28)
    return Split(torch.cat((split.images, row[:, None, None]), 2), split.labels)


def detach_digits(x: Tensor) -> tuple[Tensor, Tensor]:
    """The images (n, 1, 28, 28) and the digits (n,), int64, of `attach_digits`' images."""
    return x[:, :, :28], x[:, 0, 28, :10].argmax(1)
