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
from concurrent.futures import ThreadPoolExecutor
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
        shutil.copy(ROOT / "pyproject.toml", copy)
        for entry in [ROOT / "common", ROOT / "bench", ROOT / "tests", *ROOT.glob("hw*")]:
            shutil.copytree(entry, copy / entry.name, ignore=shutil.ignore_patterns("*.png"))
        (copy / file).write_text(source, encoding="utf-8")
        test = f"tests/test_{Path(file).stem}.py"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
        # The copy goes before the installed project, for child processes too.
        environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        run = subprocess.run(command, cwd=copy, env=environment, capture_output=True)
        if run.returncode not in (0, 1):
            raise SystemExit(f"{test} could not be run: {run.stdout.decode()}")
        return run.returncode == 0


def main() -> int:
    chosen = [each for each in mutations() if each[0].startswith(tuple(sys.argv[1:]) or "")]
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file, _, _ in chosen}
    for file, old, _ in chosen:
        if (times := sources[file].count(old)) != 1:
            raise SystemExit(f"{file} holds {old!r} {times} times, not once: mend the list")
    survivors = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each only waits for its pytest
        for file, passed in zip(sources, pool.map(passes, sources, sources.values())):
            if not passed:
                raise SystemExit(f"{file}: its tests fail as it is, so that they can show nothing")
        mutants = [sources[file].replace(old, new) for file, old, new in chosen]
        survived = pool.map(passes, [file for file, _, _ in chosen], mutants)
        for (file, old, new), passed in zip(chosen, survived):
            survivors += passed
            verdict = "SURVIVED" if passed else "caught"
            print(f"{verdict:8}  {file}: {old.strip()}  ->  {new.strip()}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutations caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
