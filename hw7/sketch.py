"""HW7 Q2 (a): the block sketch of an autoencoder, drawn from the model's own layers and shapes."""

from common import plots

import torch
from torch import Tensor, nn

POINTWISE = (nn.ReLU, nn.Sigmoid, nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout)
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
    if len(down) != len(up):
        raise ValueError(f"{len(down)} stages in the encoder, {len(up)} in the decoder")
    figure, axes = plots.subplots(size=(9.6, 8.4))
    left, right, bottom = ENCODER + WIDTH / 2, DECODER + WIDTH / 2, -STEP * (len(down) - 1)
    for i, ((layer, after, shape), (inverse, after_it, shape_up)) in enumerate(zip(down, up[::-1])):
        y = -STEP * i
        draw_box(axes, ENCODER, y, layer, after, "#dbe9f6")
        draw_box(axes, DECODER, y, inverse, after_it, "#fde3cf")
        add_text(axes, left, y - STEP / 2, f"↓  {'z: ' * (y == bottom)}{shape}")
        add_text(axes, right, y + STEP / 2, f"↑  {'f: ' * (y == 0)}{shape_up}")
        draw_bracket(axes, y)
    draw_code(axes, bottom - STEP, down[-1][2])
    add_text(axes, left, STEP / 2, f"↓  x: {' × '.join(map(str, image.shape[1:]))}")
    add_text(axes, left, 1.05, "encoder g", size=13)
    add_text(axes, right, 1.05, "decoder f", size=13)
    axes.set(xlim=(-0.2, DECODER + WIDTH + 0.2), ylim=(bottom - 2.15, 1.35))
    axes.axis("off")
    return figure


@torch.no_grad()
def list_stages(layers: nn.Sequential, x: Tensor) -> list[tuple[str, str, str]]:
    """(the layer that changes the shape, the pointwise ones after it, the new shape) each."""
    stages: list[tuple[str, str, str]] = []
    layers.eval()
    for layer in layers:
        x = layer(x)
        shape = " × ".join(map(str, x.shape[1:]))
        if isinstance(layer, POINTWISE):
            first, after, _ = stages.pop()
            after = " · ".join(filter(None, [after, describe_layer(layer)]))
            stages.append((first, after, shape))
        else:
            stages.append((describe_layer(layer), "", shape))
    return stages


def describe_layer(layer: nn.Module) -> str:
    """A layer in a few words, from its own attributes."""
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            kind = "transposed conv" if isinstance(layer, nn.ConvTranspose2d) else "conv"
            options = [f"stride {layer.stride[0]}"]
            options += [f"padding {layer.padding[0]}"] * (layer.padding[0] > 0)
            if any(layer.output_padding):
                options += [f"output padding {layer.output_padding[0]}"]
            channels = f"{layer.in_channels}→{layer.out_channels}"
            size = "×".join(map(str, layer.kernel_size))
            return f"{kind} {channels}, {size}, {', '.join(options)}"
        case nn.Linear():
            return f"linear {layer.in_features}→{layer.out_features}"
        case nn.MaxPool2d():
            return f"max-pool {layer.kernel_size}"
        case nn.Upsample():
            return f"{layer.mode} upsampling ×{layer.scale_factor:g}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return "batch norm"
        case nn.Dropout():
            return f"dropout {layer.p:g}"
    return {nn.ReLU: "ReLU", nn.Sigmoid: "sigmoid"}.get(type(layer), type(layer).__name__.lower())


def draw_box(axes: plots.Axes, x: float, y: float, layer: str, after: str, color: str) -> None:
    """A box with the left edge x and the middle y: a stage."""
    axes.barh(y, WIDTH, HEIGHT, left=x, color=color, edgecolor="0.4")
    add_text(axes, x + WIDTH / 2, y + 0.15 * bool(after), layer, size=9.5)
    if after:
        add_text(axes, x + WIDTH / 2, y - 0.19, after, size=8.5, color="0.3")


def draw_bracket(axes: plots.Axes, y: float) -> None:
    """Joins the two boxes at height y."""
    left, right = ENCODER + WIDTH + 0.15, DECODER - 0.15
    for edge, inner in ((left, left + 0.2), (right, right - 0.2)):
        axes.plot([edge, inner, inner, edge], [y + 0.3, y + 0.3, y - 0.3, y - 0.3], **LINE)
    axes.plot([left + 0.2, right - 0.2], [y, y], **LINE)
    add_text(axes, (left + right) / 2, y + 0.14, "inverts", size=8)


def draw_code(axes: plots.Axes, y: float, shape: str) -> None:
    """The bottom of the sketch: from the code to what is decoded, and what the network returns."""
    left, right = ENCODER + WIDTH / 2, DECODER + WIDTH / 2
    middle = (left + right) / 2
    add_text(axes, right, y + STEP / 2, f"↑  z2: {shape}")
    axes.plot([left, left, right, right], [y + 0.45, y + 0.25, y + 0.25, y + 0.45], **LINE)
    noise = "z2 = enc_mode · z + (2 − enc_mode) · N,   N standard Gaussian"
    add_text(axes, middle, y, noise, size=10)
    add_text(axes, middle, y - 0.42, f"returned: [z, f − x],  {shape} + 784 numbers", size=10)


def add_text(
    axes: plots.Axes, x: float, y: float, text: str, size: float = 9, color: str = "black"
) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=size, color=color)
