import json
import math

from final import q4_covariance as q4
from final.q4_covariance import CovarianceAutoencoder, hw7_b_nats, hw7_c_nats, inverse
from hw7.autoencoder import Autoencoder, negative_elbo
from hw7.vae import VAE, calibrated_loss

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn

CONSTANT = 392 * math.log(2 * math.pi)


@pytest.fixture(scope="module")
def model():
    """A triangular M, far from the identity; without dropout or changes of the batch norm."""
    torch.manual_seed(0)
    model = CovarianceAutoencoder(triangular=True).eval()
    nn.init.normal_(model.a, 1, 0.5)
    nn.init.normal_(model.under, 0, 0.05)
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """(summary, figures, models, output folder) of a small run."""
    out, models = tmp_path_factory.mktemp("q4"), []
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(q4, "TRAIN_IMAGES", 128)
        patch.setattr(q4, "COLLAPSE_STEPS", 12)
        patch.setattr(q4, "FrechetEvaluator", FakeEvaluator)
        patch.setattr(q4, "draw_deviations", lambda *two: models.extend(two) or DRAW(*two))
        arguments = ["--data", "sample", "--epochs", "1", "--batch-size", "32", "--out", str(out)]
        assert q4.main(arguments) == 0
    return json.loads((out / "summary.json").read_text()), drawn, models, out


DRAW = q4.draw_deviations


class FakeEvaluator:
    """Counts the images; the real one trains a network, and has tests of its own."""

    def __init__(self, mnist, seed):
        self.real, self.floor = torch.zeros(12, 250), {"frechet": 1.0}

    def __call__(self, images):
        assert images.shape == (12, 784)
        return {"frechet": images.mean().item()}


def output_of(model, x, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        return model(x)


def test_the_diagonal_is_positive_and_bounded():
    model = CovarianceAutoencoder()
    with torch.no_grad():
        model.a.copy_(torch.linspace(-60, 60, 784))
    M = model.matrix().detach()
    assert (M.diagonal() > 0).all()
    assert M.diagonal()[0] < 1e-25
    assert M.diagonal()[-1] == pytest.approx(100)
    assert (M - M.diagonal().diag() == 0).all()
    torch.testing.assert_close(M.diagonal().log(), model.log_diagonal().detach())


def test_m_is_lower_triangular_and_its_log_det_is_slogdet_s(model):
    M = model.matrix().detach().double()
    assert (M.triu(1) == 0).all()
    torch.testing.assert_close(M.tril(-1).float(), model.under.detach().tril(-1))
    sign, log_det = torch.linalg.slogdet(M)
    assert sign == 1
    assert model.log_diagonal().sum().item() == pytest.approx(log_det.item(), rel=1e-5)


def test_the_output_is_z_and_m_times_the_error(model, sample):
    x = sample.test.images[:3]
    output = output_of(model, x)
    torch.manual_seed(0)
    with torch.no_grad():
        z = model.encoder(x)
        f = model.decoder(z + torch.randn_like(z)).flatten(1)
        M = model.matrix()
        expected = torch.stack([M @ (x_n - f_n) for x_n, f_n in zip(x.flatten(1), f)])
    torch.testing.assert_close(output, torch.cat((z, expected), 1))


def test_the_negative_elbo_is_scipy_s_density_and_the_divergence_by_monte_carlo(model, sample):
    x = sample.test.images[:2]
    output = output_of(model, x)
    torch.manual_seed(0)
    with torch.no_grad():
        z = model.encoder(x)
        f = model.decoder(z + torch.randn_like(z)).flatten(1).double().numpy()
        M = model.matrix().double().numpy()
    pixels = x.flatten(1).double().numpy()
    log_p = [multivariate_normal.logpdf(pixels[n], f[n], np.linalg.inv(M.T @ M)) for n in range(2)]
    # E_q[ln q(z|x) − ln p(z)], from draws of q
    mean = z.double().numpy()
    drawn = mean + np.random.default_rng(0).normal(size=(200_000, 2, 10))
    logs = (drawn**2 - (drawn - mean) ** 2).sum(2) / 2
    divergence = logs.mean(0)
    np.testing.assert_allclose(divergence, (mean**2).sum(1) / 2, atol=0.1)
    expected = np.mean((mean**2).sum(1) / 2 - log_p)
    assert model.negative_elbo(output, x).item() == pytest.approx(expected, rel=1e-5)


def test_a_gaussian_s_log_density_integrates_to_one():
    """The constants, in one dimension's worth: the density of 784 independent pixels."""
    model = CovarianceAutoencoder()
    nn.init.constant_(model.a, 1.0)
    deviation = q4.SMALLEST + math.exp(-1)
    zeros = torch.zeros(1, 10 + 784)
    per_pixel = -model.negative_elbo(zeros, zeros).item() / 784  # ln of the density's peak
    assert math.exp(per_pixel) * deviation * math.sqrt(2 * math.pi) == pytest.approx(1, rel=1e-5)


def test_with_m_the_identity_it_is_hw7_s_loss(sample):
    torch.manual_seed(0)
    model, plain = CovarianceAutoencoder().eval(), Autoencoder().eval()
    nn.init.constant_(model.a, -math.log(1 - q4.SMALLEST))  # M_ii = 1
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k != "a"})
    x = sample.test.images[:5]
    output, expected = output_of(model, x), output_of(plain, x)
    loss = negative_elbo(expected, x).item()
    assert q4.mean_square(output, x).item() == pytest.approx(loss, rel=1e-4)
    nats = 397 * loss + CONSTANT
    assert model.negative_elbo(output, x).item() == pytest.approx(nats, rel=1e-5)
    assert hw7_b_nats(expected, x).item() == pytest.approx(nats, rel=1e-5)


