"""HW5 Q2: the script as its users run it, and what it measures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hw5 import backprop
from hw5.backprop import agreement, spread
from hw5.student import trained

ROOT = Path(__file__).resolve().parents[1]


def run_python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_agreement_and_spread():
    f = np.array([[[0.1, 0.5, 0.9, 0.4]], [[0.9, 0.9, 0.1, 0.1]]])
    np.testing.assert_array_equal(agreement(f, np.array([[0.0, 1, 1, 1]])), [0.75, 0.25])
    expected = {"mse_median": 2.0, "mse_min": 1.0, "mse_max": 6.0}
    assert spread("mse", np.array([6.0, 1.0, 2.0])) == expected


def test_script_answers_every_part(tmp_path):
    done = run_python("hw5/backprop.py", "--epochs", "1", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["results"]) == ["a", "c", "d", "e", "f", "teacher"]
    assert max(summary["results"]["c"].values()) < 1e-8
    assert len(summary["results"]["d"]["mse"]) == 5
    figures = list(tmp_path.glob("*.png"))
    assert len(figures) == 14
    assert all(figure.stat().st_size < 100_000 for figure in figures)


def test_same_seed_same_numbers(tmp_path):
    found = []
    for seed in ("3", "3", "4"):
        trained.cache_clear()
        options = ["--part", "d", "--epochs", "2", "--seed", seed, "--out", str(tmp_path)]
        assert backprop.main(options) == 0
        found.append(json.loads((tmp_path / "summary.json").read_text("utf-8"))["results"])
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--epochs", "0"), "--epochs"),
        (("--lr", "-1"), "--lr"),
        (("--part", "d", "--epochs", "1", "--lr", "1.7e308"), "--lr"),
    ],
)
def test_a_mistake_is_one_line(options, named, tmp_path):
    done = run_python("hw5/backprop.py", *options, "--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"backprop.py: error: argument {named}")
    assert done.stderr.count("\n") == 1


def test_scripts_start_without_torch():
    code = "import hw5.backprop, hw5.gradient_descent, sys; print('torch' in sys.modules)"
    assert run_python("-c", code).stdout == "False\n"


def test_committed_run_reaches_its_goal():
    path = ROOT / "hw5/results/backprop/summary.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    base, best = results["f"]["base"], results["f"]["eta_0.1_a_10_hidden_6_patience_1"]
    assert best["mse_median"] <= 0.0045
    assert results["d"]["mse_median"] == base["mse_median"] < 0.01
    for value in (base["mse_median"], base["mse_min"], base["mse_max"], best["mse_median"]):
        assert f"{value:.4f}" in backprop.__doc__
