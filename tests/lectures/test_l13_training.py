import json

from lectures import heuristics_study, l13_training
from lectures.heuristics import ACTIVATIONS, DEPTH, GAINS
from lectures.l13_training import (
    expected_variance,
    gradient,
    measure_layers,
    minibatch_errors,
)

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional


@pytest.fixture(scope="module")
def ran(tmp_path_factory, figures):
    """The script on the sample, and its figures."""
    out = tmp_path_factory.mktemp("l13")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l13_training, "DRAWS", 25)
        patch.setattr(l13_training, "SEEDS", (0,))
        patch.setattr(l13_training, "IMAGES", {"a": 300, "b": 1000, "c": 20})
        patch.setattr(heuristics_study, "IMAGES", 50)
        patch.setattr(heuristics_study, "SEEDS", (0, 1))
        patch.setattr(heuristics_study, "prepare_inputs", lambda x, kind: (torch.eye(784), x[0]))
        arguments = ["--data", "sample", "--epochs", "1", "--out", str(out)]
        assert l13_training.main(arguments) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


@pytest.fixture
def small() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A network of a few weights, and twelve examples, in float64."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 4, generator=generator).double()
    y = torch.randint(0, 3, (12,), generator=generator)
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 3)).double(), x, y


def singles(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """The gradient of each example, by autograd's backward."""
    rows = []
    for i in range(len(y)):
        model.zero_grad()
        functional.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
        rows.append(torch.cat([p.grad.flatten() for p in model.parameters()]).numpy())
    return np.array(rows)


def test_the_gradient_is_the_mean_of_the_examples(small):
    np.testing.assert_allclose(gradient(*small), singles(*small).mean(0), rtol=1e-10)


@pytest.mark.parametrize("replacement", [True, False])
def test_the_variance_of_a_minibatch_by_all_of_them(small, replacement):
    """Every minibatch of two from twelve: their mean is g, their variance the law's."""
    each = singles(*small)
    g = each.mean(0)
    sigma2 = ((each - g) ** 2).sum(1).mean()
    pairs = [(i, j) for i in range(12) for j in range(12) if replacement or i != j]
    batches = np.array([(each[i] + each[j]) / 2 for i, j in pairs])
    np.testing.assert_allclose(batches.mean(0), g, atol=1e-12)
    variance = ((batches - g) ** 2).sum(1).mean()
    assert expected_variance(sigma2, np.array(2), 12, replacement) == pytest.approx(variance)
    # and the measurement comes near it
    measured, bias = minibatch_errors(*small, 2, 800, replacement, seed=1)
    assert measured == pytest.approx(variance, rel=0.1)
    assert bias < 5 * variance / 800


def test_a_batch_of_all_without_replacement_is_exact(small):
    assert minibatch_errors(*small, 12, 3, False, seed=0)[0] < 1e-20
    assert expected_variance(1.0, np.array(12), 12, False) == 0
    assert minibatch_errors(*small, 12, 3, True, seed=0)[0] > 1e-6


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layer_statistics_against_a_loop_of_numpy(activation):
    x = torch.randn(7, 30, generator=torch.Generator().manual_seed(2)).double()
    signal, back = measure_layers(activation, 2.0, x, seed=3)
    assert signal.shape == back.shape == (DEPTH,)
    functions = {
        "linear": (lambda a: a, np.ones_like),
        "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
        "ReLU": (lambda a: a.clip(0), lambda a: (a > 0) * 1.0),
        "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2),
    }
    g, g_prime = functions[activation]
    generator = torch.Generator().manual_seed(3)
    z, weights, inner, signals = x.numpy(), [], [], []
    for _ in range(DEPTH):
        n = z.shape[1]
        W = torch.randn(200, n, generator=generator).numpy() * np.sqrt(2 / n).astype(np.float32)
        a = z @ W.T.astype(float)
        z = g(a)
        weights.append(W)
        inner.append(a)
        signals.append(np.sqrt((z**2).mean()))
    np.testing.assert_allclose(signal, signals, rtol=1e-4)
    delta = torch.randn(z.shape, generator=generator).numpy().astype(float)
    backs = [np.sqrt((delta**2).mean())]
    for W, a in zip(weights[:0:-1], inner[:0:-1]):
        delta = (delta * g_prime(a)) @ W
        backs.insert(0, np.sqrt((delta**2).mean()))
    np.testing.assert_allclose(back, backs, rtol=1e-4)


def test_what_30_layers_keep(ran):
    """The law in the mean square: × gain for a linear layer, × gain/2 for ReLU."""
    rows = ran[0]["c"]
    for gain in GAINS:
        for activation, share in (("linear", 1), ("ReLU", 0.5)):
            for kind, layers in (("signal", DEPTH - 1), ("gradient", DEPTH - 1)):
                growth = rows[activation][f"{gain:g}"][kind] ** (1 / layers)
                assert growth == pytest.approx((share * gain) ** 0.5, rel=0.05)
    assert 0.1 < rows["tanh"]["1"]["signal"] < 0.4  # falls, but slowly
    assert rows["tanh"]["0.5"]["signal"] < 1e-4
    assert rows["tanh"]["4"]["signal"] > 0.8 and rows["tanh"]["4"]["gradient"] > 10
    for name in ("0.5", "1", "2", "4"):  # the sigmoid's signal stays, its gradient is lost
        assert 0.5 < rows["sigmoid"][name]["signal"] < 2
        assert 0 < rows["sigmoid"][name]["gradient"] < 1e-8


def test_the_depth_figure_shows_layers_1_to_30(ran):
    axes = ran[1]["c_depth"].axes
    assert len(axes) == 8
    for axis in axes:
        assert [len(line.get_xdata()) for line in axis.lines] == [DEPTH] * 4
        assert list(axis.lines[0].get_xdata()) == list(range(1, DEPTH + 1))
    rows = ran[0]["c"]["linear"]["4"]
    line = axes[0].lines[3].get_ydata()
    assert line[-1] / line[0] == pytest.approx(rows["signal"])


def test_the_variance_falls_as_1_over_B(ran):
    a, drawn = ran[0]["a"], ran[1]
    assert a["N"] == 300 and a["sizes"] == [1, 4, 16, 64, 256]
    assert a["with"]["slope"] == pytest.approx(-1, abs=0.15)
    for kind in ("with", "without"):
        law = expected_variance(a["sigma2"], np.array(a["sizes"]), 300, kind == "with")
        np.testing.assert_allclose(np.array(a[kind]["variance"]) / law, a[kind]["share"])
        assert all(0.6 < share < 1.6 for share in a[kind]["share"])
        assert all(bias < 4 for bias in a[kind]["bias"])
    lines = drawn["a_variance"].axes[0].lines
    assert [len(line.get_xdata()) for line in lines] == [50, 5, 50, 5]
    assert list(lines[1].get_ydata()) == a["with"]["variance"]
    assert list(lines[3].get_ydata()) == a["without"]["variance"]
    x, y = lines[0].get_data()
    np.testing.assert_allclose(x * y, a["sigma2"])


def test_whitening_of_the_digits(ran, sample):
    b, drawn = ran[0]["b"], ran[1]
    x = sample.train.images.flatten(1).double().numpy()
    spectrum = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    assert b["directions"] == (spectrum > 1e-10 * spectrum[0]).sum()
    assert b["condition"] == pytest.approx(spectrum[0] / spectrum[b["directions"] - 1], rel=1e-3)
    assert b["mean"] < 1e-10 and b["covariance"] < 1e-6
    raw, white = (axis.collections[0].get_offsets().data for axis in drawn["b_whitening"].axes[:2])
    upper = x.reshape(-1, 28, 28)[:, :14].sum((1, 2))
    np.testing.assert_allclose(raw[:, 0], upper)
    assert b["correlation"] == pytest.approx(np.corrcoef(raw.T)[0, 1])
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(2), atol=1e-8)


def test_every_part_gives_its_rows(ran):
    results = ran[0]
    assert list(results["d"]) == ["tanh_0.5", "tanh_1", "ReLU_1", "ReLU_2", "sigmoid_1"]
    assert len(results["e"]) == 14
    for activation in ("sigmoid", "tanh"):
        assert list(results["f"][activation]) == ["start", "0.25", "0.5", "1", "2"]
        assert len(results["f"][activation]["start"]) == 4
