"""Lecture 20: variational autoencoders with one code, with several in a row, and told the digit.

    model = HierarchicalVAE(Autoencoder(width=32), widths=(32, 16))
    loss = negative_elbo(model(x), None)    # nats per image
    images = model.decode(torch.randn(n, 16))

n images x; codes z_1, …, z_L of k_1, …, k_L entries. The decoder goes p(z_L) = N(0, I), p(z_{l−1} |
z_l), p(x | z_1) = N(f(z_1), vI); the encoder q(z_1 | x), q(z_l | z_{l−1}). Every q and p is a
Gaussian with a mean and a variance for each entry.
"""

import math
from itertools import pairwise

from hw7.vae import VAE
from lectures.digits import detach_digits

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

HIDDEN = 128  # neurons between two codes


def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw from N(μ, σ²) of each entry, through which the gradient reaches μ and σ."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)  # [l20 17]


def log_density(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """ln N(z; μ, σ²), nats, summed over the entries: (n,)."""
    terms = (z - mean).square() / log_variance.exp() + log_variance + math.log(2 * math.pi)
    return -terms.sum(1) / 2  # [l20 18]


def entropy(log_variance: Tensor) -> Tensor:
    """The entropy of N(μ, σ²), nats, summed over the entries: (n,)."""
    return (log_variance + math.log(2 * math.pi) + 1).sum(1) / 2  # [l20 19]


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)), nats, summed over the entries: (n,)."""
    terms = mean.square() + log_variance.exp() - 1 - log_variance
    return terms.sum(1) / 2  # [l20 20]


def negative_elbo(output: Tensor, y: Tensor | None = None, pixels: int = 784) -> Tensor:
    """−ELBO at the best variance v of the decoder, nats per image, averaged over the batch.

    ‖x − f‖²/2v + (d/2) ln 2πv is least for v = the mean of (x − f)² over the d pixels and the
    batch: (d/2)(ln 2πv + 1). As −log of a density, it can be negative.

    Args:
        output: [what the codes cost in nats, ‖x − f‖²], (n, 2).
    """
    v = output[:, 1].mean() / pixels
    return output[:, 0].mean() + pixels / 2 * ((2 * math.pi * v).log() + 1)  # [l20 21]


def code_cost(output: Tensor, y: Tensor | None = None) -> Tensor:
    """What the codes cost, nats per image, averaged over the batch."""
    return output[:, 0].mean()


def squared_error(output: Tensor, y: Tensor | None = None) -> Tensor:
    """‖x − f‖², summed over the pixels, averaged over the batch."""
    return output[:, 1].mean()


class Between(nn.Sequential):
    """From one code to mean and ln variance of the next: (n, k) to (n, k′) twice."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(
            nn.Linear(inputs, HIDDEN),
            nn.SiLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.SiLU(),
            nn.Linear(HIDDEN, 2 * outputs),
        )

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = super().forward(z).chunk(2, 1)
        return mean, log_variance.clamp(-12, 4)  # a long way, and no overflow


class HierarchicalVAE(nn.Module):
    """Codes above codes. With one code it is the VAE of HW7 (c).

    Args:
        network: an autoencoder, as for `VAE`, with a code of widths[0].
        widths: k_1, …, k_L.
    """

    def __init__(self, network: nn.Module, widths: tuple[int, ...]):
        super().__init__()
        self.first, self.top = VAE(network), widths[-1]
        pairs = list(pairwise(widths))
        self.up = nn.ModuleList(Between(low, high) for low, high in pairs)
        self.down = nn.ModuleList(Between(high, low) for low, high in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """[what the codes cost, ‖x − f‖²], nats and pixel units², (n, 2), for one draw of them."""
        mean, log_variance = self.first.encode(x)
        z = draw(mean, log_variance)  # (n, k_1)
        error = (self.first.decoder(z) - x).square().flatten(1).sum(1)
        cost = torch.zeros_like(error)
        for up, down in zip(self.up, self.down):
            cost = cost - entropy(log_variance)  # the mean of ln q(z_l | z_{l−1}) [l20 22]
            mean, log_variance = up(z)
            above = draw(mean, log_variance)  # (n, k_{l+1})
            cost = cost - log_density(z, *down(above))
            z = above
        return torch.stack((cost + divergence(mean, log_variance), error), 1)

    def decode(self, z: Tensor) -> Tensor:
        """Images (n, 1, 28, 28) of top codes (n, k_L): a draw of each code below, then f."""
        for down in reversed(self.down):
            z = draw(*down(z))
        return self.first.decoder(z)


class ConditionalVAE(nn.Module):
    """A VAE told the digit: q(z | x, y) and p(x | z, y); p(z) = N(0, I) whatever y is.

    Args:
        network: an autoencoder with a code of `width`. Its layers next to the code get ten more
            inputs, which are 1 for the digit and 0 for the others.
        width: k.
    """

    def __init__(self, network: nn.Module, width: int):
        super().__init__()
        self.features, last = network.encoder[:-1], network.encoder[-1]
        self.code = nn.Linear(last.in_features + 10, 2 * width)
        first = network.decoder[0]
        self.decoder = network.decoder
        self.decoder[0] = nn.Linear(width + 10, first.out_features)
        self.top = width

    def forward(self, x: Tensor) -> Tensor:
        """As `HierarchicalVAE`'s, of images from `attach_digits`."""
        images, digits = detach_digits(x)
        told = one_hot(digits, 10).to(x.dtype)  # (n, 10)
        mean, log_variance = self.code(torch.cat((self.features(images), told), 1)).chunk(2, 1)
        log_variance = nn.functional.logsigmoid(log_variance)  # at most the prior's, as in HW7
        z = draw(mean, log_variance)
        error = (self.decoder(torch.cat((z, told), 1)) - images).square().flatten(1).sum(1)
        return torch.stack((divergence(mean, log_variance), error), 1)

    def decode(self, z: Tensor, digits: Tensor) -> Tensor:
        """Images (n, 1, 28, 28) of codes (n, k) and digits (n,)."""
        return self.decoder(torch.cat((z, one_hot(digits, 10).to(z.dtype)), 1))
