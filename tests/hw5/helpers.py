"""What the tests of HW5's scripts share: a run in this process, and what its figures show."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from common import plots
from common.run import Run
from hw5.figures import draw_boundary

import numpy as np
import pytest


class Done(NamedTuple):
    """A run that has ended: its results, and the figures that it saved, by name."""

    results: dict[str, Any]
    figures: dict[str, plots.Figure]
    out: Path


def run_main(
    main: Callable[[list[str]], int], out: Path, *options: str, undrawn: Collection[str] = ()
) -> Done:
    """Run a script in this process, with its figures kept as they are before they become files.

    Files take most of the time. Those of the figures in `undrawn` are left empty.
    """
    figures = {}
    save = Run.save

    def keep(run: Run, name: str, figure: plots.Figure) -> None:
        figures[name] = figure
        if name in undrawn:
            run.write(f"{name}.png", b"")
        else:
            save(run, name, figure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save", keep)
        assert main([*options, "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return Done(summary["results"], figures, out)


def check_files(done: Done, *names: str) -> None:
    """The run saved figures of these names, as files of less than 100 kB, and nothing else."""
    assert set(done.figures) == set(names)
    assert {path.name for path in done.out.iterdir()} == {
        *(f"{n}.png" for n in names),
        "summary.json",
    }
    assert all(path.stat().st_size < 100_000 for path in done.out.glob("*.png"))


def check_mistake(main, capsys, named: str, *options: str) -> str:
    """The script ends with status 2 and one line that says what is wrong; that line."""
    try:
        status = main(list(options))
    except SystemExit as stop:
        status = stop.code
    printed = capsys.readouterr()
    assert (status, printed.err.count("\n")) == (2, 1)
    assert ": error: " in printed.err and named in printed.err
    return printed.err


def check_lines(axes: plots.Axes, *expected: tuple[Any, Any]) -> None:
    """The first lines in the axes are these (x, y), and no others follow."""
    assert len(axes.lines) == len(expected)
    for line, (x, y) in zip(axes.lines, expected):
        np.testing.assert_allclose(line.get_xdata(), x, rtol=1e-12)
        np.testing.assert_allclose(line.get_ydata(), y, rtol=1e-12)


def check_boundary(axes: plots.Axes, f: np.ndarray) -> None:
    """The axes hold the contours of f at figures.GRID, (1, 120²)."""
    _, fresh = plots.subplots()
    draw_boundary(fresh, f, "")
    assert len(axes.collections) == len(fresh.collections) == 2
    for drawn, expected in zip(axes.collections, fresh.collections):
        for path, other in zip(drawn.get_paths(), expected.get_paths(), strict=True):
            np.testing.assert_array_equal(path.vertices, other.vertices)


def legend_texts(axes: plots.Axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]
