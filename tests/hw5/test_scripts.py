"""HW5's scripts as files: they start from any folder, without torch; and what they committed."""

import json
import subprocess
import sys
from pathlib import Path

from hw5 import backprop

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("gradient_descent", "gradient_descent_study", "backprop", "recovery_study")

# Runs each script as python does, with nothing of this project imported or on the path before.
START = """
import runpy, sys
path = list(sys.path)
for script in sys.argv[1:]:
    for name in [name for name in sys.modules if name.split(".")[0] in ("common", "hw5")]:
        del sys.modules[name]
    sys.path[:] = path
    sys.argv = [script, "--device", "cpu"]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as stop:
        print(stop.code, "torch" in sys.modules)
"""


def test_scripts_start_from_any_folder_and_without_torch(tmp_path):
    scripts = [str(ROOT / "hw5" / f"{name}.py") for name in SCRIPTS]
    command = [sys.executable, "-I", "-c", START, *scripts]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == 4 * "2 False\n", done.stderr
    message = "{}.py: error: unrecognized arguments: --device cpu (see --help)\n"
    assert done.stderr == "".join(map(message.format, SCRIPTS))


def test_committed_run_reaches_its_goal():
    path = ROOT / "hw5/results/backprop/summary.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    base, best = results["f"]["base"], results["f"]["eta_0.1_a_10_hidden_6_patience_1"]
    assert best["mse_median"] <= 0.0045
    assert results["d"]["mse_median"] == base["mse_median"] < 0.01
    for value in (base["mse_median"], base["mse_min"], base["mse_max"], best["mse_median"]):
        assert f"{value:.4f}" in backprop.__doc__
