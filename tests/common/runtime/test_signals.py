import io
import os
import signal
import subprocess
import sys
import threading
import time

from common.run import run_parts
from common.runtime.signals import (
    Interrupted,
    Output,
    end_quietly,
    interruptible,
    survive_closed_output,
)

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of this kind are Unix's")


@pytest.fixture(autouse=True)
def heeded():
    """Neither is ignored, not even where the tests run under nohup or behind a &."""
    before = {
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_a_run_with_a_line_and_its_status(tmp_path, capsys, name, status):
    def part(run):
        """a part that is interrupted"""
        run.write("half_model.pt", b"an epoch")
        signal.raise_signal(getattr(signal, name))
        pytest.fail("it went on")

    handlers = [signal.getsignal(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    parts, argv = {"a": lambda run: {"one": 1}, "b": part}, ["--out", str(tmp_path)]
    parts["a"].__doc__ = "a part"
    assert run_parts("hw0/trial", "", parts, argv, needs="numpy") == status
    assert capsys.readouterr().err == (
        f"\ntrial.py: interrupted in part b; finished and kept in {tmp_path}: a, epochs in "
        "half_model.pt; go on with --resume\n"
    )
    assert not (tmp_path / ".running").exists()
    assert handlers == [
        signal.getsignal(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP")
    ]
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_before_the_first_part_it_is_told_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "common.runtime.main.run_selected_parts", lambda *_: signal.raise_signal(signal.SIGTERM)
    )
    argv = ["--out", str(tmp_path)]
    assert run_parts("hw0/trial", "", {"a": None}, argv, needs="numpy") == 143
    assert capsys.readouterr().err == "\ntrial.py: interrupted before the first part\n"


class Closes:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


def test_an_interruption_that_is_lost_is_raised_again_and_not_shown(capsys):
    began = time.monotonic()
    with pytest.raises(Interrupted) as interrupted, interruptible():
        Closes()  # what a destructor raises is only printed
        time.sleep(5)
    assert time.monotonic() - began < 3
    assert interrupted.value.status == 143
    assert capsys.readouterr().err == ""


def test_a_second_signal_does_not_stop_the_tidying_up():
    with interruptible():
        try:
            signal.raise_signal(signal.SIGHUP)
        except KeyboardInterrupt as first:
            try:
                signal.raise_signal(signal.SIGHUP)
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                pytest.fail("stopped")
            assert first.status == 129


def test_ignored_signals_remain_so_and_other_threads_set_none(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
    except KeyboardInterrupt:
        pytest.fail("interrupted")
    finally:
        signal.signal(signal.SIGHUP, before)
    found = []

    def run():
        with interruptible():
            found.append("ran")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == ["ran"]


PRINT = """
import sys
from common.runtime.signals import survive_closed_output
with survive_closed_output():
    for i in range(3):
        print("a line", flush=i == 1)
        print("an error", file=sys.stderr)
open(sys.argv[1], "w").write("done")
"""


@pytest.mark.parametrize("redirection", ["| true", ">/dev/full 2>&1", ">&- 2>&-", "2>/dev/full"])
def test_lines_that_nobody_takes_stop_nothing(tmp_path, redirection):
    if "full" in redirection and not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("no /dev/full here")
    done = tmp_path / "done"
    command = f'{{ sleep 0.1; "$0" -c "$1" "$2"; echo status $? >&3; }} 3>"$2.status" {redirection}'
    shell = ["sh", "-c", command, sys.executable, PRINT, str(done)]
    result = subprocess.run(shell, capture_output=True, text=True)
    assert done.read_text() == "done"
    assert (tmp_path / "done.status").read_text() == "status 0\n"
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr


def test_lines_that_are_taken_are_printed(capsys):
    with survive_closed_output():
        print("a line")
        print("an error", file=sys.stderr)
        assert isinstance(sys.stdout, Output) and not sys.stdout.isatty()
    assert capsys.readouterr() == ("a line\n", "an error\n")
    assert not isinstance(sys.stdout, Output)


PRINTS = """
from common.runtime.signals import survive_closed_output
with survive_closed_output():
    print('a line')
"""


def test_what_nobody_reads_does_not_spoil_the_process_s_end():
    """The line is still in the buffer when the block ends, and nobody will take it."""
    reader, writer = os.pipe()
    os.close(reader)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", PRINTS]
    end = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=buffered)
    os.close(writer)
    assert (end.returncode, end.stderr) == (0, b"")


def test_a_lost_interruption_is_not_reported_but_other_exceptions_are(monkeypatch):
    class Dying:
        def __init__(self, error: BaseException):
            self.error = error

        def __del__(self):
            raise self.error

    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: reported.append(lost.exc_type))
    with interruptible():
        Dying(Interrupted(signal.SIGINT))
        Dying(ValueError())
    assert reported == [ValueError]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "gbk", "utf-8"])
def test_a_sign_that_the_output_does_not_have_is_replaced(encoding, monkeypatch):
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding))
    with survive_closed_output():
        print("η = 4.5, ∇, φ, ₁, ≤, é, \udcff")
    text = content.getvalue().decode(encoding)
    assert text.startswith(("?", "η")) and " = 4.5, " in text
    assert encoding != "utf-8" or text.startswith("η = 4.5, ∇, φ, ₁, ≤, é, ?")


PYTHON_S = signal.default_int_handler


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ("hw7/kmeans.py", signal.SIG_DFL),
        ("elsewhere.py", PYTHON_S),
        ("a/b/c.py", PYTHON_S),
        (None, PYTHON_S),
    ],
)
def test_only_a_script_of_the_project_ends_quietly(tmp_path, monkeypatch, main, expected):
    path = main and str(tmp_path / main)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", path, raising=False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        end_quietly(tmp_path)
        assert signal.getsignal(signal.SIGINT) == expected
    finally:
        signal.signal(signal.SIGINT, before)
