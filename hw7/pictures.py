"""The figures that an autoencoder is judged by with the eye."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from common import plots
from common.run import Run
from hw7.generation import decode

SHOWN = 20  # digits in a figure


def learning(
    run: Run, part: str, rows: list[dict[str, Any]], terms: Mapping[str, tuple[str, str]]
) -> None:
    """A figure of each term of the loss, per epoch.

    Args:
        part: the figures are PART_TERM.png.
        rows: of `fit`.
        terms: term → title and unit.
    """
    epochs = [row["epoch"] for row in rows]
    for term, (title, unit) in terms.items():
        lines = {
            "test images": (epochs, [row[f"test_{term}"] for row in rows]),
            "training images, during the epoch": (epochs, [row[f"train_{term}"] for row in rows]),
        }
        run.save(f"{part}_{term}", plots.curves(lines, "epoch", unit, title, "o"))


@torch.no_grad()
def show(run: Run, part: str, model: nn.Module, digits: Tensor, title: str) -> None:
    """Figures of generated digits (n, 784), of reconstructions and of interpolations."""
    run.save(f"{part}_generated", plots.image_grid(digits.cpu(), 10, title=title))
    images, labels = run.mnist.test
    images = images[:SHOWN]
    decoded = model.eval()(images)[:, -784:] + images.flatten(1)  # f − x + x, of z and noise
    both = torch.cat([images.flatten(1).unflatten(0, (-1, 10)), decoded.unflatten(0, (-1, 10))], 1)
    names = ["original", "reconstructed"] * (SHOWN // 10)
    title = "Test images and their reconstructions from z with noise"
    figure = plots.image_grid(both.flatten(0, 1).cpu(), 10, (), names, title)
    run.save(f"{part}_reconstructed", figure)
    ends = [[labels.tolist().index(digit) for digit in pair]
            for pair in zip(range(0, 10, 2), range(1, 10, 2))]  # fmt: skip
    one, other = (run.mnist.test.images[list(column)] for column in zip(*ends))
    path = interpolate(model, one, other, 10)
    title = "From the code of one test image to another's, in equal steps"
    run.save(f"{part}_interpolated", plots.image_grid(path.cpu(), 10, title=title))


@torch.no_grad()
def interpolate(model: nn.Module, one: Tensor, other: Tensor, steps: int) -> Tensor:
    """From the images `one` to `other`, (n, 1, 28, 28), in equal steps of z: (n · steps, 784).

    Without noise: z is what the model's output begins with.
    """
    model.eval()
    k = model.decoder[0].in_features
    z, end = model.encoder(one)[:, :k], model.encoder(other)[:, :k]  # (n, k)
    share = torch.linspace(0, 1, steps, device=z.device)[None, :, None]
    return decode(model, (z[:, None] + share * (end - z)[:, None]).flatten(0, 1))
