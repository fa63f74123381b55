"""Lecture 14: convolution, pooling and LeNet-5.

    python lectures/l14_convolution.py                        everything, about 5 minutes
    python lectures/l14_convolution.py --part b --stride 2    another stride, kernel or padding

(a) A matched filter: one convolutional layer that finds a known digit in noise. (b) The layer by
hand: the lecture's 5 × 5 example, what a stride leaves out, both kinds of pooling, the backward
pass. (c) LeNet-5 as its paper has it and with today's parts, three starts each, and what its maps
see of one digit. What to expect: where the digit itself as a filter finds 65 % of its copies, any
other filter finds fewer; of MNIST's test images the paper's LeNet-5 reads 98.7 % after five epochs,
the plain one 99.1 %. convolution.py holds the layers by hand, lenet.py LeNet-5; lectures/README.md
explains the figures.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches
from common.loop import fit
from common.run import Run, run_parts
from hw6.cnn import accuracy
from lectures.convolution import (
    avg_pool,
    conv2d,
    conv2d_backward,
    max_pool,
    pad,
    place_count,
    windows,
)
from lectures.lenet import LeNet5, discriminative_loss, draw_maps, plain_lenet

import torch
from torch import Tensor, nn
from torch.nn import functional

SEEDS = (0, 1, 2)
CANVASES = 200  # with each noise, in (a)

# A 5 × 5 image and a 2 × 2 filter whose first outputs are the lecture's, −3 and 6.
EXAMPLE = [[1, 2, 0, 1, 0], [1, 2, 0, 0, 1], [0, 1, 2, 1, 0], [2, 0, 1, 0, 1], [0, 1, 0, 2, 1]]
FILTER = [[2, -1], [1, -2]]

NETWORKS = {
    "paper": (LeNet5, discriminative_loss),
    "plain": (plain_lenet, functional.cross_entropy),
}


def find_pattern(canvases: Tensor, w: Tensor) -> Tensor:
    """Where the layer with the one filter w (u, v) is loudest, row and column: (n, 2)."""
    found = conv2d(canvases, w[None, None], w.new_zeros(1))[:, 0]  # (n, rows, columns)
    best = found.flatten(1).argmax(1)
    return torch.stack([best // found.shape[2], best % found.shape[2]], 1)


def draw_canvases(pattern: Tensor, sigma: float, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` images of 48 × 48 pixels, N(0, σ²) noise and the pattern at a random place in each.

    Returns:
        The images (count, 1, 48, 48) and the pattern's upper left corners (count, 2).
    """
    generator = torch.Generator().manual_seed(seed)
    canvases = sigma * torch.randn(count, 1, 48, 48, generator=generator)
    corners = torch.randint(0, 48 - len(pattern) + 1, (count, 2), generator=generator)
    for canvas, (row, column) in zip(canvases, corners.tolist()):
        canvas[0, row : row + len(pattern), column : column + len(pattern)] += pattern
    return canvases, corners


def part_a(run: Run) -> dict[str, Any]:
    """a matched filter: which filter finds a digit in noise?"""
    digits, labels = (each.cpu() for each in run.mnist.test)
    pattern, other = (digits[labels == digit][0, 0, 4:24, 4:24] for digit in (3, 7))
    blur = avg_pool(pad(pattern[None, None], 2), 5, 1)[0, 0]
    filters = {"itself": pattern, "blurred": blur, "square": torch.ones(20, 20), "seven": other}
    rows: dict[str, Any] = {"sigmas": [0.5, 1, 1.5, 2, 2.5, 3, 4], "norm": pattern.norm().item()}
    lines = {}
    for name, w in filters.items():
        cosine = functional.cosine_similarity(w.flatten(), pattern.flatten(), 0).item()
        found = []
        for sigma in rows["sigmas"]:
            canvases, corners = draw_canvases(pattern, sigma, CANVASES, run.args.seed)
            near = (find_pattern(canvases, w) - corners).abs().amax(1) <= 1
            found.append(near.float().mean().item())
        rows[name] = {"cosine": cosine, "found": found}
        lines[f"{name}, cosine {cosine:.2f}"] = (rows["sigmas"], found)
        print(f"  {name:9} cosine {cosine:.2f}; found:", *(f"{share:4.0%}" for share in found))
    axis = {"xlabel": "deviation σ of the noise (ink is 1)", "ylabel": "share found within a pixel"}
    run.save("a_found", plots.curves(lines, title="A 3 in noise, by filter", marker="o", **axis))
    return rows


