"""Lecture 23: a network that turns one look of an image into another, and the looks.

    T = Translator()
    T(look)                                   # (n, 1, 24, 24), from −1 to 1, as the look
    find_edges(x), blur_quarter(x)            # computed looks of MNIST's digits x
    scans = load_scans()                      # other writers' digits, which scikit-learn has

n images of 24 × 24 pixels from −1 to 1, (n, 1, 24, 24). Isola et al., "pix2pix", 2017; Zhu, Park,
Isola and Efros, "CycleGAN", 2017.
"""

from common.data import Split

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    interpolate,
    max_pool2d,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
)


class Block(nn.Module):
    """x + two 3 × 3 convolutions of x."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Translator(nn.Module):
    """From images (n, 1, 24, 24) to images (n, 1, 24, 24): to 6 × 6 places and back, with a bridge.

    What it computes is added to its input, so that a fresh one leaves images nearly as they are.

    Args:
        width: features at 12 × 12; there are twice as many at 6 × 6.
    """

    def __init__(self, width: int = 24):
        super().__init__()
        self.begin = nn.Sequential(nn.Conv2d(4, width, 3, padding=1), nn.ReLU())
        self.middle = nn.Sequential(
            nn.Conv2d(width, 2 * width, 2, stride=2),  # (n, 2 width, 6, 6)
            Block(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 2, stride=2),
        )
        self.end = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 4, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.begin(pixel_unshuffle(x, 2))  # 2 × 2 pixels are the four features of one place
        h = torch.cat((h, self.middle(h)), 1)
        return torch.tanh(pixel_shuffle(self.end(h), 2) + 2 * x)


def find_edges(x: Tensor) -> Tensor:
    """Where a pixel's 3 × 3 neighborhood differs much: its range, from −1 for none to 1 for all."""
    largest, least = max_pool2d(x, 3, 1, 1), -max_pool2d(-x, 3, 1, 1)
    return largest - least - 1


def blur_quarter(x: Tensor) -> Tensor:
    """Means of 4 × 4 pixels, each in the place of its 16: an image of 6 × 6 numbers."""
    return interpolate(avg_pool2d(x, 4), scale_factor=4)


def cycle_loss(back: nn.Module, drawn: Tensor, x: Tensor) -> Tensor:
    """The mean of |back(drawn) − x| over images and pixels; drawn was made of x.

    0 where back undoes what made drawn of x.
    """
    return (back(drawn) - x).abs().mean()  # [l23 3]


def load_scans() -> Split:
    """scikit-learn's 1,797 digits of 8 × 8 pixels, as images (N, 1, 24, 24), and their labels.

    They fill their frame, and MNIST's fill 20 × 20 pixels: so they are enlarged to these.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    small = torch.from_numpy(data.images).float()[:, None] / 16  # (N, 1, 8, 8), 0 to 1
    large = interpolate(small, size=(20, 20), mode="bilinear")
    return Split(2 * pad(large, [2] * 4) - 1, torch.from_numpy(data.target).long())


def split_scans(count: int, seed: int, device: torch.device | str) -> tuple[Split, Split]:
    """`load_scans` in a random order, on the device: all but so many, and these, held out."""
    images, labels = load_scans()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    parts = order[count:], order[:count]
    known, other = (Split(images[part].to(device), labels[part].to(device)) for part in parts)
    return known, other


@torch.no_grad()
def translate(T: nn.Module, x: Tensor) -> Tensor:
    """T(x), 500 images at once."""
    return torch.cat([T(part) for part in x.split(500)])
