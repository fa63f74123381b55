"""The game on the line ends where the lecture says; the two losses on the sample."""

import json
import math

from lectures import l22_game as l22

import numpy as np
import pytest


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script with few steps, apart from part a's."""
    out = tmp_path_factory.mktemp("l22_game")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        values = {"ALONE": 150, "STEPS": 600, "BATCH": 128, "SEEDS": (0, 1), "SHORT": 5}
        for name, value in values.items():
            patch.setattr(l22, name, value)
        arguments = ["--data", "sample", "--batch-size", "16", "--out", str(out)]
        assert l22.main(["--part", "a", *arguments]) == 0
        patch.setattr(l22, "ALONE", 2)
        patch.setattr(l22, "STEPS", 10)
        for part in "bc":
            assert l22.main(["--part", part, "--resume", *arguments]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_learning_floor_on_the_line(run):
    start, alone, early, end = run[0]["a"]["moments"]
    assert start["JSD"] == alone["JSD"] > 0.1  # G stays while D is alone
    assert alone["V"] == pytest.approx(alone["best"], abs=0.03)
    assert end["JSD"] < early["JSD"] < start["JSD"]
    assert end["JSD"] < 0.02
    assert end["V"] == pytest.approx(-math.log(4), abs=0.05)
    for moment in run[0]["a"]["moments"]:
        assert moment["best"] == pytest.approx(moment["bound"], abs=1e-4)
        assert moment["V"] < moment["best"] + 1e-6


def test_slopes_and_gradients(run):
    results, drawn = run
    saturating, other = drawn["b_slopes"].axes[0].lines
    np.testing.assert_allclose(saturating.get_ydata(), saturating.get_xdata(), atol=1e-5)
    np.testing.assert_allclose(other.get_ydata(), 1 - other.get_xdata(), atol=1e-5)
    for name in l22.LOSSES:
        assert len(results["b"][name]["values"]) == 2
        assert np.shape(results["c"][name]["gradient"]) == (2, 5)
        assert results["c"][name]["D_mean"] == pytest.approx(np.mean(results["c"][name]["D"]))


def test_figures(run):
    results, drawn = run
    assert list(drawn) == ["a_moments", "b_slopes", "c_gradient", "c_answers", "c_digits"]
    assert [axes.get_title().split("\n")[0] for axes in drawn["a_moments"].axes] == [
        "the start", "D alone", "both, early", "the end"]  # fmt: skip
    line = drawn["c_gradient"].axes[0].lines[0]
    np.testing.assert_allclose(
        line.get_ydata(), np.mean(results["c"]["saturating"]["gradient"], 0), rtol=1e-5
    )
