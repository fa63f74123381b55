import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from common.data import Batches, Mnist, Split
from common.loop import fit
from hw6 import cnn
from hw6.cnn import CNN, accuracy, confusion, evaluate, most_wrong, stages, train

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
def test_the_stages_come_in_the_handout_s_order(options):
    found = stages(*options)
    assert [type(stage).__name__ for stage in found] == ORDERS[options]
    assert [type(stage).__name__ for stage in CNN(*options).stages] == ORDERS[options]
    assert all(stage.p == 0.1 for stage in found if isinstance(stage, nn.Dropout))


@pytest.mark.parametrize("options", ORDERS)
def test_the_stages_shapes(options):
    shapes = {"Conv2d": [(20, 25, 25), (20, 11, 11)], "MaxPool2d": [(20, 5, 5)]}
    shapes |= {"Flatten": [(500,)], "Linear": [(250,), (10,)]}
    x = torch.rand(3, 1, 28, 28)
    for stage in stages(*options):
        before, x = x.shape, stage(x)
        expected = shapes.get(type(stage).__name__)
        assert x.shape == ((3, *expected.pop(0)) if expected else before)


def test_the_parameter_counts():
    """Each kernel 4·4·channels + 1; each wide layer inputs·outputs + outputs; batch norm 2 each."""
    plain = (16 + 1) * 20 + (16 * 20 + 1) * 20 + 501 * 250 + 251 * 10
    assert sum(p.numel() for p in CNN().parameters()) == plain == 134_520
    both = sum(p.numel() for p in CNN(True, 0.1).parameters())
    assert both == plain + 2 * (20 + 20 + 250)


def test_the_layers_are_those_of_the_handout():
    first, second = (stage for stage in stages() if isinstance(stage, nn.Conv2d))
    assert (first.kernel_size, first.stride) == ((4, 4), (1, 1))
    assert (second.kernel_size, second.stride) == ((4, 4), (2, 2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        stages(dropout=-0.1)


def test_features_are_what_the_last_layer_sees(sample):
    torch.manual_seed(0)
    model = CNN(True, 0.1).eval()
    images = sample.test.images
    features = model.features(images)
    assert features.shape == (200, 250)
    torch.testing.assert_close(model.stages[-1](features), model(images))
    relu = CNN().features(images)
    assert (relu >= 0).all() and (relu == 0).any()


def test_evaluate_is_the_model_in_evaluation_mode(sample, monkeypatch):
    model = CNN(True, 0.5)
    images = sample.train.images.repeat(2, 1, 1, 1)[:1500]  # more than one batch
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


def test_the_confusion_table_by_counting():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(9, (500,), generator=generator)  # no 9: its row stays empty
    predicted = torch.randint(10, (500,), generator=generator)
    naive = [[0] * 10 for _ in range(10)]
    for digit, answer in zip(labels.tolist(), predicted.tolist()):
        naive[digit][answer] += 1
    assert confusion(labels, predicted).tolist() == naive


def test_the_most_confidently_wrong_images_by_sorting():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(300, 10, generator=generator)
    labels = torch.randint(10, (300,), generator=generator)
    found = []
    for index, p in enumerate(logits.softmax(1).tolist()):
        if p.index(max(p)) != labels[index]:
            found.append((max(p), index))
    expected = [index for _, index in sorted(found, reverse=True)]
    assert most_wrong(logits, labels, 20).tolist() == expected[:20]
    assert most_wrong(logits, logits.argmax(1), 20).tolist() == []


@pytest.mark.parametrize("options", ORDERS)
def test_it_overfits_one_batch(sample, options):
    torch.manual_seed(0)
    batch = Split(sample.train.images[:32], sample.train.labels[:32])
    history = train(CNN(*options), Mnist(batch, batch), 80, 32, 0.1, seed=0)
    assert history[-1]["test_accuracy"] == 1
    assert history[-1]["test_loss"] < 0.1


@pytest.mark.parametrize(("options", "floor"), [((False, 0.0), 0.75), ((True, 0.1), 0.88)])
def test_a_short_run_on_the_sample_beats_a_floor(sample, options, floor):
    torch.manual_seed(0)
    history = train(CNN(*options), sample, 12, 32, 0.1, seed=0)
    assert max(row["test_accuracy"] for row in history[-3:]) > floor


def test_training_is_the_plain_loop_s_whatever_the_layout(sample):
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


def run(tmp_path: Path, name: str, *arguments: str) -> dict:
    script = Path(cnn.__file__)
    command = [sys.executable, script, "--data", "sample", "--out", name, *arguments]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert (process.returncode, process.stderr) == (0, "")
    assert len(process.stdout.splitlines()) < 25
    return json.loads((tmp_path / name / "summary.json").read_text())


def test_the_script_writes_every_output_and_repeats_itself_bit_for_bit(tmp_path):
    one, two = (run(tmp_path, name, "--epochs", "3", "--seed", "4") for name in ("one", "two"))
    assert one["results"] == two["results"]
    figures = {"loss", "accuracy", "confusion", "wrong", "filters"}
    figures |= {"tsne"} if importlib.util.find_spec("sklearn") else set()
    expected = {f"{name}.png" for name in figures} | {"summary.json", "model.pt"}
    assert {path.name for path in (tmp_path / "one").iterdir()} == expected
    assert all(path.stat().st_size < 100_000 for path in (tmp_path / "one").glob("*.png"))
    results = one["results"]["network"]
    assert len(results["train_loss"]) == len(results["test_accuracy"]) == 3
    assert [sum(row) for row in results["table"]] == [20] * 10
    right = sum(results["table"][digit][digit] for digit in range(10))
    assert results["wrong"] == 200 - right
    assert results["test_accuracy"][-1] == pytest.approx(right / 200)
    assert all(wrong["digit"] != wrong["answer"] for wrong in results["most_wrong"])


def test_without_scikit_learn_it_says_so_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cnn.main(["--data", "sample", "--epochs", "1", "--out", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "t-SNE skipped: it needs scikit-learn: python -m pip install scikit-learn" in output
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["results"]["network"]["tsne"] is None
    assert not (tmp_path / "tsne.png").exists()


def test_the_filters_keep_their_signs():
    kernels = torch.zeros(20, 1, 4, 4)
    kernels[3, 0, 1, 2], kernels[4, 0, 0, 0] = 2.0, -1.0
    figure = cnn.filters(kernels)
    pictures = [axis.images[0].get_array() for axis in figure.axes]
    assert len(pictures) == 20
    assert (pictures[0] == 0.5).all()
    assert (pictures[3][7:14, 14:21] == 1).all() and pictures[3].sum() == 0.5 * 784 + 0.5 * 49
    assert (pictures[4][:7, :7] == 0.25).all()
