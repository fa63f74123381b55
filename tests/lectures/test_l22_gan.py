"""The two steps, each of which leaves the other network alone, and the script on the sample."""

import json

from lectures import l22_gan as l22
from lectures.adversarial import Discriminator, Generator, draw_code, non_saturating_loss, tell

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.optim import SGD


@pytest.fixture
def game():
    """G, D, an optimizer of each, real images, what is told of them, and codes."""
    torch.manual_seed(0)
    G, D = Generator(10, width=8), Discriminator(10, width=8)
    up, down = SGD(D.parameters(), 0.1), SGD(G.parameters(), 0.1)
    y = tell(torch.tensor([3, 1, 4, 1, 5, 9]), 10)
    return G, D, up, down, torch.rand(6, 1, 24, 24), y, draw_code(y)


def state(network):
    """A copy of the weights and statistics, without the count of the batches."""
    values = network.state_dict()
    return {key: value.clone() for key, value in values.items() if "num_batches" not in key}


def is_same(network, before):
    return all(torch.equal(value, before[key]) for key, value in state(network).items())


def test_a_step_of_d_leaves_g_alone(game):
    G, D, up, _, x, y, z = game
    before, others = state(G), state(D)
    real, fake, drawn = l22.ascend(G, D, up, x, y, z)
    assert is_same(G, before) and not is_same(D, others)
    assert all(weight.grad is None for weight in G.parameters())
    assert real.shape == fake.shape == (6,) and not drawn.requires_grad


def test_a_step_of_g_leaves_d_alone(game):
    G, D, _, down, _, y, z = game
    before, others = state(D), state(G)
    l22.descend(G, D, down, y, z, non_saturating_loss)
    assert is_same(D, before) and not is_same(G, others)
    assert all(weight.grad is None for weight in D.parameters())
    assert D.training and all(weight.requires_grad for weight in D.parameters())


def test_the_steps_are_those_of_the_cross_entropy(game):
    """Each step by hand: the gradient of torch's loss, real images labeled 1 and drawn ones 0."""
    G, D, up, down, x, y, z = game
    D.eval()
    with torch.no_grad():
        drawn = G(z)
    loss = cross_entropy(D(x, y), torch.ones(6)) + cross_entropy(D(drawn, y), torch.zeros(6))
    bias = D.score.bias
    expected = bias - 0.1 * torch.autograd.grad(loss, bias)[0]
    l22.ascend(G, D, up, x, y, z)
    torch.testing.assert_close(bias, expected.detach())
    weight = G.layers[-2].bias
    expected = (
        weight - 0.1 * torch.autograd.grad(cross_entropy(D(G(z), y), torch.ones(6)), weight)[0]
    )
    l22.descend(G, D, down, y, z, non_saturating_loss)
    torch.testing.assert_close(weight, expected.detach())


def test_gradients_of_earlier_steps_are_forgotten(game):
    G, D, up, down, x, y, z = game
    for network in (G, D):
        for weight in network.parameters():
            weight.grad = torch.full_like(weight, 1e9)
    l22.ascend(G, D, up, x, y, z)
    l22.descend(G, D, down, y, z, non_saturating_loss)
    assert all(weight.abs().max() < 1e3 for each in (G, D) for weight in each.parameters())


def test_d_learns_to_tell_and_g_to_be_taken_for_real(game):
    G, D, _, _, x, y, z = game
    up, down = torch.optim.Adam(D.parameters(), 2e-3), torch.optim.Adam(G.parameters(), 2e-3)
    for _ in range(40):
        real, fake, _ = l22.ascend(G, D, up, x, y, z)
    assert real.mean() > fake.mean() + 0.5
    before = fake.mean()
    for _ in range(20):
        fake = l22.descend(G, D, down, y, z, non_saturating_loss)
    assert fake.mean() > before + 0.5


