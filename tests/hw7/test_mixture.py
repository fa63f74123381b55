from hw7.autoencoder import Autoencoder, generate
from hw7.mixture import Mixture, decode, fit_mixture, sample_codes, use_seed
from hw7.vae import VAE

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def model() -> VAE:
    torch.manual_seed(0)
    model = VAE(Autoencoder(width=5, dropout=0))
    with torch.no_grad():
        model(torch.rand(64, 1, 28, 28))
    return model


def test_a_single_gaussian_is_the_mean_and_covariance_of_the_codes():
    codes = torch.randn(500, 4, dtype=torch.float64) @ torch.randn(4, 4, dtype=torch.float64) + 3
    mixture = fit_mixture(codes, 1, torch.Generator())
    np.testing.assert_allclose(mixture.means[0], np.mean(codes.numpy(), 0))
    covariance = mixture.roots[0] @ mixture.roots[0].T
    np.testing.assert_allclose(covariance, np.cov(codes.numpy().T), atol=2e-6)
    noise = torch.randn(3, 4, dtype=torch.float64)
    expected = mixture.means[0] + torch.stack([mixture.roots[0] @ row for row in noise])
    torch.testing.assert_close(mixture.sample(noise, torch.Generator()), expected)


def groups(*sizes: int) -> torch.Tensor:
    """Groups of codes far from each other, each of its own width."""
    generator = torch.Generator().manual_seed(0)
    return torch.cat(
        [
            (i + 1) * torch.randn(size, 3, generator=generator) + 40 * i
            for i, size in enumerate(sizes)
        ]
    )


def test_separate_groups_become_the_gaussians_of_the_mixture():
    codes = groups(100, 300, 600)
    mixture = fit_mixture(codes, 3, torch.Generator().manual_seed(1))
    order = mixture.shares.argsort()
    assert mixture.shares[order].tolist() == [100, 300, 600]
    for i, group in zip(order, codes.split([100, 300, 600])):
        np.testing.assert_allclose(mixture.means[i], group.mean(0), rtol=1e-4, atol=1e-5)
        root = mixture.roots[i]
        np.testing.assert_allclose(root @ root.T, np.cov(group.T), rtol=1e-3, atol=1e-4)


def test_a_mixture_s_codes_are_distributed_as_it_says():
    means = torch.tensor([[0.0, 0.0], [20.0, 0.0]])
    roots = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [1.0, 0.5]]])
    mixture = Mixture(torch.tensor([100.0, 300.0], dtype=torch.float64), means, roots)
    generator = torch.Generator().manual_seed(0)
    n = 200_000
    codes = mixture.sample(torch.randn(n, 2, generator=generator), generator)
    other = codes[:, 0] > 8  # eight deviations of one Gaussian, six of the other
    assert other.double().mean().item() == pytest.approx(0.75, abs=4e-3)
    covariance = torch.cov(codes[other].T)
    torch.testing.assert_close(covariance, roots[1] @ roots[1].T, atol=0.05, rtol=0.02)
    torch.testing.assert_close(codes[other].mean(0), means[1], atol=0.03, rtol=0)


def test_cells_too_small_for_a_covariance_are_left_out_and_few_codes_get_few_cells():
    codes = torch.cat([groups(500, 500), torch.full((3, 3), 1000.0)])
    for seed in range(20):  # whatever codes it starts from
        mixture = fit_mixture(codes, 5, torch.Generator().manual_seed(seed))
        assert mixture.shares.min() > 6 and mixture.roots.isfinite().all()
    assert len(fit_mixture(codes[:40], 50, torch.Generator()).shares) <= 3
    assert len(fit_mixture(groups(200), 50, torch.Generator()).shares) > 10  # of 16 cells
    unused = torch.cat([torch.randn(100, 1), torch.zeros(100, 1)], 1)
    assert fit_mixture(unused, 1, torch.Generator()).roots.isfinite().all()


def test_codes_in_a_plane_far_from_zero_have_a_covariance_too():
    """float32's rounding leaves it indefinite, and Cholesky's algorithm would fail."""
    generator = torch.Generator().manual_seed(0)
    codes = 1e4 * torch.randn(1000, 2, generator=generator) @ torch.randn(2, 8) + 1e5
    for m in (1, 5):
        mixture = fit_mixture(codes, m, torch.Generator().manual_seed(0))
        assert mixture.roots.isfinite().all()
    root = fit_mixture(codes, 1, generator).roots[0]
    expected = np.cov(codes.double().numpy().T)
    np.testing.assert_allclose(root @ root.T, expected, atol=1e-4 * abs(expected).max())


