"""What a single file has in place of common/: the same doors, for one process and one machine.

Blocks under `if needs != "numpy":` and `if options:` stand only in files to which that applies,
methods of Run only where something calls them.
"""

import argparse
import contextlib
import json
import math
import sys
import time
from collections import namedtuple
from functools import cached_property
from pathlib import Path

from common.runtime.errors import UserError
from common.runtime.progress import progress

import torch
from matplotlib.figure import Figure
from torchvision.datasets import MNIST

EVAL_BATCH_SIZE = 256  # a network evaluates so many images at once
Split = namedtuple("Split", "images labels")  # (N, 1, 28, 28), 0 to 1, and (N,)
Mnist = namedtuple("Mnist", "train test")


def load_mnist(folder, device):
    """MNIST by torchvision, downloaded into the folder where it is not there yet."""
    try:
        with contextlib.redirect_stdout(None):  # torchvision reports each server that fails
            sets = [MNIST(folder, train, download=True) for train in (True, False)]
    except Exception as error:
        text = f"MNIST is not in {folder} and cannot be downloaded ({error!r:.60}):\n"
        text += "  connect to the internet and run this again,\n"
        raise UserError(text + "  or name the folder of MNIST/raw/ with --data") from error
    images = [each.data[:, None].to(device, torch.float32).div_(255) for each in sets]
    return Mnist(*(Split(x, each.targets.to(device)) for x, each in zip(images, sets)))


class Batches:
    """A split in batches (x, y); with a seed, in a new order in each pass."""

    def __init__(self, split, batch_size=EVAL_BATCH_SIZE, seed=None):
        self.split, self.batch_size = split, batch_size
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self):
        return math.ceil(len(self.split[1]) / self.batch_size)

    def __iter__(self):
        x, y = self.split
        order = torch.arange(len(y))
        if self.generator:
            order = torch.randperm(len(y), generator=self.generator)
        for index in order.to(y.device).split(self.batch_size):
            yield x[index], y[index]

    def average(self, rows):
        """The batches' averages, weighted by size: the last one may be smaller."""
        sizes = torch.tensor([len(y) for y in self.split[1].split(self.batch_size)]).double()
        return (sizes @ torch.stack(rows).cpu().double() / sizes.sum()).tolist()


def train_loop(model, batches, loss_fn, optimizer, metrics):
    """One epoch of training: loss and metrics, averaged over its examples."""
    model.train()
    rows = []
    for X, y in progress(batches, "training"):
        prediction = model(X)
        loss = loss_fn(prediction, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        rows.append(torch.stack([loss, *(f(prediction, y) for f in metrics)]).detach())
    return batches.average(rows)


@torch.no_grad()
def test_loop(model, batches, loss_fn, metrics):
    """Loss and metrics of the model as it is, averaged over the examples."""
    model.eval()
    rows = []
    for X, y in batches:
        prediction = model(X)
        rows.append(torch.stack([f(prediction, y) for f in (loss_fn, *metrics)]))
    return batches.average(rows)


class Run:
    """What a part works with: the options, the output folder, the results so far, the data."""

    def __init__(self, args):
        self.args, self.out, self.results, self.seconds = args, Path(args.out), {}, {}
        if "device" in args:
            self.device = args.device
        self.out.mkdir(parents=True, exist_ok=True)

    @cached_property
    def mnist(self):
        return load_mnist(self.args.data, self.device)

    def batches(self, split, shuffle=True):
        return Batches(split, self.args.batch_size, self.args.seed) if shuffle else Batches(split)

    def place(self, model):
        return model.to(self.device, memory_format=torch.channels_last)

    def fit(self, model, loss_fn, optimizer, metrics=None, scheduler=None, name=None, train=None,
            test=None, epochs=None):  # fmt: skip
        """Train, and test after each epoch; print a row for each, and return the rows."""
        train = Batches(train or self.mnist.train, self.args.batch_size, self.args.seed)
        test, history, metrics = Batches(test or self.mnist.test), [], metrics or {}
        names = [f"{kind}_{name}" for kind in ("train", "test") for name in ("loss", *metrics)]
        for epoch in range(1, (epochs or self.args.epochs) + 1):
            row = train_loop(model, train, loss_fn, optimizer, metrics.values())
            row += test_loop(model, test, loss_fn, metrics.values())
            history.append({"epoch": epoch} | dict(zip(names, row)))
            print("  " + ", ".join(f"{k} {v:.5g}" for k, v in history[-1].items()), flush=True)
            if not all(map(math.isfinite, row)):
                raise UserError(f"the loss is not finite in epoch {epoch}: is it right? lower --lr")
            if scheduler:
                scheduler.step()
        return history

    def map(self, function, jobs):
        return [function(job) for job in jobs]

    def save(self, name, figure):
        figure.savefig(self.out / f"{name}.png", dpi=100)
        if "ipykernel" in sys.modules:  # in a notebook, it appears under the cell
            from IPython.display import Image, display

            display(Image(filename=str(self.out / f"{name}.png")))

    def write(self, name, content):
        (self.out / name).write_bytes(content)


def subplots(rows=1, columns=1, size=(6.4, 4), **options):
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def new_figure(size=(6.4, 4)):
    return Figure(figsize=size, layout="constrained")


def run_parts(script, doc, parts, argv=None, needs="mnist", threads=None, options=None, **defaults):
    """Run the parts that the command line names; a summary after each. Returns the exit status."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--part", choices=[*parts, "all"], default="all")
    parser.add_argument("--out", default=f"results/{script}", help="output folder")
    for name, value in {"seed": 0, **defaults}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    if options:
        for flag, keywords in options.items():
            parser.add_argument(flag, **keywords)
    if needs != "numpy":
        parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        parser.add_argument("--data", default="data", help="folder of MNIST")
        torch.set_num_threads(threads or torch.get_num_threads())
        torch.set_flush_denormal(True)  # numbers under 1e-38 are slow
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # η, where the terminal has no such letter
    cell = argv is None and "kernel_launcher" in sys.argv[0]  # whose own options are not meant
    args = parser.parse_args([] if cell else argv)
    try:
        run = Run(args)
        for part in parts if args.part == "all" else [args.part]:
            print(f"\npart {part}: {(parts[part].__doc__ or '').partition(chr(10))[0]}", flush=True)
            if needs != "numpy":
                torch.manual_seed(args.seed)
            started = time.perf_counter()
            run.results[part] = parts[part](run)
            run.seconds[part] = round(time.perf_counter() - started, 2)
            summary = {"settings": vars(args), "seconds": run.seconds, "results": run.results}
            (run.out / "summary.json").write_text(json.dumps(summary, indent=1), "utf-8")
    except UserError as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 2
    print(f"\nwritten to {run.out}")
    return 0
