"""The files made once, and the sample where torchvision looks for MNIST."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

from gradescope.build import QUESTIONS, ROOT, build

import pytest

# A process that has none of the project, and no network.
ALONE = """
import runpy, socket, sys
def refuse(*args, **keywords):
    raise OSError("no network")
socket.getaddrinfo = socket.create_connection = refuse
for name in ("common", "gradescope", "hw5", "hw6", "hw7", "tqdm"):
    sys.modules[name] = None  # importing it fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="session")
def made() -> dict[str, str]:
    """Question → its reference, and question-starter → its starter."""
    return {
        question + "-starter" * is_starter: build(ROOT, homework, question, is_starter)
        for homework, questions in QUESTIONS.items()
        for question in questions
        for is_starter in (False, True)
    }


@pytest.fixture(scope="session")
def mnist_folder(tmp_path_factory) -> Path:
    """The sample's four files in MNIST/raw."""
    folder = tmp_path_factory.mktemp("data")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (ROOT / "tests" / "data").glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    return folder


@pytest.fixture
def run_alone(made, tmp_path):
    """Run a file in an empty folder, without the project: the finished process, and the folder."""

    def run(question: str, *options: str, text: str = "", **environment: str):
        path = tmp_path / f"{question}.py"
        path.write_text(text or made[question], encoding="utf-8")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        environment.pop("PYTHONPATH", None)
        command = [sys.executable, "-c", ALONE, path.name, *options, "--out", "out"]
        pipes = {"capture_output": True, "text": True, "encoding": "utf-8", "errors": "replace"}
        return subprocess.run(command, cwd=tmp_path, env=environment, **pipes), tmp_path / "out"

    return run
