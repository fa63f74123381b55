import json
from types import SimpleNamespace

from lectures import l14_convolution as l14
from lectures.convolution import conv2d
from lectures.lenet import LeNet5, bitmaps, squash

import pytest
import torch
from torch.nn import functional


@pytest.fixture(scope="module")
def ran(tmp_path_factory, figures):
    """The script on the sample, and its figures."""
    out = tmp_path_factory.mktemp("l14")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l14, "CANVASES", 20)
        patch.setattr(l14, "SEEDS", (0, 1))
        options = ["--data", "sample", "--epochs", "1", "--batch-size", "50", "--lr", "0.003"]
        assert l14.main([*options, "--stride", "4", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_the_example_s_first_outputs():
    x, w = (torch.tensor(each).float()[None, None] for each in (l14.EXAMPLE, l14.FILTER))
    out = conv2d(x, w, torch.zeros(1))
    assert out.shape == (1, 1, 4, 4)
    assert out[0, 0, 0, :2].tolist() == [-3, 6]
    torch.testing.assert_close(out, functional.conv2d(x, w))


def test_the_matched_filter_finds_what_it_is_matched_to():
    """No other filter of the same length answers louder, at the right place and without noise."""
    pattern = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    canvas = torch.zeros(1, 1, 20, 20)
    canvas[0, 0, 7:12, 3:7] = pattern
    assert l14.find_pattern(canvas, pattern).tolist() == [[7, 3]]
    noisy = canvas + 0.2 * torch.randn(canvas.shape, generator=torch.Generator().manual_seed(1))
    loudest = functional.conv2d(noisy, pattern[None, None]).flatten().argmax().item()
    assert l14.find_pattern(noisy, pattern).tolist() == [list(divmod(loudest, 17))]


def test_the_canvases_hold_the_pattern_and_noise():
    pattern = torch.full((20, 20), 100.0)
    canvases, corners = l14.draw_canvases(pattern, 2.0, 50, seed=3)
    assert canvases.shape == (50, 1, 48, 48)
    assert corners.min() >= 0 and corners.max() <= 28
    assert len(corners.unique(dim=0)) > 40
    for canvas, (row, column) in zip(canvases, corners.tolist()):
        assert (canvas[0, row : row + 20, column : column + 20] > 80).all()
        canvas[0, row : row + 20, column : column + 20] -= pattern
    assert canvases.std().item() == pytest.approx(2, rel=0.02)


def test_what_the_run_found(ran, sample):
    results, drawn = ran
    found = {name: row for name, row in results["a"].items() if name not in ("sigmas", "norm")}
    best = found["itself"]["found"]
    assert found["itself"]["cosine"] == pytest.approx(1)
    assert best[0] == 1
    assert all(sum(row["found"]) <= sum(best) for row in found.values())
    pattern = sample.test.images[sample.test.labels == 3][0, 0, 4:24, 4:24]
    assert found["square"]["cosine"] == pytest.approx((pattern.sum() / 20 / pattern.norm()).item())
    axes = drawn["a_found"].axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [
        row["found"] for row in found.values()
    ]
    b = results["b"]
    assert b["example"][0][:2] == [-3, 6]
    assert (b["places"], b["left"]) == (6, 3)
    assert max(b["off"]) < 1e-9
    x = sample.test.images[:500].unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    ties = ((x == x.amax(4, keepdim=True)).sum(4) > 1).double().mean().item()
    assert b["ties"] == pytest.approx(ties)


def test_the_figure_of_the_filters(sample):
    image = sample.test.images[:1]
    axes = l14.draw_filters(image).axes
    shown = [torch.tensor(axis.images[0].get_array().filled(0)) for axis in axes]
    for row in range(3):
        w, found, largest, mean = shown[4 * row : 4 * row + 4]
        expected = functional.conv2d(image, w[None, None], padding=1)
        torch.testing.assert_close(found, expected[0, 0])
        torch.testing.assert_close(largest, functional.max_pool2d(expected, 2)[0, 0])
        torch.testing.assert_close(mean, functional.avg_pool2d(expected, 2)[0, 0])


def test_the_networks_learn_and_are_compared(ran):
    results, drawn = ran
    for name in l14.NETWORKS:
        row = results["c"][name]
        last = torch.tensor([each[-1] for each in row["accuracy"]])
        assert len(last) == 2 and last[0] != last[1]  # two starts
        assert row["mean"] == pytest.approx(last.mean().item())
        assert row["std"] == pytest.approx(last.std().item())
        assert row["mean"] > 0.3  # after 20 steps
    lines = drawn["c_errors"].axes[0].lines
    assert [line.get_ydata()[-1] for line in lines] == pytest.approx(
        [100 * (1 - results["c"][name]["mean"]) for name in l14.NETWORKS], abs=1e-3
    )


def test_a_start_depends_on_its_seed_alone(sample, monkeypatch):
    monkeypatch.setattr(l14, "fit", lambda *arguments: [])
    args = SimpleNamespace(lr=0.1, batch_size=10, epochs=1)
    run = SimpleNamespace(place=lambda model: model, args=args, mnist=sample)
    one, again, other = (l14.train_network(run, "plain", seed)[1] for seed in (1, 1, 2))
    assert torch.equal(one[0].weight, again[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)


def test_the_figure_shows_the_maps_of_the_digit(ran, sample):
    shapes = [axis.images[0].get_array().shape for axis in ran[1]["c_maps"].axes]
    assert shapes == [(28, 6 * 29), (14, 6 * 15), (10, 16 * 11), (5, 16 * 6), (12, 16)]
    torch.manual_seed(5)
    model, image = LeNet5(), sample.test.images[:1]
    shown = [
        torch.tensor(axis.images[0].get_array().filled(0))
        for axis in l14.draw_maps(model, image).axes
    ]
    c1 = squash(model.C1(functional.pad(1.275 * image - 0.1, (2,) * 4, value=-0.1)))[0]
    torch.testing.assert_close(shown[0][:, 29:57], c1[1].detach())
    f6 = model.maps(image)["F6"][0].detach()
    torch.testing.assert_close(shown[4][:, :7], f6.view(12, 7))
    nearest = ((f6 - bitmaps()) ** 2).sum(1).argmin()
    torch.testing.assert_close(shown[4][:, 8:15], bitmaps()[nearest].view(12, 7))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kernel", "40"], "argument --kernel: came 40, allowed is at most 28"),
        (["--kernel", "31", "--padding", "1"], "came 31, allowed is at most 30"),
        (["--stride", "0"], "came 5, 0, 0, allowed are whole numbers"),
        (["--kernel", "five"], "invalid int value"),
    ],
)
def test_bad_input_is_one_line(options, message, tmp_path, capsys):
    arguments = ["--part", "b", "--data", "sample", "--out", str(tmp_path), *options]
    try:
        assert l14.main(arguments) == 2
    except SystemExit as exit:
        assert exit.code == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error


def test_what_a_stride_leaves_out_is_said(tmp_path, capsys):
    arguments = ["--part", "b", "--data", "sample", "--out", str(tmp_path)]
    assert l14.main([*arguments, "--kernel", "4", "--stride", "5"]) == 0
    printed = capsys.readouterr().out
    assert "28 → 5 rows; left out at the end: 4" in printed
