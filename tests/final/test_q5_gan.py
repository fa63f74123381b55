import json
from math import log
from types import SimpleNamespace

from final import q5_gan as q5

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import kstest


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The script's results and figures, run once, with few steps."""
    folder, figures = tmp_path_factory.mktemp("q5"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(q5.Run, "save", lambda run, name, figure: figures.update({name: figure}))
        patch.setattr(q5, "SEEDS", range(2))
        assert q5.main(["--out", str(folder), "--steps", "60"]) == 0
    return json.loads((folder / "summary.json").read_text())["results"], figures


def p(x):
    return 2 - 2 * x


def get_data(line):
    return line.get_data()


def best(x):
    return float(q5.best_discriminator(torch.tensor(x, dtype=torch.float64)))


def test_density_and_distribution():
    for x in (0.1, 0.5, 0.9):
        expected = quad(lambda t: float(q5.density(torch.tensor(t))), 0, x)[0]
        assert float(q5.distribution(torch.tensor(x))) == pytest.approx(expected)
    assert q5.distribution(torch.tensor(1.0)) == 1


def test_best_discriminator():
    """(2 − 2x)/(3 − 2x), its value −log 4 + 2 JSD, and no other D has a larger one."""
    assert best(0.25) == pytest.approx(1.5 / 2.5)
    loss = quad(lambda x: p(x) * log(best(x)) + log(1 - best(x)), 0, 1 - 1e-12)[0]
    kl = [
        quad(lambda x: p(x) * log(2 * p(x) / (p(x) + 1)), 0, 1 - 1e-12)[0],
        quad(lambda x: log(2 / (p(x) + 1)), 0, 1)[0],
    ]
    assert loss == pytest.approx(-log(4) + sum(kl), abs=1e-7)  # JSD is half of the sum
    assert loss == pytest.approx(0.5 + log(2) - 2.25 * log(3), abs=1e-7)
    d = q5.best_discriminator(q5.NODES)
    assert q5.value(d) == pytest.approx(loss, abs=1e-5)
    for wave in (torch.sin(3 * q5.NODES), q5.NODES - 0.3):
        for size in (0.01, -0.01):
            assert q5.value(torch.sigmoid(torch.logit(d) + size * wave)) < q5.value(d)


def test_best_generator():
    z = torch.rand(20_000, generator=torch.Generator().manual_seed(0)).double()
    made = q5.best_generator(z)
    assert kstest(made.numpy(), lambda x: 2 * x - x**2).pvalue > 0.05
    assert (q5.best_generator(z.sort().values).diff() >= 0).all()
    torch.testing.assert_close(q5.distribution(made), z)
    assert float(q5.best_generator(torch.tensor(0.75))) == 0.5


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_ks_distance_as_scipy(n):
    samples = torch.rand(n, generator=torch.Generator().manual_seed(n)).double()
    expected = kstest(samples.numpy(), lambda x: 2 * x - x**2).statistic
    assert q5.ks_distance(samples) == pytest.approx(expected)


def test_samples_have_the_density():
    torch.manual_seed(0)
    x = q5.sample_x(20_000)
    assert x.shape == (20_000, 1)
    assert kstest(x.flatten().numpy(), lambda x: 2 * x - x**2).pvalue > 0.05


def test_losses():
    real, fake = torch.tensor([[0.3], [-1.0]]), torch.tensor([[2.0], [0.5]])
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.ones(2, 1)) + bce(fake, torch.zeros(2, 1))
    torch.testing.assert_close(q5.discriminator_loss(real, fake), expected)
    torch.testing.assert_close(q5.generator_loss(fake), bce(fake, torch.ones(2, 1)))


def test_player_descends_at_a_rate_that_falls_to_0():
    w = torch.nn.Linear(1, 1, bias=False)
    player = q5.Player(w, 0.1, 10)
    steps = []
    for _ in range(10):
        before = w.weight.item()
        player.descend(w.weight.sum())
        steps.append(before - w.weight.item())
    np.testing.assert_allclose(steps, 0.1 * (1 - np.arange(10) / 10), rtol=1e-4)


