"""Lecture 22: the game on the line, where the best D and its value are known.

    python lectures/l22_line.py    everything, in a minute

(a) p, p_G and D at four moments, as in Figure 1 of Goodfellow et al. (2014): what D's value is, and
what the best D's would be, −ln 4 + 2 JSD. (b) The two losses of G: their slopes by D's
logit, and where they lead from three starts. What to expect: at the end p_G lies on p, D is ½ and
its value −ln 4 = −1.386. line.py holds the densities. Figures and summary.json go to
results/lectures/l22_line/; lectures/README.md explains them.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw7.autoencoder_study import mean_and_std
from lectures.l22_gan import LOSSES, ascend, descend, falling
from lectures.line import (
    LineDiscriminator,
    LineGenerator,
    draw_data,
    measure_moment,
    plot_moments,
)

import torch
from torch.optim import Adam

ALONE, STEPS, BATCH = 300, 1000, 256  # D's steps alone, then both's; points of a step
SEEDS = (0, 1, 2)  # (b)


def play(name: str, seed: int) -> tuple[dict[str, dict[str, Any]], torch.Tensor]:
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


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l22_line", __doc__, PARTS, argv, needs="torch", threads=1)


if __name__ == "__main__":
    sys.exit(main())
