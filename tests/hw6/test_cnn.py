import contextlib
import importlib.util
import io
import json
from pathlib import Path

from common.data import Batches, Mnist, Split
from common.loop import fit
from common.plots import Figure
from common.run import Run
from hw6 import cnn
from hw6.cnn import CNN, accuracy, confusion_matrix, evaluate, layers, top_errors, train

import numpy as np
import pytest
import torch
from torch import nn

ARGUMENTS = ["--data", "sample", "--epochs", "2", "--seed", "4"]
PLAIN = ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "ReLU", "Linear"]
FULL = ["Conv2d", "ReLU", "BatchNorm2d", "Dropout", "Conv2d", "ReLU", "MaxPool2d", "BatchNorm2d"]
FULL += ["Dropout", "Flatten", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear"]
ORDERS = {
    (False, 0.0): PLAIN,
    (True, 0.0): [name for name in FULL if name != "Dropout"],
    (False, 0.1): [name for name in FULL if "Norm" not in name],
    (True, 0.1): FULL,
}


@pytest.mark.parametrize("options", ORDERS)
def test_the_layers_come_in_the_handouts_order(options):
    found = layers(*options)
    assert [type(layer).__name__ for layer in found] == ORDERS[options]
    assert [type(layer).__name__ for layer in CNN(*options).layers] == ORDERS[options]
    assert all(layer.p == 0.1 for layer in found if isinstance(layer, nn.Dropout))


@pytest.mark.parametrize("options", ORDERS)
def test_the_layers_shapes(options):
    shapes = {"Conv2d": [(20, 25, 25), (20, 11, 11)], "MaxPool2d": [(20, 5, 5)]}
    shapes |= {"Flatten": [(500,)], "Linear": [(250,), (10,)]}
    x = torch.rand(3, 1, 28, 28)
    for layer in layers(*options):
        before, x = x.shape, layer(x)
        expected = shapes.get(type(layer).__name__)
        assert x.shape == ((3, *expected.pop(0)) if expected else before)


def test_the_parameter_counts():
    """Each kernel 4·4·channels + 1; each wide layer inputs·outputs + outputs; batch norm 2 each."""
    plain = (16 + 1) * 20 + (16 * 20 + 1) * 20 + 501 * 250 + 251 * 10
    assert sum(p.numel() for p in CNN().parameters()) == plain == 134_520
    both = sum(p.numel() for p in CNN(True, 0.1).parameters())
    assert both == plain + 2 * (20 + 20 + 250)


def test_the_layers_are_those_of_the_handout():
    first, second = (layer for layer in layers() if isinstance(layer, nn.Conv2d))
    assert (first.kernel_size, first.stride) == ((4, 4), (1, 1))
    assert (second.kernel_size, second.stride) == ((4, 4), (2, 2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        layers(dropout=-0.1)


def test_features_are_what_the_last_layer_sees(sample):
    torch.manual_seed(0)
    model = CNN(True, 0.1).eval()
    images = sample.test.images[:20]
    features = model.features(images)
    assert features.shape == (20, 250)
    torch.testing.assert_close(model.layers[-1](features), model(images))
    relu = CNN().features(images)
    assert (relu >= 0).all() and (relu == 0).any()


def test_evaluate_is_the_model_in_evaluation_mode(sample, monkeypatch):
    model = CNN(True, 0.5)
    images = sample.train.images[:600]  # more than one batch
    logits, features = evaluate(model, images)
    model.eval()
    torch.testing.assert_close(logits, model(images))
    torch.testing.assert_close(features, model.features(images))
    assert not logits.requires_grad


def test_accuracy_by_counting():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(37, 10, generator=generator)
    y = torch.randint(10, (37,), generator=generator)
    y[:20] = logits[:20].argmax(1)
    right = sum(row.index(max(row)) == digit for row, digit in zip(logits.tolist(), y.tolist()))
    assert accuracy(logits, y).item() == pytest.approx(right / 37)
    assert accuracy(logits.double(), y).dtype == torch.float64


def test_the_confusion_matrix_by_counting():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(9, (500,), generator=generator)  # no 9: its row stays empty
    predicted = torch.randint(10, (500,), generator=generator)
    naive = [[0] * 10 for _ in range(10)]
    for digit, answer in zip(labels.tolist(), predicted.tolist()):
        naive[digit][answer] += 1
    assert confusion_matrix(labels, predicted).tolist() == naive


def test_the_top_errors_by_sorting():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(300, 10, generator=generator)
    labels = torch.randint(10, (300,), generator=generator)
    found = []
    for index, p in enumerate(logits.softmax(1).tolist()):
        if p.index(max(p)) != labels[index]:
            found.append((max(p), index))
    expected = [index for _, index in sorted(found, reverse=True)]
    assert top_errors(logits, labels, 20).tolist() == expected[:20]
    assert top_errors(logits, logits.argmax(1), 20).tolist() == []


@pytest.mark.parametrize("options", ORDERS)
def test_it_overfits_one_batch(sample, options):
    torch.manual_seed(0)
    batch = Split(sample.train.images[:16], sample.train.labels[:16])
    history = train(CNN(*options), Mnist(batch, batch), 80, 16, 0.1, seed=0)
    assert history[-1]["test_accuracy"] == 1
    assert history[-1]["test_loss"] < 0.1


@pytest.mark.parametrize(
    ("options", "batch_size", "epochs", "floor"),
    [((False, 0.0), 16, 3, 0.75), ((True, 0.1), 32, 3, 0.88)],
)
def test_a_short_run_on_the_sample_beats_a_floor(sample, options, batch_size, epochs, floor):
    torch.manual_seed(0)
    history = train(CNN(*options), sample, epochs, batch_size, 0.1, seed=0)
    assert max(row["test_accuracy"] for row in history[-3:]) > floor


def test_training_is_the_plain_loops_whatever_the_layout(sample):
    """Channels last changes the last bits only: two epochs in float64, ragged batch included."""
    half = [Split(split.images[:150].double(), split.labels[:150]) for split in sample]
    rows = []
    for plain in (True, False):
        torch.manual_seed(0)
        model = CNN(batch_norm=True).double()
        if plain:
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            batches, test = Batches(half[0], 64, 5), Batches(half[1], 1000)
            loss = nn.CrossEntropyLoss()
            rows.append(list(fit(model, batches, test, loss, optimizer, 2, {"accuracy": accuracy})))
        else:
            rows.append(train(model, Mnist(*half), 2, 64, 0.1, seed=5))
    for theirs, ours in zip(*rows):
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_network_lives_on_any_device():
    with torch.device("meta"):
        x, labels = torch.rand(5, 1, 28, 28), torch.zeros(5, dtype=torch.int64)
        model = CNN(True, 0.1)
        assert model(x).shape == (5, 10)
        logits, features = evaluate(model, x)
        assert (logits.shape, features.shape) == ((5, 10), (5, 250))
        assert accuracy(logits, labels).is_meta


@pytest.fixture(scope="module")
def first_run(tmp_path_factory, figures) -> tuple[Path, dict[str, Figure], str, str]:
    """The script on the sample: its folder, its figures by name, and what it printed."""
    out = tmp_path_factory.mktemp("cnn")
    printed, errors = io.StringIO(), io.StringIO()
    redirect = contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors)
    with figures() as drawn, redirect[0], redirect[1]:
        assert cnn.main([*ARGUMENTS, "--out", str(out)]) == 0
    return out, drawn, printed.getvalue(), errors.getvalue()


@pytest.fixture(scope="module")
def results(first_run) -> dict:
    return json.loads((first_run[0] / "summary.json").read_text())["results"]["network"]


def test_the_script_writes_every_output(first_run, results):
    out, _, printed, errors = first_run
    assert errors == ""
    assert len(printed.splitlines()) < 25
    figures = {"loss", "accuracy", "confusion", "wrong", "filters"}
    figures |= {"tsne"} if importlib.util.find_spec("sklearn") else set()
    expected = {f"{name}.png" for name in figures} | {"summary.json", "model.pt"}
    assert {path.name for path in out.iterdir()} == expected
    assert all(path.stat().st_size < 100_000 for path in out.glob("*.png"))
    assert len(results["train_loss"]) == len(results["test_accuracy"]) == 2
    matrix = results["confusion_matrix"]
    assert [sum(row) for row in matrix] == [20] * 10
    right = sum(matrix[digit][digit] for digit in range(10))
    assert results["errors"] == 200 - right
    assert f"  {200 - right} of 200 test images are answered wrongly\n" in printed
    assert results["final_accuracy"] == results["test_accuracy"][-1] == pytest.approx(right / 200)
    assert all(error["digit"] != error["answer"] for error in results["top_errors"])


@pytest.fixture
def saved(monkeypatch) -> list[str]:
    """The names of the figures, which are not drawn: that takes as long as the training."""
    names = []
    monkeypatch.setattr(Run, "save", lambda run, name, figure: names.append(name))
    return names


def test_the_script_repeats_itself_bit_for_bit(results, saved, tmp_path):
    assert cnn.main([*ARGUMENTS, "--out", str(tmp_path)]) == 0
    again = json.loads((tmp_path / "summary.json").read_text())["results"]["network"]
    assert again == results


@pytest.mark.parametrize("name", ["loss", "accuracy"])
def test_the_learning_curves_show_the_results(first_run, results, name):
    (axes,) = first_run[1][name].axes
    lines = [list(line.get_ydata()) for line in axes.lines]
    assert sorted(lines) == sorted([results[f"test_{name}"], results[f"train_{name}"]])
    for line in axes.lines:
        assert list(line.get_xdata()) == [1, 2]
        split = "test" if "test" in line.get_label() else "train"
        assert list(line.get_ydata()) == results[f"{split}_{name}"]
    units = {"loss": "cross-entropy, nats per image", "accuracy": "accuracy"}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", units[name])


def test_the_figure_of_the_confusion_matrix_has_its_counts(first_run, results):
    (axes,) = first_run[1]["confusion"].axes
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    matrix = results["confusion_matrix"]
    assert shown == {(j, i): str(matrix[i][j]) for i in range(10) for j in range(10)}
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("digit", "the network's answer")
    assert "200 test images" in axes.get_title()


def test_the_figure_of_the_top_errors_shows_these_images(first_run, results, sample):
    errors = results["top_errors"]
    assert len(errors) == min(20, results["errors"])
    confidences = [error["probability"] for error in errors]
    assert confidences == sorted(confidences, reverse=True)
    for axes, error in zip(first_run[1]["wrong"].axes, errors):
        image = sample.test.images[error["index"], 0]
        assert torch.equal(torch.from_numpy(axes.images[0].get_array().data), image)
        assert error["digit"] == sample.test.labels[error["index"]]
        title = f"{error['digit']}, not {error['answer']}\n{error['probability']:.2%}"
        assert axes.get_title() == title


def test_the_figure_of_the_filters_shows_the_trained_kernels(first_run, results):
    state = torch.load(first_run[0] / "model.pt", weights_only=True)["model"]
    kernels = state["layers.0.weight"]
    assert results["largest_weight"] == kernels.abs().max().item()
    for axes, kernel in zip(first_run[1]["filters"].axes, kernels[:, 0], strict=True):
        grey = 0.5 + kernel / (2 * kernels.abs().max())
        picture = torch.from_numpy(axes.images[0].get_array().data)
        torch.testing.assert_close(picture[3::7, 3::7].to(grey), grey)


def test_the_filters_keep_their_signs():
    kernels = torch.zeros(20, 1, 4, 4)
    kernels[3, 0, 1, 2], kernels[4, 0, 0, 0] = 2.0, -1.0
    figure = cnn.draw_filters(kernels)
    pictures = [axis.images[0].get_array() for axis in figure.axes]
    assert len(pictures) == 20
    assert (pictures[0] == 0.5).all()
    assert (pictures[3][7:14, 14:21] == 1).all() and pictures[3].sum() == 0.5 * 784 + 0.5 * 49
    assert (pictures[4][:7, :7] == 0.25).all()
    assert "black −2.00, grey 0, white +2.00" in figure._suptitle.get_text()


def test_filters_that_are_all_zero_are_grey():
    for axes in cnn.draw_filters(torch.zeros(20, 1, 4, 4)).axes:
        assert (axes.images[0].get_array() == 0.5).all()


def test_without_an_error_there_is_no_figure_of_errors(sample):
    logits = 9.0 * torch.eye(10)[sample.test.labels]
    assert cnn.show_top_errors(None, logits, sample.test.labels) == []


def test_without_scikit_learn_the_script_trains_as_ever(tmp_path, few, saved, monkeypatch):
    monkeypatch.setattr("common.data.load_mnist", lambda data, device: few)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    arguments = ["--data", "sample", "--epochs", "1", "--seed", "3"]
    assert cnn.main([*arguments, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "summary.json").read_text())["results"]["network"]
    assert found["tsne"] is None
    assert "confusion" in saved and "tsne" not in saved
    torch.manual_seed(3)
    model = CNN()
    (row,) = train(model, few, 1, 64, 0.1, seed=3)  # the handout's settings are the defaults
    for name, value in row.items():
        if name != "epoch":
            assert found[name] == pytest.approx([value], rel=1e-5)
    kernels = model.layers[0].weight
    assert kernels.max() < -kernels.min()  # with this seed, the largest weight is negative
    assert found["largest_weight"] == pytest.approx(-kernels.min().item(), rel=1e-5)


def test_a_network_that_died_in_training_ends_in_a_summary(tmp_path, saved, monkeypatch, capsys):
    """With a learning rate of 1, all features become 0: a picture of them by t-SNE is impossible.

    Asked for it, scikit-learn ends the process with a segmentation fault.
    """
    manifold = pytest.importorskip("sklearn.manifold")

    def fit_transform(self, features):
        assert np.ptp(features) > 0
        return np.random.default_rng(0).normal(size=(len(features), 2)).astype(np.float32)

    monkeypatch.setattr(manifold.TSNE, "fit_transform", fit_transform)
    arguments = ["--data", "sample", "--epochs", "3", "--lr", "1", "--batch-size", "16"]
    assert cnn.main([*arguments, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "summary.json").read_text())["results"]["network"]
    assert len(found["test_loss"]) == 3
    assert (found["tsne"] is None) == ("t-SNE left out: " in capsys.readouterr().out)
