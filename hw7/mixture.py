"""HW7 Q2: where the codes of new digits are drawn from, and how they become images.

n codes of k entries; a mixture of m Gaussians. A model has `decoder`, and `sample_code`, which
gives the codes of images as the decoder sees them in training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from common.data import EVAL_BATCH_SIZE
from hw7.clustering import assign, lloyd

import torch
from torch import Tensor, nn

GAUSSIANS = 50  # in the mixture


@contextmanager
def use_seed(seed: int, device: torch.device | str) -> Iterator[None]:
    """In the block, torch's global random generators start from `seed`; after it, all is as before.

    Args:
        device: where the block draws; the state of its generator is kept besides the CPU's.
    """
    device = torch.device(device)
    own = None if device.type == "cpu" else getattr(torch, device.type)  # torch.cuda, torch.mps
    which = [device] if device.type == "cuda" else []  # there can be several
    states = torch.get_rng_state(), own and own.get_rng_state(*which)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        if own:
            own.set_rng_state(states[1], *which)


@torch.no_grad()
def decode(model: nn.Module, codes: Tensor) -> Tensor:
    """Images (n, 784) of codes (n, k), in evaluation mode."""
    model.eval()
    return torch.cat([model.decoder(z).flatten(1) for z in codes.split(EVAL_BATCH_SIZE)])


class Mixture(NamedTuple):
    """A mixture of m Gaussians on the CPU, which turns standard Gaussian noise into codes."""

    shares: Tensor  # (m,), in proportion to the Gaussians' probabilities
    means: Tensor  # (m, k)
    roots: Tensor  # (m, k, k): L of the covariance L Lᵀ

    def sample(self, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Codes (n, k) made of N(0, I) of the same shape; `generator` chooses the Gaussians."""
        which = torch.multinomial(self.shares, len(noise), True, generator=generator)  # (n,)
        return self.means[which] + (self.roots[which] @ noise[..., None])[..., 0]


def fit_mixture(codes: Tensor, m: int, generator: torch.Generator) -> Mixture:
    """One Gaussian for each cell that Lloyd's algorithm, Question 1's, finds among codes (n, k).

    The algorithm starts from m of the codes, fewer where m cells would hold under 4k codes each. A
    cell too small for a covariance is left out. m = 1 gives the Gaussian of all codes.
    After Ghosh et al., "From variational to deterministic autoencoders", 2020, who fit a density to
    a trained autoencoder's codes.
    """
    k = codes.shape[1]
    m = min(m, max(1, len(codes) // (4 * k)))
    start = codes[torch.randperm(len(codes), generator=generator)[:m]]
    nearest = assign(codes, lloyd(codes, start, max_iter=50)[0])
    cells = [cell for cell in (codes[nearest == i] for i in range(m)) if len(cell) > 2 * k]
    jitter = 1e-6 * torch.eye(k).to(codes)  # an unused entry has no variance
    return Mixture(
        torch.tensor([len(cell) for cell in cells], dtype=torch.float64),
        torch.stack([cell.mean(0) for cell in cells]),
        torch.stack([square_root(torch.cov(cell.T) + jitter) for cell in cells]),
    )


def square_root(covariance: Tensor) -> Tensor:
    """L with L Lᵀ = the covariance (k, k), or the nearest one that rounding errors leave."""
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed:  # codes that nearly lie in a plane, and far from 0
        values, vectors = torch.linalg.eigh(covariance)
        root = vectors * values.clamp_min(0).sqrt()
    return root


def sample_codes(model: nn.Module, images: Tensor, count: int, seed: int) -> dict[str, Tensor]:
    """Codes (count, k) to generate from, by the name of what they are drawn from.

    "2·N" is the handout's, "N" the prior, "Gaussian" and "mixture" are fitted to the codes of
    `images`, the training images, on the CPU, since not every device has all that a fit needs. All
    are made of the same N(0, I).
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad(), use_seed(seed, images.device):
        codes = torch.cat([model.sample_code(x) for x in images.split(EVAL_BATCH_SIZE)]).cpu()
    noise = torch.randn(count, codes.shape[1], generator=generator)
    drawn = {
        "2·N": 2 * noise,  # more than HW7 asks
        "N": noise,  # more than HW7 asks
        "Gaussian": fit_mixture(codes, 1, generator).sample(noise, generator),
        "mixture": fit_mixture(codes, GAUSSIANS, generator).sample(noise, generator),
    }
    return {name: z.to(images.device) for name, z in drawn.items()}
