"""Lecture 20: diffusion. Digits on demand, out of noise.

    python lectures/l20_diffusion.py                  everything, in a quarter of an hour
    python lectures/l20_diffusion.py --data sample    on 1,000 images, in a minute

(a) the encoder, which adds noise in T = 200 steps, and the bound on −log p(x), where p is known;
(b) a U-Net learns to predict the noise; (c) digits from noise: all 200 steps, or 20 jumps, with
guidance; (d) the nearest training images, and what each step costs in nats. What to expect: digits
on demand that HW6's network can hardly tell from real ones (lectures/generative.py measures it).
Figures and summary.json go to results/lectures/l20_diffusion/; lectures/README.md explains them.
"""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures.diffusion import Diffusion, Process, to_pixels, to_range
from lectures.diffusion_bound import gaussian_bound, gaussian_entropy, step_cost
from lectures.digits import attach_digits
from lectures.drawing import find_nearest, keep_weights, load_weights
from lectures.samplers import ancestral, fast
from lectures.unet import UNet

import torch
from torch import Tensor

T = 200  # steps of the encoder
JUMPS = 20  # of the fast sampler
COMPARED = (T, 50, JUMPS, 10, 5)  # (c): numbers of jumps
GUIDANCE = 0.2  # the best of those that lectures/generative.py tries
LENGTHS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)  # (a): numbers of steps
SHOWN = (0, 5, 25, 50, 75, 100, 125, 150, 175, 200)  # (a), (c): t of the figures


def make_model() -> Diffusion:
    """The network and the process of this script, untrained."""
    return Diffusion(UNet(), Process.cosine(T))


def part_a(run: Run) -> dict[str, Any]:
    """the encoder, and the bound where p(x) is known"""
    process, images = Process.cosine(T), run.mnist.test.images[:4]
    generator = torch.Generator().manual_seed(run.args.seed)
    x0 = to_range(images.cpu())
    noise = torch.randn(x0.shape, generator=generator)
    rows = [x0] + [process.jump(x0, torch.full((4,), t), noise) for t in SHOWN[1:]]
    pictures = torch.stack(rows, 1).flatten(0, 1)
    titles = [f"t = {t}" for t in SHOWN]
    figure = plots.image_grid(to_pixels(pictures)[:, 0], len(SHOWN), titles, title="x_t")
    run.save("a_noising", figure)
    processes, entropy = [Process.cosine(length) for length in LENGTHS], gaussian_entropy()
    bounds = {name: [gaussian_bound(each, wide) for each in processes]
              for name, wide in (("wide", True), ("narrow", False))}  # fmt: skip
    lines = {"σ² = β_t": (LENGTHS, bounds["wide"]), "σ² = β̃_t": (LENGTHS, bounds["narrow"])}
    figure = plots.curves(lines, "T, steps of the encoder", "−ELBO, nats, mean over x",
                          "p(x) = N(1, ½²), exact denoiser", "o",
                          ("−log p(x)", entropy), xscale="log")  # fmt: skip
    run.save("a_bound", figure)
    for length, wide, narrow in zip(LENGTHS, *bounds.values()):
        print(f"  T = {length:4}  −ELBO {wide:.3f} with σ² = β_t, {narrow:.3f} with β̃_t; "
              f"−log p(x) {entropy:.3f} nats")  # fmt: skip
    left = process.alpha_bar[-1].sqrt().item()
    return bounds | {"T": LENGTHS, "entropy": entropy, "left": left}


def mean_square(prediction: Tensor, y: Tensor) -> Tensor:
    """The mean of (v̂ − v)² over the pixels and the batch."""
    return prediction.square().mean()


def part_b(run: Run) -> dict[str, Any]:
    """training: the U-Net predicts v, from which noise and image can be read"""
    train, test = (attach_digits(split) for split in run.mnist)
    model = run.place(make_model())
    parameters = sum(p.numel() for p in model.network.parameters())
    optimizer = torch.optim.Adam(model.network.parameters(), lr=run.args.lr, betas=(0.9, 0.99))
    model.schedule(optimizer, run.args.epochs * len(run.batches(train)))
    started = time.perf_counter()
    history = run.fit(model, mean_square, optimizer, name="b_training", train=train, test=test)
    seconds = time.perf_counter() - started
    keep_weights(run, "network", model.average.module, seconds)
    run.save("b_loss", plots.learning_curves(history, "loss", "mean of (v̂ − v)²", "U-Net"))
    print(f"  {parameters:,} parameters, {seconds / 60:.1f} minutes")
    return {"history": history, "parameters": parameters, "minutes": seconds / 60}


def load_model(run: Run, folder: Path) -> tuple[Diffusion, float]:
    """The network that part b left in the folder, in evaluation mode; minutes of its training."""
    model = make_model()
    minutes = load_weights(folder / "network.pt", model.average.module)
    return run.place(model).eval(), minutes


@torch.no_grad()
def draw_digits(
    model: Diffusion, digits: Tensor, noise: Tensor, steps: int = JUMPS, guidance: float = GUIDANCE
) -> Tensor:
    """Images (n, 1, 28, 28) of these digits (n,) from the noise (n, 1, 24, 24), by jumps."""
    parts = []
    for some, start in zip(digits.split(500), noise.split(500)):
        denoise = partial(model.denoise, digits=some, guidance=guidance)
        parts.append(to_pixels(fast(model.process, denoise, start, steps)))
    return torch.cat(parts)


