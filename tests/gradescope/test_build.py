"""The files made for Gradescope: measured, read, and run in an empty folder without the project."""

import ast
import zipfile

from gradescope.build import ROOT, archive, main
from tests.gradescope.conftest import HOMEWORK, QUICK

import pytest

LINES = {"gradient_descent": 150, "backprop": 447, "cnn": 341, "kmeans": 342, "autoencoder": 550}
MODELS = {"kmeans": "class KMeans(", "autoencoder": "class Autoencoder(", "cnn": "def layers("}
MODELS |= {"gradient_descent": "def gradient(", "backprop": "def forward("}
every = pytest.mark.parametrize("question", QUICK)


def find_differences(own, other, path=()):
    """Where numbers of `own` are not in `other` at the same place."""
    if isinstance(own, dict):
        for key, value in own.items():
            yield from find_differences(value, other.get(key), (*path, key))
    elif own != other:
        yield path, own, other


@every
def test_gives_the_script_s_numbers_alone_in_an_empty_folder(question, alone, scripts):
    assert alone[question].status == 0, alone[question].stderr
    assert alone[question].results.keys() == scripts[question].keys()
    assert not list(find_differences(alone[question].results, scripts[question]))


def test_the_figures_that_the_handouts_ask_for(alone):
    figures = {question: alone[question].figures for question in QUICK}
    assert figures == {
        "gradient_descent": {"b_distance.png"},
        "backprop": {"d_mse.png", "e_scatter.png", "f_eta.png", "f_rule.png", "f_minibatches.png",
                     "f_hidden.png"},
        "cnn": {"loss.png", "accuracy.png", "confusion.png", "filters.png", "wrong.png"},
        "kmeans": {"b_centers.png", "b_table.png", "c_centers.png"},
        "autoencoder": {"a_sketch.png", "b_generated.png", "c_generated.png"},
    }  # fmt: skip


def test_no_data_and_no_network_gives_one_short_message(alone):
    lines = alone["no data"].status.splitlines()  # which Python prints, and exits with 1
    assert len(lines) == 3 and "--data" in lines[2]


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
    assert not imported & {"common", "gradescope", "hw5", "hw6", "hw7", "sklearn"}
    assert ("torch" in text) == (HOMEWORK[question] != "hw5")
    for word in ("README", "_study", "sys.path", "torchrun", "resume", "more than HW"):
        assert word not in text, word


@every
def test_the_model_comes_first(question, made):
    lines = made[question].split("\n")
    (first,) = [i for i, line in enumerate(lines, 1) if line.startswith(MODELS[question])]
    assert first < 60 + 15 * (question == "backprop")  # after teacher, φ and φ′


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


def test_what_makes_the_files_is_short():
    for name in ("plain", "build"):
        text = (ROOT / "gradescope" / f"{name}.py").read_text(encoding="utf-8")
        assert text.count("\n") <= 150
