"""What a run has behind its door: settings, summary.json, shared work, files."""

import argparse
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common import ROOT
from common.runtime import canvas
from common.runtime.device import choose_device, describe_environment
from common.runtime.errors import UserError
from common.runtime.files import write_file
from common.runtime.parallel import ALONE, Processes


class Session:
    """The part of a `Run` that a lesson does not see.

    Attributes:
        part: that is being worked on.
        trained: the epochs' rows of each training in it so far.
        written: names of the files written so far.
        figures: that --show shows at the end.
    """

    def __init__(self, script: str, args: argparse.Namespace, processes: Processes = ALONE):
        self.args, self.processes = args, processes
        self.out = Path(args.out) if args.out else ROOT / "results" / script
        self.device = choose_device(args.device, processes) if "device" in args else None
        self.part: str | None = None
        self.results: dict[str, Any] = {}
        self.trained: list[list[dict[str, Any]]] = []
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

        self.trained.append(train_and_keep(self, *arguments))
        self.write_summary()  # before what is made of it, which may fail
        return self.trained[-1]

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
        if self.trained:
            summary["unfinished"] = {self.part: replace_non_finite(self.trained, "", [])}
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


def replace_non_finite(value: Any, name: str, replaced: list[str]) -> Any:
    """The value with None for each infinite number or NaN, which JSON does not have.

    Args:
        name: of the value, as "a/loss"; `replaced` collects the names of what was replaced.
    """
    if isinstance(value, Mapping):
        return {k: replace_non_finite(each, f"{name}/{k}", replaced) for k, each in value.items()}
    if isinstance(value, list | tuple):
        return [replace_non_finite(v, f"{name}/{i}", replaced) for i, v in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        replaced.append(name)
        return None
    return value
