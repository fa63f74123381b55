"""One run of a script: the door to its options, device, data, training and output folder.

A script ends in

    def main(argv=None) -> int:
        return run_parts("hw7/kmeans", __doc__, PARTS, argv, epochs=10, batch_size=64, lr=4.5)

    if __name__ == "__main__":
        sys.exit(main())

where PARTS holds a function for each part of the question: it takes the `Run`, saves its figures
there, and returns the numbers that summary.json is to hold for it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common.plots import Figure
from common.runtime.canvas import render_png
from common.runtime.cli import whole_number
from common.runtime.errors import UserError
from common.runtime.main import run_session
from common.runtime.notebook import choose_arguments, display_figure
from common.runtime.progress import progress
from common.runtime.session import Session

if TYPE_CHECKING:  # torch takes seconds, and a script of NumPy does without
    from common.data import Batches, Mnist, Split
    from common.loop import Metric

    from torch import nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

__all__ = ["Run", "UserError", "choose_arguments", "progress", "run_parts", "whole_number"]


class Run(Session):
    """What a part works with.

    Attributes:
        args: the options, as `args.epochs`, `args.batch_size`, `args.lr`, `args.seed`, …
        out: the output folder.
        device: where tensors go.
        results: part → its numbers, as far as they are there.
        seconds: part → how long it took.
    """

    @cached_property
    def mnist(self) -> "Mnist":
        """The data that --data names, on the device; loaded at the first use."""
        return self.load_data()

    def batches(self, split: "Split", shuffle: bool = True) -> "Batches":
        """The split in batches of --batch-size, in a new order in each pass, made of --seed.

        Without `shuffle` in its own order, and in batches of EVAL_BATCH_SIZE.
        """
        size, seed = (self.args.batch_size, self.args.seed) if shuffle else (None, None)
        return self.make_batches(split, size, seed)

    def place(self, model: "nn.Module") -> "nn.Module":
        """The model on the device, channels last: its convolutions are faster on a CPU so."""
        import torch

        return model.to(self.device, memory_format=torch.channels_last)

    def fit(
        self,
        model: "nn.Module",
        loss_fn: "Metric",
        optimizer: "Optimizer",
        metrics: "Mapping[str, Metric] | None" = None,
        scheduler: "LRScheduler | None" = None,
        name: str | None = None,
        train: "Split | None" = None,
        test: "Split | None" = None,
        epochs: int | None = None,
    ) -> list[dict[str, Any]]:
        """Train `model`, and test it after each epoch; the rows of `common.loop.fit`.

        Args:
            loss_fn: (prediction, y) → loss, averaged over the batch.
            metrics: more of the same kind, by name.
            scheduler: of the learning rate; takes a step after each epoch.
            name: keep out/NAME.pt after each epoch, from which --resume goes on.
            train, test: the examples; MNIST's by default.
            epochs: --epochs by default.

        Raises:
            UserError: training diverged, or what --resume finds is damaged or of other settings.
        """
        batches = self.batches(train or self.mnist.train)
        test_batches = self.batches(test or self.mnist.test, shuffle=False)
        epochs = epochs or self.args.epochs
        return self.train_and_keep(
            model, batches, test_batches, loss_fn, optimizer, epochs, metrics or {}, scheduler, name
        )

    def map(self, function: Callable[[Any], Any], jobs: Iterable[Any]) -> list[Any]:
        """[function(job) for job in jobs]."""
        return self.share_out(function, list(jobs))

    def save(self, name: str, figure: Figure) -> None:
        """Write a figure as out/NAME.png; in a notebook it also appears under the cell."""
        png = render_png(figure)
        self.write(f"{name}.png", png)
        if self.processes.rank == 0:
            display_figure(png)
        if self.args.show:
            self.figures.append(figure)

    def write(self, name: str, content: bytes) -> None:
        """Write out/NAME, whole or not at all."""
        self.write_output(name, content)


def run_parts(
    script: str,
    description: str,
    parts: Mapping[str, Callable[[Run], dict[str, Any]]],
    argv: list[str] | None = None,
    needs: str = "mnist",
    threads: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **defaults: Any,
) -> int:
    """Run the parts of a question that the command line asks for; a summary after each.

    Args:
        script: "hw7/kmeans": names the output folder and the program in messages.
        description: the script's docstring, shown by --help.
        parts: letter → function; its docstring's first line announces it.
        needs: "mnist" (--data and --device), "torch" (--device) or "numpy" (neither).
        threads: how many the CPU's operations share; None: as many as torch takes, one per core.
            Where operations are short, 1 is best: waiting for each other costs threads more than
            they gain, and on a busy machine up to a hundred times as much.
        options: the script's own, as flag → keywords of argparse's add_argument.
        defaults: the handout's values for epochs, batch_size and lr, as far as it has them.

    Returns:
        The exit status: 0; 1 where another process is gone; 2 after a mistake of the user's; after
        an interruption 128 and the signal's number, which is 130 for Ctrl-C.
    """
    return run_session(Run, script, description, parts, argv, needs, threads, options, defaults)
