"""The students' starts: what is open, what the checks say, and what they become when filled in."""

import ast
import itertools
import json
import re
import sys
from types import SimpleNamespace

from gradescope.blanks import find_tagged
from gradescope.build import ROOT, build_starter
from hw7 import autoencoder
from tests.gradescope.conftest import HOMEWORK, QUICK

import pytest
import torch
from torch import nn

every = pytest.mark.parametrize("question", QUICK)

# What the references use besides the names in the starters.
IMPORTS = "from torch.nn import Upsample\nfrom torch.nn.functional import mse_loss\nPIXELS = 784\n"
SCORES = "(x0 @ centers.T - 0.5 * (centers**2).sum(1))"
KMEANS = {
    "assign return": f"{SCORES}.argmax(1)",
    "inertia squared": f"(x0**2).sum(1) - 2 * {SCORES}.amax(1)",
}

# Four other styles, as students write them.
STYLES = {
    "matmul": {
        "forward v": "torch.matmul(x0, self.centers.t()) - self.centers.pow(2).sum(dim=1) / 2",
        "forward reconstruction": "torch.matmul(p, self.centers)",
        "mean_over_pixels return": "nn.MSELoss()(error, torch.zeros(error.shape))",
        "assign return": "torch.cdist(x0, centers).argmin(dim=1)",
    },
    "flatten": {
        "forward v": "x0 @ self.centers.T - 0.5 * torch.sum(self.centers**2, 1).flatten()",
        "forward x0": "torch.reshape(x, (x.shape[0], -1))",
        "mean_over_pixels return": "torch.mean(torch.square(error))",
        "inertia squared": "torch.cdist(x0, centers).min(1).values ** 2",
    },
    "loops": {
        "forward v": "torch.stack([(x0 * c).sum(1) - 0.5 * (c * c).sum() for c in self.centers]).T",
        "forward reconstruction": "sum(p[:, i : i + 1] * c for i, c in enumerate(self.centers))",
        "contingency return": "np.array([[float(((labels == i) & (assignment == j)).sum())"
                              " for j in range(k)] for i in range(10)])",
        "digit_images return": "torch.stack([x0[i] for i in (1, 3, 5, 7, 9, 11, 13, 15, 17, 19)])",
    },
    "einsum": {
        "forward v": 'torch.einsum("nd,kd->nk", x0, self.centers)'
                     ' - torch.einsum("kd,kd->k", self.centers, self.centers) / 2',
        "forward reconstruction": 'torch.einsum("nk,kd->nd", p, self.centers)',
        "forward p": "torch.exp(20 * v - torch.logsumexp(20 * v, 1, keepdim=True))",
        "contingency return": "torch.zeros(10, k).index_put((labels, assignment),"
                              " torch.tensor(1.0), accumulate=True)",
    },
}  # fmt: skip

# (question, what to put where, what the checks name)
WRONG = [
    ("kmeans", {"__init__ self.softmax": "nn.Softmax(dim=0)"}, "__init__, self.softmax"),
    ("kmeans", {"forward v": "x0 @ self.centers.T + 0.5 * (self.centers**2).sum(1)"}, "forward, v"),
    ("kmeans", {"forward v": "torch.cdist(x0, self.centers)"}, "forward, v"),
    ("kmeans", {"forward return": "reconstruction, x0"}, "forward, result: wrong: came tuple"),
    ("kmeans", {"return forward return": "error = reconstruction - x0"},
     "forward, result: wrong: came NoneType"),
    ("kmeans", {"__init__ self.centers": "nn.Parameter(torch.rand(784, 10))"},
     "__init__, self.centers.shape: wrong: the shape (2,) is right, the numbers are not: [784"),
    ("kmeans", {"super().__init__()": "pass"}, "__init__, isinstance"),
    ("kmeans", {"mean_over_pixels return": 'nn.MSELoss(reduction="sum")(error, 0 * error)'},
     "mean_over_pixels, result"),
    ("kmeans", {"mean_over_pixels return": "(error * torch.nan).mean()"},
     "mean_over_pixels, result"),
    ("kmeans", {"forward p": "self.softmax(v)"}, "forward, p"),
    ("kmeans", {"assign return": f"{SCORES}.argmin(1)"}, "assign, result"),
    ("kmeans", {"contingency return": "torch.bincount(assignment * 10 + labels,"
                " minlength=10 * k).reshape(k, 10)"}, "contingency, result"),
    ("autoencoder", {"forward z2": "z + torch.randn_like(z)"}, "forward, z2.mean"),
    ("autoencoder", {"forward return": "torch.cat((z, f - x), 1)"}, "forward, result.shape"),
    ("cnn", {"accuracy return": "(logits.argmax(1) == y).sum()"}, "accuracy, result"),
    ("backprop", {"phi return": "1 / (1 + np.exp(-a * v))"}, "phi, result: wrong: FloatingPoint"),
    ("backprop", {"backward W": "delta_z @ x.T"}, "backward, result.W"),
    ("gradient_descent", {"descend path[i + 1]": "path[i] + eta * gradient(path[i])"},
     "descend, path[1]"),
]  # fmt: skip


