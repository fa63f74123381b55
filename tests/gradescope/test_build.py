"""The files made for Gradescope: measured, read, and run in an empty folder without the project."""

import ast
import importlib
import json
import zipfile

from common.runtime.main import prepare_torch
from gradescope.build import QUESTIONS, ROOT, WHOLE, archive, choose_parts, main, make_blanks

import pytest

# Question → options of a short run.
QUICK = {
    "gradient_descent": ["--part", "a"],
    "backprop": ["--part", "d", "--epochs", "1"],
    "cnn": ["--epochs", "1", "--batch-size", "500"],
    "kmeans": ["--part", "b", "--epochs", "2"],
    "autoencoder": ["--part", "c", "--epochs", "1", "--batch-size", "500"],
}
LINES = {"gradient_descent": 275, "backprop": 620, "cnn": 475, "kmeans": 605, "autoencoder": 785}
HOMEWORK = {question: homework for homework, all_of in QUESTIONS.items() for question in all_of}
every = pytest.mark.parametrize("question", QUICK)


@every
def test_gives_the_scripts_numbers_alone_in_an_empty_folder(
    question, run_alone, mnist_folder, tmp_path, monkeypatch
):
    # the file knows no emulated device, and both are to run alike
    monkeypatch.setattr("common.runtime.main.prepare_torch", prepare_torch)
    script = importlib.import_module(f"{HOMEWORK[question]}.{question}")
    options, data, sample = QUICK[question], [], []
    if HOMEWORK[question] != "hw5":
        data = ["--device", "cpu", "--data", str(mnist_folder)]
        sample = ["--device", "cpu", "--data", "sample"]
    process, out = run_alone(question, *options, *data)
    assert process.returncode == 0, process.stderr
    assert script.main([*options, *sample, "--out", str(tmp_path / "script")]) == 0
    results = [json.loads((folder / "summary.json").read_text("utf-8"))["results"]
               for folder in (out, tmp_path / "script")]  # fmt: skip
    assert results[0] == results[1]
    figures = [
        {path.name for path in folder.glob("*.png")} for folder in (out, tmp_path / "script")
    ]
    assert figures[0] == figures[1]


@every
def test_length_and_imports(question, made):
    text = made[question]
    assert text.count("\n") <= LINES[question]
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert not imported & {"common", "gradescope", "hw5", "hw6", "hw7"}
    assert ("torch" in text) == (HOMEWORK[question] != "hw5")
    assert "README" not in text and "_study" not in text and "sys.path" not in text


@pytest.mark.parametrize("question, name", [("kmeans", "KMeans"), ("autoencoder", "Autoencoder")])
def test_the_model_comes_first(question, name, made):
    lines = made[question].split("\n")
    (first,) = [i for i, line in enumerate(lines, 1) if line.startswith(f"class {name}(")]
    assert first < 60


@every
def test_starter_has_blanks_in_place_of_the_tagged_right_sides(question, made):
    tag = f"[{HOMEWORK[question]} "
    lines = made[f"{question}-starter"].split("\n")
    tagged = [line for line in lines if tag in line and " = " in line and "#" in line]
    assert all("todo(" in line for line in tagged)
    assert sum(" todo(" in line or "=todo(" in line for line in lines) >= 4
    assert made[f"{question}-starter"].count("\n") < 520


def test_starter_ends_at_the_first_blank(run_alone, made):
    process, _ = run_alone("backprop-starter", "--part", "d")
    line = made["backprop-starter"].split("\n").index('    z = todo("2")  # (h, n) [hw5 2]') + 1
    assert process.returncode == 2
    assert process.stderr == f"hw5/backprop: to do: 2, line {line}\n"


def test_blanks_keep_the_left_side_and_the_comment():
    text = (
        '"""A."""\n\nv = x @ C.T  # (n, k) [hw7 1.2]\nw -= 2 * v  # [hw7 1.3]\nu = v  # [hw6 1]\n'
    )
    made = make_blanks(text, "hw7")
    assert 'v = todo("1.2")  # (n, k) [hw7 1.2]\n' in made
    assert 'w -= todo("1.3")  # [hw7 1.3]\nu = v  # [hw6 1]\n' in made
    assert "from common.run import todo\n" in made


def test_parts_of_a_starter():
    text = 'PARTS = {"a": part_a, "b": part_b, "appendix": appendix}'
    assert choose_parts(text, "b") == 'PARTS = {"b": part_b}'


def test_whole_functions_exist(made):
    for question, names in WHOLE.items():
        for name in names:
            assert f'    return todo("{name}")\n' in made[f"{question}-starter"]


def test_command(tmp_path, capsys):
    assert main(["hw6", "--zip", "--out", str(tmp_path)]) == 0
    text = (tmp_path / "hw6" / "cnn.py").read_bytes()
    with zipfile.ZipFile(tmp_path / "hw6.zip") as found:
        assert found.namelist() == ["cnn.py"] and found.read("cnn.py") == text
    assert archive({"a": b"1"}) == archive({"a": b"1"})
    with pytest.raises(SystemExit, match="2"):
        main(["hw8"])
    assert "invalid choice" in capsys.readouterr().err
    assert (ROOT / "hw6" / "cnn.py").exists()
