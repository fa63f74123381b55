import json

from common.data import Batches
from hw7 import kmeans_study
from hw7.clustering import assign, digit_images, inertia
from hw7.kmeans_gradient import train_by_gradient
from hw7.kmeans_study import SEEDS, aggregate, evaluate_run, format_row

import pytest
import torch


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The whole study on the sample: its folder, results and figures."""
    out = tmp_path_factory.mktemp("study")
    with figures() as drawn:
        arguments = ["--data", "sample", "--epochs", "1", "--batch-size", "100"]
        assert kmeans_study.main([*arguments, "--out", str(out)]) == 0
    return out, json.loads((out / "summary.json").read_text())["results"], drawn


def test_all_parts_leave_their_numbers(run):
    out, results, _ = run
    assert list(results) == ["variants", "border", "initial", "eta"]
    assert {path.name for path in out.iterdir()} == {
        "summary.json", "initial_centers.png", "eta.png"
    }  # fmt: skip
    kinds = {(row["averaged"], row["soft"]) for row in results["variants"]["rows"]}
    assert len(kinds) == 5
    for part in (results["variants"]["rows"], results["initial"]["handout"]):
        for row in part:
            assert len(row["inertia"]) == SEEDS
            for value, epoch in zip(row["inertia"], row["diverged"]):
                assert (value is None) == (epoch is not None)
    uniform = results["initial"]["handout"][0]
    assert uniform["initial"] == "uniform" and uniform["collapsed"] == [True] * SEEDS
    assert uniform["live"] == [1] * SEEDS


def test_a_row_is_the_training_of_its_seed_alone(run, sample):
    """One of the rows that were trained side by side, again by itself."""
    row = run[1]["variants"]["rows"][2]
    x0 = sample.train.images.flatten(1)
    for seed in range(SEEDS):
        batches = Batches(sample.train, 100, seed)
        (centers,), _ = train_by_gradient(
            digit_images(x0, None)[None], batches, 1, [45.0], "batch and pixels", False
        )
        assert row["inertia"][seed] == pytest.approx(inertia(x0, centers), rel=1e-4)
    assert row["eta"] == 45 and not row["soft"]


def test_figures_show_the_rows(run):
    results = run[1]["eta"]
    (axes,) = run[2]["eta"].axes
    for line, name in zip(axes.lines, ("constant", "decaying")):
        assert line.get_xdata().tolist() == [4.5, 13.5, 45, 135]
        assert line.get_ydata().tolist() == [row["mean"] for row in results[name]]
    assert set(axes.lines[2].get_ydata()) == {results["lloyd_inertia"]}
    assert all(row["decay"] for row in results["decaying"])
    axes = run[2]["initial_centers"].axes
    assert len(axes) == 50 and axes[40].get_ylabel() == "k-means++"


def test_the_border_is_where_no_center_has_99_percent(run, sample):
    x0 = sample.train.images.flatten(1).double()
    distances = torch.cdist(x0, x0[1:20:2]).square()
    p = torch.softmax(-10 * distances, 1)
    share = (p.amax(1) < 0.99).double().mean().item()
    assert run[1]["border"]["share"] == pytest.approx(share, abs=2e-3)


def test_outcomes_of_a_run_and_of_several(sample):
    class Run:
        mnist = sample

    x0 = sample.train.images.flatten(1)
    centers = torch.cat([x0[1:20:2][:9], torch.full((1, 784), 50.0)])
    good, bad = evaluate_run(Run, centers, None), evaluate_run(Run, centers, 3)
    sizes = assign(x0, centers).bincount(minlength=10)
    assert good["live"] == (sizes >= 10).sum().item() < 10
    assert bad == {"inertia": None, "live": None, "effective": None, "purity": None, "diverged": 3}
    row = {"initial": "x", "averaged": "batch", "soft": True, "eta": 4.5}
    both = aggregate(row, [good, bad])
    assert both["inertia"] == [good["inertia"], None] and both["diverged"] == [None, 3]
    assert (both["mean"], both["std"]) == (good["inertia"], None)
    line = format_row(both)
    assert "softmax" in line and "diverged in epoch 3" in line and f"{good['inertia']:.3f}" in line
    assert aggregate(row, [bad, bad])["mean"] is None
    three = aggregate(row, [good | {"inertia": value} for value in (1.0, 2.0, 4.0)])
    assert (three["mean"], three["std"]) == (pytest.approx(7 / 3), pytest.approx((7 / 3) ** 0.5))
    assert "inertia 2.333 ± 1.528" in format_row(three)
