"""Breaks the code on purpose, one line at a time, and shows that the tests notice.

    python -m tests.mutations            all of them: a table, and exit status 1 if one survives
    python -m tests.mutations hw7        those of the files that begin so

Each homework's list stands in mutations_*.py as (file, text, text instead). A mutation is applied
to a copy of the project, and the tests of the mutated module, tests/test_MODULE.py, must fail.
"""

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def mutations() -> list[tuple[str, str, str]]:
    found = []
    for path in sorted((ROOT / "tests").glob("mutations_*.py")):
        found += importlib.import_module(f"tests.{path.stem}").MUTATIONS
    return found


def passes(file: str, source: str) -> bool:
    """Whether the tests of `file` pass in a copy of the project where it holds `source`."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for entry in ("common", "bench", "tests", "pyproject.toml", Path(file).parts[0]):
            if (ROOT / entry).is_dir():
                shutil.copytree(ROOT / entry, copy / entry, dirs_exist_ok=True)
            else:
                shutil.copy(ROOT / entry, copy / entry)
        (copy / file).write_text(source, encoding="utf-8")
        test = f"tests/test_{Path(file).stem}.py"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
        path = {"PYTHONPATH": folder}  # goes before the installed project, for child processes too
        run = subprocess.run(command, cwd=copy, env=os.environ | path, capture_output=True)
        if run.returncode not in (0, 1):
            raise SystemExit(f"{test} could not be run: {run.stdout.decode()}")
        return run.returncode == 0


def main() -> int:
    chosen = [each for each in mutations() if each[0].startswith(tuple(sys.argv[1:]) or "")]
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file, _, _ in chosen}
    for file, source in sources.items():
        if not passes(file, source):
            raise SystemExit(f"{file}: its tests fail as it is, so that they can show nothing")
    survivors = 0
    for file, old, new in chosen:
        if (times := sources[file].count(old)) != 1:
            raise SystemExit(f"{file} holds {old!r} {times} times, not once: mend the list")
        survived = passes(file, sources[file].replace(old, new))
        survivors += survived
        verdict = "SURVIVED" if survived else "caught"
        print(f"{verdict:8}  {file}: {old.strip()}  ->  {new.strip()}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutations caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
