import copy
import pickle

from common.layers import LARGEST, Dropout, Upsample

import pytest
import torch
from torch import nn

SHAPES = [(1000, 1000), (64, 20, 25, 25), (7, 3, 1), (5,), (1,), (0, 4), ()]


def kept(layer: nn.Module, *shape: int) -> torch.Tensor:
    """Which entries the layer keeps, as float64 zeros and ones."""
    return (layer(torch.ones(shape)) != 0).double()


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9, 1 / 3, 0.001])
def test_the_keep_probability_is_1_minus_p(p):
    """Within 1e-4, as far as 20 million entries can tell: the noise's 4 deviations come on top."""
    torch.manual_seed(0)
    share = sum(kept(Dropout(p), 1000, 1000).mean().item() for _ in range(20)) / 20
    assert abs(share - (1 - p)) < 1e-4 + 4 * (p * (1 - p) / 20e6) ** 0.5


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_four_entries_of_a_draw_are_alike_and_independent(p):
    """Each place in the draw has its own chance to be dropped, alone and beside any other."""
    torch.manual_seed(1)
    n = 1_000_000
    lanes = kept(Dropout(p), n, 4)
    noise = (p * (1 - p) / n) ** 0.5
    assert ((lanes.mean(0) - (1 - p)).abs() < 5 * noise).all()
    correlations = torch.corrcoef(lanes.T) - torch.eye(4)
    assert (correlations.abs() < 5 / n**0.5).all()
    following = torch.corrcoef(torch.stack([lanes[:-1, 3], lanes[1:, 0]]))[0, 1]
    assert following.abs() < 5 / n**0.5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("p", [0.0, 1e-7, 0.1, 0.5, 1 - 1e-7, 1.0])
def test_kept_entries_are_scaled_and_the_others_zero(shape, p):
    torch.manual_seed(0)
    x = torch.randn(shape)
    y = Dropout(p)(x)
    assert y.shape == x.shape and y.dtype == x.dtype
    assert y.isfinite().all()
    scaled = x / (1 - p) if p < 1 else torch.zeros_like(x)
    torch.testing.assert_close(y, torch.where(y == 0, 0, scaled))
    assert torch.equal(Dropout(p).eval()(x), x)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_result_is_laid_out_as_the_input(layout):
    """Else the next convolution would reorder it, at a cost; the layout does not favour lanes."""
    torch.manual_seed(0)
    x = torch.rand(64, 20, 27, 27).to(memory_format=layout).requires_grad_()
    y = Dropout(0.1)(x)
    y.backward(torch.ones_like(y))
    assert y.is_contiguous(memory_format=layout) and x.grad.is_contiguous(memory_format=layout)
    shares = (y != 0).double().mean((0, 2, 3))  # of each channel
    assert ((shares - 0.9).abs() < 5 * (0.09 / (64 * 27 * 27)) ** 0.5).all()


@pytest.mark.parametrize("x", [torch.ones(3, 1).expand(3, 50), torch.ones(9, 40)[::2, 1::3]])
def test_views_with_gaps_or_repetitions_are_dropped_entry_by_entry(x):
    torch.manual_seed(0)
    counts = sum((Dropout(0.5)(x) != 0).double() for _ in range(400))
    assert counts.shape == x.shape
    assert ((counts / 400 - 0.5).abs() < 5 * (0.25 / 400) ** 0.5).all()


def test_the_mean_stays_as_it_was():
    torch.manual_seed(0)
    y = Dropout(0.1)(torch.ones(4_000_000, dtype=torch.float64))
    assert abs(y.mean().item() - 1) < 5 * (0.1 / 0.9 / 4e6) ** 0.5


def test_torch_s_seed_decides_the_entries_and_each_call_draws_anew():
    x = torch.ones(64, 20, 25, 25)
    torch.manual_seed(3)
    first, second = Dropout()(x), Dropout()(x)
    torch.manual_seed(3)
    assert torch.equal(Dropout()(x), first)
    assert not torch.equal(first, second)


def test_dropout_s_gradient():
    def dropout(x):
        torch.manual_seed(0)
        return Dropout(0.3)(x)

    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(dropout, x)
    assert torch.autograd.gradgradcheck(dropout, x)
    (gradient,) = torch.autograd.grad(dropout(x).sum(), x)
    torch.testing.assert_close(gradient, (dropout(x) / x).detach())


