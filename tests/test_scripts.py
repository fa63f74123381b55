"""The scripts as a user runs them: a process of its own, from another folder."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KMEANS = ROOT / "hw7" / "kmeans.py"


def started(folder: Path, *arguments, **options) -> subprocess.Popen:
    command = [sys.executable, KMEANS, "--data", "sample", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, **pipes, **options)


def test_the_same_seed_gives_the_same_results_bit_for_bit(tmp_path):
    arguments = ["--part", "b", "--epochs", "3", "--seed", "1", "--out"]
    runs = [started(tmp_path, *arguments, name) for name in ("one", "two")]
    for run in runs:
        output, error = run.communicate(timeout=100)
        assert (run.returncode, error) == (0, "")
        assert len(output.splitlines()) < 25  # no bar in a log file
    one, two = (
        json.loads((tmp_path / name / "summary.json").read_text()) for name in ("one", "two")
    )
    assert one["results"] == two["results"]
    assert sum(map(sum, one["results"]["b"]["table"])) == 1000


@pytest.mark.parametrize("arguments", [["--part", "d"], ["--batch-size", "9999"], ["--lr", "1e30"]])
def test_a_mistake_is_one_line_without_traceback(tmp_path, arguments):
    run = started(tmp_path, "--part", "b", "--out", ".", *arguments)
    _, error = run.communicate(timeout=100)
    assert run.returncode == 2
    assert error.startswith("kmeans.py: error: ") and error.count("\n") == 1


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path):
    """As if there were room for files of 5,000 bytes only."""
    resource = pytest.importorskip("resource", reason="limits of this kind are Unix's")
    limit = (resource.RLIMIT_FSIZE, (5000, 5000))
    run = started(
        tmp_path,
        "--part",
        "appendix",
        "--out",
        "out",
        preexec_fn=lambda: resource.setrlimit(*limit),
    )
    _, error = run.communicate(timeout=100)
    assert run.returncode == 2
    assert error.startswith("kmeans.py: error: argument --out: ") and error.count("\n") == 1
    assert "cannot be written" in error and "appendix_curves.png" in error
    assert list((tmp_path / "out").iterdir()) == []


def test_ctrl_c_in_the_middle_keeps_the_finished_parts(tmp_path):
    run = started(tmp_path, "--epochs", "40", "--out", "out")
    for line in run.stdout:
        if line.startswith("part b"):
            break
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=100)
    assert run.returncode == 130
    assert error.strip().startswith("kmeans.py: interrupted in part b; finished and kept in out: a")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["results"].keys() == {"a"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"summary.json"}
