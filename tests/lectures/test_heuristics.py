import math

from common.data import Batches, Split
from lectures import heuristics
from lectures.heuristics import (
    Dropout,
    Recipe,
    build,
    clip_gradients,
    draw_weights,
    dropout,
    layer_rates,
    lower_rate,
    normalize_gradients,
    prepare_inputs,
    train,
    whiten,
)

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional


def draw(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes]


def test_dropout_of_the_lecture_is_torch_s_scaled():
    (z,) = draw((200, 50))
    torch.manual_seed(3)
    pruned = dropout(z, 0.3, training=True)
    assert set(((pruned == 0) | (pruned == z)).flatten().tolist()) == {True}
    assert (pruned == 0).double().mean().item() == pytest.approx(0.3, abs=0.02)
    torch.testing.assert_close(dropout(z, 0.3, training=False), 0.7 * z)
    # torch's: the same units, 1/(1 − p) larger, and nothing in a test
    torch.manual_seed(3)
    theirs = functional.dropout(torch.ones_like(z), 0.3)
    assert sorted(theirs.unique().tolist()) == pytest.approx([0, 1 / 0.7])


def test_dropout_s_test_is_the_mean_of_its_training():
    """Exact for a linear layer: all masks of four units, weighed by their probability."""
    (z,) = draw((1, 4))
    mean = torch.zeros_like(z)
    for bits in range(16):
        mask = torch.tensor([bits >> i & 1 for i in range(4)])
        mean += 0.2 ** (4 - mask.sum()) * 0.8 ** mask.sum() * mask * z
    torch.testing.assert_close(dropout(z, 0.2, training=False), mean)


def test_the_layer_knows_training_from_test():
    layer, z = Dropout(0.5), torch.ones(1000)
    assert set(layer(z).tolist()) == {0, 1}
    assert layer.eval()(z).tolist() == [0.5] * 1000


@pytest.mark.parametrize(
    ("losses", "patience", "lower"),
    [
        ([3, 2, 1], 1, False),
        ([3, 2, 2.5], 1, True),
        ([3, 2, 2.5], 2, False),  # one rise is not sustained
        ([3, 2, 2.5, 2.6], 2, True),
        ([2, 2.5, 2.4, 2.6], 2, False),
        ([2, 2, 2], 2, False),
        ([1, 2], 2, False),  # too early to say
        ([1], 1, False),
    ],
)
def test_the_rate_is_lowered_on_sustained_worsening(losses, patience, lower):
    assert lower_rate(0.4, losses, patience) == (0.2 if lower else 0.4)


@pytest.mark.parametrize("limit", [0.5, 1.0, 100.0])
def test_clipping_against_torch(limit):
    ours = draw((3, 4), (5,))
    theirs = [nn.Parameter(torch.zeros_like(g)) for g in ours]
    for p, g in zip(theirs, ours):
        p.grad = g.clone()
    nn.utils.clip_grad_norm_(theirs, limit)
    clip_gradients(ours, limit)
    for g, p in zip(ours, theirs):
        torch.testing.assert_close(g, p.grad, rtol=1e-5, atol=1e-9)  # torch adds 1e-6 to the norm


def test_a_gradient_of_zero_is_no_division_by_zero():
    for change in (clip_gradients, normalize_gradients):
        zero = [torch.zeros(3)]
        change(zero)
        assert zero[0].tolist() == [0, 0, 0]


def test_normalized_gradients_keep_their_direction():
    gradients = draw((3, 4), (5,))
    flat = torch.cat([g.flatten() for g in gradients])
    normalize_gradients(gradients)
    changed = torch.cat([g.flatten() for g in gradients])
    torch.testing.assert_close(changed, flat / flat.square().sum().sqrt())


def test_whitened_data_have_mean_0_and_covariance_I():
    z, mixing = draw((500, 6), (6, 6))
    x = z @ mixing + 7
    W, mean = whiten(x)
    white = ((x - mean) @ W.T).numpy()
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(6), atol=1e-10)
    np.testing.assert_allclose((W.T @ W).numpy(), np.linalg.inv(np.cov(x.T, bias=True)), rtol=1e-8)


def test_directions_without_variance_are_left_out():
    z, mixing = draw((500, 3), (3, 5))  # rank 3 of 5
    x = z @ mixing
    W, mean = whiten(x)
    assert W.shape == (3, 5)
    white = ((x - mean) @ W.T).numpy()
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(3), atol=1e-8)
    x = draw((4000, 2))[0] * torch.tensor([1.0, 0.05])  # variances 1 and 0.0025
    assert len(whiten(x, least=0.01)[0]) == 1
    assert len(whiten(x, least=0.001)[0]) == 2


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_the_first_weights_have_variance_gain_over_n(gain):
    model = nn.Sequential(nn.Linear(400, 300), nn.Tanh(), nn.Linear(300, 200))
    draw_weights(model, gain, seed=1)
    for layer in (model[0], model[2]):
        assert layer.weight.var().item() == pytest.approx(gain / layer.in_features, rel=0.03)
        assert layer.weight.mean().abs() < 0.001
        assert not layer.bias.any()
    again = nn.Sequential(nn.Linear(400, 300), nn.Tanh(), nn.Linear(300, 200))
    draw_weights(again, gain, seed=1)
    assert torch.equal(again[2].weight, model[2].weight)


