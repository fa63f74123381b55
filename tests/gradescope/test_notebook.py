"""The files made for Gradescope in a notebook's cell: pasted as they are, without a file's name."""

import sys
from types import ModuleType

import pytest

# Question → options of a run that takes little.
CHEAP = {
    "gradient_descent": ["--part", "a"],
    "backprop": ["--part", "d", "--epochs", "1"],
    "cnn": ["--epochs", "1", "--batch-size", "1000"],
    "kmeans": ["--part", "b", "--epochs", "1"],
    "autoencoder": ["--part", "a"],
}


@pytest.fixture
def shown(monkeypatch) -> list[str]:
    """A kernel, emulated: the pictures' files that appear under its cells."""
    shown: list[str] = []
    display = ModuleType("IPython.display")
    display.Image = lambda filename: filename
    display.display = shown.append
    ipython = ModuleType("IPython")
    ipython.version_info = (9, 0)  # matplotlib asks
    for module in (ipython, display, ModuleType("ipykernel"), ModuleType("cell")):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    return shown


def paste(text: str, **options: int) -> dict:
    """The names of a cell that holds the text; `main` is not called."""
    names = vars(sys.modules["cell"])
    exec(compile(text, "<cell>", "exec", **options), names)
    return names


@pytest.mark.parametrize("question", CHEAP)
def test_a_pasted_file_runs_and_its_figures_appear(
    question, made, shown, mnist_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    names = paste(made[question])
    options = CHEAP[question]
    if question in ("cnn", "kmeans", "autoencoder"):
        options = [*options, "--device", "cpu", "--data", str(mnist_folder)]
    assert names["main"]([*options, "--out", "out"]) is None
    saved = {f"out/{path.name}" for path in (tmp_path / "out").glob("*.png")}
    assert set(shown) == saved and len(shown) == len(saved)
    assert saved or question == "gradient_descent"


def test_the_notebook_s_own_options_are_not_meant(made, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = paste(made["gradient_descent"])
    assert names["main"]() is None
    assert shown == ["results/hw5/gradient_descent/b_distance.png"]


def test_those_of_a_file_that_a_cell_runs_are_meant(made, shown, tmp_path, monkeypatch):
    """As %run backprop.py --out elsewhere does it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "backprop.py", raising=False)
    options = ["--part", "d", "--epochs", "1", "--out", "elsewhere"]
    monkeypatch.setattr(sys, "argv", ["backprop.py", *options])
    assert paste(made["backprop"])["main"]() is None
    assert shown == ["elsewhere/d_mse.png"]


def test_its_end_is_no_error(made, shown, tmp_path, monkeypatch, capsys):
    """A notebook takes every exit for one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "gradient_descent.py", raising=False)
    monkeypatch.setattr(sys, "argv", ["gradient_descent.py", "--part", "a"])
    exec(compile(made["gradient_descent"], "<cell>", "exec"), {"__name__": "__main__"})
    assert "written to" in capsys.readouterr().out


def test_without_docstrings_it_runs_as_well(made, shown, tmp_path, monkeypatch):
    """Python -OO removes them."""
    monkeypatch.chdir(tmp_path)
    assert paste(made["gradient_descent"], optimize=2)["main"](["--part", "a"]) is None
