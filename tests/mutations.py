"""Breaks the code on purpose, one line at a time, and shows that the tests notice.

    python -m tests.mutations            all of them: a table, and exit status 1 if one survives
    python -m tests.mutations hw7        those of the files that begin so
    python -m tests.mutations --passed   all, where the tests are known to pass
    python -m tests.mutations --every 9  each ninth of the list, for a quick look

Each folder's list stands beside its tests, as MUTATIONS in tests/FOLDER/mutations.py: (file, text,
text instead). A mutation is applied to a copy of the project, and the tests of the mutated module
must fail: tests/hw7/test_kmeans.py for hw7/kmeans.py, unless the list's TESTS names others. Before,
without a mutation, they must pass.
"""

import argparse
import contextlib
import importlib
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted({path.parent.name for path in ROOT.glob("*/*.py")})
PYTEST = 100  # and pytest's own status: that of its process

# Its processes begin with what takes long to import, where that can be had.
CONTEXT = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
SLOW = ["torch", "torch._dynamo", "torchvision.datasets", "matplotlib.figure", "sklearn.cluster"]


def load_mutations() -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    """All lists as one, and the test module of each file that is tested through another's."""
    found, tests = [], {}
    for path in sorted((ROOT / "tests").glob("*/**/mutations*.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found += module.MUTATIONS
        tests |= getattr(module, "TESTS", {})
    return found, tests


MUTATIONS, TESTS = load_mutations()


def find_test(file: str) -> str:
    """The module with the tests of `file`."""
    own = f"tests/{Path(file).parent.as_posix()}/test_{Path(file).stem}.py"
    return TESTS.get(file, own)


def passes(file: str, source: str) -> bool:
    """Whether the tests of `file` pass in a copy of the project where it holds `source`."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copy(ROOT / "pyproject.toml", copy)
        for name in PACKAGES:
            ignore = shutil.ignore_patterns("results", "__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        (copy / file).write_text(source, encoding="utf-8")
        test = find_test(file)
        process = CONTEXT.Process(target=run_tests, args=(folder, test))
        process.start()
        process.join()
        if process.exitcode not in (PYTEST, PYTEST + 1):
            raise SystemExit(f"{test} could not be run: {(copy / 'printed').read_text()}")
        return process.exitcode == PYTEST


def run_tests(folder: str, test: str) -> None:
    """Run the tests in that copy of the project, as a process of their own."""
    import pytest

    os.chdir(folder)
    # The copy goes before the installed project, for child processes too.
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = folder
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    with open("printed", "w") as printed:  # noqa: PTH123
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    sys.exit(PYTEST + pytest.main(["-x", "-q", "-p", "no:cacheprovider", test]))


def main() -> int:
    parser = argparse.ArgumentParser("tests.mutations", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="how the files' names begin; default: all")
    parser.add_argument("--passed", action="store_true", help="the tests have passed just now")
    parser.add_argument("--every", type=int, default=1, help="each n-th of the list")
    args = parser.parse_args()
    chosen = [each for each in MUTATIONS if each[0].startswith(tuple(args.files) or "")]
    chosen = chosen[:: args.every]
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file, _, _ in chosen}
    for file, old, _ in chosen:
        if (times := sources[file].count(old)) != 1:
            raise SystemExit(f"{file} holds {old!r} {times} times, not once: mend the list")
    os.environ["OMP_NUM_THREADS"] = "1"  # two at once
    with contextlib.suppress(AttributeError):  # of spawn
        CONTEXT.set_forkserver_preload(SLOW)
    survivors = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each only waits for its pytest
        checked = {} if args.passed else sources
        for file, passed in zip(checked, pool.map(passes, checked, checked.values())):
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
