import math

import numpy as np
import pytest
import torch

from common.frechet import frechet_distance
from hw6.cnn import evaluate
from hw7.autoencoder import Autoencoder, Variational, generate
from hw7.generation import Judge, Mixture, decode, fit_mixture, sources


@pytest.fixture(scope="module")
def judge(sample) -> Judge:
    return Judge(sample, seed=0)


@pytest.fixture(scope="module")
def model() -> Variational:
    torch.manual_seed(0)
    model = Variational(width=5)
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
    torch.testing.assert_close(mixture.codes(noise, torch.Generator()), expected)


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
    codes = mixture.codes(torch.randn(n, 2, generator=generator), generator)
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
    unused = torch.cat([torch.randn(100, 1), torch.zeros(100, 1)], 1)
    assert fit_mixture(unused, 1, torch.Generator()).roots.isfinite().all()


def test_all_sources_are_made_of_the_same_noise(model, sample):
    state = torch.get_rng_state()
    codes = sources(model.train(), sample.train.images, 300, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    again = sources(model, sample.train.images, 300, seed=3)
    other = sources(model, sample.train.images, 300, seed=4)
    for name, z in codes.items():
        assert z.shape == (300, 5)
        assert torch.equal(z, again[name]) and not torch.equal(z, other[name])
    noise = torch.randn(300, 5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(codes["N"], noise) and torch.equal(codes["2·N"], 2 * noise)
    with torch.no_grad():
        torch.manual_seed(3)
        seen = torch.cat([model.eval().draw(x) for x in sample.train.images.split(1000)])
    root = torch.linalg.cholesky(torch.cov(seen.T))
    torch.testing.assert_close(codes["Gaussian"], seen.mean(0) + noise @ root.T, atol=1e-4, rtol=0)
    assert (codes["mixture"] - codes["Gaussian"]).abs().max() > 0.01


def test_the_handout_s_source_gives_the_handout_s_digits(sample):
    torch.manual_seed(0)
    handout = Autoencoder()
    codes = sources(handout, sample.train.images, 6, seed=5)["2·N"]
    torch.testing.assert_close(decode(handout, codes), generate(handout, 6, 5, "cpu"))


def test_decoding_in_portions_and_in_evaluation_mode(model):
    codes = torch.randn(1001, 5)
    images = decode(model.train(), codes)
    assert images.shape == (1001, 784) and not model.training
    with torch.no_grad():
        torch.testing.assert_close(images, model.decoder(codes).flatten(1))


def test_the_judge_s_numbers_are_those_of_its_network(judge, sample):
    images = sample.train.images[:150]
    found = judge(images.flatten(1))
    logits, features = evaluate(judge.network, images)
    real = evaluate(judge.network, sample.test.images)[1]
    assert found["frechet"] == pytest.approx(frechet_distance(features, real))
    p = logits.double().softmax(1)
    assert found["sure"] == pytest.approx((p > 0.9).any(1).double().mean().item())
    counts = np.bincount(logits.argmax(1), minlength=10) / 150
    assert found["entropy"] == pytest.approx(-sum(c * math.log(c) for c in counts if c), rel=1e-5)
    alike = judge(images[:1].repeat(50, 1, 1, 1))
    assert alike["entropy"] == 0 and alike["sure"] in (0, 1)
    assert judge(sample.test.images)["frechet"] == pytest.approx(0, abs=1e-3)


def test_the_judge_never_saw_the_images_of_its_floor(judge, sample):
    """200 test images here, and a sixth of the 1,000 others held out."""
    state = torch.get_rng_state()
    images = sample.train.images.clone()
    images[1000 - 166 :] = 0.5
    blind = Judge(sample._replace(train=sample.train._replace(images=images)), seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(judge.network.parameters(), blind.network.parameters()):
        assert torch.equal(one, other)
    assert judge.floor == judge(sample.train.images[1000 - 166 :])
    assert judge.floor["frechet"] < blind.floor["frechet"]
    assert judge.accuracy > 0
