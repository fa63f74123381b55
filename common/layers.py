"""Dropout and bicubic upsampling with torch's results in less time on a CPU.

    nn.Sequential(..., Dropout(0.1), Upsample(scale_factor=2, mode="bicubic"), ...)

Subclasses of torch's layers under the same names, with the same arguments: a printed model reads
as if it had torch's own, and off the CPU they are torch's own. python -m bench measures both.
"""

import math
from functools import cache

import torch
from torch import Tensor, nn

LARGEST = 256  # pixels of a map that Upsample still multiplies by a matrix


class Dropout(nn.Dropout):
    """Zeroes each entry with probability p in training, and multiplies the others by 1/(1 − p).

    torch draws a float for every entry, on one thread. Here an entry costs 16 random bits of its
    global generator, which make the probability a multiple of 2^-16: off p by at most 2^-17.
    """

    def forward(self, x: Tensor) -> Tensor:
        dropped = round(self.p * 2**16)  # of the 2^16 values that 16 bits can take
        if not self.training or self.inplace or dropped in (0, 2**16) or x.device.type != "cpu":
            return super().forward(x)
        # All of int64's range: random_() alone would leave the top bit of each fourth 16 at 0.
        draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
        draws.random_(-(2**63), None)
        lanes = draws.view(torch.int16)  # from -2^15 to 2^15 - 1
        lanes.ge_(dropped - 2**15)  # in place: to compare to booleans takes far longer
        strides = torch.empty_like(x, device="meta").stride()  # channels last stay last
        keep = lanes.as_strided(x.shape, strides)
        return x * keep.to(x.dtype).div_(1 - self.p)


class Upsample(nn.Upsample):
    """Upsampling; the bicubic kind by a factor of 2 of small maps as one multiplication.

    Every pixel of the result is a fixed sum of pixels of the map, so that upsampling is a matrix:
    its rows are torch's own results for the maps with a single 1. Larger maps go torch's own way,
    since the matrix grows with the square of their pixels.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        if not doubles_small_maps(self, x):  # more than HW7 asks
            return super().forward(x)
        height, width = x.shape[-2:]
        matrix = doubling_matrix(height, width, x.dtype)
        return (x.flatten(2) @ matrix).unflatten(2, (2 * height, 2 * width))  # (n, c, 2h, 2w)


def doubles_small_maps(layer: nn.Upsample, x: Tensor) -> bool:
    """Whether one multiplication does what the layer does to x, and faster."""
    doubling = layer.mode == "bicubic" and layer.scale_factor == 2 and not layer.align_corners
    exact = x.dtype in (torch.float32, torch.float64)
    return doubling and exact and x.dim() == 4 and math.prod(x.shape[-2:]) <= LARGEST


@cache
@torch.inference_mode(False)  # for a first use in inference mode: more than HW7 asks
@torch.no_grad()
def doubling_matrix(height: int, width: int, dtype: torch.dtype) -> Tensor:
    """Bicubic upsampling by 2 of flattened maps, on the CPU: (height·width, 4·height·width)."""
    units = torch.eye(height * width, dtype=dtype, device="cpu").view(-1, 1, height, width)
    return nn.functional.interpolate(units, scale_factor=2, mode="bicubic").flatten(1)