def test_at_nodes():
    linear = torch.nn.Linear(1, 1)
    expected = q5.NODES * linear.weight.item() + linear.bias.item()
    torch.testing.assert_close(q5.at_nodes(linear), expected, atol=1e-6, rtol=0)


def test_training_learns_and_repeats():
    run = SimpleNamespace(place=lambda model: model, device="cpu", args=SimpleNamespace(steps=150))
    pair, same = (q5.train_pair(run, 0, "D faster") for _ in range(2))
    assert pair["step"] == [50, 100, 150] and pair["ks"] == same["ks"]
    assert pair["ks"][-1] < 0.2 and (pair["g"] > 0).all() and (pair["g"] < 1).all()
    assert pair["ks"][-1] == q5.ks_distance(pair["g"])
    off = abs(pair["d"] - 0.5) @ (2 - 2 * q5.NODES) / len(q5.NODES)
    assert pair["from_half"][-1] == pytest.approx(off.item())


def test_only_what_descends_learns(monkeypatch):
    """D's step leaves G as it is, and G's step leaves D's weights."""
    made = []
    monkeypatch.setattr(q5.Player, "descend", lambda player, loss: made.append(loss))
    run = SimpleNamespace(place=lambda model: model, device="cpu", args=SimpleNamespace(steps=1))
    models = []
    real = q5.network
    monkeypatch.setattr(q5, "network", lambda: models.append(real()) or models[-1])
    q5.train_pair(run, 0, "D faster")
    g, _ = models
    assert torch.autograd.grad(made[0], list(g.parameters()), allow_unused=True) == (None,) * 6
    made[1].backward()
    assert g[0].weight.grad.abs().sum() > 0


def test_summary(run):
    results, _ = run
    a, b, c = results["a"], results["b"], results["c"]
    assert a["value"]["formula"] == pytest.approx(a["value"]["closed_form"], abs=1e-5)
    assert -log(4) < a["value"]["trained"] < a["value"]["formula"]
    assert 0 < a["error"]["mean"] < a["error"]["max"] and a["error"]["mean"] < 0.1
    assert b["increasing"] < 1.5 * b["level"] and b["decreasing"] < 1.5 * b["level"]
    assert b["identity"] == pytest.approx(0.25, abs=0.02)  # sup of z − z², at ½
    assert set(c) == {"D_faster", "equal_rates"}


def test_training_is_drawn(run):
    results, figures = run
    axes = np.reshape(figures["c_training"].axes, (2, 3))
    for row, name in zip(axes, q5.RATES):
        ks = [line.get_ydata()[-1] for line in row[0].lines]
        assert len(ks) == 2
        found = results["c"][name.replace(" ", "_")]
        assert found["ks"]["mean"] == pytest.approx(np.mean(ks))
        assert found["ks"]["std"] == pytest.approx(np.std(ks, ddof=1), rel=1e-4)
        half = [(2 - 2 * x) @ abs(d - 0.5) / len(x) for x, d in map(get_data, row[2].lines[:2])]
        assert found["from_half"]["mean"] == pytest.approx(np.mean(half))
        assert name in row[0].get_ylabel()


def test_figures_of_the_formulas(run):
    d, g = run[1]["a_discriminator"].axes[0], run[1]["b_generator"].axes
    x, y = d.lines[0].get_data()
    np.testing.assert_allclose(y, (2 - 2 * x) / (3 - 2 * x))
    z, increasing = g[0].lines[0].get_data()
    np.testing.assert_allclose(increasing, 1 - np.sqrt(1 - z))
    np.testing.assert_allclose(g[0].lines[1].get_ydata(), 1 - np.sqrt(z))
    assert sum(bar.get_height() * bar.get_width() for bar in g[1].patches) == pytest.approx(1)


def test_mistaken_option(capsys):
    with pytest.raises(SystemExit, match="2"):
        q5.main(["--steps", "many"])
    assert "--steps" in capsys.readouterr().err
