"""Lecture 22: generative adversarial networks.

    python lectures/l22_gan.py                  everything, in half an hour on one core
    python lectures/l22_gan.py --data sample    on 1,000 images, in a minute

(a) Digits: D ascends on m images and m codes, then G descends on m fresh codes. (b) Digits on
demand: both are told the digit. (c) HW6's network looks at them: Fréchet distance, which digits are
drawn, which are those asked for: expect 98 %. adversarial.py holds the networks and losses;
l22_game.py has the game where the best D is known, and what the two losses of G do.
Figures and summary.json go to results/lectures/l22_gan/; lectures/README.md explains them.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches
from common.run import Run, run_parts
from hw6.cnn import confusion_matrix, evaluate
from hw7.autoencoder_study import get_evaluator
from lectures.adversarial import (
    Discriminator,
    Generator,
    Watch,
    average_weights,
    discriminator_loss,
    draw_code,
    draw_images,
    keep_still,
    non_saturating_loss,
    settle,
    tell,
)
from lectures.diffusion import to_range
from lectures.drawing import keep_weights, load_weights

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

Loss = Callable[[Tensor], Tensor]  # of G, by D's logits of what G draws
TOLD = {"gan": 0, "conditional": 10}  # (a), (b): length of y
SETTLED = 50  # batches of codes for batch norm's statistics


def ascend(
    G: nn.Module, D: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor | None, z: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """D goes uphill on V, on m data x and m codes z, while G stays.

    Returns:
        D's logits of the data and of G(z), (m,) each, and G(z).
    """
    with torch.no_grad():  # to D, G(z) is data like x
        drawn = G(z)
    real, fake = D(x, y), D(drawn, y)
    loss = discriminator_loss(real, fake)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return real.detach(), fake.detach(), drawn


def descend(
    G: nn.Module, D: nn.Module, optimizer: Optimizer, y: Tensor, z: Tensor, loss_fn: Loss
) -> Tensor:
    """G goes downhill on its loss, on m fresh codes z, while D stays. D's logits of G(z), (m,)."""
    with keep_still(D):
        fake = D(G(z), y)
        loss = loss_fn(fake)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return fake.detach()


def make_optimizers(run: Run, D: nn.Module, G: nn.Module) -> tuple[Optimizer, Optimizer]:
    """Adam for D, at twice --lr, and for G. Without momentum, which is of a game that has moved on.

    Heusel et al., "Two time-scale update rule", 2017: D should be ahead of G.
    """
    rates = 2 * run.args.lr, run.args.lr
    up, down = (Adam(each.parameters(), lr, (0.0, 0.99)) for each, lr in zip((D, G), rates))
    return up, down


def falling(optimizer: Optimizer, steps: int) -> LambdaLR:
    """The optimizer's rate, from the middle of so many steps on falling to 0."""
    return LambdaLR(optimizer, lambda step: min(1, 2 * (1 - step / steps)))


