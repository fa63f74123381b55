"""HW7 Q2: figures of what an autoencoder generates, reconstructs, and has between two codes."""

from common import plots
from common.run import Run
from hw7.mixture import decode, use_seed

import torch
from torch import Tensor, nn

SHOWN = 20  # digits in a figure
COLUMNS = 10  # of a figure


def save_pictures(run: Run, part: str, model: nn.Module, digits: Tensor, title: str) -> None:
    """Figures of generated digits (n, 784), under that title, of reconstructions, interpolations.

    Their names begin with `part`. Reconstructed are the first test images.
    """
    run.save(f"{part}_generated", plots.image_grid(digits.cpu(), COLUMNS, title=title))
    save_decoded(run, part, model)  # more than HW7 asks


def save_decoded(run: Run, part: str, model: nn.Module) -> None:
    """Figures of reconstructions and interpolations, whose names begin with `part`."""
    images, labels = run.mnist.test
    figure = plot_reconstructions(model, images[:SHOWN], run.args.seed)
    run.save(f"{part}_reconstructed", figure)
    run.save(f"{part}_interpolated", plot_interpolations(model, images, labels))


@torch.no_grad()
def plot_reconstructions(model: nn.Module, images: Tensor, seed: int) -> plots.Figure:
    """Images (n, 1, 28, 28), ten in a row, each row above the decoded images of z with noise.

    Args:
        seed: of the noise.
    """
    with use_seed(seed, images.device):
        decoded = model.eval()(images)[:, -784:] + images.flatten(1)  # f − x + x, (n, 784)
    rows = [images.flatten(1).split(COLUMNS), decoded.split(COLUMNS)]
    both = torch.cat([half for pair in zip(*rows) for half in pair])
    names = ["original", "reconstructed"] * len(rows[0])
    title = "Test images and their reconstructions from z with noise"
    return plots.image_grid(both.cpu(), COLUMNS, (), names, title)


def plot_interpolations(model: nn.Module, images: Tensor, labels: Tensor) -> plots.Figure:
    """From a 0 to a 1, from a 2 to a 3, …, a row each: the first image of each digit is an end."""
    first = [labels.tolist().index(digit) for digit in range(10)]
    path = interpolate(model, images[first[0::2]], images[first[1::2]], COLUMNS)
    title = "From the code of one test image to another's, in equal steps"
    return plots.image_grid(path.cpu(), COLUMNS, title=title)


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
