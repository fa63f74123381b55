"""HW7 Q2: a Gaussian autoencoder of MNIST that generates digits.

    python hw7/autoencoder.py             everything
    python hw7/autoencoder.py --part a    the block sketch alone, in seconds

(a) the network as a block sketch, drawn from the model itself; (b) the handout's training: the two
terms of the loss, generated digits, reconstructions, interpolations. Figures and summary.json go to
results/hw7/autoencoder/; hw7/README.md explains them.
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from common import plots
from common.checkpoint import resumable_fit
from common.data import Batches
from common.layers import Dropout, Upsample
from common.run import Run, run_parts
from hw6.cnn import stages
from hw7.sketch import sketch

WIDTH = 10  # of the code z
SHOWN = 20  # digits in a figure

# N images; the code z has k = 10 entries.


class Autoencoder(nn.Module):
    """The handout's network: an encoder to a code z of 10 numbers, and its rough inverse."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(*stages(batch_norm=True, dropout=0.1))
        self.decoder = nn.Sequential(
            nn.Linear(WIDTH, 360),
            *after_linear(360),
            nn.Linear(360, 720),
            *after_linear(720),
            nn.Unflatten(1, (20, 6, 6)),
            Upsample(scale_factor=2, mode="bicubic"),  # 12 × 12
            nn.ConvTranspose2d(20, 20, 4, stride=2, output_padding=1),  # 27 × 27
            nn.ReLU(),
            nn.BatchNorm2d(20),
            Dropout(0.1),
            nn.ConvTranspose2d(20, 1, 4, padding=1),  # 28 × 28
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, enc_mode: float = 1) -> Tensor:
        """[z, f − x] with f the decoded z + noise, (N, 10 + 784). [hw7 2]

        Args:
            x: images (N, 1, 28, 28), 0 to 1.
            enc_mode: 1 decodes z + N, N standard Gaussian; 0 leaves z out and decodes 2·N, so that
                with x = 0 the last 784 columns are a generated image.
        """
        z = self.encoder(x)  # (N, k)
        z2 = enc_mode * z + (2 - enc_mode) * torch.randn_like(z)  # (N, k), noise on z's device
        f = self.decoder(z2)  # (N, 1, 28, 28)
        return torch.cat((z, (f - x).flatten(1)), 1)  # (N, k + 784)


def after_linear(width: int) -> list[nn.Module]:
    return [nn.ReLU(), nn.BatchNorm1d(width), Dropout(0.1)]


def elbo(output: Tensor, label: Tensor) -> Tensor:
    """The handout's loss: the mean square of [z, f − x], over the batch and all 794 entries.

    Times 794/2 it is ½‖z‖² + ½‖x − f‖², averaged over the batch: the negative ELBO of encoder
    N(g(x), I), decoder N(f(z), I) and prior N(0, I), up to a constant.
    """
    return mse_loss(output, torch.zeros_like(output))


def code_square(output: Tensor, label: Tensor) -> Tensor:
    """‖z‖², averaged over the batch."""
    return output[:, :WIDTH].square().sum(1).mean()


def error_square(output: Tensor, label: Tensor) -> Tensor:
    """‖x − f‖² over the 784 pixels, in pixel units², averaged over the batch."""
    return output[:, WIDTH:].square().sum(1).mean()


TERMS = {"code": code_square, "error": error_square}


@torch.no_grad()
def generate(model: nn.Module, count: int, seed: int, device: torch.device | str) -> Tensor:
    """Images (count, 784) that the model decodes from noise, the same for the same seed.

    In evaluation mode, and without a trace in the global random generator.
    """
    model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        output = model(torch.zeros(count, 1, 28, 28, device=device), enc_mode=0)
    return output[:, -784:]


@torch.no_grad()
def interpolate(model: nn.Module, one: Tensor, other: Tensor, steps: int) -> Tensor:
    """From the images `one` to `other`, (n, 1, 28, 28), in equal steps of z: (n · steps, 784)."""
    model.eval()
    z, end = model.encoder(one), model.encoder(other)  # (n, k)
    share = torch.linspace(0, 1, steps, device=z.device)[None, :, None]
    codes = z[:, None] + share * (end - z)[:, None]  # (n, steps, k)
    return model.decoder(codes.flatten(0, 1)).flatten(1)


def part_a(run: Run) -> dict[str, Any]:
    """the block sketch, drawn from the model"""
    model = Autoencoder()
    run.save("a_sketch", sketch(model))
    parameters = {name: sum(p.numel() for p in child.parameters())
                  for name, child in model.named_children()}  # fmt: skip
    print("  parameters: " + ", ".join(f"{name} {n:,}" for name, n in parameters.items()))
    return {"parameters": parameters}


def part_b(run: Run) -> dict[str, Any]:
    """the handout's training, and what the network generates, reconstructs and interpolates"""
    model = Autoencoder().to(run.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=run.args.lr)
    train = Batches(run.mnist.train, run.args.batch_size, run.args.seed)
    test = Batches(run.mnist.test, 1000)
    rows = resumable_fit(run, "b_model", model, train, test, elbo, optimizer, TERMS)
    epochs = [row["epoch"] for row in rows]
    for term, title, unit in [
        ("loss", "Mean square of [z, f − x]", "per entry, of 794"),
        ("code", "First term: ‖z‖²", "squared length of the code, per image"),
        ("error", "Second term: ‖x − f‖²", "squared error of 784 pixels, per image"),
    ]:
        lines = {
            "test images": (epochs, [row[f"test_{term}"] for row in rows]),
            "training images, during the epoch": (epochs, [row[f"train_{term}"] for row in rows]),
        }
        run.save(f"b_{term}", plots.curves(lines, "epoch", unit, title, "o"))
    digits = generate(model, SHOWN, run.args.seed, run.device)
    title = "Generated: decoded from 2·N(0, I)"
    run.save("b_generated", plots.image_grid(digits.cpu(), 10, title=title))
    images = run.mnist.test.images[:SHOWN]
    with torch.no_grad():  # f − x + x, of z + noise
        decoded = model.eval()(images)[:, WIDTH:] + images.flatten(1)
    both = torch.cat([images.flatten(1).unflatten(0, (-1, 10)), decoded.unflatten(0, (-1, 10))], 1)
    names = ["original", "reconstructed"] * (SHOWN // 10)
    title = "Test images and their reconstructions from z + N(0, I)"
    run.save("b_reconstructed", plots.image_grid(both.flatten(0, 1).cpu(), 10, (), names, title))
    ends = [[run.mnist.test.labels.tolist().index(digit) for digit in pair]
            for pair in zip(range(0, 10, 2), range(1, 10, 2))]  # fmt: skip
    one, other = (run.mnist.test.images[list(column)] for column in zip(*ends))
    path = interpolate(model, one, other, 10)
    title = "From the code of one test image to another's, in equal steps"
    run.save("b_interpolated", plots.image_grid(path.cpu(), 10, title=title))
    return {
        "history": rows,
        "test_loss": [row["test_loss"] for row in rows],
        "test_code": rows[-1]["test_code"],
        "test_error": rows[-1]["test_error"],
    }


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw7/autoencoder", __doc__, PARTS, argv, epochs=10, batch_size=64, lr=0.1)


if __name__ == "__main__":
    sys.exit(main())
