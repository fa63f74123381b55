"""HW7 Q2: a Gaussian autoencoder of MNIST that generates digits.

    python hw7/autoencoder.py             everything, in ten to twenty minutes on two cores
    python hw7/autoencoder.py --part a    the block sketch alone, in seconds

(a) the network as a block sketch, drawn from the model itself. (b) the handout's training: the loss
and its two terms, 20 generated digits, reconstructions, interpolations. (c) the same of a better
network. Expect a test loss of 0.061 in (b), where about half of the digits can be read, and digits
that nearly all can be read in (c). Figures and summary.json go to results/hw7/autoencoder/;
hw7/README.md explains them. hw7/autoencoder_study.py measures how good the digits are.

--epochs N: (b) trains for N epochs, (c) for half as many, at least 1. --lr is (b)'s η.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.layers import Dropout, Upsample
from common.run import Run, run_parts
from hw6.cnn import layers
from hw7.mixture import decode, sample_codes, use_seed
from hw7.pictures import SHOWN, save_pictures
from hw7.sketch import sketch
from hw7.vae import PIXELS, VAE, calibrated_loss, kl_divergence, reconstruction_error

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim.lr_scheduler import CosineAnnealingLR

ADAM_LR = 1e-3  # (c)'s


# n images; the code z has k entries, 10 in the handout's network.
class Autoencoder(nn.Module):
    """The handout's network: an encoder to a code z of 10 numbers, and its rough inverse.

    Args:
        width: k, the number of entries of z.
        dropout: probability of each dropout.
    """

    def __init__(self, width: int = 10, dropout: float = 0.1):
        super().__init__()
        # HW6's network with batch norm, and with `width` outputs in place of the ten digits'
        self.encoder = nn.Sequential(*layers(batch_norm=True, dropout=dropout, outputs=width))
        self.decoder = nn.Sequential(
            nn.Linear(width, 360),  # (n, 360) [hw7 2]
            nn.ReLU(),
            nn.BatchNorm1d(360),
            Dropout(dropout),
            nn.Linear(360, 720),  # (n, 720) [hw7 2]
            nn.ReLU(),
            nn.BatchNorm1d(720),
            Dropout(dropout),
            nn.Unflatten(1, (20, 6, 6)),  # (n, 20, 6, 6) [hw7 2]
            Upsample(scale_factor=2, mode="bicubic"),  # (n, 20, 12, 12) [hw7 2]
            nn.ConvTranspose2d(20, 20, 4, stride=2, output_padding=1),  # (n, 20, 27, 27) [hw7 2]
            nn.ReLU(),
            nn.BatchNorm2d(20),
            Dropout(dropout),
            nn.ConvTranspose2d(20, 1, 4, padding=1),  # (n, 1, 28, 28) [hw7 2]
            nn.Sigmoid(),  # pixels from 0 to 1 [hw7 2]
        )

    def forward(self, x: Tensor, enc_mode: float = 1) -> Tensor:
        """[z, f − x] with f the decoded z + noise, (n, 10 + 784).

        Args:
            x: images (n, 1, 28, 28), 0 to 1.
            enc_mode: 1 decodes z + N, N standard Gaussian; 0 leaves z out and decodes 2·N, so that
                with x = 0 the last 784 columns are a generated image.
        """
        z = self.encoder(x)  # (n, k) [hw7 2.1]
        z2 = enc_mode * z + (2 - enc_mode) * torch.randn_like(z)  # (n, k), on z's device [hw7 2.2]
        f = self.decoder(z2)  # (n, 1, 28, 28) [hw7 2.3]
        return torch.cat((z, (f - x).flatten(1)), 1)  # (n, k + 784) [hw7 2.4]

    def sample_code(self, x: Tensor) -> Tensor:  # more than HW7 asks
        """Codes z + N of images, (n, k): what is decoded in training."""
        z = self.encoder(x)
        return z + torch.randn_like(z)


def negative_elbo(output: Tensor, label: Tensor) -> Tensor:
    """The handout's loss: the mean square of [z, f − x], over the batch and all 794 entries.

    Times 794/2 it is ½‖z‖² + ½‖x − f‖², averaged over the batch: the negative ELBO of encoder
    N(g(x), I), decoder N(f(z), I) and prior N(0, I), up to a constant.
    """
    return mse_loss(output, torch.zeros_like(output))  # scalar [hw7 2.5]


def squared_code_norm(output: Tensor, label: Tensor) -> Tensor:
    """‖z‖² of [z, f − x], averaged over the batch."""
    return output[:, :-PIXELS].square().sum(1).mean()


@torch.no_grad()
def generate(model: nn.Module, count: int, seed: int, device: torch.device | str) -> Tensor:
    """Images (count, 784) that the model decodes from noise, the same for the same seed.

    In evaluation mode, and without a trace in the global random generators.
    """
    model.eval()
    with use_seed(seed, device):
        output = model(torch.zeros(count, 1, 28, 28, device=device), enc_mode=0)  # [hw7 2b]
    return output[:, -PIXELS:]  # (count, 784): with x = 0, f − x is the image [hw7 2b]


def part_a(run: Run) -> dict[str, Any]:
    """the block sketch, drawn from the model"""
    model = Autoencoder()
    run.save("a_sketch", sketch(model))
    counts = {k: sum(map(torch.numel, half.parameters())) for k, half in model.named_children()}
    print("  parameters: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()))
    return {"parameters": counts}


def part_b(run: Run) -> dict[str, Any]:
    """the handout's training, and what the network generates"""
    model = run.place(Autoencoder())
    optimizer = torch.optim.SGD(model.parameters(), lr=run.args.lr)
    metrics = {"code": squared_code_norm, "error": reconstruction_error}
    history = run.fit(model, negative_elbo, optimizer, metrics, name="b_model")
    terms = {
        "loss": ("Mean square of [z, f − x]", "per entry, of 794"),
        "code": ("First term: ‖z‖²", "squared length of the code, per image"),
        "error": ("Second term: ‖x − f‖²", "squared error of 784 pixels, per image"),
    }  # more than HW7 asks
    plot_terms(run, "b", history, terms)  # more than HW7 asks
    digits = generate(model, SHOWN, run.args.seed, run.device)
    save_pictures(run, "b", model, digits, "Generated: decoded from 2·N(0, I)")
    return summarize(history)


