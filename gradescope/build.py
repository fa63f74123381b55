"""What Gradescope takes, made of the repository's sources: each question as one file.

    python -m gradescope.build hw7              submission/hw7/kmeans.py, …: the reference
    python -m gradescope.build hw7 --starter    submission/hw7-starter/: the students' start
    python -m gradescope.build hw7 --zip        and submission/hw7.zip, ready for upload

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

from common.runtime.errors import UserError
from common.runtime.files import write_file
from gradescope.inline import one_file
from common.runtime.cli import Parser

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
    what, option = ("The starting file of", " --starter") if blank else ("Made from", "")
    text = (
        f"# {what} {homework}/{question}.py, with all that it uses of the course's code, by\n"
        f"# python -m gradescope.build {homework}{option}\n"
        f"{one_file(root, f'{homework}.{question}')}"
    )
    if blank:
        text = blanked(text, blank, f"{homework}/__init__.py")
    return tidied(text, f"{homework}/{question}.py")


def tidied(text: str, file: str) -> str:
    """The source with its imports sorted and formatted as the repository's.

    Raises:
        UserError: ruff is not installed, or finds a name without a meaning or an import with two.
    """
    if importlib.util.find_spec("ruff") is None:
        raise UserError("ruff formats the files: python -m pip install -r requirements.txt")
    for command in ("check --fix --quiet --output-format=concise --select=I,F811,F821", "format"):
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--isolated", "--line-length=100"]
        run = subprocess.run([*ruff, "-"], input=text.encode(), capture_output=True)
        if run.returncode:
            why = run.stderr.decode().splitlines()[0].split(": ", 1)[-1]  # without the place
            raise UserError(f"{file} cannot be inlined: {re.sub('^F[0-9]+ ', '', why)}")
        text = run.stdout.decode()
    return text


def blanked(text: str, names: list[str], declared: str) -> str:
    """The source with a "to do" that raises for the bodies of those functions and methods.

    Args:
        names: as "KMeans.forward"; their signatures, with what stands above them, and their
            docstrings stay.
        declared: the file that lists the names, for the message.

    Raises:
        UserError: one of the names is not there.
    """
    lines = text.split("\n")
    bodies = [(*body(text, name, declared), name) for name in names]
    for first, last, indent, name in sorted(bodies, reverse=True):
        todo = f'raise UserError("to do: {name}")  # write this part in place of this line'
        lines[first:last] = [indent + todo]
    return "\n".join(lines)


def body(text: str, name: str, declared: str) -> tuple[int, int, str]:
    """Where the body of a function begins and ends after its docstring, and its indentation."""
    node = ast.parse(text)
    for part in name.split("."):
        found = [each for each in node.body if getattr(each, "name", None) == part]
        node = found[0] if found else ast.Module([])
    if not isinstance(node, ast.FunctionDef):
        raise UserError(f"{declared}: ASKED names {name}, and no function or method is called so")
    first, lines = node.body[0], text.split("\n")
    begin = first.end_lineno
    if ast.get_docstring(node) is None:
        begin = first.lineno - 1
        while re.fullmatch(r"\s*(#.*)?", lines[begin - 1]):  # comments above the first statement
            begin -= 1
    return begin, node.end_lineno, " " * first.col_offset


def archive(files: dict[str, bytes]) -> bytes:
    """A zip of those files, the same for the same files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)  # dated 1980
            info.external_attr = 0o644 << 16  # else unreadable for others when unpacked
            target.writestr(info, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = Parser(prog="gradescope.build", description="The files that Gradescope takes.")
    parser.add_argument("homework", help="hw7, say")
    parser.add_argument("--starter", action="store_true", help="the students' starting files")
    parser.add_argument("--zip", action="store_true", help="also as one zip, for the upload")
    parser.add_argument("--out", type=Path, default=root / "submission", help="output folder")
    args = parser.parse_args(argv)
    try:
        name = args.homework + "-starter" * args.starter
        files = {}
        for question, blank in asked(root, args.homework).items():
            text = submission(root, args.homework, question, blank if args.starter else None)
            files[f"{question}.py"] = text.encode()
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
