"""HW5 Q1, beyond: the limit of stability, and momentum."""

from hw5 import gradient_descent as gd
from hw5 import gradient_descent_study as study
from tests.hw5.helpers import Done, check_files, check_lines, check_mistake, legend_texts, run_main
from tests.hw5.test_gradient_descent import formula

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_path_is_torch_sgds(beta):
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05, momentum=beta)
    for point in study.descend_with_momentum(0.05, beta, 20):
        np.testing.assert_allclose(point, w.detach().numpy(), rtol=1e-12, atol=1e-14)
        optimizer.zero_grad()
        formula(w).backward()
        optimizer.step()


def test_path_starts_where_it_is_told():
    path = study.descend_with_momentum(0.05, 0.5, 3, start=gd.optimum())
    np.testing.assert_allclose(path, np.tile([1, 3], (4, 1)), atol=1e-13)


def spectral_radius(eta: float, beta: float) -> float:
    """Of the step (e(i), e(i−1)) → (e(i+1), e(i)): what the error is multiplied by in the end."""
    identity = np.eye(2)
    above = np.hstack([(1 + beta) * identity - eta * gd.hessian(), -beta * identity])
    step = np.vstack([above, np.hstack([identity, 0 * identity])])
    return float(np.abs(np.linalg.eigvals(step)).max())


def test_best_momentum_has_the_smallest_spectral_radius():
    eta, beta = study.best_momentum()
    # Two roots coincide there, and rounding splits them by the root of its size.
    assert spectral_radius(eta, beta) == pytest.approx(beta**0.5, abs=1e-6)
    for d_eta, d_beta in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        assert spectral_radius(eta + d_eta, beta + d_beta) > beta**0.5 + 1e-3


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Done:
    return run_main(
        study.main, tmp_path_factory.mktemp("gradient_descent_study"), undrawn=["momentum"]
    )


def test_script_answers_every_part(done):
    assert list(done.results) == ["limit", "momentum"]
    check_files(done, "limit", "momentum")
    at_limit = done.results["limit"]["at_limit"]
    assert at_limit["measured"] == pytest.approx(at_limit["predicted"], rel=1e-6)
    assert at_limit["measured"] == pytest.approx(0.149068, abs=1e-6)
    after = done.results["limit"]["after_2000"]
    assert after["0.99"] < 1e-6 < 1e6 < after["1.01"]
    results = done.results["momentum"]
    assert results["speedup"] > 10
    plain, momentum = results["plain"], results["momentum"]
    assert results["speedup"] == plain["iterations"] / momentum["iterations"]
    assert plain["eta"] == gd.best_eta() and plain["predicted"] == gd.rate(gd.best_eta())
    assert plain["measured"] == pytest.approx(plain["predicted"], rel=1e-4)
    assert (momentum["eta"], momentum["beta"]) == study.best_momentum()
    assert momentum["predicted"] == pytest.approx(momentum["beta"] ** 0.5)
    assert momentum["measured"] == pytest.approx(momentum["predicted"], rel=0.02)
    assert plain["iterations"] == 1669 and momentum["iterations"] == 135


def test_limit_shows_the_distances_around_it(done):
    (axes,) = done.figures["limit"].axes
    shares = (0.99, 1, 1.01)
    distances = [gd.distances(gd.descend(s * gd.stability_limit(), 2000)) for s in shares]
    check_lines(axes, *((range(2001), distance) for distance in distances))
    assert legend_texts(axes) == ["0.99 × limit", "1 × limit", "1.01 × limit"]
    assert done.results["limit"]["after_2000"] == {
        "0.99": distances[0][-1],
        "1.01": distances[2][-1],
    }
    assert (axes.get_yscale(), axes.get_ylim()) == ("log", (1e-4, 1e4))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "distance ‖w − w*‖")
    assert axes.get_title() == "Below, at and above the limit η = 2/λ_max = 0.0670"


def test_momentum_is_shown_beside_the_best_constant_eta(done):
    (axes,) = done.figures["momentum"].axes
    eta, beta = study.best_momentum()
    plain = gd.distances(gd.descend(gd.best_eta(), 500))
    heavy = gd.distances(study.descend_with_momentum(eta, beta, 500))
    check_lines(axes, (range(501), plain), (range(501), heavy))
    assert legend_texts(axes) == ["best constant η = 0.0667", "momentum β = 0.765, η = 0.1176"]
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "distance ‖w − w*‖")
    assert axes.get_title() == "Momentum on R"


@pytest.mark.parametrize("option", ["--data", "--device", "--epochs"])
def test_a_mistake_is_one_line(option, capsys):
    check_mistake(study.main, capsys, f"unrecognized arguments: {option}", option, "1")