def test_the_rate_falls_from_the_middle():
    optimizer = SGD([torch.zeros(1, requires_grad=True)], 2.0)
    schedule, rates = l22.falling(optimizer, 8), []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == [2, 2, 2, 2, 2, 1.5, 1, 0.5] and optimizer.param_groups[0]["lr"] == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script on 1,000 images: its results, figures, and what happened in the first game."""
    out = tmp_path_factory.mktemp("l22")
    codes, told = [], []

    def watch(y, generator=None):
        z = draw_code(y, generator)
        codes.append(z)
        told.append(y)
        return z

    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l22, "draw_code", watch)
        patch.setattr(l22, "SETTLED", 4)
        patch.setattr(l22, "Generator", lambda told: Generator(told, width=8))
        patch.setattr(l22, "Discriminator", lambda told: Discriminator(told, width=8))
        arguments = ["--data", "sample", "--epochs", "1", "--batch-size", "100"]
        assert l22.main([*arguments, "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn, codes, told, out


def test_each_step_has_fresh_noise(run):
    _, _, codes, _, _ = run
    steps = codes[:20]  # ten batches, D's step and G's
    assert all(len(z) == 100 for z in steps)
    assert len({z[0, 0].item() for z in steps}) == 20


def test_both_networks_are_told_the_digit(run, sample):
    results, _, _, told, _ = run
    assert told[0].shape == (100, 0)
    conditional = [y for y in told if y.shape[1]]
    assert torch.equal(conditional[0], conditional[1])  # D's step and G's
    assert (conditional[0].sum(1) == 1).all()
    assert results["b"]["parameters"] - results["a"]["parameters"] == 10 * 16 * 36


def test_results(run):
    results, drawn, _, _, _ = run
    for part in "ab":
        assert results[part]["rows"][-1]["step"] == 10
    for name in ("gan", "conditional"):
        found = results["c"][name]
        assert sum(found["counts"]) == 200 and found["frechet"] > 0
        assert set(found) >= {"sure", "entropy"}
    assert 0 <= results["c"]["conditional"]["asked"] <= 1
    assert results["c"]["entropy"] == pytest.approx(2.302585, abs=1e-5)
    assert list(drawn) == ["gan_accuracy", "gan_digits", "conditional_accuracy",
                           "conditional_digits", "c_asked", "c_classes"]  # fmt: skip


def test_figures(run):
    results, drawn, _, _, _ = run
    real, fake = drawn["gan_accuracy"].axes[0].lines
    rows = results["a"]["rows"]
    assert list(real.get_ydata()) == [row["real"] for row in rows]
    assert list(fake.get_ydata()) == [row["fake"] for row in rows]
    assert [axes.get_title() for axes in drawn["conditional_digits"].axes[:10]] == [*"0123456789"]
    bars = [bar.get_height() for bar in drawn["c_classes"].axes[0].patches]
    assert bars[:10] == pytest.approx([10.0] * 10)
    counts = torch.tensor(results["c"]["gan"]["counts"])
    assert bars[10:20] == pytest.approx((100 * counts / counts.sum()).tolist(), abs=1e-4)
    cells = [int(text.get_text()) for text in drawn["c_asked"].axes[0].texts]
    assert sum(cells[::11]) / 200 == pytest.approx(results["c"]["conditional"]["asked"])


def test_loaded_networks_draw_what_the_figure_shows(run):
    _, drawn, _, _, out = run

    class Placed:
        @staticmethod
        def place(model):
            return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(l22, "Generator", lambda told: Generator(told, width=8))
        model, minutes = l22.load_model(Placed, out, "conditional")
    assert minutes > 0 and not model.training
    images = l22.draw_digits(model, torch.arange(10).repeat(10), seed=0)
    shown = [axes.images[0].get_array() for axes in drawn["conditional_digits"].axes]
    torch.testing.assert_close(torch.tensor(shown[37]).float(), images[37, 0], atol=1e-5, rtol=0)
    assert (out / "conditional.pt").stat().st_size < 4 * 2**20


def test_a_missing_network_is_told_in_one_line(tmp_path, capsys):
    assert l22.main(["--data", "sample", "--part", "c", "--out", str(tmp_path)]) == 2
    assert "gan.pt is missing" in capsys.readouterr().err
