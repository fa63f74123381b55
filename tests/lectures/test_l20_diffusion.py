import json
from functools import partial
from types import SimpleNamespace

from common.run import UserError
from common.runtime import checkpoint
from lectures import l20_diffusion as l20
from lectures.diffusion import Process, to_pixels, to_range
from lectures.diffusion_bound import step_cost
from lectures.drawing import load_weights
from lectures.samplers import fast
from lectures.unet import UNet

import numpy as np
import pytest
import torch

OPTIONS = ["--data", "sample", "--epochs", "3", "--batch-size", "50", "--seed", "1"]


@pytest.fixture(scope="module")
def small():
    """A network and a number of steps that tests have time for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(l20, "UNet", partial(UNet, width=8, condition=16, depth=1))
        patch.setattr(l20, "T", 20)
        patch.setattr(l20, "COMPARED", (20, 10, 2))
        patch.setattr(l20, "LENGTHS", (2, 10, 50))
        patch.setattr(l20, "SHOWN", (0, 5, 10, 20))
        yield


@pytest.fixture(scope="module")
def ran(small, tmp_path_factory, figures):
    """The script on the sample, its figures, and its folder."""
    out = tmp_path_factory.mktemp("l20_diffusion")
    with figures() as drawn:
        assert l20.main([*OPTIONS, "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn, out


def test_the_noising_is_of_the_first_test_images(ran, sample):
    results, drawn, _ = ran
    axes = drawn["a_noising"].axes
    images = [np.asarray(axis.images[0].get_array()) for axis in axes]
    assert [axis.get_title() for axis in axes[:4]] == ["t = 0", "t = 5", "t = 10", "t = 20"]
    assert len(images) == 16
    expected = to_pixels(to_range(sample.test.images[1:2]))[0, 0].numpy()
    assert images[4] == pytest.approx(expected, abs=1e-6)
    process = Process.cosine(20)
    noise = torch.randn(4, 1, 24, 24, generator=torch.Generator().manual_seed(1))
    x = process.jump(to_range(sample.test.images[:4]), torch.full((4,), 10), noise)
    assert images[4 + 2] == pytest.approx(to_pixels(x)[1, 0].numpy(), abs=1e-6)
    assert results["a"]["left"] == pytest.approx(process.alpha_bar[20].sqrt().item())
    rows = results["a"]
    assert rows["wide"] == sorted(rows["wide"], reverse=True)
    assert rows["narrow"][-1] > rows["wide"][-1] > rows["entropy"] - 0.01
    lines = drawn["a_bound"].axes[0].lines
    assert [line.get_ydata()[2] for line in lines[:2]] == [rows["wide"][2], rows["narrow"][2]]


def test_the_network_learns_and_its_mean_is_kept(ran):
    results, _, out = ran
    losses = [row["train_loss"] for row in results["b"]["history"]]
    assert losses[-1] < 0.8 * losses[0]
    model = l20.make_model()
    minutes = load_weights(out / "network.pt", model.average.module)
    assert minutes == pytest.approx(results["b"]["minutes"])
    training = torch.load(out / "b_training.pt", weights_only=True)["model"]
    for name, weight in model.average.module.state_dict().items():
        assert torch.equal(weight, training[f"average.module.{name}"])
    assert training["average.n_averaged"] == 60
    assert results["b"]["parameters"] == sum(p.numel() for p in model.network.parameters())


@torch.no_grad()
def test_what_is_drawn_is_what_the_sampler_gives(ran):
    _, drawn, out = ran
    model = l20.make_model()
    load_weights(out / "network.pt", model.average.module)
    model.eval()
    noise = torch.randn(10, 1, 24, 24, generator=torch.Generator().manual_seed(1))
    denoise = partial(model.denoise, digits=torch.arange(10), guidance=2)
    expected = to_pixels(fast(model.process, denoise, noise, l20.JUMPS))
    images = [np.asarray(axis.images[0].get_array()) for axis in drawn["c_demand"].axes]
    assert len(images) == 30
    assert images[20 + 4] == pytest.approx(expected[4, 0].numpy(), abs=1e-4)
    together = l20.draw_digits(model, torch.arange(10), noise, guidance=2)
    assert torch.allclose(together, expected)


def test_the_steps_go_from_noise_to_the_digit(ran):
    axes = ran[1]["c_steps"].axes
    assert [axis.get_title() for axis in axes[:4]] == ["t = 20", "t = 10", "t = 5", "t = 0"]
    images = [np.asarray(axis.images[0].get_array()) for axis in axes]
    assert len(images) == 24
    for row in range(0, 6, 2):  # x_t and x̂_0 end at the same digit
        assert (images[4 * row + 3] == images[4 * row + 7]).all()
    start = to_pixels(torch.randn(10, 1, 24, 24, generator=torch.Generator().manual_seed(1)))
    assert images[8] == pytest.approx(start[4, 0].numpy(), abs=1e-6)


def test_fewer_jumps_lead_further_away(ran):
    rows = ran[0]["c"]["jumps"]
    assert [row["steps"] for row in rows] == [20, 10, 2]
    assert rows[0]["away"] == 0 < rows[1]["away"] < rows[2]["away"]


def test_the_nearest_images_and_the_costs(ran, sample):
    results, drawn, _ = ran
    assert results["d"]["test"] == pytest.approx(
        torch.cdist(sample.test.images.flatten(1), sample.train.images.flatten(1))
        .min(1)
        .values.median()
        .item(),
        rel=1e-4,
    )
    for line, name in zip(drawn["d_costs"].axes[0].lines, ("wide", "narrow")):
        costs, row = line.get_ydata(), results["d"][name]
        assert len(costs) == 19
        assert sum(costs) == pytest.approx(row["total"])
        assert sum(costs[:1]) / sum(costs) == pytest.approx(row["early"])
        assert sum(costs[14:]) == pytest.approx(row["late"])  # t = 16, …, 20


@torch.no_grad()
def test_a_cost_is_the_mean_of_one_draw_per_image(ran, sample):
    model = l20.make_model()
    load_weights(ran[2] / "network.pt", model.average.module)
    run = SimpleNamespace(mnist=sample, args=SimpleNamespace(seed=3), device="cpu")
    costs = l20.measure_costs(run, model.eval(), False, count=7)
    generator = torch.Generator().manual_seed(3)
    x0 = to_range(sample.test.images[:7])
    for i in (1, 2):
        t = torch.full((7,), i)
        xt = model.process.jump(x0, t, torch.randn(x0.shape, generator=generator))
        guess = model.denoise(xt, t, sample.test.labels[:7])
        expected = step_cost(model.process, x0, guess, xt, i, False).mean().item()
        assert costs[i - 1] == pytest.approx(expected, rel=1e-4)


def test_an_interrupted_training_ends_with_the_same_weights(ran, small, tmp_path):
    """After one of the three epochs, --resume goes on: the rate and the mean of the weights too."""
    options = [*OPTIONS, "--part", "b", "--out", str(tmp_path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "fit", stop_after_a_row(checkpoint.fit))
        assert l20.main(options) == 130
    assert l20.main([*options, "--resume"]) == 0
    one, other = (torch.load(folder / "network.pt", weights_only=True)["model"]
                  for folder in (ran[2], tmp_path))  # fmt: skip
    assert all(torch.equal(one[name], other[name]) for name in one)


def stop_after_a_row(fit):
    def stop(*arguments):
        rows = fit(*arguments)
        yield next(rows)
        raise KeyboardInterrupt

    return stop


def test_without_a_network_it_says_what_to_run(small, tmp_path, capsys):
    assert l20.main([*OPTIONS, "--part", "c", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "network.pt is missing" in error


def test_the_error_names_the_file(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        l20.load_model(SimpleNamespace(place=lambda model: model), tmp_path)
