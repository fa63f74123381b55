"""The files made for Gradescope: read, compared, and run in an empty folder without the project."""

import ast
import importlib
import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from symtable import SymbolTable, symtable

from common.runtime.errors import UserError
from gradescope.inline import one_file

import pytest
import torch
from common.submission import asked, blanked, body, main, submission

ROOT = Path(__file__).resolve().parents[1]
# Absent where the tests run for common/ alone, as for its mutations.
HOMEWORKS = [path.parent.name for path in sorted(ROOT.glob("hw*/__init__.py"))]
QUESTIONS = [(homework, question) for homework in HOMEWORKS for question in asked(ROOT, homework)]
QUICK = {
    "gradient_descent": ["--part", "b"],
    "backprop": ["--part", "d", "--epochs", "2"],
    "cnn": ["--epochs", "1"],
    "kmeans": ["--part", "b", "--epochs", "2"],
    "autoencoder": ["--part", "b", "--epochs", "1"],
}
# What (c) of the autoencoder asks for: the parts before it are to run without.
OPEN = {"autoencoder": ["Variational.__init__", "Variational.posterior", "Variational.forward",
                        "Variational.draw", "calibrated_elbo", "divergence", "part_c"]}  # fmt: skip
WITHOUT = """
import importlib.util, runpy, sys
importlib.util.find_spec = lambda name: None  # of scikit-learn
for name in ("tqdm", "common", "hw5", "hw6", "hw7", "tests"):
    sys.modules[name] = None  # importing it fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
every = pytest.mark.parametrize("homework, question", QUESTIONS)
both = pytest.mark.parametrize("starter", [False, True], ids=["reference", "starter"])


@cache
def made(homework: str, question: str, starter: bool = False) -> str:
    return submission(
        ROOT, homework, question, asked(ROOT, homework)[question] if starter else None
    )


def started(folder: Path, *command) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *command], cwd=folder, env=environment, **pipes)


def quick(question: str, source: str) -> list[str]:
    sample = [] if "mnist=False" in source else ["--data", str(ROOT / "tests" / "data")]
    return [*QUICK.get(question, ["--epochs", "1"]), "--seed", "1", *sample]


@every
@both
def test_a_file_compiles_and_stands_alone(homework, question, starter):
    text = made(homework, question, starter)
    tree = ast.parse(text, feature_version=(3, 10))
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            source = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            assert not (ROOT / source.partition(".")[0]).is_dir()
    blank = asked(ROOT, homework)[question] if starter else None
    assert text == submission(ROOT, homework, question, blank)


def taken(table: SymbolTable) -> set[str]:
    """The names that are read in a file's top, or from there."""
    is_top = table.get_type() == "module"
    names = {each.get_name() for each in table.get_symbols()
             if each.is_referenced() and (is_top or each.is_global())}  # fmt: skip
    return names.union(*map(taken, table.get_children()))


@every
def test_nothing_in_a_file_is_unused(homework, question):
    text = made(homework, question)
    table = symtable(text, "file.py", "exec")
    quoted = set(re.findall(r'(?:: |-> )"(\w+)', text))  # types
    defined = {each.get_name() for each in table.get_symbols() if each.is_assigned()}
    assert defined - taken(table) - quoted == set()
    attributes = {
        node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)
    }
    (run,) = (node for node in ast.parse(text).body if getattr(node, "name", "") == "Run")
    methods = {node.name for node in run.body if isinstance(node, ast.FunctionDef)}
    assert methods - attributes <= {"__init__"}


@every
@both
def test_a_file_is_tidy(homework, question, starter, tmp_path):
    path = tmp_path / f"{question}.py"
    path.write_text(made(homework, question, starter), encoding="utf-8")
    # Bodies that are left open leave imports for those who write them.
    ignored = ["--ignore", "F401"] if starter else []
    for command in (["check", *ignored], ["format", "--check"]):
        ruff = started(ROOT, "-m", "ruff", *command, "--config", "pyproject.toml", path)
        output, _ = ruff.communicate()
        assert ruff.returncode == 0, output


