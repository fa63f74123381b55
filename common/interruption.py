"""How a run is ended before its time, and how it goes on when nobody listens any more."""

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO


class Interrupted(KeyboardInterrupt):
    """The run is to end now: Ctrl-C, SIGTERM, or its terminal was closed.

    Attributes:
        number: the signal's.
        status: the exit status, by custom 128 and the number.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number, self.status = number, 128 + number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raises `Interrupted` where a signal would kill the process; what is ignored remains so."""
    before, raised = {}, [-math.inf]

    def interrupt(number: int, frame: FrameType | None) -> None:
        # a closed terminal is often told twice: the second would stop the first one's tidying up
        if time.monotonic() - raised[0] > 1:
            raised[0] = time.monotonic()
            raise Interrupted(number)

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, Interrupted):  # while an object was being destroyed
            raised[0] = -math.inf
            threading.Timer(0.01, signal.raise_signal, [unraisable.exc_value.number]).start()
        else:
            hook(unraisable)

    if threading.current_thread() is threading.main_thread():  # only there can handlers be set
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, interrupt)
    hook, sys.unraisablehook = sys.unraisablehook, lost
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def lasting_output() -> Iterator[None]:
    """Prints into the void from when the terminal is closed under nohup, or a pipe's reader ends.

    The run's files are what matters: it goes on to its end.
    """
    with Path(os.devnull).open("w") as void, contextlib.ExitStack() as stack:
        for redirect, stream in [
            (contextlib.redirect_stdout, sys.stdout or void),  # None: closed before the start
            (contextlib.redirect_stderr, sys.stderr or void),
        ]:
            lasting = Lasting(stream, void)
            stack.callback(lasting.flush)  # here, for at the process's end it would fail
            stack.enter_context(redirect(lasting))
        yield


class Lasting:
    """A stream whose writing never fails: what `stream` takes no longer goes into the `void`."""

    def __init__(self, stream: TextIO, void: TextIO):
        self.stream, self.void = stream, void

    def write(self, text: str) -> int:
        self.attempt(self.stream.write, text)
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
