"""Lecture 24's series: the linear model by scikit-learn, no look into the future."""

from lectures.sunspots import (
    SCALE,
    Forecaster,
    autoregression,
    forecast,
    rmse,
    train_forecaster,
)

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error


@pytest.fixture
def series() -> np.ndarray:
    rng = np.random.default_rng(0)
    return 60 + 50 * np.sin(np.arange(80) / 2) + rng.uniform(0, 5, 80)


def test_autoregression_is_scikit_learn_s(series):
    rows = np.lib.stride_tricks.sliding_window_view(series, 4)[:-1]
    model = LinearRegression().fit(rows[:56], series[4:60])
    np.testing.assert_allclose(autoregression(series, 60, 4), model.predict(rows[56:]))
    guess = autoregression(series, 60, 4)
    assert rmse(guess, series[60:]) == pytest.approx(mean_squared_error(guess, series[60:]) ** 0.5)


def test_a_guess_is_made_of_the_past_alone(series):
    torch.manual_seed(0)
    network = Forecaster("LSTM", 4)
    other = series.copy()
    other[50:] = 3
    before, after = forecast(network, series), forecast(network, other)
    np.testing.assert_array_equal(before[:50], after[:50])
    assert (before[50:] != after[50:]).all()
    network.out.weight.data.zero_()
    network.out.bias.data.zero_()
    np.testing.assert_allclose(forecast(network, series), series, rtol=1e-5)  # no change
    network.out.bias.data += 0.5
    expected = SCALE * (np.sqrt(series / SCALE) + 0.5) ** 2
    np.testing.assert_allclose(forecast(network, series), expected, rtol=1e-5)


def test_a_network_learns_a_wave(series):
    network = train_forecaster("RNN", series[:60], 60, 0)
    assert rmse(forecast(network, series)[59:-1], series[60:]) < 0.5 * rmse(
        series[59:-1], series[60:]
    )