@every
def test_a_file_gives_the_script_s_results_without_the_project(
    homework, question, tmp_path, monkeypatch
):
    text = made(homework, question)
    arguments = quick(question, text)
    text = blanked(text, OPEN.get(question, []), "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # as in the other process
    (tmp_path / f"{question}.py").write_text(text, encoding="utf-8")
    alone = started(tmp_path, "-c", WITHOUT, f"{question}.py", *arguments)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the other process: sums depend on it in their last bits
    try:
        script = importlib.import_module(f"{homework}.{question}")
        assert script.main([*arguments, "--out", str(tmp_path / "script")]) == 0
    finally:
        torch.set_num_threads(threads)
    _, error = alone.communicate(timeout=200)
    assert (alone.returncode, error) == (0, "")
    theirs, ours = tmp_path / "script", tmp_path / "results" / homework / question
    summaries = [json.loads((out / "summary.json").read_text()) for out in (theirs, ours)]
    for key in ("settings", "results"):
        assert summaries[0][key] == summaries[1][key]
    assert {path.name for path in theirs.iterdir()} == {path.name for path in ours.iterdir()}
    for path in theirs.glob("*.png"):
        assert path.read_bytes() == (ours / path.name).read_bytes(), path.name


@every
def test_a_starter_stops_at_its_first_blank(homework, question, tmp_path, monkeypatch, capsys):
    file = tmp_path / f"{question}.py"
    file.write_text(made(homework, question, True), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", [str(file), *quick(question, file.read_text("utf-8"))])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(file), run_name="__main__")
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1
    names = asked(ROOT, homework)[question]
    assert any(error == f"{question}.py: error: to do: {name}\n" for name in names)


@every
def test_a_starter_filled_in_is_the_reference(homework, question):
    names = asked(ROOT, homework)[question]
    starter, reference = made(homework, question, True), made(homework, question)
    lines, solved = starter.split("\n"), reference.split("\n")
    for name in names:
        first, last, _ = body("\n".join(lines), name, "")
        assert "to do" in lines[first] and last == first + 1
        begin, end, _ = body(reference, name, "")
        lines[first:last] = solved[begin:end]
    head = reference.index('"""')
    assert "\n".join(lines)[starter.index('"""') :] == reference[head:]


def test_a_change_in_common_changes_exactly_the_files_that_use_it(tmp_path):
    for folder in ("common", *HOMEWORKS):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("results"))
    before = {each: one_file(tmp_path, ".".join(each)) for each in QUESTIONS}
    for module in ("faults", "layers", "plots", "loop"):
        path = tmp_path / "common" / f"{module}.py"
        source = path.read_text(encoding="utf-8")
        function = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
        path.write_text(source.replace(ast.get_docstring(function)[:20], "Changed.", 1), "utf-8")
        for each, text in before.items():
            changed = one_file(tmp_path, ".".join(each)) != text
            assert changed == (f"def {function.name}(" in text)
        path.write_text(source, encoding="utf-8")


SOURCE = '''class A:
    def one(self, x):
        """What it is for."""
        # how
        return x

    def two(self):
        # how
        """no docstring, and yet"""

def three(
    x: int,
) -> int:
    # first of all
    y = x

    return y
'''


def test_a_blank_keeps_signature_and_docstring():
    text = blanked(SOURCE, ["three", "A.one"], "hw0/__init__.py")
    assert '"""What it is for."""\n        raise UserError("to do: A.one")  # write' in text
    assert ') -> int:\n    raise UserError("to do: three")  # write' in text
    assert "return" not in text and "first of all" not in text and "# how" in text


@pytest.mark.parametrize("name", ["four", "A.three", "A", "B.one", "one"])
def test_a_name_that_is_not_there_is_an_error(name):
    with pytest.raises(UserError, match=f"hw0/__init__.py: ASKED names {name}"):
        blanked(SOURCE, [name], "hw0/__init__.py")


@pytest.fixture
def course(tmp_path) -> Path:
    """A homework of two questions."""
    root = tmp_path / "course"
    (root / "hw0").mkdir(parents=True)
    (root / "hw0" / "__init__.py").write_text('ASKED = {"q": ["answer"], "r": ["main"]}\n')
    for question in ("q", "r"):
        (root / "hw0" / f"{question}.py").write_text(
            f'"""Question.\n\n    python hw0/{question}.py\n"""\n\n'
            "from common.runtime.errors import UserError\n\n\n"
            "def answer() -> int:\n    return 42\n\n\n"
            "def main() -> None:\n    print(answer() or UserError)\n"
        )
    shutil.copytree(ROOT / "common", root / "common")
    return root


def test_the_command_writes_files_and_a_zip(course, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["hw0", "--zip", "--out", str(out)], course) == 0
    assert main(["hw0", "--starter", "--zip", "--out", str(out)], course) == 0
    files = ["hw0/q.py", "hw0/r.py", "hw0.zip"]
    files += ["hw0-starter/q.py", "hw0-starter/r.py", "hw0-starter.zip"]
    assert capsys.readouterr().out.split() == [str(out / file) for file in files]
    for name in ("hw0", "hw0-starter"):
        with zipfile.ZipFile(out / f"{name}.zip") as archive:
            for file in ("q.py", "r.py"):
                assert archive.read(file) == (out / name / file).read_bytes()
            assert archive.testzip() is None and len(archive.namelist()) == 2
    first = (out / "hw0.zip").read_bytes()
    assert main(["hw0", "--zip", "--out", str(out)], course) == 0
    assert (out / "hw0.zip").read_bytes() == first
    text = (out / "hw0" / "q.py").read_text()
    assert text.startswith("# Made from hw0/q.py") and "python q.py\n" in text
    assert "return 42" in text
    starter = (out / "hw0-starter" / "q.py").read_text()
    assert starter.startswith("# The starting file of hw0/q.py") and "return 42" not in starter
    assert "return 42" in (out / "hw0-starter" / "r.py").read_text()


def test_a_mistake_is_one_line_and_status_2(course, tmp_path, capsys):
    (tmp_path / "file").touch()
    (course / "hw1").mkdir()
    (course / "hw1" / "__init__.py").write_text('ASKED = {"q": []}')
    (course / "hw1" / "q.py").write_text("from math import *\n")
    twice = "from os import path\nfrom sys import path\n\nprint(path)\n"
    for homework, source in {"hw2": "print(answer)\n", "hw3": twice}.items():
        (course / homework).mkdir()
        (course / homework / "__init__.py").write_text('ASKED = {"q": []}')
        (course / homework / "q.py").write_text(source)
    for arguments, message in [
        (["hw9"], "came hw9, allowed is hw0, hw1, hw2, hw3"),
        (["hw0", "--out", str(tmp_path / "file")], "argument --out: "),
        (["hw1", "--out", str(tmp_path)], "hw1/q.py, line 1: cannot be inlined"),
        (["hw2", "--out", str(tmp_path)], "hw2/q.py cannot be inlined: Undefined name `answer`"),
        (["hw3", "--out", str(tmp_path)], "hw3/q.py cannot be inlined: Redefinition of unused"),
    ]:
        assert main(arguments, course) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"submission: error: {message}") and error.count("\n") == 1
    with pytest.raises(SystemExit) as stop:
        main(["hw0", "--unknown"], course)
    assert stop.value.code == 2


def test_without_ruff_one_line_says_so(course, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["hw0", "--out", str(tmp_path / "out")], course) == 2
    assert "python -m pip install -r requirements.txt\n" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
