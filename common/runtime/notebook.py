"""A run in a notebook: a cell has no command line, and figures appear under it."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def find_shell() -> Any:
    """IPython's shell, where this process is one of IPython's, as a notebook's is; else None."""
    ipython = sys.modules.get("IPython")  # not imported: whoever is in a notebook has it
    return ipython.get_ipython() if hasattr(ipython, "get_ipython") else None


def choose_arguments(argv: Iterable[Any] | None) -> list[str]:
    """The options of a run: those given; else the command line's, as far as they are its own.

    In a cell, the command line is the notebook's. Where a cell runs a script by %run, it begins
    with the script's name.
    """
    if argv is not None:
        return [str(argument) for argument in argv]
    program, *options = sys.argv or [""]
    script = getattr(sys.modules["__main__"], "__file__", None) or ""  # a cell has none
    is_cell = find_shell() is not None and Path(program).name != Path(script).name
    return [] if is_cell else options


def display_figure(png: bytes) -> None:
    """Show a figure under the cell that runs; nothing happens elsewhere."""
    if hasattr(find_shell(), "kernel"):  # a terminal's shell shows no pictures
        from IPython.display import Image, display

        display(Image(png, format="png"))
