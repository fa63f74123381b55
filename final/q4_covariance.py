"""Final Q4: an autoencoder whose decoder has a covariance, and learns it.

    python final/q4_covariance.py             everything, 6 minutes on two cores
    python final/q4_covariance.py --part b    what happens without the determinant, in a minute

(a) the negative ELBO with its log-determinant, beside torch's Gaussians; (b) the mean square of
[z, M(x − f)] alone: M vanishes, and the loss with it; (c) the whole ELBO, with M = I, diagonal and
triangular, on HW7's autoencoder: the deviation of each pixel, and the digits beside HW7's. Figures
and summary.json go to results/final/q4_covariance/; final/README.md explains them.
"""

import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Split
from common.run import Run, run_parts
from hw7.autoencoder import Autoencoder
from hw7.autoencoder import negative_elbo as mean_square  # of all entries of the output
from hw7.mixture import decode, sample_codes, use_seed
from hw7.quality import FrechetEvaluator
from hw7.vae import PIXELS, VAE, reconstruction_error
from hw7.vae import kl_divergence as vae_divergence

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

SMALLEST = 0.01  # pixel; the least deviation: some pixels are black in all images
TRAIN_IMAGES, COLLAPSE_STEPS = 30_000, 400
ADAM_LR, COLLAPSE_LR = 1e-3, 5e-2
SHOWN = 10  # digits in a row
SOURCES = ("N", "mixture")  # of the codes of new digits

# n images of d = 784 pixels; Σ⁻¹ = MᵀM.


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

    def parameter_groups(self, lr: float = 1e-2) -> list[dict[str, Any]]:
        """For Adam, which moves a parameter by about its rate a step: the a_i have far to go."""
        rest = [p for name, p in self.named_parameters() if name != "a"]
        return [{"params": rest}, {"params": [self.a], "lr": lr}]


def part_a(run: Run) -> dict[str, Any]:
    """the negative ELBO beside torch's Gaussians, with a random triangular M"""
    model = CovarianceAutoencoder(triangular=True)
    nn.init.normal_(model.a, 2, 0.5)
    nn.init.normal_(model.under, 0, 0.1)
    x = torch.rand(4, 1, 28, 28)
    with torch.no_grad(), use_seed(run.args.seed, "cpu"):
        found = model.negative_elbo(model(x), x).item()
    with torch.no_grad(), use_seed(run.args.seed, "cpu"):
        z, M = model.encoder(x), model.matrix().double()
        f = model.decoder(z + torch.randn_like(z)).flatten(1).double()
    decoder = MultivariateNormal(f, precision_matrix=M.T @ M, validate_args=False)
    divergence = kl_divergence(Normal(z, 1), Normal(0, 1)).sum(1)
    expected = (divergence - decoder.log_prob(x.flatten(1).double())).mean().item()
    print(f"  negative ELBO {found:.2f} nats, by torch.distributions {expected:.2f}")
    return {"found": found, "expected": expected}


def part_b(run: Run) -> dict[str, Any]:
    """the mean square of [z, M(x − f)] alone, and with the determinant"""
    tables = {"without": descend(run, False), "with": descend(run, True)}
    figure, panels = plots.subplots(1, 3, (12, 3.6))
    labels = ("mean square of [z, M(x − f)]", "geometric mean of M_ii (1/pixel)",
              "negative ELBO (nats per image)")  # fmt: skip
    for column, (axes, label) in enumerate(zip(panels, labels)):
        for name, table in tables.items():
            axes.plot(table[:, column].numpy(), label=f"{name} −ln det M")
        axes.set(xlabel="step", ylabel=label, yscale="linear" if column == 2 else "log")
        axes.grid(alpha=0.3)
        axes.legend()
    run.save("b_collapse", figure)
    keys = ("loss", "diagonal", "elbo")
    results = {name: dict(zip(keys, table[-1].tolist())) for name, table in tables.items()}
    for name, row in results.items():
        print(f"  {name}: mean square {row['loss']:.2e}, M_ii {row['diagonal']:.2e}, "
              f"negative ELBO {row['elbo']:.0f} nats")  # fmt: skip
    return results | {"before": dict(zip(keys, tables["without"][0].tolist()))}


def descend(run: Run, with_det: bool) -> Tensor:
    """(steps, 3): mean square, geometric mean of M's diagonal, negative ELBO; before each step."""
    torch.manual_seed(run.args.seed)
    model = run.place(CovarianceAutoencoder())
    optimizer = torch.optim.Adam(model.parameter_groups(COLLAPSE_LR), ADAM_LR)
    rows = []
    for (x, y), _ in zip(run.batches(run.mnist.train), range(COLLAPSE_STEPS)):
        output = model(x)
        losses = mean_square(output, y), model.negative_elbo(output, y)
        diagonal = model.log_diagonal().mean().exp()
        rows.append([losses[0].item(), diagonal.item(), losses[1].item()])
        losses[with_det].backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.tensor(rows)


