"""Lecture 20: variational autoencoders of digits, with one code, with more, and told the digit.

    python lectures/l20_vae.py             everything, in ten minutes on two cores
    python lectures/l20_vae.py --part a    four ideas, with codes of two numbers

(a) the four ideas of lectures/l20_elbo.py with digits, and the plane of their codes; (b) a code of
32 numbers, two and three codes in a row, and digits on demand. What to expect: ideas 1 to 3 fail as
they do for points; a hierarchy reconstructs a little worse than one code and draws better digits.
lectures/generative.py measures it.
Figures and summary.json go to results/lectures/l20_vae/; lectures/README.md explains them.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from hw7.mixture import use_seed
from lectures.digits import attach_digits
from lectures.drawing import keep_weights
from lectures.elbo import IDEAS, Attempt, Perceptrons
from lectures.hierarchy import (
    ConditionalVAE,
    HierarchicalVAE,
    code_cost,
    draw,
    negative_elbo,
    squared_error,
)

import numpy as np
import torch
from torch import Tensor, nn

SHAPE, SIZES = (1, 28, 28), (400, 200)  # the networks of all parts
SHOWN, SCATTERED = 7, 2000  # (a): test images in rows, and in the plane of the codes
MODELS: dict[str, Callable[[], nn.Module]] = {
    "one": lambda: HierarchicalVAE(Perceptrons(SHAPE, SIZES, 32), (32,)),
    "two": lambda: HierarchicalVAE(Perceptrons(SHAPE, SIZES, 32), (32, 16)),
    "three": lambda: HierarchicalVAE(Perceptrons(SHAPE, SIZES, 32), (32, 24, 16)),
    "demand": lambda: ConditionalVAE(Perceptrons(SHAPE, SIZES, 32), 32),
}
NAMES = {"one": "one code", "two": "two codes", "three": "three codes", "demand": "told the digit"}


def part_a(run: Run) -> dict[str, Any]:
    """the four ideas for digits, with codes of two numbers, and the plane of the codes"""
    images, labels = (values[:SCATTERED] for values in run.mnist.test)
    z = torch.randn(SHOWN, 2, generator=torch.Generator().manual_seed(run.args.seed)).to(run.device)
    figure, axes = plots.subplots(1, 3, (12, 4))
    rows, results = [images[:SHOWN]], {}
    for idea, name in IDEAS.items():
        print(f"  {idea}: {name}", flush=True)
        model, last = train_attempt(run, idea)
        with torch.no_grad():
            mean, log_variance = model.encode(images)
            made = model.decoder(draw(mean[:SHOWN], log_variance[:SHOWN]))
            rows += [made, model.decoder(z)]
        deviation = (log_variance / 2).exp().mean().item()
        results[str(idea)] = last | {"spread": mean.std().item(), "sigma": deviation}
        print(f"    codes: deviation {mean.std():.2f}, σ of one image {deviation:.3f}")
        if idea > 1:
            scatter(axes[idea - 2], mean.cpu().numpy(), labels.cpu().numpy(), f"{idea}: {name}")
    run.save("a_codes", figure)
    titles = [text for idea in IDEAS for text in (f"{idea}: from an image", "from N(0, I)")]
    grid = torch.cat(rows).cpu()[:, 0]
    run.save("a_digits", plots.image_grid(grid, SHOWN, (), ["test images", *titles]))
    run.save("a_plane", plot_plane(model, run.device))
    return results


def train_attempt(run: Run, idea: int) -> tuple[Attempt, dict[str, float]]:
    """The idea's network in evaluation mode, after half of --epochs; its last row's numbers."""
    model = run.place(Attempt(Perceptrons(SHAPE, SIZES, 2), idea))
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=run.args.lr)
    epochs = max(1, run.args.epochs // 2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    metrics = {"codes": code_cost, "error": squared_error}
    rows = run.fit(model, negative_elbo, optimizer, metrics, scheduler, epochs=epochs)
    return model.eval(), {name: value for name, value in rows[-1].items() if "test" in name}


def scatter(axis: plots.Axes, codes: np.ndarray, labels: np.ndarray, title: str) -> None:
    """The codes (n, 2), colored by digit, and the circle that holds 86 % of N(0, I)."""
    for digit in range(10):
        axis.plot(*codes[labels == digit].T, ".", markersize=2, label=digit)
    angle = torch.linspace(0, 2 * torch.pi, 100)
    axis.plot(2 * angle.cos(), 2 * angle.sin(), color="black", linewidth=1)
    axis.set(title=title, xlabel="z₁", ylabel="z₂", aspect="equal", adjustable="datalim")
    axis.legend(markerscale=5, fontsize=7, loc="upper right")


@torch.no_grad()
def plot_plane(model: Attempt, device: torch.device) -> plots.Figure:
    """What the decoder makes of codes (z₁, z₂), each from −2.5 to 2.5."""
    side, size = torch.linspace(-2.5, 2.5, 16), 28
    z = torch.stack(torch.meshgrid(side, -side, indexing="xy"), -1).view(-1, 2)
    images = model.decoder(z.to(device)).cpu().view(16, 16, size, size)
    figure, axes = plots.subplots(size=(5, 5))
    picture = images.permute(0, 2, 1, 3).reshape(16 * size, 16 * size).numpy()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(-2.66, 2.66, -2.66, 2.66))
    axes.set(xlabel="z₁", ylabel="z₂", title="4: what the codes are decoded to")
    return figure


def part_b(run: Run) -> dict[str, Any]:
    """one code of 32 numbers, two and three codes, and digits on demand"""
    results, lines, shown = {}, {}, []
    for name, make in MODELS.items():
        print(f"  {NAMES[name]}:", flush=True)
        train, test = run.mnist if name != "demand" else map(attach_digits, run.mnist)
        model = run.place(make())
        optimizer = torch.optim.Adam(model.parameters(), lr=run.args.lr)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, run.args.epochs)
        metrics, started = {"codes": code_cost, "error": squared_error}, time.perf_counter()
        history = run.fit(model, negative_elbo, optimizer, metrics, scheduler,
                          f"b_{name}", train, test)  # fmt: skip
        seconds = time.perf_counter() - started
        keep_weights(run, name, model, seconds)
        lines[NAMES[name]] = zip(*[(row["epoch"], row["test_loss"]) for row in history])
        shown.append(draw_digits(model, 10, run.args.seed))
        results[name] = history[-1] | {"minutes": seconds / 60}
    figure = plots.curves(lines, "epoch", "nats per image", "−ELBO of the test images", "o")
    run.save("b_loss", figure)
    grid = torch.cat(shown).cpu()[:, 0]
    run.save("b_digits", plots.image_grid(grid, 10, (), [NAMES[name] for name in MODELS]))
    return results


@torch.no_grad()
def draw_digits(model: nn.Module, count: int, seed: int, digits: Tensor | None = None) -> Tensor:
    """Images (count, 1, 28, 28) whose codes all come from the prior.

    Args:
        digits: what is told (count,), if the model asks; by default in turn 0, …, 9.
    """
    device = next(model.parameters()).device
    z = torch.randn(count, model.top, generator=torch.Generator().manual_seed(seed)).to(device)
    digits = torch.arange(count, device=device) % 10 if digits is None else digits
    with use_seed(seed, device):  # of the lower codes
        return model.eval().decode(z, *[digits] * isinstance(model, ConditionalVAE))


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    defaults = {"epochs": 12, "batch_size": 128, "lr": 1e-3}
    return run_parts("lectures/l20_vae", __doc__, PARTS, argv, **defaults)


if __name__ == "__main__":
    sys.exit(main())
