"""What a run does behind its door: parts, summary.json, resuming, exit statuses."""

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from common import ROOT
from common.runtime import canvas
from common.runtime.cli import make_parser
from common.runtime.device import choose_device, describe_environment
from common.runtime.errors import UserError
from common.runtime.files import lock_folder, write_file
from common.runtime.parallel import ALONE, PeerLost, Processes, from_environment
from common.runtime.signals import interruptible, survive_closed_output


class Session:
    """The part of a `Run` that a lesson does not see.

    Attributes:
        part: that is being worked on.
        written: names of the files written so far.
        figures: that --show shows at the end.
    """

    def __init__(self, script: str, args: argparse.Namespace, processes: Processes = ALONE):
        self.args, self.processes = args, processes
        self.out = Path(args.out) if args.out else ROOT / "results" / script
        self.device = choose_device(args.device, processes) if "device" in args else None
        self.part: str | None = None
        self.results: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}
        self.written: list[str] = []
        self.figures: list[canvas.Figure] = []
        choice = [self.settings, args.part, args.resume]
        if any(others != choice for others in processes.all_gather(choice)):
            raise UserError("the processes differ in their options or devices, as this one's "
                            f"{choice}: start all with the same")  # fmt: skip
        if args.show:
            canvas.check_screen()

    @property
    def settings(self) -> dict[str, Any]:
        """All options that decide the numbers."""
        others = {"part", "out", "show", "resume", "data"}
        settings = {name: value for name, value in vars(self.args).items() if name not in others}
        if self.device is not None:
            settings["device"] = self.device.type
        if "data" in self.args:
            from common.runtime.fetch import is_sample

            settings["data"] = "sample" if is_sample(self.args.data) else "mnist"
        if self.processes.world > 1:
            settings["processes"] = self.processes.world
        return settings

    def load_data(self) -> Any:
        """MNIST; each machine's first process downloads it, while the others wait."""
        from common.data import load_mnist

        if self.processes.local_rank:
            self.processes.all_gather(None)
        mnist = load_mnist(self.args.data, self.device)
        if not self.processes.local_rank:
            self.processes.all_gather(None)
        size, count = getattr(self.args, "batch_size", 1), len(mnist.train.labels)
        if size > count:
            raise UserError(f"argument --batch-size: came {size}, allowed is at most the {count} "
                            "training images")  # fmt: skip
        return mnist

    def make_batches(self, split: Any, size: int | None, seed: int | None) -> Any:
        from common.data import EVAL_BATCH_SIZE, Batches
        from common.runtime.shards import ShardedBatches

        size = size or EVAL_BATCH_SIZE
        if self.processes.world == 1:
            return Batches(split, size, seed)
        return ShardedBatches(split, size, seed, processes=self.processes)

    def train_and_keep(self, *arguments: Any) -> list[dict[str, Any]]:
        from common.runtime.checkpoint import train_and_keep

        return train_and_keep(self, *arguments)

    def share_out(self, function: Callable[[Any], Any], jobs: list[Any]) -> list[Any]:
        """The jobs' results in their order; each process does its share of them."""
        numbers = self.processes.shard(range(len(jobs)))
        mine = {number: function(jobs[number]) for number in numbers}
        results = {k: v for each in self.processes.all_gather(mine) for k, v in each.items()}
        return [results[number] for number in range(len(jobs))]

    def write_output(self, name: str, content: bytes) -> None:
        if self.processes.rank == 0:
            write_file(self.out / name, content, option="--out")
        if name not in self.written:
            self.written.append(name)

    def read_output(self, name: str) -> bytes | None:
        """What process 0 finds in the output folder, given to all; None: nothing."""
        path, content = self.out / name, None
        try:
            if self.processes.rank == 0 and path.exists():
                content = path.read_bytes()
        except OSError as error:
            raise UserError(f"argument --resume: {path} cannot be read "
                            f"({error.strerror})") from error  # fmt: skip
        return self.processes.all_gather(content)[0]

    def write_summary(self) -> None:
        summary = {
            "settings": self.settings,
            "environment": describe_environment(self.device) | {"seconds": self.seconds},
            "results": self.results,
        }
        text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        self.write_output("summary.json", text.encode())

    def load_earlier_results(self) -> None:
        """Take over the finished parts of an earlier run in the same folder."""
        path = self.out / "summary.json"
        try:
            if (content := self.read_output("summary.json")) is None:
                return
            earlier = json.loads(content)
            settings, results = earlier["settings"], dict(earlier["results"])
            seconds = dict(earlier["environment"]["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"argument --resume: {path} is no run's summary; remove it") from error
        self.check_settings(settings, path)
        self.results, self.seconds = results, seconds

    def check_settings(self, settings: Any, path: Path) -> None:
        if settings != self.settings:
            raise UserError(f"argument --resume: {path} is of a run with {settings}, and this one "
                            f"has {self.settings}; name the same, or another --out")  # fmt: skip


Parts = Mapping[str, Callable[[Any], dict[str, Any]]]


@interruptible()
@survive_closed_output()
def run_session(
    make_run: Callable[..., Session],
    script: str,
    description: str,
    parts: Parts,
    argv: list[str] | None,
    needs: str,
    threads: int | None,
    options: Mapping[str, Mapping[str, Any]] | None,
    defaults: Mapping[str, Any],
) -> int:
    """As `common.run.run_parts`, with `make_run` for the class of the run."""
    program = f"{Path(script).name}.py"
    processes = from_environment()
    if needs == "numpy" and processes.rank:
        return 0  # there is work for one process
    processes = ALONE if needs == "numpy" else processes
    run = None
    try:
        processes.join()
        parser = make_parser(program, description, parts, needs, options or {}, defaults)
        run = make_run(script, parse_args(parser, argv, processes), processes)
        alone = contextlib.nullcontext() if processes.rank else lock_folder(run.out, "--out")
        with alone, canvas.own_style(), prepare_torch(needs, threads):
            if run.args.resume:
                run.load_earlier_results()
            run_selected_parts(run, parts, needs)
            print(f"\nwritten to {run.out}:", *run.written, sep="\n  ")
            canvas.show(run.figures)
    except UserError as error:
        processes.report_once(f"{program}: error: {error}")
        return 2
    except PeerLost as lost:
        processes.report_once(f"{program}: error: {lost}, noticed{interruption_message(run)}")
        return 1
    except KeyboardInterrupt as interruption:
        processes.report_once(f"\n{program}: interrupted{interruption_message(run)}")
        return getattr(interruption, "status", 130)
    finally:
        processes.silence.close()  # a traceback is heard
    processes.leave()
    return 0


@contextlib.contextmanager
def prepare_torch(needs: str, threads: int | None) -> Iterator[None]:
    """torch as a run wants it; afterwards as it was, its random state too."""
    if needs == "numpy":
        yield
        return
    from common.runtime.cpu import training_on_cpu
    from common.runtime.rng import keep_random_state

    with keep_random_state(), training_on_cpu(threads):
        yield


def run_selected_parts(run: Session, parts: Parts, needs: str) -> None:
    """Run the parts that --part names and no earlier run has finished."""
    for part in parts if run.args.part == "all" else [run.args.part]:
        if part in run.results:
            print(f"\npart {part}: finished in an earlier run")
            continue
        run.part = part
        print(f"\npart {part}: {parts[part].__doc__.splitlines()[0]}", flush=True)
        if needs != "numpy":
            import torch

            # per part: the same numbers alone as among the others
            torch.manual_seed(run.processes.own_seed(run.args.seed))
        started = time.perf_counter()
        run.results[part] = parts[part](run)
        run.seconds[part] = round(time.perf_counter() - started, 2)
        run.write_summary()


def parse_args(
    parser: argparse.ArgumentParser, argv: list[str] | None, processes: Processes
) -> argparse.Namespace:
    """The options; of several processes with a mistake in them, one reports it."""
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message):
            args = parser.parse_args(argv)
    except SystemExit:
        if message.getvalue():
            processes.report_once(message.getvalue().rstrip())
        raise
    args.show = args.show and processes.rank == 0
    return args


def interruption_message(run: Session | None) -> str:
    """Where the run ended before its time, and what --resume will find."""
    if run is None or run.part is None:
        return " before the first part"
    epochs = [f"epochs in {name}" for name in run.written if name.endswith(".pt")]
    finished = ", ".join([*run.results, *epochs[-1:]])
    if not finished:
        return f" in part {run.part}; no part was finished"
    return f" in part {run.part}; finished and kept in {run.out}: {finished}; go on with --resume"
