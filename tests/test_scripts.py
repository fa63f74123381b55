"""The scripts as a user runs them: a process of its own, from another folder, nothing installed."""

import importlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from common import ROOT

import pytest

KMEANS = ["hw7/kmeans.py", "--data", "sample"]
DESCENT = ["hw5/gradient_descent.py"]  # starts in a moment: it has no torch


def start(folder: Path, script: list[str], *arguments: str, **options) -> subprocess.Popen:
    name, *others = script
    command = [sys.executable, ROOT / name, *others, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    if os.name != "nt":  # Ctrl-C is heeded, even where the tests run behind a &
        options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"} | options.pop("env", {})
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes, **options)


def test_the_same_seed_gives_the_same_results_bit_for_bit(tmp_path):
    arguments = ["--part", "b", "--epochs", "3", "--seed", "1", "--out"]
    runs = [start(tmp_path, KMEANS, *arguments, name) for name in ("one", "two")]
    for run in runs:
        output, error = run.communicate()
        assert (run.returncode, error) == (0, "")
        assert len(output.splitlines()) < 25  # no bar in a log file
    one, two = (
        json.loads((tmp_path / name / "summary.json").read_text(encoding="utf-8"))
        for name in ("one", "two")
    )
    assert one["results"] == two["results"]
    assert sum(map(sum, one["results"]["b"]["network"]["table"])) == 1000


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        (KMEANS, ["--part", "b", "--lr", "1e30"]),
        (DESCENT, ["--part", "d"]),
        (DESCENT, ["--data", "sample"]),
        (DESCENT, ["--device", "cpu"]),
    ],
)
def test_a_mistake_is_one_line_without_traceback(tmp_path, script, arguments):
    run = start(tmp_path, script, "--out", ".", *arguments)
    _, error = run.communicate()
    assert run.returncode == 2
    name = Path(script[0]).name
    assert error.startswith(f"{name}: error: ") and error.count("\n") == 1


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path):
    """As if there were room for files of 5,000 bytes only."""
    resource = pytest.importorskip("resource", reason="limits of this kind are Unix's")
    limit = (resource.RLIMIT_FSIZE, (5000, 5000))
    limited = {"preexec_fn": lambda: resource.setrlimit(*limit)}
    run = start(tmp_path, DESCENT, "--part", "b", "--out", "out", **limited)
    _, error = run.communicate()
    assert run.returncode == 2
    assert error.startswith("gradient_descent.py: error: argument --out: ")
    assert "b_distance.png cannot be written" in error and error.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_ctrl_c_in_the_middle_keeps_the_finished_parts(tmp_path):
    run = start(tmp_path, KMEANS, "--epochs", "40", "--out", "out")
    for line in run.stdout:
        if line.startswith("part b"):
            break
    run.send_signal(signal.SIGINT)
    _, error = run.communicate()
    assert run.returncode == 130
    assert error.strip().startswith("kmeans.py: interrupted in part b; finished and kept in out: a")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["results"].keys() == {"a"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"summary.json"}


@pytest.mark.skipif(os.name == "nt", reason="signals of this kind are Unix's")
def test_ctrl_c_while_torch_is_imported_ends_without_a_traceback(tmp_path):
    """A torch that takes long stands in for the real one."""
    (tmp_path / "torch.py").write_text(
        "import time\nprint('importing', flush=True)\ntime.sleep(600)\n"
    )
    run = start(tmp_path, KMEANS, env={"PYTHONPATH": str(tmp_path)})
    assert run.stdout.readline() == "importing\n"
    run.send_signal(signal.SIGINT)
    assert run.communicate()[1] == ""
    assert run.returncode == -signal.SIGINT


MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in ROOT.glob("*/*.py")
    if path.parent.name in ("hw5", "hw6", "hw7", "final", "lectures")
    and "run_parts(" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "gbk"])
def test_every_script_s_help_can_be_printed(encoding, monkeypatch):
    assert len(MODULES) > 20
    for name in MODULES:
        content = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding))
        with pytest.raises(SystemExit) as end:
            importlib.import_module(name).main(["--help"])
        assert end.value.code == 0
        text = content.getvalue().decode(encoding)
        assert text.startswith(f"usage: {name.split('.')[1]}.py ") and "--resume" in text


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}


def test_in_the_c_locale_every_sign_and_every_path_will_do(tmp_path):
    run = start(tmp_path, ["hw5/backprop.py"], "--part", "a", "--out", "η₁", env=C_LOCALE)
    output, error = run.communicate()
    assert (run.returncode, error) == (0, "")
    assert "part a" in output and "written to " in output
    assert (tmp_path / "η₁" / "a_phi.png").exists()


def test_another_package_called_common_is_not_taken_for_the_project_s(tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "__init__.py").write_text("raise ImportError('the wrong one')")
    run = start(tmp_path, DESCENT, "--help", env={"PYTHONPATH": str(tmp_path)})
    output, error = run.communicate()
    assert (run.returncode, error) == (0, "") and "--part" in output