def test_the_network_is_the_recipe_s():
    model = build(Recipe(depth=2, activation="ReLU", dropout="lecture"), 784, seed=0)
    kinds = [nn.Linear, nn.ReLU, Dropout, nn.Linear, nn.ReLU, Dropout, nn.Linear]
    assert [type(layer) for layer in model] == kinds
    assert [model[i].in_features for i in (0, 3, 6)] == [784, 100, 100]
    theirs = build(Recipe(dropout="torch"), 784, 0)
    assert isinstance(theirs[2], nn.Dropout) and theirs[2].p == model[2].p == 0.5


def test_rates_by_inputs_and_by_depth():
    model = build(Recipe(), 784, 0)
    assert layer_rates(model, Recipe()) == [1, 1, 1]
    expected = [10 / math.sqrt(784), 1, 1]
    assert layer_rates(model, Recipe(by_inputs=True)) == pytest.approx(expected)
    assert layer_rates(model, Recipe(ratio=0.5)) == [2, 1, 0.5]


def digits(sample, count: int = 60) -> Split:
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:count]
    return Split(sample.train.images[order].flatten(1), sample.train.labels[order])


def test_plain_training_is_torch_s_sgd(sample):
    split, recipe = digits(sample), Recipe(eta=0.2, batch_size=25)
    ours = train(recipe, split, epochs=2, seed=4)
    theirs = build(recipe, 784, seed=4)
    optimizer = torch.optim.SGD(theirs.parameters(), 0.2)
    batches = Batches(split, 25, 4)
    for _ in range(2):
        for x, y in batches:
            optimizer.zero_grad()
            functional.cross_entropy(theirs(x), y).backward()
            optimizer.step()
    for one, other in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(one, other)
    assert not ours.training


def test_one_step_with_each_heuristic(sample):
    """One batch of all: the step is −η times what the heuristic makes of the gradient."""
    split, eta = digits(sample), 0.3
    start = build(Recipe(), 784, 0)
    functional.cross_entropy(start(split[0]), split[1]).backward()
    norm = torch.cat([p.grad.flatten() for p in start.parameters()]).norm().item()
    rate = 10 / math.sqrt(784)
    cases = [
        (Recipe(step="clipped"), min(1, 1 / norm), [1, 1, 1]),
        (Recipe(step="normalized"), 1 / norm, [1, 1, 1]),
        (Recipe(by_inputs=True), 1, [rate, 1, 1]),
        (Recipe(ratio=0.5), 1, [2, 1, 0.5]),
    ]
    for recipe, factor, rates in cases:
        recipe = Recipe(**{**vars(recipe), "eta": eta, "batch_size": len(split[1])})
        model = train(recipe, split, epochs=1, seed=0)
        pairs = zip(model.parameters(), start.parameters())
        for (after, before), times in zip(pairs, np.repeat(rates, 2)):
            expected = before.detach() - eta * factor * times * before.grad
            torch.testing.assert_close(after.detach(), expected, rtol=1e-4, atol=1e-6)


def test_the_rate_falls_while_the_loss_rises(sample, monkeypatch):
    split, asked = digits(sample), []
    monkeypatch.setattr(
        heuristics,
        "lower_rate",
        lambda eta, losses, patience: asked.append((eta, list(losses))) or 0.0,
    )
    model = train(Recipe(patience=1, batch_size=60), split, epochs=3, seed=0)
    once = train(Recipe(batch_size=60), split, epochs=1, seed=0)
    for one, other in zip(model.parameters(), once.parameters()):
        assert torch.equal(one, other)  # η was 0 after the first epoch
    assert [eta for eta, _ in asked] == [0.1, 0.0, 0.0]
    start = build(Recipe(), 784, 0)
    loss = functional.cross_entropy(start(split[0]), split[1]).item()
    assert asked[0][1] == pytest.approx([60 * loss], rel=1e-5)
    assert len(asked[2][1]) == 3


def test_dropout_is_random_by_the_seed_and_off_in_a_test(sample):
    split = digits(sample)
    one, again = (train(Recipe(dropout="lecture"), split, 1, seed=7) for _ in range(2))
    other = train(Recipe(dropout="torch"), split, 1, seed=7)
    x = split[0][:5]
    assert torch.equal(one(x), one(x))
    assert torch.equal(one(x), again(x))
    assert not torch.equal(one(x), other(x))


def test_divergence_is_a_result(sample):
    model = train(Recipe(eta=1e20, activation="ReLU"), digits(sample), epochs=2, seed=0)
    assert not all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("kind", ["raw", "centered", "whitened", "whitened, large"])
def test_inputs_of_each_kind(kind, sample):
    x = sample.train.images.flatten(1)
    W, mean = prepare_inputs(x, kind)
    assert W.dtype == mean.dtype == torch.float32
    z = ((x - mean) @ W.T).double()
    if kind == "raw":
        assert torch.equal(z.float(), x)
        return
    assert z.mean(0).abs().max() < 1e-4
    if kind == "centered":
        assert z.shape[1] == 784
        return
    spectrum = np.linalg.eigvalsh(np.cov(x.double().numpy().T, bias=True))
    least = {"whitened": 1e-6, "whitened, large": 0.01}[kind]
    assert z.shape[1] == (spectrum > least * spectrum.max()).sum()
    np.testing.assert_allclose(np.cov(z.numpy().T, bias=True), np.eye(z.shape[1]), atol=0.01)
