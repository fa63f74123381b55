"""One run of a script: its options, seed, device, output folder and summary.json.

A script ends in

    def main(argv=None) -> int:
        return run_parts("hw7/kmeans", __doc__, PARTS, argv, epochs=10, batch_size=64, lr=4.5)

    if __name__ == "__main__":
        sys.exit(main())

where PARTS holds a function for each part of the question: it takes the `Run`, saves its figures
there, and returns the numbers that summary.json is to hold for it.
"""

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image  # matplotlib needs it, too

from common.faults import UserError, alone_in, write_file
from common.interruption import interruptible, lasting_output
from common.machine import choose_device, environment
from common.options import options
from common.processes import ALONE, Gone, Processes, here

if TYPE_CHECKING:
    from common.data import Mnist

RESULTS = Path(__file__).resolve().parents[1] / "results"


class Run:
    """What a part works with.

    Attributes:
        args: the options, as `args.epochs`, `args.batch_size`, `args.lr`, `args.seed`, …
        out: the output folder.
        device: where tensors go.
        processes: this process and the others.
        part: that is being worked on.
        results: part → its numbers, those of an earlier run included when resuming.
    """

    def __init__(self, script: str, args: argparse.Namespace, processes: Processes = ALONE):
        self.args, self.processes = args, processes
        self.out = Path(args.out) if args.out else RESULTS / script
        self.device = choose_device(args.device, processes) if "device" in args else None
        self.part: str | None = None
        self.results: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}
        self.written: list[str] = []
        asked = [self.settings, args.part, args.resume]
        if any(others != asked for others in processes.gathered(asked)):
            raise UserError("the processes differ in their options or devices, as this one's "
                            f"{asked}: start all with the same")  # fmt: skip
        if args.show and matplotlib.get_backend().lower() == "agg":
            raise UserError("argument --show: there is no screen here; the figures are files too")
        if not args.show:
            matplotlib.use("Agg")  # draws without a screen, and opens no window

    @cached_property
    def mnist(self) -> "Mnist":
        """The data that --data names, on the device; loaded at the first use."""
        from common.data import load_mnist  # not for a script without MNIST: torch takes seconds

        if self.processes.local_rank:
            self.processes.gathered(None)  # until its machine's first process has fetched it
        mnist = load_mnist(self.args.data, self.device)
        if not self.processes.local_rank:
            self.processes.gathered(None)
        if self.args.batch_size > len(mnist.train.labels):
            raise UserError(f"argument --batch-size: came {self.args.batch_size}, allowed is at "
                            f"most the {len(mnist.train.labels)} training images")  # fmt: skip
        return mnist

    @property
    def settings(self) -> dict[str, Any]:
        """All options that decide the numbers."""
        aside = {"part", "out", "show", "resume", "data"}
        settings = {name: value for name, value in vars(self.args).items() if name not in aside}
        if self.device is not None:
            from common.data import is_sample

            settings["device"] = self.device.type
            settings["data"] = "sample" if is_sample(self.args.data) else "mnist"
        if self.processes.world > 1:
            settings["processes"] = self.processes.world
        return settings

    def save(self, name: str, figure: Figure) -> None:
        """Write a figure as out/NAME.png."""
        if self.processes.rank:
            plt.close(figure)
            return
        drawn, reduced = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, format="png", dpi=100)
        # 256 colours look the same here, in a third of the bytes
        Image.open(drawn).convert("RGB").quantize(256).save(reduced, format="png", optimize=True)
        self.write(f"{name}.png", reduced.getvalue())
        if not self.args.show:
            plt.close(figure)

    def write(self, name: str, content: bytes) -> None:
        if self.processes.rank == 0:
            write_file(self.out / name, content, option="--out")
        if name not in self.written:
            self.written.append(name)

    def read(self, name: str) -> bytes | None:
        """What process 0 finds in the output folder, given to all; None: nothing."""
        path, content = self.out / name, None
        try:
            if self.processes.rank == 0 and path.exists():
                content = path.read_bytes()
        except OSError as error:
            raise UserError(f"argument --resume: {path} cannot be read "
                            f"({error.strerror})") from error  # fmt: skip
        return self.processes.gathered(content)[0]

    def write_summary(self) -> None:
        summary = {
            "settings": self.settings,
            "environment": environment(self.device) | {"seconds": self.seconds},
            "results": self.results,
        }
        text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        self.write("summary.json", text.encode())

    def take_up(self) -> None:
        """Take over the finished parts of an earlier run in the same folder."""
        path = self.out / "summary.json"
        try:
            if (content := self.read("summary.json")) is None:
                return
            earlier = json.loads(content)
            settings, results = earlier["settings"], dict(earlier["results"])
            seconds = dict(earlier["environment"]["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"argument --resume: {path} is no run's summary; remove it") from error
        if settings != self.settings:
            raise UserError(f"argument --resume: {path} is of a run with {settings}, and this one "
                            f"has {self.settings}; name the same, or another --out")  # fmt: skip
        self.results, self.seconds = results, seconds


@interruptible()
@lasting_output()
def run_parts(
    script: str,
    description: str,
    parts: Mapping[str, Callable[[Run], dict[str, Any]]],
    argv: list[str] | None = None,
    mnist: bool = True,
    threads: int | None = None,
    **defaults: Any,
) -> int:
    """Run the parts of a question that the command line asks for; a summary after each.

    Args:
        script: "hw7/kmeans": names the output folder and the program in messages.
        description: the script's docstring, shown by --help.
        parts: letter → function; its docstring's first line announces it.
        mnist: whether the script takes --data and --device.
        threads: how many the CPU's operations share; None: as many as torch takes, one per core.
            Where operations are short, 1 is best: waiting for each other costs threads more than
            they gain, and on a busy machine up to a hundred times as much.
        defaults: the handout's values for epochs, batch_size and lr, as far as it has them.

    Returns:
        The exit status: 0; 1 where another process is gone; 2 after a mistake of the user's; after
        an interruption 128 and the signal's number, which is 130 for Ctrl-C.
    """
    program = f"{Path(script).name}.py"
    processes = here()
    if not mnist and processes.rank:
        return 0  # without torch, there is work for one process
    processes = processes if mnist else ALONE
    run = None
    try:
        processes.join()
        args = parsed(options(program, description, parts, mnist, defaults), argv, processes)
        run = Run(script, args, processes)
        with alone_in(run.out, "--out") if processes.rank == 0 else contextlib.nullcontext():
            if args.resume:
                run.take_up()
            work_on(run, parts, mnist, threads)
        print(f"\nwritten to {run.out}:", *run.written, sep="\n  ")
        if args.show:
            plt.show()
    except UserError as error:
        processes.tell(f"{program}: error: {error}")
        return 2
    except Gone as gone:
        processes.tell(f"{program}: error: {gone}, noticed{kept(run)}")
        return 1
    except KeyboardInterrupt as interruption:
        processes.tell(f"\n{program}: interrupted{kept(run)}")
        return getattr(interruption, "status", 130)
    finally:
        processes.silence.close()  # a traceback is heard
    processes.leave()
    return 0


def work_on(run: Run, parts: Mapping, mnist: bool, threads: int | None) -> None:
    """Run the parts that --part asks for and no earlier run has finished."""
    for part in parts if run.args.part == "all" else [run.args.part]:
        if part in run.results:
            print(f"\npart {part}: finished in an earlier run")
            continue
        run.part = part
        print(f"\npart {part}: {parts[part].__doc__.splitlines()[0]}", flush=True)
        if mnist:
            import torch

            from common.cpu import prepare_cpu

            # per part: the same numbers alone as among the others
            torch.manual_seed(run.processes.seed(run.args.seed))
            prepare_cpu(threads)
        started = time.perf_counter()
        run.results[part] = parts[part](run)
        run.seconds[part] = round(time.perf_counter() - started, 2)
        run.write_summary()


def parsed(
    parser: argparse.ArgumentParser, argv: list[str] | None, processes: Processes
) -> argparse.Namespace:
    """The options; of several processes with a mistake in them, one tells it."""
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            args = parser.parse_args(argv)
    except SystemExit:
        if told.getvalue():
            processes.tell(told.getvalue().rstrip())
        raise
    args.show = args.show and processes.rank == 0
    return args


def kept(run: Run | None) -> str:
    """Where the run ended before its time, and what --resume will find."""
    if run is None or run.part is None:
        return " before the first part"
    epochs = [f"epochs in {name}" for name in run.written if name.endswith(".pt")]
    finished = ", ".join([*run.results, *epochs[-1:]])
    if not finished:
        return f" in part {run.part}; no part was finished"
    return f" in part {run.part}; finished and kept in {run.out}: {finished}; go on with --resume"
