"""The write-up of a homework as a PDF, for readers and for the upload.

    python -m gradescope.build hw7 --report                    submission/hw7.pdf
    python -m gradescope.build hw7 --run results/hw7/kmeans    the same with a run of your own

It is the homework's README.md: pandoc reads its Markdown and its formulas, typst sets the pages by
the rules in report.typ. Both come as wheels, with `pip install -e ".[report]"`, and need neither
network nor fonts nor LaTeX. The same sources and versions give the same bytes.

`--run` takes an output folder that has its script's name, as results/hw7/kmeans, and may be given
more than once. What the run has replaces what the README shows for that script: its figures, whose
captions say so, and its numbers, in blue and underlined. What it does not have, and all of the
text, stays that of the committed runs. The report says this under its title.
"""

import argparse
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from common.runtime.errors import UserError, join_lines
from common.runtime.files import write_file
from gradescope.readme_numbers import NUMBER, look_up, write_number

IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)[^)]*\)")  # to a file, not within the page
TAGGED = re.compile(r"\$\$((?:(?!\$\$).)+?)\s*\\tag\{(\w+)\}\s*\$\$", re.S)

# GitHub's Markdown, with calls of functions in report.typ, and with ’ for '.
READER, WRITER = "gfm+raw_attribute+smart", "typst-smart"
# Columns: else a wide table takes its widths from the dashes under its head. A formula that pandoc
# cannot read is a warning, and would be set as source.
PANDOC = ["--columns=100000", "--shift-heading-level-by=-1", "--fail-if-warnings"]
SETTINGS = ("epochs", "batch_size", "lr", "seed")  # never a folder of somebody's machine

Runs = dict[str, tuple[Path, dict[str, Any]]]  # script → its output folder and summary


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", action="store_true", help="the write-up as a PDF instead")
    text = "the report with the figures and numbers of your run: its output folder"
    parser.add_argument("--run", action="append", type=Path, default=[], help=text)


def write_report(root: Path, homework: str, folders: list[Path], out: Path) -> None:
    """Write the PDF of hwN/README.md to out/hwN.pdf, with what the runs in `folders` have.

    Raises:
        UserError: the extra is not installed, a folder is not a run's, or a figure is damaged.
    """
    readme = root / homework / "README.md"
    runs = load_runs(folders, sorted(path.name for path in readme.parent.glob("results/*")))
    title, text, figures = prepare(readme, runs)
    path = out / f"{homework}.pdf"
    write_file(path, make_pdf(title, describe(runs), text, figures), option="--out")
    print(path)


def load_runs(folders: list[Path], scripts: list[str]) -> Runs:
    """The runs in those folders, which must have the names of scripts.

    Raises:
        UserError: a folder has another name, or no summary.json that can be read.
    """
    runs = {}
    for folder in folders:
        script = folder.resolve().name
        if script not in scripts:
            raise UserError(f"argument --run: came {folder}, allowed is a run's output folder "
                            f"with its script's name: {', '.join(scripts)}")  # fmt: skip
        try:
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            runs[script] = folder, {"settings": {}, "results": {}, **summary}
        except (OSError, TypeError, ValueError) as error:
            raise UserError(f"argument --run: {folder} has no summary.json that can be read: "
                            "name the folder that the run has written to") from error  # fmt: skip
    return runs


def describe(runs: Runs) -> str:
    """The runs and their settings in words, or ""."""
    words = []
    for script, (_, summary) in runs.items():
        settings = summary["settings"]
        shown = [
            f"{name.replace('_', ' ')} {settings[name]}" for name in SETTINGS if name in settings
        ]
        shown += ["the sample for data"] * (settings.get("data") == "sample")
        words.append(f"{script}.py ({', '.join(shown)})")
    return " and ".join(words)


def prepare(readme: Path, runs: Runs) -> tuple[str, str, dict[str, bytes]]:
    """What is set of a README: its title, the rest as Markdown for pandoc, and its figures."""
    title, text = readme.read_text(encoding="utf-8").removeprefix("# ").split("\n", 1)
    text, figures = place_figures(fill_numbers(text, runs), readme.parent, runs)
    return title, LINK.sub(r"\1", adapt_formulas(text)), figures


