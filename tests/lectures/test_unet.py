from lectures.unet import Block, UNet

import pytest
import torch
from torch import nn


def shake(module: nn.Module, seed: int = 0) -> nn.Module:
    """No weight of it is 0, as those are that begin so."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return module.double()


@pytest.fixture
def network() -> UNet:
    return shake(UNet(width=8, condition=16))


def test_a_fresh_block_passes_x_on():
    x = torch.randn(2, 16, 6, 6)
    assert torch.equal(Block(16, 8)(x, torch.randn(2, 8)), x)


def test_a_block_is_the_formula():
    block = shake(Block(8, 5))
    x, condition = torch.randn(3, 8, 6, 6).double(), torch.randn(3, 5).double()
    told = block.control(condition)
    h = block.second(block.into(nn.SiLU()(block.first(x))))
    rows = [h[i, c] * (1 + told[i, c]) + told[i, 8 + c] for i in range(3) for c in range(8)]
    expected = x + block.back(nn.SiLU()(torch.stack(rows).view(3, 8, 6, 6)))
    torch.testing.assert_close(block(x, condition), expected)


def test_every_pixel_depends_on_every_pixel_on_t_and_on_the_digit(network):
    x = torch.randn(1, 1, 24, 24, dtype=torch.float64)
    t, digit = torch.tensor([0.4]).double(), torch.tensor([3])
    start = network(x, t, digit)
    assert start.shape == x.shape
    for changed in (
        network(x, t + 0.01, digit),
        network(x, t, digit + 1),
        network(x.index_fill(3, torch.tensor([0]), 5.0), t, digit),
    ):
        assert ((changed - start).abs() > 1e-12).all()


def test_an_image_s_output_is_its_own(network):
    x, t = torch.randn(3, 1, 24, 24).double(), torch.rand(3).double()
    digits = torch.tensor([0, 10, 9])
    together = network(x, t, digits)
    alone = torch.cat([network(*each) for each in zip(x.split(1), t.split(1), digits.split(1))])
    torch.testing.assert_close(together, alone)


def test_every_weight_learns(network):
    x, t = torch.randn(11, 1, 24, 24).double(), torch.rand(11).double()
    network(x, t, torch.arange(11)).square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad.abs().sum() > 0, name


def test_it_is_small():
    assert sum(p.numel() for p in UNet().parameters()) < 1_000_000  # 4 MB
