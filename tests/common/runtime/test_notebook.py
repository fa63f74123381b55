"""A kernel's process, emulated: IPython's shell, its display, and a main module without a file."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from common import plots
from common.run import Run, run_parts
from common.runtime.notebook import choose_arguments, display_figure

import pytest

KERNEL = ["/usr/lib/ipykernel_launcher.py", "-f", "/root/kernel-1.json"]


@pytest.fixture
def shell(monkeypatch) -> SimpleNamespace:
    """The shell of a kernel; `shell.shown` are the pictures that appear."""
    shell = SimpleNamespace(kernel=object(), shown=[])
    display = ModuleType("IPython.display")
    display.Image = lambda data, format: (data, format)
    display.display = shell.shown.append
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    ipython.version_info = (9, 0)  # matplotlib asks
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.setattr(sys, "argv", KERNEL)
    return shell


def part(run: Run) -> dict:
    """a figure"""
    run.save("figure", plots.subplots()[0])
    return {"lr": run.args.lr}


def test_main_in_a_cell_has_no_command_line_and_shows_its_figures(
    shell, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("common.runtime.session.ROOT", tmp_path)
    assert run_parts("hw0/trial", "", {"a": part}, needs="numpy", lr=0.5) == 0
    (content,) = (path.read_bytes() for path in tmp_path.glob("results/hw0/trial/*.png"))
    assert shell.shown == [(content, "png")]
    assert capsys.readouterr().err == ""


def test_a_script_in_a_notebook_has_its_own_command_line(shell, monkeypatch):
    """As %run hw7/kmeans.py --part b has it."""
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "hw7/kmeans.py", raising=False)
    monkeypatch.setattr(sys, "argv", ["hw7/kmeans.py", "--part", "b"])
    assert choose_arguments(None) == ["--part", "b"]


def test_an_editor_s_cell_may_know_its_file(shell, monkeypatch):
    """The window of an editor that runs a file cell by cell."""
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/home/me/own.py", raising=False)
    assert choose_arguments(None) == []


def test_an_embedded_python_may_have_no_command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", None)
    assert choose_arguments(None) == []


@pytest.mark.parametrize(
    "given", [["--epochs", 3, "--out", Path("x")], ("--epochs", "3", "--out", "x")]
)
def test_options_that_are_given_count_in_a_cell_and_elsewhere(shell, given):
    assert choose_arguments(given) == ["--epochs", "3", "--out", "x"]


def test_elsewhere_the_command_line_counts_and_nothing_is_shown(shell, monkeypatch):
    del shell.kernel  # IPython in a terminal
    display_figure(b"png")
    assert shell.shown == [] and choose_arguments(None) == []
    monkeypatch.setattr(sys, "argv", ["-c", "--part", "b"])
    for no_ipython in (ModuleType("IPython"), None):  # another module of that name; none
        monkeypatch.setitem(sys.modules, "IPython", no_ipython)
        display_figure(b"png")
        assert choose_arguments(None) == ["--part", "b"]  # of python -c
