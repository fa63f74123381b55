"""Lecture 22: the game of two networks, where the best D is known, and the two losses of G.

    python lectures/l22_game.py             everything, in two minutes
    python lectures/l22_game.py --part a    on the line, in seconds, without data

(a) p, p_G and D at four moments, as in Figure 1 of Goodfellow et al. (2014): what D's value is, and
what the best D's would be, −ln 4 + 2 JSD. (b) The lecture's loss of G and
the one that does not saturate: their slopes by D's logit, and where they lead on the line.
(c) The same on MNIST: G's gradient in the first 200 steps. What to expect: at the end p_G lies on
p, D is ½ and its value −ln 4 = −1.386. line.py holds the densities, l22_gan.py the two steps.
Figures and summary.json go to results/lectures/l22_game/; lectures/README.md explains them.
"""

import statistics
import sys
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches
from common.run import Run, run_parts
from hw7.autoencoder_study import mean_and_std
from lectures.adversarial import (
    Discriminator,
    Generator,
    draw_code,
    non_saturating_loss,
    repeat,
    saturating_loss,
    tell,
)
from lectures.diffusion import to_pixels, to_range
from lectures.l22_gan import ascend, descend, falling, make_optimizers
from lectures.line import (
    LineDiscriminator,
    LineGenerator,
    draw_data,
    measure_moment,
    plot_moments,
)

import torch
from torch import Tensor
from torch.optim import Adam

ALONE, STEPS, BATCH = 300, 1000, 256  # (a), (b): D's steps alone, then both's; points
SEEDS = (0, 1, 2)  # (b), (c)
SHORT = 200  # (c): steps
LOSSES = {"saturating": saturating_loss, "non-saturating": non_saturating_loss}


def play(name: str, seed: int) -> tuple[dict[str, dict[str, Any]], Tensor]:
    """The game with that loss of G: title → `measure_moment`, four times; the grid of x."""
    torch.manual_seed(seed)
    G, D = LineGenerator(), LineDiscriminator()
    up, down = (Adam(D.parameters(), 1e-2, (0.5, 0.99)), Adam(G.parameters(), 3e-3, (0.5, 0.99)))
    schedules = falling(up, ALONE + STEPS), falling(down, STEPS)
    grid, y = torch.linspace(-4, 4, 801, dtype=torch.float64), torch.zeros(BATCH, 0)
    moments = {"the start": measure_moment(G, D, grid)}
    for _ in range(ALONE):
        ascend(G, D, up, draw_data(BATCH), y, torch.randn(BATCH, 1))
        schedules[0].step()
    moments["D alone"] = measure_moment(G, D, grid)
    for step in range(STEPS):
        ascend(G, D, up, draw_data(BATCH), y, torch.randn(BATCH, 1))
        descend(G, D, down, y, torch.randn(BATCH, 1), LOSSES[name])  # with fresh codes
        for schedule in schedules:
            schedule.step()
        if step == STEPS // 10:
            moments["both, early"] = measure_moment(G, D, grid)
    moments["the end"] = measure_moment(G, D, grid)
    return moments, grid


def part_a(run: Run) -> dict[str, Any]:
    """p, p_G and D at four moments"""
    moments, grid = play("non-saturating", run.args.seed)
    run.save("a_moments", plot_moments(moments, grid))
    rows = []
    for title, moment in moments.items():
        rows.append({key: moment[key] for key in ("V", "best", "bound", "JSD")})
        print(f"  {title:12} V {moment['V']:.3f}; of the best D {moment['best']:.3f}, "
              f"−ln 4 + 2 JSD {moment['bound']:.3f}; JSD {moment['JSD']:.4f} nats")  # fmt: skip
    return {"moments": rows}


def part_b(run: Run) -> dict[str, Any]:
    """the two losses of G: their slopes by D's logit, and where they lead"""
    logits = torch.linspace(-6, 6, 121, requires_grad=True)
    results, lines = {}, {}
    for name, loss_fn in LOSSES.items():
        # Each logit alone in its batch, so that no mean divides its slope
        total = torch.stack([loss_fn(logit[None]) for logit in logits]).sum()
        (slopes,) = torch.autograd.grad(total, logits)
        lines[name] = (logits.detach().sigmoid(), slopes.abs())
        ends = [play(name, seed)[0]["the end"]["JSD"] for seed in SEEDS]
        results[name] = mean_and_std(ends)
        print(f"  {name:14}  JSD at the end {results[name]['mean']:.4f} ± "
              f"{results[name]['std']:.4f} nats, {len(SEEDS)} starts")  # fmt: skip
    axis = {"xlabel": "D(G(z))", "ylabel": "size of the slope by D's logit"}
    run.save("b_slopes", plots.curves(lines, title="What G gets to learn from", **axis))
    return results


def follow_gradient(run: Run, name: str, seed: int) -> tuple[list[dict[str, float]], Tensor]:
    """A short game with that loss of G: D(G(z)) and G's gradient in each step; digits."""
    torch.manual_seed(seed)
    G, D = run.place(Generator(width=16)), run.place(Discriminator(width=16))
    up, down = make_optimizers(run, D, G)
    rows, batches = [], Batches(run.mnist.train, run.args.batch_size, seed)
    for x, digits in islice(repeat(batches), SHORT):
        y = tell(digits, 0)
        ascend(G, D, up, to_range(x), y, draw_code(y))
        fake = descend(G, D, down, y, draw_code(y), LOSSES[name])
        norm = torch.stack([w.grad.norm() for w in G.parameters()]).norm()
        rows.append({"D": fake.sigmoid().mean().item(), "gradient": norm.item()})
    y = x.new_zeros(10, 0)
    return rows, to_pixels(G(draw_code(y))).detach().cpu()


def part_c(run: Run) -> dict[str, Any]:
    """the two losses on MNIST: G's gradient early on"""
    jobs = [(name, seed) for name in LOSSES for seed in SEEDS]
    found = dict(zip(jobs, run.map(lambda job: follow_gradient(run, *job), jobs)))
    steps, results, lines = range(1, SHORT + 1), {}, {"gradient": {}, "D": {}}
    for name in LOSSES:
        games = [found[name, seed][0] for seed in SEEDS]
        means = {key: torch.tensor([[row[key] for row in game] for game in games]).mean(0).tolist()
                 for key in lines}  # fmt: skip
        for key, values in means.items():
            lines[key][name] = (steps, values)
        results[name] = {key: [[row[key] for row in game] for game in games] for key in lines}
        results[name] |= {f"{key}_mean": statistics.mean(values) for key, values in means.items()}
        print(f"  {name:14}  D(G(z)) {results[name]['D_mean']:.3f}, G's gradient "
              f"{results[name]['gradient_mean']:.3f}, means of the steps")  # fmt: skip
    axis = {"xlabel": "step", "yscale": "log"}
    title = f"Mean of {len(SEEDS)} starts"
    label = "norm of the gradient by G's weights"
    run.save("c_gradient", plots.curves(lines["gradient"], ylabel=label, title=title, **axis))
    run.save("c_answers", plots.curves(lines["D"], ylabel="D(G(z))", title=title, **axis))
    digits = torch.cat([found[job][1] for job in jobs])
    rows = [f"{name}, start {seed}" for name, seed in jobs]
    run.save("c_digits", plots.image_grid(digits[:, 0], 10, (), rows, f"After {SHORT} steps"))
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l22_game", __doc__, PARTS, argv, threads=1, batch_size=64, lr=2e-3)


if __name__ == "__main__":
    sys.exit(main())
