import json
import math

from final import q4_covariance as q4
from final.covariance_autoencoder import CovarianceAutoencoder, fit_matrix
from final.q4_covariance import decoding_errors, hw7_b_nats, hw7_c_nats
from final.q4_figures import draw_digits
from hw7.autoencoder import Autoencoder, negative_elbo
from hw7.vae import VAE, calibrated_loss

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

CONSTANT = 392 * math.log(2 * math.pi)


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """(summary, figures, models, output folder) of a small run."""
    out, models = tmp_path_factory.mktemp("q4"), []
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(q4, "TRAIN_IMAGES", 128)
        patch.setattr(q4, "COLLAPSE_STEPS", 12)
        patch.setattr(q4, "FrechetEvaluator", FakeEvaluator)
        patch.setattr(q4, "draw_deviations", lambda found: models.append(found) or DRAW(found))
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


def output_of(model, x):
    torch.manual_seed(0)
    with torch.no_grad():
        return model.eval()(x)


def test_hw7_s_losses_in_nats(sample):
    torch.manual_seed(0)
    x = sample.test.images[:5]
    output = output_of(Autoencoder(), x)
    expected = 397 * negative_elbo(output, x).item() + CONSTANT
    assert hw7_b_nats(output, x).item() == pytest.approx(expected, rel=1e-5)
    output = output_of(VAE(Autoencoder(width=32, dropout=0)), x)
    expected = 408 * calibrated_loss(output, x).item() + CONSTANT + 392
    assert hw7_c_nats(output, x).item() == pytest.approx(expected, rel=1e-5)


def test_decoding_errors(sample):
    torch.manual_seed(0)
    model, x = CovarianceAutoencoder(), sample.test.images[:3]
    torch.manual_seed(1)
    errors = decoding_errors(model, x)
    torch.manual_seed(1)
    with torch.no_grad():
        z = model.encoder(x)
        f = model.decoder(z + torch.randn_like(z))
    assert not model.training
    torch.testing.assert_close(errors, (x - f).reshape(3, 784))


def test_a_run(run):
    summary, _, _, out = run
    a, b, c = (summary["results"][part] for part in "abc")
    assert a["found"] == pytest.approx(a["expected"], rel=1e-5)
    assert b["without"]["diagonal"] < b["before"]["diagonal"] < b["with"]["diagonal"]
    assert b["without"]["loss"] < b["with"]["loss"]
    assert b["with"]["elbo"] < b["without"]["elbo"]
    names = {"hw7_b", "hw7_c", "diagonal", "triangular", "fitted", "no_code"}
    assert set(c) == names | {"floor", "at_smallest"}
    assert set(c["diagonal"]) == {"elbo", "N", "mixture", "error"}
    assert c["triangular"]["elbo"] < c["hw7_b"]["elbo"]
    assert (out / "c_digits.png").stat().st_size < 100_000


def test_closed_forms_in_the_run(run, sample):
    """Without a code: SciPy's density of the test images about the mean, from the images used."""
    c = run[0]["results"]["c"]
    x, test = sample.train.images[:128].flatten(1), sample.test.images.flatten(1)
    mean = x.mean(0)
    M = fit_matrix(x - mean).double()
    covariance = torch.linalg.inv(M.T @ M)
    density = multivariate_normal.logpdf(test, mean, covariance, allow_singular=True).mean()
    assert c["no_code"]["elbo"] == pytest.approx(-density, rel=1e-2)
    assert c["no_code"]["error"] == pytest.approx((test - mean).square().sum(1).mean().item())


def test_the_figures_show_what_they_say(run):
    _, drawn, (matrices,), _ = run
    for axes in drawn["b_collapse"].axes:
        assert [line.get_label() for line in axes.lines] == ["without −ln det M", "with −ln det M"]
        assert len(axes.lines[0].get_ydata()) == 12
    assert len(drawn["c_digits"].axes) == 70
    images = [axes.images[0].get_array() for axes in drawn["c_deviation"].axes[:4]]
    assert list(matrices) == ["diagonal", "fitted", "triangular"]
    assert matrices["diagonal"].tril(-1).abs().max() == 0
    assert matrices["fitted"].tril(-1).abs().max() > 1  # the best one's, no copy of the diagonal
    for image, M in zip(images, matrices.values()):
        covariance = torch.linalg.inv(M.T.double() @ M.double())
        expected = covariance.diagonal().sqrt().reshape(28, 28)
        np.testing.assert_allclose(image, expected, rtol=1e-3)
    np.testing.assert_allclose(images[3].ravel(), 1 / matrices["fitted"].diagonal())


def test_drawn_errors_have_the_covariance():
    """Six rows of the same gray digit: on three of them, the errors that M⁻¹ makes of the noise."""
    torch.manual_seed(0)
    M = 20 * torch.eye(784) + torch.randn(784, 784).tril(-1)
    gray = torch.full((2, 784), 0.5)
    torch.manual_seed(1)
    rows = {"hw7_b": gray, "diagonal": gray, "triangular": 0 * gray}
    figure = draw_digits(rows, {"diagonal": M, "fitted": 2 * M, "triangular": M})
    torch.manual_seed(1)
    errors = np.linalg.solve(M.double().numpy(), torch.randn(2, 784).double().numpy().T).T
    images = [axes.images[0].get_array().ravel() for axes in figure.axes]
    for n in range(2):
        np.testing.assert_allclose(images[2 + n], 0.5)
        np.testing.assert_allclose(images[6 + n], (0.5 + errors[n]).clip(0, 1), atol=1e-4)
        np.testing.assert_allclose(images[8 + n], (0.5 + errors[n] / 2).clip(0, 1), atol=1e-4)
        np.testing.assert_allclose(images[10 + n], errors[n].clip(0, 1), atol=1e-4)


def test_a_mistake_is_one_line(capsys):
    with pytest.raises(SystemExit) as exit:
        q4.main(["--epochs", "none"])
    assert exit.value.code == 2
    assert "--epochs" in capsys.readouterr().err.splitlines()[-1]
