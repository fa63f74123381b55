"""One yardstick for all that generate: how good the digits are that the course's networks draw.

    python -m lectures.generative                     the table, after the networks' own runs
    python -m lectures.generative --part diffusion    one row of it

A row for each network, of 10,000 digits: the Fréchet distance of their features in HW6's network
from the test images' (hw7/quality.py), the share of which that network is sure, the entropy of its
answers, the distance to the nearest training image, parameters, minutes of training, seconds for
1,000 digits. The networks are read from --runs, where hw7/autoencoder.py, lectures/l20_vae.py,
lectures/l20_diffusion.py and lectures/l22_gan.py leave them by default. Expect 2.5 for real digits
that were held out.
Figures and summary.json go to results/lectures/generative/; lectures/README.md has the table.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from common import ROOT, plots
from common.run import Run, UserError, run_parts
from hw7.autoencoder import Autoencoder, generate
from hw7.autoencoder_study import get_evaluator, mean_and_std
from hw7.mixture import decode, sample_codes
from hw7.vae import VAE
from lectures import l20_diffusion, l20_vae, l22_gan
from lectures.drawing import find_nearest, load_weights

import torch
from torch import Tensor, nn

SHOWN = 10  # digits of each network in the figure
COMPARED = 1000  # digits whose nearest training image is sought
SWEPT = 2000  # digits for each setting of the sampler


class Generator(NamedTuple):
    """What a row needs: (count, seed) → images (count, 1, 28, 28), parameters, minutes, draws."""

    draw: Callable[[int, int], Tensor]
    parameters: int
    minutes: float
    draws: int = 3  # of all digits, each with a seed of its own


def count_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def make_autoencoder(run: Run, part: str) -> Generator:
    """HW7's network of part b or c, which run.fit left with a summary beside it."""
    model = Autoencoder() if part == "b" else VAE(Autoencoder(width=32, dropout=0))
    folder = ROOT / run.args.runs / "hw7" / "autoencoder"
    load_weights(folder / f"{part}_model.pt", model)
    run.place(model)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    minutes = summary["environment"]["seconds"][part] / 60

    def draw(count: int, seed: int) -> Tensor:
        if part == "b":
            return generate(model, count, seed, run.device).view(-1, 1, 28, 28)
        codes = sample_codes(model, run.mnist.train.images, count, seed)["mixture"]
        return decode(model, codes).view(-1, 1, 28, 28)

    return Generator(draw, count_parameters(model), minutes)


def choose_digits(run: Run, count: int, seed: int) -> Tensor:
    """Digits (count,) for a network that is told, each as often as in the training images."""
    labels = run.mnist.train.labels
    generator = torch.Generator().manual_seed(seed)
    return labels[torch.randint(len(labels), (count,), generator=generator).to(labels.device)]


def make_vae(run: Run, name: str) -> Generator:
    """A network of lectures/l20_vae.py, which draws all its codes from their prior."""
    model = l20_vae.MODELS[name]()
    minutes = load_weights(ROOT / run.args.runs / "lectures" / "l20_vae" / f"{name}.pt", model)
    run.place(model)

    def draw(count: int, seed: int) -> Tensor:
        return l20_vae.draw_digits(model, count, seed, choose_digits(run, count, seed))

    return Generator(draw, count_parameters(model), minutes)


def make_diffusion(run: Run, guidance: float, steps: int = l20_diffusion.JUMPS) -> Generator:
    """The network of lectures/l20_diffusion.py."""
    folder = ROOT / run.args.runs / "lectures" / "l20_diffusion"
    model, minutes = l20_diffusion.load_model(run, folder)

    def draw(count: int, seed: int) -> Tensor:
        digits = choose_digits(run, count, seed)
        noise = l20_diffusion.make_noise(count, seed, run)
        return l20_diffusion.draw_digits(model, digits, noise, steps, guidance)

    return Generator(draw, count_parameters(model.network), minutes, draws=1)


def make_gan(run: Run, name: str) -> Generator:
    """A network of lectures/l22_gan.py."""
    folder = ROOT / run.args.runs / "lectures" / "l22_gan"
    model, minutes = l22_gan.load_model(run, folder, name)

    def draw(count: int, seed: int) -> Tensor:
        return l22_gan.draw_digits(model, choose_digits(run, count, seed), seed)

    return Generator(draw, count_parameters(model), minutes)


GENERATORS: dict[str, tuple[str, Callable[[Run], Generator]]] = {
    "handout": ("HW7's autoencoder (b)", partial(make_autoencoder, part="b")),
    "improved": ("HW7 (c)", partial(make_autoencoder, part="c")),
    "vae": ("VAE", partial(make_vae, name="one")),
    "two": ("hierarchical VAE, 2 codes", partial(make_vae, name="two")),
    "three": ("hierarchical VAE, 3 codes", partial(make_vae, name="three")),
    "conditional": ("conditional VAE", partial(make_vae, name="demand")),
    "diffusion": ("diffusion", partial(make_diffusion, guidance=0)),
    "guided": ("diffusion, guided", partial(make_diffusion, guidance=l20_diffusion.GUIDANCE)),
    "gan": ("GAN", partial(make_gan, name="gan")),
    "asked": ("conditional GAN", partial(make_gan, name="conditional")),
}


