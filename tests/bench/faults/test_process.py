import json
import os
import subprocess
import sys

import pytest
import torch

from bench.disturbed import SAME, Undisturbed, Wrong, compare, contents, ended, whole

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
    expected = Undisturbed(contents(out), 1.0)
    for change, name in [({"rate": 2}, "summary.json"), ({"weight": 1 + 1e-6}, "model.pt")]:
        fill(**change)
        with pytest.raises(Wrong, match=name):
            compare(out, expected)
    fill()
    assert compare(out, expected) == SAME and not whole(out)
    for name in ("summary.json", "model.pt"):
        fill()
        content = (out / name).read_bytes()
        (out / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(Wrong, match=f"{name} is half-written"):
            whole(out)
    fill()
    (out / ".table.csv.1.tmp").touch()
    assert whole(out)
    with pytest.raises(Wrong, match=r"table\.csv\.1\.tmp"):
        compare(out, expected)


def test_an_exit_status_and_what_is_told_are_looked_at():
    def process(code: str) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", code], **pipes)

    assert ended(process("print('done')")) == "done\n"
    with pytest.raises(Wrong, match="exit status 3, not 0"):
        ended(process("raise SystemExit(3)"))
    with pytest.raises(Wrong, match="not one line"):
        ended(process("raise SystemExit('another line')"), 1, "this line")
