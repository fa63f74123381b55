import json
from functools import partial
from types import SimpleNamespace

from common.data import Mnist
from hw7.autoencoder import Autoencoder, generate
from hw7.mixture import decode, sample_codes
from hw7.vae import VAE
from lectures import generative, l20_diffusion, l20_vae, l22_gan
from lectures.drawing import find_nearest, keep_weights
from lectures.unet import UNet

import pytest
import torch

SCRIPTS = ("l20_vae", "l20_diffusion", "l22_gan")


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(l20_diffusion, "UNet", partial(UNet, width=8, condition=16, depth=1))
        patch.setattr(l20_diffusion, "T", 20)
        patch.setattr(l20_vae, "SIZES", (40, 20))
        yield


@pytest.fixture(scope="module")
def runs(small, tmp_path_factory):
    """A folder as the networks' runs leave it; the networks are untrained."""
    runs = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    for folder in ("hw7/autoencoder", *(f"lectures/{name}" for name in SCRIPTS)):
        (runs / folder).mkdir(parents=True)
    hw7 = runs / "hw7" / "autoencoder"
    networks = {"b": Autoencoder(), "c": VAE(Autoencoder(width=32, dropout=0))}
    for part, network in networks.items():
        torch.save({"model": network.state_dict(), "history": []}, hw7 / f"{part}_model.pt")
    seconds = {"environment": {"seconds": {"a": 1, "b": 120, "c": 90}}}
    (hw7 / "summary.json").write_text(json.dumps(seconds))
    for name, make in l20_vae.MODELS.items():
        keep_weights(writer(runs / "lectures" / "l20_vae"), name, make(), 30)
    for name, told in l22_gan.TOLD.items():
        keep_weights(writer(runs / "lectures" / "l22_gan"), name, l22_gan.Generator(told), 60)
    network = l20_diffusion.make_model().network
    keep_weights(writer(runs / "lectures" / "l20_diffusion"), "network", network, 600)
    return runs


def writer(folder):
    return SimpleNamespace(write=lambda name, content: (folder / name).write_bytes(content))


@pytest.fixture(scope="module")
def ran(runs, tmp_path_factory, figures):
    out = tmp_path_factory.mktemp("generative")
    with figures() as drawn:
        options = ["--data", "sample", "--runs", str(runs), "--out", str(out)]
        assert generative.main(options) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn, out


@pytest.fixture
def run(runs, sample):
    """What a generator needs of a run."""
    small = Mnist(sample.train, sample.test)
    arguments = SimpleNamespace(runs=runs, seed=0)
    return SimpleNamespace(args=arguments, mnist=small, device="cpu", place=lambda model: model)


def test_every_row_has_every_number(ran):
    rows = {name: ran[0][name] for name in generative.GENERATORS}
    assert len(rows) == 10
    for name, row in rows.items():
        assert {*row} == {
            "frechet",
            "sure",
            "entropy",
            "seconds",
            "nearest",
            "parameters",
            "minutes",
        }
        draws = 1 if name in ("diffusion", "guided") else 3
        for measure in ("frechet", "sure", "entropy", "seconds"):
            values = row[measure]["values"]
            assert len(values) == draws and ("std" in row[measure]) == (draws > 1)
            assert row[measure]["mean"] == pytest.approx(sum(values) / draws)
        assert row["seconds"]["mean"] > 0


def test_minutes_and_parameters(ran):
    minutes = [ran[0][name]["minutes"] for name in generative.GENERATORS]
    assert minutes == [2, 1.5, 0.5, 0.5, 0.5, 0.5, 10, 10, 1, 1]
    counted = sum(p.numel() for p in Autoencoder().parameters())
    assert ran[0]["handout"]["parameters"] == counted


def test_noise_is_far_from_real_digits(ran):
    """The networks are untrained, and the floor is that of real digits."""
    floor = ran[0]["table"]
    for name in generative.GENERATORS:
        assert ran[0][name]["frechet"]["mean"] > 2 * floor["frechet"]
        assert ran[0][name]["nearest"] > 1
    assert floor["sure"] > 0.2


