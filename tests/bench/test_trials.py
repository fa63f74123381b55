import json

from bench import trials


def test_the_summary_has_each_variants_ratios(monkeypatch, tmp_path):
    asked = []

    def measure_in_turn(run, group, rounds, steps=None):
        asked.append((group, steps))
        return {"addmm": {"ratio": 1.1, "lowest": 0.9, "highest": 1.2, "seconds": 3, "value": 1}}

    monkeypatch.setattr(trials, "measure_in_turn", measure_in_turn)
    assert trials.main(["--data", "sample", "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    ratios = {"addmm": {"ratio": 1.1, "lowest": 0.9, "highest": 1.2}}
    assert results == {"kmeans": ratios, "autoencoder": ratios}
    assert asked == [("kmeans_variants", None), ("autoencoder_variants", 60)]