@pytest.fixture(scope="session")
def starters():
    """Question → its starter, and what its blanks stand for."""
    return {question: build_starter(ROOT, HOMEWORK[question], question) for question in QUICK}


@pytest.fixture
def fill(starters):
    """The starter with those blanks filled, the others by the reference."""

    def fill(question, others=()):
        text, answers = starters[question]
        answers = answers | (KMEANS if question == "kmeans" else {}) | dict(others)
        lines = text.split("\n")
        for i, name, match in find_tagged(text, HOMEWORK[question]):
            if name in answers:
                left, _, comma, comment, _, _ = match.groups()
                lines[i] = f"{left}{answers[name]}{comma}{comment}"
                if f"return {name}" in answers:
                    lines[i] = re.sub("return .*", answers[f"return {name}"], lines[i])
        text = "\n".join(lines)
        if "super().__init__()" in answers:
            text = text.replace("super().__init__()", "pass", 1)
        head, rest = text.split("\nimport argparse\n", 1)
        return f"{head}\n{IMPORTS * ('torch' in text)}import argparse\n{rest}"

    return fill


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, mnist_folder):
    """Run a starter's text: its exit status, its output, its results."""
    numbers = itertools.count()

    def run(text, *options):
        path = tmp_path / f"start_{next(numbers)}.py"
        path.write_text(text, encoding="utf-8")
        data = ["--data", str(mnist_folder)] * ("torch" in text)
        out = tmp_path / path.stem
        monkeypatch.setattr(sys, "argv", [path.name, *options, *data, "--out", str(out)])
        names = {"__name__": "starter", "__file__": str(path)}
        exec(compile(text, path, "exec"), names)
        try:
            status = names["main"]()
        except SystemExit as ending:
            status = ending.code
        torch.set_flush_denormal(False)
        results = out / "results.json"
        results = json.loads(results.read_text()) if results.exists() else None
        return SimpleNamespace(status=status, printed=capsys.readouterr().out, results=results)

    return run


@every
def test_length_and_blanks(question, starters):
    text, answers = starters[question]
    lines = text.split("\n")
    opened = [i for i, line in enumerate(lines, 1) if re.search(r"\btodo\(\"", line)]
    assert text.count("\n") <= 300 and opened[0] < 60
    assert ("torch" in text) == (HOMEWORK[question] != "hw5")
    assert len(opened) == len(answers) and len(opened) <= 21
    assert len(opened) >= (9 if question == "gradient_descent" else 12)
    for i in opened:
        assert re.search(r"todo\(\".+?\"\),?  # .*\[hw\d", lines[i - 1]), lines[i - 1]


@every
def test_the_answers_are_not_next_door(question, starters):
    text, answers = starters[question]
    tree = ast.parse(text)
    written = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    comments = re.sub(r"\s", "", " ".join(re.findall(r"#.*|\"\"\"(?s:.*?)\"\"\"", text)))
    for name, right in answers.items():
        expression = ast.unparse(ast.parse(right, mode="eval").body)
        assert expression not in written, name
        assert re.sub(r"\s", "", right) not in comments, name
    for word in (
        "README",
        "_study",
        "bench",
        "torchrun",
        "git checkout",
        "gradescope",
        "common",
        "hw7/",
    ):
        assert word not in text, word


@every
def test_a_run_lists_every_open_blank_before_it_loads_data(question, starters, run):
    text, _ = starters[question]
    printed = run(
        text.replace("    try:\n        sets", "    print('data')\n    try:\n        sets")
    )
    lines = text.split("\n")
    opened = [(i, found[1]) for i, line in enumerate(lines, 1)
              if (found := re.search(r"todo\(\"(.+?)\"\)", line))]  # fmt: skip
    listed = [f"  open: line {i}, {words}" for i, words in opened]
    assert printed.printed.split("\n")[: len(listed)] == listed
    assert printed.status == 0 and "ends at line" in printed.printed
    assert "open: " in run(text, "--check").printed