def test_the_floor_s_nearest_images_are_not_the_held_out_ones_themselves(ran, sample):
    train = sample.train.images  # 1,000, of which the judge holds 166 out
    held_out = min(200, len(train) // 6)
    distances, _ = find_nearest(train[-held_out:], train[:-held_out])
    assert ran[0]["table"]["nearest"] == pytest.approx(distances.median().item())


def test_hw7_s_networks_draw_as_hw7_does(run):
    images = generative.make_autoencoder(run, "b").draw(6, 5)
    model = Autoencoder()
    file = run.args.runs / "hw7" / "autoencoder" / "b_model.pt"
    model.load_state_dict(torch.load(file, weights_only=True)["model"])
    torch.testing.assert_close(images.flatten(1), generate(model, 6, 5, "cpu"))
    images = generative.make_autoencoder(run, "c").draw(6, 5)
    model = VAE(Autoencoder(width=32, dropout=0))
    file = file.with_name("c_model.pt")
    model.load_state_dict(torch.load(file, weights_only=True)["model"])
    codes = sample_codes(model, run.mnist.train.images, 6, 5)["mixture"]
    torch.testing.assert_close(images.flatten(1), decode(model, codes))


def test_a_vae_draws_from_its_prior(run):
    images = generative.make_vae(run, "two").draw(6, 5)
    model = l20_vae.MODELS["two"]()
    file = run.args.runs / "lectures" / "l20_vae" / "two.pt"
    model.load_state_dict(torch.load(file, weights_only=True)["model"])
    assert torch.equal(images, l20_vae.draw_digits(model, 6, 5))


def test_digits_are_asked_for_as_often_as_they_are_in_the_training_images(run):
    few = SimpleNamespace(labels=torch.tensor([7, 3, 3, 3]))
    run.mnist = SimpleNamespace(train=few)
    counts = generative.choose_digits(run, 4000, 0).bincount(minlength=10)
    assert counts[[3, 7]].sum() == 4000
    assert counts[7].item() == pytest.approx(1000, abs=120)
    one, other = (generative.choose_digits(run, 50, seed) for seed in (0, 1))
    assert not torch.equal(one, other)
    assert torch.equal(one, generative.choose_digits(run, 50, 0))


def test_a_network_that_is_told_is_told_them(run, monkeypatch):
    images = generative.make_vae(run, "demand").draw(6, 5)
    model = l20_vae.MODELS["demand"]()
    file = run.args.runs / "lectures" / "l20_vae" / "demand.pt"
    model.load_state_dict(torch.load(file, weights_only=True)["model"])
    digits = generative.choose_digits(run, 6, 5)
    assert torch.equal(images, l20_vae.draw_digits(model, 6, 5, digits))
    assert not torch.equal(images, l20_vae.draw_digits(model, 6, 5))


def test_a_gan_is_told_as_many_as_there_are(run):
    images = generative.make_gan(run, "conditional").draw(6, 5)
    model = l22_gan.Generator(10)
    file = run.args.runs / "lectures" / "l22_gan" / "conditional.pt"
    model.load_state_dict(torch.load(file, weights_only=True)["model"])
    digits = generative.choose_digits(run, 6, 5)
    assert torch.equal(images, l22_gan.draw_digits(model.eval(), digits, 5))
    assert not torch.equal(images, l22_gan.draw_digits(model, (digits + 1) % 10, 5))


def test_the_diffusion_draws_with_the_guidance_asked_for(run, monkeypatch):
    asked = []

    def draw(model, digits, noise, steps, guidance):
        asked.append((digits.tolist(), noise.shape, steps, guidance))

    monkeypatch.setattr(l20_diffusion, "draw_digits", draw)
    generative.GENERATORS["diffusion"][1](run).draw(12, 0)
    generative.GENERATORS["guided"][1](run).draw(12, 0)
    generative.make_diffusion(run, 2, 7).draw(12, 0)
    shape, digits = (12, 1, 24, 24), generative.choose_digits(run, 12, 0).tolist()
    jumps, half = l20_diffusion.JUMPS, l20_diffusion.GUIDANCE
    assert asked == [
        (digits, shape, jumps, 0),
        (digits, shape, jumps, half),
        (digits, shape, 7, 2),
    ]


def test_the_sweep_has_each_setting_once(ran):
    keys = [f"{steps}_0.2" for steps in (10, 20)]
    keys += [f"20_{guidance}" for guidance in (0, 0.1, 0.5)]
    assert list(ran[0]["sweep"]) == keys


def test_the_figure_has_a_row_for_each(ran):
    axes = ran[1]["digits"].axes
    assert len(axes) == 110
    names = [axis.get_ylabel() for axis in axes[::10]]
    assert names == [*[label for label, _ in generative.GENERATORS.values()], "held-out images"]
    shown = torch.load(ran[2] / "two.pt", weights_only=True)
    assert (axes[33].images[0].get_array() == shown[3, 0].numpy()).all()


def test_the_table_needs_all_rows(runs, tmp_path, capsys):
    options = ["--data", "sample", "--runs", str(runs), "--part", "table", "--out", str(tmp_path)]
    assert generative.main(options) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "handout, improved" in error


def test_a_missing_run_is_one_line(tmp_path, capsys):
    options = ["--data", "sample", "--runs", str(tmp_path), "--part", "vae"]
    assert generative.main([*options, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "one.pt is missing" in error
