import contextlib
import json

from bench.__main__ import PARTS, loop
from bench.timing import interleaved, machine
from common.run import run_parts


def test_the_loop_s_cost_is_over_the_bare_steps_in_one_process(monkeypatch):
    asked = []

    @contextlib.contextmanager
    def processes(names, together=False):
        yield list(names), together

    def interleaved(run, group, rounds, steps, own):
        asked.append((group, own))
        return {way: {"ratio": 1.25, "lowest": 0.75, "highest": 1.5} for way in own[0]}

    monkeypatch.setattr("bench.__main__.processes", processes)
    monkeypatch.setattr("bench.__main__.interleaved", interleaved)
    cost = {"ratio": 0.25, "lowest": -0.25, "highest": 0.5}
    names = ["kmeans", "cnn", "autoencoder"]
    assert loop(None) == {name: {"bare": cost, "gathering": cost} for name in names}
    ways = ["loop", "gathering", "bare"]
    assert asked == [(f"{name}_loop", (ways, True)) for name in names]


def test_all_parts_and_a_table(here, few, sample, tmp_path, monkeypatch, capsys):
    tiny = sample._replace(train=few.split())
    for module in ("bench.timing", "bench.ways", "bench.__main__"):
        monkeypatch.setattr(f"{module}.mnist", lambda data: tiny)
    monkeypatch.setattr("bench.ways.REPEATED", 1)
    monkeypatch.setattr("bench.__main__.peak_memory", lambda command: float(len(command)))
    monkeypatch.setattr("bench.__main__.ROUNDS", 1)
    monkeypatch.setattr(
        "bench.__main__.interleaved",
        lambda run, group, rounds, *steps, **options: interleaved(run, group, 1, *steps, **options),
    )
    argv = ["--data", "sample", "--out", str(tmp_path), "--batch-size", "32"]
    assert run_parts("bench/speed", "", PARTS, [*argv, "--part", "table"], batch_size=64) == 2
    assert "table needs the parts autoencoder, cnn, cnn_regular, kmeans" in capsys.readouterr().err
    assert run_parts("bench/speed", "", PARTS, argv, batch_size=64) == 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert list(results) == list(PARTS)
    assert [row["x"] for row in results["growth"]["images"]] == [25, 100, 400]
    assert results["table"] == machine()
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[2].startswith("| k-means network | ") and len(lines) == 11
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.json", "table.md", "speed.png", "growth.png"
    }  # fmt: skip