def train_game(run: Run, name: str) -> tuple[nn.Module, list[dict[str, float]]]:
    """The lecture's algorithm on MNIST: the mean of G's weights, and what was seen of the game."""
    torch.manual_seed(run.args.seed)
    told = TOLD[name]
    G, D = run.place(Generator(told)), run.place(Discriminator(told))
    up, down = make_optimizers(run, D, G)
    batches = Batches(run.mnist.train, run.args.batch_size, run.args.seed)
    steps = run.args.epochs * len(batches)
    schedules = [falling(each, steps) for each in (up, down)]
    average, watch, step = average_weights(G), Watch(min(steps, max(50, steps // 40))), 0
    for _ in range(run.args.epochs):
        for x, digits in batches:
            x, y = to_range(x), tell(digits, told)
            *logits, drawn = ascend(G, D, up, x, y, draw_code(y))
            descend(G, D, down, y, draw_code(y), non_saturating_loss)  # with fresh codes
            average.update_parameters(G)
            for schedule in schedules:
                schedule.step()
            step += 1
            watch.see(step, logits, x, drawn)
    labels = run.mnist.train.labels.split(run.args.batch_size)[:SETTLED]
    return settle(average.module, [draw_code(tell(each, told)) for each in labels]), watch.rows


def play(run: Run, name: str) -> dict[str, Any]:
    """Train that network, keep its weights, and draw the digits of one figure."""
    started = time.perf_counter()
    (found,) = run.map(lambda name: train_game(run, name), [name])
    (G, rows), seconds = found, time.perf_counter() - started
    G = run.place(G)
    keep_weights(run, name, G, seconds)
    steps = [row["step"] for row in rows]
    lines = {f"{key} images": (steps, [row[key] for row in rows]) for key in ("real", "fake")}
    label = "share that D is right about"
    run.save(f"{name}_accuracy", plots.curves(lines, "step", label, name, ylim=(0.45, 1)))
    digits = torch.arange(10).repeat(10).to(run.device)
    images = draw_digits(G, digits, run.args.seed).cpu()[:, 0]
    titles = list("0123456789") if TOLD[name] else ()
    run.save(f"{name}_digits", plots.image_grid(images, 10, titles))
    parameters = sum(weight.numel() for weight in G.parameters())
    print(f"  {parameters:,} parameters, {seconds / 60:.1f} minutes")
    return {"rows": rows, "parameters": parameters, "minutes": seconds / 60}


def part_a(run: Run) -> dict[str, Any]:
    """digits: D ascends, then G descends"""
    return play(run, "gan")


def part_b(run: Run) -> dict[str, Any]:
    """digits on demand: both are told the digit"""
    return play(run, "conditional")


def load_model(run: Run, folder: Path, name: str) -> tuple[Generator, float]:
    """The network that part a ("gan") or b ("conditional") left in the folder, in evaluation mode.

    Returns:
        The network, and minutes of its training.
    """
    model = Generator(TOLD[name])
    minutes = load_weights(folder / f"{name}.pt", model)
    return run.place(model).eval(), minutes


def draw_digits(model: Generator, digits: Tensor, seed: int) -> Tensor:
    """Images (n, 1, 28, 28); of these digits (n,), if the model is told them."""
    generator = torch.Generator().manual_seed(seed)
    return draw_images(model, draw_code(tell(digits, model.told), generator))


def part_c(run: Run) -> dict[str, Any]:
    """what HW6's network reads in the digits"""
    models = {name: load_model(run, run.out, name)[0] for name in TOLD}
    evaluator, labels, results = get_evaluator(run), run.mnist.train.labels, {}
    count = len(evaluator.real)
    generator = torch.Generator().manual_seed(run.args.seed)
    digits = labels[torch.randint(len(labels), (count,), generator=generator).to(labels.device)]
    shares = {"training images": labels.bincount(minlength=10) / len(labels)}
    for name, model in models.items():
        images = draw_digits(model, digits, run.args.seed)
        read = evaluate(evaluator.network, images)[0].argmax(1)
        table = confusion_matrix(digits.cpu(), read.cpu())
        shares[name] = table.sum(0) / count
        results[name] = evaluator(images) | {"counts": table.sum(0).tolist()}
        print(f"  {name:12} Fréchet {results[name]['frechet']:.2f}, sure of "
              f"{results[name]['sure']:.1%}, entropy {results[name]['entropy']:.3f}")  # fmt: skip
        if model.told:
            results[name]["asked"] = (read == digits).float().mean().item()
            results[name]["right"] = (table.diag() / table.sum(1)).tolist()
            print(f"  {'':12} {results[name]['asked']:.2%} read as asked")
            run.save("c_asked", plots.count_table(table, "digit asked for", "digit read"))
    run.save("c_classes", plot_shares(shares))
    entropy = torch.special.entr(shares["training images"]).sum().item()
    return results | {"floor": evaluator.floor, "accuracy": evaluator.accuracy, "entropy": entropy}


def plot_shares(shares: dict[str, Tensor]) -> plots.Figure:
    """Bars: how large a part of the images each digit is (10,), by where they come from."""
    figure, axes = plots.subplots()
    for i, (name, heights) in enumerate(shares.items()):
        places = [digit + 0.27 * (i - 1) for digit in range(10)]
        axes.bar(places, (100 * heights).tolist(), width=0.27, label=name)
    axes.set(xlabel="digit that HW6's network reads", ylabel="images (%)", xticks=range(10))
    axes.set_ylim(top=15)  # room for the legend
    axes.legend()
    return figure


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    defaults = {"epochs": 7, "batch_size": 64, "lr": 2e-3}
    return run_parts("lectures/l22_gan", __doc__, PARTS, argv, **defaults)


if __name__ == "__main__":
    sys.exit(main())
