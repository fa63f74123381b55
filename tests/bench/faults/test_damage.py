import os
from types import SimpleNamespace

from bench.faults import damage
from bench.faults.process import SAME, CheckFailed

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a campaign for Unix")


def test_one_bit_is_turned_and_a_file_is_cut_off():
    content = bytes(range(100))
    flipped = damage.flip_bit(content, 0.42)
    changed = [i for i in range(100) if flipped[i] != content[i]]
    assert changed == [42] and len(flipped) == 100
    assert (flipped[42] ^ content[42]).bit_count() == 1
    assert damage.cut_off(content, 0.42) == content[:42]
    assert damage.cut_off(content, 0) == b""


def test_a_file_is_spoiled_or_becomes_a_folder(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    damage.spoil(path, lambda content: content[:3])
    assert path.read_bytes() == b"con"
    damage.spoil(path, None)
    assert path.is_dir()


@pytest.fixture
def starts(tmp_path, monkeypatch) -> list[tuple]:
    """What is started; each "run" ends with `status` and these lines."""
    starts = []

    def start(folder, *command, before=""):
        starts.append((command, before))
        process = SimpleNamespace(returncode=starts.status, wait=lambda: starts.status)
        process.communicate = lambda timeout: ("", starts.error)
        return process

    class Starts(list):
        status, error = 0, ""

    starts = Starts()
    monkeypatch.setattr(damage, "start", start)
    monkeypatch.setattr(damage, "make_checkpoint", lambda: b"checkpoint")
    monkeypatch.setattr(damage, "run_undisturbed", lambda *command: None)
    monkeypatch.setattr(damage, "compare", lambda out, expected: SAME)
    return starts


def test_a_damaged_checkpoint_must_be_one_line_or_of_no_consequence(tmp_path, starts):
    def resume(folder: str) -> str:
        (tmp_path / folder).mkdir()
        return damage.resume_damaged(tmp_path / folder, lambda content: content[:5])

    assert resume("one") == f"of no consequence: {SAME}"
    assert (tmp_path / "one" / "out" / "b_model.pt").read_bytes() == b"check"
    assert starts[0][0][-1] == "--resume"
    starts.status, starts.error = 2, "error: argument --resume: out/b_model.pt is damaged\n"
    assert resume("two") == "one line, status 2"
    starts.error = "Traceback\nmany lines\n"
    with pytest.raises(CheckFailed, match="not one line"):
        resume("three")
    starts.error = "error: argument --out: out/b_model.pt is in the way\n"
    with pytest.raises(CheckFailed, match="not one line with “error: argument --resume"):
        resume("four")


def test_a_damaged_sample_must_be_named(tmp_path, starts):
    name = "t10k-labels-idx1-ubyte"
    starts.status = 2
    starts.error = f"error: argument --data: sample lacks {name} of the sample: restore it\n"
    assert damage.damage_sample(tmp_path, name, None) == "one line, status 2"
    assert (tmp_path / "sample" / f"{name}.gz").is_dir()
    assert len(list((tmp_path / "sample").iterdir())) == 4


@pytest.mark.parametrize("is_folder", [False, True])
def test_damaged_mnist_is_fetched_and_stays_as_it_is(tmp_path, monkeypatch, is_folder):
    name, raw, asked = "t10k-labels-idx1-ubyte", tmp_path / "MNIST" / "raw", []

    def run_with_stand_in(folder, expected):
        asked.append(expected)
        return SAME

    monkeypatch.setattr(damage, "run_with_stand_in", run_with_stand_in)
    cut = None if is_folder else lambda content: content[:-1]
    assert damage.damage_mnist(tmp_path, name, cut) == f"fetched beside it; {SAME}"
    files = {path.name: path.read_bytes() for path in raw.iterdir() if path.is_file()}
    spoiled = {} if is_folder else {name: damage.CONTENT[name][:-1]}
    assert (raw / name).is_dir() == is_folder
    others = {each: content for each, content in damage.CONTENT.items() if each != name}
    assert files == others | spoiled
    assert asked == [others | spoiled | {f"verified/{name}": damage.CONTENT[name]}]
