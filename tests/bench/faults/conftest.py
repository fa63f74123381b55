from collections.abc import Callable

import pytest

# A run in two parts, without torch, which takes seconds to import.
QUICK = """
import sys, time
from common.run import run_parts
def first(run):
    "a file"
    run.write("first.csv", b"1\\n" * 5000)
    return {"lines": 5000}
def second(run):
    "work"
    for i in range(40):
        print(f"  {i:8}  row", flush=True)
        time.sleep(0.01)
    run.write("second.csv", b"2\\n")
    return {"lines": 1}
sys.exit(run_parts("hw0/trial", "", {"a": first, "b": second}, needs="numpy"))
"""

# A part with a checkpoint after each epoch.
TRAINING = """
import sys, torch
from torch.nn.functional import cross_entropy
from common.run import run_parts
def train(run):
    "training"
    model = run.place(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    rows = run.fit(model, cross_entropy, optimizer, name="model")
    return {"rows": rows, "random": torch.rand(3).tolist()}
sys.exit(run_parts("hw0/trial", "", {"b": train}, threads=1, epochs=1, batch_size=20))
"""


@pytest.fixture(scope="session")
def make_script(tmp_path_factory) -> Callable[..., tuple[str, ...]]:
    """The command of a script with that text."""

    def make(text: str, *arguments: str) -> tuple[str, ...]:
        path = tmp_path_factory.mktemp("script") / "trial.py"
        path.write_text(text)
        return (str(path), *arguments)

    return make


@pytest.fixture(scope="session")
def quick(make_script) -> tuple[str, ...]:
    return make_script(QUICK)
