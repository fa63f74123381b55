import json
import os
import subprocess
import sys

from bench.faults.process import (
    SAME,
    CheckFailed,
    Undisturbed,
    compare,
    finish,
    has_leftover,
    read_contents,
)

import pytest
import torch

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


def test_the_comparison_sees_a_changed_file_and_half_a_one(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    summary = {"settings": {"lr": 1, "data": "mnist"}, "environment": {"seconds": {"a": 1.5}}}

    def fill(rate: float = 1, weight: float = 1.0) -> None:
        settings = summary["settings"] | {"lr": rate}
        (out / "summary.json").write_text(json.dumps(summary | {"settings": settings}))
        torch.save({"model": {"w": torch.full((9, 9), weight)}}, out / "model.pt")
        (out / "table.csv").write_text("1,2\n")

    fill()
    expected = Undisturbed(read_contents(out), 1.0)
    for change, name in [({"rate": 2}, "summary.json"), ({"weight": 1 + 1e-6}, "model.pt")]:
        fill(**change)
        with pytest.raises(CheckFailed, match=name):
            compare(out, expected)
    fill()
    assert compare(out, expected) == SAME and not has_leftover(out)
    for name in ("summary.json", "model.pt"):
        fill()
        content = (out / name).read_bytes()
        (out / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(CheckFailed, match=f"{name} is half-written"):
            has_leftover(out)
    fill()
    (out / ".table.csv.1.tmp").touch()
    assert has_leftover(out)
    with pytest.raises(CheckFailed, match=r"table\.csv\.1\.tmp"):
        compare(out, expected)


def test_an_exit_status_and_the_message_are_checked():
    def start(code: str) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-S", "-c", code], **pipes)

    assert finish(start("print('done')")) == "done\n"
    with pytest.raises(CheckFailed, match="exit status 3, not 0"):
        finish(start("raise SystemExit(3)"))
    with pytest.raises(CheckFailed, match="not one line"):
        finish(start("raise SystemExit('another line')"), 1, "this line")
    finish(start("raise SystemExit('this line, and more')"), 1, "this line")
    with pytest.raises(CheckFailed, match="not one line with “”, but 1"):
        finish(start("import sys; sys.stderr.write('a warning')"))
