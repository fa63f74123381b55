import json

from lectures import l20_vae as l20
from lectures.drawing import load_weights
from lectures.elbo import Attempt, Perceptrons

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def ran(tmp_path_factory, figures):
    """The script on the sample, its figures, and its folder."""
    out = tmp_path_factory.mktemp("l20_vae")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l20, "SIZES", (60, 30))
        options = ["--data", "sample", "--epochs", "8", "--batch-size", "50", "--lr", "0.003"]
        assert l20.main([*options, "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn, out


def test_the_ideas_on_digits(ran):
    rows = ran[0]["a"]
    assert list(rows) == ["1", "2", "3", "4"]
    errors = [rows[idea]["test_error"] for idea in "1234"]
    assert errors[0] > errors[2] and errors[1] > errors[2]
    assert rows["2"]["sigma"] == 0 and rows["1"]["sigma"] == 1
    assert all(rows[idea]["test_codes"] == 0 for idea in "123")
    assert rows["4"]["test_codes"] > 0.1
    assert rows["3"]["spread"] > rows["4"]["spread"]


def test_the_figures_of_the_ideas(ran, sample):
    drawn = ran[1]
    images = [np.asarray(axis.images[0].get_array()) for axis in drawn["a_digits"].axes]
    assert len(images) == 63
    assert (images[3] == sample.test.images[3, 0].numpy()).all()
    assert len(drawn["a_codes"].axes) == 3
    counts = [len(line.get_xdata()) for line in drawn["a_codes"].axes[0].lines[:10]]
    assert counts == sample.test.labels.bincount(minlength=10).tolist()
    circle = drawn["a_codes"].axes[0].lines[10].get_xydata()
    assert (circle**2).sum(1) == pytest.approx(4, rel=1e-5)


def test_the_plane_is_the_decoder_s():
    torch.manual_seed(0)
    model = Attempt(Perceptrons(l20.SHAPE, (20,), 2), 4).eval()
    image = l20.plot_plane(model, torch.device("cpu")).axes[0].images[0]
    picture = np.asarray(image.get_array())
    side = torch.linspace(-2.5, 2.5, 16)
    for row, column in ((0, 0), (3, 12), (15, 7)):
        z = torch.stack((side[column], -side[row]))[None]
        expected = model.decoder(z)[0, 0].detach().numpy()
        found = picture[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
        assert found == pytest.approx(expected, abs=1e-5)


def test_every_model_learns_and_is_kept(ran):
    results, drawn, out = ran
    for name, row in results["b"].items():
        assert row["test_error"] < 50, name  # the mean image: 53
        assert row["minutes"] > 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(l20, "SIZES", (60, 30))
            model = l20.MODELS[name]()
        assert load_weights(out / f"{name}.pt", model) == pytest.approx(row["minutes"])
        shown = drawn["b_digits"].axes[10 * list(l20.MODELS).index(name) + 3]
        expected = l20.draw_digits(model, 10, 0)[3, 0].numpy()
        assert np.asarray(shown.images[0].get_array()) == pytest.approx(expected, abs=1e-5)
    losses = [line.get_ydata()[-1] for line in drawn["b_loss"].axes[0].lines]
    assert losses == [row["test_loss"] for row in results["b"].values()]


def test_the_models_are_small():
    """4 MB."""
    for make in l20.MODELS.values():
        assert sum(p.numel() for p in make().parameters()) < 1_000_000


def test_digits_are_drawn_in_turn_and_again():
    torch.manual_seed(0)
    told = l20.MODELS["demand"]()
    asked = []
    told.decode = lambda z, digits: asked.append((z, digits))
    l20.draw_digits(told, 13, seed=1)
    [(z, digits)] = asked
    assert digits.tolist() == [*range(10), 0, 1, 2]
    assert z.shape == (13, 32) and z.std().item() == pytest.approx(1, abs=0.1)
    two = l20.MODELS["two"]()
    assert isinstance(two, nn.Module)
    first = l20.draw_digits(two, 4, seed=1)
    torch.rand(3)
    assert torch.equal(first, l20.draw_digits(two, 4, seed=1))
    assert not torch.equal(first, l20.draw_digits(two, 4, seed=2))
