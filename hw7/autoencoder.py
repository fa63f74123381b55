"""HW7 Q2: a Gaussian autoencoder of MNIST that generates digits.

    python hw7/autoencoder.py             everything, a quarter of an hour on one core
    python hw7/autoencoder.py --part a    the block sketch alone, in seconds

(a) the network as a block sketch, drawn from the model itself; (b) the handout's training: the two
terms of the loss, generated digits, reconstructions, interpolations, and how far the digits are
from real ones; (c) the same of a better one. Figures and summary.json go to
results/hw7/autoencoder/; hw7/README.md explains them. What each change of (c) does is measured by
python -m bench.hw7_study, which takes over an hour. --lr is (b)'s η; (c) has its own.
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, mse_loss
from torch.optim.lr_scheduler import CosineAnnealingLR

from common.checkpoint import resumable_fit
from common.data import Batches
from common.layers import Dropout, Upsample
from common.run import Run, run_parts
from hw6.cnn import stages
from hw7.generation import decode, judge_of, judged, sources
from hw7.pictures import SHOWN, learning, show
from hw7.sketch import sketch

PIXELS = 784
ADAM_LR = 1e-3

# n images; the code z has k entries, 10 in the handout's network.


class Autoencoder(nn.Module):
    """The handout's network: an encoder to a code z of 10 numbers, and its rough inverse.

    Args:
        width: k, the number of entries of z.
        dropout: probability of each dropout; 0 leaves them out.
    """

    def __init__(self, width: int = 10, dropout: float = 0.1):
        super().__init__()
        self.encoder = nn.Sequential(*stages(batch_norm=True, dropout=dropout, outputs=width))
        self.decoder = nn.Sequential(
            nn.Linear(width, 360),
            *after_linear(360, dropout),
            nn.Linear(360, 720),
            *after_linear(720, dropout),
            nn.Unflatten(1, (20, 6, 6)),
            Upsample(scale_factor=2, mode="bicubic"),  # 12 × 12
            nn.ConvTranspose2d(20, 20, 4, stride=2, output_padding=1),  # 27 × 27
            nn.ReLU(),
            nn.BatchNorm2d(20),
            *dropouts(dropout),
            nn.ConvTranspose2d(20, 1, 4, padding=1),  # 28 × 28
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, enc_mode: float = 1) -> Tensor:
        """[z, f − x] with f the decoded z + noise, (n, 10 + 784). [hw7 2]

        Args:
            x: images (n, 1, 28, 28), 0 to 1.
            enc_mode: 1 decodes z + N, N standard Gaussian; 0 leaves z out and decodes 2·N, so that
                with x = 0 the last 784 columns are a generated image.
        """
        z = self.encoder(x)  # (n, k)
        z2 = enc_mode * z + (2 - enc_mode) * torch.randn_like(z)  # (n, k), noise on z's device
        f = self.decoder(z2)  # (n, 1, 28, 28)
        return torch.cat((z, (f - x).flatten(1)), 1)  # (n, k + 784)

    def draw(self, x: Tensor) -> Tensor:
        """Codes z + N of images, (n, k): what is decoded in training."""
        z = self.encoder(x)
        return z + torch.randn_like(z)


def after_linear(width: int, dropout: float) -> list[nn.Module]:
    """What follows a linear layer of the decoder: ReLU, batch norm, and dropout, if any."""
    return [nn.ReLU(), nn.BatchNorm1d(width), *dropouts(dropout)]


def dropouts(p: float) -> list[nn.Module]:
    return [Dropout(p)] if p else []


class Variational(Autoencoder):
    """(c): the encoder gives two numbers for each entry of z, its mean μ and variance σ².

    σ² is a sigmoid, so at most the prior's variance 1: the exponential of an unbounded number can
    overflow where a batch norm meets an image unlike those of its batches.

    Args:
        width, dropout: as above.
        learned: whether σ² is learnt; otherwise it is the handout's 1.
    """

    def __init__(self, width: int = 32, dropout: float = 0.0, learned: bool = True):
        super().__init__(width, dropout)
        self.learned = learned
        if learned:
            self.encoder[-1] = nn.Linear(250, 2 * width)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and ln σ² of images, (n, k) each."""
        code = self.encoder(x)
        if not self.learned:
            return code, torch.zeros_like(code)
        mean, logit = code.chunk(2, 1)
        return mean, logsigmoid(logit)

    def forward(self, x: Tensor, enc_mode: float = 1) -> Tensor:
        """[μ, ln σ², f − x] with f the decoded μ + σN, (n, 2k + 784); N for enc_mode 0."""
        mean, log_variance = self.posterior(x)
        deviation = enc_mode * (log_variance / 2).exp() + 1 - enc_mode
        f = self.decoder(enc_mode * mean + deviation * torch.randn_like(mean))
        return torch.cat((mean, log_variance, (f - x).flatten(1)), 1)

    def draw(self, x: Tensor) -> Tensor:
        """Codes μ + σN of images, (n, k)."""
        mean, log_variance = self.posterior(x)
        return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def elbo(output: Tensor, label: Tensor) -> Tensor:
    """The handout's loss: the mean square of [z, f − x], over the batch and all 794 entries.

    Times 794/2 it is ½‖z‖² + ½‖x − f‖², averaged over the batch: the negative ELBO of encoder
    N(g(x), I), decoder N(f(z), I) and prior N(0, I), up to a constant.
    """
    return mse_loss(output, torch.zeros_like(output))


