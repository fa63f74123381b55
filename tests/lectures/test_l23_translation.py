"""Pairs and cycles on the sample: what is trained by which loss, and what is reported."""

import json
from types import SimpleNamespace

from lectures import l23_translation as l23
from lectures.adversarial import Discriminator
from lectures.diffusion import to_range
from lectures.translation import Translator, load_scans

import pytest
import torch
from torch import nn

SMALL = {"Translator": lambda: Translator(width=8),
         "Discriminator": lambda looks=1: Discriminator(width=8, looks=looks)}  # fmt: skip


@pytest.fixture
def small(sample, monkeypatch):
    """A run of few small networks and steps, on the sample."""
    monkeypatch.setattr(l23, "PAIRED", 3)
    monkeypatch.setattr(l23, "UNPAIRED", 2)
    for name, network in SMALL.items():
        monkeypatch.setattr(l23, name, network)
    args = SimpleNamespace(seed=0, batch_size=16, lr=1e-3)
    return SimpleNamespace(args=args, mnist=sample, place=lambda model: model)


def weights(network):
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def test_l1_alone_is_plain_training(small, monkeypatch):
    """Without λ: Adam on torch's l1_loss of the same batches, and no discriminator."""
    monkeypatch.setattr(l23, "ascend", None)
    found = l23.train_paired(small, "quarter", 0)
    torch.manual_seed(0)
    T = Translator(width=8)
    Discriminator(width=8, looks=2)
    optimizer = torch.optim.Adam(T.parameters(), 1e-3, (0.0, 0.99))
    schedule = l23.falling(optimizer, 3)
    batches = iter(l23.Batches(small.mnist.train, 16, 0))
    for _ in range(3):
        x = to_range(next(batches)[0])
        optimizer.zero_grad()
        nn.functional.l1_loss(T(l23.blur_quarter(x)), x).backward()
        optimizer.step()
        schedule.step()
    torch.testing.assert_close(weights(found), weights(T))


def test_the_adversarial_loss_counts_by_lambda(small):
    small.args.lr = 1e-2
    alone, some, more = (weights(l23.train_paired(small, "edges", lam)) for lam in (0, 1e-6, 10))
    assert (some - alone).abs().mean() < 0.2 * (more - alone).abs().mean()
    assert (more - alone).abs().mean() > 1e-3


def test_the_discriminator_sees_look_and_digit(small, monkeypatch):
    seen = []

    original = l23.ascend

    def watch(beside, D, up, x, y, z):
        seen.append((x, y, z, beside(z)))
        return original(beside, D, up, x, y, z)

    monkeypatch.setattr(l23, "ascend", watch)
    l23.train_paired(small, "edges", 0.1)
    real, y, z, drawn = seen[0]
    assert y is None and real.shape == drawn.shape == (16, 2, 24, 24)
    torch.testing.assert_close(real[:, :1], z)
    torch.testing.assert_close(drawn[:, :1], z)
    torch.testing.assert_close(l23.find_edges(real[:, 1:]), z)


def test_cycles_are_trained_to_close(small, sample, monkeypatch):
    monkeypatch.setattr(l23, "UNPAIRED", 20)
    scans = load_scans().images[:64]
    x = to_range(sample.test.images[:32])
    small.args.lr = 3e-3
    away = {}
    for weight in (0, 20):
        T, S = l23.train_unpaired(small, scans, weight, 0)
        away[weight] = (S(T(x)) - x).abs().mean() + (T(S(scans)) - scans).abs().mean()
    assert away[20] < 0.7 * away[0]


def test_both_discriminators_learn(small, monkeypatch):
    seen = []
    original = l23.ascend

    def watch(T, D, up, real, y, z):
        before = weights(D)
        answer = original(T, D, up, real, y, z)
        seen.append((T, D, real, z, (weights(D) - before).abs().max().item()))
        return answer

    monkeypatch.setattr(l23, "ascend", watch)
    scans = load_scans().images[:64]
    l23.train_unpaired(small, scans, 1, 0)
    (T, D_T, b, a, moved), (S, D_S, a_again, b_again, moved_too) = seen[:2]
    assert T is not S and D_T is not D_S and moved > 0 and moved_too > 0
    assert torch.equal(a, a_again) and torch.equal(b, b_again) and not torch.equal(a, b)


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script on 1,000 images, with few steps."""
    out = tmp_path_factory.mktemp("l23")
    values = {"PAIRED": 2, "UNPAIRED": 1, "READER": 3, "SEEDS": (0, 1), "SHOWN": 4,
              "SETTINGS": [("quarter", 0), ("quarter", 0.1), ("edges", 0.1)]}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        for name, value in (values | SMALL).items():
            patch.setattr(l23, name, value)
        assert l23.main(["--data", "sample", "--batch-size", "8", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_results(run):
    results, _ = run
    assert set(results["a"]) == {"quarter_0", "quarter_0.1", "edges_0.1", "accuracy"}
    for name in ("quarter_0", "edges_0.1"):
        row = results["a"][name]
        assert 0 <= row["kept"] <= 1 and 0 < row["L1"] < 1 and row["frechet"] > 0
    for name in l23.WEIGHTS:
        assert len(results["b"][name]["there"]["values"]) == 2
    assert results["b"]["reads"]["scans"] > 0.9
    assert results["b"]["reads"]["scans"] > results["b"]["reads"]["scans_by_mnist"]


def test_figures(run, sample):
    _, drawn = run
    assert list(drawn) == ["a_quarter", "a_edges", "b_there", "b_back"]
    images = [axes.images[0].get_array() for axes in drawn["a_quarter"].axes]
    assert len(images) == 4 * 4  # look, two λ, digit
    torch.testing.assert_close(torch.tensor(images[12])[2:26, 2:26].float(),
                               sample.test.images[0, 0, 2:26, 2:26])  # fmt: skip
    names = [axes.get_ylabel() for axes in drawn["b_there"].axes[::4]]
    assert names == ["MNIST", "cycle: there", "and back", "without: there", "and back"]


def test_counting():
    assert l23.count_equal(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 0, 4])) == 0.75
    assert l23.count_gray(torch.tensor([-1.0, -0.5, 0.5, 0.9])) == 0.5
