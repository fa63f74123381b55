from itertools import product

from hw6.conv_backward import backward, backward_1x1, forward

import pytest
import torch
from torch.nn.functional import conv2d

# an activation and its derivative, written out
ACTIVATIONS = {
    "identity": (lambda a: a, torch.ones_like),
    "relu": (torch.relu, lambda a: (a > 0).to(a.dtype)),
    "sigmoid": (torch.sigmoid, lambda a: torch.sigmoid(a) * (1 - torch.sigmoid(a))),
    "tanh": (torch.tanh, lambda a: 1 - torch.tanh(a) ** 2),
}
# (n, c, height, width), (k, kernel height, kernel width), stride
CASES = [
    ((3, 1, 28, 28), (20, 4, 4), 1),
    ((2, 20, 25, 25), (20, 4, 4), 2),  # HW6's second layer: the last row and column are not seen
    ((2, 3, 7, 9), (4, 1, 1), 1),
    ((2, 3, 8, 7), (5, 3, 2), 2),
    ((1, 2, 9, 9), (1, 2, 2), 3),  # a stride beyond the kernel: some pixels are never seen
    ((4, 1, 5, 5), (2, 5, 5), 1),  # one place only
]
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def drawn(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_any_kernel_and_stride_against_autograd(case, activation):
    size, (k, *kernel), stride = case
    x, w, b = drawn(size, (k, size[1], *kernel), (k,))
    g, g_prime = ACTIVATIONS[activation]
    for tensor in (x, w, b):
        tensor.requires_grad_()
    f = g(conv2d(x, w, b, stride))
    (grad_f,) = drawn(f.shape)  # the gradient of ℓ = Σ grad_f · f
    expected = torch.autograd.grad(f, (w, b, x), grad_f)
    with torch.no_grad():
        torch.testing.assert_close(g(forward(x, w, b, stride)), f.detach(), **CLOSE)
        for ours, theirs in zip(backward(grad_f, x, w, b, g_prime, stride), expected):
            torch.testing.assert_close(ours, theirs, **CLOSE)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_1x1_kernel_against_autograd(activation):
    x, w, b = drawn((3, 1, 6, 5), (4,), (4,))
    g, g_prime = ACTIVATIONS[activation]
    for tensor in (x, w, b):
        tensor.requires_grad_()
    f = g(conv2d(x, w.view(4, 1, 1, 1), b))
    (grad_f,) = drawn(f.shape)
    expected = torch.autograd.grad(f, (w, b, x), grad_f)
    with torch.no_grad():
        for ours, theirs in zip(backward_1x1(grad_f, x, w, b, g_prime), expected):
            torch.testing.assert_close(ours, theirs, **CLOSE)


def test_the_1x1_kernel_is_a_case_of_the_general_one():
    x, w, b, grad_f = drawn((3, 1, 6, 5), (4,), (4,), (3, 4, 6, 5))
    _, g_prime = ACTIVATIONS["tanh"]
    special = backward_1x1(grad_f, x, w, b, g_prime)
    general = backward(grad_f, x, w.view(4, 1, 1, 1), b, g_prime)
    for one, other in zip(special, general):
        torch.testing.assert_close(one.flatten(), other.flatten(), **CLOSE)


def test_the_forward_pass_by_explicit_sums():
    x, w, b = drawn((2, 2, 6, 5), (3, 2, 3, 2), (3,))
    a = forward(x, w, b, stride=2)
    assert a.shape == (2, 3, 2, 2)
    for n, k, i, j in product(range(2), range(3), range(2), range(2)):
        terms = product(range(2), range(3), range(2))
        total = sum(w[k, c, u, v] * x[n, c, 2 * i + u, 2 * j + v] for c, u, v in terms)
        assert a[n, k, i, j].item() == pytest.approx((b[k] + total).item())


def test_weight_gradients_by_finite_differences():
    """An oracle without autograd: central differences of the loss."""
    x, w, b, grad_f = drawn((2, 2, 6, 6), (3, 2, 3, 3), (3,), (2, 3, 2, 2))
    g, g_prime = ACTIVATIONS["tanh"]

    def loss(w: torch.Tensor) -> float:
        return (grad_f * g(conv2d(x, w, b, 2))).sum().item()

    grad_w, _, _ = backward(grad_f, x, w, b, g_prime, stride=2)
    for place in product(range(3), range(2), range(3), range(3)):
        up, down = w.clone(), w.clone()
        up[place] += 1e-6
        down[place] -= 1e-6
        slope = (loss(up) - loss(down)) / 2e-6
        assert grad_w[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_on_any_device():
    with torch.device("meta"):
        x, w, b = torch.rand(2, 3, 8, 8), torch.rand(5, 3, 4, 4), torch.rand(5)
        grads = backward(torch.rand(2, 5, 3, 3), x, w, b, torch.ones_like, stride=2)
        assert [grad.shape for grad in grads] == [w.shape, b.shape, x.shape]


BAD_SHAPES = [  # of grad_f, x, w and b, where (2, 4, 5, 4), (2, 3, 7, 6), (4, 3, 3, 3), (4,) fit
    ((2, 4, 5, 4), (2, 7, 6), (4, 3, 3, 3), (4,), r"x: came the shape \(2, 7, 6\)"),
    ((2, 4, 5, 4), (2, 3, 7, 6), (4, 1, 3, 3), (4,), r"w: .*\(4, 1, 3, 3\).* \(k, 3, kernel"),
    ((2, 4, 5, 4), (2, 3, 7, 6), (4, 3, 3), (4,), "w: came the shape"),
    ((2, 4, 5, 4), (2, 3, 7, 6), (4, 3, 3, 3), (1,), r"b: .*\(1,\), expected is \(4\)"),
    ((2, 1, 5, 4), (2, 3, 7, 6), (4, 3, 3, 3), (4,), r"grad_f: .*\(2, 4, 5, 4\)"),
    ((1, 4, 5, 4), (2, 3, 7, 6), (4, 3, 3, 3), (4,), "grad_f: came the shape"),
    ((2, 4, 0, 4), (2, 3, 2, 6), (4, 3, 3, 3), (4,), r"kernel \(3, 3\) is larger .* \(2, 6\)"),
    ((2, 4, 5, 0), (2, 3, 7, 2), (4, 3, 3, 3), (4,), "is larger than the input"),
]


@pytest.mark.parametrize("case", BAD_SHAPES, ids=str)
def test_shapes_that_do_not_fit_are_named(case):
    *shapes, message = case
    with pytest.raises(ValueError, match=message):
        backward(*(torch.zeros(shape) for shape in shapes), torch.ones_like)


def test_shapes_of_the_1x1_kernel_that_do_not_fit_are_named():
    fitting = {"grad_f": (2, 4, 5, 6), "x": (2, 1, 5, 6), "w": (4,), "b": (4,)}
    assert backward_1x1(*map(torch.zeros, fitting.values()), torch.ones_like)[0].shape == (4,)
    for name, shape in {"grad_f": (2, 1, 5, 6), "x": (2, 4, 5, 6), "w": (4, 1), "b": (1,)}.items():
        with pytest.raises(ValueError, match=f"{name}: came the shape"):
            backward_1x1(*map(torch.zeros, (fitting | {name: shape}).values()), torch.ones_like)


def test_a_stride_of_0_is_named():
    x, w, b = drawn((1, 1, 5, 5), (1, 1, 2, 2), (1,))
    with pytest.raises(ValueError, match="stride: came 0, allowed is 1 or more"):
        forward(x, w, b, stride=0)
