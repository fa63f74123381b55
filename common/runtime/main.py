"""A script from its command line to its exit status: parts, resuming, interruptions."""

import argparse
import contextlib
import io
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from common.runtime import canvas
from common.runtime.cli import make_parser
from common.runtime.errors import UserError
from common.runtime.files import lock_folder
from common.runtime.notebook import choose_arguments
from common.runtime.parallel import ALONE, PeerLost, Processes, from_environment
from common.runtime.session import Session, replace_non_finite
from common.runtime.signals import interruptible, survive_closed_output

import numpy as np

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
        with alone, usual_errors(), canvas.own_style(), prepare_torch(needs, threads):
            if run.args.resume:
                run.load_earlier_results()
            run_selected_parts(run, parts, needs)
            written = sorted(run.written, key=lambda name: name == "summary.json")  # it comes last
            print(f"\nwritten to {run.out}:", *written, sep="\n  ")
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


def usual_errors() -> contextlib.AbstractContextManager:
    """NumPy warns of what is no number, whatever was set in this process before."""
    return np.errstate(all="warn", under="ignore")


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
        print(f"\npart {part}{announce(parts[part])}", flush=True)
        if needs != "numpy":
            from common.runtime.rng import derive_seed

            import torch

            # per part: the same numbers alone as among the others
            torch.manual_seed(derive_seed(run.args.seed, run.processes.rank))
        started = time.perf_counter()
        run.results[part] = keep_finite(part, parts[part](run))
        run.trained = []
        run.seconds[part] = round(time.perf_counter() - started, 2)
        run.write_summary()


def keep_finite(part: str, results: dict[str, Any]) -> dict[str, Any]:
    """The results as summary.json can hold them; a line names what is left out."""
    replaced: list[str] = []
    results = replace_non_finite(results, part, replaced)
    if replaced:
        names = ", ".join(replaced[:3]) + ", …" * (len(replaced) > 3)
        print(f"  not finite, so null in summary.json: {names} ({len(replaced)} in all)")
    return results


def announce(part: Callable[[Any], dict[str, Any]]) -> str:
    """The first line of its docstring, after a colon; nothing where Python -OO has removed it."""
    return f": {part.__doc__.splitlines()[0]}" if part.__doc__ else ""


def parse_args(
    parser: argparse.ArgumentParser, argv: list[str] | None, processes: Processes
) -> argparse.Namespace:
    """The options; of several processes with a mistake in them, one reports it."""
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message):
            args = parser.parse_args(choose_arguments(argv))
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
