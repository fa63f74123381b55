"""Final Q5: a GAN on the line.

    python final/q5_gan.py             everything, about a minute on one core
    python final/q5_gan.py --part a    the best discriminator alone

X has density 2 − 2x on [0, 1], Z is uniform. (a) For G(z) = z the best D is (2 − 2x)/(3 − 2x), of
value ½ + log 2 − (9/4) log 3 = −1.2787; a small network is trained to it. (b) G(z) = 1 − √(1 − z)
makes Z into X. (c) G and D trained against each other, three seeds: a D that learns faster than G
brings the distributions within a few percent; at equal rates they circle (q5_gan_study.py shows
why). Figures and summary.json go to results/final/q5_gan/; final/README.md explains them.
"""

import sys
from math import log
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts, whole_number
from final.q5_figures import draw_generator, draw_training

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

BATCH_SIZE = 256
SEEDS = range(3)
RATES = {"D faster": (0.002, 0.01), "equal rates": (0.002, 0.002)}  # Adam's η of G and of D
# Of the midpoint rule on [0, 1]
NODES = (torch.arange(4000, dtype=torch.float64, device="cpu") + 0.5) / 4000


def density(x: Tensor) -> Tensor:
    """Of X: 2 − 2x on [0, 1]."""
    return 2 - 2 * x


def distribution(x: Tensor) -> Tensor:
    """P(X ≤ x) = 2x − x² on [0, 1]."""
    return 2 * x - x**2


def best_discriminator(x: Tensor) -> Tensor:
    """p/(p + q) with p the density of X and q = 1, that of G(Z) = Z. [final 5a]"""
    return density(x) / (density(x) + 1)


def best_generator(z: Tensor) -> Tensor:
    """The increasing G with G(Z) ~ X: the inverse of P(X ≤ x). [final 5b]"""
    return 1 - (1 - z).sqrt()


# Two functions make Z into X, as 1 − Z is uniform, too.
GENERATORS = {"1 − √(1 − z)": best_generator(NODES), "1 − √z": best_generator(1 - NODES)}


def value(d: Tensor) -> float:
    """E log D(X) + E log(1 − D(Z)) of D at NODES, which D maximizes: the idealized loss."""
    return (density(NODES) * d.log() + (1 - d).log()).mean().item()


def ks_distance(samples: Tensor) -> float:
    """Kolmogorov and Smirnov's sup |F_n(x) − P(X ≤ x)| of samples (n,)."""
    exact = distribution(samples.sort().values)
    steps = torch.arange(len(samples) + 1).to(exact) / len(samples)
    return torch.maximum(steps[1:] - exact, exact - steps[:-1]).max().item()  # [final 5c.1]


def network() -> nn.Sequential:
    """From the line to the line: (n, 1) → (n, 1)."""
    hidden = nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh()
    return nn.Sequential(*hidden, nn.Linear(32, 1))


@torch.no_grad()
def at_nodes(model: nn.Module) -> Tensor:
    """What the model makes of NODES, on the CPU in float64."""
    nodes = NODES.float()[:, None].to(next(model.parameters()).device)
    return model(nodes).flatten().cpu().double()


