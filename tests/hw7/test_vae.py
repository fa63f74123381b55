from common.data import Batches
from common.loop import fit
from hw7.autoencoder import Autoencoder, negative_elbo
from hw7.vae import (
    VAE,
    calibrated_loss,
    count_entries,
    kl_divergence,
    reconstruction_error,
    variational_loss,
)

import pytest
import torch
from torch import nn


@pytest.fixture
def x(sample):
    return sample.test.images[:7].double()


@pytest.fixture
def vae() -> VAE:
    """With statistics of images, in float64, its codes not close to N(0, I)."""
    torch.manual_seed(0)
    model = VAE(Autoencoder(width=6, dropout=0)).double()
    with torch.no_grad():
        model.encoder[-1].weight.mul_(4)
        for _ in range(3):
            model(torch.rand(64, 1, 28, 28, dtype=torch.float64))
    return model.eval()


def test_it_is_the_network_with_twice_the_numbers_of_a_code():
    network = Autoencoder(width=6)
    layers = [*network.encoder[:-1], *network.decoder]
    model = VAE(network)
    assert [*model.encoder[:-1], *model.decoder] == layers
    last = model.encoder[-1]
    assert isinstance(last, nn.Linear) and (last.in_features, last.out_features) == (250, 12)
    assert VAE(Autoencoder(width=6), learned=False).encoder[-1].out_features == 6


@pytest.mark.parametrize("enc_mode", [1, 0])
def test_the_forward_pass_is_the_formula(vae, x, enc_mode):
    torch.manual_seed(1)
    output = vae(x, enc_mode=enc_mode)
    torch.manual_seed(1)
    noise = torch.randn(7, 6, dtype=torch.float64)
    code = vae.encoder(x)
    mean, variance = code[:, :6], 1 / (1 + (-code[:, 6:]).exp())
    f = vae.decoder(mean + variance.sqrt() * noise if enc_mode else noise)
    assert output.shape == (7, 12 + 784)
    torch.testing.assert_close(output[:, :6], mean)
    torch.testing.assert_close(output[:, 6:12], variance.log())
    torch.testing.assert_close(output[:, 12:], (f - x).flatten(1))
    torch.manual_seed(1)
    if enc_mode == 1:  # the default
        assert torch.equal(vae(x), output)


def test_the_divergence_is_that_of_torch_s_distributions(vae, x):
    output = vae(x)
    mean, variance = output[:, :6], output[:, 6:12].exp()
    one = torch.distributions.Normal(mean, variance.sqrt())
    other = torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
    expected = torch.distributions.kl_divergence(one, other).sum(1).mean()
    torch.testing.assert_close(kl_divergence(output, None), expected)
    assert expected > 0.1 and variance.max() < 1


def test_the_error_is_summed_over_the_pixels_and_averaged_over_the_images(vae, x):
    torch.manual_seed(1)
    output = vae(x)
    torch.manual_seed(1)
    f = vae.decoder(vae.sample_code(x))
    expected = sum(((f[i] - x[i]) ** 2).sum().item() for i in range(7)) / 7
    assert reconstruction_error(output, None).item() == pytest.approx(expected)
    assert count_entries(output) == 6 + 784


def test_the_calibrated_loss_is_the_least_negative_elbo_over_the_decoder_s_variance(vae, x):
    output = vae(x)
    f = output[:, 12:] + x.flatten(1)

    def negative_elbo_at(v):
        likelihood = torch.distributions.Normal(f, v**0.5).log_prob(x.flatten(1)).sum(1).mean()
        return kl_divergence(output, None) - likelihood

    v = output[:, 12:].square().mean()
    constant = 392 * (1 + torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64)))
    loss = calibrated_loss(output, None) * (6 + 784) / 2 + constant
    torch.testing.assert_close(loss, negative_elbo_at(v))
    assert all(loss < negative_elbo_at(v * factor) for factor in (0.9, 1.1))


def test_with_the_handout_s_choices_it_is_the_handout_s_network(sample):
    x = sample.test.images[:7]
    torch.manual_seed(0)
    handout = Autoencoder()
    same = VAE(Autoencoder(), learned=False)
    same.load_state_dict(handout.state_dict())
    losses = []
    for model, loss_fn in [(handout, negative_elbo), (same, variational_loss)]:
        torch.manual_seed(1)
        value = loss_fn(model(x), None)
        value.backward()
        losses.append(value)
    torch.testing.assert_close(*losses)
    for one, other in zip(handout.parameters(), same.parameters()):
        torch.testing.assert_close(one.grad, other.grad)


def test_sample_code_gives_the_codes_that_forward_decodes(vae, x):
    torch.manual_seed(1)
    expected = vae(x)[:, -784:] + x.flatten(1)
    torch.manual_seed(1)
    torch.testing.assert_close(vae.decoder(vae.sample_code(x)).flatten(1), expected)


def test_noise_is_made_where_the_code_is():
    with torch.device("meta"):
        model = VAE(Autoencoder(width=10))
        assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 804)
    x = torch.zeros(3, 1, 28, 28, device="meta")  # the default device is the CPU again
    for enc_mode in (0, 1):
        assert model(x, enc_mode).device.type == "meta"
    assert model.sample_code(x).device.type == "meta"


def test_it_learns_on_the_sample(sample):
    torch.manual_seed(0)
    model = VAE(Autoencoder(width=32, dropout=0))
    train, test = Batches(sample.train, 20, seed=0), Batches(sample.test, 200)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    metrics = {"divergence": kl_divergence, "error": reconstruction_error}
    rows = list(fit(model, train, test, calibrated_loss, optimizer, 3, metrics))
    assert rows[-1]["test_error"] < 45 < rows[0]["test_error"]
    with torch.no_grad():
        variances = model.eval().encode(sample.test.images)[1].exp()
    assert variances.max() <= 1 and variances.amin(0).mean() < 0.3  # from about 0.5
