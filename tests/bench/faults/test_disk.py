import os
from types import SimpleNamespace

from bench.faults import disk
from bench.faults.process import SAME, CheckFailed

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


@pytest.mark.parametrize("size", [10, 6000])  # of these, the lock's text is the first file
def test_a_full_disk_is_one_line_and_loses_nothing(quick, tmp_path, size):
    assert SAME in disk.limit_file_size(tmp_path, quick, size)


@pytest.mark.parametrize("trial", [disk.forbid_writing, disk.put_in_the_way])
def test_a_run_that_does_not_mind_is_noticed(tmp_path, monkeypatch, trial):
    """A run that ends well where nothing can be written."""
    process = SimpleNamespace(returncode=0, communicate=lambda timeout: ("done", ""))
    monkeypatch.setattr(disk, "start", lambda *arguments, **options: process)
    with pytest.raises(CheckFailed, match="exit status 0, not 2"):
        trial(tmp_path, "name")
