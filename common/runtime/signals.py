"""How a run ends before its time, and how it goes on when nobody reads its output any more."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO


class Interrupted(KeyboardInterrupt):
    """The run is to end now: Ctrl-C, SIGTERM, or its terminal was closed.

    Attributes:
        status: the exit status, by custom 128 and the signal's number.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.status = 128 + number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` where a signal would kill the process; what is ignored remains so.

    An exception that arrives while an object is being destroyed, or under a C++ library, is lost.
    So an alarm raises it again each second, until the block has ended.
    """
    alarm = getattr(signal, "SIGALRM", None)  # Windows has none
    before, received = {}, []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if alarm in before and not received:
            signal.setitimer(signal.ITIMER_REAL, 1, 1)
        elif alarm in before and number != alarm:
            return  # a closed terminal sends two: the second would stop the first one's cleaning up
        received.append(number)
        raise Interrupted(received[0])

    def report_unraisable(lost: "sys.UnraisableHookArgs") -> None:
        if not isinstance(lost.exc_value, Interrupted):
            hook(lost)

    hook, sys.unraisablehook = sys.unraisablehook, report_unraisable
    if threading.current_thread() is threading.main_thread():  # only there can handlers be set
        numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
        for number in filter(None, [*numbers, alarm]):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        if received and alarm in before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def end_quietly(root: Path) -> None:
    """Let Ctrl-C end a script under `root` without a traceback before its run begins.

    Imports take seconds. A process of another kind, such as a notebook's, is left alone.
    """
    main = Path(getattr(sys.modules["__main__"], "__file__", None) or "").absolute()
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_default and main.suffix == ".py" and main.parent.parent == root:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def survive_closed_output() -> Iterator[None]:
    """Print into the void from when the terminal is closed under nohup, or a pipe's reader ends.

    The run's files are what matters: it goes on to its end. A sign that the output's encoding
    does not have, such as η, is printed as a question mark.
    """
    with Path(os.devnull).open("w") as void, contextlib.ExitStack() as stack:
        for redirect, stream in [
            (contextlib.redirect_stdout, sys.stdout or void),  # None: closed before the start
            (contextlib.redirect_stderr, sys.stderr or void),
        ]:
            output = Output(stream, void)
            stack.callback(output.flush)  # here, for at the process's end it would fail
            stack.enter_context(redirect(output))
        yield


class Output:
    """A stream whose writing never fails: what `stream` takes no longer goes into the `void`."""

    def __init__(self, stream: TextIO, void: TextIO):
        self.stream, self.void = stream, void

    def write(self, text: str) -> int:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        self.attempt(self.stream.write, text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        self.attempt(self.stream.flush)

    def attempt(self, function: Callable, *arguments: str) -> None:
        try:
            function(*arguments)
        except OSError:
            with contextlib.suppress(OSError):  # a stream without a file
                os.dup2(self.void.fileno(), self.stream.fileno())  # what it still holds, too

    def __getattr__(self, name: str):
        return getattr(self.stream, name)
