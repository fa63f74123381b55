"""Digits out of codes: where to draw the codes from, and how good the digits are.

n images; codes of k entries; a mixture of m Gaussians.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from common.data import AT_ONCE, Mnist
from common.frechet import frechet_distance
from common.run import Run
from hw6.cnn import CNN, evaluate, train
from hw7.clustering import assign, lloyd

GAUSSIANS = 50  # in the mixture
SURE = 0.9  # the probability above which the judge is sure


@torch.no_grad()
def decode(model: nn.Module, codes: Tensor) -> Tensor:
    """Images (n, 784) of codes (n, k), in evaluation mode."""
    model.eval()
    return torch.cat([model.decoder(z).flatten(1) for z in codes.split(AT_ONCE)])


class Mixture(NamedTuple):
    """A mixture of m Gaussians, which turns standard Gaussian noise into codes."""

    shares: Tensor  # (m,)
    means: Tensor  # (m, k)
    roots: Tensor  # (m, k, k): L of the covariance L Lᵀ

    def codes(self, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Codes (n, k) from N(0, I) of the same shape."""
        which = torch.multinomial(self.shares.cpu(), len(noise), True, generator=generator)  # (n,)
        which = which.to(noise.device)
        return self.means[which] + (self.roots[which] @ noise[..., None])[..., 0]


def fit_mixture(codes: Tensor, m: int, generator: torch.Generator) -> Mixture:
    """The Gaussians of the cells that Lloyd's algorithm, Question 1's, finds among codes (n, k).

    The algorithm starts from m of the codes, fewer where m cells would hold under 4k codes each. A
    cell too small for a covariance is left out; m = 1 is the Gaussian of all codes.
    After Ghosh et al., "From variational to deterministic autoencoders", 2020, who fit a density to
    a trained autoencoder's codes.
    """
    k = codes.shape[1]
    m = min(m, max(1, len(codes) // (4 * k)))
    start = codes[torch.randperm(len(codes), generator=generator)[:m].to(codes.device)]
    nearest = assign(codes, lloyd(codes, start, most=50)[0])
    cells = [codes[nearest == i] for i in range(m)]
    cells = [cell for cell in cells if len(cell) > 2 * k]
    jitter = 1e-6 * torch.eye(k).to(codes)  # an unused entry has no variance
    return Mixture(
        torch.tensor([len(cell) for cell in cells], dtype=torch.float64),
        torch.stack([cell.mean(0) for cell in cells]),
        torch.stack([torch.linalg.cholesky(torch.cov(cell.T) + jitter) for cell in cells]),
    )


def sources(model: nn.Module, images: Tensor, count: int, seed: int) -> dict[str, Tensor]:
    """Codes (count, k) to generate from, all made of the same N(0, I): by name.

    Args:
        model: has `draw`, which gives codes of images as the decoder sees them in training.
        images: for the fitted Gaussians, the training images.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        codes = torch.cat([model.draw(x) for x in images.split(AT_ONCE)])  # (n, k)
    noise = torch.randn(count, codes.shape[1], generator=generator).to(codes)
    return {
        "2·N": 2 * noise,
        "N": noise,
        "Gaussian": fit_mixture(codes, 1, generator).codes(noise, generator),
        "mixture": fit_mixture(codes, GAUSSIANS, generator).codes(noise, generator),
    }


class Judge:
    """HW6's network, which says how far generated digits are from the test images.

    Trained without the last training images, as many as there are test images (or a sixth): their
    distance to the test images is the floor, what other digits of the same hands would get.
    """

    def __init__(self, mnist: Mnist, seed: int):
        images, labels = mnist.train
        kept = len(labels) - min(len(mnist.test.labels), len(labels) // 6)
        part = mnist._replace(
            train=mnist.train._replace(images=images[:kept], labels=labels[:kept])
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = CNN(batch_norm=True)
            rows = train(self.network, part, epochs=5, batch_size=min(64, kept), lr=0.1, seed=seed)
        self.accuracy = rows[-1]["test_accuracy"]
        self.real = evaluate(self.network, mnist.test.images)[1]
        self.floor = self(images[kept:])

    def __call__(self, images: Tensor) -> dict[str, float]:
        """What the network makes of images (n, 784).

        Returns:
            "frechet": the Fréchet distance of its 250-wide layer to that of the test images.
            "sure": the share of images for which one digit has a probability above 0.9.
            "entropy": of the histogram of its answers, in nats; ln 10 = 2.30 is all digits alike.
        """
        logits, features = evaluate(self.network, images.reshape(-1, 1, 28, 28))
        p, answers = logits.softmax(1).max(1)  # (n,), (n,)
        shares = answers.bincount(minlength=10) / len(answers)
        return {
            "frechet": frechet_distance(features, self.real),
            "sure": (p > SURE).double().mean().item(),
            "entropy": torch.special.entr(shares).sum().item(),
        }


@cache
def judge_of(run: Run) -> Judge:
    """The judge of a run, trained at the first use."""
    return Judge(run.mnist, run.args.seed)


def judged(
    judge: Judge, model: nn.Module, images: Tensor, seed: int
) -> dict[str, dict[str, float]]:
    """The judge's numbers for as many digits from each of the `sources` as test images."""
    codes = sources(model, images, len(judge.real), seed)
    return {name: judge(decode(model, z)) for name, z in codes.items()}
