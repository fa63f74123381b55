from bench.trainings import make_kmeans
from bench.variants import (
    VARIANTS,
    AddmmKMeans,
    FlippedConv,
    FunctionKMeans,
    ShuffledConv,
    UnfoldedConv,
)
from hw7.kmeans import KMeans, mean_over_pixels

import pytest
import torch
from torch import nn

LAYERS = [
    (UnfoldedConv, nn.Conv2d, (1, 20, 4), {}, (1, 28, 28)),
    (FlippedConv, nn.ConvTranspose2d, (20, 1, 4), {"padding": 1}, (20, 27, 27)),
    (
        ShuffledConv,
        nn.ConvTranspose2d,
        (20, 20, 4),
        {"stride": 2, "output_padding": 1},
        (20, 12, 12),
    ),
]


@pytest.mark.parametrize(("kind", "base", "sizes", "options", "shape"), LAYERS)
def test_a_variant_of_a_layer_computes_the_same(kind, base, sizes, options, shape):
    layer = base(*sizes, **options).double()
    x = torch.rand(3, *shape, dtype=torch.float64)
    expected = layer(x)
    layer.__class__ = kind
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [AddmmKMeans, FunctionKMeans])
def test_a_variant_of_kmeans_takes_the_same_step(few, kind):
    images = few.split().images.double()
    gradients = []
    for network in (KMeans, kind):
        model = make_kmeans(few, network).double()
        error = model(images)
        mean_over_pixels(error, None).backward()
        gradients += [error.detach(), model.centers.grad]
    torch.testing.assert_close(gradients[2:], gradients[:2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("group", VARIANTS)
def test_every_variant_takes_its_steps(few, group):
    """Those of k-means, which is without noise, to where the network's own steps lead."""
    ends = {}
    for name, contender in VARIANTS[group](50, 0).items():
        if name == "compiled":
            continue  # takes a compiler, and a minute
        work = contender.prepare(few)
        parameters = list(contender.prepare.__self__.model.parameters())
        start = torch.cat([p.detach().flatten() for p in parameters])
        work()
        ends[name] = torch.cat([p.detach().flatten() for p in parameters])
        assert 1e-5 < (ends[name] - start).abs().max() < 1, name  # false where it is not finite
        if group == "kmeans_variants":
            torch.testing.assert_close(ends[name], ends["as_it_is"], rtol=0, atol=1e-6)
