import os

from bench.faults import endings
from bench.faults.process import SAME

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


def test_a_closed_terminal_keeps_what_is_finished(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(endings, "CODED", quick)
    result = endings.close_terminal(tmp_path, endings.OWN_TERMINAL, 0.1)
    assert result == f"ended with status 129; {SAME}"


def test_a_run_goes_on_when_nobody_reads_its_lines(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(endings, "KMEANS", quick)
    assert endings.leave_pipe(tmp_path, 3) == f"ran on; {SAME}"


def test_a_signal_is_one_line(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(endings, "CODED", quick)
    result = endings.send_signal(tmp_path, endings.signal.SIGTERM, 0.1)
    assert result == f"one line, status 143; {SAME}"
