"""What a single file has in place of common/: the same doors, for one process and one machine.

What stands under `if needs != "numpy":`, `if "device" in args:`, `if threads:` and `if scheduler:`
is only in files to which that applies; methods of Run, and parameters, only where they are used.
"""

import argparse
import contextlib
import json
import math
import sys
from collections import namedtuple
from functools import cached_property
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torchvision.datasets import MNIST

UserError = SystemExit  # ends the script with a message, without a traceback
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


def batches(split, size, generator=None):
    """The split in batches (x, y) of that size; with a generator, in a new order."""
    x, y = split
    order = torch.randperm(len(y), generator=generator) if generator else torch.arange(len(y))
    for index in order.to(y.device).split(size):
        yield x[index], y[index]


def run_epoch(model, batches, loss_fn, metrics, optimizer=None):
    """Loss and metrics, averaged over the examples; with an optimizer, the model learns."""
    model.train(optimizer is not None)
    rows, sizes = [], []
    for X, y in batches:
        with torch.set_grad_enabled(optimizer is not None):
            prediction = model(X)
            loss = loss_fn(prediction, y)
        if optimizer:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        rows.append(torch.stack([loss, *(f(prediction, y) for f in metrics)]).detach())
        sizes.append(len(y))  # the last batch may be smaller
    sizes = torch.tensor(sizes).double()
    return (sizes @ torch.stack(rows).cpu().double() / sizes.sum()).tolist()


class Run:
    """What a part works with: the options, the output folder, the data."""

    def __init__(self, args):
        self.args, self.out = args, Path(args.out)
        if "device" in args:
            self.device = args.device
        self.out.mkdir(parents=True, exist_ok=True)

    @cached_property
    def mnist(self):
        return load_mnist(self.args.data, self.device)

    def place(self, model):
        return model.to(self.device, memory_format=torch.channels_last)

    def fit(self, model, loss_fn, optimizer, metrics=None, scheduler=None, name=None, epochs=None):
        """Train, and test after each epoch; print a row for each, and return the rows."""
        history, metrics = [], metrics or {}
        generator = torch.Generator().manual_seed(self.args.seed)
        for epoch in range(1, (epochs or self.args.epochs) + 1):
            train = batches(self.mnist.train, self.args.batch_size, generator)
            test = batches(self.mnist.test, EVAL_BATCH_SIZE)
            numbers = run_epoch(model, train, loss_fn, metrics.values(), optimizer)
            numbers += run_epoch(model, test, loss_fn, metrics.values())
            names = [f"{kind}_{each}" for kind in ("train", "test") for each in ("loss", *metrics)]
            history.append({"epoch": epoch} | dict(zip(names, numbers)))
            print("  " + ", ".join(f"{k} {v:.5g}" for k, v in history[-1].items()), flush=True)
            if not all(map(math.isfinite, numbers)):
                raise UserError(f"the loss is not finite in epoch {epoch}: is it right? lower --lr")
            if scheduler:
                scheduler.step()
        return history

    def save(self, name, figure):
        figure.savefig(self.out / f"{name}.png", dpi=100)
        if notebook := sys.modules.get("IPython.display"):  # there it appears under the cell
            notebook.display(notebook.Image(filename=str(self.out / f"{name}.png")))


@contextlib.contextmanager
def use_seed(seed, device):
    """In the block, random numbers start from the seed."""
    torch.manual_seed(seed)
    yield


def subplots(rows=1, columns=1, size=(6.4, 4), **options):
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def new_figure(size):
    return Figure(figsize=size, layout="constrained")


def run_parts(script, doc, parts, argv=None, needs="mnist", threads=None, **defaults):
    """Run the parts that the command line names; their numbers go to summary.json."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--part", choices=[*parts, "all"], default="all")
    defaults |= {"seed": 0, "out": f"results/{script}"}
    if needs != "numpy":
        defaults |= {"device": "cuda" if torch.cuda.is_available() else "cpu", "data": "data"}
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    cell = argv is None and "kernel_launcher" in sys.argv[0]  # whose own options are not meant
    args, results = parser.parse_args([] if cell else argv), {}
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # η, where the terminal has no such letter
    if threads:
        torch.set_num_threads(threads)  # more would wait for each other
    if needs != "numpy":
        torch.set_flush_denormal(True)  # numbers under 1e-38 are slow
    run = Run(args)
    for part in parts if args.part == "all" else [args.part]:
        print(f"\npart {part}: {(parts[part].__doc__ or '').partition(chr(10))[0]}", flush=True)
        if needs != "numpy":
            torch.manual_seed(args.seed)
        results[part] = parts[part](run)
        summary = {"settings": vars(args), "results": results}
        (run.out / "summary.json").write_text(json.dumps(summary, indent=1), "utf-8")
    print(f"\nwritten to {run.out}")
