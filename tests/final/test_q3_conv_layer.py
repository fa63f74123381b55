import json

from final import q3_conv_layer as q3

import pytest
import torch
from torch import tensor


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The script's results and figures, run once."""
    folder, figures = tmp_path_factory.mktemp("q3"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(q3.Run, "save", lambda run, name, figure: figures.update({name: figure}))
        assert q3.main(["--out", str(folder)]) == 0
    return json.loads((folder / "summary.json").read_text())["results"], figures


def test_forward_as_conv2d():
    x, w, b = torch.randn(3, 1, 5, 4).double(), torch.randn(6).double(), torch.randn(6).double()
    expected = torch.nn.functional.conv2d(x, w[:, None, None, None], b)
    torch.testing.assert_close(q3.forward_1x1(x, w, b), expected)


def test_loss():
    """The image's two channels on paper: f − target = (1, 0, 0, 2) and (−1, 2, −1, 1)."""
    assert q3.loss(q3.X, q3.W, q3.B) == (1 + 4) / 2 + (1 + 4 + 1 + 1) / 2


def test_activations_derivatives_as_autograd():
    for name, (g, g_prime) in q3.ACTIVATIONS.items():
        a = torch.linspace(-3, 3, 20).double().requires_grad_()
        (expected,) = torch.autograd.grad(g(a).sum(), a)
        torch.testing.assert_close(g_prime(a).detach(), expected, msg=name)


def test_difference_quotients():
    at = (tensor([[1.0, 2], [3, 4]]).double(), tensor([0.5]).double())
    found = q3.difference_quotients(lambda x, y: (x**2).sum() * y.sum() ** 2, at)
    torch.testing.assert_close(found[0], 2 * at[0] * 0.25)
    torch.testing.assert_close(found[1], tensor([30.0]).double())


def test_largest_deviation_notices_one_number():
    one = (torch.zeros(2, 3), torch.zeros(4))
    other = (torch.zeros(2, 3), tensor([0.0, 0, -0.5, 0]))
    assert q3.largest_deviation(one, other) == 0.5


def test_deviation_is_measured(monkeypatch):
    """A gradient that is a sum too short is noticed."""
    layer = (2, 3, (2, 3), 2)
    assert q3.deviation_from_autograd(layer, "tanh") < 1e-12
    real = q3.backward
    monkeypatch.setattr(q3, "backward", lambda *args: [0.999 * each for each in real(*args)])
    assert q3.deviation_from_autograd(layer, "tanh") > 1e-4


@pytest.mark.parametrize(("size", "kernel", "stride"), [(8, 4, 1), (8, 4, 2), (7, 3, 3)])
def test_views_as_counted(size, kernel, stride):
    counts = torch.zeros(size, size).double()
    for i in range(0, size - kernel + 1, stride):
        for j in range(0, size - kernel + 1, stride):
            counts[i : i + kernel, j : j + kernel] += 1
    assert torch.equal(q3.count_views(size, kernel, stride), counts)


def test_summary(run):
    a, b, c = run[0]["a"], run[0]["b"], run[0]["c"]
    assert a["a"] == [[[1, -3], [3, 5]], [[1, 5], [-1, -3]]]
    assert a["f"] == [[[1, 0], [3, 5]], [[1, 5], [0, 0]]] and a["loss"] == 6
    assert b["w"] == [7, -3] and b["b"] == [3, 1] and b["x"] == [[4, -4], [0, 4]]
    assert b["deviations"]["autograd"] < 1e-14 and b["deviations"]["differences"] < 1e-8
    assert 0 < c["largest"] < 1e-12


def test_layer_is_drawn(run):
    axes = {each.get_title(): each for each in run[1]["b_layer"].axes}
    drawn = {
        "x": [[1, -1], [2, 3]],
        "a²": [[1, 5], [-1, -3]],
        "f¹": [[1, 0], [3, 5]],
        "∂ℓ/∂f²": [[-1, 2], [-1, 1]],
        "δ¹": [[1, 0], [0, 2]],
        "δ²": [[-1, 2], [0, 0]],
        "∂ℓ/∂x": [[4, -4], [0, 4]],
    }
    for name, numbers in drawn.items():
        assert axes[name].images[0].get_array().tolist() == numbers
        texts = [text.get_text().replace("−", "-") for text in axes[name].texts]
        assert texts == [str(number) for row in numbers for number in row]
    assert len(axes) == 10


def test_views_are_drawn(run):
    for axes, stride in zip(run[1]["c_views"].axes, (1, 2), strict=True):
        assert f"stride {stride}" in axes.get_title()
        assert axes.images[0].get_array().tolist() == q3.count_views(8, 4, stride).tolist()
        assert axes.images[0].norm.vmin == -26


def test_mistaken_option(capsys):
    with pytest.raises(SystemExit, match="2"):
        q3.main(["--part", "z"])
    assert "--part" in capsys.readouterr().err
