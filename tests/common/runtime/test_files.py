import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from common import ROOT
from common.runtime.errors import UserError
from common.runtime.files import explain_failure, lock_folder, remove_leftovers, write_file

import pytest

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="signals and limits of this kind are Unix's"
)

HOLDER = """
import sys, time
from pathlib import Path
from common.runtime.files import lock_folder
with lock_folder(Path(sys.argv[1]), "--out"):
    print("mine", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the folder."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], cwd=ROOT,
                          stdout=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout.readline() == b"mine\n"
        yield process
        process.kill()


def test_a_second_run_is_told_of_the_first_one_and_may_begin_once_that_is_killed(holder, tmp_path):
    with pytest.raises(UserError, match="argument --out") as told, lock_folder(tmp_path, "--out"):
        pass
    assert f"another run writes to {tmp_path}: process {holder.pid} on " in str(told.value)
    holder.kill()
    holder.wait()
    with lock_folder(tmp_path, "--out"):
        assert [path.name for path in tmp_path.iterdir()] == [".running"]
        assert f"process {os.getpid()} on " in (tmp_path / ".running").read_text()
    assert list(tmp_path.iterdir()) == []
    with lock_folder(tmp_path, "--out"):  # twice in one process
        pass


def test_a_lock_on_a_file_that_the_run_before_has_removed_is_none(tmp_path, monkeypatch):
    def removed(file):
        (tmp_path / ".running").unlink()
        return True

    monkeypatch.setattr("common.runtime.files.lock", removed)
    with pytest.raises(UserError, match="another run"), lock_folder(tmp_path, "--out"):
        pass


def test_without_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    def flock(*arguments):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    fresh = tmp_path / ".summary.json.7.tmp"
    fresh.touch()
    with lock_folder(tmp_path, "--out"), lock_folder(tmp_path, "--out"):
        assert fresh.exists()  # the other run may be writing it


def test_what_killed_runs_left_goes_and_nothing_else(tmp_path):
    left, young, other = (tmp_path / n for n in (".a.png.12.tmp", ".b.png.3.tmp", ".c.tmp"))
    for path in (left, young, other):
        path.touch()
    os.utime(left, (0, time.time() - 3601))
    remove_leftovers(tmp_path, idle=3600)
    assert not left.exists() and young.exists()
    with lock_folder(tmp_path, "--out"):
        assert not young.exists() and other.exists()


def test_a_writer_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    def write_bytes(path, content):
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "file", b"content", "--out")
    assert list(tmp_path.iterdir()) == []


WRITE = """
import sys
from pathlib import Path
from common.runtime.files import write_file
while True:
    for letter in (b"a", b"b"):
        write_file(Path(sys.argv[1]), letter * 20_000_000, "--out")
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "file"
    for delay in (0.03, 0.05, 0.08):
        writer = subprocess.Popen([sys.executable, "-c", WRITE, path], cwd=ROOT)
        while not path.exists():
            time.sleep(0.001)
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert path.read_bytes() in (b"a" * 20_000_000, b"b" * 20_000_000)


FULL = """
import resource, sys
from pathlib import Path
from common.runtime.errors import UserError
from common.runtime.files import write_file
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    write_file(Path(sys.argv[1]), b"new" * 1000, "--out")
except UserError as error:
    print(error)
"""


def test_a_full_disk_keeps_what_was_there(tmp_path):
    path = tmp_path / "file"
    write_file(path, b"old", "--out")
    run = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, cwd=ROOT)
    assert b"argument --out" in run.stdout and b"cannot be written" in run.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space or name another folder"),
        (errno.ENOTDIR, "name another folder"),
    ],
)
def test_space_is_named_where_it_is_what_lacks(tmp_path, number, remedy):
    path = tmp_path / "file"
    line = f"argument --out: {path} cannot be written ({os.strerror(number)}): {remedy}"
    with pytest.raises(UserError) as told, explain_failure(path, "--out"):
        raise OSError(number, os.strerror(number))
    assert str(told.value) == line
