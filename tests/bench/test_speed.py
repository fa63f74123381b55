import contextlib
import json

from bench import speed
from bench.contenders import SIDE_BY_SIDE
from bench.speed import PARTS, measure_loop
from bench.timing import describe_machine, measure_in_turn

import pytest


def test_the_loops_cost_is_over_the_bare_steps_in_one_process(monkeypatch):
    asked = []

    @contextlib.contextmanager
    def start_processes(names, together=False):
        yield list(names), together

    def measure_in_turn(run, group, rounds, steps, own):
        asked.append((group, own))
        return {name: {"ratio": 1.25, "lowest": 0.75, "highest": 1.5} for name in own[0]}

    monkeypatch.setattr("bench.speed.start_processes", start_processes)
    monkeypatch.setattr("bench.speed.measure_in_turn", measure_in_turn)
    cost = {"ratio": 0.25, "lowest": -0.25, "highest": 0.5}
    names = ["kmeans", "cnn", "autoencoder"]
    assert measure_loop(None) == {name: {"bare": cost, "gathering": cost} for name in names}
    contenders = ["loop", "gathering", "bare"]
    assert asked == [(f"{name}_loop", (contenders, True)) for name in names]


def run_speed(out, *arguments: str) -> int:
    argv = ["--data", "sample", "--out", str(out), "--batch-size", "32"]
    return speed.main([*argv, *arguments])


def test_the_table_alone_asks_for_the_epochs_first(tmp_path, capsys):
    assert run_speed(tmp_path, "--part", "table") == 2
    assert "table needs the parts autoencoder, cnn, cnn_regular, kmeans" in capsys.readouterr().err


def test_all_parts_and_a_table(in_process, few, sample, tmp_path, monkeypatch):
    """With one step of each, and layers and steps for the parts' own numbers."""
    tiny = sample._replace(train=few.split())
    for module in ("bench.timing", "bench.tutorial", "bench.speed"):
        monkeypatch.setattr(f"{module}.load_quietly", lambda data: tiny)
    monkeypatch.setattr("bench.contenders.REPEATED", 1)
    monkeypatch.setattr("bench.speed.measure_peak_memory", lambda command: float(len(command)))
    monkeypatch.setattr("bench.speed.ROUNDS", 1)

    def measure_briefly(run, group, rounds, steps=None, **options):
        if steps or group.endswith("_loop"):
            steps = 1
        return measure_in_turn(run, group, 1, steps, **options)

    monkeypatch.setattr("bench.speed.measure_in_turn", measure_briefly)
    assert run_speed(tmp_path) == 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert list(results) == list(PARTS)
    assert [row["x"] for row in results["growth"]["images"]] == [25, 100, 400]
    assert [row["x"] for row in results["growth"]["batch_size"]] == [16, 64, 256, 1024]
    assert results["table"] == describe_machine()
    assert results["memory"] == {"kmeans": 9, "cnn": 9, "autoencoder": 9}
    for row in results["layers"].values():
        assert row.keys() == {"milliseconds", "ratio", "lowest", "highest"}
    faults = results["autoencoder"]["page_faults_per_step"]
    assert faults.keys() == {"tutorial_all", "ours_all", "tutorial_1", "ours_1"}
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[2].startswith("| k-means network | ") and len(lines) == 11
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.json", "table.md", "speed.png", "growth.png"
    }  # fmt: skip


class FakeRun:
    def __init__(self, results):
        self.results, self.files, self.figures = results, {}, {}

    def write(self, name, content):
        self.files[name] = content.decode()

    def save(self, name, figure):
        self.figures[name] = figure


@pytest.fixture
def results() -> dict:
    """Of all parts that the table needs: the peer takes 6 s, ours 2 s; on one thread 9 and 3 s."""
    theirs = {"seconds": 6.0, "ratio": 1, "lowest": 1, "highest": 1}
    ours = {"seconds": 2.0, "ratio": 3, "lowest": 2.5, "highest": 4}
    threads = {"tutorial_all": theirs, "ours_all": ours}
    threads |= {"tutorial_1": theirs | {"seconds": 9.0}, "ours_1": ours | {"seconds": 3.0}}
    kmeans = {"tutorial": theirs, "network": ours, "by_hand": ours | {"seconds": 1.5, "ratio": 4}}
    kmeans["side_by_side"] = ours | {"seconds": 0.5, "ratio": 12, "highest": 13}
    return {"kmeans": kmeans, "cnn": threads, "cnn_regular": threads, "autoencoder": threads}


def test_the_table_and_its_figure_show_the_results(results, capsys):
    run = FakeRun(results)
    speed.make_table(run)
    lines = run.files["table.md"].splitlines()
    assert lines[2] == "| k-means network | 6.00 | 2.00 | 3.0 (2.5 to 4.0) |"
    assert lines[3] == "| k-means by hand | 6.00 | 1.50 | 4.0 (2.5 to 4.0) |"
    assert (
        lines[4] == f"| {SIDE_BY_SIDE} such runs at once: each | 6.00 | 0.50 | 12.0 (2.5 to 13.0) |"
    )
    assert [line.split(" | ")[0] for line in lines[5:]] == [
        "| CNN", "| the same, one thread", "| CNN, batch norm and dropout",
        "| the same, one thread", "| autoencoder", "| the same, one thread"
    ]  # fmt: skip
    assert all(line in capsys.readouterr().out for line in lines[:1])
    assert list(run.figures) == ["speed"]
