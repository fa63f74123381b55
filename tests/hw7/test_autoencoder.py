import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from common.data import Batches
from common.loop import fit, test_loop, train_loop
from common.run import Run
from hw7 import autoencoder
from hw7.autoencoder import Autoencoder, generate, negative_elbo, squared_code_norm
from hw7.mixture import decode, sample_codes
from hw7.vae import VAE, reconstruction_error

import pytest
import torch
from torch import nn

ROOT = Path(__file__).parents[2]
TERMS = {"code": squared_code_norm, "error": reconstruction_error}


@pytest.fixture(scope="module")
def trained() -> Autoencoder:
    """With batch-norm statistics that are not those of a new network."""
    torch.manual_seed(0)
    model = Autoencoder()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(64, 1, 28, 28))
    return model


@pytest.fixture
def model(trained) -> Autoencoder:
    return trained.eval()


@pytest.fixture
def x(sample):
    return sample.test.images[:7]


ENCODER = [
    (nn.Conv2d, (20, 25, 25)),
    (nn.ReLU, (20, 25, 25)),
    (nn.BatchNorm2d, (20, 25, 25)),
    (nn.Dropout, (20, 25, 25)),
    (nn.Conv2d, (20, 11, 11)),
    (nn.ReLU, (20, 11, 11)),
    (nn.MaxPool2d, (20, 5, 5)),
    (nn.BatchNorm2d, (20, 5, 5)),
    (nn.Dropout, (20, 5, 5)),
    (nn.Flatten, (500,)),
    (nn.Linear, (250,)),
    (nn.ReLU, (250,)),
    (nn.BatchNorm1d, (250,)),
    (nn.Dropout, (250,)),
    (nn.Linear, (10,)),
]
DECODER = [
    (nn.Linear, (360,)),
    (nn.ReLU, (360,)),
    (nn.BatchNorm1d, (360,)),
    (nn.Dropout, (360,)),
    (nn.Linear, (720,)),
    (nn.ReLU, (720,)),
    (nn.BatchNorm1d, (720,)),
    (nn.Dropout, (720,)),
    (nn.Unflatten, (20, 6, 6)),
    (nn.Upsample, (20, 12, 12)),
    (nn.ConvTranspose2d, (20, 27, 27)),
    (nn.ReLU, (20, 27, 27)),
    (nn.BatchNorm2d, (20, 27, 27)),
    (nn.Dropout, (20, 27, 27)),
    (nn.ConvTranspose2d, (1, 28, 28)),
    (nn.Sigmoid, (1, 28, 28)),
]


def test_the_layers_are_the_handout_s(model, x):
    for layers, expected in [(model.encoder, ENCODER), (model.decoder, DECODER)]:
        assert isinstance(layers, nn.Sequential) and len(layers) == len(expected)
        for layer, (kind, shape) in zip(layers, expected):
            x = layer(x)
            assert isinstance(layer, kind), (layer, kind)
            assert x.shape == (7, *shape)
    dropouts = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    assert dropouts == [0.1] * 6
    assert [name for name, _ in model.named_children()] == ["encoder", "decoder"]
    assert model.decoder[9].mode == "bicubic"


def test_the_number_of_parameters_by_hand(model):
    def count(layers):
        return sum(parameter.numel() for parameter in layers.parameters())

    convolutions = (16 + 1) * 20 + (20 * 16 + 1) * 20
    assert count(model.encoder) == convolutions + 40 + 40 + 501 * 250 + 500 + 251 * 10
    linear = 11 * 360 + 720 + 361 * 720 + 1440
    assert count(model.decoder) == linear + (20 * 16 + 1) * 20 + 40 + 20 * 16 + 1


def test_width_and_dropout_are_those_asked_for():
    model = Autoencoder(width=3, dropout=0.4)
    assert model.encoder[-1].out_features == model.decoder[0].in_features == 3
    dropouts = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    assert dropouts == [0.4] * 6