def fill_numbers(text: str, runs: Runs) -> str:
    """The text without comments; numbers that a run has are the run's, and marked."""

    def fill(match: re.Match) -> str:
        script, *names = match[6].split("/")
        try:
            number = write_number(match, look_up(runs[script][1], names))
        except (LookupError, TypeError, ValueError):  # the run has no such number
            return match[0]
        return f"`#mine({quote(number)})`{{=typst}}"

    return re.sub("<!--.*?-->", "", NUMBER.sub(fill, text), flags=re.S)


def place_figures(text: str, folder: Path, runs: Runs) -> tuple[str, dict[str, bytes]]:
    """Images that stand alone, in a paragraph or in a table, as figures with captions.

    Args:
        folder: where the README lies.

    Returns:
        The text, and file → content of the figures: the run's, where it has one of that name.
    """
    figures: dict[str, bytes] = {}

    def place(caption: str, file: str) -> str:
        script, name = Path(file).parts[-2:]
        own = runs[script][0] / name if script in runs else Path(name)
        is_mine = script in runs and own.exists()
        figures[file] = (own if is_mine else folder / file).read_bytes()
        return f"({quote(file)}, {quote(caption)}, {str(is_mine).lower()})"

    blocks = text.split("\n\n")
    for index, block in enumerate(blocks):
        if IMAGE.search(block) and not IMAGE.sub("", block).strip("|- \n"):
            rows = [IMAGE.findall(line) for line in block.splitlines()]
            rows = [", ".join(place(*image) for image in row) for row in rows if row]
            blocks[index] = "\n\n".join(set_raw(f"#figures({row})") for row in rows)
    return "\n\n".join(blocks), figures


def adapt_formulas(text: str) -> str:
    r"""The formulas in words that pandoc knows.

    It knows no \tag, makes no space of \;, and sets \Bigl( smaller than what it encloses.
    """

    def number(match: re.Match) -> str:
        begin = set_raw(f"#numbered({quote(f'({match[2]})')})[")
        return f"{begin}\n\n$${match[1]}$$\n\n{set_raw(']')}"

    text = TAGGED.sub(number, text).replace(r"\;", r"\,\,")
    return re.sub(r"\\[Bb]ig([lr])", lambda match: {"l": r"\left", "r": r"\right"}[match[1]], text)


def set_raw(source: str) -> str:
    """A paragraph of typst's own, in Markdown."""
    return f"```{{=typst}}\n{source}\n```"


def quote(text: str) -> str:
    """A string of typst's."""
    return json.dumps(text, ensure_ascii=False)


def make_pdf(title: str, runs: str, text: str, figures: dict[str, bytes]) -> bytes:
    """Markdown, set as report.typ says.

    Raises:
        UserError: pandoc or typst is not installed, or a formula or figure cannot be read.
    """
    try:
        import pypandoc
        from typst import TypstError, compile

        pypandoc.get_pandoc_path()
    except (ImportError, OSError) as error:
        raise UserError("the report needs pandoc and typst: "
                        'python -m pip install -e ".[report]"') from error  # fmt: skip
    try:
        body = pypandoc.convert_text(text, WRITER, READER, extra_args=PANDOC)
    except RuntimeError as error:
        raise UserError(f"pandoc cannot read the write-up: {join_lines(error)}") from error
    head = f"#show: report.with(title: {quote(title)}, runs: {quote(runs)})"
    files = {
        "main.typ": f'#import "report.typ": *\n{head}\n{body}'.encode(),
        "report.typ": Path(__file__).with_suffix(".typ").read_bytes(),
    }
    with tempfile.TemporaryDirectory() as folder:
        for file, content in {**figures, **files}.items():
            path = Path(folder, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            return compile(Path(folder, "main.typ"), root=folder, ignore_system_fonts=True)
        except TypstError as error:
            raise UserError(f"the report cannot be set: {join_lines(error)}") from error
