"""Makes faithful.csv from the wheel that it lies in, the same as huron.csv's.

python lectures/data/make_faithful.py
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where lectures/ lies

from lectures.data.make_huron import download, extract

MEMBER = "plotnine/data/faithful.csv"
SHA256 = "5dfcf421dcb47d5eb6ae413b9d19cee9c467d0d851ad6696cb8a2f9c611d67ad"
TARGET = Path(__file__).resolve().with_name("faithful.csv")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        TARGET.write_bytes(extract(download(Path(folder)), MEMBER, SHA256))


if __name__ == "__main__":
    main()
