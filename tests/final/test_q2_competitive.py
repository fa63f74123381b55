import json
from fractions import Fraction
from math import floor

from final import q2_competitive as q2

import numpy as np
import pytest


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The script's results and figures, run once."""
    folder, figures = tmp_path_factory.mktemp("q2"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(q2, "RATES", (0.1, 0.5, 1.0))
        patch.setattr(q2.Run, "save", lambda run, name, figure: figures.update({name: figure}))
        assert q2.main(["--out", str(folder)]) == 0
    return json.loads((folder / "summary.json").read_text())["results"], figures


def trace_in_fractions(data, eta, epochs, rounding):
    """The same on paper: (winner, unrounded, weights) a step; of two winners the first."""
    weights = [[Fraction(-1), Fraction(2)], [Fraction(2), Fraction(-1)]]
    steps = []
    for x in data * epochs:
        y = [w[0] * x[0] + w[1] * x[1] for w in weights]
        i = 0 if y[0] >= y[1] else 1
        new = [w + eta * y[i] * (x_j - w) for w, x_j in zip(weights[i], x)]
        weights = [[rounding(w) for w in (new if j == i else weights[j])] for j in (0, 1)]
        steps.append((i, new, weights))
    return steps


@pytest.mark.parametrize("eta", [Fraction(1, 2), Fraction(1, 4), Fraction(1)])
@pytest.mark.parametrize(
    ("name", "rounding"), [("even", round), ("up", lambda w: floor(w + Fraction(1, 2)))]
)
def test_trace_as_in_fractions(eta, name, rounding):
    data = [tuple(map(int, x)) for x in q2.DATA]
    ours = q2.trace(q2.DATA, eta=float(eta), epochs=3, rounding=q2.ROUNDINGS[name])
    for step, (winner, new, weights) in zip(ours, trace_in_fractions(data, eta, 3, rounding)):
        assert step.winner == winner
        assert step.unrounded.tolist() == new and step.weights.tolist() == weights


def test_exam():
    steps = q2.trace(q2.DATA)
    assert [step.winner + 1 for step in steps] == [1, 1, 2, 2, 1, 1, 2, 2]
    w1, w2 = zip(*(step.weights.tolist() for step in steps))
    assert list(w1) == [[0, 1]] * 8
    assert list(w2) == [[2, -1]] * 2 + [[1, -1]] * 4 + [[0, -1]] * 2
    assert steps[1].products.tolist() == [1, 1] and steps[1].unrounded.tolist() == [0.5, 1]
    assert steps[3].products.tolist() == [-1, 0]  # ỹ = 0: no step
    assert steps[7].unrounded.tolist() == [-0.5, -1]
    assert q2.cluster(q2.DATA, steps[-1].weights) == [1, 1, 2, 2]


def test_halves_are_rounded_as_named():
    w = np.array([-1.5, -0.5, 0.5, 1.5, 0.4, -0.6, 2.0])
    for name, expected in {
        "even": [-2, 0, 0, 2, 0, -1, 2],
        "up": [-1, 0, 1, 2, 0, -1, 2],
        "outward": [-2, -1, 1, 2, 0, -1, 2],
        "inward": [-1, 0, 0, 1, 0, -1, 2],
    }.items():
        assert (q2.ROUNDINGS[name](w) == expected).all(), name


def test_ties_of_winners():
    assert q2.find_winner(np.array([0.0, 1, 1])) == 1
    assert q2.find_winner(np.array([0.0, 1, 1]), last=True) == 2
    assert q2.trace(q2.DATA, last=True)[1].winner == 1  # on paper: w₂ = ½(2, −1) + ½(1, 1)
    assert q2.trace(q2.DATA, last=True)[1].unrounded.tolist() == [1.5, 0]


def test_a_negative_output_pushes_away():
    w, x = np.array([1.0, 0]), np.array([-1.0, 1])
    assert np.linalg.norm(q2.learn(w, x, 0.5) - x) > np.linalg.norm(w - x)


def test_fixed_point_is_one_and_the_golden_ratio():
    golden = (1 + 5**0.5) / 2
    np.testing.assert_allclose(q2.fixed_point(q2.DATA[:2]), [1 / golden, 1])
    np.testing.assert_allclose(q2.fixed_point(q2.DATA[2:]), [-1 / golden, -1])
    points = np.random.default_rng(0).uniform(0, 1, (9, 3))
    w = q2.fixed_point(points)
    steps = sum(q2.learn(w, x, 1.0) - w for x in points)
    np.testing.assert_allclose(steps, 0, atol=1e-12)  # at rest over an epoch of small steps


def test_outcomes():
    assert q2.find_outcome(q2.DATA, 0.5, np.rint) == q2.OUTCOMES[0]
    assert q2.find_outcome(q2.DATA, 0.1, np.rint) == q2.OUTCOMES[1]
    w = q2.WEIGHTS  # too small a step is rounded away
    assert all((step.weights == w).all() for step in q2.trace(q2.DATA, eta=0.1, epochs=5))


def test_summary(run):
    results, _ = run
    assert results["a"]["weights"] == [[0, 1], [0, -1]] and results["a"]["clusters"] == [1, 1, 2, 2]
    ties = results["b"]["ties"]
    assert ties["first_even"] == [[0, 1], [0, -1], [1, 1, 2, 2], 1]
    assert {tuple(each[2]) for name, each in ties.items() if "first" in name} == {(1, 1, 2, 2)}
    assert {tuple(each[2]) for name, each in ties.items() if "last" in name} == {(1, 2, 1, 1)}
    assert ties["last_even"][3] > 100
    assert results["b"]["shown"] == {
        "winners": [1, 1, 2, 1, 1, 1, 2, 1],
        "weights": [[0, 1], [0, -1]],
    }
    assert [sum(row) for name in ("rounded", "unrounded") for row in results["c"][name]] == [24] * 6
    assert results["c"]["rounded"] == [[0, 24, 0], [24, 0, 0], [17, 0, 7]]
    np.testing.assert_allclose(results["c"]["small_steps"], results["c"]["fixed_point"], atol=0.005)


def test_where_each_neuron_wins_is_drawn(run):
    start, end = run[1]["a_clusters"].axes
    for axes, weights in ((start, q2.WEIGHTS), (end, np.array([[0, 1], [0, -1]]))):
        areas = [patch.get_xy() for patch in axes.patches]
        for own, area in enumerate(areas):
            products = np.asarray(area).mean(0) @ weights.T
            assert products[own] > products[1 - own]
        arrows = [(each.U.item(), each.V.item()) for each in axes.collections]
        assert arrows == [tuple(w) for w in weights]
    assert [line.get_xydata()[0].tolist() for line in end.lines[:2]] == q2.WEIGHTS.tolist()


def test_orders_are_drawn(run):
    rounded, unrounded = run[1]["c_orders"].axes
    for axes, name in ((rounded, "rounded"), (unrounded, "unrounded")):
        heights = np.reshape([bar.get_height() for bar in axes.patches], (3, 3))
        assert heights.tolist() == run[0]["c"][name] and axes.get_title() == name
        feet = np.reshape([bar.get_y() for bar in axes.patches], (3, 3))
        assert (feet[:, 1:] == heights.cumsum(1)[:, :-1]).all()  # each stands on the one before
    labels = [text.get_text() for text in run[1]["c_orders"].legends[0].get_texts()]
    assert labels == list(q2.OUTCOMES)


def test_mistaken_option(capsys):
    with pytest.raises(SystemExit, match="2"):
        q2.main(["--part", "z"])
    assert "--part" in capsys.readouterr().err
