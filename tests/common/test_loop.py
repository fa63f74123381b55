import gc

from common.data import Batches, Split
from common.loop import NonFiniteLoss, fit, test_loop, train_loop
from common.runtime.errors import UserError

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss


@pytest.fixture
def regression() -> Split:
    """101 points of 3 coordinates in float64, to be cut in batches of 10 and a last one of 1."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(101, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(101, 1, generator=generator, dtype=torch.float64)
    return Split(x, y)


def accuracy(prediction, label):
    return (prediction.argmax(1) == label).double().mean()


def test_train_loop_is_sgd_as_written_by_hand(regression):
    model = nn.Linear(3, 1, dtype=torch.float64)
    W, b = (p.detach().numpy().copy() for p in (model.weight, model.bias))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = [train_loop(model, Batches(regression, 10, seed=5), mse_loss, optimizer)["loss"]]
    losses += [train_loop(model, Batches(regression, 10, seed=6), mse_loss, optimizer)["loss"]]
    expected = []
    for seed in (5, 6):
        total = 0
        for x, y in Batches(regression, 10, seed):
            x, y = x.numpy(), y.numpy()
            error = x @ W.T + b - y
            total += (error**2).sum()
            W = W - 0.1 * 2 * error.T @ x / len(x)
            b = b - 0.1 * 2 * error.mean(0)
        expected.append(total / 101)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    np.testing.assert_allclose(model.weight.detach(), W, rtol=1e-12)
    np.testing.assert_allclose(model.bias.detach(), b, rtol=1e-12)


def test_losses_and_metrics_count_every_example_once(sample):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    batches = Batches(sample.test, 64)  # 200 images: the last batch has 8
    tested = test_loop(model, batches, cross_entropy, {"accuracy": accuracy})
    with torch.no_grad():
        prediction = model(sample.test.images)
    whole = cross_entropy(prediction.double(), sample.test.labels).item()
    right = sum(p.argmax().item() == y for p, y in zip(prediction, sample.test.labels.tolist()))
    assert tested["loss"] == pytest.approx(whole, rel=1e-6)
    assert tested["accuracy"] == pytest.approx(right / 200, abs=1e-12)
    assert list(tested) == ["loss", "accuracy"]


def test_no_step_leaves_a_tensor_behind(regression):
    """Small ones that stay would lie between the large ones that the next step takes anew."""
    alive = []
    gc.freeze()  # what lives already need not be counted

    def count(prediction, label):
        alive.append(sum(type(each) is torch.Tensor for each in gc.get_objects()))
        return prediction.mean()

    model = nn.Linear(3, 1, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for loop, options in ((train_loop, {"optimizer": optimizer}), (test_loop, {})):
        alive.clear()
        loop(model, Batches(regression, 10, seed=5), mse_loss, metrics={"count": count}, **options)
        assert len(alive) == 11 and alive[-1] <= alive[1]
    gc.unfreeze()


def test_the_loops_set_training_and_evaluation_mode(sample):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.BatchNorm1d(784), nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batches = Batches(sample.test, 64)
    model.eval()
    train_loop(model, batches, cross_entropy, optimizer)
    assert model.training
    running = model[2].running_mean.clone()
    first, second = (test_loop(model, batches, cross_entropy) for _ in range(2))
    assert not model.training
    assert first == second  # no dropout
    assert torch.equal(running, model[2].running_mean)  # nothing learnt from the test images
    assert all(p.grad is None for p in model.parameters())


def test_a_loss_that_is_not_finite_names_epoch_batch_and_learning_rate(sample):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    calls = []

    def loss(prediction, label):
        calls.append(label)
        return cross_entropy(prediction, label) * (float("nan") if len(calls) == 3 else 1)

    with pytest.raises(NonFiniteLoss, match=r"epoch 7, batch 3 of 4, at learning rate 0\.25") as e:
        train_loop(model, Batches(sample.test, 64), loss, optimizer, epoch=7)
    assert isinstance(e.value, UserError)
    assert e.value.epoch == 7


def test_fit_prints_one_aligned_line_per_epoch_and_learns(sample, capfd):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train, test = Batches(sample.train, 64, seed=0), Batches(sample.test, 200)
    rows = list(fit(model, train, test, cross_entropy, optimizer, 5, {"accuracy": accuracy}))
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert list(rows[0])[1:] == ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert rows[-1]["test_accuracy"] > 0.75  # 0.1 without learning
    assert rows[-1] == rows[-1] | {
        f"test_{name}": value
        for name, value in test_loop(model, test, cross_entropy, {"accuracy": accuracy}).items()
    }
    printed = capfd.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) == 1 + 5 and len({len(line) for line in lines}) == 1
    assert printed.err == ""  # the bar is for terminals only


def test_a_last_step_that_diverges_is_told_as_well(sample):
    """One batch per epoch: its loss is still finite, and the test images' loss no more."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e38)
    whole = Batches(sample.test, 200, seed=0)
    with pytest.raises(NonFiniteLoss, match=r"epoch 1, batch 1 of 1, at learning rate 1e\+38"):
        list(fit(model, whole, whole, mse_to_zero, optimizer, 2))


def mse_to_zero(prediction, label):
    return prediction.square().mean()


def test_fit_goes_on_from_a_later_epoch(sample):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train, test = Batches(sample.test, 64, seed=0), Batches(sample.test, 200)
    rows = list(fit(model, train, test, cross_entropy, optimizer, 4, first=3))
    assert [row["epoch"] for row in rows] == [3, 4]


@pytest.mark.parametrize(("batch_size", "told"), [(1, "leaves 1 of the 11"), (5, "leaves 1 of")])
def test_batch_norm_of_a_single_example_is_refused_before_the_training(batch_size, told):
    split = Split(torch.rand(11, 3), torch.zeros(11, dtype=torch.int64))
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = Batches(split, batch_size, 0)
    with pytest.raises(UserError, match=f"--batch-size: came {batch_size}, which {told}"):
        list(fit(model, batches, batches, cross_entropy, optimizer, 1))
    assert len(list(fit(nn.Linear(3, 4), batches, batches, cross_entropy, optimizer, 1))) == 1
    batches = Batches(split, 4, 0)  # the last has 3
    assert len(list(fit(model, batches, batches, cross_entropy, optimizer, 1))) == 1
