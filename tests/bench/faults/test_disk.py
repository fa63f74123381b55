import os

from bench.faults import disk
from bench.faults.process import SAME, CheckFailed

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


@pytest.mark.parametrize("size", [10, 6000])  # of these, the lock's text is the first file
def test_a_full_disk_is_one_line_and_loses_nothing(quick, tmp_path, size):
    assert SAME in disk.limit_file_size(tmp_path, quick, size)


def test_a_folder_in_the_way_is_one_line(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "KMEANS", quick)
    assert disk.put_in_the_way(tmp_path, "second.csv") == f"one line, status 2; {SAME}"


def test_a_run_that_does_not_mind_is_noticed(quick, tmp_path, monkeypatch):
    """A folder that can be written."""
    monkeypatch.setattr(disk, "KMEANS", quick)
    with pytest.raises(CheckFailed, match="exit status 0, not 2"):
        disk.forbid_writing(tmp_path, "open")
