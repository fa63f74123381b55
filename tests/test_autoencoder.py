import itertools
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from common.data import Batches
from common.loop import fit, test_loop
from hw7 import autoencoder
from hw7.autoencoder import (
    Autoencoder,
    Variational,
    calibrated_elbo,
    code_square,
    divergence,
    elbo,
    error_square,
    generate,
)
from hw7.generation import Judge, decode, judged, sources
from hw7.sketch import sketch

ROOT = Path(__file__).parents[1]
TERMS = {"code": code_square, "error": error_square}


@pytest.fixture
def model() -> Autoencoder:
    """With batch-norm statistics that are not those of a new network."""
    torch.manual_seed(0)
    model = Autoencoder()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(64, 1, 28, 28))
    return model.eval()


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


def test_the_stages_are_the_handout_s(model, x):
    for stages, expected in [(model.encoder, ENCODER), (model.decoder, DECODER)]:
        assert isinstance(stages, nn.Sequential) and len(stages) == len(expected)
        for stage, (kind, shape) in zip(stages, expected):
            x = stage(x)
            assert isinstance(stage, kind), (stage, kind)
            assert x.shape == (7, *shape)
    dropouts = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    assert dropouts == [0.1] * 6
    assert [name for name, _ in model.named_children()] == ["encoder", "decoder"]


def test_the_number_of_parameters_by_hand(model):
    def count(stages):
        return sum(parameter.numel() for parameter in stages.parameters())

    convolutions = (16 + 1) * 20 + (20 * 16 + 1) * 20
    assert count(model.encoder) == convolutions + 40 + 40 + 501 * 250 + 500 + 251 * 10
    linear = 11 * 360 + 720 + 361 * 720 + 1440
    assert count(model.decoder) == linear + (20 * 16 + 1) * 20 + 40 + 20 * 16 + 1


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
    assert elbo(output, None).item() * 794 / 2 == pytest.approx(total / 7, rel=1e-5)
    code, error = (term(output, None).item() for term in TERMS.values())
    assert 0.5 * (code + error) == pytest.approx(total / 7, rel=1e-5)


def test_generation_is_set_by_the_seed_and_runs_in_evaluation_mode(model):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    digits = generate(model, 5, 3, "cpu")
    assert torch.equal(torch.get_rng_state(), state)
    assert digits.shape == (5, 784) and digits.min() >= 0 and digits.max() <= 1
    assert torch.equal(digits, generate(model, 5, 3, "cpu"))
    assert not torch.equal(digits, generate(model, 5, 4, "cpu"))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    torch.manual_seed(3)
    with torch.no_grad():
        expected = model.eval().decoder(2 * torch.randn(5, 10))
    torch.testing.assert_close(digits, expected.flatten(1))


@pytest.fixture
def variational(x) -> Variational:
    """A Variational with statistics of images, in float64, whose codes are not close to N(0, I)."""
    torch.manual_seed(0)
    model = Variational(width=6).double()
    with torch.no_grad():
        model.encoder[-1].weight.mul_(4)
        for _ in range(3):
            model(torch.rand(64, 1, 28, 28, dtype=torch.float64))
    return model.eval()


@pytest.mark.parametrize("enc_mode", [1, 0])
def test_the_variational_forward_is_the_formula(variational, x, enc_mode):
    x = x.double()
    torch.manual_seed(1)
    output = variational(x, enc_mode=enc_mode)
    torch.manual_seed(1)
    noise = torch.randn(7, 6, dtype=torch.float64)
    code = variational.encoder(x)
    mean, variance = code[:, :6], 1 / (1 + (-code[:, 6:]).exp())
    f = variational.decoder(mean + variance.sqrt() * noise if enc_mode else noise)
    assert output.shape == (7, 12 + 784)
    torch.testing.assert_close(output[:, :6], mean)
    torch.testing.assert_close(output[:, 6:12], variance.log())
    torch.testing.assert_close(output[:, 12:], (f - x).flatten(1))


