import json
import math
from itertools import pairwise

from lectures import l20_elbo as l20
from lectures.elbo import linear_elbo, linear_log_density, linear_posterior

import pytest
import torch


@pytest.fixture(scope="module")
def ran(tmp_path_factory, figures):
    out = tmp_path_factory.mktemp("l20_elbo")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l20, "STEPS", 500)
        patch.setattr(l20, "POINTS", 300)
        assert l20.main(["--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_the_bound_touches_only_at_the_posterior(ran):
    results, drawn = ran
    gaps = results["a"]["gaps"]
    assert gaps["1"] == pytest.approx(0, abs=1e-5)
    # KL(N(μ, s²σ²) ‖ N(μ, σ²)) = (s² − 1 − ln s²)/2
    for factor in (0.5, 2):
        expected = (factor**2 - 1 - math.log(factor**2)) / 2
        assert gaps[str(factor)] == pytest.approx(expected, abs=1e-5)
    W, b, v = torch.tensor([[1.0], [0.5]]), torch.zeros(2), 0.3
    x = torch.tensor([[1.2, 0.9]])
    assert results["a"]["exact"] == pytest.approx(linear_log_density(x, W, b, v).item())
    axes = drawn["a_bound"].axes[0]
    assert axes.lines[-1].get_ydata()[0] == results["a"]["exact"]
    mean, covariance = linear_posterior(x, W, b, v)
    away, values = axes.lines[2].get_data()  # σ × 2
    expected = linear_elbo(x, W, b, v, mean + away[7], 4 * covariance).item()
    assert values[7] == pytest.approx(expected)


def test_the_first_three_ideas_fail_and_the_fourth_mends_them(ran):
    rows = ran[0]["b"]
    exact = {idea: row["exact"] for idea, row in rows.items()}
    assert exact["4"] + 0.3 < min(exact["1"], exact["2"], exact["3"])
    assert rows["1"]["v"] > 0.2  # the mean of all points, whatever z is
    assert rows["3"]["sigma"] < 0.1  # sure of its code
    assert rows["4"]["loss"] >= rows["4"]["exact"] - 0.02  # the bound
    assert rows["3"]["loss"] < rows["3"]["exact"]  # no bound


def test_the_panels_hold_the_data_and_as_many_points(ran):
    figure = ran[1]["b_arc"]
    assert len(figure.axes) == 4
    data = l20.make_arc(300, 0)
    for axes, row in zip(figure.axes, ran[0]["b"].values()):
        assert torch.equal(torch.tensor(axes.lines[0].get_xydata()).float(), data)
        assert len(axes.lines[1].get_xdata()) == 300
        assert f"{row['exact']:.2f}" in axes.get_title()


def test_the_arc_is_a_thin_line_with_a_gap():
    points = l20.make_arc(5000, 3)
    assert not torch.equal(points, l20.make_arc(5000, 4))
    radius = points.square().sum(1).sqrt()
    assert radius.mean().item() == pytest.approx(1, abs=0.01)
    assert radius.std().item() == pytest.approx(0.05, rel=0.1)
    degrees = torch.rad2deg(torch.atan2(points[:, 1], points[:, 0])) % 360
    assert degrees.min() > 20 and degrees.max() < 340
    counts = degrees.histc(10, 30, 330)
    assert counts.min() > 400 and counts.max() < 600


def test_k_means_goes_down_to_where_the_encoder_may_be_sure(ran):
    results, drawn = ran
    losses, exact = results["c"]["losses"], results["c"]["exact"]
    assert all(after <= before + 1e-12 for before, after in pairwise(losses))
    assert all(loss >= value for loss, value in zip(losses, exact))
    gaps = results["c"]["gaps"]
    assert gaps[0] > 0.5 and 0 <= gaps[-1] < 0.01
    assert drawn["c_gap"].axes[0].lines[0].get_ydata().tolist() == gaps
    assert [line.get_ydata()[3] for line in drawn["c_lloyd"].axes[0].lines] == [losses[3], exact[3]]
