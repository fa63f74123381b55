"""Lecture 19's estimates against SciPy and scikit-learn."""

from common.run import UserError
from lectures import density as ld

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity


@pytest.fixture
def points():
    """Two groups on the line, (60,)."""
    rng = np.random.default_rng(19)
    return np.concatenate([rng.normal(0, 1, 40), rng.normal(6, 0.5, 20)])


def test_the_likeliest_gaussian_is_scipy_s(points):
    mean, deviation = stats.norm.fit(points)
    fit = ld.fit_gaussian(points)
    assert (fit.means[0], fit.variances[0]) == pytest.approx((mean, deviation**2))
    expected = stats.norm(mean, deviation).logpdf(points[:9])
    np.testing.assert_allclose(fit.log_density(points[:9]), expected)


def test_two_gaussians_are_scikit_learn_s(points):
    fit = ld.fit_mixture(points)
    expected = GaussianMixture(2, tol=1e-10, reg_covar=0, max_iter=500).fit(points[:, None])
    order = expected.means_[:, 0].argsort()
    np.testing.assert_allclose(fit.shares, expected.weights_[order], rtol=1e-4)
    np.testing.assert_allclose(fit.means, expected.means_[order, 0], rtol=1e-3)
    np.testing.assert_allclose(fit.variances, expected.covariances_[order, 0, 0], rtol=1e-3)
    logs = expected.score_samples(points[:, None])
    np.testing.assert_allclose(fit.log_density(points), logs, rtol=1e-3)
    np.testing.assert_allclose(ld.log_sum_exp(fit.log_terms(points)), fit.log_density(points))


def test_em_never_lowers_the_likelihood(points):
    steps = [ld.fit_mixture(points, n).log_density(points).mean() for n in range(1, 12)]
    assert (np.diff(steps) > -1e-12).all() and steps[-1] > steps[0]


def test_log_sum_exp_is_scipy_s():
    terms = np.array([[-1000.0, -1001.0], [3.0, -np.inf], [-np.inf, -np.inf]])
    np.testing.assert_allclose(ld.log_sum_exp(terms), special.logsumexp(terms, 1))


