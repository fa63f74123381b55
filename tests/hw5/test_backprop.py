"""HW5 Q2: the script's parts, as numbers and as figures."""

from hw5 import backprop, figures
from hw5.hacks import Hyperparameters, list_hacks, train_students
from hw5.network import draw_network, draw_points, forward, phi, phi_prime, pick, teacher
from tests.hw5.helpers import (
    Done,
    check_boundary,
    check_files,
    check_lines,
    check_mistake,
    legend_texts,
    run_main,
)

import numpy as np
import pytest

SEEDS = (0, 1, 2, 3, 4)
OWN = Hyperparameters(epochs=2)
HACKS = list_hacks(OWN, 1000)
EVERY = tuple(setting for settings in HACKS.values() for setting in settings)


@pytest.fixture(scope="module", autouse=True)
def few_points():
    """Fewer fresh points, for the sake of time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backprop, "FRESH", 3000)
        yield


@pytest.fixture(scope="module")
def done(few_points, tmp_path_factory) -> Done:
    out = tmp_path_factory.mktemp("backprop")
    # one of each kind is drawn
    train_students.cache_clear()  # another test may have run the script already
    undrawn = {"a_phi", "e_boundary", *(f"f_{name}" for name in HACKS)} - {"f_epochs"}
    return run_main(backprop.main, out, "--epochs", "2", undrawn=undrawn)


@pytest.fixture(scope="module")
def students(done):
    """The students of the run: setting → networks and MSE."""
    found = train_students((OWN,), SEEDS) | train_students(EVERY, SEEDS)
    assert train_students.cache_info().misses <= 2  # none was trained twice
    return found


def predict(students, setting, x, seed=0):
    return forward(pick(students[setting].networks, seed), x, setting.a).f


def check_row(row, students, setting):
    """MSE and agreement of each seed's student, by other means, and what is made of them."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (2, 3000))  # of seed 5, which no student has
    inside = (x[1] > -1) & (x[1] <= 1 - np.abs(x[0]))
    for seed in SEEDS:
        own, y = draw_points(seed)
        mse = np.mean((predict(students, setting, own, seed) - y) ** 2)
        assert row["mse"][seed] == pytest.approx(mse, rel=1e-9)
        agreement = np.mean((predict(students, setting, x, seed)[0] >= 0.5) == inside)
        assert row["agreement"][seed] == pytest.approx(agreement)
    for name in ("mse", "agreement"):
        smallest, _, median, _, largest = sorted(row[name])
        found = [row[f"{name}_{statistic}"] for statistic in ("min", "median", "max")]
        assert found == [smallest, median, largest]


def test_script_answers_every_part(done):
    assert list(done.results) == ["a", "b", "c", "d", "e", "f"]
    hacks = [f"f_{name}" for name in ("eta", "rule", "a", "epochs", "full", "minibatches")]
    hacks += ["f_hidden", "f_init", "f_best"]
    check_files(done, "a_phi", "d_mse", "e_scatter", "e_boundary", *hacks)


def test_a_shows_phi(done):
    results = done.results["a"]
    assert results["far"] == [0, 1] and results["slope"] == 1.25
    assert 0 < results["difference"] < 1e-8
    left, right = done.figures["a_phi"].axes
    v = np.arange(-400, 401) / 200
    for axes, function in ((left, phi), (right, phi_prime)):
        for line, a in zip(axes.lines, (1, 5, 20)):
            np.testing.assert_allclose(line.get_xdata(), v, atol=1e-12)
            np.testing.assert_allclose(line.get_ydata(), function(v, a), atol=1e-10)
    assert legend_texts(left)[:3] == ["a = 1", "a = 5", "a = 20"]


def test_b_and_c_check_the_equations(done):
    assert 0 <= done.results["b"]["difference"] < 1e-12
    assert list(done.results["c"]) == ["W", "b", "U", "c"]
    assert min(done.results["c"].values()) > 0 and max(done.results["c"].values()) < 1e-8


@pytest.mark.parametrize(("part", "name"), [("b", "forward"), ("c", "backward")])
def test_b_and_c_notice_a_wrong_equation(part, name, monkeypatch, tmp_path):
    right = getattr(backprop, name)

    def wrong(*arguments):
        found = right(*arguments)
        return type(found)(*found[:3], 1.01 * found[3])

    monkeypatch.setattr(backprop, name, wrong)
    results = run_main(backprop.main, tmp_path, "--part", part).results[part]
    assert results["difference" if part == "b" else "c"] > 1e-5


def test_d_is_the_handouts_training(done, students):
    results = done.results["d"]
    check_row(results, students, OWN)
    mse = students[OWN].mse
    assert results["curve"] == [sorted(row)[2] for row in mse.tolist()]
    (axes,) = done.figures["d_mse"].axes
    check_lines(axes, ([1, 2], results["curve"]))
    assert axes.get_title() == "Median and range of 5 seeds"
    x, y = draw_points(2)
    network = draw_network(2)
    for x_i, y_i in zip(x.T[:, :, None], y.T[:, :, None]):  # by the handout's rule, seed 2's start
        for weight, grad in zip(
            network, backprop.backward(network, x_i, y_i, forward(network, x_i))
        ):
            weight -= 0.01 * grad
    assert mse[0, 2] == pytest.approx(np.mean((forward(network, x).f - y) ** 2), rel=1e-9)


