"""What starters share: blanks and their checks, the command line, and MNIST with its two loops."""

import argparse
import json
import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import Dropout, Upsample
from torchvision.datasets import MNIST

__all__ = ["Dropout", "Upsample"]  # torch's own, in place of those of common/
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Blank(Exception):
    """A blank that is still open."""


def todo(what):
    """Stands for what you write in its place."""
    raise Blank(f"line {sys._getframe(1).f_lineno}, {what}")


def list_blanks():
    """Print every blank that is still open, with its line."""
    if "__file__" in globals():  # a notebook's cells have none
        text = Path(__file__).read_text("utf-8")
        for found in re.finditer(r'^[^#\n]*\btodo\(\s*"(.+?)"', text, re.M):
            print(f"  open: line {text.count(chr(10), 0, found.start()) + 1}, {found[1]}")


def check(checks):
    """Compare what your lines give on tiny inputs with known answers: 0 if all are right."""
    wrong = 0
    for name, call, answers in checks:
        seen = watch(name, call)
        for text, answer in answers.items():
            try:
                verdict = compare(eval(text, globals(), seen), answer)
            except Exception as error:
                verdict = seen.get("ending", f"wrong: {error!r}")
            print(f"{name}, {text}: {verdict}")
            if verdict != "right":
                wrong = 1
                break  # what comes after builds on it
    return wrong


def watch(name, call):
    """The variables of the function `name` at its end, and the call's "result" or "ending"."""
    seen = {}
    sys.setprofile(lambda frame, *_: frame.f_code.co_name == name and seen.update(frame.f_locals))
    try:
        seen["result"] = call()
    except Exception as error:
        seen["ending"] = f"open: {error}" if isinstance(error, Blank) else f"wrong: {error!r}"
    sys.setprofile(None)
    return seen


def compare(came, answer):
    """Whether they are equal: "right", or what came and what was expected, in shape and kind."""
    answer, values = np.asarray(answer, dtype=float), None
    kind = f"{type(came).__name__} of shape {tuple(getattr(came, 'shape', ()))}"
    with suppress(Exception):  # numbers of any kind will do
        values = np.asarray(came.detach() if hasattr(came, "detach") else came, dtype=float)
    if came is None or values is None or values.shape != answer.shape:
        return f"wrong: came {kind}, expected shape {answer.shape}"
    if not np.allclose(values, answer, rtol=0, atol=1e-3):
        return f"wrong: the shape {answer.shape} is right, the numbers are not: {values.tolist()}"
    return "right"


def load_mnist(folder):
    """(images (N, 1, 28, 28) from 0 to 1, labels (N,)) to train and to test; downloaded once."""
    try:
        sets = [MNIST(folder, train, download=True) for train in (True, False)]
    except Exception as error:
        sys.exit(f"MNIST is not in {folder} and cannot be downloaded ({error!r:.60}):\n"
                 "  connect to the internet and run this again,\n"
                 "  or name the folder that has MNIST/raw/ with --data")  # fmt: skip
    return [(each.data[:, None].to(DEVICE) / 255, each.targets.to(DEVICE)) for each in sets]


def train_loop(data, model, loss_fn, optimizer, generator):
    """One epoch through shuffled batches of 64."""
    model.train()
    images, labels = data
    for index in torch.randperm(len(labels), generator=generator).split(64):
        loss = loss_fn(model(images[index]), labels[index])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def test_loop(data, model, loss_fn):
    """The loss, averaged over the images."""
    model.eval()
    batches = zip(*(each.split(256) for each in data))
    losses = [len(y) * loss_fn(model(x), y).item() for x, y in batches]
    return sum(losses) / len(data[1])


def fit(mnist, model, loss_fn, args):
    """Train by SGD, and test after each epoch; the test losses."""
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    generator, losses = torch.Generator().manual_seed(args.seed), []
    for epoch in range(1, args.epochs + 1):
        train_loop(mnist[0], model, loss_fn, optimizer, generator)
        losses.append(test_loop(mnist[1], model, loss_fn))
        print(f"  epoch {epoch}: test loss {losses[-1]:.5f}", flush=True)
        if not np.isfinite(losses[-1]):
            sys.exit("the loss is not a finite number: is it right? if so, lower the learning rate")
    return losses


@contextmanager
def use_seed(seed, device):
    """In the block, random numbers start from the seed."""
    torch.manual_seed(seed)
    yield


def save_images(images, columns, title, path):
    """Images (n, 784) in rows of so many."""
    rows = -(-len(images) // columns) or 1
    figure = Figure(figsize=(columns, rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, subplot_kw={"xticks": [], "yticks": []})
    for axis, image in zip(axes.flat, images.cpu().reshape(len(images), 28, 28)):
        axis.imshow(image, cmap="gray", vmin=0, vmax=1)
    figure.suptitle(title)
    figure.savefig(path)


def run(parts, checks, **defaults):
    """The command line: --check, or the parts, each as far as it goes. Returns the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="check what you have filled in")
    parser.add_argument("--part", choices=[*parts, "all"], default="all")
    for name, value in {"seed": 0, "out": "results", **defaults}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    args = parser.parse_args([] if "kernel_launcher" in sys.argv[0] else None)  # in a notebook
    if hasattr(sys.stdout, "reconfigure"):  # not in a notebook
        sys.stdout.reconfigure(errors="replace")  # η, where the terminal has no such letter
    list_blanks()
    if args.check:
        return check(checks)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    results = {}
    for name in parts if args.part == "all" else [args.part]:
        print(f"\npart {name}: {parts[name].__doc__}", flush=True)
        if "data" in args:
            torch.manual_seed(args.seed)
            torch.set_flush_denormal(True)  # numbers under 1e-38 are slow
        try:
            results[name] = parts[name](args)
        except Blank as blank:
            print(f"  ends at {blank}")
    Path(args.out, "results.json").write_text(json.dumps(results, indent=1), "utf-8")
    return 0
