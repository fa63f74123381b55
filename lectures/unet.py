"""Lecture 20: the network that is asked, of a noisy digit, what it was.

    network = UNet()
    network(x, t, digit)  # (n, 1, 24, 24): as many numbers as pixels, for `Diffusion` to read

n images of 24 × 24 pixels. Ronneberger, Fischer and Brox, "U-Net", 2015: down to few pixels with
many features, up again, and a bridge on each height over which the detail goes directly.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, silu


class Block(nn.Module):
    """x + two 3 × 3 convolutions of x; in between, the condition scales and shifts each feature.

    The last convolution starts at 0, so that a fresh block passes x on unchanged.
    """

    def __init__(self, width: int, condition: int):
        super().__init__()
        self.first, self.second = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.into = nn.Conv2d(width, width, 3, padding=1)
        self.back = nn.Conv2d(width, width, 3, padding=1)
        self.control = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.back.weight)
        nn.init.zeros_(self.back.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.control(condition)[:, :, None, None].chunk(2, 1)  # (n, width, 1, 1)
        h = self.into(silu(self.first(x)))
        return x + self.back(silu(self.second(h) * (1 + scale) + shift))


class UNet(nn.Module):
    """From images (n, 1, 24, 24), t in [0, 1] (n,) and digits (n,), 10 for an untold one.

    Args:
        width: features at 12 × 12; there are twice as many at 6 × 6.
        condition: numbers that tell every block t and the digit.
        depth: blocks at 6 × 6.
    """

    def __init__(self, width: int = 48, condition: int = 128, depth: int = 2):
        super().__init__()
        self.digit = nn.Embedding(11, condition)
        self.time = nn.Sequential(
            nn.Linear(32, condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.begin = nn.Conv2d(4, width, 3, padding=1)  # (n, width, 12, 12)
        self.down = Block(width, condition)
        self.shrink = nn.Conv2d(width, 2 * width, 2, stride=2)  # (n, 2 width, 6, 6)
        self.middle = nn.ModuleList(Block(2 * width, condition) for _ in range(depth))
        self.grow = nn.ConvTranspose2d(2 * width, width, 2, stride=2)  # (n, width, 12, 12)
        self.merge = nn.Conv2d(2 * width, width, 1)
        self.up = Block(width, condition)
        self.end = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, 4, 3, padding=1)
        )

    def forward(self, x: Tensor, t: Tensor, digit: Tensor) -> Tensor:
        frequencies = math.pi / 2 * 2 ** torch.linspace(0, 8, 16, device=t.device)
        angles = t[:, None] * frequencies  # (n, 16)
        waves = torch.cat((angles.sin(), angles.cos()), 1)
        condition = silu(self.time(waves) + self.digit(digit))
        # 2 × 2 pixels become the four features of one place
        bridge = h = self.down(self.begin(pixel_unshuffle(x, 2)), condition)
        h = self.shrink(h)
        for block in self.middle:
            h = block(h, condition)
        h = self.merge(torch.cat((self.grow(h), bridge), 1))
        return pixel_shuffle(self.end(self.up(h, condition)), 2)