def hw7_b_nats(output: Tensor, label: Tensor) -> Tensor:
    """HW7 (b)'s loss with its constants: the negative ELBO for Σ = I, nats per image."""
    return output.square().sum(1).mean() / 2 + PIXELS / 2 * math.log(2 * math.pi)


def hw7_c_nats(output: Tensor, label: Tensor) -> Tensor:
    """HW7 (c)'s loss with its constants: for Σ = vI, v the batch's mean square, nats per image."""
    v = reconstruction_error(output, label) / PIXELS
    return vae_divergence(output, label) + PIXELS / 2 * (1 + (2 * math.pi * v).log())


def inverse(model: CovarianceAutoencoder) -> Tensor:
    """M⁻¹, (d, d), float64 on the CPU: pixel errors N(0, Σ) are M⁻¹ times N(0, I)."""
    M = model.matrix().detach().cpu().double()
    return torch.linalg.solve_triangular(M, torch.eye(PIXELS, dtype=M.dtype), upper=False)


def draw_deviations(diagonal: nn.Module, triangular: nn.Module) -> plots.Figure:
    """The deviation of each pixel: by a diagonal Σ, by a full one, and given the pixels before."""
    images = {
        "M diagonal: 1/M_ii": inverse(diagonal).diag(),
        "M triangular: √Σ_ii": inverse(triangular).square().sum(1).sqrt(),
        "M triangular: 1/M_ii,\ngiven the pixels before": inverse(triangular).diag(),
    }
    figure, panels = plots.subplots(1, 3, (9.5, 3.4))
    top = max(image.max() for image in images.values())
    for axes, (title, image) in zip(panels, images.items()):
        drawn = axes.imshow(image.reshape(28, 28).numpy(), cmap="magma", vmin=0, vmax=top)
        axes.set(title=title, xticks=[], yticks=[])
    figure.colorbar(drawn, ax=list(panels), label="deviation (pixel, 0 to 1)")
    return figure


def part_c(run: Run) -> dict[str, Any]:
    """the whole ELBO with M = I, diagonal and triangular; digits beside HW7's"""
    train = Split(*(tensor[:TRAIN_IMAGES] for tensor in run.mnist.train))
    kinds = {
        "hw7_b": (Autoencoder, hw7_b_nats),
        "hw7_c": (lambda: VAE(Autoencoder(width=32, dropout=0)), hw7_c_nats),
        "diagonal": (CovarianceAutoencoder, None),
        "triangular": (lambda: CovarianceAutoencoder(triangular=True), None),
    }
    evaluator = FrechetEvaluator(run.mnist, run.args.seed)
    models, rows, results = {}, {}, {"floor": evaluator.floor["frechet"]}
    for name, (make, loss_fn) in kinds.items():
        torch.manual_seed(run.args.seed)
        print(f"  {name}")
        model = models[name] = run.place(make())
        groups = model.parameter_groups() if loss_fn is None else model.parameters()
        optimizer = torch.optim.Adam(groups, ADAM_LR)
        loss_fn = loss_fn or model.negative_elbo
        history = run.fit(model, loss_fn, optimizer, name=f"c_{name}", train=train)
        codes = sample_codes(model, train.images, len(evaluator.real), run.args.seed)
        digits = {source: decode(model, codes[source]) for source in SOURCES}
        rows[name] = digits["mixture"][:SHOWN].cpu()
        results[name] = {"elbo": history[-1]["test_loss"]}
        results[name] |= {s: evaluator(images)["frechet"] for s, images in digits.items()}
        print("  " + ", ".join(f"{key} {value:.1f}" for key, value in results[name].items()))
    noise = torch.randn(SHOWN, PIXELS, dtype=torch.float64)
    for name in ("diagonal", "triangular"):
        noisy = rows[name] + noise @ inverse(models[name]).T
        rows[f"{name}, pixels drawn"] = noisy.clamp(0, 1).float()
    titles = [name.replace("hw7_", "HW7 ") for name in rows]
    run.save("c_digits", plots.image_grid(torch.cat(list(rows.values())), SHOWN, (), titles,
                                          "New digits: codes from the mixture"))  # fmt: skip
    run.save("c_deviation", draw_deviations(models["diagonal"], models["triangular"]))
    results["at_smallest"] = int((inverse(models["diagonal"]).diag() < 1.2 * SMALLEST).sum())
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("final/q4_covariance", __doc__, PARTS, argv, epochs=2, batch_size=64)


if __name__ == "__main__":
    sys.exit(main())