@every
def test_filled_with_the_reference_all_checks_are_right(question, fill, run):
    ended = run(fill(question), "--check")
    assert ended.status == 0, ended.printed
    lines = ended.printed.splitlines()
    assert len(lines) >= 12 and all(line.endswith(": right") for line in lines)


def test_filled_with_the_reference_hw5_gives_its_numbers(fill, run, scripts):
    results = run(fill("gradient_descent"), "--part", "b").results
    for eta in (0.02, 0.05, 0.1):
        row = dict(scripts["gradient_descent"]["b"][f"eta_{eta}"])
        row.pop("w")
        assert results["b"][f"eta_{eta}"] == row
    text = fill("backprop").replace("POINTS = 1000", "POINTS = 60")
    results = run(text, "--part", "d", "--epochs", "1").results
    assert results["d"]["mse"] == pytest.approx(scripts["backprop"]["d"]["mse"][:1], rel=1e-9)


def test_filled_with_the_reference_the_network_s_numbers(fill, run, scripts):
    results = run(fill("cnn"), "--epochs", "1").results["network"]
    expected = scripts["cnn"]["network"]
    assert results["confusion_matrix"] == expected["confusion_matrix"]
    assert results["test_loss"] == pytest.approx(expected["test_loss"], rel=1e-9)
    assert results["top_errors"] == [row["index"] for row in expected["top_errors"]]


def test_filled_with_the_reference_kmeans_gives_its_numbers(fill, run, scripts):
    results = run(fill("kmeans"), "--part", "b", "--epochs", "1").results["b"]
    expected = scripts["kmeans"]["b"]
    assert results["test_loss"] == pytest.approx(expected["test_loss"], rel=1e-6)
    assert results["inertia"] == pytest.approx(expected["network"]["inertia"], rel=1e-6)
    assert results["table"] == expected["network"]["table"]


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_styles_are_right_and_give_the_same_to_rounding(style, fill, run):
    """At a low learning rate: at the handout's, rounding grows from step to step."""
    options = ["--part", "b", "--epochs", "1", "--lr", "0.1"]
    text = fill("kmeans", style)
    assert run(text, "--check").status == 0
    results, expected = (run(each, *options).results["b"] for each in (text, fill("kmeans")))
    for name in ("test_loss", "inertia"):
        assert results[name] == pytest.approx(expected[name], rel=1e-4)


def test_other_centers_of_kmeans(fill, run, scripts):
    results = run(fill("kmeans"), "--part", "c", "--epochs", "1").results["c"]
    for name, row in results.items():
        expected = scripts["kmeans"]["c"][name.replace("_", " ")]
        assert row["table"] == expected["table"]


def test_filled_with_the_reference_the_autoencoder_s_numbers(
    fill, run, monkeypatch, tmp_path, as_the_files
):
    """With torch's own dropout and upsampling: slower, and shorter to read."""
    monkeypatch.setattr("hw6.cnn.Dropout", nn.Dropout)
    monkeypatch.setattr(autoencoder, "Dropout", nn.Dropout)
    monkeypatch.setattr(autoencoder, "Upsample", nn.Upsample)
    options = ["--part", "b", "--epochs", "1"]
    with as_the_files():
        assert autoencoder.main([*options, "--device", "cpu", "--out", str(tmp_path / "own")]) == 0
    expected = json.loads((tmp_path / "own" / "summary.json").read_text())["results"]["b"]
    results = run(fill("autoencoder"), *options).results["b"]
    assert results["test_loss"] == pytest.approx(expected["test_loss"], rel=1e-6)


@pytest.mark.parametrize("question, others, named", WRONG)
def test_wrong_fillings_are_named(question, others, named, fill, run):
    ended = run(fill(question, others), "--check")
    assert ended.status == 1
    wrong = [line for line in ended.printed.splitlines() if not line.endswith(": right")]
    assert wrong and wrong[0].startswith(named) and ": wrong: " in wrong[0], ended.printed


def test_a_loss_that_is_no_number_ends_the_training(fill, run):
    text = fill("kmeans", {"mean_over_pixels return": "(error * torch.nan).mean()"})
    ended = run(text, "--part", "b", "--epochs", "2")
    assert "not a finite number" in ended.status and "epoch 2" not in ended.printed
