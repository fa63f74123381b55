import os

from bench.faults import commands
from bench.faults.process import CheckFailed, finish, start
from common.runtime.fetch import SAMPLE_MD5, md5

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


def test_the_content_is_that_of_the_sample():
    assert {name: md5(content) for name, content in commands.CONTENT.items()} == SAMPLE_MD5


def test_the_stand_in_fills_the_folder(make_script, tmp_path):
    text = "from common.runtime.fetch import read_or_download; read_or_download('data')"
    (script,) = make_script(f"import os, sys; os.chdir(sys.argv[2]); {text}")
    before = f"slow = True{commands.STAND_IN}"
    output = finish(start(tmp_path, script, "--out", str(tmp_path), before=before))
    assert "a slow source" in output
    raw = tmp_path / "data" / "MNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == commands.CONTENT


def test_a_data_folder_with_more_than_the_four_files_is_noticed(tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in commands.CONTENT.items():
        (raw / name).write_bytes(content)
    for function in ("start", "finish", "compare", "run_undisturbed"):
        monkeypatch.setattr(commands, function, lambda *arguments, **options: "same")
    assert commands.run_with_stand_in(tmp_path) == "same"
    (raw / "verified").mkdir()
    (raw / "verified" / "fifth").write_bytes(b"5")
    assert commands.run_with_stand_in(tmp_path, commands.CONTENT | {"verified/fifth": b"5"})
    with pytest.raises(CheckFailed, match="does not hold the right files alone"):
        commands.run_with_stand_in(tmp_path)
