"""HW7's autoencoder with a covariance in its decoder: N(f(z), Σ), Σ⁻¹ = MᵀM, M triangular."""

import math
from typing import Any

from hw7.autoencoder import Autoencoder
from hw7.vae import PIXELS

import torch
from torch import Tensor, nn

SMALLEST = 0.01  # pixel; the least deviation: some pixels are black in all images

# n images of d = 784 pixels.


class CovarianceAutoencoder(Autoencoder):
    """HW7's autoencoder, whose decoder is N(f(z), Σ) with Σ⁻¹ = MᵀM learned, too.

    M is lower triangular with a positive diagonal, so each Σ has exactly one M. Row i of M(x − f)
    is then what is left of pixel i's error after a forecast from the pixels before it, over the
    deviation 1/M_ii that is left.

    Args:
        triangular: M may have entries under the diagonal; otherwise they are 0.
    """

    def __init__(self, triangular: bool = False):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(PIXELS))
        self.under = nn.Parameter(torch.zeros(PIXELS, PIXELS)) if triangular else None

    def log_diagonal(self) -> Tensor:
        """ln M_ii, (d,): M_ii = 1/(SMALLEST + e^−a_i) is positive, and at most 1/SMALLEST."""
        return -(SMALLEST + (-self.a).exp()).log()

    def matrix(self) -> Tensor:
        """M, (d, d)."""
        under = 0 if self.under is None else self.under.tril(-1)
        return self.log_diagonal().exp().diag() + under

    def forward(self, x: Tensor) -> Tensor:
        """[z, M(x − f)] with f the decoded z + noise, (n, k + d)."""
        z = self.encoder(x)  # (n, k)
        error = (x - self.decoder(z + torch.randn_like(z))).flatten(1)  # (n, d)
        return torch.cat((z, error @ self.matrix().T), 1)  # [final 4.1]

    def negative_elbo(self, output: Tensor, label: Tensor) -> Tensor:
        """½‖z‖² + ½‖M(x − f)‖² − ln det M + 392 ln 2π: nats, averaged over the batch."""
        squares = output.square().sum(1).mean() / 2
        log_det = self.log_diagonal().sum()  # M is triangular [final 4.2]
        return squares - log_det + PIXELS / 2 * math.log(2 * math.pi)  # [final 4.3]

    def set_matrix(self, M: Tensor) -> None:
        """Take M over, (d, d): lower triangular, with a diagonal between 0 and 1/SMALLEST."""
        with torch.no_grad():
            self.a.copy_(-(1 / M.diagonal() - SMALLEST).log())
            self.under.copy_(M.tril(-1))

    def parameter_groups(self, lr: float = 1e-2) -> list[dict[str, Any]]:
        """For Adam, which moves a parameter by about its rate a step: the a_i have far to go."""
        rest = [p for name, p in self.named_parameters() if name != "a"]
        return [{"params": rest}, {"params": [self.a], "lr": lr}]


def gaussian_nats(errors: Tensor, M: Tensor) -> float:
    """−ln of the density N(0, Σ) of errors (n, d): nats, averaged over the n."""
    squares = (errors @ M.T).square().sum(1).mean() / 2
    return (squares - M.diagonal().log().sum() + PIXELS / 2 * math.log(2 * math.pi)).item()


def fit_matrix(errors: Tensor) -> Tensor:
    """M of the best Σ for errors (n, d): the mean of e eᵀ, plus SMALLEST² on its diagonal.

    With L Lᵀ = Σ, L lower triangular, M is L⁻¹. Float64 on the CPU, then as the errors.
    """
    e = errors.cpu().double()
    covariance = e.T @ e / len(e) + SMALLEST**2 * torch.eye(PIXELS, dtype=e.dtype)
    return invert(torch.linalg.cholesky(covariance)).to(errors)


def invert(M: Tensor) -> Tensor:
    """The inverse of a lower triangular matrix: pixel errors N(0, Σ) are M⁻¹ times N(0, I)."""
    return torch.linalg.solve_triangular(M, torch.eye(len(M)).to(M), upper=False)
