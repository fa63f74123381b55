from common.run import UserError
from lectures.convolution import (
    avg_pool,
    avg_pool_backward,
    conv2d,
    conv2d_backward,
    max_pool,
    max_pool_backward,
    place_count,
    windows,
)

import pytest
import torch
from torch.nn import functional

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
# (n, c, height, width), (k, u, v), stride, padding
LAYERS = [
    ((2, 1, 5, 5), (1, 2, 2), 1, 0),
    ((2, 3, 8, 7), (4, 3, 2), 2, 1),  # a column is left out
    ((1, 2, 9, 9), (2, 4, 4), 3, 2),
    ((2, 2, 3, 3), (3, 5, 5), 1, 1),  # larger than the image, not than the padded one
]
POOLS = [(2, 2), (3, 2), (2, 3), (3, 1)]  # size and stride: apart, overlapping, with gaps


def draw(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_convolution_and_its_backward_against_autograd(layer):
    size, (k, *kernel), stride, padding = layer
    x, w, b = (each.requires_grad_() for each in draw(size, (k, size[1], *kernel), (k,)))
    a = functional.conv2d(x, w, b, stride, padding)
    (delta,) = draw(a.shape)
    expected = torch.autograd.grad(a, (w, b, x), delta)
    with torch.no_grad():
        torch.testing.assert_close(conv2d(x, w, b, stride, padding), a.detach(), **CLOSE)
        for ours, theirs in zip(conv2d_backward(delta, x, w, b, stride, padding), expected):
            torch.testing.assert_close(ours, theirs, **CLOSE)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_max_pooling_against_autograd(pool, tied):
    (x,) = draw((2, 3, 7, 8))
    x = x.round() if tied else x  # whole numbers, of which many are equal
    y, which = max_pool(x, *pool)
    x.requires_grad_()
    expected = functional.max_pool2d(x, *pool)
    (delta,) = draw(expected.shape)
    (grad,) = torch.autograd.grad(expected, x, delta)
    torch.testing.assert_close(y, expected.detach())
    torch.testing.assert_close(max_pool_backward(delta, which, x.detach(), *pool), grad, **CLOSE)


def test_of_equal_entries_the_first_gets_the_gradient():
    x = torch.zeros(1, 1, 4, 4)
    _, which = max_pool(x, 2, 2)
    grad = max_pool_backward(torch.ones(1, 1, 2, 2), which, x, 2, 2)
    first = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).repeat(2, 2)
    assert torch.equal(grad[0, 0], first)


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_average_pooling_against_autograd(pool):
    x = draw((2, 3, 7, 8))[0].requires_grad_()
    expected = functional.avg_pool2d(x, *pool)
    (delta,) = draw(expected.shape)
    (grad,) = torch.autograd.grad(expected, x, delta)
    x = x.detach()
    torch.testing.assert_close(avg_pool(x, *pool), expected.detach(), **CLOSE)
    torch.testing.assert_close(avg_pool_backward(delta, x, *pool), grad, **CLOSE)


def test_places_by_laying_the_kernel_down():
    for size in range(1, 12):
        for kernel in range(1, size + 3):
            for stride in range(1, 5):
                for padding in range(3):
                    side = size + 2 * padding
                    starts = [start for start in range(0, side, stride) if start + kernel <= side]
                    if not starts:
                        continue
                    left = side - (starts[-1] + kernel)
                    assert place_count(size, kernel, stride, padding) == (len(starts), left)


def test_the_windows_cover_what_is_not_left_out():
    x = torch.zeros(1, 1, 7, 8)
    for place in windows(x, 2, 2):
        x[place] += 1
    assert (x[0, 0, :6] == 1).all()
    assert (x[0, 0, 6] == 0).all()


def test_a_kernel_larger_than_the_image():
    x, w, b = draw((1, 1, 5, 9), (1, 1, 6, 6), (1,))
    with pytest.raises(UserError, match=r"came 6, allowed is at most 5"):
        conv2d(x, w, b)
    assert conv2d(x, w, b, padding=1).shape == (1, 1, 2, 6)
    with pytest.raises(UserError, match=r"came 6, allowed is at most 5"):
        max_pool(x, 6, 1)


@pytest.mark.parametrize("numbers", [(0, 1, 0), (1, 0, 0), (1, 1, -1)], ids=str)
def test_numbers_that_are_not_allowed(numbers):
    with pytest.raises(UserError, match="allowed are whole numbers"):
        place_count(5, *numbers)
