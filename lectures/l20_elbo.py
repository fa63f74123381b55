"""Lecture 20: from maximum likelihood to the ELBO, where log p(x) is known.

    python lectures/l20_elbo.py             everything, in a minute
    python lectures/l20_elbo.py --part b    four ideas for a network that draws points

(a) a linear decoder: the bound touches log p(x) where q is the posterior; (b) four ideas for a
network that draws the points of an arc; (c) k-means as an encoder that is sure of its code. What
to expect: three of the ideas fail, each in its own way, and the fourth, the ELBO, mends all three.
Figures and summary.json go to results/lectures/l20_elbo/; lectures/README.md explains them. The
same with digits: lectures/l20_vae.py.
"""

import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw7.clustering import assign, lloyd
from hw7.mixture import use_seed
from lectures import elbo
from lectures.elbo import IDEAS, Attempt, Perceptrons
from lectures.hierarchy import negative_elbo

import torch
from torch import Tensor

POINTS, STEPS = 2000, 3000  # (b): points of the arc, steps of each training
CLUSTERS = 20  # (c)


def part_a(run: Run) -> dict[str, Any]:
    """the bound where log p(x) is known: linear decoders"""
    W, b, v = torch.tensor([[1.0], [0.5]]), torch.zeros(2), 0.3
    x = torch.tensor([[1.2, 0.9]])
    exact = elbo.linear_log_density(x, W, b, v).item()
    mean, covariance = elbo.linear_posterior(x, W, b, v)
    away = torch.linspace(-1.5, 1.5, 101)
    lines = {
        f"σ = {factor:g} times the posterior's": (
            away,
            [elbo.linear_elbo(x, W, b, v, mean + m, factor**2 * covariance).item() for m in away],
        )
        for factor in (1, 0.5, 2)
    }
    figure = plots.curves(lines, "mean of q(z | x), away from the posterior's", "nats",
                          "ELBO of a point, linear decoder", "", ("log p(x)", exact))  # fmt: skip
    run.save("a_bound", figure)
    best = {factor: max(values) for factor, (_, values) in zip((1, 0.5, 2), lines.values())}
    gaps = {str(factor): exact - value for factor, value in best.items()}
    print(f"  log p(x) = {exact:.4f}; log p(x) − ELBO: "
          + ", ".join(f"{gap:.4f} at σ × {factor}" for factor, gap in gaps.items()))  # fmt: skip
    return {"exact": exact, "gaps": gaps}


def make_arc(count: int, seed: int) -> Tensor:
    """Points (count, 2) on five sixths of a circle of radius 1, with noise of deviation 0.05."""
    generator = torch.Generator().manual_seed(seed)
    angle = math.pi / 6 + math.pi * 5 / 3 * torch.rand(count, generator=generator)
    points = torch.stack((angle.cos(), angle.sin()), 1)
    return points + 0.05 * torch.randn(count, 2, generator=generator)


def train_attempt(x: Tensor, idea: int, seed: int) -> Attempt:
    """The idea's network for points x (n, 2), in evaluation mode; a code is one number."""
    with use_seed(seed, x.device):
        model = Attempt(Perceptrons((2,), (64, 64), 1), idea).to(x.device)
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
        for _ in range(STEPS):
            batch = x[torch.randint(len(x), (256,)).to(x.device)]
            negative_elbo(model(batch), pixels=2).backward()
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
    return model.eval()


@torch.no_grad()
def part_b(run: Run) -> dict[str, Any]:
    """four ideas for an arc, where a code is one number and log p(x) can be summed"""
    train, test = (make_arc(POINTS, seed).to(run.device) for seed in (run.args.seed, 10_000))
    figure, axes = plots.subplots(1, 4, (13, 3.6), sharex=True, sharey=True)
    z = torch.randn(POINTS, 1, generator=torch.Generator().manual_seed(run.args.seed))
    results = {}
    for axis, (idea, name) in zip(axes, IDEAS.items()):
        with torch.enable_grad():
            model = train_attempt(train, idea, run.args.seed)
        v = model(train)[:, 1].mean().item() / 2
        exact = -elbo.log_likelihood(model.decoder, v, test).mean().item()
        bound = negative_elbo(torch.cat([model(test) for _ in range(20)]), pixels=2).item()
        mean, log_variance = model.encode(test)
        results[str(idea)] = {"exact": exact, "loss": bound, "v": v,
                              "spread": mean.std().item(),
                              "sigma": (log_variance / 2).exp().mean().item()}  # fmt: skip
        print(f"  {idea}  {name:32} loss {bound:7.3f}, −log p(x) {exact:8.3f} nats; codes: "
              f"deviation {mean.std():.2f}, σ {(log_variance / 2).exp().mean():.3f}")  # fmt: skip
        f = model.decoder(z.to(run.device))
        drawn = (f + v**0.5 * torch.randn_like(f)).cpu()
        axis.plot(*train.cpu().T, ".", markersize=2, color="lightgray", label="data")
        axis.plot(*drawn.T, ".", markersize=2, label="drawn")
        axis.set(title=f"{idea}: {name}\n−log p(x) = {exact:.2f} nats", xlabel="x₁")
    axes[0].set(ylabel="x₂")
    axes[0].legend(loc="upper right", markerscale=5)
    run.save("b_arc", figure)
    return results


def part_c(run: Run) -> dict[str, Any]:
    """k-means: a code of k values, and an encoder that is sure"""
    x = make_arc(POINTS, run.args.seed).double()
    generator = torch.Generator().manual_seed(run.args.seed)
    start = x[torch.randperm(POINTS, generator=generator)[:CLUSTERS]]
    steps = [lloyd(x, start, max_iter=i)[0] for i in range(1, 31)]
    centers = steps[-1]
    v = (x - centers[assign(x, centers)]).square().mean().item()
    losses = [-elbo.kmeans_elbo(x, each, v).mean().item() for each in [start, *steps]]
    exact = [-elbo.mixture_log_density(x, each, v).mean().item() for each in [start, *steps]]
    lines = {"−ELBO, the encoder sure": (range(31), losses), "−log p(x)": (range(31), exact)}
    figure = plots.curves(lines, "steps of Lloyd's algorithm", "nats per point",
                          f"Arc, {CLUSTERS} centers, p(x | z) = N(center, vI)")  # fmt: skip
    run.save("c_lloyd", figure)
    factors = torch.logspace(1, -4, 26).tolist()
    gaps = [
        (elbo.mixture_log_density(x, centers, v * each) - elbo.kmeans_elbo(x, centers, v * each))
        .mean()
        .item()
        for each in factors
    ]
    figure = plots.curves({"": (factors, gaps)}, "variance of the decoder, in units of v",
                          "log p(x) − ELBO (nats per point)",
                          "What the encoder loses by being sure", "o", xscale="log")  # fmt: skip
    run.save("c_gap", figure)
    print(f"  −ELBO from {losses[0]:.3f} to {losses[-1]:.3f} nats; above −log p(x) by "
          f"{losses[-1] - exact[-1]:.3f} at v, by {gaps[-1]:.4f} at v / 10,000")  # fmt: skip
    return {"losses": losses, "exact": exact, "v": v, "factors": factors, "gaps": gaps}


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l20_elbo", __doc__, PARTS, argv, needs="torch", threads=1)


if __name__ == "__main__":
    sys.exit(main())
