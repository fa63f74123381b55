"""Networks that draw digits: their weights on the disk, and whether what they draw is a copy.

keep_weights(run, "network", model, seconds)    # OUT/network.pt, at most 4 MB
minutes = load_weights(folder / "network.pt", model)
distances, which = find_nearest(images, run.mnist.train.images)
"""

import io
from pathlib import Path

from common.run import Run, UserError

import torch
from torch import Tensor, nn


def keep_weights(run: Run, name: str, model: nn.Module, seconds: float) -> None:
    """Write the model's weights, and how long its training took, as out/NAME.pt."""
    content = io.BytesIO()
    torch.save({"model": model.state_dict(), "seconds": seconds}, content)
    run.write(f"{name}.pt", content.getvalue())


def load_weights(path: Path, model: nn.Module) -> float:
    """Give the model the weights that `keep_weights` or run.fit wrote; minutes of its training.

    NaN for a file of run.fit, which does not say.

    Raises:
        UserError: there is no such file, or it holds another model's weights.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: run the script that trains this network first; its "
                        "results go there by default") from error  # fmt: skip
    except Exception as error:  # torch.load has no exception of its own for a damaged file
        raise UserError(f"{path} does not hold this network's weights; remove it and run the "
                        "script that writes it") from error  # fmt: skip
    return state.get("seconds", float("nan")) / 60


def find_nearest(images: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The distance from each image to the nearest known one, and which that is: (n,), (n,).

    Args:
        images, known: (n, 1, 28, 28) and (N, 1, 28, 28), on one device. The distance is the
            root of the summed squares over the 784 pixels.
    """
    known = known.flatten(1)
    lengths = known.square().sum(1)  # (N,)
    found = [(lengths - 2 * x @ known.T).min(1) for x in images.flatten(1).split(250)]  # [l20 16]
    which = torch.cat([each.indices for each in found])
    return (images.flatten(1) - known[which]).square().sum(1).sqrt(), which
