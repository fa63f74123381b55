"""matplotlib as every figure here uses it: without windows, and with its own defaults.

matplotlib is imported here alone. Neither the environment nor a user's settings change a figure.
"""

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

from common.runtime.errors import UserError

from PIL import Image  # matplotlib needs it, too

_backend = os.environ.pop("MPLBACKEND", None)  # of another program: matplotlib would insist on it
try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
finally:
    if _backend is not None:
        os.environ["MPLBACKEND"] = _backend

__all__ = [
    "Axes",
    "Figure",
    "check_screen",
    "new_figure",
    "own_style",
    "render_png",
    "show",
    "subplots",
]


def new_figure(size: tuple[float, float] = (6.4, 4)) -> Figure:
    """An empty figure of so many inches, whose parts make room for each other."""
    return Figure(figsize=size, layout="constrained")


def subplots(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 4), **options: Any
) -> tuple[Figure, Any]:
    """A figure with axes: one, or an array of rows × columns as Figure.subplots gives it."""
    figure = new_figure(size)
    return figure, figure.subplots(rows, columns, **options)


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """matplotlib's defaults for as long as the block lasts, whatever a user has set."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def render_png(figure: Figure) -> bytes:
    """The figure as a file: 100 dots per inch in 256 colors, which look the same here."""
    content, reduced = io.BytesIO(), io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    Image.open(content).convert("RGB").quantize(256).save(reduced, format="png", optimize=True)
    return reduced.getvalue()


def check_screen() -> None:
    """Raise UserError where no window can be opened."""
    import matplotlib.pyplot  # chooses what draws windows here, if anything does

    if matplotlib.get_backend().lower() == "agg":
        raise UserError("argument --show: there is no screen here; the figures are files too")


def show(figures: Sequence[Figure]) -> None:
    """Show the figures in windows, until they are closed."""
    if not figures:
        return
    import matplotlib.pyplot as plt

    windows = [plt.figure() for _ in figures]
    for window, figure in zip(windows, figures):
        manager = window.canvas.manager
        manager.canvas.figure = figure
        figure.set_canvas(manager.canvas)
    plt.show()
    for window in windows:
        plt.close(window.number)
