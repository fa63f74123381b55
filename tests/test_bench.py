import json

from bench.__main__ import PARTS
from bench.timing import interleaved, machine
from common.run import run_parts


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