def test_dropout_leaves_its_input_alone_and_in_place_does_not():
    x = torch.ones(100)
    Dropout(0.5)(x)
    assert torch.equal(x, torch.ones(100))
    assert Dropout(0.5, inplace=True)(x) is x and (x == 0).any()


@pytest.mark.parametrize("size", [(6, 6), (1, 1), (2, 3), (7, 4), (12, 12), (16, 16), (17, 16)])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_upsampling_and_its_gradient_are_torch_s(size, dtype, bound):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(5, 3, *size, dtype=dtype, generator=generator, requires_grad=True)
    weights = torch.rand(5, 3, *(2 * s for s in size), dtype=dtype, generator=generator)
    results = []
    for layer in (nn.Upsample, Upsample):
        y = layer(scale_factor=2, mode="bicubic")(x)
        (gradient,) = torch.autograd.grad((y * weights).mean(), x)
        results.append((y, gradient))
    for theirs, ours in zip(*results):
        assert ours.shape == theirs.shape and ours.dtype == dtype
        torch.testing.assert_close(ours, theirs, rtol=0, atol=bound)


def test_upsampling_takes_the_matrix_for_small_maps_only(monkeypatch):
    def refused(self, x):
        raise AssertionError("torch's own")

    monkeypatch.setattr(nn.Upsample, "forward", refused)
    ours = Upsample(scale_factor=2, mode="bicubic")
    ours(torch.rand(2, 3, 6, 6))
    for x in (torch.rand(2, 3, 1, LARGEST + 1), torch.rand(2, 3, 6, 6).bfloat16()):
        with pytest.raises(AssertionError):
            ours(x)


OTHERS = [
    {"scale_factor": 3, "mode": "bicubic"},
    {"scale_factor": (2, 3), "mode": "bicubic"},
    {"size": (9, 9), "mode": "bicubic"},
    {"scale_factor": 2},
    {"scale_factor": 2, "mode": "bicubic", "align_corners": True},
]


@pytest.mark.parametrize("arguments", OTHERS, ids=str)
def test_every_other_upsampling_is_torch_s_own(arguments):
    x = torch.rand(2, 3, 5, 4)
    assert torch.equal(Upsample(**arguments)(x), nn.Upsample(**arguments)(x))


def test_a_first_use_in_inference_mode_does_not_bar_training():
    layer = Upsample(scale_factor=2, mode="bicubic")
    with torch.inference_mode():
        layer(torch.rand(1, 1, 3, 11))
    x = torch.rand(1, 1, 3, 11, requires_grad=True)
    layer(x).sum().backward()
    # every pixel's weights sum to 1, and the map has a quarter of the pixels
    assert x.grad.sum().item() == pytest.approx(4 * 33, rel=1e-5)


def test_they_read_and_travel_like_torch_s():
    ours = nn.Sequential(Dropout(0.1), Upsample(scale_factor=2, mode="bicubic"))
    theirs = nn.Sequential(nn.Dropout(0.1), nn.Upsample(scale_factor=2, mode="bicubic"))
    assert str(ours) == str(theirs)
    assert not ours.state_dict()
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert str(other) == str(ours)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Dropout(1.5)


def test_other_devices_have_torch_s_own_dropout(monkeypatch):
    monkeypatch.setattr(nn.Dropout, "forward", lambda self, x: "torch's own")
    assert Dropout(0.1)(torch.rand(5, device="meta")) == "torch's own"
    assert Dropout(0.1)(torch.rand(5)).shape == (5,)


def test_on_other_devices():
    with torch.device("meta"):
        assert Dropout(0.1)(torch.rand(5, device="cpu")).device.type == "cpu"
        x = torch.rand(2, 3, 6, 6)
        assert Dropout(0.1)(x).is_meta
        assert Upsample(scale_factor=2, mode="bicubic")(x).shape == (2, 3, 12, 12)


def test_a_model_with_it_can_be_compiled():
    model = nn.Sequential(nn.Linear(10, 20), Dropout(0.3)).train()
    x = torch.randn(8, 10)
    torch.manual_seed(0)
    expected = model(x)
    torch.manual_seed(0)
    found = torch.compile(model, backend="aot_eager")(x)  # all but the generated code
    torch.testing.assert_close(found, expected)
    assert (expected == 0).sum() > 10