def test_the_divergence_is_that_of_torch_s_distributions(variational, x):
    output = variational(x.double())
    mean, variance = output[:, :6], output[:, 6:12].exp()
    one = torch.distributions.Normal(mean, variance.sqrt())
    other = torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
    expected = torch.distributions.kl_divergence(one, other).sum(1).mean()
    torch.testing.assert_close(divergence(output, None), expected)
    assert expected > 0.1 and variance.max() < 1


def test_the_calibrated_loss_is_the_least_negative_elbo_over_the_decoder_s_variance(variational, x):
    x = x.double()
    output = variational(x)
    f = output[:, 12:] + x.flatten(1)

    def negative_elbo(v):
        likelihood = torch.distributions.Normal(f, v**0.5).log_prob(x.flatten(1)).sum(1).mean()
        return divergence(output, None) - likelihood

    v = output[:, 12:].square().mean()
    constant = 392 * (1 + torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64)))
    loss = calibrated_elbo(output, None) * (6 + 784) / 2 + constant
    torch.testing.assert_close(loss, negative_elbo(v))
    assert all(loss < negative_elbo(v * factor) for factor in (0.9, 1.1))


@pytest.mark.parametrize("kind", [Autoencoder, Variational])
def test_draws_are_the_codes_that_forward_decodes(kind, x):
    torch.manual_seed(0)
    model = kind().eval()
    torch.manual_seed(1)
    expected = model(x)[:, -784:] + x.flatten(1)
    torch.manual_seed(1)
    torch.testing.assert_close(model.decoder(model.draw(x)).flatten(1), expected)


def test_the_variational_kind_learns_on_the_sample(sample):
    torch.manual_seed(0)
    model = Variational()
    train, test = Batches(sample.train, 20, seed=0), Batches(sample.test, 200)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    metrics = {"divergence": divergence, "error": error_square}
    rows = list(fit(model, train, test, calibrated_elbo, optimizer, 3, metrics))
    assert rows[-1]["test_error"] < 45 < rows[0]["test_error"]
    variances = model.eval().posterior(sample.test.images)[1].exp()
    assert variances.max() <= 1 and variances.amin(0).mean() < 0.3  # from about 0.5