@pytest.mark.parametrize("enc_mode", [1, 0, 0.5])
def test_forward_is_the_formula(model, x, enc_mode):
    torch.manual_seed(1)
    output = model(x, enc_mode=enc_mode)
    torch.manual_seed(1)
    noise = torch.randn(7, 10)
    z = model.encoder(x)
    f = model.decoder(enc_mode * z + (2 - enc_mode) * noise)
    assert output.shape == (7, 794)
    torch.testing.assert_close(output[:, :10], z)
    torch.testing.assert_close(output[:, 10:], f.flatten(1) - x.flatten(1))
    torch.manual_seed(1)
    if enc_mode == 1:  # the default
        assert torch.equal(model(x), output)


def test_enc_mode_0_sees_x_only_where_it_is_subtracted(model, x):
    outputs = []
    for images in (x, torch.zeros_like(x)):
        torch.manual_seed(2)
        outputs.append(model(images, enc_mode=0)[:, 10:] + images.flatten(1))
    torch.testing.assert_close(*outputs)
    torch.manual_seed(2)
    assert (model(x)[:, 10:] + x.flatten(1) - outputs[0]).abs().max() > 0.1


def test_the_loss_is_the_negative_elbo_up_to_its_constants(model, x):
    output = model(x)
    total = 0
    for z, image, row in zip(model.encoder(x), x, output):
        f = row[10:] + image.flatten()
        total += 0.5 * sum(v * v for v in z.tolist())
        total += 0.5 * (image.flatten() - f).double().square().sum().item()
    assert negative_elbo(output, None).item() * 794 / 2 == pytest.approx(total / 7, rel=1e-5)
    code, error = (term(output, None).item() for term in TERMS.values())
    assert 0.5 * (code + error) == pytest.approx(total / 7, rel=1e-5)
    assert code == pytest.approx(model.encoder(x).norm(dim=1).square().mean().item(), rel=1e-5)


def test_generation_is_set_by_the_seed_and_runs_in_evaluation_mode(model):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    digits = generate(model, 5, 3, "cpu")
    assert torch.equal(torch.get_rng_state(), state)
    assert digits.shape == (5, 784) and digits.min() >= 0 and digits.max() <= 1
    assert not digits.requires_grad
    assert torch.equal(digits, generate(model, 5, 3, "cpu"))
    assert not torch.equal(digits, generate(model, 5, 4, "cpu"))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    torch.manual_seed(3)
    with torch.no_grad():
        expected = model.eval().decoder(2 * torch.randn(5, 10))
    torch.testing.assert_close(digits, expected.flatten(1))


def test_sample_code_gives_the_codes_that_forward_decodes(model, x):
    torch.manual_seed(1)
    expected = model(x)[:, -784:] + x.flatten(1)
    torch.manual_seed(1)
    torch.testing.assert_close(model.decoder(model.sample_code(x)).flatten(1), expected)


def test_noise_is_made_where_the_code_is():
    with torch.device("meta"):
        model = Autoencoder()
        assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 794)
    x = torch.zeros(3, 1, 28, 28, device="meta")  # the default device is the CPU again
    for enc_mode in (0, 1):
        assert model(x, enc_mode).device.type == "meta"
    assert model.sample_code(x).device.type == "meta"


def test_a_short_run_on_the_sample_beats_a_floor(sample, answered):
    """Trained as in (b), in batches of 20."""
    torch.manual_seed(0)
    before = test_loop(Autoencoder(), Batches(sample.test, 200), negative_elbo)["loss"]
    losses = answered.results["b"]["test_loss"]
    assert before > 0.19 > 0.11 > losses[0] > losses[2]


# The script


SETTINGS = ["--data", "sample", "--epochs", "3", "--batch-size", "20", "--seed", "3"]