def part_c(run: Run) -> dict[str, Any]:
    """better digits: learned variances, Adam, wider codes, no dropout, codes from a mixture"""
    model = run.place(VAE(Autoencoder(width=32, dropout=0)))
    epochs = max(1, run.args.epochs // 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_LR)
    scheduler = CosineAnnealingLR(optimizer, epochs)
    metrics = {"divergence": kl_divergence, "error": reconstruction_error}
    history = run.fit(
        model, calibrated_loss, optimizer, metrics, scheduler, name="c_model", epochs=epochs
    )
    terms = {
        "loss": ("Negative ELBO: KL + 392 ln v, times 2/816", "per entry, up to a constant"),
        "divergence": ("KL of the codes' distribution from N(0, I)", "nats per image"),
        "error": ("‖x − f‖²", "squared error of 784 pixels, per image"),
    }  # more than HW7 asks
    plot_terms(run, "c", history, terms)  # more than HW7 asks
    codes = sample_codes(model, run.mnist.train.images, SHOWN, run.args.seed)["mixture"]
    save_pictures(run, "c", model, decode(model, codes), "Generated: codes from the mixture")
    return summarize(history)


def plot_terms(
    run: Run, part: str, history: list[dict[str, Any]], terms: dict[str, tuple[str, str]]
) -> None:
    """Save a figure per term, loss or metric, of its title and unit."""
    for term, (title, unit) in terms.items():
        run.save(f"{part}_{term}", plots.learning_curves(history, term, unit, title))


def summarize(history: list[dict[str, Any]]) -> dict[str, Any]:
    """What summary.json holds of a training."""
    last = {name: value for name, value in history[-1].items() if name.startswith("test_")}
    return {"history": history, **last, "test_loss": [row["test_loss"] for row in history]}


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw7/autoencoder", __doc__, PARTS, argv, epochs=10, batch_size=64, lr=0.1)


if __name__ == "__main__":
    sys.exit(main())
