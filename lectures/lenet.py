"""LeNet-5 as its paper has it, and a plain variant with today's parts.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86 (1998), section II. Both networks map images (n, 1, 28, 28), 0 for the
background and 1 for ink, to 10 scores (n, 10): the largest is the answer.
"""

from common import plots

import torch
from torch import Tensor, nn
from torch.nn import functional

# Table I of the paper: the maps of S2 that each of the 16 maps of C3 sees. Six see three neighbors
# (5 and 0 are neighbors, too), six see four neighbors, three see two pairs, and the last sees all.
C3_TABLE = [
    *[[(i + u) % 6 for u in range(3)] for i in range(6)],
    *[[(i + u) % 6 for u in range(4)] for i in range(6)],
    *[[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5]],
    [0, 1, 2, 3, 4, 5],
]

# What F6 should say to each digit: 7 × 12 pictures, drawn here after the paper's Figure 3.
BITMAPS = """
..###.. ...##.. .#####. .#####. ....##.
.##.##. ..###.. ##...## ##...## ...###.
##...## .####.. .....## .....## ...###.
##...## ...##.. .....## .....## ..####.
##...## ...##.. ....##. ....##. ..#.##.
##...## ...##.. ...##.. ..###.. .##.##.
##...## ...##.. ..##... ....##. .#..##.
##...## ...##.. .##.... .....## #######
##...## ...##.. ##..... .....## ....##.
##...## ...##.. ##..... .....## ....##.
.##.##. ...##.. ##...## ##...## ....##.
..###.. .###### ####### .#####. ....##.

####### ..####. ####### .#####. .#####.
##..... .##.... ##...## ##...## ##...##
##..... ##..... .....## ##...## ##...##
##..... ##..... ....##. ##...## ##...##
######. ##..... ....##. .##.##. ##...##
##...## ######. ...##.. ..###.. .######
.....## ##...## ...##.. .##.##. .....##
.....## ##...## ...##.. ##...## .....##
.....## ##...## ..##... ##...## .....##
.....## ##...## ..##... ##...## .....##
##...## ##...## ..##... ##...## ....##.
.#####. .#####. ..##... .#####. .####..
"""


def bitmaps() -> Tensor:
    """The codes of the ten digits, (10, 84): +1 where the picture is black, −1 elsewhere."""
    blocks = [block.splitlines() for block in BITMAPS.strip().split("\n\n")]
    pictures = [[row.split()[i] for row in block] for block in blocks for i in range(5)]
    return torch.tensor([[1.0 if c == "#" else -1.0 for c in "".join(p)] for p in pictures])


def squash(a: Tensor) -> Tensor:
    """f(a) = A·tanh(S·a) with A = 1.7159 and S = ⅔, so that f(1) = 1 and f(−1) = −1."""
    return 1.7159 * torch.tanh(2 / 3 * a)  # [l14 5]


def draw_weights(size: tuple[int, ...], fan_in: int) -> nn.Parameter:
    """Weights N(0, 1/F), F the inputs of a unit: lecture 13's start, for which `squash` is made.

    The paper's is uniform in ±2.4/F, of variance 1.92/F²: much less where F is large.
    """
    return nn.Parameter(torch.randn(size) / fan_in**0.5)


class Subsample(nn.Module):
    """S2 and S4: the sum of 2 × 2 entries, times a weight and plus a bias of the map, squashed.

    The weight begins as ¼, which makes the sum a mean: random ones would lose some of the maps.
    """

    def __init__(self, maps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.full((maps,), 0.25))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Tensor) -> Tensor:
        total = 4 * functional.avg_pool2d(x, 2)  # (n, maps, rows/2, columns/2)
        return squash(self.weight[:, None, None] * total + self.bias[:, None, None])  # [l14 6]


class TableConv(nn.Module):
    """C3: a 5 × 5 convolution whose output k sees only the maps table[k] of its input."""

    def __init__(self, inputs: int, table: list[list[int]]):
        super().__init__()
        to = [k for k, seen in enumerate(table) for _ in seen]
        seen = [c for row in table for c in row]
        self.register_buffer("place", torch.tensor([to, seen]), persistent=False)
        self.inputs, self.outputs = inputs, len(table)
        fans = [25 * len(table[k]) for k in to]
        self.weight = nn.Parameter(torch.cat([draw_weights((1, 5, 5), fan) for fan in fans]))
        self.bias = nn.Parameter(torch.zeros(len(table)))

    def forward(self, x: Tensor) -> Tensor:
        kernels = x.new_zeros(self.outputs, self.inputs, 5, 5)
        kernels = kernels.index_put(tuple(self.place), self.weight)  # the others stay 0 [l14 7]
        return functional.conv2d(x, kernels, self.bias)


