"""The block sketch of an autoencoder, drawn from the model's own stages and shapes."""

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor, nn

POINTWISE = (nn.ReLU, nn.Sigmoid, nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout)
WIDTH, HEIGHT = 4.4, 0.72  # of a box
ENCODER, DECODER = 0.0, 6.4  # left edges of the columns


def sketch(model: nn.Module) -> Figure:
    """Encoder left, downwards; decoder right, upwards; brackets join each stage with its inverse.

    Args:
        model: has `encoder` and `decoder`, nn.Sequential of the same number of stages that change
            the shape; the first of one is inverted by the last of the other, and so on.
    """
    image = torch.zeros(1, 1, 28, 28)
    down = blocks(model.encoder, image)
    up = blocks(model.decoder, model.eval().encoder(image))
    if len(down) != len(up):
        raise ValueError(f"{len(down)} stages in the encoder, {len(up)} in the decoder")
    figure, axes = plt.subplots(figsize=(9.6, 8.4), layout="constrained")
    rows = [-1.25 * i for i in range(len(down))]
    for y, (title, after, shape), (other, after_other, shape_other) in zip(rows, down, up[::-1]):
        box(axes, ENCODER, y, title, after, "#dbe9f6")
        box(axes, DECODER, y, other, after_other, "#fde3cf")
        label(axes, ENCODER + WIDTH / 2, y - 0.62, f"↓  {'z: ' * (y == rows[-1])}{shape}")
        label(axes, DECODER + WIDTH / 2, y + 0.62, f"↑  {'f: ' * (y == 0)}{shape_other}")
        bracket(axes, y)
    code(axes, rows[-1] - 1.3, down[-1][2])
    label(axes, ENCODER + WIDTH / 2, 0.62, f"↓  x: {' × '.join(map(str, image.shape[1:]))}")
    label(axes, ENCODER + WIDTH / 2, 1.05, "encoder g", size=13)
    label(axes, DECODER + WIDTH / 2, 1.05, "decoder f", size=13)
    axes.set(xlim=(-0.2, DECODER + WIDTH + 0.2), ylim=(rows[-1] - 2.15, 1.35))
    axes.axis("off")
    return figure


def blocks(stages: nn.Sequential, x: Tensor) -> list[tuple[str, str, str]]:
    """(what changes the shape, the pointwise layers after it, the shape that results) each."""
    found: list[tuple[str, str, str]] = []
    stages.eval()
    with torch.no_grad():
        for stage in stages:
            x = stage(x)
            shape = " × ".join(map(str, x.shape[1:]))
            if isinstance(stage, POINTWISE):
                title, after, _ = found.pop()
                found.append((title, " · ".join(filter(None, [after, described(stage)])), shape))
            else:
                found.append((described(stage), "", shape))
    return found


def described(stage: nn.Module) -> str:
    """A layer in a few words, from its own attributes."""
    match stage:
        case nn.Conv2d() | nn.ConvTranspose2d():
            kind = "transposed conv" if isinstance(stage, nn.ConvTranspose2d) else "conv"
            extra = [f"stride {stage.stride[0]}"]
            extra += [f"padding {stage.padding[0]}"] * (stage.padding[0] > 0)
            if any(stage.output_padding):
                extra += [f"output padding {stage.output_padding[0]}"]
            channels = f"{stage.in_channels}→{stage.out_channels}"
            size = "×".join(map(str, stage.kernel_size))
            return f"{kind} {channels}, {size}, {', '.join(extra)}"
        case nn.Linear():
            return f"linear {stage.in_features}→{stage.out_features}"
        case nn.MaxPool2d():
            return f"max-pool {stage.kernel_size}"
        case nn.Upsample():
            return f"{stage.mode} upsampling ×{stage.scale_factor:g}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return "batch norm"
        case nn.Dropout():
            return f"dropout {stage.p:g}"
    return {nn.ReLU: "ReLU", nn.Sigmoid: "sigmoid"}.get(type(stage), type(stage).__name__.lower())


def box(axes: Axes, x: float, y: float, title: str, after: str, colour: str) -> None:
    style = "round,pad=0.02,rounding_size=0.1"
    corner = (x, y - HEIGHT / 2)
    axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, style, facecolor=colour, edgecolor="0.4"))
    label(axes, x + WIDTH / 2, y + 0.15 * bool(after), title, size=9.5)
    label(axes, x + WIDTH / 2, y - 0.19, after, size=8.5, color="0.3")


def bracket(axes: Axes, y: float) -> None:
    """Joins the two boxes at height y."""
    left, right = ENCODER + WIDTH + 0.15, DECODER - 0.15
    for edge, inwards in ((left, 0.2), (right, -0.2)):
        x = [edge, edge + inwards, edge + inwards, edge]
        axes.plot(x, [y + 0.3, y + 0.3, y - 0.3, y - 0.3], color="0.4", linewidth=1)
    axes.plot([left + 0.2, right - 0.2], [y, y], color="0.4", linewidth=1)
    label(axes, (left + right) / 2, y + 0.14, "inverts", size=8)


def code(axes: Axes, y: float, shape: str) -> None:
    """The bottom of the sketch: from the code to what is decoded, and what the network returns."""
    left, right = ENCODER + WIDTH / 2, DECODER + WIDTH / 2
    label(axes, right, y + 0.68, f"↑  z2: {shape}")
    x = [left, left, right, right]
    axes.plot(x, [y + 0.5, y + 0.3, y + 0.3, y + 0.5], color="0.4", linewidth=1)
    text = "z2 = enc_mode · z + (2 − enc_mode) · N,   N standard Gaussian"
    label(axes, (left + right) / 2, y + 0.02, text, size=10)
    label(
        axes, (left + right) / 2, y - 0.4, f"returned: [z, f − x],  {shape} + 784 numbers", size=10
    )


def label(axes: Axes, x: float, y: float, text: str, size: float = 9, color: str = "black") -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=size, color=color)
