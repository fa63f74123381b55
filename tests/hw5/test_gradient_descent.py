"""HW5 Q1: golden values, and the gradient and the rates against other ways to them."""

from hw5 import gradient_descent as gd
from tests.hw5.helpers import Done, check_files, check_lines, check_mistake, legend_texts, run_main

import numpy as np
import pytest
import torch


def formula(w):
    """R as the handout prints it, independently of `gd.R`."""
    return 13 * w[0] ** 2 - 10 * w[0] * w[1] + 4 * w[0] + 2 * w[1] ** 2 - 2 * w[1] + 1


@pytest.mark.parametrize("point", [(0.0, 0.0), (1.7, -2.3), (-40.0, 9.0)])
def test_gradient_and_hessian_are_autograds(point):
    w = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    value = formula(w)
    value.backward()
    assert gd.R(np.array(point)) == pytest.approx(value.item(), rel=1e-14)
    np.testing.assert_allclose(gd.gradient(np.array(point)), w.grad.numpy(), rtol=1e-14)
    hessian = torch.autograd.functional.hessian(formula, w.detach())
    np.testing.assert_array_equal(gd.hessian(), hessian.numpy())


def test_optimum_is_where_the_gradient_is_zero():
    np.testing.assert_allclose(gd.optimum(), [1, 3], atol=1e-14)
    np.testing.assert_allclose(gd.gradient(gd.optimum()), 0, atol=1e-13)


@pytest.mark.parametrize(
    ("eta", "golden"),
    [
        (0.02, (3.15087, 2.41563, 0.82619)),
        (0.05, (3.13847, 1.61328, 0.10977)),
        (0.1, (3.13050, 9.651e28, 1.696e148)),
    ],
)
def test_golden_distances(eta, golden):
    distance = gd.distances(gd.descend(eta, 500))
    assert distance.shape == (501,)
    assert distance[[1, 100, 500]] == pytest.approx(golden, rel=2e-4)


def test_path_is_torch_sgds():
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05)
    for point in gd.descend(0.05, 20):
        np.testing.assert_allclose(point, w.detach().numpy(), rtol=1e-12, atol=1e-14)
        optimizer.zero_grad()
        formula(w).backward()
        optimizer.step()


def test_path_starts_where_it_is_told():
    path = gd.descend(0.05, 3, start=gd.optimum())
    np.testing.assert_allclose(path, np.tile([1, 3], (4, 1)), atol=1e-13)


@pytest.mark.parametrize("eta", [0.02, 0.05, 2 / 30, 0.0669, 0.067, 0.1])
def test_rate_is_what_the_distance_is_multiplied_by(eta):
    path = gd.descend(eta, 500 if gd.rate(eta) > 1.01 else 8000, start=np.array([-4.0, 20.0]))
    distance = gd.distances(path)
    inside = np.flatnonzero(distance > 1e-9)[-1]  # where rounding does not show yet
    assert distance[inside] / distance[inside - 1] == pytest.approx(gd.rate(eta), rel=1e-4)


def test_limit_separates_convergence_from_divergence():
    assert gd.stability_limit() == pytest.approx(0.066966, abs=1e-6)
    for share, converges in ((0.999, True), (1.001, False)):
        distance = gd.distances(gd.descend(share * gd.stability_limit(), 20_000))
        assert (distance[-1] < 1e-6) == converges


def test_best_eta_has_the_smallest_rate():
    assert gd.best_eta() == pytest.approx(2 / 30)
    rates = [gd.rate(eta) for eta in (gd.best_eta() - 1e-4, gd.best_eta(), gd.best_eta() + 1e-4)]
    assert min(rates) == rates[1]


def test_measure_finds_the_factor_and_the_iterations():
    distance = 5 * 0.95 ** np.arange(401) * np.minimum(1, 0.9 ** (np.arange(401) - 150))
    path = gd.optimum() + distance[:, None] * np.array([0.6, -0.8])
    found = gd.measure(path, 200)  # iterations 100 to 200: half of them slow, half fast
    assert found["measured"] == pytest.approx(0.95 * 0.9**0.5, rel=1e-6)
    assert found["iterations"] == np.argmax(distance <= 1e-6)
    assert gd.measure(path[:120], 119)["iterations"] is None


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Done:
    return run_main(
        gd.main, tmp_path_factory.mktemp("gradient_descent"), undrawn=["b_distance", "c_rate"]
    )


