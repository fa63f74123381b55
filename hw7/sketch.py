"""HW7 Q2 (a): the block sketch of an autoencoder, drawn from the model's own layers and shapes."""

from functools import partial

from common import plots

import torch
from torch import Tensor, nn

POINTWISE = (nn.ReLU, nn.Sigmoid, nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout)
CONV = "conv {0.in_channels}→{0.out_channels}, {0.kernel_size[0]}×{0.kernel_size[1]}"
WORDS = {
    nn.Conv2d: CONV + ", stride {0.stride[0]}",
    nn.ConvTranspose2d: "transposed " + CONV + ", stride {0.stride[0]}",
    nn.Linear: "linear {0.in_features}→{0.out_features}",
    nn.MaxPool2d: "max-pool {0.kernel_size}",
    nn.Upsample: "{0.mode} upsampling ×{0.scale_factor:g}",
    (nn.BatchNorm1d, nn.BatchNorm2d): "batch norm",
    nn.Dropout: "dropout {0.p:g}",
    nn.ReLU: "ReLU",
}
WIDTH, HEIGHT, STEP = 4.4, 0.72, 1.25  # of a box; from one box to the next
ENCODER, DECODER = 0.0, 6.4  # left edges of the columns
LINE = {"color": "0.4", "linewidth": 1}


def sketch(model: nn.Module) -> plots.Figure:
    """Encoder left, downwards; decoder right, upwards; brackets join each stage with its inverse.

    A stage is a layer that changes the shape, and the pointwise layers after it.

    Args:
        model: has `encoder` and `decoder`, nn.Sequential of the same number of stages: the first
            of one is inverted by the last of the other, and so on.

    Raises:
        ValueError: their numbers of stages differ.
    """
    image = torch.zeros(1, 1, 28, 28)
    down = list_stages(model.encoder, image)
    up = list_stages(model.decoder, model.encoder(image))
    if len(down) != len(up):  # more than HW7 asks
        raise ValueError(f"{len(down)} stages in the encoder, {len(up)} in the decoder")
    figure, axes = plots.subplots(size=(9.6, 8.4))
    write = partial(axes.text, ha="center", va="center", fontsize=9)
    left, right, bottom = ENCODER + WIDTH / 2, DECODER + WIDTH / 2, -STEP * (len(down) - 1)
    start, end, middle = ENCODER + WIDTH + 0.15, DECODER - 0.15, (left + right) / 2  # of a bracket
    write(left, 1.05, "encoder g", fontsize=13)
    write(right, 1.05, "decoder f", fontsize=13)
    write(left, STEP / 2, f"↓  x: {' × '.join(map(str, image.shape[1:]))}")
    for i, (stage, inverse) in enumerate(zip(down, up[::-1])):
        y = -STEP * i
        for x, (layer, after, _), color in ((left, stage, "#dbe9f6"), (right, inverse, "#fde3cf")):
            axes.barh(y, WIDTH, HEIGHT, left=x - WIDTH / 2, color=color, edgecolor="0.4")
            write(x, y + 0.15 * bool(after), layer, fontsize=9.5)
            write(x, y - 0.19, after, fontsize=8.5, color="0.3")
        write(left, y - STEP / 2, f"↓  {'z: ' * (y == bottom)}{stage[2]}")
        write(right, y + STEP / 2, f"↑  {'f: ' * (y == 0)}{inverse[2]}")
        for edge, inner in ((start, start + 0.2), (end, end - 0.2)):
            axes.plot([edge, inner, inner, edge], [y + 0.3, y + 0.3, y - 0.3, y - 0.3], **LINE)
        axes.plot([start + 0.2, end - 0.2], [y, y], **LINE)
        write(middle, y + 0.14, "inverts", fontsize=8)
    y, code = bottom - STEP, down[-1][2]
    axes.plot([left, left, right, right], [y + 0.45, y + 0.25, y + 0.25, y + 0.45], **LINE)
    write(right, y + STEP / 2, f"↑  z2: {code}")
    write(middle, y, "z2 = enc_mode · z + (2 − enc_mode) · N,   N standard Gaussian", fontsize=10)
    write(middle, y - 0.42, f"returned: [z, f − x],  {code} + 784 numbers", fontsize=10)
    axes.set(xlim=(-0.2, DECODER + WIDTH + 0.2), ylim=(bottom - 2.15, 1.35))
    axes.axis("off")
    return figure


@torch.no_grad()
def list_stages(layers: nn.Sequential, x: Tensor) -> list[tuple[str, str, str]]:
    """(the layer that changes the shape, the pointwise ones after it, the new shape) each."""
    stages: list[tuple[str, str, str]] = []
    for layer in layers.eval():
        x = layer(x)
        text, shape = describe_layer(layer), " × ".join(map(str, x.shape[1:]))
        if isinstance(layer, POINTWISE):
            first, after, _ = stages.pop()
            stages.append((first, f"{after} · {text}".removeprefix(" · "), shape))
        else:
            stages.append((text, "", shape))
    return stages


def describe_layer(layer: nn.Module) -> str:
    """A layer in a few words, from its own attributes."""
    kinds = [kind for kind in WORDS if isinstance(layer, kind)]
    text = WORDS[kinds[0]].format(layer) if kinds else type(layer).__name__.lower()
    for name in ("padding", "output_padding"):
        if isinstance(value := getattr(layer, name, 0), tuple) and any(value):
            text += f", {name.replace('_', ' ')} {value[0]}"
    return text
