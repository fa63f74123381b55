"""Final Q4: an autoencoder whose decoder has a covariance, and learns it.

    python final/q4_covariance.py             everything, 11 minutes of one core
    python final/q4_covariance.py --part b    what happens without the determinant, in two minutes

(a) the negative ELBO with its log-determinant, beside torch's Gaussians; (b) the mean square of
[z, M(x − f)] alone: M vanishes, and the loss with it; (c) the whole ELBO on HW7's autoencoder, with
M = I (expect 750 nats), diagonal (−970), and triangular, where the code is given up: the deviation
of each pixel, and the digits beside HW7's. The model is covariance_autoencoder.py. Figures and
summary.json go to results/final/q4_covariance/; final/README.md explains them.
"""

import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common.data import EVAL_BATCH_SIZE, Split
from common.loop import test_loop
from common.run import Run, run_parts
from final.covariance_autoencoder import SMALLEST, CovarianceAutoencoder, fit_matrix, gaussian_nats
from final.q4_figures import draw_descents, draw_deviations, draw_digits
from hw7.autoencoder import Autoencoder
from hw7.autoencoder import negative_elbo as mean_square  # of all entries of the output
from hw7.mixture import decode, sample_codes, use_seed
from hw7.quality import FrechetEvaluator
from hw7.vae import PIXELS, VAE, reconstruction_error
from hw7.vae import kl_divergence as vae_divergence

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

TRAIN_IMAGES, COLLAPSE_STEPS = 30_000, 400
ADAM_LR, COLLAPSE_LR = 1e-3, 5e-2
SHOWN = 10  # digits in a row
SOURCES = ("N", "mixture")  # of the codes of new digits
DRAWN = ("diagonal", "fitted", "triangular")  # whose covariance is drawn

# n images of d = 784 pixels; Σ⁻¹ = MᵀM.


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
    run.save("b_collapse", draw_descents(tables))
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


@torch.no_grad()
def decoding_errors(model: nn.Module, images: Tensor) -> Tensor:
    """x − f of images, (n, d), in evaluation mode; the codes have their noise."""
    model.eval()
    parts = images.split(EVAL_BATCH_SIZE)
    return torch.cat([(x - model.decoder(model.sample_code(x))).flatten(1) for x in parts])


def train_models(run: Run, train: Split) -> tuple[dict[str, nn.Module], dict[str, float]]:
    """The four models, and their negative ELBOs on the test images, nats per image."""
    kinds = {
        "hw7_b": (Autoencoder, hw7_b_nats),
        "hw7_c": (lambda: VAE(Autoencoder(width=32, dropout=0)), hw7_c_nats),
        "diagonal": (CovarianceAutoencoder, None),
        "triangular": (lambda: CovarianceAutoencoder(triangular=True), None),
    }
    models, elbos = {}, {}
    for name, (make, loss_fn) in kinds.items():
        print(f"  {name}")
        torch.manual_seed(run.args.seed)
        model = models[name] = run.place(make())
        groups = model.parameters() if loss_fn else model.parameter_groups()
        optimizer = torch.optim.Adam(groups, ADAM_LR)
        loss_fn = loss_fn or model.negative_elbo
        history = run.fit(model, loss_fn, optimizer, name=f"c_{name}", train=train)
        elbos[name] = history[-1]["test_loss"]
    return models, elbos


def part_c(run: Run) -> dict[str, Any]:
    """the whole ELBO with M = I, diagonal and triangular; digits beside HW7's"""
    train = Split(*(tensor[:TRAIN_IMAGES] for tensor in run.mnist.train))
    models, elbos = train_models(run, train)
    with use_seed(run.args.seed, run.device):
        errors = decoding_errors(models["diagonal"], train.images)
    fitted = models["fitted"] = run.place(CovarianceAutoencoder(triangular=True))
    fitted.load_state_dict(models["diagonal"].state_dict(), strict=False)
    fitted.set_matrix(fit_matrix(errors))
    tests = run.batches(run.mnist.test, shuffle=False)
    elbos["fitted"] = test_loop(fitted, tests, fitted.negative_elbo)["loss"]
    x, mean = run.mnist.test.images.flatten(1), train.images.flatten(1).mean(0)
    elbos["no_code"] = gaussian_nats(x - mean, fit_matrix(train.images.flatten(1) - mean))
    evaluator = FrechetEvaluator(run.mnist, run.args.seed)
    results, rows = {name: {"elbo": elbo} for name, elbo in elbos.items()}, {}
    for name in ("hw7_b", "hw7_c", "diagonal", "triangular"):
        codes = sample_codes(models[name], train.images, len(evaluator.real), run.args.seed)
        for source in SOURCES:
            digits = decode(models[name], codes[source])
            results[name][source] = evaluator(digits)["frechet"]
        rows[name] = digits[:SHOWN].cpu()
    for name, row in results.items():
        print(f"  {name:>10}: " + ", ".join(f"{key} {value:.1f}" for key, value in row.items()))
    matrices = {name: models[name].matrix().detach().cpu() for name in DRAWN}
    run.save("c_digits", draw_digits(rows, matrices))
    run.save("c_deviation", draw_deviations(matrices))
    for name in ("diagonal", "triangular"):
        with use_seed(run.args.seed, run.device):
            errors = decoding_errors(models[name], run.mnist.test.images)
        results[name]["error"] = errors.square().sum(1).mean().item()
    results["no_code"]["error"] = (x - mean).square().sum(1).mean().item()
    results["at_smallest"] = int((matrices["diagonal"].diagonal() > 0.8 / SMALLEST).sum())
    return results | {"floor": evaluator.floor["frechet"]}


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("final/q4_covariance", __doc__, PARTS, argv, epochs=2, batch_size=64)


if __name__ == "__main__":
    sys.exit(main())