def test_it_overfits_one_batch(sample):
    torch.manual_seed(0)
    model = Autoencoder()
    batch = sample.train._replace(images=sample.train.images[:16], labels=sample.train.labels[:16])
    batches = Batches(batch, 16, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    rows = list(fit(model, batches, batches, elbo, optimizer, 150, TERMS))
    mean = batch.images.flatten(1).var(0, correction=0).sum().item()  # the error of the mean image
    errors = [row["test_error"] for row in rows[-20:]]  # each is of one draw of the noise
    assert sum(errors) / len(errors) < 0.75 * mean


def test_a_short_run_on_the_sample_beats_a_floor(sample):
    torch.manual_seed(0)
    model = Autoencoder()
    train, test = Batches(sample.train, 20, seed=0), Batches(sample.test, 200)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = test_loop(model, test, elbo)["loss"]
    first, _, last = fit(model, train, test, elbo, optimizer, 3, TERMS)
    assert before > 0.19 > 0.11 > first["test_loss"] > last["test_loss"]


@pytest.mark.parametrize("kind, columns", [(Autoencoder, 794), (Variational, 804)])
def test_noise_is_made_where_the_code_is(kind, columns):
    with torch.device("meta"):
        model = kind(width=10)
        assert model(torch.zeros(3, 1, 28, 28)).shape == (3, columns)
    model = model.to_empty(device="meta")
    x = torch.zeros(3, 1, 28, 28, device="meta")  # the default device is the CPU again
    for enc_mode in (0, 1):
        assert model(x, enc_mode).device.type == "meta"
    assert model.draw(x).device.type == "meta"


def test_the_sketch_names_every_stage_and_no_text_overlaps(model):
    figure = sketch(model)
    figure.canvas.draw()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    words = " ".join(text.get_text() for text in texts)
    for stage in [*model.encoder, *model.decoder]:
        if isinstance(stage, nn.Linear):
            assert f"linear {stage.in_features}→{stage.out_features}" in words
        if isinstance(stage, nn.Conv2d | nn.ConvTranspose2d):
            assert f"conv {stage.in_channels}→{stage.out_channels}, 4×4" in words
    counts = {"ReLU": 6, "batch norm": 6, "dropout 0.1": 6, "sigmoid": 1, "max-pool 2": 1}
    counts |= {"bicubic upsampling ×2": 1, "unflatten": 1, "inverts": 6, "20 × 27 × 27": 1}
    assert {name: words.count(name) for name in counts} == counts
    boxes = [text.get_window_extent() for text in texts]
    for (one, a), (other, b) in itertools.combinations(zip(boxes, texts), 2):
        assert not one.overlaps(other), (a.get_text(), b.get_text())
    edges = figure.bbox
    assert all(edges.x0 <= box.x0 and box.x1 <= edges.x1 for box in boxes)
    plt.close(figure)


@pytest.fixture(scope="module")
def answered(tmp_path_factory) -> SimpleNamespace:
    """The script's parts (b) and (c) on the sample: results, checkpoints and the digits shown."""
    out, shown = tmp_path_factory.mktemp("answered"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoencoder, "show", lambda run, part, model, digits, title:
                      shown.update({part: digits}))  # fmt: skip
        patch.setattr(autoencoder, "PARTS", {"b": autoencoder.part_b, "c": autoencoder.part_c})
        settings = ["--data", "sample", "--epochs", "2", "--batch-size", "100", "--seed", "3"]
        assert autoencoder.main([*settings, "--device", "cpu", "--out", str(out)]) == 0
    results = json.loads((out / "summary.json").read_text())["results"]
    states = {part: torch.load(out / f"{part}_model.pt", weights_only=True) for part in "bc"}
    return SimpleNamespace(results=results, states=states, shown=shown)


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


def test_each_part_shows_and_judges_digits_of_its_model(answered, sample):
    judge = Judge(sample, seed=3)
    for part, model in {"b": Autoencoder(), "c": Variational()}.items():
        model.load_state_dict(answered.states[part]["model"])
        model.to(memory_format=torch.channels_last)
        codes = sources(model, sample.train.images, 20, 3)
        expected = decode(model, codes["2·N" if part == "b" else "mixture"])
        torch.testing.assert_close(answered.shown[part], expected, atol=1e-4, rtol=0)
        quality = judged(judge, model, sample.train.images, 3)
        for name, row in answered.results[part]["quality"].items():
            assert row["frechet"] == pytest.approx(quality[name]["frechet"], rel=1e-2), name
        assert answered.results[part]["floor"]["frechet"] == pytest.approx(
            judge.floor["frechet"], rel=1e-2
        )


def started(folder: Path, *arguments: str) -> subprocess.Popen:
    script = ROOT / "hw7" / "autoencoder.py"
    settings = ["--part", "c", "--data", "sample", "--epochs", "3"]
    command = [sys.executable, script, *settings, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, **pipes)


def test_the_script_resumes_to_the_same_bits_after_kill_9(tmp_path):
    whole = started(tmp_path, "--out", "whole")
    assert (whole.communicate(timeout=200)[1], whole.returncode) == ("", 0)
    killed = started(tmp_path, "--out", "killed")
    checkpoint = tmp_path / "killed" / "c_model.pt"
    while not checkpoint.exists() and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "killed" / "summary.json").exists()
    resumed = started(tmp_path, "--out", "killed", "--resume")
    output, error = resumed.communicate(timeout=200)
    assert (error, resumed.returncode) == ("", 0)
    assert "resumed after epoch" in output
    one, two = (
        json.loads((tmp_path / name / "summary.json").read_text())["results"]
        for name in ("whole", "killed")
    )
    assert one == two
    for name in ("c_generated.png", "c_reconstructed.png", "c_interpolated.png"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