def test_e_shows_the_first_student_beside_its_teacher(done, students):
    x, y = draw_points(0)
    f = predict(students, OWN, x)
    results = done.results["e"]
    assert results["mse"] == pytest.approx(np.mean((f - y) ** 2))
    assert results["agreement"] == pytest.approx(np.mean((f >= 0.5) == (y == 1)))
    assert results["positive"] == y.mean() == 0.265
    assert (results["f_min"], results["f_max"]) == (f.min(), f.max())
    figure = done.figures["e_scatter"]
    assert figure.get_suptitle() == "1,000 points after 2 epochs"
    assert [axes.get_title() for axes in figure.axes] == ["student", "teacher"]
    for axes, height in zip(figure.axes, (f, y)):
        drawn = np.array(axes.collections[0]._offsets3d)
        expected = np.stack([*x, height[0]])
        order, other = np.argsort(drawn[0]), np.argsort(expected[0])
        np.testing.assert_array_equal(drawn[:, order], expected[:, other])
        labels = axes.get_xlabel(), axes.get_ylabel(), axes.get_zlabel()
        assert labels == ("x₁", "x₂", "f(x₁, x₂)")
    *panels, _ = done.figures["e_boundary"].axes
    assert [axes.get_title() for axes in panels] == ["student", "teacher"]
    check_boundary(panels[0], predict(students, OWN, figures.GRID))
    check_boundary(panels[1], teacher(figures.GRID))


def test_f_measures_every_hack(done, students):
    results = done.results["f"]
    assert list(results) == ["base", *(setting.make_key(OWN) for setting in EVERY)]
    assert results["base"] == {k: v for k, v in done.results["d"].items() if k != "curve"}
    for setting in EVERY:
        check_row(results[setting.make_key(OWN)], students, setting)
    assert (
        results["hidden_12"]["mse"]
        == students[Hyperparameters(epochs=2, hidden=12)].mse[-1].tolist()
    )


TITLES = {
    "eta": "η",
    "rule": "0.9 η when the MSE has risen",
    "a": "steepness a",
    "epochs": "number of epochs",
    "full": "all points",
    "minibatches": "a few points",
    "hidden": "hidden neurons",
    "init": "σ of the first weights",
    "best": "best combination",
}


@pytest.mark.parametrize("name", HACKS)
def test_f_shows_curves_and_boundaries(name, done, students):
    figure = done.figures[f"f_{name}"]
    above, below = figure.subfigs
    assert TITLES[name] in above.get_suptitle()
    settings = [OWN, *HACKS[name]]
    labels = [setting.make_label(OWN) for setting in settings]
    (axes,) = above.axes
    assert legend_texts(axes) == labels
    curves = [np.median(students[setting].mse, axis=1) for setting in settings]
    check_lines(axes, *((np.arange(1, len(curve) + 1), curve) for curve in curves))
    *panels, _ = below.axes
    titles = [" ".join(panel.get_title().split()) for panel in panels]
    assert titles == labels
    for panel, setting in zip(panels, settings):
        check_boundary(panel, predict(students, setting, figures.GRID))


def test_options_reach_the_setting(tmp_path, monkeypatch):
    asked = []

    def train(settings, seeds):
        asked.append((settings, seeds))
        return train_students((OWN,), SEEDS[:2])

    monkeypatch.setattr(backprop, "train_students", train)
    with pytest.raises(KeyError):  # of the students of another setting
        backprop.main(["--part", "d", "--lr", "0.5", "--epochs", "9", "--seed", "7",
                       "--out", str(tmp_path)])  # fmt: skip
    assert asked == [((Hyperparameters(eta=0.5, epochs=9),), (7, 8, 9, 10, 11))]


def test_same_seed_same_numbers(tmp_path):
    found = []
    for seed in ("3", "3", "4"):
        train_students.cache_clear()
        options = ["--part", "d", "--epochs", "1", "--seed", seed]
        found.append(run_main(backprop.main, tmp_path, *options, undrawn=["d_mse"]).results)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("named", "options"),
    [
        ("argument --epochs: came 0", ("--epochs", "0")),
        ("argument --lr: came -1", ("--lr", "-1")),
        ("argument --lr: with η", ("--part", "d", "--epochs", "1", "--lr", "1.7e308")),
        ("unrecognized arguments: --data", ("--data", "sample")),
        ("unrecognized arguments: --device", ("--device", "cpu")),
        ("unrecognized arguments: --batch-size", ("--batch-size", "5")),
        ("argument --part", ("--part", "teacher")),
    ],
)
def test_a_mistake_is_one_line(named, options, tmp_path, capsys):
    line = check_mistake(backprop.main, capsys, named, *options, "--out", str(tmp_path))
    assert line.startswith(f"backprop.py: error: {named}")
