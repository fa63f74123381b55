"""The files made once, and run once: in an empty folder, without the project and the network."""

import contextlib
import gzip
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from common.data import Mnist, Split, load_mnist
from common.runtime.main import prepare_torch
from gradescope.build import QUESTIONS, ROOT, build
from hw5.network import draw_points

import numpy as np
import pytest

HOMEWORK = {question: homework for homework, all_of in QUESTIONS.items() for question in all_of}

# Question → options of a short run of its file, and the parts of the script to compare it with.
QUICK = {
    "gradient_descent": [],
    "backprop": ["--epochs", "1"],
    "cnn": ["--epochs", "1"],
    "kmeans": ["--epochs", "1"],
    "autoencoder": ["--epochs", "1"],
}
FEW = (128, 40)  # of the sample's images to train and to test, since CPUs are slow
SMALL = {"POINTS = 1000": "POINTS = 60", "linspace(-2, 2, 120)": "linspace(-2, 2, 12)"}

# A process that has nothing but the four packages; it prints the exit status of each run, or the
# message that stands for it.
ALONE = """
import contextlib, io, json, runpy, socket, sys
def refuse(*args, **keywords):
    raise OSError("no network")
socket.getaddrinfo = socket.create_connection = refuse
for name in ("common", "gradescope", "hw5", "hw6", "hw7", "tqdm", "sklearn", "scipy"):
    sys.modules[name] = None  # importing it fails
sys.path = [path for path in sys.path if path]
import matplotlib.figure
results, savefig = [], matplotlib.figure.Figure.savefig
for arguments in json.loads(sys.argv[1]):
    sys.argv, stderr = arguments, io.StringIO()
    if arguments[0] in ("backprop.py", "cnn.py", "autoencoder.py"):  # their figures take seconds
        matplotlib.figure.Figure.savefig = lambda figure, path, **options: path.touch()
    else:
        matplotlib.figure.Figure.savefig = savefig
    with contextlib.redirect_stderr(stderr):
        status = 0
        try:
            runpy.run_path(arguments[0], run_name="__main__")
        except SystemExit as ending:
            status = ending.code
    results.append((status, stderr.getvalue()))
print(json.dumps(results))
"""


@pytest.fixture(scope="session")
def made() -> dict[str, str]:
    """Question → its reference."""
    return {question: build(ROOT, homework, question) for question, homework in HOMEWORK.items()}


@pytest.fixture(scope="session")
def mnist_folder(tmp_path_factory) -> Path:
    """The first images of the sample, in four files in MNIST/raw."""
    folder = tmp_path_factory.mktemp("data")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (ROOT / "tests" / "data").glob("*.gz"):
        content, count = gzip.decompress(path.read_bytes()), FEW["t10k" in path.name]
        header, size = (16, 784) if "images" in path.name else (8, 1)
        content = content[:4] + count.to_bytes(4, "big") + content[8 : header + size * count]
        (raw / path.stem).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def alone(made, mnist_folder, tmp_path_factory) -> dict[str, SimpleNamespace]:
    """Question → its file's run: status, stderr, results and figures; and for "no data".

    All of it in one process, since importing torch takes seconds; in a C locale.
    """
    folder = tmp_path_factory.mktemp("alone")
    runs = []
    for question, options in QUICK.items():
        text = made[question]
        for old, new in SMALL.items():
            text = text.replace(old, new)
        (folder / f"{question}.py").write_text(text, encoding="utf-8")
        data = ["--device", "cpu", "--data", str(mnist_folder)] * (HOMEWORK[question] != "hw5")
        runs.append([f"{question}.py", *options, *data, "--out", question])
    runs.append(["kmeans.py", "--part", "b", "--out", "none"])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C", "PYTHONUTF8": "0"}
    environment |= {"PYTHONCOERCECLOCALE": "0"}
    environment.pop("PYTHONPATH", None)
    process = subprocess.run([sys.executable, "-c", ALONE, json.dumps(runs)], cwd=folder,
                             env=environment, capture_output=True)  # fmt: skip
    assert process.returncode == 0, process.stderr.decode()
    found = {}
    ended = json.loads(process.stdout.splitlines()[-1])
    for name, (status, stderr) in zip([*QUICK, "no data"], ended):
        summary = folder / name / "summary.json"
        results = json.loads(summary.read_text())["results"] if summary.exists() else None
        figures = {path.name for path in (folder / name).glob("*.png")}
        found[name] = SimpleNamespace(
            status=status, stderr=stderr, results=results, figures=figures
        )
    return found


@pytest.fixture(scope="session")
def as_the_files():
    """In the block, scripts run on few images and points, on the CPU as it is, without figures."""

    @contextlib.contextmanager
    def run():
        mnist = load_mnist("sample")
        few = Mnist(*(Split(*(x[:n] for x in split)) for split, n in zip(mnist, FEW)))
        side = np.linspace(-2, 2, 12)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("common.runtime.main.prepare_torch", prepare_torch)
            patch.setattr("common.data.load_mnist", lambda *arguments: few)
            patch.setattr("common.run.Run.save", lambda *arguments: None)
            patch.setattr("hw5.figures.plot_hack", lambda *arguments: None)
            patch.setattr("hw5.figures.GRID", np.stack(np.meshgrid(side, side)).reshape(2, -1))
            patch.setattr("hw5.backprop.FRESH", 100)
            patch.setattr("hw5.backprop.POINTS", 60)
            patch.setattr(draw_points, "__defaults__", (60,))
            patch.setattr("hw5.figures.plot_boundaries", lambda *arguments: None)
            patch.setattr("hw7.pictures.save_decoded", lambda *arguments: None)
            patch.setattr("hw6.cnn.show_tsne", lambda *arguments: None)
            yield

    return run


@pytest.fixture(scope="session")
def scripts(tmp_path_factory, as_the_files) -> dict[str, dict]:
    """Question → the results of the same parts of the repository's script."""
    found = {}
    with as_the_files():
        for question, options in QUICK.items():
            script, results = importlib.import_module(f"{HOMEWORK[question]}.{question}"), {}
            data = ["--device", "cpu", "--data", "sample"] * (HOMEWORK[question] != "hw5")
            for part in QUESTIONS[HOMEWORK[question]][question].parts:
                out = tmp_path_factory.mktemp(question)
                assert script.main([*options, *data, "--part", part, "--out", str(out)]) == 0
                results |= json.loads((out / "summary.json").read_text("utf-8"))["results"]
            found[question] = results
    return found