@pytest.mark.parametrize("h", [0.1, 0.7, 5.0])
def test_kde_is_scipy_s(points, h):
    kde = stats.gaussian_kde(points, bw_method=h / points.std(ddof=1))
    x = np.linspace(-4, 9, 31)
    np.testing.assert_allclose(ld.log_kde(x, points, h), kde.logpdf(x), atol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_kde_in_more_dimensions_is_scikit_learn_s(d):
    rng = np.random.default_rng(d)
    data, x = 50 + rng.standard_normal((40, d)), 50 + rng.standard_normal((9, d))
    expected = KernelDensity(bandwidth=0.6).fit(data).score_samples(x)
    np.testing.assert_allclose(ld.log_kde(x, data, 0.6), expected)
    squares = ((x[:, None] - data) ** 2).sum(-1)
    np.testing.assert_allclose(ld.squared_distances(x, data), squares, atol=1e-9)


def test_a_density_has_the_area_one(points):
    area = integrate.quad(lambda x: np.exp(ld.log_kde(np.array([x]), points, 0.4))[0], -6, 12)
    assert area[0] == pytest.approx(1)


def test_far_away_the_logarithm_stays_finite(points):
    far = ld.log_kde(np.array([1e4]), points, 0.1)
    assert np.isfinite(far).all() and far[0] < -1e8


def test_leave_one_out_leaves_one_out(points):
    expected = [stats.gaussian_kde(rest, 0.5 / rest.std(ddof=1)).logpdf(points[i])[0]
                for i in range(60) for rest in [np.delete(points, i)]]  # fmt: skip
    np.testing.assert_allclose(ld.leave_one_out(points, 0.5), expected, atol=1e-9)


def test_the_bandwidth_is_the_likeliest(points):
    h = ld.choose_bandwidth(points)

    def loss(log_h):
        return -ld.leave_one_out(points, np.exp(log_h)).mean()

    expected = optimize.minimize_scalar(loss, (np.log(0.3), np.log(1)), tol=1e-9)
    assert h == pytest.approx(np.exp(expected.x), rel=1e-4)


@pytest.mark.parametrize("d", [1, 3, 60])
def test_at_the_best_bandwidth_h_squared_is_a_mean_of_distances(d):
    rng = np.random.default_rng(d)
    data, others = rng.standard_normal((80, d)), rng.standard_normal((70, d))
    h = ld.choose_bandwidth(data, others)
    squares = ((others[:, None] - data) ** 2).sum(-1)
    shares = special.softmax(-squares / (2 * h**2), axis=1)
    assert h**2 == pytest.approx((shares * squares).sum(1).mean() / d, rel=2e-3)


def test_silverman_s_rule(points):
    kde = stats.gaussian_kde(points, "silverman")
    assert ld.silverman(points) == pytest.approx(kde.factor * points.std(ddof=1), rel=2e-3)


@pytest.mark.parametrize("h", [0, -1, np.nan, np.inf])
def test_a_bandwidth_that_is_none_is_refused(points, h):
    with pytest.raises(UserError, match="bandwidth"):
        ld.log_kde(points, points, h)


@pytest.mark.parametrize("data", [np.zeros(0), np.ones(1), np.ones(5), np.ones((4, 3))])
def test_one_point_has_no_bandwidth(data):
    with pytest.raises(UserError, match="two different points"):
        ld.choose_bandwidth(data)


def test_no_points_have_no_density():
    with pytest.raises(UserError, match="for 0 points"):
        ld.log_kde(np.ones(2), np.ones(0), 1)


@pytest.mark.parametrize(
    ("inverse", "slope", "expected"),
    [
        (lambda x: np.exp(-x), lambda x: -np.exp(-x), stats.expon.pdf),  # −ln z
        (np.sqrt, lambda x: 0.5 / np.sqrt(x), stats.beta(0.5, 1).pdf),  # z²
        (lambda x: 1 - x, lambda x: -np.ones_like(x), stats.uniform.pdf),
    ],
)
def test_derived_densities_are_scipy_s(inverse, slope, expected):
    x = np.linspace(0.01, 0.99, 12)
    found = ld.derive_density(x, inverse, slope, stats.uniform.pdf)
    np.testing.assert_allclose(found, expected(x))


def test_a_derived_gaussian():
    x = np.linspace(0.1, 5, 9)
    found = ld.derive_density(x, np.log, lambda x: 1 / x, stats.norm.pdf)
    np.testing.assert_allclose(found, stats.lognorm(1).pdf(x))


def test_areas_are_scipy_s():
    grid = np.linspace(-2, 3, 40) ** 3
    expected = integrate.cumulative_trapezoid(stats.norm.pdf(grid), grid, initial=0)
    np.testing.assert_allclose(ld.cumulate(grid, stats.norm.pdf(grid)), expected)


def test_inverting_a_distribution_function():
    u = np.linspace(0.001, 0.999, 77)
    grid = np.linspace(-9, 9, 20_001)
    found = ld.invert_cdf(u, grid, 3 * stats.norm.pdf(grid))  # any scale
    np.testing.assert_allclose(found, stats.norm.ppf(u), atol=1e-5)
    uneven = grid**3 / 81
    found = ld.invert_cdf(u, uneven, stats.norm.pdf(uneven))
    np.testing.assert_allclose(found, stats.norm.ppf(u), atol=1e-4)


def test_inverting_steps():
    shares = np.array([2, 0, 1, 5])
    u = np.array([0, 0.24, 0.25, 0.374, 0.376, 0.999])
    assert ld.invert_steps(u, shares).tolist() == [0, 0, 2, 2, 3, 3]
    expected = stats.rv_discrete(values=(range(4), shares / 8)).ppf(u[1:])
    assert ld.invert_steps(u[[1, 3, 4, 5]], shares).tolist() == expected[[0, 2, 3, 4]].tolist()


def test_the_distance_of_kolmogorov_and_smirnov(points):
    cdf = stats.norm(1, 2).cdf
    assert ld.ks_distance(points, cdf) == pytest.approx(stats.kstest(points, cdf).statistic)
    assert ld.ks_distance(-points, cdf) == pytest.approx(stats.kstest(-points, cdf).statistic)