def make_part(name: str) -> Callable[[Run], dict[str, Any]]:
    """The part that measures the generator of that name."""

    def part(run: Run) -> dict[str, Any]:
        generator, evaluator = GENERATORS[name][1](run), get_evaluator(run)
        count, rows = len(evaluator.real), []
        for seed in range(run.args.seed, run.args.seed + generator.draws):
            started = time.perf_counter()
            images = generator.draw(count, seed)
            seconds = 1000 / count * (time.perf_counter() - started)
            rows.append(evaluator(images) | {"seconds": seconds})
        row = {key: summarize([each[key] for each in rows]) for key in rows[0]}
        nearest, _ = find_nearest(images[:COMPARED], run.mnist.train.images)
        content = io.BytesIO()
        torch.save(images[:SHOWN].cpu(), content)
        run.write(f"{name}.pt", content.getvalue())
        print(f"  Fréchet {row['frechet']['mean']:.2f}, sure of {row['sure']['mean']:.0%}, "
              f"{row['seconds']['mean']:.1f} s for 1,000 digits", flush=True)  # fmt: skip
        return row | {"nearest": nearest.median().item(), "parameters": generator.parameters,
                      "minutes": generator.minutes}  # fmt: skip

    part.__doc__ = GENERATORS[name][0]
    return part


def summarize(values: list[float]) -> dict[str, Any]:
    """Mean and standard deviation; of a single value, no deviation."""
    return mean_and_std(values) if len(values) > 1 else {"mean": values[0], "values": values}


def sweep(run: Run) -> dict[str, Any]:
    """the diffusion's sampler: how many jumps, how much guidance"""
    evaluator, results = get_evaluator(run), {}
    base = l20_diffusion.JUMPS, l20_diffusion.GUIDANCE
    settings = [(steps, base[1]) for steps in (10, 20)]
    settings += [(base[0], guidance) for guidance in (0, 0.1, 0.2, 0.5)]
    for steps, guidance in dict.fromkeys(settings):
        draw = make_diffusion(run, guidance, steps).draw
        row = evaluator(draw(min(SWEPT, len(evaluator.real)), run.args.seed))
        results[f"{steps}_{guidance:g}"] = row
        print(f"  {steps:2} jumps, guidance {guidance:<4g}: Fréchet {row['frechet']:.2f}, sure of "
              f"{row['sure']:.0%}", flush=True)  # fmt: skip
    return results


def compare(run: Run) -> dict[str, Any]:
    """the table"""
    if missing := [name for name in GENERATORS if name not in run.results]:
        raise UserError(f"argument --part: table needs the parts {', '.join(missing)} first; run "
                        "them into the same --out, each with --resume")  # fmt: skip
    evaluator, images = get_evaluator(run), run.mnist.train.images
    kept = len(images) - min(len(evaluator.real), len(images) // 6)  # the rest is held out
    nearest, _ = find_nearest(images[kept:][:COMPARED], images[:kept])
    print(f"  {'':28}{'Fréchet':>8}{'sure':>7}{'entropy':>9}{'nearest':>9}{'parameters':>12}"
          f"{'minutes':>9}{'s / 1,000':>11}")  # fmt: skip
    for name, (label, _) in GENERATORS.items():
        row = run.results[name]
        print(f"  {label:28}{row['frechet']['mean']:8.2f}{row['sure']['mean']:7.1%}"
              f"{row['entropy']['mean']:9.3f}{row['nearest']:9.2f}{row['parameters']:12,}"
              f"{row['minutes']:9.1f}{row['seconds']['mean']:11.2f}")  # fmt: skip
    digits = [torch.load(run.out / f"{name}.pt", weights_only=True) for name in GENERATORS]
    labels = [label for label, _ in GENERATORS.values()]
    grid = torch.cat([*digits, images[kept:][:SHOWN].cpu()])[:, 0]
    run.save("digits", plots.image_grid(grid, SHOWN, (), [*labels, "held-out images"]))
    return evaluator.floor | {"nearest": nearest.median().item(), "accuracy": evaluator.accuracy}


PARTS = {name: make_part(name) for name in GENERATORS} | {"sweep": sweep, "table": compare}
RUNS = {
    "default": "results",
    "metavar": "FOLDER",
    "help": "where the networks' runs are, in the project's folder (default: results)",
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/generative", __doc__, PARTS, argv, options={"--runs": RUNS})


if __name__ == "__main__":
    sys.exit(main())
