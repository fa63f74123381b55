import json

from common.data import Batches
from common.loop import fit
from hw7 import kmeans
from hw7.clustering import INITIALIZERS, digit_images, inertia, lloyd
from hw7.kmeans import ArgmaxKMeans, KMeans, mean_over_images, mean_over_pixels

import numpy as np
import pytest
import torch
from torch import nn


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
    model.centers.data.copy_(digit_images(x0, sample.train.labels))
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
def run(tmp_path_factory, figures):
    """The whole script on the sample: its folder, its results and its figures by name."""
    out = tmp_path_factory.mktemp("kmeans")
    arguments = ["--data", "sample", "--epochs", "2", "--out", str(out)]
    with figures() as drawn:
        assert kmeans.main(arguments) == 0
    return out, json.loads((out / "summary.json").read_text())["results"], drawn


def test_every_part_leaves_its_figures_and_numbers(run):
    out, results, _ = run
    figures = ["b_centers", "b_table", "b_test_loss", "c_centers"]
    figures += ["appendix_curves", "appendix_balance"]
    expected = {f"{name}.png" for name in figures} | {"b_table.csv", "summary.json"}
    assert {path.name for path in out.iterdir()} == expected
    assert all(path.stat().st_size < 100_000 for path in out.iterdir())
    assert list(results) == ["a", "b", "c", "appendix"]
    assert results["appendix"]["balance"]["64"] == pytest.approx(4.493, abs=5e-4)


def test_part_a_says_where_the_formula_holds(run):
    steps = run[1]["a"]
    assert steps["argmax"]["difference"] < 1e-5 and steps["argmax"]["relative"] < 1e-5
    assert steps["softmax"]["relative"] > 0.5  # the softmax's own gradient is not small
    assert 0.5 < steps["argmax"]["length"] < 1.5
    assert 0.0005 < steps["handout"]["length"] < 0.002  # the division by 784


def test_part_b_is_the_handout_s_training_by_a_naive_loop(run, sample):
    """The tutorial's loop, written out; the permutations are those of the seed."""
    x0, labels = sample.train.images.flatten(1), sample.train.labels
    model = KMeans()
    model.centers.data.copy_(x0[1:20:2])
    optimizer = torch.optim.SGD(model.parameters(), lr=4.5)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        for index in torch.randperm(1000, generator=generator).split(64):
            optimizer.zero_grad()
            error = model(sample.train.images[index])
            nn.MSELoss()(error, torch.zeros_like(error)).backward()
            optimizer.step()
    results = run[1]["b"]
    error = model(sample.test.images).detach()
    assert results["test_loss"][-1] == pytest.approx(error.square().mean().item(), rel=1e-4)
    C = model.centers.detach()
    assert results["network"]["inertia"] == pytest.approx(inertia(x0, C), rel=1e-4)
    lloyd_centers, iterations = lloyd(x0, x0[1:20:2])
    assert results["lloyd"]["iterations"] == iterations
    assert results["lloyd"]["inertia"] == pytest.approx(inertia(x0, lloyd_centers), rel=1e-6)
    assert [sum(row) for row in results["network"]["table"]] == labels.bincount().tolist()


def test_the_csv_and_the_figure_are_the_table(run):
    out, results, drawn = run
    lines = [line.split(",") for line in (out / "b_table.csv").read_text().splitlines()]
    table = [[int(cell) for cell in line[1:]] for line in lines[1:]]
    assert table == results["b"]["network"]["table"]
    assert [line[0] for line in lines] == ["digit", *map(str, range(10))]
    assert lines[0][1:] == [f"cluster {j}" for j in range(10)]
    (axes,) = drawn["b_table"].axes
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown == {(j, i): str(table[i][j]) for i in range(10) for j in range(10)}
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("digit", "cluster")


def test_the_figure_of_b_shows_the_network_s_centers_above_lloyd_s(run, sample):
    axes = run[2]["b_centers"].axes
    x0 = sample.train.images.flatten(1)
    lloyd_centers, _ = lloyd(x0, x0[1:20:2])
    for axis, center in zip(axes[10:], lloyd_centers):
        assert abs(axis.images[0].get_array() - center.view(28, 28).numpy()).max() < 1e-5
    for row, name in enumerate(("network", "lloyd")):
        sizes = torch.tensor(run[1]["b"][name]["table"]).sum(0).tolist()
        titles = [axis.get_title() for axis in axes[10 * row : 10 * row + 10]]
        assert titles == [f"{size:,}" for size in sizes]
    assert [axes[0].get_ylabel(), axes[10].get_ylabel()] == ["the network", "Lloyd's algorithm"]


def test_the_loss_curve_shows_the_test_losses(run):
    (axes,) = run[2]["b_test_loss"].axes
    line = next(line for line in axes.lines if line.get_label() == "test images")
    assert line.get_ydata().tolist() == run[1]["b"]["test_loss"]
    assert axes.get_ylabel() == "squared error per pixel"


def test_part_c_trains_from_five_other_initial_centers_and_uniform_ones_collapse(run):
    results = run[1]["c"]
    assert list(results) == [name for name in INITIALIZERS if name != "digit images"]
    assert len(results) == 5
    assert results["uniform"]["collapsed"] and results["uniform"]["smallest_cluster"] == 0
    assert not results["random images"]["collapsed"]
    axes = run[2]["c_centers"].axes
    assert [axis.get_ylabel() for axis in axes[::10]] == [
        name.replace(", ", ",\n") for name in results
    ]
    grey = axes[0].images[0].get_array()  # a uniform center stays noise between 0 and 1
    assert grey.std() > 0.2


def test_the_appendix_draws_both_sides_and_where_they_meet(run):
    (axes,) = run[2]["appendix_curves"].axes
    eta, bias = axes.lines[0].get_data()
    alpha = eta / 5
    assert bias == pytest.approx(((1 - alpha) / alpha) ** 2)
    assert axes.lines[1].get_ydata() == pytest.approx(alpha**2 / (1 - (1 - alpha) ** 2) / 64)
    (axes,) = run[2]["appendix_balance"].axes
    b, eta = axes.lines[0].get_data()
    assert (b[0], b[-1]) == pytest.approx((1, 60_000))
    assert (eta[0], eta[-1]) == pytest.approx((3.017, 4.980), abs=5e-4)
    assert set(axes.lines[1].get_ydata()) == {5}


def test_a_part_alone_gives_the_numbers_of_the_whole_run(run, tmp_path):
    arguments = ["--data", "sample", "--epochs", "2", "--part", "b", "--out", str(tmp_path)]
    assert kmeans.main(arguments) == 0
    alone = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert alone == {"b": run[1]["b"]}
