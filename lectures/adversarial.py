"""Lecture 22: two networks that play against each other.

    G, D = Generator(told=10), Discriminator(told=10)
    y = tell(digits, 10)
    D(x, y), D(G(draw_code(y)), y)    # logits: D holds x for real with probability σ(logit)

n images of 24 × 24 pixels from −1 to 1, (n, 1, 24, 24). y (n, told) is what both networks are told
of an image: its digit as a unit vector, or nothing where told is 0. The code z (n, 64 + told) is
noise and y side by side. A loss averages over the batch, in nats.
Radford, Metz and Chintala, "DCGAN", 2016; Miyato and Koyama, "Projection discriminator", 2018.
"""

import contextlib
from collections.abc import Iterable, Iterator

from common.data import Batches
from common.run import UserError
from lectures.diffusion import follow, to_pixels

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import AveragedModel, update_bn

NOISE = 64  # numbers of a code that are noise
ALIKE = 0.25  # where drawn images differ less than this share of what real ones do: collapse
SURE = 0.99  # where D is right about more than this share of both: it has won


def discriminator_loss(real: Tensor, fake: Tensor, smooth: float = 0) -> Tensor:
    """−V: the mean of −ln D(x) over the real logits and of −ln(1 − D) over the fake ones.

    Args:
        smooth: one-sided label smoothing: a real image counts as fake by so much. 0 is the lecture.
    """
    missed = softplus(-real) if smooth == 0 else softplus(-real) + smooth * real
    return missed.mean() + softplus(fake).mean()  # [l22 4]


def saturating_loss(fake: Tensor) -> Tensor:
    """The lecture's: the mean of ln(1 − D(G(z))). Its slope by the logit is −D, 0 for a sure D."""
    return -softplus(fake).mean()  # [l22 5]


def non_saturating_loss(fake: Tensor) -> Tensor:
    """The mean of −ln D(G(z)). Its slope by the logit is D − 1, −1 for a D that is sure."""
    return softplus(-fake).mean()  # [l22 6]


def tell(digits: Tensor, told: int) -> Tensor:
    """y: the digits (n,) as unit vectors (n, 10), or nothing (n, 0)."""
    return one_hot(digits, 10).float()[:, :told]


def draw_code(y: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """z: noise N(0, I), the same on every device, and y beside it: (n, 64 + told)."""
    noise = torch.randn(len(y), NOISE, generator=generator)
    return torch.cat((noise.to(y.device), y), 1)


def batch_norm(width: int) -> nn.BatchNorm2d:
    """Batch norm that keeps no statistics in training, so that D's step leaves G as it is."""
    return nn.BatchNorm2d(width, momentum=0.0)


class Generator(nn.Module):
    """From codes (n, 64 + told) to images (n, 1, 24, 24).

    Args:
        told: length of y.
        width: features at 12 × 12; there are twice as many at 6 × 6.
    """

    def __init__(self, told: int = 0, width: int = 32):
        super().__init__()
        self.told = told
        self.layers = nn.Sequential(
            nn.Linear(NOISE + told, 2 * width * 36, bias=False),
            nn.Unflatten(1, (2 * width, 6, 6)),
            batch_norm(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),  # (n, width, 12, 12)
            batch_norm(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class Discriminator(nn.Module):
    """From images (n, 1, 24, 24) and y (n, told) to logits (n,).

    Its features h are compared with y: logit = w·h + c + yᵀVh. Spectral norm keeps each layer's
    largest singular value at 1, so that D cannot become steep; batch norm would tie an image's
    logit to the others of its batch.

    Args:
        told: length of y.
        width: features at 12 × 12; there are twice as many at 6 × 6.
        looks: images side by side that are judged together, (n, looks, 24, 24).
    """

    def __init__(self, told: int = 0, width: int = 32, looks: int = 1):
        super().__init__()
        self.features = nn.Sequential(
            spectral_norm(nn.Conv2d(looks, width, 4, 2, 1)),  # (n, width, 12, 12)
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1)),  # (n, 2 width, 6, 6)
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.score = spectral_norm(nn.Linear(2 * width * 36, 1))
        self.match = spectral_norm(nn.Linear(2 * width * 36, told, bias=False)) if told else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        h = self.features(x)
        logit = self.score(h)[:, 0]
        return logit if self.match is None else logit + (y * self.match(h)).sum(1)  # [l22 7]


def repeat(batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches, pass after pass."""
    while True:
        yield from batches


@contextlib.contextmanager
def keep_still(*networks: nn.Module) -> Iterator[None]:
    """In the block the networks pass gradients on and keep none, and no statistic of theirs moves.

    So spectral norm does not go on with its estimates.
    """
    for network in networks:
        network.eval().requires_grad_(False)
    yield
    for network in networks:
        network.train().requires_grad_(True)


def average_weights(G: nn.Module) -> AveragedModel:
    """The mean of G's weights over its last 1,000 steps or so, which draws better than the last."""
    return AveragedModel(G, avg_fn=follow).requires_grad_(False)


def settle(G: nn.Module, codes: Iterable[Tensor]) -> nn.Module:
    """G in evaluation mode, its batch norms with the mean statistics of these batches of codes."""
    G.train()
    update_bn(codes, G)
    return G.eval()


@torch.no_grad()
def draw_images(G: nn.Module, z: Tensor) -> Tensor:
    """Images (n, 1, 28, 28) of codes z, pixels from 0 to 1; G in evaluation mode."""
    return torch.cat([to_pixels(G(part)) for part in z.split(500)])


class Watch:
    """What is told of a game while it runs: D's accuracy, how much the drawn images differ.

    Args:
        every: steps that one row is the mean of.

    Attributes:
        rows: {"step", "real", "fake", "spread"}: shares of the real and of the drawn images that D
            is right about; the drawn images' deviation per pixel as a share of the real ones'.
    """

    def __init__(self, every: int):
        self.every, self.rows, self.seen = every, [], []

    def see(self, step: int, game: tuple[Tensor, Tensor], x: Tensor, drawn: Tensor) -> None:
        """Take in a step: D's logits of the real and of the drawn images, and both kinds of images.

        Raises:
            UserError: a logit is infinite or not a number.
        """
        real, fake = game
        rights = (real > 0).float().mean(), (fake < 0).float().mean()
        logits = real.abs().sum() + fake.abs().sum()
        spread = drawn.std(0).mean() / x.std(0).mean()
        self.seen.append(torch.stack([*rights, spread, logits]).detach())
        if step % self.every == 0:
            self.report(step)

    def report(self, step: int) -> None:
        """Print a row of the steps since the last, and what it says of the game."""
        *shares, logits = torch.stack(self.seen).mean(0).tolist()
        self.seen = []
        row = {"step": step} | dict(zip(("real", "fake", "spread"), shares))
        self.rows.append(row)
        print(f"  step {step:6}: D is right about {row['real']:4.0%} of the real and "
              f"{row['fake']:4.0%} of the drawn images; these differ "
              f"{row['spread']:.2f} times as much", flush=True)  # fmt: skip
        if logits - logits != 0:  # infinite, or not a number
            raise UserError(f"the game diverged before step {step}: D's answers are not finite; "
                            "try a lower --lr")  # fmt: skip
        if row["spread"] < ALIKE:
            print("  collapse: G draws nearly the same image for every code")
        if min(row["real"], row["fake"]) > SURE:
            print("  D has won: it is right about nearly all, and G learns little from it")
