import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from common import ROOT
from common.data import load_mnist
from common.runtime import fetch
from common.runtime.errors import UserError
from common.runtime.fetch import SAMPLE, SAMPLE_MD5
from common.runtime.sources import format_idx, parse_idx

import pytest
import torch
from torchvision.datasets.mnist import read_image_file, read_label_file

CONTENT = {name: gzip.decompress((SAMPLE / f"{name}.gz").read_bytes()) for name in SAMPLE_MD5}
TRAIN = "train-images-idx3-ubyte"


@pytest.fixture
def raw(tmp_path, monkeypatch) -> Path:
    """A data folder for which the sample's files are the right ones, and no source answers."""
    monkeypatch.setattr(fetch, "MNIST_MD5", SAMPLE_MD5)
    monkeypatch.setattr(fetch, "MNIST_SIZES", fetch.SAMPLE_SIZES)
    monkeypatch.setattr(fetch, "SOURCES", {"the first source": fails, "the second": fails})
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    return raw


def fails() -> dict[str, bytes]:
    raise OSError("no route\nto host")


def fill(raw: Path) -> None:
    for name, content in CONTENT.items():
        (raw / name).write_bytes(content)


def test_files_are_read_as_torchvision_reads_them(raw, tmp_path):
    fill(raw)
    mnist = load_mnist(tmp_path)
    for split, part in zip(mnist, ("train", "t10k")):
        images = read_image_file(str(raw / f"{part}-images-idx3-ubyte"))
        labels = read_label_file(str(raw / f"{part}-labels-idx1-ubyte"))
        assert torch.equal(split.images, images[:, None].float() / 255)
        assert torch.equal(split.labels, labels)
    assert format_idx(parse_idx(CONTENT[TRAIN])) == CONTENT[TRAIN]


def test_compressed_files_serve_as_well(raw, tmp_path):
    for name in CONTENT:
        (raw / f"{name}.gz").write_bytes((SAMPLE / f"{name}.gz").read_bytes())
    assert len(load_mnist(tmp_path).train.labels) == 1000


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-100],
        lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
        lambda content: b"",
    ],
    ids=["truncated", "one bit turned", "empty"],
)
def test_another_file_of_that_name_is_told_and_left_alone(
    raw, tmp_path, monkeypatch, capsys, damage
):
    """Damaged, or of another data set: who can tell."""
    fill(raw)
    other = damage(CONTENT[TRAIN])
    (raw / TRAIN).write_bytes(other)
    with pytest.raises(UserError):
        load_mnist(tmp_path)
    told = capsys.readouterr().out
    assert f"{TRAIN} is another file, and stays as it is" in told and "damaged" not in told
    assert SAMPLE_MD5[TRAIN] in told  # expected
    assert fetch.md5(other) in told or len(other) not in fetch.SAMPLE_SIZES  # found
    monkeypatch.setattr(fetch, "SOURCES", {"a source": lambda: CONTENT})
    load_mnist(tmp_path)
    assert (raw / TRAIN).read_bytes() == other
    assert (raw / "verified" / TRAIN).read_bytes() == CONTENT[TRAIN]
    monkeypatch.setattr(fetch, "SOURCES", {})
    capsys.readouterr()
    load_mnist(tmp_path)  # what was downloaded is found, and nothing is said any more
    assert "another file" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "place",
    [
        lambda name: f"{name.replace('-idx', '.idx')}",  # as 7-Zip names it
        lambda name: f"{name}/{name}",
        lambda name: f"deep/down/{name}.gz",
        lambda name: f"MNIST/raw/{name}.bin",
    ],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_files_are_told_by_their_content(raw, tmp_path, place, compressed):
    """Whatever their names, and whether they are compressed or not, name or no name."""
    for name, content in CONTENT.items():
        path = tmp_path / "folder" / place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if compressed else content)
    noise = tmp_path / "folder" / "noise.gz"
    noise.write_bytes(b"\x1f\x8bno gzip")
    assert fetch.find_or_download(tmp_path / "folder") == CONTENT
    assert noise.read_bytes() == b"\x1f\x8bno gzip"


def test_files_compressed_twice_or_behind_a_link_are_found(raw, tmp_path):
    for name, content in CONTENT.items():
        (raw / f"{name}.gz").write_bytes(gzip.compress(gzip.compress(content)))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "elsewhere").symlink_to(raw)
    (raw / "circle").symlink_to(raw)
    assert fetch.find_or_download(tmp_path / "folder") == CONTENT
    assert len(list(fetch.walk(tmp_path / "folder"))) <= 8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of this kind are Unix's")
def test_what_is_no_file_is_not_waited_for(raw, tmp_path):
    fill(raw)
    os.mkfifo(tmp_path / "a pipe")
    assert not fetch.is_sample(tmp_path)
    (raw / TRAIN).rename(tmp_path / "renamed")
    os.mkfifo(raw / TRAIN)
    assert fetch.find_or_download(tmp_path) == CONTENT


