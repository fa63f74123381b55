"""Lecture 23: images into images, with pairs to learn from and without.

    python lectures/l23_translation.py                  everything, in twenty minutes of one core
    python lectures/l23_translation.py --data sample    on 1,000 images, in a minute

(a) Pairs: a digit from 6 × 6 gray numbers, or from its edges. The loss is the L1 distance and λ
times the adversarial loss, for several λ. (b) No pairs: CycleGAN between MNIST and scikit-learn's
digits, which are other people's; with the cycle loss and without.
Figures and summary.json go to results/lectures/l23_translation/; lectures/README.md explains them.
The networks and the looks are in translation.py, the discriminator in adversarial.py.
"""

import sys
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches, Mnist, Split
from common.run import Run, run_parts
from hw6.cnn import CNN, evaluate, train
from hw7.autoencoder_study import get_evaluator, mean_and_std
from lectures.adversarial import Discriminator, keep_still, non_saturating_loss, repeat
from lectures.diffusion import to_pixels, to_range
from lectures.l22_gan import ascend, falling
from lectures.translation import (
    Translator,
    blur_quarter,
    cycle_loss,
    find_edges,
    split_scans,
    translate,
)

import torch
from torch import Tensor, nn
from torch.optim import Adam

LOOKS = {"quarter": blur_quarter, "edges": find_edges}
SETTINGS = [("quarter", 0), ("quarter", 0.01), ("quarter", 0.1), ("quarter", 1),
            ("edges", 0), ("edges", 0.01)]  # fmt: skip
WEIGHTS = {"cycle": 10, "without": 0}  # (b): what the cycle loss is multiplied by
PAIRED, UNPAIRED = 1500, 800  # steps of each training
SEEDS = (0, 1, 2)  # (b)
HELD_OUT, READER = 360, 6  # (b): of scikit-learn's digits; epochs of the network that reads them
SHOWN = 10


def make_optimizer(networks: list[nn.Module], lr: float) -> Adam:
    """Adam for the weights of all these networks."""
    return Adam([w for network in networks for w in network.parameters()], lr, (0.0, 0.99))


def train_paired(run: Run, look_name: str, lam: float) -> nn.Module:
    """T: look → digit, by L1 + λ · adversarial; D sees the look beside the digit, or beside T's."""
    torch.manual_seed(run.args.seed)
    look, T, D = LOOKS[look_name], run.place(Translator()), run.place(Discriminator(looks=2))
    up, down = make_optimizer([D], 2 * run.args.lr), make_optimizer([T], run.args.lr)
    batches = Batches(run.mnist.train, run.args.batch_size, run.args.seed)
    schedules = [falling(each, PAIRED) for each in ((up, down) if lam else (down,))]

    def beside(z: Tensor) -> Tensor:
        return torch.cat((z, T(z)), 1)  # (n, 2, 24, 24)

    for x, _ in islice(repeat(batches), PAIRED):
        x = to_range(x)
        z = look(x)
        if lam:
            ascend(beside, D, up, torch.cat((z, x), 1), None, z)
        with keep_still(D):
            pair = beside(z)
            loss = (pair[:, 1:] - x).abs().mean()  # [l23 1]
            if lam:
                loss = loss + lam * non_saturating_loss(D(pair))  # [l23 2]
            down.zero_grad()
            loss.backward()
            down.step()
        for schedule in schedules:
            schedule.step()
    return T.eval()


def part_a(run: Run) -> dict[str, Any]:
    """pairs: L1 and λ times the adversarial loss"""
    evaluator, (images, labels) = get_evaluator(run), run.mnist.test
    x, results, shown = to_range(images), {}, {name: [] for name in LOOKS}
    found = run.map(lambda setting: train_paired(run, *setting), SETTINGS)
    for (name, lam), T in zip(SETTINGS, found):
        drawn = translate(run.place(T), LOOKS[name](x))
        shown[name].append((f"λ = {lam:g}", drawn[:SHOWN]))
        results[f"{name}_{lam:g}"] = row = {
            "kept": count_equal(read(evaluator.network, drawn), labels),
            "L1": (drawn - x).abs().mean().item() / 2,  # pixels from 0 to 1
            "gray": count_gray(drawn) / count_gray(x),
            "frechet": evaluator(to_pixels(drawn))["frechet"],
        }
        print(f"  {name:8} λ = {lam:<4g}  {row['kept']:.2%} keep their class, L1 {row['L1']:.4f}, "
              f"gray {row['gray']:.2f}, Fréchet {row['frechet']:.2f}")  # fmt: skip
    for name, rows in shown.items():
        rows = [("look", LOOKS[name](x[:SHOWN])), *rows, ("digit", x[:SHOWN])]
        run.save(f"a_{name}", show(rows, "Test images"))
    return results | {"accuracy": evaluator.accuracy}


def read(network: CNN, x: Tensor) -> Tensor:
    """The digits (n,) that the network reads in images (n, 1, 24, 24)."""
    return evaluate(network, to_pixels(x))[0].argmax(1)


