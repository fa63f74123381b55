"""Lecture 9: networks of any depth against autograd, and the training on the sample."""

import json

from lectures import l09_backpropagation as l09

import numpy as np
import pytest
import torch

TORCH = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "identity": lambda v: v}


def torch_forward(W, b, x, activation):
    z = torch.as_tensor(x)
    for k, (weights, biases) in enumerate(zip(W, b)):
        z = weights @ z + biases
        z = TORCH[activation](z) if k < len(W) - 1 else z
    return z


def tensors(arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script on the sample: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l09")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l09, "COUNT", 100)
        arguments = ["--data", "sample", "--epochs", "4", "--hidden", "30,20", "--lr", "0.05"]
        assert l09.main([*arguments, "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text()), drawn


@pytest.mark.parametrize("activation", TORCH)
@pytest.mark.parametrize("hidden", [[], [6], [6, 5], [4, 7, 5, 6, 3]])
def test_any_depth_is_autograd_s(activation, hidden):
    rng = np.random.default_rng(9)
    x, y = rng.standard_normal((5, 7)), rng.standard_normal((2, 7))
    mlp = l09.MLP([5, *hidden, 2], activation, seed=1)
    mlp.b = [rng.standard_normal(b.shape) for b in mlp.b]
    W, b = tensors(mlp.W), tensors(mlp.b)
    expected = torch_forward(W, b, x, activation)
    f = mlp.forward(x)
    np.testing.assert_allclose(f, expected.detach(), rtol=1e-10)
    ((expected - torch.tensor(y)) ** 2).sum(0).mean().backward()
    grad_W, grad_b = mlp.backward(l09.loss_gradient(f, y))
    for found, leaf in zip([*grad_W, *grad_b], [*W, *b]):
        assert found.shape == leaf.shape
        np.testing.assert_allclose(found, leaf.grad, rtol=1e-8, atol=1e-13)
    assert [delta.shape for delta in mlp.delta] == [(size, 7) for size in [*hidden, 2]]


def test_the_loss_sums_over_outputs_and_averages_over_points():
    f, y = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]]), np.zeros((2, 3))
    assert l09.squared_loss(f, y) == pytest.approx((1 + 4 + 9 + 1) / 3)
    np.testing.assert_allclose(l09.loss_gradient(f, y), 2 * f / 3)
    assert l09.wrong(f, l09.one_hot(np.array([0, 0, 1]))[:2]) == pytest.approx(1 / 3)


def test_an_epoch_is_sgd_with_a_penalty_on_the_weights():
    rng = np.random.default_rng(9)
    x, y = rng.standard_normal((4, 10)), rng.standard_normal((2, 10))
    mlp = l09.MLP([4, 5, 2], "tanh", seed=3)
    W, b = tensors(mlp.W), tensors(mlp.b)
    for epoch in range(2):
        l09.train_epoch(mlp, x, y, 0.1, 4, np.random.default_rng(epoch), 0.05)
        order = np.random.default_rng(epoch).permutation(10)
        for batch in (order[:4], order[4:8], order[8:]):
            f = torch_forward(W, b, x[:, batch], "tanh")
            loss = ((f - torch.tensor(y[:, batch])) ** 2).sum(0).mean()
            loss = loss + 0.05 * sum((weights**2).sum() for weights in W)
            gradients = torch.autograd.grad(loss, [*W, *b])
            new = [p.detach() - 0.1 * grad for p, grad in zip([*W, *b], gradients)]
            W, b = ([p.requires_grad_() for p in part] for part in (new[:2], new[2:]))
    for found, leaf in zip([*mlp.W, *mlp.b], [*W, *b]):
        np.testing.assert_allclose(found, leaf.detach(), rtol=1e-9)


def test_the_first_weights():
    mlp = l09.MLP([400, 300, 10], seed=2, dtype=np.float32)
    assert mlp.W[0].std() == pytest.approx(1 / 20, rel=0.02)
    assert {p.dtype for p in mlp.W + mlp.b} == {np.dtype(np.float32)}
    f = mlp.forward(np.ones((400, 3), np.float32))
    assert f.dtype == mlp.backward(f)[0][0].dtype == np.float32
    assert (mlp.b[0] == 0).all()
    again = l09.MLP([400, 300, 10], seed=2, dtype=np.float32)
    np.testing.assert_array_equal(again.W[1], mlp.W[1])


@pytest.mark.parametrize("sizes", [[3], [], [3, 0, 2]])
def test_a_network_without_layers_is_refused(sizes):
    with pytest.raises(ValueError, match="two or more, each at least 1"):
        l09.MLP(sizes)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="'step': needed is one of"):
        l09.MLP([2, 2], "step")


def test_a_batch_is_learned_by_heart(sample):
    x = sample.train.images[:30].flatten(1).numpy().T
    y = l09.one_hot(sample.train.labels[:30].numpy())
    mlp = l09.MLP([784, 30, 20, 10], "relu", dtype=np.float32)
    rng = np.random.default_rng(0)
    for _ in range(60):
        l09.train_epoch(mlp, x, y, 0.05, 10, rng)
    assert l09.squared_loss(mlp.forward(x), y) < 0.05
    assert l09.wrong(mlp.forward(x), y) == 0


def test_results(run):
    results = run[0]["results"]
    assert max(results["a"].values()) < 1e-7
    rows = results["b"]["rows"]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["training"] < rows[0]["training"]
    assert rows[-1]["test_wrong"] < 35
    assert results["b"]["accuracy"] == pytest.approx(1 - rows[-1]["test_wrong"] / 100)
    c = results["c"]
    assert c["sigmoid"]["per_layer"] < 0.3 < c["relu"]["per_layer"] < c["tanh"]["per_layer"] < 1
    assert c["relu"]["eta_0.3"] == "diverged"
    assert c["relu"]["eta_0.03"]["mean"] < c["sigmoid"]["eta_0.03"]["mean"]
    assert c["relu"]["eta_0.03"]["std"] > 0


def test_figures(run, sample):
    drawn = run[1]
    assert list(drawn) == ["a_differences", "b_error", "b_weights", "c_activations"]
    for line in drawn["a_differences"].axes[0].lines[1:]:
        errors = np.array(line.get_ydata())
        assert errors[0] > 1e4 * errors.min()  # h²
        assert errors[-1] > 1e3 * errors.min()  # rounding
    test, training = drawn["b_error"].axes[0].lines
    assert test.get_ydata()[-1] == run[0]["results"]["b"]["rows"][-1]["test_wrong"]
    assert training.get_label() == "training images"
    images = [axes.images[0].get_array() for axes in drawn["b_weights"].axes]
    assert images[0][0, 0] == 0.5  # a pixel that is always black learns nothing
    left = drawn["c_activations"].axes[0]
    assert [len(line.get_ydata()) for line in left.lines] == [8, 8, 8]
    assert left.lines[0].get_ydata()[-1] == 1


@pytest.mark.parametrize("text", ["a", "20,0", "20,-1", ""])
def test_sizes_that_are_none_are_a_user_s_mistake(text, capsys):
    with pytest.raises(SystemExit) as ended:
        l09.main(["--hidden", text])
    assert ended.value.code == 2
    assert "argument --hidden" in capsys.readouterr().err


def test_a_large_eta_is_a_result(tmp_path, capsys):
    arguments = ["--data", "sample", "--part", "b", "--lr", "1e4", "--out", str(tmp_path)]
    assert l09.main(arguments) == 0
    assert json.loads((tmp_path / "summary.json").read_text())["results"]["b"] == {"diverged": 1}
    assert "it diverged in epoch 1" in capsys.readouterr().out
