"""HW5 Q1: golden values, and the gradient and the rates against other ways to them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hw5 import gradient_descent as gd

ROOT = Path(__file__).resolve().parents[1]


def run_script(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, ROOT / "hw5/gradient_descent.py", *options],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


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


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_path_is_torch_sgds(beta):
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05, momentum=beta)
    for point in gd.descend(0.05, 20, beta):
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


def test_script_answers_every_part(tmp_path):
    done = run_script("--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["results"]
    assert results["a"]["optimum"] == pytest.approx([1, 3])
    assert results["a"]["gradient_at_start"] == [4, -2]
    assert results["c"]["eigenvalues"] == pytest.approx([0.13393, 29.86607], abs=1e-5)
    best = results["c"]["rows"]["eta_best"]
    assert best["eta"] == pytest.approx(2 / 30)
    for row in results["c"]["rows"].values():
        assert row["measured"] == pytest.approx(row["predicted"], rel=1e-4)
        assert row["iterations"] is None or row["iterations"] >= best["iterations"]
    at_limit = results["c"]["at_limit"]
    assert at_limit["measured"] == pytest.approx(at_limit["predicted"], rel=1e-6)
    assert results["c"]["after_2000"]["0.99"] < 1e-6 < 1e6 < results["c"]["after_2000"]["1.01"]
    assert results["momentum"]["speedup"] > 10
    figures = {path.name for path in tmp_path.glob("*.png")}
    assert figures == {
        f"{n}.png" for n in ("b_distance", "b_paths", "c_rate", "c_limit", "momentum")
    }
    assert all((tmp_path / name).stat().st_size < 100_000 for name in figures)


def test_a_mistake_is_one_line():
    done = run_script("--part", "d")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "--part" in done.stderr
    assert "a, b, c, momentum" in done.stderr.replace("'", "")
