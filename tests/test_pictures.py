import pytest
import torch

from hw7.autoencoder import Autoencoder, Variational
from hw7.pictures import interpolate


@pytest.mark.parametrize("kind", [Autoencoder, Variational])
def test_interpolation_goes_straight_from_one_code_to_the_other(kind, sample):
    torch.manual_seed(0)
    model, x = kind().eval(), sample.test.images[:7]
    path = interpolate(model, x[:2], x[2:4], 5).unflatten(0, (2, 5))
    k = model.decoder[0].in_features
    z, end = model.encoder(x[:2])[:, :k], model.encoder(x[2:4])[:, :k]
    for i, share in enumerate([0, 0.25, 0.5, 0.75, 1]):
        expected = model.decoder((1 - share) * z + share * end).flatten(1)
        torch.testing.assert_close(path[:, i], expected, atol=1e-5, rtol=1e-4)
