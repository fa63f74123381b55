import json
import os
import random
from types import SimpleNamespace

from bench.faults import campaign, damage, endings, kills
from bench.faults.process import CheckFailed, Skipped

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


def fail(folder):
    raise CheckFailed("half a file")


def skip(folder):
    raise Skipped("no disk")


def draw_faults(draw):
    """two faults"""
    yield "a fault", [fail, lambda folder: "well"]
    yield "another", [skip, skip]


def test_a_trial_that_fails_is_told_in_the_table():
    assert campaign.attempt(fail) == (False, "WRONG: CheckFailed('half a file')")
    assert campaign.attempt(skip) == (True, "not tried: no disk")
    run = SimpleNamespace(args=SimpleNamespace(seed=0))
    part = campaign.make_part("name", draw_faults)
    assert part.__doc__ == "two faults"
    first, second = part(run)["rows"]
    assert not first["right"] and second["right"]
    row = campaign.format_row(first)
    assert row.startswith("| a fault | 2 | ") and row.endswith("| NO |") and "1 × well" in row
    assert campaign.format_row(second) == "| another | 2 | not tried: no disk | yes |"


@pytest.mark.parametrize(("trial", "status"), [(fail, 1), (skip, 0)])
def test_the_exit_status_says_whether_all_is_as_it_should_be(tmp_path, monkeypatch, trial, status):
    part = campaign.make_part("name", lambda draw: iter([("a fault", [trial] * 3)]))
    part.__doc__ = "a part"
    monkeypatch.setattr(campaign, "PARTS", {"two_runs": part})
    assert campaign.main(["--out", str(tmp_path)]) == status
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert results["table"] == {"faults": 1, "trials": 3, "wrong": status}
    *_, row = (tmp_path / "faults.md").read_text().splitlines()
    assert row == campaign.format_row(results["two_runs"]["rows"][0])


def test_the_trials_are_those_of_the_committed_table(monkeypatch):
    files = dict.fromkeys(["c_model.pt", "b_loss.png", "summary.json"], b"")
    undisturbed = SimpleNamespace(seconds=10.0, files=files)
    for module in (kills, endings, damage):
        monkeypatch.setattr(module, "run_undisturbed", lambda *command: undisturbed)
    monkeypatch.setattr(damage, "make_checkpoint", lambda: b"")
    counts = {
        name: [len(trials) for _, trials in faults(random.Random(0))]
        for name, faults in campaign.FAULTS.items()
    }
    assert counts == {
        "training": [5, 5, 4, 6],
        "downloading": [20],
        "full_disk": [6, 4, 2],
        "no_writing": [6, 3],
        "damaged_checkpoint": [20, 5, 4, 5],
        "damaged_data": [16, 16],
        "two_runs": [2, 2, 1, 1],
        "terminal": [3, 3, 3, 3, 3, 3],
    }
    assert sum(map(sum, counts.values())) == 151
