"""The losses against torch's, the networks, and what is told of a game."""

import math

from common.run import UserError
from lectures import adversarial as adv

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.nn.functional import one_hot


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return 3 * torch.randn(7, dtype=torch.float64), 3 * torch.randn(5, dtype=torch.float64)


def test_discriminator_loss(logits):
    real, fake = logits
    expected = cross_entropy(real, torch.ones_like(real))
    expected = expected + cross_entropy(fake, torch.zeros_like(fake))
    torch.testing.assert_close(adv.discriminator_loss(real, fake), expected)
    smoothed = cross_entropy(real, torch.full_like(real, 0.9))
    smoothed = smoothed + cross_entropy(fake, torch.zeros_like(fake))
    torch.testing.assert_close(adv.discriminator_loss(real, fake, smooth=0.1), smoothed)
    half = torch.zeros(3)
    assert adv.discriminator_loss(half, half).item() == pytest.approx(math.log(4))


def test_losses_of_the_generator(logits):
    fake = logits[1].requires_grad_()
    D = fake.sigmoid()
    lecture, other = adv.saturating_loss(fake), adv.non_saturating_loss(fake)
    torch.testing.assert_close(lecture, (1 - D).log().mean())
    torch.testing.assert_close(other, -D.log().mean())
    (slope,) = torch.autograd.grad(lecture, fake, retain_graph=True)
    torch.testing.assert_close(slope, -D / 5)
    (slope,) = torch.autograd.grad(other, fake)
    torch.testing.assert_close(slope, (D - 1) / 5)
    assert adv.non_saturating_loss(torch.tensor([-1000.0])).item() == 1000


def test_what_is_told_is_in_the_code():
    digits = torch.tensor([3, 0])
    y = adv.tell(digits, 10)
    torch.testing.assert_close(y, one_hot(digits, 10).float())
    assert adv.tell(digits, 0).shape == (2, 0)
    z = adv.draw_code(y, torch.Generator().manual_seed(4))
    assert z.shape == (2, adv.NOISE + 10)
    torch.testing.assert_close(z[:, adv.NOISE :], y)
    again = adv.draw_code(y, torch.Generator().manual_seed(4))
    torch.testing.assert_close(z, again)
    assert not torch.equal(adv.draw_code(y), adv.draw_code(y))


def test_networks():
    y = adv.tell(torch.arange(4), 10)
    x = adv.Generator(10, width=8)(adv.draw_code(y))
    assert x.shape == (4, 1, 24, 24) and x.abs().max() <= 1
    D = adv.Discriminator(10, width=8)
    assert D(x, y).shape == (4,)
    assert adv.Discriminator(0, 8, looks=2)(torch.cat((x, x), 1)).shape == (4,)
    D.eval()  # spectral norm stays as it is
    h = D.features(x)
    expected = h @ D.score.weight[0] + D.score.bias + ((y @ D.match.weight) * h).sum(1)
    torch.testing.assert_close(D(x, y), expected)
    other = adv.tell(torch.arange(4) + 1, 10)
    assert not torch.allclose(D(x, y), D(x, other))


def test_spectral_norm_keeps_layers_flat():
    torch.manual_seed(0)
    D = adv.Discriminator(width=8)
    with torch.no_grad():
        D.score.parametrizations.weight.original.mul_(50)
    x = torch.randn(2, 1, 24, 24)
    for _ in range(30):
        D(x)
    assert torch.linalg.matrix_norm(D.score.weight, 2).item() == pytest.approx(1, abs=1e-3)
    assert torch.linalg.matrix_norm(D.features[2].weight.flatten(1), 2).item() < 1.01


def test_kept_still():
    D = adv.Discriminator(width=8)
    before = {name: value.clone() for name, value in D.state_dict().items()}
    x = torch.randn(3, 1, 24, 24, requires_grad=True)
    with adv.keep_still(D):
        D(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in D.parameters())
    assert all(torch.equal(before[name], value) for name, value in D.state_dict().items())
    assert D.training and all(weight.requires_grad for weight in D.parameters())


def test_settled_statistics_are_those_of_the_codes():
    torch.manual_seed(0)
    G = adv.Generator(width=8)
    codes = [adv.draw_code(torch.zeros(50, 0)) for _ in range(4)]
    G(codes[0])
    assert (G.layers[2].running_mean == 0).all()  # training leaves them
    assert not adv.settle(G, codes).training
    features = G.layers[1](G.layers[0](torch.cat(codes)))  # (200, 16, 6, 6)
    torch.testing.assert_close(G.layers[2].running_mean, features.mean((0, 2, 3)))
    images = adv.draw_images(G, torch.cat(codes))
    assert images.shape == (200, 1, 28, 28) and images[:, :, :2].abs().max() == 0
    torch.testing.assert_close(images[:5], adv.draw_images(G, codes[0][:5]))


def test_the_mean_of_the_weights():
    G = adv.Generator(width=8)
    average = adv.average_weights(G)
    first = G.layers[0].weight.detach().clone()
    for _ in range(2):
        with torch.no_grad():
            G.layers[0].weight.add_(1)
        average.update_parameters(G)
    moved = (average.module.layers[0].weight - first).mean().item()
    assert 1 < moved < 2
    assert not average.module.layers[0].weight.requires_grad


def test_watch(capsys):
    torch.manual_seed(0)
    x = torch.randn(6, 1, 24, 24)
    watch = adv.Watch(2)
    logits = torch.tensor([1.0, -1, -1, -1]), torch.tensor([-1.0, -1, -1, 1])
    watch.see(1, logits, x, x / 2)
    assert watch.rows == []
    watch.see(2, logits, x, x / 2)
    assert watch.rows == [{"step": 2, "real": 0.25, "fake": 0.75, "spread": pytest.approx(0.5)}]
    assert "collapse" not in capsys.readouterr().out
    sure = torch.full((4,), 9.0), torch.full((4,), -9.0)
    for step in (3, 4):  # one image, again and again
        watch.see(step, sure, x, x[:1].expand(6, 1, 24, 24))
    told = capsys.readouterr().out
    assert "collapse" in told and "D has won" in told
    with pytest.raises(UserError, match="diverged before step 6"):
        for step in (5, 6):
            watch.see(step, (logits[0] / 0, logits[1]), x, x)


def test_batches_are_repeated():
    batches = [(1, 2), (3, 4)]
    source = adv.repeat(batches)
    assert [next(source) for _ in range(5)] == [*batches, *batches, batches[0]]
