"""Lecture 20: diffusion, a hierarchy of T codes whose encoder only adds noise.

    process = Process.cosine(200)
    model = Diffusion(UNet(), process)
    loss = model(attach_digits(split).images).square().mean()
    guess = model.denoise(xt, t, digits)    # of x_0

x_0 is the image, x_t its code after t steps, x_T as good as N(0, I); n images, t from 1 to T, one
for each image: (n,). The steps are those of the write-up, lectures/README.md, which derives them.
"""

import math

from lectures.digits import NOTHING, detach_digits

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

EDGE = 2  # rows and columns at each side of an image that are left black
UNTOLD = 0.1  # the share of the images in training whose digit is not told
MEMORY = 0.999  # how much of the mean of the weights is kept at a step
WARM_UP = 0.05  # the share of the training in which the learning rate grows


class Process:
    """q(x_t | x_{t−1}) = N(√α_t x_{t−1}, (1 − α_t) I) for t = 1, …, T.

    Args:
        alpha: α_1, …, α_T, (T,), each between 0 and 1.

    Attributes:
        steps: T.
        alpha, alpha_bar: α_t and ᾱ_t = α_1 ⋯ α_t for t = 0, …, T; both begin with 1. (T + 1,),
            float64, on the CPU.
    """

    def __init__(self, alpha: Tensor):
        self.steps = len(alpha)
        self.alpha = pad(alpha.cpu().double(), (1, 0), value=1)
        self.alpha_bar = self.alpha.cumprod(0)

    @classmethod
    def cosine(cls, steps: int) -> "Process":
        """√ᾱ_t falls as a cosine. Nichol and Dhariwal, "Improved DDPM", 2021; α_t ≥ 0.001."""
        t = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        alpha_bar = (math.pi / 2 * (t + 0.008) / 1.008).cos().square()
        return cls((alpha_bar[1:] / alpha_bar[:-1]).clamp_min(0.001))

    def at(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """α_t, ᾱ_t and ᾱ_{t−1}, each (n, 1, …, 1), of x's type and on its device."""
        t = t.cpu()
        shape = (-1, *[1] * (x.dim() - 1))
        found = self.alpha[t], self.alpha_bar[t], self.alpha_bar[t - 1]
        return tuple(values.to(x.dtype).to(x.device).view(shape) for values in found)

    def step(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t from x = x_{t−1}: one step of the encoder."""
        alpha, _, _ = self.at(t, x)
        return alpha.sqrt() * x + (1 - alpha).sqrt() * noise  # [l20 1]

    def jump(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t from x_0: t steps at once."""
        _, alpha_bar, _ = self.at(t, x0)
        return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise  # [l20 2]

    def posterior(self, x0: Tensor, xt: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean, as x_t, and variance (n, 1, …, 1) of q(x_{t−1} | x_t, x_0), which is Gaussian."""
        alpha, alpha_bar, before = self.at(t, xt)
        of_x0 = before.sqrt() * (1 - alpha) / (1 - alpha_bar)
        of_xt = alpha.sqrt() * (1 - before) / (1 - alpha_bar)
        variance = (1 - alpha) * (1 - before) / (1 - alpha_bar)  # [l20 4]
        return of_x0 * x0 + of_xt * xt, variance  # [l20 3]

    def variance(self, t: Tensor, x: Tensor, wide: bool) -> Tensor:
        """σ_t² of p(x_{t−1} | x_t), (n, 1, …, 1), for t ≥ 2: β_t = 1 − α_t if wide, or q's own."""
        alpha, alpha_bar, before = self.at(t, x)
        return 1 - alpha if wide else (1 - alpha) * (1 - before) / (1 - alpha_bar)  # [l20 5]

    def divergence(self, x0: Tensor, guess: Tensor, xt: Tensor, t: Tensor, wide: bool) -> Tensor:
        """KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t)), nats, (n,); p guesses x_0. t ≥ 2."""
        mean, variance = self.posterior(x0, xt, t)
        other, _ = self.posterior(guess, xt, t)
        sigma2 = self.variance(t, xt, wide)
        ratio = variance / sigma2
        terms = (mean - other).square() / sigma2 + ratio - 1 - ratio.log()
        return terms.flatten(1).sum(1) / 2  # [l20 6]

    def noise_weight(self, t: Tensor, wide: bool) -> Tensor:
        """What ‖ε − ε̂‖² is multiplied by in `divergence`, (n,), float64, on the CPU; t ≥ 2."""
        t, x = t.cpu(), torch.empty(0, dtype=torch.float64)
        beta, sigma2 = 1 - self.alpha[t], self.variance(t, x, wide).view(-1)
        return beta**2 / (2 * sigma2 * self.alpha[t] * (1 - self.alpha_bar[t]))  # [l20 7]

    def read(self, xt: Tensor, v: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x_0 and ε of x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε and v = √ᾱ_t ε − √(1 − ᾱ_t) x_0."""
        _, alpha_bar, _ = self.at(t, xt)
        a, s = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        return a * xt - s * v, s * xt + a * v  # [l20 8]


class Diffusion(nn.Module):
    """A network that learns v of noisy digits, and the mean of its weights, which is then used.

    At t = T the noise is seen, and nothing learned by predicting it; at t = 1 so is the image.
    v is neither's copy at any t, and both can be read from it.
    Salimans and Ho, "Progressive distillation", 2022.

    Args:
        network: (x_t, t / T, digits) → v̂.
    """

    def __init__(self, network: nn.Module, process: Process):
        super().__init__()
        self.network, self.process = network, process
        self.average = AveragedModel(network, avg_fn=follow).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """v̂ − v, (n, 1, 24, 24), of images from `attach_digits`, at t and with ε drawn here."""
        images, digits = detach_digits(x)
        n, T = len(images), self.process.steps
        x0 = to_range(images)
        # One t from each n-th of 1, …, T, so that no batch has only easy ones
        share = (torch.randperm(n) + torch.rand(n)) / n
        t = (share * T).long().clamp_max(T - 1) + 1
        noise = torch.randn_like(x0)
        untold = torch.rand(n).to(x.device) < UNTOLD * self.training
        xt = self.process.jump(x0, t, noise)
        v = self.process.jump(noise, t, -x0)  # √ᾱ_t ε − √(1 − ᾱ_t) x_0
        return self.predict(xt, t, digits.masked_fill(untold, NOTHING)) - v  # [l20 9]

    def predict(self, xt: Tensor, t: Tensor, digits: Tensor) -> Tensor:
        """v̂, by the network in training and by the mean of its weights in evaluation mode."""
        network = self.network if self.training else self.average
        return network(xt, (t / self.process.steps).to(xt.dtype).to(xt.device), digits)

    def denoise(self, xt: Tensor, t: Tensor, digits: Tensor, guidance: float = 0) -> Tensor:
        """What x_0 was, in [−1, 1], if x_t shows these digits (n,).

        Args:
            guidance: how far v̂ goes beyond that for the digit, away from that for no digit.
                Ho and Salimans, "Classifier-free diffusion guidance", 2022.
        """
        v = self.predict(xt, t, digits)
        if guidance:
            other = self.predict(xt, t, torch.full_like(digits, NOTHING))
            v = v + guidance * (v - other)  # [l20 10]
        return self.process.read(xt, v, t)[0].clamp(-1, 1)

    def schedule(self, optimizer: Optimizer, steps: int) -> None:
        """Let each of so many steps move the mean of the weights, and set the learning rate.

        The rate grows to the optimizer's in the first steps, and falls to 0 as a cosine.
        """
        peak = optimizer.param_groups[0]["lr"]

        def prepare(optimizer: Optimizer, *_):
            share = self.average.n_averaged.item() / steps
            falling = (1 + math.cos(math.pi * share)) / 2
            growing = min(1, (share + 1 / steps) / WARM_UP)
            optimizer.param_groups[0]["lr"] = peak * growing * falling

        optimizer.register_step_pre_hook(prepare)
        optimizer.register_step_post_hook(lambda *_: self.average.update_parameters(self.network))


def follow(mean: Tensor, weight: Tensor, count: Tensor) -> Tensor:
    """The new mean of a weight's values; of the first steps it forgets more, as they are bad."""
    return mean.lerp(weight, 1 - min(MEMORY, (1 + int(count)) / (10 + int(count))))


def to_range(images: Tensor) -> Tensor:
    """Pixels 0 to 1, (n, 1, 28, 28), as −1 to 1 without the edge, (n, 1, 24, 24)."""
    return 2 * images[:, :, EDGE:-EDGE, EDGE:-EDGE] - 1


def to_pixels(x: Tensor) -> Tensor:
    """The inverse of `to_range`, with a black edge: (n, 1, 28, 28), 0 to 1."""
    return pad((x.clamp(-1, 1) + 1) / 2, [EDGE] * 4)