@pytest.fixture(scope="module")
def answered(tmp_path_factory) -> SimpleNamespace:
    """The script's run on the sample: results, checkpoints, figures."""
    out, figures, shown = tmp_path_factory.mktemp("answered"), {}, {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save", lambda run, name, figure: figures.update({name: figure}))
        patch.setattr(
            autoencoder, "save_pictures", lambda run, part, *what: shown.update({part: what})
        )
        assert autoencoder.main([*SETTINGS, "--device", "cpu", "--out", str(out)]) == 0
    torch.set_num_threads(threads)
    results = json.loads((out / "summary.json").read_text())["results"]
    models = {"b": Autoencoder(), "c": VAE(Autoencoder(width=32, dropout=0))}
    states = {}
    for part, model in models.items():
        states[part] = torch.load(out / f"{part}_model.pt", weights_only=True)
        model.load_state_dict(states[part]["model"])
        model.to(memory_format=torch.channels_last).eval()
    return SimpleNamespace(
        results=results, states=states, models=models, figures=figures, shown=shown
    )


def test_part_a_draws_the_sketch_and_counts_the_parameters(answered):
    assert answered.results["a"]["parameters"] == {"encoder": 135100, "decoder": 272821}
    words = [text.get_text() for text in answered.figures["a_sketch"].axes[0].texts]
    assert "linear 250→10" in words and "encoder g" in words


def test_each_part_trains_with_its_loss_and_its_optimizer(answered):
    b, c = (answered.results[part]["history"][-1] for part in "bc")
    assert b["test_loss"] == pytest.approx((b["test_code"] + b["test_error"]) / 794, rel=1e-5)
    expected = c["test_divergence"] + 392 * math.log(c["test_error"] / 784)
    assert c["test_loss"] == pytest.approx(expected * 2 / 816, rel=1e-5)
    sgd, adam = (answered.states[part]["optimizer"] for part in "bc")
    assert sgd["param_groups"][0]["lr"] == 0.1 and not sgd["state"]
    assert adam["param_groups"][0]["initial_lr"] == 1e-3
    assert adam["param_groups"][0]["lr"] == pytest.approx(0, abs=1e-12)  # after the last epoch
    assert "exp_avg_sq" in adam["state"][0]


def test_the_summary_holds_every_epoch_and_the_last_one_s_figures(answered):
    """(c) trains for half of --epochs."""
    for part, epochs, terms in [("b", 3, ["code", "error"]), ("c", 1, ["divergence", "error"])]:
        result = answered.results[part]
        assert [row["epoch"] for row in result["history"]] == list(range(1, epochs + 1))
        assert result["test_loss"] == [row["test_loss"] for row in result["history"]]
        for term in terms:
            assert result[f"test_{term}"] == result["history"][-1][f"test_{term}"]
        assert set(result) == {"history", "test_loss", *(f"test_{term}" for term in terms)}


TITLES = {
    "b_loss": ("Mean square of [z, f − x]", "per entry, of 794"),
    "b_code": ("First term: ‖z‖²", "squared length of the code, per image"),
    "b_error": ("Second term: ‖x − f‖²", "squared error of 784 pixels, per image"),
    "c_loss": ("Negative ELBO: KL + 392 ln v, times 2/816", "per entry, up to a constant"),
    "c_divergence": ("KL of the codes' distribution from N(0, I)", "nats per image"),
    "c_error": ("‖x − f‖²", "squared error of 784 pixels, per image"),
}


@pytest.mark.parametrize("name", TITLES)
def test_a_figure_of_a_term_shows_its_epochs(answered, name):
    (axes,) = answered.figures[name].axes
    part, term = name.split("_")
    history = answered.results[part]["history"]
    for line, rows in zip(axes.lines, ["test", "train"]):
        assert line.get_label().startswith(rows)
        assert line.get_xdata().tolist() == [row["epoch"] for row in history]
        assert line.get_ydata().tolist() == [row[f"{rows}_{term}"] for row in history]
    assert (axes.get_title(), axes.get_ylabel()) == TITLES[name]
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_each_part_shows_its_model_and_digits_of_it(answered, sample):
    """What becomes of them is tested in test_pictures.py."""
    sources = {"b": ("2·N", "decoded from 2·N(0, I)"), "c": ("mixture", "codes from the mixture")}
    for part, (source, title) in sources.items():
        model, digits, shown_title = answered.shown[part]
        expected = answered.models[part].state_dict()
        assert model.state_dict().keys() == expected.keys()
        assert all(
            torch.equal(a, b) for a, b in zip(model.state_dict().values(), expected.values())
        )
        codes = sample_codes(answered.models[part], sample.train.images, 20, 3)[source]
        torch.testing.assert_close(digits, decode(model, codes), atol=1e-4, rtol=0)
        assert shown_title == f"Generated: {title}"


def test_c_trains_for_half_the_epochs_with_the_cosine_over_them(monkeypatch):
    """The study's row "all together" has 5 epochs, and so has (c) by default."""
    calls = []

    def stop(self, model, loss_fn, optimizer, metrics, scheduler, **options):
        calls.append((scheduler.T_max, options["epochs"]))
        raise InterruptedError

    monkeypatch.setattr(Run, "fit", stop)
    for epochs in (10, 7, 1):
        run = object.__new__(Run)
        run.args, run.device = SimpleNamespace(epochs=epochs), torch.device("cpu")
        with pytest.raises(InterruptedError):
            autoencoder.part_c(run)
    assert calls == [(5, 5), (3, 3), (1, 1)]


def test_help_says_how_many_epochs_c_has(capsys):
    with pytest.raises(SystemExit):
        autoencoder.main(["--help"])
    text = capsys.readouterr().out
    assert "(c) for half as many" in text
    assert "passes over the training data (default: 10)" in " ".join(text.split())


def test_a_batch_of_one_image_is_refused_in_one_line(tmp_path, capsys):
    arguments = ["--data", "sample", "--part", "b", "--batch-size", "999", "--out", str(tmp_path)]
    assert autoencoder.main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("autoencoder.py: error: argument --batch-size: came 999")
    assert message.count("\n") == 1


def test_the_script_resumes_to_the_same_bits_after_kill_9(tmp_path, capsys):
    """Killed after the first epoch of two, as a process of its own."""
    settings = ["--part", "c", "--data", "sample", "--epochs", "4", "--batch-size", "200"]
    settings += ["--device", "cpu", "--out"]
    command = [sys.executable, ROOT / "hw7" / "autoencoder.py", *settings, tmp_path / "killed"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    killed = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    while not (tmp_path / "killed" / "c_model.pt").exists() and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "summary.json").exists()
    ends, shown, threads = {}, [], torch.get_num_threads()
    torch.set_num_threads(1)
    for name, options in {"whole": [], "killed": ["--resume"]}.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "save", lambda run, name, figure: None)
            patch.setattr(autoencoder, "save_pictures", lambda *arguments: shown.append(arguments))
            assert autoencoder.main([*settings, str(tmp_path / name), *options]) == 0
        _, _, model, digits, _ = shown.pop()  # what all pictures are made of
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        ends[name] = SimpleNamespace(results=summary["results"], model=model, digits=digits)
    torch.set_num_threads(threads)
    assert "resumed after epoch 1" in capsys.readouterr().out
    assert ends["whole"].results == ends["killed"].results
    assert torch.equal(ends["whole"].digits, ends["killed"].digits)
    weights = (end.model.state_dict() for end in ends.values())
    for one, other in zip(*(state.values() for state in weights)):
        assert torch.equal(one, other)


def test_it_overfits_one_batch(sample):
    torch.manual_seed(0)
    model = Autoencoder()
    batch = sample.train._replace(images=sample.train.images[:16], labels=sample.train.labels[:16])
    batches = Batches(batch, 16, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(130):
        train_loop(model, batches, negative_elbo, optimizer)
    rows = list(fit(model, batches, batches, negative_elbo, optimizer, 20, TERMS))
    mean = batch.images.flatten(1).var(0, correction=0).sum().item()  # the error of the mean image
    errors = [row["test_error"] for row in rows]  # each is of one draw of the noise
    assert sum(errors) / len(errors) < 0.75 * mean
