"""What Gradescope takes, made of the repository's sources: each question as one file.

    python -m gradescope.build hw7              submission/hw7/kmeans.py, …: the reference
    python -m gradescope.build hw7 --starter    submission/hw7-starter/: the students' start
    python -m gradescope.build hw7 --zip        and submission/hw7.zip, ready for upload
    python -m gradescope.build hw7 --report     submission/hw7.pdf: the write-up (see report.py)

questions.py says what is in them.
"""

import ast
import importlib.util
import io
import subprocess
import sys
import zipfile
from pathlib import Path

from common.runtime.cli import Parser
from common.runtime.errors import UserError
from common.runtime.files import write_file
from gradescope import report, simplify
from gradescope.blanks import make_blanks
from gradescope.inline import inline
from gradescope.questions import QUESTIONS

PLAIN, ROOM = "gradescope.plain", "gradescope.starters.room"
ROOT = Path(__file__).resolve().parents[1]
RUFF = (
    "check --fix --quiet --output-format=concise --select=I,F401,F811,F821",
    "format --config=format.skip-magic-trailing-comma=true",
)


def build(root: Path, homework: str, question: str) -> str:
    """A question's reference.

    Raises:
        UserError: ruff is not installed, or a name would mean two things.
    """
    script, chosen = f"{homework}.{question}", QUESTIONS[homework][question]
    source = (root / homework / f"{question}.py").read_text(encoding="utf-8")
    torch = 'needs="numpy"' not in source
    known = {'needs != "numpy"': torch, '"device" in args': torch, "threads": "threads=" in source}
    known |= {} if "scheduler" in source else {"scheduler": False}

    def edit(name: str, text: str) -> str:
        if name == PLAIN:
            text = simplify.select_blocks(text, known)
        if name == script:  # the plain form ends by itself where something is wrong
            text = simplify.choose_parts(text, chosen.parts).replace("sys.exit(main())", "main()")
            text = text.replace("return run_parts(", "run_parts(")
        return simplify.shorten(text, homework, name in (script, *chosen.first))

    title = source.split("\n")[0]
    usage = f"    python {question}.py\n\n{chosen.doc.strip()}"
    text = simplify.edit(inline(root, script, edit, PLAIN, chosen.first), simplify.find_unused)
    return tidy(f'{title}\n\n{usage}\n"""\n\n{text}', question)


def build_starter(root: Path, homework: str, question: str) -> tuple[str, dict[str, str]]:
    """A question's starter, and what its blanks stand for: (name of the blank → right side).

    Raises:
        UserError: as `build`, or a blank is not found.
    """
    script = f"gradescope.starters.{question}"
    source = (root / "gradescope" / "starters" / f"{question}.py").read_text(encoding="utf-8")
    tree, answers = ast.parse(source), {}
    assigned = {ast.unparse(n.targets[0]): n.value for n in tree.body if isinstance(n, ast.Assign)}
    words = ast.literal_eval(assigned["BLANKS"])
    lessons = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    lessons = [name for name in lessons if name.startswith("hw")]
    lessons.sort(key=lambda name: name != f"{homework}.{question}")

    def edit(name: str, text: str) -> str:
        if name.startswith("hw"):
            text, found = make_blanks(text, homework, words)
            answers.update(found)
            text = text.replace('"""\n', '"""\nfrom gradescope.starters.room import todo\n', 1)
        text = simplify.select_blocks(text, {'"data" in args': "torch" in source})
        return simplify.shorten(text, homework, name in (script, *lessons))

    text = inline(root, script, edit, ROOM, lessons)
    if missing := sorted(words.keys() - answers.keys()):
        raise UserError(f"{question}: no line for the blank {missing[0]}")
    return tidy(f'"""{ast.get_docstring(tree, clean=False)}"""\n\n{text}', question), answers


def tidy(text: str, question: str) -> str:
    """The source with its imports sorted, formatted as the repository's.

    Raises:
        UserError: ruff is not installed, or finds a name without a meaning.
    """
    if importlib.util.find_spec("ruff") is None:
        raise UserError("ruff formats the files: python -m pip install -r requirements.txt")
    for command in RUFF:
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
    folder = args.homework + "-starter" * args.starter
    try:
        if args.report or args.run:
            report.write_report(root, args.homework, args.run, args.out)
            return 0
        make = (lambda *of: build_starter(*of)[0]) if args.starter else build
        texts = {name: make(root, args.homework, name) for name in QUESTIONS[args.homework]}
        files = {f"{name}.py": text.encode() for name, text in texts.items()}
        written = {args.out / folder / file: content for file, content in files.items()}
        if args.zip:
            written[args.out / f"{folder}.zip"] = archive(files)
        for path, content in written.items():
            write_file(path, content, option="--out")
            print(f"{path}: {content.count(10)} lines" if path.suffix == ".py" else path)
    except UserError as error:
        print(f"gradescope.build: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
