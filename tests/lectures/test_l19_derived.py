"""Derived densities and samples from uniform numbers against SciPy."""

import json

from lectures import density as ld
from lectures import l19_derived as l19

import numpy as np
import pytest
from scipy import stats


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script with fewer samples: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l19")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l19, "DRAWS", 4000)
        assert l19.main(["--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_the_densities_of_z_are_scipy_s():
    z = np.array([-1, -0.1, 0, 0.5, 1, 1.1])
    np.testing.assert_allclose(l19.uniform(z), stats.uniform.pdf(z))
    np.testing.assert_allclose(l19.gaussian(z), stats.norm.pdf(z))


def test_minus_the_logarithm_of_a_uniform_number():
    """The lecture's: z uniform, x = −ln z has the density e^(−x) on x ≥ 0."""
    x = np.array([0.0, 0.5, 1, 2])
    map_back = (lambda x: np.exp(-x), lambda x: -np.exp(-x), stats.uniform.pdf)
    np.testing.assert_allclose(ld.derive_density(x, *map_back), np.exp(-x))
    assert ld.derive_density(-x[1:], *map_back).max() == 0


def test_derived_densities(run):
    a = run[0]["a"]
    areas = {"log": stats.expon.cdf(6), "square": 1 - 0.002**0.5,
             "exp": np.diff(stats.lognorm(1).cdf([0.01, 6]))[0],
             "square_Gaussian": np.diff(stats.chi2(1).cdf([0.02, 6]))[0] / 2}  # fmt: skip
    for name, area in areas.items():
        assert a[name]["area"] == pytest.approx(area, abs=2e-3)
        factor = 2 if name == "square_Gaussian" else 1  # two z for each x: the formula has one
        assert a[name]["monte_carlo"] == pytest.approx(factor * area, abs=0.02)
    assert a["exp"]["largest_gap"] < 0.03 < a["square_Gaussian"]["largest_gap"]
    assert a["kde_at_zero"] == pytest.approx(0.47, abs=0.06)  # half of 1


def test_samples_from_a_uniform_number(run):
    b = run[0]["b"]
    assert b["level"] == pytest.approx(stats.kstwo(4000).ppf(0.95), rel=0.01)
    for name in ("exponential", "triangle", "Cauchy", "waiting"):
        assert b[name] < 1.4 * b["level"]  # of true samples, 99.8 % stay below
    assert b["minutes"] < 0.01


def test_figures(run):
    drawn = run[1]
    assert list(drawn) == ["a_derived", "b_samples"]
    line = drawn["a_derived"].axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), stats.expon.pdf(line.get_xdata()), atol=1e-9)
    x, y = drawn["b_samples"].axes[1].lines[0].get_data()
    np.testing.assert_allclose(y, 2 - 2 * x, atol=1e-9)
    heights = drawn["b_samples"].axes[1].patches[0].get_data().values
    np.testing.assert_allclose(heights, y, atol=0.6)  # 100 samples in a bin
