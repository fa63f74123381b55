"""What a single file has in place of common/: the same doors, for one process and one machine.

What stands under `if needs != "numpy":` is left out where a script needs NumPy alone.
"""

import argparse
import contextlib
import json
import math
import sys
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.datasets import MNIST

__all__ = ["Axes", "Figure"]
EVAL_BATCH_SIZE = 256  # a network evaluates so many images at once


class UserError(Exception):
    """What the user can mend: a short message, and exit status 2."""


class Split(NamedTuple):
    """Images (N, 1, 28, 28), 0 to 1, and their labels (N,)."""

    images: Tensor
    labels: Tensor


class Mnist(NamedTuple):
    train: Split
    test: Split


def load_mnist(folder: str, device: str) -> Mnist:
    """MNIST by torchvision, downloaded into the folder where it is not there yet."""
    try:
        with contextlib.redirect_stdout(None):  # torchvision reports each server that fails
            sets = [MNIST(folder, train, download=True) for train in (True, False)]
    except Exception as error:
        raise UserError(
            f"MNIST is not in {folder} and cannot be downloaded ({type(error).__name__}):\n"
            "  connect to the internet and run this again,\n"
            "  or name the folder that has MNIST/raw/ with --data"
        ) from error
    images = [each.data[:, None].to(device, torch.float32).div_(255) for each in sets]
    return Mnist(*(Split(x, each.targets.to(device)) for x, each in zip(images, sets)))


class Batches:
    """A split in batches (x, y); with a seed, in a new order in each pass."""

    def __init__(self, split: Split, batch_size: int = EVAL_BATCH_SIZE, seed: int | None = None):
        self.split, self.batch_size = split, batch_size
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __iter__(self):
        x, y = self.split
        order = torch.arange(len(y))
        if self.generator:
            order = torch.randperm(len(y), generator=self.generator)
        for index in order.to(y.device).split(self.batch_size):
            yield x.index_select(0, index), y.index_select(0, index)


def run_epoch(model, batches, loss_fn, metrics, optimizer=None) -> dict[str, float]:
    """Loss and metrics, averaged over the examples; with an optimizer, the model learns."""
    rows, sizes = [], []
    for x, y in batches:
        prediction = model(x)
        loss = loss_fn(prediction, y)
        if optimizer:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        prediction = prediction.detach()
        rows.append(torch.stack([loss.detach(), *(f(prediction, y) for f in metrics.values())]))
        sizes.append(len(y))
    weights = torch.tensor(sizes).double()  # the last batch may be smaller
    averages = weights @ torch.stack(rows).cpu().double() / weights.sum()
    return dict(zip(["loss", *metrics], averages.tolist()))


class Run:
    """What a part works with: the options, the output folder, the results so far, the data."""

    def __init__(self, script: str, args: argparse.Namespace):
        self.args, self.results, self.out = args, {}, Path(args.out or f"results/{script}")
        self.out.mkdir(parents=True, exist_ok=True)

    @cached_property
    def device(self) -> str:
        gpu = "mps" if torch.backends.mps.is_available() else "cpu"
        gpu = "cuda" if torch.cuda.is_available() else gpu
        return gpu if self.args.device == "auto" else self.args.device

    @cached_property
    def mnist(self) -> Mnist:
        return load_mnist(self.args.data, self.device)

    def batches(self, split, shuffle: bool = True) -> Batches:
        return Batches(split, self.args.batch_size, self.args.seed) if shuffle else Batches(split)

    def place(self, model):
        return model.to(self.device, memory_format=torch.channels_last)

    def fit(self, model, loss_fn, optimizer, metrics=None, scheduler=None, name="", epochs=None):
        """Train; print a row for each epoch, and return the rows."""
        train, test = self.batches(self.mnist.train), Batches(self.mnist.test)
        history, metrics = [], metrics or {}
        for epoch in range(1, (epochs or self.args.epochs) + 1):
            row = run_epoch(model.train(), train, loss_fn, metrics, optimizer)
            row = {f"train_{key}": value for key, value in row.items()}
            with torch.no_grad():
                averages = run_epoch(model.eval(), test, loss_fn, metrics)
            row |= {f"test_{key}": value for key, value in averages.items()}
            if not all(map(math.isfinite, row.values())):
                raise UserError(f"training diverged in epoch {epoch}: try a lower --lr")
            print(f"  epoch {epoch}", *(f"{k} {v:.5f}" for k, v in row.items()), flush=True)
            history.append({"epoch": epoch} | row)
            if scheduler:
                scheduler.step()
        return history

    def save(self, name: str, figure: Figure) -> None:
        figure.savefig(self.out / f"{name}.png", dpi=100)
        if "ipykernel" in sys.modules:  # in a notebook, it appears under the cell
            from IPython.display import Image, display

            display(Image(filename=str(self.out / f"{name}.png")))

    def write(self, name: str, content: bytes) -> None:
        (self.out / name).write_bytes(content)


def new_figure(size=(6.4, 4)) -> Figure:
    return Figure(figsize=size, layout="constrained")


def subplots(rows=1, columns=1, size=(6.4, 4), **options):
    figure = new_figure(size)
    return figure, figure.subplots(rows, columns, **options)


def progress(iterable, text: str, total: int):
    print(f"  {total} {text}", flush=True)
    return iterable


def todo(tag: str):
    """Stands for what you write in its place."""
    raise UserError(f"to do: {tag}, line {sys._getframe(1).f_lineno}")


def run_parts(script, doc, parts, argv=None, needs="mnist", threads=None, **defaults) -> int:
    """Run the parts that the command line asks for; a summary after each. The exit status."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--part", choices=[*parts, "all"], default="all")
    parser.add_argument("--out", help="output folder")
    for name, value in {"seed": 0, **defaults}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    if needs != "numpy":
        parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
        parser.add_argument("--data", default="data", help="folder of MNIST")
        torch.set_num_threads(threads or torch.get_num_threads())
        torch.set_flush_denormal(True)  # numbers under 1e-38 are slow
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # η, where the terminal has no such letter
    main = getattr(sys.modules["__main__"], "__file__", "")
    cell = "ipykernel" in sys.modules and Path(sys.argv[0]).name != Path(main).name
    argv = [] if cell and argv is None else argv  # the notebook's own options are not meant
    run = Run(script, parser.parse_args(argv))
    try:
        for part in parts if run.args.part == "all" else [run.args.part]:
            print(f"\npart {part}: {(parts[part].__doc__ or '').partition(chr(10))[0]}", flush=True)
            if needs != "numpy":
                torch.manual_seed(run.args.seed)
            run.results[part] = parts[part](run)
            summary = {"settings": vars(run.args), "results": run.results}
            text = json.dumps(summary, indent=1, ensure_ascii=False)
            Path(run.out, "summary.json").write_text(text, encoding="utf-8")
    except UserError as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 2
    print(f"\nwritten to {run.out}")
    return 0
