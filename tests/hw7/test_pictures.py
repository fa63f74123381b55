from types import SimpleNamespace

from hw7.autoencoder import Autoencoder
from hw7.mixture import decode
from hw7.pictures import interpolate, save_pictures
from hw7.vae import VAE
from tests.hw7.figures import images_of, row_titles_of, rows_of

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module", params=[Autoencoder, lambda: VAE(Autoencoder(width=6))])
def model(request):
    torch.manual_seed(0)
    return request.param().eval()


@pytest.fixture(scope="module")
def figures(model, sample):
    """What is saved for a part "b" with the seed 3, and the digits that it was given."""
    figures, digits = {}, torch.rand(20, 784)
    run = SimpleNamespace(
        mnist=sample, args=SimpleNamespace(seed=3), save=lambda *pair: figures.update([pair])
    )
    state = torch.get_rng_state()
    save_pictures(run, "b", model.train(), digits, "a title")
    assert torch.equal(torch.get_rng_state(), state)
    return figures | {"digits": digits}


def test_interpolation_goes_straight_from_one_code_to_the_other(model, sample):
    x = sample.test.images[:7]
    path = interpolate(model.train(), x[:2], x[2:4], 5).unflatten(0, (2, 5))
    assert not model.training
    k = model.decoder[0].in_features
    z, end = model.encoder(x[:2])[:, :k], model.encoder(x[2:4])[:, :k]
    for i, share in enumerate([0, 0.25, 0.5, 0.75, 1]):
        expected = model.decoder((1 - share) * z + share * end).flatten(1)
        torch.testing.assert_close(path[:, i], expected, atol=1e-5, rtol=1e-4)


def test_the_figure_goes_from_each_even_digit_to_the_next_one(figures, model, sample):
    figure, (images, labels) = figures["b_interpolated"], sample.test
    shown = images_of(figure).reshape(5, 10, 784)
    first = [next(x for x, y in zip(images, labels) if y == digit) for digit in range(10)]
    with torch.no_grad():
        k = model.decoder[0].in_features
        ends = decode(model, model.encoder(torch.stack(first))[:, :k])
    np.testing.assert_allclose(shown[:, 0], ends[0::2], atol=1e-4)
    np.testing.assert_allclose(shown[:, -1], ends[1::2], atol=1e-4)
    assert rows_of(figure) == 5
    title = "From the code of one test image to another's, in equal steps"
    assert figure.get_suptitle() == title


def test_reconstructions_stand_under_their_originals(figures, model, sample):
    figure, images = figures["b_reconstructed"], sample.test.images[:20]
    shown = images_of(figure).reshape(4, 10, 784)
    torch.manual_seed(3)
    with torch.no_grad():
        decoded = model.eval().decoder(model.sample_code(images)).flatten(1).numpy()
    originals = images.flatten(1).numpy()
    np.testing.assert_array_equal(shown[0::2].reshape(20, 784), originals)
    np.testing.assert_allclose(shown[1::2].reshape(20, 784), decoded, atol=1e-4)
    assert rows_of(figure) == 4
    assert row_titles_of(figure) == ["original", "reconstructed"] * 2
    assert figure.get_suptitle() == "Test images and their reconstructions from z with noise"


def test_generated_digits_are_shown_as_they_come(figures):
    figure = figures["b_generated"]
    np.testing.assert_array_equal(images_of(figure), figures["digits"])
    assert figure.get_suptitle() == "a title" and rows_of(figure) == 2
    assert list(figures) == ["b_generated", "b_reconstructed", "b_interpolated", "digits"]
