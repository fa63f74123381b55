import json

import numpy as np
import pytest
import torch
from torch import nn

from common.data import Batches
from common.loop import fit
from hw7 import kmeans
from hw7.clustering import digit_images, inertia
from hw7.kmeans import ArgmaxKMeans, KMeans, mean_over_images, mean_over_pixels


@pytest.fixture
def model(x0, sample) -> KMeans:
    """The network in float64, its centers three images of each digit mixed."""
    model = KMeans().double()
    labels = sample.train.labels
    model.centers.data = torch.stack([x0[labels == i][:3].mean(0) for i in range(10)])
    return model


def explicit(x: np.ndarray, C: np.ndarray, beta: float) -> np.ndarray:
    """The forward pass by explicit distances: −½‖x − C_i‖² differs from v_i by ½‖x‖² only."""
    output = np.empty_like(x)
    for n, x_n in enumerate(x):
        v = np.array([-0.5 * ((x_n - c) ** 2).sum() for c in C])
        p = np.exp(beta * (v - v.max()))
        output[n] = (p / p.sum()) @ C - x_n
    return output


def test_the_members_are_the_handout_s():
    model = KMeans()
    assert {name: p.shape for name, p in model.named_parameters()} == {"centers": (10, 784)}
    children = {name: type(child) for name, child in model.named_children()}
    assert children == {"flatten": nn.Flatten, "softmax": nn.Softmax}
    assert model.softmax.dim == 1
    assert not list(model.buffers())


def test_forward_by_explicit_distances(model, sample, x0):
    output = model(sample.train.images.double())
    assert output.shape == (1000, 784)
    expected = explicit(x0.numpy(), model.centers.detach().numpy(), 20)
    np.testing.assert_allclose(output.detach(), expected, atol=1e-10)


def test_a_sharper_softmax_becomes_the_nearest_center(model, sample, x0, monkeypatch):
    distances = torch.cdist(x0, model.centers)
    nearest = model.centers[distances.argmin(1)] - x0
    images = sample.train.images.double()
    gaps = []
    for beta in (20, 200, 1e7):
        monkeypatch.setattr(kmeans, "BETA", beta)
        gaps.append((model(images) - nearest).abs().max().item())
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-9
    hard = ArgmaxKMeans().double()
    hard.centers.data = model.centers.data
    torch.testing.assert_close(hard(images), nearest, rtol=0, atol=1e-10)


def test_the_losses_average_over_what_they_say():
    error = torch.randn(6, 784, generator=torch.Generator().manual_seed(0)).double()
    squares = [sum(e * e for e in row) for row in error.tolist()]
    assert mean_over_images(error, None).item() == pytest.approx(sum(squares) / 6)
    assert mean_over_pixels(error, None).item() == pytest.approx(sum(squares) / 6 / 784)
    reference = nn.MSELoss()(error, torch.zeros(6, 784).double())
    assert mean_over_pixels(error, None).item() == pytest.approx(reference.item())


def test_it_overfits_ten_images(sample):
    """As many centers as images: the loss goes to zero."""
    images = torch.stack([sample.train.images[sample.train.labels == i][0] for i in range(10)])
    batch = sample.train._replace(images=images, labels=torch.arange(10))
    model = KMeans()
    noise = torch.randn(10, 784, generator=torch.Generator().manual_seed(0))
    model.centers.data = images.flatten(1) + 0.1 * noise
    optimizer = torch.optim.SGD(model.parameters(), lr=784 * 10 / 4)  # α = ½
    batches = Batches(batch, 10, seed=0)
    *_, last = fit(model, batches, batches, mean_over_pixels, optimizer, 30)
    assert last["test_loss"] < 1e-10


def test_a_short_run_on_the_sample_beats_a_floor(sample):
    x0 = sample.train.images.flatten(1)
    model = ArgmaxKMeans()
    model.centers.data.copy_(digit_images(x0, sample.train.labels, torch.Generator()))
    before = inertia(x0, model.centers.detach())
    optimizer = torch.optim.SGD(model.parameters(), lr=45)
    train, test = Batches(sample.train, 64, seed=0), Batches(sample.test, 200)
    list(fit(model, train, test, mean_over_pixels, optimizer, 10))
    assert before > 60
    assert inertia(x0, model.centers.detach()) < 42


def test_the_network_lives_on_any_device():
    with torch.device("meta"):
        for network in (KMeans(), ArgmaxKMeans()):
            assert network(torch.rand(5, 1, 28, 28)).shape == (5, 784)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The whole script and its part b alone, on the sample; folder and summary of each."""
    found = {}
    for name, part in {"all": "all", "b": "b"}.items():
        out = tmp_path_factory.mktemp(name)
        arguments = ["--data", "sample", "--epochs", "2", "--part", part, "--out", str(out)]
        assert kmeans.main(arguments) == 0
        found[name] = out, json.loads((out / "summary.json").read_text())
    return found


def test_every_part_leaves_its_figures_and_numbers(runs):
    out, summary = runs["all"]
    figures = ["b_centers", "b_table", "b_test_loss", "c_centers", "beyond_eta"]
    figures += ["appendix_curves", "appendix_balance"]
    expected = {f"{name}.png" for name in figures} | {"b_table.csv", "summary.json"}
    assert {path.name for path in out.iterdir()} == expected
    assert all(path.stat().st_size < 100_000 for path in out.iterdir())
    assert list(summary) == ["settings", "environment", "results"]
    assert list(summary["results"]) == ["a", "b", "c", "beyond", "appendix"]
    b = summary["results"]["b"]
    assert len(b["test_loss"]) == 2
    assert {"table", "inertia", "purity", "lloyd_inertia"} <= b.keys()


def test_a_part_alone_gives_the_numbers_of_the_whole_run(runs):
    assert runs["b"][1]["results"]["b"] == runs["all"][1]["results"]["b"]
    assert set(runs["b"][1]["results"]) == {"b"}


def test_the_csv_is_the_table(runs, sample):
    out, summary = runs["b"]
    lines = [line.split(",") for line in (out / "b_table.csv").read_text().splitlines()]
    table = [[int(cell) for cell in line[1:]] for line in lines[1:]]
    assert table == summary["results"]["b"]["table"]
    assert [sum(row) for row in table] == [100] * 10
    assert [line[0] for line in lines] == ["digit", *map(str, range(10))]


def test_part_a_s_steps_say_where_the_formula_holds(runs):
    argmax, softmax, literal = runs["all"][1]["results"]["a"]["steps"]
    assert argmax["difference"] < 1e-5 and argmax["relative"] < 1e-5
    assert softmax["relative"] > 0.5  # the softmax's own gradient is not small
    assert literal["length"] < 0.01  # the division by 784


def test_uniform_centers_collapse_and_divergence_is_a_result(runs):
    results = runs["all"][1]["results"]
    uniform = results["c"]["handout"][0]
    assert uniform["start"] == "uniform" and uniform["collapsed"] == [True] * 3
    assert uniform["live"] == [1, 1, 1]
    for row in results["a"]["rows"]:
        for inertia_, epoch in zip(row["inertia"], row["diverged"]):
            assert (inertia_ is None) == (epoch is not None)