def test_the_cells_are_those_of_lloyd_s_algorithm_from_codes_that_the_generator_chooses():
    """In one dimension: cells are intervals, whose means are at rest."""
    codes = torch.rand(2000, 1, generator=torch.Generator().manual_seed(0))
    mixtures = [fit_mixture(codes, 4, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    means, again, other = ([*mixture.means[:, 0].tolist()] for mixture in mixtures)
    assert means == again != other and sorted(means) == pytest.approx(sorted(other), abs=0.05)
    cells = (codes - torch.tensor(means)).abs().argmin(1)
    assert mixtures[0].shares.tolist() == cells.bincount(minlength=4).tolist()
    assert sum(mixtures[0].shares.tolist()) == 2000


def test_all_codes_are_made_of_the_same_noise(model, sample):
    images = sample.train.images[:400]
    state = torch.get_rng_state()
    codes = sample_codes(model.train(), images, 300, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    again = sample_codes(model, images, 300, seed=3)
    other = sample_codes(model, images, 300, seed=4)
    assert list(codes) == ["2·N", "N", "Gaussian", "mixture"]
    for name, z in codes.items():
        assert z.shape == (300, 5)
        assert torch.equal(z, again[name]) and not torch.equal(z, other[name])
    noise = torch.randn(300, 5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(codes["N"], noise) and torch.equal(codes["2·N"], 2 * noise)
    with torch.no_grad():
        torch.manual_seed(3)
        seen = torch.cat([model.eval().sample_code(x) for x in images.split(256)])
    root = torch.linalg.cholesky(torch.cov(seen.T))
    torch.testing.assert_close(codes["Gaussian"], seen.mean(0) + noise @ root.T, atol=1e-4, rtol=0)
    # Fitted to 20 cells: the codes' mean is theirs, and they are not the single Gaussian's.
    assert (codes["mixture"] - codes["Gaussian"]).abs().max() > 0.01
    generator = torch.Generator().manual_seed(3)
    torch.randn(300, 5, generator=generator)
    fit_mixture(seen, 1, generator).sample(noise, generator)
    expected = fit_mixture(seen, 50, generator).sample(noise, generator)
    torch.testing.assert_close(codes["mixture"], expected, atol=1e-4, rtol=0)


def test_the_handout_s_source_gives_the_handout_s_digits(sample):
    torch.manual_seed(0)
    handout = Autoencoder()
    codes = sample_codes(handout, sample.train.images[:100], 6, seed=5)["2·N"]
    torch.testing.assert_close(decode(handout, codes), generate(handout, 6, 5, "cpu"))


def test_decoding_in_portions_and_in_evaluation_mode(model):
    codes = torch.randn(300, 5)
    images = decode(model.train(), codes)
    assert images.shape == (300, 784) and not model.training and not images.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(images, model.decoder(codes).flatten(1))


def test_use_seed_leaves_the_cpu_s_generator_as_it_was():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    for _ in range(2):
        with use_seed(5, "cpu"):
            drawn = torch.rand(3)
        torch.testing.assert_close(drawn, torch.rand(3, generator=torch.Generator().manual_seed(5)))
    with pytest.raises(InterruptedError), use_seed(5, torch.device("cpu")):
        raise InterruptedError
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("device", ["mps", "cuda", "cuda:1"])
def test_use_seed_leaves_the_device_s_generator_as_it_was(monkeypatch, device):
    """Of a device that this machine need not have."""
    device = torch.device(device)
    module, states = getattr(torch, device.type), {device: torch.tensor([7], dtype=torch.uint8)}
    if device.type == "mps":  # its functions take no device
        monkeypatch.setattr(module, "get_rng_state", lambda: states[device])
        monkeypatch.setattr(module, "set_rng_state", lambda state: states.update({device: state}))
    else:
        monkeypatch.setattr(module, "get_rng_state", lambda of: states[of])
        monkeypatch.setattr(module, "set_rng_state", lambda state, of: states.update({of: state}))
    monkeypatch.setattr(torch, "manual_seed", lambda seed: states.update({device: seed}))
    with use_seed(5, device):
        assert states == {device: 5}
    assert states[device].tolist() == [7]