def test_script_answers_every_part(done):
    results = done.results
    assert list(results) == ["a", "b", "c"]
    assert results["a"]["optimum"] == pytest.approx([1, 3])
    assert results["a"]["gradient_at_start"] == [4, -2]
    assert results["a"]["R_at_start"] == 1
    assert results["a"]["R_at_optimum"] == pytest.approx(0, abs=1e-13)
    assert results["c"]["eigenvalues"] == pytest.approx([0.13393, 29.86607], abs=1e-5)
    assert results["c"]["condition"] == pytest.approx(29.86607 / 0.13393, rel=1e-4)
    assert results["c"]["limit"] == pytest.approx(0.066966, abs=1e-6)
    best = results["c"]["rows"]["eta_best"]
    assert best["eta"] == results["c"]["best_eta"] == pytest.approx(2 / 30)
    assert list(results["c"]["rows"]) == ["eta_0.02", "eta_0.05", "eta_0.1", "eta_best"]
    for row in results["c"]["rows"].values():
        assert row["measured"] == pytest.approx(row["predicted"], rel=1e-4)
        assert row["iterations"] is None or row["iterations"] >= best["iterations"]
    assert results["c"]["rows"]["eta_0.1"]["iterations"] is None
    for name, eta in (("eta_0.02", 0.02), ("eta_0.05", 0.05), ("eta_best", 2 / 30)):
        distance = gd.distances(gd.descend(eta, 7000))
        assert results["c"]["rows"][name]["iterations"] == np.argmax(distance <= 1e-6) > 0
    check_files(done, "b_distance", "b_paths", "c_rate")


def test_b_measures_and_draws_the_three_paths(done):
    paths = {eta: gd.descend(eta, 500) for eta in (0.02, 0.05, 0.1)}
    distances = [gd.distances(path) for path in paths.values()]
    for (eta, path), distance in zip(paths.items(), distances):
        results = done.results["b"][f"eta_{eta}"]
        assert [results[f"after_{i}"] for i in (1, 100, 500)] == list(distance[[1, 100, 500]])
        assert results["w"] == list(path[-1])
    for axes in done.figures["b_distance"].axes:
        check_lines(axes, *((range(501), distance) for distance in distances))
    left = done.figures["b_distance"].axes[0]
    assert legend_texts(left) == ["η = 0.02", "η = 0.05", "η = 0.1"]
    assert done.figures["b_distance"].get_suptitle().endswith("= 0.0670")
    for axes, (eta, path) in zip(done.figures["b_paths"].axes, paths.items()):
        steps, start, optimum = axes.lines
        inside = path if eta < 0.1 else path[:3]  # the third path soon leaves the picture
        np.testing.assert_array_equal(steps.get_xydata()[:3], inside[:3])
        assert len(steps.get_xydata()) == len(inside) or eta == 0.1
        np.testing.assert_array_equal(start.get_xydata(), [[0, 0]])
        np.testing.assert_allclose(optimum.get_xydata(), [[1, 3]])
        assert axes.get_title() == f"η = {eta}"
        for level, contour in zip(axes.collections[0].levels, axes.collections[0].get_paths()):
            np.testing.assert_allclose(formula(contour.vertices.T), level, rtol=0.1, atol=0.02)
    assert done.figures["b_paths"].get_suptitle().startswith("500 iterations")


def test_c_draws_predicted_and_measured_rates(done):
    rows = done.results["c"]["rows"].values()
    for axes in done.figures["c_rate"].axes:
        small, large, dots, limit, _ = axes.lines
        eta = small.get_xdata()
        np.testing.assert_allclose(small.get_ydata(), np.abs(1 - 0.13393 * eta), atol=1e-6)
        np.testing.assert_allclose(large.get_ydata(), np.abs(1 - 29.86607 * eta), atol=1e-6)
        expected = [(row["eta"], row["measured"]) for row in rows]
        np.testing.assert_array_equal(dots.get_xydata(), expected)
        assert limit.get_xdata()[0] == pytest.approx(0.066966, abs=1e-6)
    assert done.figures["c_rate"].axes[1].get_title() == "Best at η = 0.066667"


def test_a_wrong_part_is_one_line(capsys):
    line = check_mistake(gd.main, capsys, "--part", "--part", "d")
    assert line.startswith("gradient_descent.py: error: ")
    assert "a, b, c" in line.replace("'", "")


@pytest.mark.parametrize("option", ["--data", "--device", "--epochs", "--lr"])
def test_an_option_that_it_does_not_have_is_one_line(option, capsys):
    check_mistake(gd.main, capsys, f"unrecognized arguments: {option}", option, "1")
