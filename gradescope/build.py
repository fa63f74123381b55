"""What Gradescope takes, made of the repository's sources: each question as one file.

    python -m gradescope.build hw7              submission/hw7/kmeans.py, …: the reference
    python -m gradescope.build hw7 --starter    submission/hw7-starter/: the students' start
    python -m gradescope.build hw7 --zip        and submission/hw7.zip, ready for upload
    python -m gradescope.build hw7 --report     submission/hw7.pdf: the write-up (see report.py)

What is left open in a starter are the right sides of the lines that carry an equation's tag.
"""

import ast
import importlib.util
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from common.runtime.cli import Parser
from common.runtime.errors import UserError
from common.runtime.files import write_file
from gradescope import report
from gradescope.inline import inline

ROOT = Path(__file__).resolve().parents[1]

# Homework → question → the parts of its starter: those that are answered by code.
QUESTIONS = {
    "hw5": {"gradient_descent": "abc", "backprop": "de"},
    "hw6": {"cnn": ["network"]},
    "hw7": {"kmeans": "bc", "autoencoder": "b"},
}

# Question → the functions that the handout asks for whole.
WHOLE = {"cnn": ["layers", "accuracy", "confusion_matrix", "top_errors"], "kmeans": ["scores"]}


def build(root: Path, homework: str, question: str, is_starter: bool = False) -> str:
    """A question's file: the reference, or the starter.

    Raises:
        UserError: ruff is not installed, or a name would mean two things.
    """
    if not is_starter:
        return tidy(inline(root, f"{homework}.{question}"), question)
    parts = QUESTIONS[homework][question]

    def edit(text: str) -> str:
        text = open_bodies(choose_parts(text, parts), WHOLE.get(question, []))
        return make_blanks(text, homework)

    return tidy(inline(root, f"{homework}.{question}", edit), question)


def choose_parts(text: str, parts: str) -> str:
    """The source with those of PARTS only."""

    def choose(match: re.Match) -> str:
        entries = match[1].split(", ")
        return f"PARTS = {{{', '.join(e for e in entries if e.split(':')[0][1:-1] in parts)}}}"

    return re.sub(r"^PARTS = \{(.+)\}$", choose, text, flags=re.M)


def make_blanks(text: str, homework: str) -> str:
    """Each line that carries an equation's tag, without its right side.

    `v = x0 @ C.T  # (n, k) [hw7 1.2]` becomes `v = todo("1.2")  # (n, k) [hw7 1.2]`.
    """
    left = r"^( *(?:return |[\w\[\], +]+? [-+*]?= |\w+=))"
    line = re.compile(rf"{left}(.+?)(,?)(  # .*\[{homework} (\w[\w.]*)\])$", re.M)
    text = line.sub(r'\1todo("\5")\3\4', text)
    end = text.index('"""', 3) + 3  # of the docstring
    return f"{text[:end]}\nfrom common.run import todo\n{text[end:]}" if "todo(" in text else text


def open_bodies(text: str, names: list[str]) -> str:
    """The source with `return todo("NAME")` for the bodies of those functions."""
    lines = text.split("\n")
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.FunctionDef) and node.name in names:
            lines[node.body[0].end_lineno : node.end_lineno] = [f'    return todo("{node.name}")']
    return "\n".join(lines)


def tidy(text: str, question: str) -> str:
    """The source with its imports sorted, formatted as the repository's.

    Raises:
        UserError: ruff is not installed, or finds a name without a meaning.
    """
    if importlib.util.find_spec("ruff") is None:
        raise UserError("ruff formats the files: python -m pip install -r requirements.txt")
    check = "check --fix --quiet --output-format=concise --select=I,F401,F811,F821"
    for command in (check, "format"):
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--isolated", "--line-length=100"]
        run = subprocess.run([*ruff, "-"], input=text.encode(), capture_output=True)
        if run.returncode:
            why = (run.stderr or run.stdout).decode().splitlines()[0]
            raise UserError(f"{question}.py cannot be one file: {why}")
        text = run.stdout.decode()
    return text


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
    parser.add_argument("homework", choices=list(QUESTIONS))
    parser.add_argument("--starter", action="store_true", help="the students' starting files")
    parser.add_argument("--zip", action="store_true", help="also as one zip, for the upload")
    parser.add_argument("--out", type=Path, default=root / "submission", help="output folder")
    report.add_options(parser)
    args = parser.parse_args(argv)
    name = args.homework + "-starter" * args.starter
    try:
        if args.report or args.run:
            report.write_report(root, args.homework, args.run, args.out)
            return 0
        files = {
            f"{question}.py": build(root, args.homework, question, args.starter).encode()
            for question in QUESTIONS[args.homework]
        }
        written = {args.out / name / file: content for file, content in files.items()}
        if args.zip:
            written[args.out / f"{name}.zip"] = archive(files)
        for path, content in written.items():
            write_file(path, content, option="--out")
            print(f"{path}: {content.count(10)} lines" if path.suffix == ".py" else path)
    except UserError as error:
        print(f"gradescope.build: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