def calibrated_elbo(output: Tensor, label: Tensor) -> Tensor:
    """KL + 392 ln v, times 2/(k + 784): −ELBO at the decoder's best variance. [hw7 2c]

    For decoder N(f(z), vI), −log p(x | z) = ‖x − f‖²/2v + 392 ln 2πv, which is least, in the mean
    over the batch, where v is the mean squared error per pixel; there it is 392 ln v + a constant,
    which is left out.
    Rybkin et al., "Simple and effective VAE training with calibrated decoders", 2021.
    """
    v = error_square(output, label) / PIXELS
    return 2 / entries(output) * (divergence(output, label) + PIXELS / 2 * v.log())


def entries(output: Tensor) -> int:
    """k + 784, from [μ, ln σ², f − x]: what the handout's mean runs over."""
    return (output.shape[1] - PIXELS) // 2 + PIXELS


def divergence(output: Tensor, label: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)) of [μ, ln σ², f − x], nats, averaged over the batch."""
    mean, log_variance = output[:, :-PIXELS].chunk(2, 1)
    terms = mean.square() + log_variance.exp() - 1 - log_variance  # (n, k)
    return terms.sum(1).mean() / 2


def code_square(output: Tensor, label: Tensor) -> Tensor:
    """‖z‖², averaged over the batch."""
    return output[:, :-PIXELS].square().sum(1).mean()


def error_square(output: Tensor, label: Tensor) -> Tensor:
    """‖x − f‖² over the 784 pixels, in pixel units², averaged over the batch."""
    return output[:, -PIXELS:].square().sum(1).mean()


@torch.no_grad()
def generate(model: nn.Module, count: int, seed: int, device: torch.device | str) -> Tensor:
    """Images (count, 784) that the model decodes from noise, the same for the same seed.

    In evaluation mode, and without a trace in the global random generator.
    """
    model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        output = model(torch.zeros(count, 1, 28, 28, device=device), enc_mode=0)
    return output[:, -PIXELS:]


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
    model = on_device(Autoencoder(), run)
    optimizer = torch.optim.SGD(model.parameters(), lr=run.args.lr)
    metrics = {"code": code_square, "error": error_square}
    rows = resumable_fit(run, "b_model", model, *batches(run), elbo, optimizer, metrics)
    learning(run, "b", rows, {
        "loss": ("Mean square of [z, f − x]", "per entry, of 794"),
        "code": ("First term: ‖z‖²", "squared length of the code, per image"),
        "error": ("Second term: ‖x − f‖²", "squared error of 784 pixels, per image"),
    })  # fmt: skip
    digits = generate(model, SHOWN, run.args.seed, run.device)
    show(run, "b", model, digits, "Generated: decoded from 2·N(0, I)")
    return results(run, model, rows)


def part_c(run: Run) -> dict[str, Any]:
    """better digits: learnt variances, Adam, wider codes, no dropout, codes drawn where they lie"""
    model = on_device(Variational(), run)
    optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_LR)
    scheduler = CosineAnnealingLR(optimizer, run.args.epochs)
    metrics = {"divergence": divergence, "error": error_square}
    rows = resumable_fit(
        run, "c_model", model, *batches(run), calibrated_elbo, optimizer, metrics, scheduler
    )
    learning(run, "c", rows, {
        "loss": ("KL + 392 ln v, times 2/816", "−ELBO per entry, of 816, up to a constant"),
        "divergence": ("KL of the codes' distribution from N(0, I)", "nats per image"),
        "error": ("‖x − f‖²", "squared error of 784 pixels, per image"),
    })  # fmt: skip
    codes = sources(model, run.mnist.train.images, SHOWN, run.args.seed)
    show(run, "c", model, decode(model, codes["mixture"]), "Generated: codes from the mixture")
    return results(run, model, rows)


def on_device(model: nn.Module, run: Run) -> nn.Module:
    """The model where the images are, channels last: its convolutions are faster on a CPU so."""
    return model.to(run.device, memory_format=torch.channels_last)


def batches(run: Run) -> tuple[Batches, Batches]:
    """The training images' and the test images'."""
    train = Batches(run.mnist.train, run.args.batch_size, run.args.seed, run.processes)
    return train, Batches(run.mnist.test, processes=run.processes)


def results(run: Run, model: nn.Module, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What summary.json holds: the epochs, the last one's test figures, the judge's."""
    print("  the judge, a CNN:", flush=True)
    judge = judge_of(run)
    quality = judged(judge, model, run.mnist.train.images, run.args.seed)
    print(f"  {'digits from':>12}  Fréchet distance  sure  entropy")
    for name, row in {**quality, "held out": judge.floor}.items():
        print(f"  {name:>12}  {row['frechet']:16.1f}  {row['sure']:4.2f}  {row['entropy']:7.2f}")
    last = {name: value for name, value in rows[-1].items() if name.startswith("test_")}
    return {
        "history": rows,
        **last,
        "test_loss": [row["test_loss"] for row in rows],
        "quality": quality,
        "floor": judge.floor,
        "judge_accuracy": judge.accuracy,
    }


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw7/autoencoder", __doc__, PARTS, argv, epochs=10, batch_size=64, lr=0.1)


if __name__ == "__main__":
    sys.exit(main())