def part_b(run: Run) -> dict[str, Any]:
    """the layer by hand: an example, what a stride leaves out, and the backward pass"""
    example = conv2d(Tensor(EXAMPLE)[None, None], Tensor(FILTER)[None, None], torch.zeros(1))[0, 0]
    print("  the 5 × 5 example:", *(f"\n    {row}" for row in example.int().tolist()))
    kernel, stride, padding = run.args.kernel, run.args.stride, run.args.padding
    places, left = place_count(28, kernel, stride, padding)
    print(f"  a {kernel} × {kernel} kernel, stride {stride}, padding {padding}: "
          f"28 → {places} rows; left out at the end: {left}")  # fmt: skip
    x = run.mnist.test[0][:500].cpu().double()
    generator = torch.Generator().manual_seed(run.args.seed)
    w = torch.randn(3, 1, kernel, kernel, generator=generator, dtype=torch.float64)
    w, b = w.requires_grad_(), torch.zeros(3, dtype=torch.float64)
    theirs = functional.conv2d(x, w, b, stride, padding)
    delta = torch.randn(theirs.shape, generator=generator, dtype=torch.float64)
    (grad,) = torch.autograd.grad(theirs, w, delta)
    w.requires_grad_(False)
    ours = conv2d(x, w, b, stride, padding)
    grad_w, _, _ = conv2d_backward(delta, x, w, b, stride, padding)
    off = [(ours - theirs).abs().max().item(), (grad_w - grad).abs().max().item()]
    print(f"  largest difference from torch: {off[0]:.0e}, gradient {off[1]:.0e}")
    equal = sum(x[place] == max_pool(x, 2, 2)[0] for place in windows(x, 2, 2)) > 1
    ties = equal.double().mean().item()
    print(f"  2 × 2 windows of the digits with a tie for the largest: {ties:.1%}")
    run.save("b_filters", draw_filters(run.mnist.test[0][:1].cpu()))
    return {"example": example.tolist(), "places": places, "left": left, "off": off, "ties": ties}


def draw_filters(image: Tensor) -> plots.Figure:
    """Three filters on one image (1, 1, 28, 28): what each answers, and that pooled by 2 × 2."""
    edge = Tensor([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
    outline = Tensor([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
    filters = torch.stack([edge, edge.T, outline])[:, None]  # (3, 1, 3, 3)
    maps = conv2d(image, filters, torch.zeros(3), padding=1)  # (1, 3, 28, 28)
    columns = {"filter": filters[:, 0], "its map, padding 1": maps[0]}
    columns |= {"max pooling": max_pool(maps, 2, 2)[0][0], "average": avg_pool(maps, 2, 2)[0]}
    figure, axes = plots.subplots(3, 4, (6.4, 4.8))
    for column, (title, pictures) in zip(axes.T, columns.items()):
        column[0].set_title(title, fontsize=9)
        for axis, picture in zip(column, pictures):
            axis.imshow(picture.numpy(), cmap="gray")
            axis.set(xticks=[], yticks=[])  # and a frame, since a filter may end in white
    return figure


def train_network(run: Run, name: str, seed: int) -> tuple[list[dict[str, float]], nn.Module]:
    """LeNet-5 in that form, trained on MNIST: a row for each epoch, and the network."""
    torch.manual_seed(seed)
    make, loss_fn = NETWORKS[name]
    model = run.place(make())
    optimizer = torch.optim.Adam(model.parameters(), run.args.lr)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    train, test = Batches(run.mnist.train, run.args.batch_size, seed), Batches(run.mnist.test)
    rows = []
    print(f"  {name}, start {seed}:")
    metrics = {"accuracy": accuracy}
    for row in fit(model, train, test, loss_fn, optimizer, run.args.epochs, metrics):
        schedule.step()  # a smaller η for each further epoch
        rows.append(row)
    return rows, model


def part_c(run: Run) -> dict[str, Any]:
    """LeNet-5 as in its paper and with today's parts, three starts each"""
    jobs = [(name, seed) for name in NETWORKS for seed in SEEDS]
    found = run.map(lambda job: train_network(run, *job), jobs)
    run.save("c_maps", draw_maps(found[0][1], run.mnist.test[0][:1]))
    rows, lines = {}, {}
    for i, name in enumerate(NETWORKS):
        runs = found[len(SEEDS) * i : len(SEEDS) * (i + 1)]
        accuracies = [[row["test_accuracy"] for row in history] for history, _ in runs]
        last = torch.tensor([each[-1] for each in accuracies]).double()
        rows[name] = {"accuracy": accuracies, "mean": last.mean().item(), "std": last.std().item()}
        print(f"  {name}: {last.mean():.2%} ± {last.std():.2%} of the test images right")
        errors = 1 - torch.tensor(accuracies).mean(0)
        lines[name] = ([str(epoch + 1) for epoch in range(len(errors))], 100 * errors.numpy())
    axis = {"xlabel": "epoch", "ylabel": "test images wrong (%)"}
    run.save(
        "c_errors", plots.curves(lines, title="LeNet-5, mean of the starts", marker="o", **axis)
    )
    return rows


PARTS = {"a": part_a, "b": part_b, "c": part_c}
OPTIONS = {
    "--kernel": {"type": int, "default": 5, "help": "side of the kernel in (b)"},
    "--stride": {"type": int, "default": 2, "help": "stride in (b)"},
    "--padding": {"type": int, "default": 0, "help": "rows of zeros around the image in (b)"},
}


def main(argv: list[str] | None = None) -> int:
    defaults = {"epochs": 5, "batch_size": 64, "lr": 3e-3}
    return run_parts("lectures/l14_convolution", __doc__, PARTS, argv, options=OPTIONS, **defaults)


if __name__ == "__main__":
    sys.exit(main())
