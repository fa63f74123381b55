import os
import random
import runpy
from functools import partial
from types import SimpleNamespace

from bench.faults import kills
from bench.faults.process import (
    EPOCH,
    SAME,
    CheckFailed,
    Undisturbed,
    kill_and_resume,
    read_contents,
    wait_for_line,
)
from tests.bench.faults.conftest import TRAINING

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


def test_a_killed_run_goes_on_to_the_same_bytes(make_script, tmp_path, monkeypatch):
    """The undisturbed run takes place in this process: torch takes seconds to import."""
    command = make_script(TRAINING, "--data", "sample", "--epochs", "8")
    calm = tmp_path / "calm"
    monkeypatch.setattr("sys.argv", [*command, "--out", str(calm)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(command[0], run_name="__main__")
    assert end.value.code == 0
    expected = Undisturbed(read_contents(calm), 1.0)
    assert expected.files["summary.json"].count(b"train_loss") == 8
    monkeypatch.setattr("bench.faults.process.run_undisturbed", lambda *command: expected)
    about_a_checkpoint = partial(wait_for_line, pattern=EPOCH, times=3, seconds=0.002)
    assert kill_and_resume(tmp_path, command, about_a_checkpoint).startswith(SAME)


def test_the_moments_lie_within_the_run(monkeypatch):
    monkeypatch.setattr(kills, "run_undisturbed", lambda *command: SimpleNamespace(seconds=7.0))
    *anywhere, about_checkpoints = kills.kill_trainings(random.Random(0))
    moments = [trial.keywords["moment"] for _, trials in anywhere for trial in trials]
    assert len(moments) == 14
    assert all(0 <= moment.keywords["seconds"] <= 7 for moment in moments)
    for trial in about_checkpoints[1]:
        moment = trial.keywords["moment"].keywords
        assert moment["times"] in (1, 2) and 0 <= moment["seconds"] <= 0.02


def test_half_a_download_under_a_finished_name_is_noticed(tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    process = SimpleNamespace(kill=lambda: None, communicate=lambda: None)
    monkeypatch.setattr(kills, "start", lambda *arguments, **options: process)
    monkeypatch.setattr(kills, "wait_for_line", lambda *arguments, **options: None)
    monkeypatch.setattr(kills, "run_with_stand_in", lambda folder: SAME)
    for name, content in kills.CONTENT.items():
        (raw / name).write_bytes(content)
    (raw / ".train.12.tmp").write_bytes(b"half")
    assert kills.kill_download(tmp_path, 0.1) == f"{SAME}; half a file was left, and went"
    (raw / name).write_bytes(content[:99])
    with pytest.raises(CheckFailed, match=f"{name} looks finished, and is not"):
        kills.kill_download(tmp_path, 0.1)
