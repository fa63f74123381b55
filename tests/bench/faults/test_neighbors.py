import os
from types import SimpleNamespace

from bench.faults import neighbors
from bench.faults.process import SAME, CheckFailed

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


@pytest.fixture
def ends(monkeypatch) -> list[tuple]:
    """How each process has to end. No process is started; `statuses` are theirs, in order."""

    class Ends(list):
        statuses = ()

    ends, started = Ends(), []

    def start(folder, *command, before=""):
        number = len(started)
        process = SimpleNamespace(pid=number, command=command, wait=lambda: ends.statuses[number])
        started.append(process)
        return process

    monkeypatch.setattr(neighbors, "start", start)
    monkeypatch.setattr(neighbors, "wait_for_line", lambda process, line: None)
    monkeypatch.setattr(neighbors, "finish", lambda process, *how: ends.append((process.pid, how)))
    monkeypatch.setattr(neighbors, "run_undisturbed", lambda *command: None)
    monkeypatch.setattr(neighbors, "compare", lambda out, expected: SAME)
    return ends


def test_the_second_run_has_to_name_the_first_which_goes_on(ends, tmp_path):
    assert neighbors.start_second(tmp_path).endswith(f"that one: {SAME}")
    refused = f"error: argument --out: another run writes to {tmp_path / 'out'}: process 0 on"
    assert ends == [(1, (2, refused)), (0, ())]


def test_of_five_runs_one_has_to_go_on(ends, tmp_path):
    ends.statuses = (2, 2, 0, 2, 2)
    assert neighbors.start_five(tmp_path) == f"four are refused by a line; the fifth: {SAME}"
    refused = (2, "error: argument --out: another run writes to")
    assert ends == [(0, refused), (1, refused), (2, ()), (3, refused), (4, refused)]
    ends.statuses = (0,) * 10
    with pytest.raises(CheckFailed, match="5 of five ran"):
        neighbors.start_five(tmp_path)
