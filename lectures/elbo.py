"""Lecture 20: four ideas for a network that draws data, and cases where log p(x) is known.

    model = Attempt(Perceptrons((2,), (64, 64), width=1), idea=4)
    loss = negative_elbo(model(x), pixels=2)          # nats per point
    exact = log_likelihood(model.decoder, v, x)       # nats, (n,): the code is one number

n points x of d numbers; codes z of k; f the decoder; p(z) = N(0, I), p(x | z) = N(f(z), vI).
"""

import math
from itertools import pairwise

from hw7.clustering import assign
from hw7.vae import VAE
from lectures.hierarchy import divergence, draw

import torch
from torch import Tensor, nn

IDEAS = {
    1: "z drawn without x",
    2: "z = a fixed function of x",
    3: "z drawn by a trained encoder",
    4: "the same, and KL: the ELBO",
}


class Perceptrons(nn.Module):
    """An autoencoder of two networks without convolutions, which train fast.

    Args:
        shape: of one x; pixels, three axes, end in a sigmoid.
        sizes: of the encoder's hidden layers; the decoder has them in reverse.
        width: k.
    """

    def __init__(self, shape: tuple[int, ...], sizes: tuple[int, ...], width: int):
        super().__init__()
        inputs = math.prod(shape)
        self.encoder = nn.Sequential(nn.Flatten(), *make_layers((inputs, *sizes, width)))
        self.decoder = nn.Sequential(*make_layers((width, *reversed(sizes), inputs)))
        if len(shape) == 3:
            self.decoder.extend([nn.Sigmoid(), nn.Unflatten(1, shape)])


def make_layers(sizes: tuple[int, ...]) -> list[nn.Module]:
    """Linear layers of these sizes with SiLU between them."""
    found = []
    for inputs, outputs in pairwise(sizes):
        found += [nn.Linear(inputs, outputs), nn.SiLU()]
    return found[:-1]


class Attempt(nn.Module):
    """One of IDEAS: where the code comes from with which the decoder learns to make x.

    Args:
        network: an autoencoder, as for `VAE`.
    """

    def __init__(self, network: nn.Module, idea: int):
        super().__init__()
        self.idea, width = idea, network.encoder[-1].out_features
        self.vae = VAE(network, learned=idea > 2)
        self.decoder = self.vae.decoder
        self.scale = nn.BatchNorm1d(width, affine=False)  # idea 2: codes of mean 0, variance 1
        if idea < 3:
            self.vae.encoder.requires_grad_(False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and ln σ² of q(z | x), (n, k) each; idea 2 has no noise, ln σ² = −∞."""
        mean, log_variance = self.vae.encode(x)
        if self.idea == 1:
            return torch.zeros_like(mean), torch.zeros_like(mean)
        if self.idea == 2:
            return self.scale(mean), torch.full_like(mean, -torch.inf)
        return mean, log_variance

    def forward(self, x: Tensor) -> Tensor:
        """[what the codes cost, ‖x − f‖²], (n, 2); they cost something in idea 4 alone."""
        mean, log_variance = self.encode(x)
        error = (self.decoder(draw(mean, log_variance)) - x).square().flatten(1).sum(1)
        cost = divergence(mean, log_variance) if self.idea == 4 else torch.zeros_like(error)
        return torch.stack((cost, error), 1)


@torch.no_grad()
def log_likelihood(decoder: nn.Module, v: float, x: Tensor, grid: int = 4001) -> Tensor:
    """ln p(x) = ln ∫ N(z; 0, 1) N(x; f(z), vI) dz for codes of one number, nats, (n,).

    By the sum over `grid` equal steps of z from −6 to 6.
    """
    z = torch.linspace(-6, 6, grid).to(x)[:, None]
    prior = -z[:, 0].square() / 2 - math.log(2 * math.pi) / 2 + math.log(12 / (grid - 1))  # (grid,)
    squared = torch.cdist(x, decoder(z), compute_mode="donot_use_mm_for_euclid_dist").square()
    terms = prior - squared / (2 * v) - x.shape[1] / 2 * math.log(2 * math.pi * v)  # (n, grid)
    return terms.logsumexp(1)  # [l20 23]


# The linear Gaussian case: p(x | z) = N(Wz + b, vI), W (d, k), b (d,). All is known.


def linear_log_density(x: Tensor, W: Tensor, b: Tensor, v: float) -> Tensor:
    """ln p(x) for x (n, d), nats, (n,): p(x) = N(b, WWᵀ + vI)."""
    covariance = W @ W.T + v * torch.eye(len(W)).to(W)
    away = x - b
    squared = (away @ torch.linalg.inv(covariance) * away).sum(1)
    return -(squared + torch.logdet(2 * math.pi * covariance)) / 2  # [l20 24]


def linear_posterior(x: Tensor, W: Tensor, b: Tensor, v: float) -> tuple[Tensor, Tensor]:
    """p(z | x): its means (n, k) and its covariance (k, k), the same for all x."""
    M = W.T @ W + v * torch.eye(W.shape[1]).to(W)  # (k, k)
    return (x - b) @ W @ torch.linalg.inv(M), v * torch.linalg.inv(M)  # [l20 25]


def linear_elbo(
    x: Tensor, W: Tensor, b: Tensor, v: float, mean: Tensor, covariance: Tensor
) -> Tensor:
    """The ELBO of q(z | x) = N(mean, covariance), (n, k) and (k, k): nats, (n,)."""
    d, k = W.shape
    squared = (x - b - mean @ W.T).square().sum(1) + (W @ covariance @ W.T).trace()
    likelihood = -squared / (2 * v) - d / 2 * math.log(2 * math.pi * v)
    kl = (covariance.trace() + mean.square().sum(1) - k - torch.logdet(covariance)) / 2
    return likelihood - kl  # [l20 26]


# k-means: one of k codes, each of probability 1/k, and the encoder is sure which.


def mixture_log_density(x: Tensor, centers: Tensor, v: float) -> Tensor:
    """ln p(x) for p(x) = Σ_i N(x; C_i, vI)/k, nats, (n,); x (n, d), centers (k, d)."""
    k, d = centers.shape
    terms = -torch.cdist(x, centers).square() / (2 * v)  # (n, k)
    return terms.logsumexp(1) - math.log(k) - d / 2 * math.log(2 * math.pi * v)  # [l20 27]


def kmeans_elbo(x: Tensor, centers: Tensor, v: float) -> Tensor:
    """The ELBO if q(z | x) is 1 for the nearest center, nats, (n,): −‖x − C‖²/2v and constants."""
    k, d = centers.shape
    squared = (x - centers[assign(x, centers)]).square().sum(1)
    return -squared / (2 * v) - math.log(k) - d / 2 * math.log(2 * math.pi * v)  # [l20 28]