def rbf(x: Tensor, centers: Tensor) -> Tensor:
    """y_i = Σ_j (x_j − c_ij)², of x (n, 84) and centers (10, 84): (n, 10). [l14 8]"""
    return (x[:, None] - centers).square().sum(2)


class LeNet5(nn.Module):
    """The paper's network: 60,000 parameters; its scores are −y, y the distances to the codes.

    Args:
        table: which maps of S2 each map of C3 sees; every one sees all with [list(range(6))] * 16.
        outputs: "rbf", or "linear" for ten linear units instead.
    """

    def __init__(self, table: list[list[int]] = C3_TABLE, outputs: str = "rbf"):
        super().__init__()
        self.C1 = nn.Conv2d(1, 6, 5)  # (n, 6, 28, 28) of (n, 1, 32, 32)
        self.S2 = Subsample(6)  # (n, 6, 14, 14)
        self.C3 = TableConv(6, table)  # (n, 16, 10, 10)
        self.S4 = Subsample(16)  # (n, 16, 5, 5)
        self.C5 = nn.Conv2d(16, 120, 5)  # (n, 120, 1, 1)
        self.F6 = nn.Linear(120, 84)
        self.linear = nn.Linear(84, 10) if outputs == "linear" else None
        for layer in (self.C1, self.C5, self.F6, *([self.linear] if self.linear else [])):
            layer.weight = draw_weights(layer.weight.shape, layer.weight[0].numel())
            nn.init.zeros_(layer.bias)
        self.register_buffer("codes", bitmaps(), persistent=False)  # fixed, not learned

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """What each layer makes of images (n, 1, 28, 28): name → its output."""
        # The paper's scale, background −0.1 and ink 1.175: about mean 0 and variance 1.
        x = functional.pad(1.275 * x - 0.1, (2, 2, 2, 2), value=-0.1)  # (n, 1, 32, 32)
        found = {"C1": squash(self.C1(x))}
        found["S2"] = self.S2(found["C1"])
        found["C3"] = squash(self.C3(found["S2"]))
        found["S4"] = self.S4(found["C3"])
        found["C5"] = squash(self.C5(found["S4"]))
        found["F6"] = squash(self.F6(found["C5"].flatten(1)))  # (n, 84)
        return found

    def forward(self, x: Tensor) -> Tensor:
        f6 = self.maps(x)["F6"]
        return -rbf(f6, self.codes) if self.linear is None else self.linear(f6)


def discriminative_loss(scores: Tensor, y: Tensor, j: float = 1.0) -> Tensor:
    """The paper's criterion (9): y_D + log(e^(−j) + Σ_i e^(−y_i)), mean over the images.

    The cross-entropy of eleven classes: ten with the scores −y_i, and "no digit" with the score −j.
    """
    rubbish = scores.new_full((len(scores), 1), -j)
    return functional.cross_entropy(torch.cat([scores, rubbish], 1), y)  # [l14 9]


def plain_lenet() -> nn.Sequential:
    """The same sizes with today's parts: ReLU, max pooling, full C3, ten logits. 61,706 numbers."""
    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)],  # (n, 6, 14, 14)
        *[nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)],  # (n, 16, 5, 5)
        *[nn.Conv2d(16, 120, 5), nn.ReLU(), nn.Flatten()],  # (n, 120)
        *[nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)],
    )


def tile(maps: Tensor) -> Tensor:
    """Maps (k, rows, columns) side by side in one picture, an empty column after each."""
    return torch.cat(list(functional.pad(maps, (0, 1), value=torch.nan)), 1)


def draw_maps(model: LeNet5, image: Tensor) -> plots.Figure:
    """What each layer of LeNet-5 makes of one image (1, 1, 28, 28), all on one gray scale."""
    with torch.no_grad():
        maps = {name: each[0].cpu() for name, each in model.maps(image).items()}
        answer = model(image).argmax().item()
    layers = ("C1", "S2", "C3", "S4")
    rows = {f"{name}: {len(maps[name])} maps": tile(maps[name]) for name in layers}
    pictures = torch.stack([maps["F6"], bitmaps()[answer]]).view(2, 12, 7)
    rows[f"F6, and its code for {answer}"] = tile(pictures)
    heights = [picture.shape[0] / max(picture.shape[1], 90) for picture in rows.values()]
    figure, axes = plots.subplots(5, 1, (7.5, 6), height_ratios=heights)
    for axis, (title, picture) in zip(axes, rows.items()):
        axis.imshow(picture.numpy(), cmap="gray", vmin=-1.7159, vmax=1.7159)
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_axis_off()
    return figure