def test_hw7_c_s_loss_in_nats(sample):
    torch.manual_seed(0)
    model = VAE(Autoencoder(width=32, dropout=0)).eval()
    x = sample.test.images[:5]
    output = output_of(model, x)
    expected = 408 * calibrated_loss(output, x).item() + CONSTANT + 392
    assert hw7_c_nats(output, x).item() == pytest.approx(expected, rel=1e-5)


def test_without_the_determinant_m_shrinks_and_with_it_finds_the_deviations():
    """The ELBO of given errors is best at their own deviation; without it, at M = 0."""
    torch.manual_seed(0)
    errors = torch.randn(64, 784) * torch.linspace(0.05, 0.5, 784)
    found = {}
    for with_det in (False, True):
        model = CovarianceAutoencoder()
        optimizer = torch.optim.Adam([model.a], 0.1)
        for _ in range(100):
            output = torch.cat((torch.zeros(64, 10), errors * model.log_diagonal().exp()), 1)
            loss = (q4.mean_square, model.negative_elbo)[with_det](output, errors)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found[with_det] = model.log_diagonal().exp().detach()
    deviations = errors.square().mean(0).sqrt()
    torch.testing.assert_close(1 / found[True], deviations, rtol=0.02, atol=0)
    assert found[False].max() < 0.2


def test_the_inverse_gives_the_errors_their_covariance(model):
    M = model.matrix().detach().double()
    L = inverse(model)
    torch.testing.assert_close(L @ M, torch.eye(784, dtype=torch.float64), rtol=0, atol=1e-8)
    torch.testing.assert_close(L @ L.T @ (M.T @ M), torch.eye(784).double(), rtol=0, atol=1e-6)


def test_parameter_groups_hold_each_parameter_once(model):
    rest, diagonal = model.parameter_groups()
    assert diagonal["params"] == [model.a]
    together = [id(p) for p in [*rest["params"], model.a]]
    assert sorted(together) == sorted(id(p) for p in model.parameters())


def test_a_run(run):
    summary, _, _, out = run
    a, b, c = (summary["results"][part] for part in "abc")
    assert a["found"] == pytest.approx(a["expected"], rel=1e-5)
    assert b["without"]["diagonal"] < b["before"]["diagonal"] < b["with"]["diagonal"]
    assert b["without"]["loss"] < b["with"]["loss"]
    assert b["with"]["elbo"] < b["without"]["elbo"]
    assert set(c) == {"floor", "hw7_b", "hw7_c", "diagonal", "triangular", "at_smallest"}
    assert set(c["diagonal"]) == {"elbo", "N", "mixture"}
    assert c["triangular"]["elbo"] < c["hw7_b"]["elbo"]
    assert (out / "c_digits.png").stat().st_size < 100_000


def test_the_figures_show_what_they_say(run):
    _, drawn, models, _ = run
    curves = drawn["b_collapse"].axes
    for axes in curves:
        assert [line.get_label() for line in axes.lines] == ["without −ln det M", "with −ln det M"]
        assert len(axes.lines[0].get_ydata()) == 12
    assert len(drawn["c_digits"].axes) == 60
    images = [axes.images[0].get_array() for axes in drawn["c_deviation"].axes[:3]]
    diagonal, triangular = (m.matrix().detach().double() for m in models)
    covariance = torch.linalg.inv(triangular.T @ triangular)
    expected = [1 / diagonal.diagonal(), covariance.diagonal().sqrt(), 1 / triangular.diagonal()]
    for image, values in zip(images, expected):
        np.testing.assert_allclose(image, values.reshape(28, 28), rtol=1e-4)


def test_a_mistake_is_one_line(capsys):
    with pytest.raises(SystemExit) as exit:
        q4.main(["--epochs", "none"])
    assert exit.value.code == 2
    assert "--epochs" in capsys.readouterr().err.splitlines()[-1]