def sample_x(n: int) -> Tensor:
    """(n, 1) of X: the smaller of two uniform numbers, for P(both > x) = (1 − x)²."""
    return torch.rand(n, 2).amin(1, keepdim=True)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−E log D(X) − E log(1 − D(G(Z))), of D's logits: means over the batch. [final 5c.2]"""
    return -logsigmoid(real).mean() - logsigmoid(-fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """−E log D(G(Z)), of D's logits: the one that does not saturate. [final 5c.3]"""
    return -logsigmoid(fake).mean()


class Player:
    """A network and Adam, whose rate falls to 0, so that the noise of the samples fades."""

    def __init__(self, model: nn.Module, lr: float, steps: int) -> None:
        self.adam = torch.optim.Adam(model.parameters(), lr, betas=(0.0, 0.9))
        self.fall = lr / steps

    def descend(self, loss: Tensor) -> None:
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        self.adam.param_groups[0]["lr"] -= self.fall


def train_pair(run: Run, seed: int, name: str) -> dict[str, Any]:
    """G and D against each other; what comes of it every 50 steps and in the end."""
    torch.manual_seed(seed)
    g, d = run.place(nn.Sequential(network(), nn.Sigmoid())), run.place(network())
    g_player, d_player = (Player(m, lr, run.args.steps) for m, lr in zip((g, d), RATES[name]))
    pair = {"step": [], "ks": [], "from_half": []}
    for i in range(1, run.args.steps + 1):
        x, z = sample_x(BATCH_SIZE).to(run.device), torch.rand(BATCH_SIZE, 1).to(run.device)
        made = g(z)
        d_player.descend(discriminator_loss(d(x), d(made.detach())))
        g_player.descend(generator_loss(d(made)))
        if i % 50 == 0 or i == run.args.steps:
            pair |= {"g": at_nodes(g), "d": at_nodes(d).sigmoid()}
            pair["step"].append(i)
            pair["ks"].append(ks_distance(pair["g"]))
            off = density(NODES) * (pair["d"] - 0.5).abs()  # E |D(X) − ½| is its mean
            pair["from_half"].append(off.mean().item())
    return pair


def part_a(run: Run) -> dict[str, Any]:
    """the best discriminator for G(z) = z: by formula, and a small network trained"""
    best = best_discriminator(NODES)
    d = run.place(network())
    player = Player(d, 0.01, run.args.steps)
    for _ in range(run.args.steps):
        x, z = sample_x(BATCH_SIZE).to(run.device), torch.rand(BATCH_SIZE, 1).to(run.device)
        player.descend(discriminator_loss(d(x), d(z)))
    trained = at_nodes(d).sigmoid()
    closed_form = 0.5 + log(2) - 2.25 * log(3)
    values = {"formula": value(best), "closed_form": closed_form, "trained": value(trained)}
    print("  value: " + ", ".join(f"{name} {each:.6f}" for name, each in values.items()))
    error = (trained - best).abs()
    print(f"  |trained − formula|: mean {error.mean():.4f}, at most {error.max():.4f}")
    lines = {"(2 − 2x)/(3 − 2x)": (NODES, best), "trained": (NODES, trained)}
    figure = plots.curves(lines, "x", "D(x)", "the best D for G(z) = z", level=("½", 0.5))
    run.save("a_discriminator", figure)
    return {"value": values, "error": {"mean": error.mean().item(), "max": error.max().item()}}


def part_b(run: Run) -> dict[str, Any]:
    """the best generator: what it makes of uniform numbers"""
    z = torch.rand(10_000, dtype=torch.float64)
    samples = {"increasing": best_generator(z), "decreasing": best_generator(1 - z), "identity": z}
    found = {name: ks_distance(made) for name, made in samples.items()}
    found["level"] = 1.358 / 100  # 1.358/√n, which 5 % of true samples exceed
    print("  distance: " + ", ".join(f"{name} {each:.4f}" for name, each in found.items()))
    made = samples["increasing"]
    run.save("b_generator", draw_generator(NODES, GENERATORS, made, density))
    return found


def part_c(run: Run) -> dict[str, Any]:
    """G and D trained against each other, three seeds"""
    jobs = [(seed, name) for name in RATES for seed in SEEDS]
    found = run.map(lambda job: train_pair(run, *job), jobs)
    pairs = {name: [pair for pair, job in zip(found, jobs) if job[1] == name] for name in RATES}
    results = {}
    for name, chosen in pairs.items():
        results[name.replace(" ", "_")] = numbers = {}
        for key in ("ks", "from_half"):
            ends = torch.tensor([pair[key][-1] for pair in chosen])
            numbers[key] = {"mean": ends.mean().item(), "std": ends.std().item()}
        texts = [f"{each['mean']:.3f} ± {each['std']:.3f}" for each in numbers.values()]
        print(f"  {name:11}: distance {texts[0]}, E |D(X) − ½| {texts[1]}")
    run.save("c_training", draw_training(NODES, GENERATORS, pairs))
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    text = "training steps (default: %(default)s)"
    steps = {"--steps": {"type": whole_number, "default": 2000, "help": text}}
    return run_parts("final/q5_gan", __doc__, PARTS, argv, "torch", threads=1, options=steps)


if __name__ == "__main__":
    sys.exit(main())