def make_noise(count: int, seed: int, run: Run) -> Tensor:
    """x_T (count, 1, 24, 24), the same for the same seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 24, 24, generator=generator).to(run.device)


@torch.no_grad()
def part_c(run: Run) -> dict[str, Any]:
    """digits from noise: all steps, or jumps, and guidance"""
    (model, _), seed = load_model(run, run.out), run.args.seed
    digits = torch.arange(10).to(run.device)
    noise = make_noise(10, seed, run)
    seen = {}

    def watch(x: Tensor, t: Tensor) -> Tensor:
        guess = model.denoise(x, t, digits, GUIDANCE)
        seen[int(t[0])] = x[3:6], guess[3:6]
        return guess

    drawn = ancestral(model.process, watch, noise, torch.Generator().manual_seed(seed))
    times = SHOWN[:0:-1]
    pairs = torch.stack([torch.stack(seen[t]) for t in times])  # (times, x_t or x̂_0, 3, …)
    rows = torch.cat((pairs, drawn[3:6].expand(1, 2, 3, 1, 24, 24))).permute(2, 1, 0, 3, 4, 5)
    titles = [f"t = {t}" for t in times] + ["t = 0"]
    figure = plots.image_grid(to_pixels(rows.flatten(0, 2)).cpu()[:, 0], len(titles), titles,
                              ["x_t", "x̂_0"] * 3, "From noise to a digit")  # fmt: skip
    run.save("c_steps", figure)
    guides = (0, GUIDANCE, 2)
    demand = [draw_digits(model, digits, noise, guidance=guidance) for guidance in guides]
    names = [f"guidance {guidance}" for guidance in guides]
    figure = plots.image_grid(torch.cat(demand).cpu()[:, 0], 10, list("0123456789"), names)
    run.save("c_demand", figure)
    return compare_jumps(run, model, digits)


def compare_jumps(run: Run, model: Diffusion, digits: Tensor) -> dict[str, Any]:
    """How far fewer jumps lead from where 200 lead, from the same noise."""
    noise, results, shown = make_noise(100, run.args.seed, run), [], []
    for steps in COMPARED:
        started = time.perf_counter()
        images = draw_digits(model, digits.repeat(10), noise, steps)
        seconds = 10 * (time.perf_counter() - started)
        shown.append(images)
        away = (images - shown[0]).square().flatten(1).sum(1).sqrt().mean().item()
        results.append({"steps": steps, "seconds": seconds, "away": away})
        print(f"  {steps:3} jumps: {seconds:6.1f} s for 1,000 digits, {away:.2f} away from {T}")
    grid = torch.cat([images[:10] for images in shown]).cpu()[:, 0]
    rows = [f"{row['steps']} jumps" for row in results]
    run.save("c_jumps", plots.image_grid(grid, 10, (), rows, "The same noise"))
    return {"jumps": results}


@torch.no_grad()
def part_d(run: Run) -> dict[str, Any]:
    """the nearest training images, and what each step costs"""
    (model, _), (train, test) = load_model(run, run.out), run.mnist
    digits = torch.arange(10).to(run.device).repeat(20)
    drawn = draw_digits(model, digits, make_noise(200, run.args.seed, run))
    distances, nearest = find_nearest(drawn, train.images)
    others, _ = find_nearest(test.images[:200], train.images)
    grid = torch.cat((drawn[:10], train.images[nearest[:10]])).cpu()[:, 0]
    rows = ["drawn", "nearest training image"]
    run.save("d_nearest", plots.image_grid(grid, 10, (), rows))
    found = {"drawn": distances.median().item(), "test": others.median().item()}
    print(f"  nearest training image, median distance: {found['drawn']:.2f} from drawn digits, "
          f"{found['test']:.2f} from test images")  # fmt: skip
    wide, narrow = (measure_costs(run, model, wide) for wide in (True, False))
    times = range(2, T + 1)
    lines = {"σ² = β_t": (times, wide[1:]), "σ² = β̃_t": (times, narrow[1:])}
    figure = plots.curves(lines, "t", "nats per image", "What t adds to −ELBO: mean of 100 images",
                          yscale="log")  # fmt: skip
    run.save("d_costs", figure)
    for name, costs in (("wide", wide), ("narrow", narrow)):
        total, early, late = sum(costs[1:]), sum(costs[1 : T // 10]), sum(costs[T // 4 * 3 :])
        found[name] = {"total": total, "early": early / total, "late": late, "first": costs[0]}
        print(
            f"  σ² {name}: {total:.0f} nats per image for t ≥ 2, {early / total:.0%} of them for "
            f"t ≤ {T // 10}, {late:.1f} nats for t > {T // 4 * 3}; {costs[0]:.0f} for t = 1"
        )
    return found


def measure_costs(run: Run, model: Diffusion, wide: bool, count: int = 100) -> list[float]:
    """Each t's share of −ELBO, nats: the mean over test images of one draw each."""
    images, labels = (values[:count] for values in run.mnist.test)
    generator = torch.Generator().manual_seed(run.args.seed)
    x0, costs = to_range(images), []
    for i in range(1, T + 1):
        t = torch.full((len(x0),), i)
        noise = torch.randn(x0.shape, generator=generator).to(run.device)
        xt = model.process.jump(x0, t, noise)
        guess = model.denoise(xt, t, labels)
        costs.append(step_cost(model.process, x0, guess, xt, i, wide).mean().item())
    return costs


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}


def main(argv: list[str] | None = None) -> int:
    defaults = {"epochs": 8, "batch_size": 64, "lr": 2e-3}
    return run_parts("lectures/l20_diffusion", __doc__, PARTS, argv, **defaults)


if __name__ == "__main__":
    sys.exit(main())
