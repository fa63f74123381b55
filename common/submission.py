"""What Gradescope takes, made of the repository's sources: each question as one file.

    python -m common.submission hw7              submission/hw7/kmeans.py, …: the reference
    python -m common.submission hw7 --starter    submission/hw7-starter/: the students' start
    python -m common.submission hw7 --zip        and submission/hw7.zip, ready for upload

hw7/__init__.py declares in ASKED the questions, and for each the functions and methods that the
homework asks for: a starting file has a "to do" in place of their bodies.
"""

import ast
import importlib.util
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from common.faults import UserError, write_file
from common.inline import one_file
from common.options import Parser

ROOT = Path(__file__).resolve().parents[1]


def asked(root: Path, homework: str) -> dict[str, list[str]]:
    """Question → the names that it asks for, from the homework's ASKED.

    Raises:
        UserError: there is no such homework, or it declares nothing.
    """
    found = {}
    for path in sorted(root.glob("*/__init__.py")):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ASKED":
                found[path.parent.name] = ast.literal_eval(node.value)
    if homework not in found:
        raise UserError(f"came {homework}, allowed is {', '.join(found)}: a folder whose "
                        "__init__.py declares the questions in ASKED")  # fmt: skip
    return found[homework]


def submission(root: Path, homework: str, question: str, blank: list[str] | None = None) -> str:
    """A question's file; with `blank`, the starting file without those bodies."""
    what = "The starting file of" if blank else "Made from"
    header = (
        f"# {what} {homework}/{question}.py, with all that it uses of the course's code, by\n"
        f"# python -m common.submission {homework}{' --starter' if blank else ''}\n"
    )
    text = tidied(header + one_file(root, f"{homework}.{question}"))
    return tidied(blanked(text, blank, f"{homework}/__init__.py")) if blank else text


def tidied(text: str) -> str:
    """The source with its imports sorted and formatted as the repository's.

    Raises:
        UserError: ruff is not installed, or finds a name in it without a meaning, or with two.
    """
    if importlib.util.find_spec("ruff") is None:
        raise UserError("it takes ruff to format the files: python -m pip install ruff")
    for command in ("check --fix --quiet --output-format=concise --select=I,F811,F821", "format"):
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--isolated", "--line-length=100"]
        run = subprocess.run([*ruff, "-"], input=text.encode(), capture_output=True)
        if run.returncode:
            raise UserError(f"cannot be inlined: {run.stderr.decode().splitlines()[0]}")
        text = run.stdout.decode()
    return text


def blanked(text: str, names: list[str], declared: str) -> str:
    """The source with a "to do" that raises for the bodies of those functions and methods.

    Args:
        names: as "KMeans.forward"; their signatures and docstrings stay.
        declared: the file that lists the names, for the message.

    Raises:
        UserError: one of the names is not there.
    """
    lines = text.split("\n")
    bodies = {name: body(text, name, declared) for name in names}
    for name, (first, last, indent) in sorted(bodies.items(), key=lambda item: -item[1][0]):
        todo = f'raise UserError("to do: {name}")  # write this part in place of this line'
        lines[first:last] = [indent + todo]
    return "\n".join(lines)


def body(text: str, name: str, declared: str) -> tuple[int, int, str]:
    """Where the body of a function begins and ends after its docstring, and its indentation."""
    nodes = ast.parse(text).body
    for part in name.split("."):
        found = [node for node in nodes if getattr(node, "name", None) == part]
        nodes = found[0].body if found else []
    if not found or not isinstance(found[0], ast.FunctionDef):
        raise UserError(f"{declared}: ASKED names {name}, and no function or method is called so")
    first, last = nodes[0], nodes[-1].end_lineno
    lines = text.split("\n")
    if ast.get_docstring(found[0]) is not None:
        begin = first.end_lineno
    else:
        begin = first.lineno - 1
        while re.fullmatch(r"\s*(#.*)?", lines[begin - 1]):  # comments above the first statement
            begin -= 1
    return begin, last, " " * first.col_offset


def archive(files: dict[str, bytes]) -> bytes:
    """A zip of those files, the same for the same files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)  # dated 1980
            info.external_attr = 0o644 << 16
            target.writestr(info, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = Parser(prog="submission", description="The files that Gradescope takes.")
    parser.add_argument("homework", help="hw7, say")
    parser.add_argument("--starter", action="store_true", help="the students' starting files")
    parser.add_argument("--zip", action="store_true", help="also as one zip, for the upload")
    parser.add_argument("--out", type=Path, default=root / "submission", help="output folder")
    args = parser.parse_args(argv)
    try:
        questions = asked(root, args.homework)
        files = {
            f"{question}.py": submission(
                root, args.homework, question, names if args.starter else None
            ).encode()
            for question, names in questions.items()
        }
        name = args.homework + "-starter" * args.starter
        written = {args.out / name / file: content for file, content in files.items()}
        if args.zip:
            written[args.out / f"{name}.zip"] = archive(files)
        for path, content in written.items():
            write_file(path, content, option="--out")
            print(path)
    except UserError as error:
        print(f"submission: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