def count_gray(x: Tensor) -> float:
    """The share of the pixels that are neither black nor white: between 0.1 and 0.9 of the ink."""
    return (x.abs() < 0.8).float().mean().item()


def show(rows: list[tuple[str, Tensor]], title: str) -> plots.Figure:
    """Rows of images (n, 1, 24, 24), one below the other, each with its name."""
    images = to_pixels(torch.cat([images for _, images in rows])).cpu()[:, 0]
    return plots.image_grid(images, len(rows[0][1]), (), [name for name, _ in rows], title)


def train_unpaired(
    run: Run, scans: Tensor, weight: float, seed: int
) -> tuple[nn.Module, nn.Module]:
    """T: MNIST → scans (N, 1, 24, 24) and back S, by two discriminators and the cycle loss."""
    torch.manual_seed(seed)
    T, S = run.place(Translator()), run.place(Translator())
    D_T, D_S = run.place(Discriminator()), run.place(Discriminator())
    up, down = make_optimizer([D_T, D_S], 2 * run.args.lr), make_optimizer([T, S], run.args.lr)
    schedules = [falling(each, UNPAIRED) for each in (up, down)]
    ones = Batches(run.mnist.train, run.args.batch_size, seed)
    others = Batches(Split(scans, scans), run.args.batch_size, seed)
    for (a, _), (b, _) in islice(zip(repeat(ones), repeat(others)), UNPAIRED):
        a = to_range(a)
        ascend(T, D_T, up, b, None, a)
        ascend(S, D_S, up, a, None, b)
        with keep_still(D_T, D_S):
            drawn_b, drawn_a = T(a), S(b)
            loss = non_saturating_loss(D_T(drawn_b)) + non_saturating_loss(D_S(drawn_a))
            if weight:
                loss = loss + weight * (cycle_loss(S, drawn_b, a) + cycle_loss(T, drawn_a, b))
            down.zero_grad()
            loss.backward()
            down.step()
        for schedule in schedules:
            schedule.step()
    return T.eval(), S.eval()


def part_b(run: Run) -> dict[str, Any]:
    """no pairs: CycleGAN between MNIST and scikit-learn's digits"""
    known, other = split_scans(HELD_OUT, run.args.seed, run.device)
    reader, mnist_reader = train_reader(run, known, other), get_evaluator(run).network
    images, labels = run.mnist.test
    x = to_range(images)
    jobs = [(weight, seed) for weight in WEIGHTS.values() for seed in SEEDS]
    found = iter(run.map(lambda job: train_unpaired(run, known.images, *job), jobs))
    results, shown = {}, {"there": [], "back": []}
    for name in WEIGHTS:
        rows = []
        for T, S in islice(found, len(SEEDS)):
            T, S = run.place(T), run.place(S)
            there, back = translate(T, x), translate(S, other.images)
            again = translate(S, there)
            rows.append({
                "there": count_equal(read(reader, there), labels),
                "back": count_equal(read(mnist_reader, back), other.labels),
                "cycle": (again - x).abs().mean().item() / 2,  # pixels from 0 to 1
            })  # fmt: skip
            if len(rows) == 1:  # the first start is shown
                shown["there"] += [(f"{name}: there", there[:SHOWN]), ("and back", again[:SHOWN])]
                again = translate(T, back[:SHOWN])
                shown["back"] += [(f"{name}: there", back[:SHOWN]), ("and back", again)]
        results[name] = {key: mean_and_std([row[key] for row in rows]) for key in rows[0]}
        there, back = results[name]["there"], results[name]["back"]
        print(f"  {name}: of MNIST {there['mean']:.1%} ± {there['std']:.1%} keep their class, of "
              f"scikit-learn's digits {back['mean']:.1%} ± {back['std']:.1%}")  # fmt: skip
    starts = {"there": ("MNIST", x), "back": ("scikit-learn's", other.images)}
    for direction, (name, first) in starts.items():
        run.save(f"b_{direction}", show([(name, first[:SHOWN]), *shown[direction]], ""))
    results["reads"] = {
        "MNIST": count_equal(read(mnist_reader, x), labels),
        "scans": count_equal(read(reader, other.images), other.labels),
        "scans_by_mnist": count_equal(read(mnist_reader, other.images), other.labels),
        "mnist_by_scans": count_equal(read(reader, x), labels),
    }
    return results


def train_reader(run: Run, known: Split, other: Split) -> CNN:
    """HW6's network, trained to read scikit-learn's digits."""
    splits = [Split(to_pixels(images), labels) for images, labels in (known, other)]
    torch.manual_seed(run.args.seed)
    network = CNN(batch_norm=True)
    train(network, Mnist(*splits), READER, batch_size=32, lr=0.1, seed=run.args.seed)
    return network


def count_equal(found: Tensor, labels: Tensor) -> float:
    """The share of the labels (n,) that were found."""
    return (found == labels).float().mean().item()


PARTS = {"a": part_a, "b": part_b}


def main(argv: list[str] | None = None) -> int:
    defaults = {"batch_size": 32, "lr": 1e-3}
    return run_parts("lectures/l23_translation", __doc__, PARTS, argv, **defaults)


if __name__ == "__main__":
    sys.exit(main())