@pytest.mark.parametrize("name", ["mnist_train.csv", "archive.zip", "train-images-idx3-ubyte.npy"])
def test_another_format_is_named_in_the_message(raw, tmp_path, name, capsys):
    with zipfile.ZipFile(tmp_path / name, "w") as other:
        other.writestr(TRAIN, CONTENT[TRAIN])
    with pytest.raises(UserError, match=rf"is not in .*raw \({name} will not do\), and no source"):
        load_mnist(tmp_path)


def test_a_folder_where_a_file_is_to_be_stays(raw, tmp_path, monkeypatch):
    (raw / TRAIN).mkdir()
    monkeypatch.setattr(fetch, "SOURCES", {"a source": lambda: CONTENT})
    load_mnist(tmp_path)
    assert list((raw / TRAIN).iterdir()) == []


def test_without_network_one_message_says_what_was_tried_and_the_manual_way(raw, tmp_path, capsys):
    with pytest.raises(UserError) as error:
        load_mnist(tmp_path)
    message = str(error.value)
    assert "\n" not in message
    assert "the first source: no route to host; the second: no route to host" in message
    assert str(raw) in message and all(name in message for name in CONTENT)
    assert len(capsys.readouterr().out.splitlines()) == 4  # for each source: trying, and failed
    assert list(raw.iterdir()) == []


def test_sources_are_tried_in_order_until_one_is_right(raw, tmp_path, monkeypatch):
    wrong = CONTENT | {TRAIN: CONTENT[TRAIN][::-1]}
    never = {"never": lambda: pytest.fail("a source was asked without need")}
    sources = {"absent": fails, "wrong": lambda: wrong, "right": lambda: CONTENT}
    monkeypatch.setattr(fetch, "SOURCES", sources | never)
    load_mnist(tmp_path)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == CONTENT
    monkeypatch.setattr(fetch, "SOURCES", never)
    load_mnist(tmp_path)


def test_an_unwritable_data_folder_is_one_line(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "SOURCES", {"a source": lambda: CONTENT})
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--data: came .*file, which is a file; allowed is a fo"):
        load_mnist(tmp_path / "file")
    with pytest.raises(UserError, match=r"--data: .*cannot be written"):
        load_mnist(tmp_path / "file" / "folder")


def test_a_damaged_sample_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "SAMPLE", tmp_path)
    with pytest.raises(UserError, match=f"(?s){TRAIN}.*git checkout"):
        load_mnist("sample")


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "gz"])
def test_a_folder_of_the_sample_is_the_sample(tmp_path, plain, sample):
    for name, content in CONTENT.items():
        path = tmp_path / (name if plain else f"{name}.gz")
        path.write_bytes(content if plain else gzip.compress(content))
    assert fetch.is_sample(tmp_path) and fetch.is_sample("sample")
    assert torch.equal(load_mnist(tmp_path).train.images, sample.train.images)
    path.write_bytes(path.read_bytes()[:-1])  # never taken for the sample, nor for MNIST
    with pytest.raises(
        UserError, match=f"--data: {tmp_path} lacks {path.name.removesuffix('.gz')}"
    ):
        load_mnist(tmp_path)


@pytest.mark.parametrize("at", [0, 3, 40, 5000, -6, -2], ids=str)
def test_a_bit_turned_in_a_compressed_file_is_one_line_or_harmless(tmp_path, at, sample, capsys):
    for name in CONTENT:
        content = bytearray((SAMPLE / f"{name}.gz").read_bytes())
        if name == TRAIN:
            content[at] ^= 1
        (tmp_path / f"{name}.gz").write_bytes(content)
    if at == 3:  # flags: "is text" changes nothing
        assert torch.equal(load_mnist(tmp_path).train.images, sample.train.images)
        return
    with pytest.raises(UserError, match=f"--data: {tmp_path} lacks {TRAIN}"):
        load_mnist(tmp_path)
    assert f"{TRAIN}.gz is another file" in capsys.readouterr().out


def test_a_folder_of_mnist_or_an_absent_one_is_no_sample(raw, tmp_path):
    fill(raw)
    assert not fetch.is_sample(tmp_path) and not fetch.is_sample(tmp_path / "absent")


FETCH = """
import gzip, sys, time
from pathlib import Path
from common.runtime import fetch
fetch.MNIST_MD5 = fetch.SAMPLE_MD5
def source():
    time.sleep(0.3)
    return {n: gzip.decompress((fetch.SAMPLE / f"{n}.gz").read_bytes()) for n in fetch.SAMPLE_MD5}
fetch.SOURCES = {"slow": source}
print(len(fetch.read_or_download(sys.argv[1])))
"""


def test_two_runs_may_start_on_an_empty_folder(tmp_path):
    runs = [
        subprocess.Popen([sys.executable, "-c", FETCH, tmp_path], stdout=subprocess.PIPE, cwd=ROOT)
        for _ in range(2)
    ]
    for run in runs:
        output, _ = run.communicate(timeout=60)
        assert run.returncode == 0
        assert output.split()[-1] == b"4"
    raw = tmp_path / "MNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == CONTENT
