import math

from lectures.lenet import (
    C3_TABLE,
    LeNet5,
    Subsample,
    TableConv,
    bitmaps,
    discriminative_loss,
    plain_lenet,
    rbf,
    squash,
)

import pytest
import torch
from torch import nn
from torch.nn import functional

# Table I of the paper as it is printed: a row for each map of S2, a column for each of C3.
PRINTED = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_which_maps_of_s2_each_map_of_c3_sees():
    rows = PRINTED.split()
    printed = [[i for i in range(6) if rows[i][k] == "X"] for k in range(16)]
    assert [sorted(row) for row in C3_TABLE] == printed


def test_the_parameters_of_each_layer_are_the_paper_s():
    model = LeNet5()
    counts = {name: parameters(layer) for name, layer in model.named_children()}
    paper = {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
    assert counts == paper
    assert parameters(model) == 60000
    assert parameters(plain_lenet()) == 61706


def test_the_table_s_convolution_by_naive_sums():
    table = [[0], [1, 2], [0, 2, 1]]
    layer = TableConv(3, table).double()
    x = torch.randn(2, 3, 6, 7, generator=torch.Generator().manual_seed(0)).double()
    out = layer(x)
    kernels = iter(layer.weight)
    for k, seen in enumerate(table):
        total = layer.bias[k].expand(2, 2, 3)
        for c in seen:
            kernel = next(kernels)
            sums = [[(kernel * x[:, c, i : i + 5, j : j + 5]).sum((1, 2)) for j in range(3)]
                    for i in range(2)]  # fmt: skip
            total = total + torch.stack([torch.stack(row, 1) for row in sums], 1)
        torch.testing.assert_close(out[:, k], total)


def test_a_full_table_is_an_ordinary_convolution():
    layer = TableConv(2, [[0, 1]] * 3).double()
    x = torch.randn(1, 2, 9, 9, generator=torch.Generator().manual_seed(0)).double()
    expected = functional.conv2d(x, layer.weight.view(3, 2, 5, 5), layer.bias)
    torch.testing.assert_close(layer(x), expected)


def test_subsampling_by_sums():
    layer = Subsample(2).double()
    nn.init.normal_(layer.bias)
    x = torch.randn(1, 2, 4, 6, generator=torch.Generator().manual_seed(0)).double()
    out = layer(x)
    assert out.shape == (1, 2, 2, 3)
    for k, i, j in [(0, 0, 0), (1, 1, 2), (0, 1, 1)]:
        total = x[0, k, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].sum()
        a = (layer.weight[k] * total + layer.bias[k]).item()
        assert out[0, k, i, j].item() == pytest.approx(1.7159 * math.tanh(2 * a / 3))


def test_the_squashing_keeps_one():
    assert squash(torch.tensor([1.0, -1.0, 0.0])).tolist() == pytest.approx([1, -1, 0], abs=1e-4)


def test_rbf_by_sums():
    generator = torch.Generator().manual_seed(0)
    x, centers = (torch.randn(n, 84, generator=generator).double() for n in (3, 10))
    expected = torch.cdist(x, centers) ** 2
    torch.testing.assert_close(rbf(x, centers), expected)


def test_the_codes_are_ten_pictures_unlike_each_other():
    codes = bitmaps()
    assert codes.shape == (10, 84)
    assert set(codes.unique().tolist()) == {-1, 1}
    apart = torch.cdist(codes, codes) ** 2 / 4  # pixels that differ
    assert apart[~torch.eye(10, dtype=bool)].min() >= 6
    one = codes[1].view(12, 7)
    assert (one[:, 3:5] == 1).all()  # its stroke


def test_the_loss_is_the_paper_s():
    y = torch.rand(4, 10, generator=torch.Generator().manual_seed(0)).double() * 5
    labels = torch.tensor([3, 0, 9, 3])
    total = 0.0
    for row, label in zip(y.tolist(), labels.tolist()):
        total += row[label] + math.log(math.exp(-0.5) + sum(math.exp(-each) for each in row))
    assert discriminative_loss(-y, labels, j=0.5).item() == pytest.approx(total / 4)


def test_the_scores_are_distances_to_fixed_codes(sample):
    model = LeNet5()
    x = sample.test.images[:3]
    maps = model.maps(x)
    sizes = {"C1": (6, 28, 28), "S2": (6, 14, 14), "C3": (16, 10, 10), "S4": (16, 5, 5)}
    sizes |= {"C5": (120, 1, 1), "F6": (84,)}
    assert {name: each.shape[1:] for name, each in maps.items()} == sizes
    expected = -(torch.cdist(maps["F6"], bitmaps()) ** 2)
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-3)
    discriminative_loss(model(x), sample.test.labels[:3]).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert model.codes.grad is None


def test_the_background_is_the_paper_s(sample):
    """An empty image is one constant: every unit of C1 sees −0.1 everywhere, at the edge, too."""
    model = LeNet5()
    c1 = model.maps(torch.zeros(1, 1, 28, 28))["C1"][0]
    expected = squash(-0.1 * model.C1.weight.sum((1, 2, 3)) + model.C1.bias)
    torch.testing.assert_close(c1, expected[:, None, None].expand(6, 28, 28))


@pytest.mark.parametrize("make", [LeNet5, plain_lenet, lambda: LeNet5(outputs="linear")])
def test_it_overfits_ten_images(sample, make):
    torch.manual_seed(0)
    model, labels = make(), torch.arange(10)
    x = torch.stack([sample.train.images[sample.train.labels == i][0] for i in range(10)])
    linear = getattr(model, "linear", True)
    loss_fn = functional.cross_entropy if linear is not None else discriminative_loss
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss_fn(model(x), labels).backward()
        optimizer.step()
    assert (model(x).argmax(1) == labels).all()
