"""Final Q5, beyond: why a GAN may circle.

    python final/q5_gan_study.py       in seconds

(a) Two parameters: a shift θ of the best generator, and a discriminator with one slope ψ. Gradient
steps of both at once spiral in for η < 1/9 and out for η > 1/9, by a factor a step that a 2×2
matrix predicts. In float64 on the CPU. Figures and summary.json go to results/final/q5_gan_study/;
final/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from final.q5_gan import NODES, best_generator

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

RATES = {"0.05": 0.05, "1/9": 1 / 9, "0.2": 0.2}
STEPS = 400


def play(eta: float, steps: int) -> Tensor:
    """The way (steps + 1, 2) of (θ, ψ) from (0.1, 0) by gradient steps of both at once.

    G(z) = 1 − √(1 − z) + θ is right up to a shift, and D(x) = σ(ψ(x − ⅓)) knows one direction.
    """
    x = best_generator(NODES) - 1 / 3
    at, path = torch.tensor([0.1, 0.0], dtype=torch.float64), []
    for _ in range(steps + 1):
        path.append(at)
        theta, psi = at.clone().requires_grad_().unbind()
        v = (logsigmoid(psi * x) + logsigmoid(-psi * (x + theta))).mean()
        down, up = torch.autograd.grad(v, (theta, psi))
        at = at + eta * torch.stack([-down, up])  # G descends, D climbs [final 5d.1]
    return torch.stack(path)


def predict_growth(eta: float) -> float:
    """By how much a step multiplies the distance from the equilibrium (0, 0), near it.

    There θ̇ = ½ψ and ψ̇ = −½θ − ½ Var X ψ with Var X = 1/18. The step's matrix has the rows
    (1, ½η) and (−½η, 1 − η/36); its eigenvalues are conjugate, so the square of their modulus is
    its determinant, 1 − η/36 + η²/4: more than 1 as soon as η > 1/9.
    """
    return (1 - eta / 36 + eta**2 / 4) ** 0.5  # [final 5d.2]


def part_a(run: Run) -> dict[str, Any]:
    """why it may circle: two parameters, and gradient steps of three sizes"""
    figure, axes = plots.subplots(1, 3, size=(10.5, 3.9), sharex=True, sharey=True)
    results = {}
    for axis, (name, eta) in zip(axes, RATES.items()):
        path = play(eta, STEPS)
        growth = (path[-1].norm() / path[0].norm()).item() ** (1 / STEPS)
        predicted = predict_growth(eta)
        print(f"  η = {name:4}: the radius grows by {growth:.5f} a step, predicted {predicted:.5f}")
        axis.plot(*path.T, linewidth=1)
        axis.plot(*path[0], "o", color="tab:green", label="start")
        axis.plot(0, 0, "k+", markersize=10, label="equilibrium")
        axis.set(xlabel="θ, the shift of G", title=f"η = {name}", aspect="equal")
        results[name.replace("/", "_")] = {"growth": growth, "predicted": predicted}
    axes[0].set_ylabel("ψ, the slope of D")
    axes[0].legend()
    run.save("a_circle", figure)
    return results


PARTS = {"a": part_a}


def main(argv: list[str] | None = None) -> int:
    return run_parts("final/q5_gan_study", __doc__, PARTS, argv, needs="torch", threads=1)


if __name__ == "__main__":
    sys.exit(main())
