from types import SimpleNamespace

from common.run import UserError
from lectures.drawing import find_nearest, keep_weights, load_weights

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn


@pytest.fixture
def run(tmp_path):
    """What keep_weights needs of a run."""
    return SimpleNamespace(write=lambda name, content: (tmp_path / name).write_bytes(content))


def test_the_nearest_image_is_scikit_learn_s(sample):
    images, known = sample.test.images, sample.train.images[:300]
    search = NearestNeighbors(n_neighbors=1).fit(known.flatten(1).numpy())
    distances, which = search.kneighbors(images.flatten(1).numpy())
    ours, found = find_nearest(images, known)
    assert torch.equal(found, torch.from_numpy(which[:, 0]))
    torch.testing.assert_close(ours, torch.from_numpy(distances[:, 0]).float())


def test_an_image_of_the_known_ones_is_its_own_nearest(sample):
    known = sample.train.images
    distances, which = find_nearest(known[250:600], known)
    assert torch.equal(which, torch.arange(250, 600))
    assert distances.max() == 0


def test_weights_come_back_with_the_minutes(run, tmp_path):
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    keep_weights(run, "network", model, seconds=90)
    assert load_weights(tmp_path / "network.pt", other) == 1.5
    assert torch.equal(other.weight, model.weight) and torch.equal(other.bias, model.bias)


def test_a_file_of_run_fit_does_not_say_how_long_it_took(tmp_path):
    model = nn.Linear(3, 2)
    torch.save({"model": model.state_dict(), "history": []}, tmp_path / "model.pt")
    minutes = load_weights(tmp_path / "model.pt", model)
    assert minutes != minutes  # NaN


def test_what_is_missing_or_of_another_network_is_said_in_a_line(run, tmp_path):
    with pytest.raises(UserError, match="is missing"):
        load_weights(tmp_path / "network.pt", nn.Linear(3, 2))
    keep_weights(run, "network", nn.Linear(3, 1), seconds=1)
    with pytest.raises(UserError, match="does not hold"):
        load_weights(tmp_path / "network.pt", nn.Linear(3, 2))
    (tmp_path / "network.pt").write_bytes(b"no weights")
    with pytest.raises(UserError, match="does not hold"):
        load_weights(tmp_path / "network.pt", nn.Linear(3, 2))
