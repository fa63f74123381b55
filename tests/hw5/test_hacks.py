"""HW5 Q2 (f): the settings and their names, and the students trained with them."""

from common.run import UserError
from hw5.hacks import (
    SEEDS,
    Hyperparameters,
    list_hacks,
    measure_agreement,
    median_and_range,
    train_side_by_side,
    train_students,
)
from hw5.network import draw_network, draw_points, forward, sgd

import numpy as np
import pytest
import torch

# What the write-up names, by hack, in its order.
WRITE_UP = {
    "eta": ["η = 0.003", "η = 0.03", "η = 0.1", "η = 0.3"],
    "rule": ["η = 0.1, T = 1", "η = 0.1, T = 2", "η = 0.3, T = 1"],
    "a": ["a = 1", "a = 2.5", "a = 10", "a = 20"],
    "epochs": ["epochs = 25", "epochs = 300"],
    "full": ["batch = 1,000", "η = 1, batch = 1,000", "η = 1, epochs = 10,000, batch = 1,000"],
    "minibatches": [
        "batch = 5",
        "η = 0.05, batch = 5",
        "η = 0.2, batch = 20",
        "η = 1, batch = 100",
    ],
    "hidden": ["hidden = 1", "hidden = 2", "hidden = 4", "hidden = 6", "hidden = 12"],
    "init": ["σ = 0", "σ = 0.001", "σ = 1", "σ = 3"],
    "best": [
        "η = 0.1, a = 10, hidden = 6, T = 1",
        "η = 0.1, a = 10, T = 1",
        "η = 0.2, a = 10, batch = 5, T = 1",
        "η = 0.3, a = 10, T = 1",
    ],
}


def test_the_defaults_are_the_handouts():
    base = Hyperparameters()
    assert (base.eta, base.a, base.epochs, base.batch_size) == (0.01, 5, 100, 1)
    assert (base.hidden, base.sigma, base.patience) == (3, 0.1, 0)
    assert SEEDS == 5


def test_hacks_are_the_write_ups():
    base = Hyperparameters()
    labels = {
        name: [setting.make_label(base) for setting in settings]
        for name, settings in list_hacks(base, 1000).items()
    }
    assert labels == WRITE_UP
    assert list(labels) == list(WRITE_UP)


def test_settings_are_named_by_their_changes():
    base = Hyperparameters()
    settings = list_hacks(base, 1000)
    assert len(settings) == 9  # eight hacks, and their combinations
    every = [setting for rows in settings.values() for setting in rows]
    assert len({setting.make_key(base) for setting in every}) == len(every)
    assert base.make_key(base) == "base"
    assert base.make_label(base) == "the handout's setting"
    assert Hyperparameters(eta=0.1, patience=2).make_key(base) == "eta_0.1_patience_2"
    label = Hyperparameters(eta=0.1, batch_size=1000).make_label(base)
    assert label == "η = 0.1, batch = 1,000"


def test_hacks_change_the_setting_that_they_are_given():
    base = Hyperparameters(eta=0.02, epochs=2)
    hacks = list_hacks(base, 300)
    assert hacks["a"][2] == Hyperparameters(eta=0.02, epochs=2, a=10)
    assert [setting.epochs for setting in hacks["epochs"]] == [1, 6]
    assert [setting.batch_size for setting in hacks["full"]] == [300, 300, 300]
    assert hacks["full"][2] == Hyperparameters(eta=1, epochs=200, batch_size=300)


@pytest.fixture(scope="module")
def students():
    """Three settings that are trained side by side, and three others, each unlike in one thing."""
    settings = (
        Hyperparameters(eta=0.5, a=10, epochs=3, batch_size=5, patience=1, sigma=0.3),
        Hyperparameters(eta=0.05, epochs=3, batch_size=5),
        Hyperparameters(eta=0.5, a=2, epochs=3, batch_size=5, hidden=2),
        Hyperparameters(eta=0.05, epochs=2, batch_size=5),
        Hyperparameters(eta=0.05, epochs=3, batch_size=20),
        Hyperparameters(eta=0.7, a=8, epochs=3, batch_size=5, sigma=0.5),
    )
    return train_students(settings, (4, 7))


def test_side_by_side_is_as_alone(students):
    for setting, (networks, history) in students.items():
        assert history.shape == (setting.epochs, 2)
        for s, seed in enumerate((4, 7)):
            x, y = draw_points(seed)
            alone = draw_network(seed, setting.hidden, setting.sigma)
            size, a, patience = setting.batch_size, setting.a, setting.patience
            expected = list(sgd(alone, x, y, setting.eta, setting.epochs, size, a, patience))
            np.testing.assert_allclose(history[:, s], expected, rtol=1e-9)
            for weights, own in zip(networks, alone):
                np.testing.assert_allclose(weights[s], own, rtol=1e-7)


def test_students_are_trained_once(students):
    assert train_students(tuple(students), (4, 7)) is students


def test_a_student_is_torchs(students):
    """The handout's update, once through a torch network with the same start and points."""
    setting = next(iter(students))
    x, y = (torch.tensor(array) for array in draw_points(4))
    weights = [torch.tensor(w, requires_grad=True) for w in draw_network(4, sigma=0.3)]
    W, b, U, c = weights
    for i in range(0, 1000, 5):
        z = torch.sigmoid(10 * (W @ x[:, i : i + 5] + b))
        loss = ((torch.sigmoid(10 * (U @ z + c)) - y[:, i : i + 5]) ** 2).mean()
        gradient = torch.autograd.grad(loss, weights)
        for weight, grad in zip(weights, gradient):
            weight.data -= setting.eta * grad
    with torch.no_grad():
        f = torch.sigmoid(10 * (U @ torch.sigmoid(10 * (W @ x + b)) + c))
    assert students[setting].mse[0, 0] == pytest.approx(((f - y) ** 2).mean().item(), rel=1e-9)


def test_an_eta_that_is_too_large_is_named():
    settings = [Hyperparameters(epochs=1), Hyperparameters(eta=1.7e308, epochs=1)]
    message = r"argument --lr: with η = 1\.7e\+308 the MSE is not finite after epoch 1; "
    with pytest.raises(UserError, match=message):
        train_side_by_side(settings, (0,))


def test_a_student_learns():
    best = list_hacks(Hyperparameters(epochs=30), 1000)["best"][2]
    students = train_students((best,), (0,))[best]
    x, y = draw_points(9, 10_000)
    assert students.mse[-1, 0] < 0.02
    assert measure_agreement(forward(students.networks, x, best.a).f, y)[0] > 0.97


def test_agreement_median_and_range():
    f = np.array([[[0.1, 0.5, 0.9, 0.4]], [[0.9, 0.9, 0.1, 0.1]]])
    np.testing.assert_array_equal(measure_agreement(f, np.array([[0.0, 1, 1, 1]])), [0.75, 0.25])
    expected = {"mse_median": 2.0, "mse_min": 1.0, "mse_max": 6.0}
    assert median_and_range("mse", np.array([6.0, 1.0, 2.0])) == expected
