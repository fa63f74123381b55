"""The write-ups' numbers, taken from the committed summaries.

    python -m gradescope.readme_numbers      writes the numbers of the summaries into the READMEs

A measured number in a README has a comment behind it, which the reader of the page does not see:

    the inertia is 40.72<!-- kmeans/b/inertia -->

kmeans is the folder results/kmeans/ beside the README, and the rest leads through the "results" of
its summary.json (or, as in kmeans/environment/torch, from its top). The number keeps as many
decimals as were typed; a % behind it means that the summary holds the share.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from common import ROOT

NUMBER = re.compile(r"([+−-]?)(\d[\d,]*)(\.\d+)?(e[+-]?\d+)?(\s?%?)<!-- ([^ ]+) -->")


def list_readmes() -> list[Path]:
    return [ROOT / "README.md", *sorted(ROOT.glob("*/README.md"))]


@cache
def read_summary(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def find_number(readme: Path, key: str) -> float:
    folder, *names = key.split("/")
    if readme.parent == ROOT:  # there, the first name is the homework's
        readme, (folder, *names) = ROOT / folder / "README.md", names
    found = read_summary(readme.parent / "results" / folder / "summary.json")
    return look_up(found, names)


def look_up(found: Any, names: list[str]) -> float:
    """The number that a key without its folder leads to in a summary."""
    found = found if names[0] in ("settings", "environment") else found["results"]
    for name in names:
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def write_keyed(readme: Path, match: re.Match) -> str:
    """The number as the README should have it."""
    return f"{write_number(match, find_number(readme, match[6]))}<!-- {match[6]} -->"


def write_number(match: re.Match, number: float) -> str:
    """A number with as many decimals as the one that was found, and its sign and % alike."""
    sign, _, decimals, exponent, percent, _ = match.groups()
    number *= 100 if "%" in percent else 1
    digits = len(decimals or ".") - 1
    text = f"{number:+.{digits}e}" if exponent else f"{number:+,.{digits}f}"
    if number < 0:
        text = text.replace("-", sign if sign in ("−", "-") else "−", 1)
    elif sign != "+":
        text = text[1:]
    return f"{text}{percent}"


def fill_in(readme: Path) -> str:
    """The README's text with the summaries' numbers."""
    text = readme.read_text(encoding="utf-8")
    return NUMBER.sub(lambda match: write_keyed(readme, match), text)


if __name__ == "__main__":
    for path in list_readmes():
        path.write_text(fill_in(path), encoding="utf-8")
