"""HW5's figures: what they show, as data in the axes."""

from itertools import pairwise

from common import plots
from hw5 import figures
from hw5.network import phi, phi_prime, teacher
from tests.hw5.helpers import check_boundary, check_lines, legend_texts

import numpy as np
import pytest
from matplotlib.colors import same_color

X1, X2 = figures.GRID
NO_BREAK = "\N{NO-BREAK SPACE}"


def describe(axes: plots.Axes) -> tuple[str, str, str]:
    return axes.get_xlabel(), axes.get_ylabel(), axes.get_title()


def has_grid(axes: plots.Axes) -> bool:
    return axes.xaxis.get_gridlines()[0].get_visible()


# Q2 (a)


def test_phi_is_drawn_beside_its_derivative():
    v = np.linspace(-1, 1, 5)
    left, right = figures.plot_phi(v, phi, phi_prime, (1, 2, 5)).axes
    step = (v, [0, 0, 1, 1, 1])
    check_lines(left, *((v, 1 / (1 + np.exp(-a * v))) for a in (1, 2, 5)), step)
    check_lines(right, *((v, a / (2 + np.exp(a * v) + np.exp(-a * v))) for a in (1, 2, 5)))
    assert legend_texts(left) == ["a = 1", "a = 2", "a = 5", "step u(v)"]
    assert [line.get_label() for line in right.lines] == ["a = 1", "a = 2", "a = 5"]
    assert left.lines[3].get_linestyle() == "--" and left.lines[3].get_color() == "black"
    for one, other in zip(left.lines, right.lines):
        assert one.get_color() == other.get_color()  # one legend serves both
    assert describe(left) == ("v", "φ(v)", "φ(v) = 1/(1 + e^(−av))")
    assert describe(right) == ("v", "φ′(v)", "φ′ = a·φ·(1 − φ), at most a/4")
    assert has_grid(left) and has_grid(right)


# Q2 (d): the MSE


def random_mse(epochs: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.2, (epochs, 5))


def check_mse(axes: plots.Axes, histories: dict[str, np.ndarray]) -> None:
    """Median curves and bands from the smallest to the largest, over epochs from 1."""
    epochs = [np.arange(1, len(mse) + 1) for mse in histories.values()]
    medians = [np.sort(mse, axis=1)[:, 2] for mse in histories.values()]
    check_lines(axes, *zip(epochs, medians))
    assert [line.get_label() for line in axes.lines] == list(histories)
    for line, band, epoch, mse in zip(axes.lines, axes.collections, epochs, histories.values()):
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        lower, upper = zip(epoch, mse.min(1)), zip(epoch, mse.max(1))
        assert corners == {*lower, *upper}
        assert same_color(band.get_facecolor()[0][:3], line.get_color())
        assert 0 < band.get_facecolor()[0][3] < 0.3  # what is behind it can be seen
    assert len(axes.collections) == len(histories)
    assert axes.get_yscale() == "log" and axes.get_ylim() == (1e-4, 1)
    assert axes.get_xlabel() == "epoch" and axes.get_ylabel() == "MSE (mean over the points)"
    assert has_grid(axes)


def test_mse_is_a_median_and_a_band():
    histories = {"the handout's setting": random_mse(7, 0)}
    (axes,) = figures.plot_mse(histories).axes
    check_mse(axes, histories)
    assert axes.get_title() == "Median and range of 5 seeds"
    assert axes.get_legend() is None
    assert axes.get_xscale() == "linear"


@pytest.mark.parametrize(("epochs", "scale"), [(7, "linear"), (70, "log")])
def test_several_mse_curves_have_a_legend(epochs, scale):
    histories = {"one": random_mse(7, 0), "other": random_mse(epochs, 1)}
    _, axes = plots.subplots()
    figures.draw_mse(axes, histories)
    check_mse(axes, histories)
    assert legend_texts(axes) == ["one", "other"]
    assert axes.get_xscale() == scale  # logarithmic where the numbers of epochs differ


# Q2 (e): the boundary


def test_the_grid_covers_the_square():
    assert figures.GRID.shape == (2, 120 * 120)
    assert (X1.min(), X1.max(), X2.min(), X2.max()) == (-2, 2, -2, 2)
    on_edge = (X2 == -1) | (np.abs(X1) == 1 - X2)
    assert not on_edge[np.abs(X1) < 2].any()


def test_the_triangle_is_the_teachers():
    """Its corners are where two of its edges meet, and the labels change across each edge."""
    corners = figures.TRIANGLE.T
    np.testing.assert_array_equal(corners[0], corners[-1])  # closed
    for start, end in pairwise(corners):
        along = start + np.linspace(0.01, 0.99, 50)[:, None] * (end - start)
        across = 0.001 * np.array([end[1] - start[1], start[0] - end[0]])  # to the inside
        inside, outside = teacher((along + across).T), teacher((along - across).T)
        assert inside.all() and not outside.any()


def test_a_boundary_is_where_f_is_one_half():
    f = phi(X1 + 2 * X2 - 0.5)[None]  # not symmetric: swapped or turned axes would show
    _, axes = plots.subplots()
    filled = figures.draw_boundary(axes, f, "a title")
    assert axes.collections[0] is filled
    surface, line = axes.collections
    np.testing.assert_allclose(surface.levels, np.arange(11) / 10)
    assert surface.filled and surface.get_cmap().name == "coolwarm"
    for point in [(-1.3, 0.4), (0.2, 0.1), (1.1, -0.4), (0.4, 0.3)]:
        level = int(10 * phi(point[0] + 2 * point[1] - 0.5))
        holds = [path.contains_point(point) for path in surface.get_paths()]
        assert holds == [i == level for i in range(10)]
    assert list(line.levels) == [0.5] and not line.filled
    (path,) = line.get_paths()
    np.testing.assert_allclose(path.vertices @ [1, 2], 0.5, atol=1e-3)
    assert np.ptp(path.vertices[:, 0]) == pytest.approx(4)
    assert same_color(line.get_edgecolor()[0], "black")
    check_lines(axes, figures.TRIANGLE)
    assert axes.lines[0].get_linestyle() == ":" and axes.lines[0].get_color() == "black"
    assert axes.get_xlim() == axes.get_ylim() == (-2, 2)
    assert axes.get_aspect() == 1
    assert axes.get_title() == "a title"


def draw_surfaces() -> dict[str, np.ndarray]:
    return {
        "η = 0.1, T = 1": phi(X1 + X2)[None],
        "teacher": teacher(figures.GRID),
        "the third of them": phi(X2 - X1)[None],
    }


def check_boundaries(figure: plots.Figure, surfaces: dict[str, np.ndarray], titles: list[str]):
    *panels, scale = figure.axes
    assert [axes.get_title() for axes in panels] == titles
    for axes, f in zip(panels, surfaces.values()):
        check_boundary(axes, f)
        assert axes.get_xlabel() == "x₁"
        assert list(axes.get_xticks()) == list(axes.get_yticks()) == [-2, -1, 0, 1, 2]
    assert [axes.get_ylabel() for axes in panels] == ["x₂", *[""] * (len(panels) - 1)]
    assert scale.get_ylabel() == "f (black line: ½)"
    assert scale.get_ylim() == (0, 1)


def test_boundaries_stand_side_by_side():
    surfaces = draw_surfaces()
    titles = [f"η{NO_BREAK}={NO_BREAK}0.1, T{NO_BREAK}={NO_BREAK}1", "teacher", "the third of them"]
    figure = figures.plot_boundaries(surfaces)
    check_boundaries(figure, surfaces, titles)
    assert tuple(figure.get_size_inches()) == pytest.approx((10.2, 3.4))


def test_one_boundary_is_enough():
    surfaces = {"η = 0.1, a = 10, hidden = 6, T = 1": phi(X1)[None]}
    title = "η = 0.1, a = 10,\nhidden = 6, T = 1".replace(" = ", f"{NO_BREAK}={NO_BREAK}")
    check_boundaries(figures.plot_boundaries(surfaces), surfaces, [title])


# Q2 (f)


def test_a_hack_is_its_curves_above_its_boundaries():
    surfaces = draw_surfaces()
    histories = {label: random_mse(5, i) for i, label in enumerate(surfaces)}
    figure = figures.plot_hack("Another η", histories, surfaces)
    above, below = figure.subfigs
    assert above.get_suptitle() == "Another η"
    (axes,) = above.axes
    check_mse(axes, histories)
    titles = [label.replace(" = ", f"{NO_BREAK}={NO_BREAK}") for label in surfaces]
    check_boundaries(below, surfaces, titles)
    assert tuple(figure.get_size_inches()) == (7, 4.6)
    more = dict.fromkeys("abcdef", phi(X1)[None])
    wide = figures.plot_hack("wide", {}, more)
    assert tuple(wide.get_size_inches()) == pytest.approx((9.2, 4.6))


# Q2, recovery


def test_lines_are_where_v_z_is_zero():
    rng = np.random.default_rng(3)

    def draw_lines(*front: int) -> np.ndarray:
        turn, b = rng.uniform(0, 2 * np.pi, front), rng.uniform(-1, 1, front)
        return np.stack([np.cos(turn), np.sin(turn), b], axis=-1)

    students, own = {"first": draw_lines(5, 3), "second": draw_lines(4, 3)}, draw_lines(3)
    figure = figures.plot_lines(students, own)
    assert len(figure.axes) == 2
    for axes, (title, stack) in zip(figure.axes, students.items()):
        expected = [
            line for i in range(3) for line in (*((i, one) for one in stack[:, i]), (i, own[i]))
        ]
        assert len(axes.lines) == len(expected)
        for drawn, (i, (w1, w2, b)) in zip(axes.lines, expected):
            x1, x2 = drawn.get_xdata(), drawn.get_ydata()
            np.testing.assert_allclose(w1 * x1 + w2 * x2 + b, 0, atol=1e-12)
            assert np.hypot(x1, x2).min() > 2 * np.sqrt(2)  # both ends are outside the square
            middle = np.hypot(x1.mean(), x2.mean())
            assert middle == pytest.approx(abs(b))  # and it passes through the square
            assert drawn.get_color() == f"C{i}"
            dotted = drawn.get_linestyle() == ":"
            assert dotted == (own[i] == (w1, w2, b)).all()
            assert drawn.get_linewidth() == (2 if dotted else 0.7)
        assert axes.get_xlim() == axes.get_ylim() == (-2, 2)
        assert axes.get_aspect() == 1
        assert (axes.get_xlabel(), axes.get_title()) == ("x₁", title)
    assert [axes.get_ylabel() for axes in figure.axes] == ["x₂", ""]
    assert "v_z = 0" in figure.get_suptitle() and "dotted the teacher's" in figure.get_suptitle()


# Q1


def test_distances_are_drawn_twice():
    distances = {"η = 1": np.array([3.0, 2.0, 0.1]), "η = 2": np.array([3.0, 1e20, 1e99])}
    figure = figures.plot_distances(distances, 0.0669)
    for axes in figure.axes:
        check_lines(axes, *((range(3), distance) for distance in distances.values()))
        assert axes.get_yscale() == "log"
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "distance ‖w − w*‖")
        assert has_grid(axes)
    left, right = figure.axes
    assert legend_texts(left) == ["η = 1", "η = 2"]
    assert (left.get_title(), right.get_title()) == ("everything", "the same, near w*")
    assert left.get_ylim()[1] > 1e99 and right.get_ylim() == (0.08, 12)
    assert figure.get_suptitle().endswith("stable for η < 2/λ_max = 0.0669")


def test_paths_are_drawn_on_the_contours():
    def plane(w):
        return w[0] + 3 * w[1]

    path = np.array([[0.5, 0.25], [1.0, 2.0], [2.5, -0.5]])
    jump = np.array([[0.5, 0.25], [1.0, -7.0], [9.0, 2.0], [1e148, 0.0], [7.5, 4.0]])
    paths = {0.02: path, 0.1: jump}
    figure = figures.plot_paths(paths, plane, np.array([1.0, 3.0]))
    for axes, (eta, inside) in zip(figure.axes, {0.02: path, 0.1: jump[[0, 1, 4]]}.items()):
        check_lines(axes, inside.T, ([0.5], [0.25]), ([1], [3]))
        steps, start, optimum = axes.lines
        assert (steps.get_marker(), steps.get_linestyle()) == (".", "-")
        assert (start.get_marker(), optimum.get_marker()) == ("s", "*")
        assert (start.get_label(), optimum.get_label()) == ("start (0.5, 0.25)", "optimum w*")
        assert len({line.get_color() for line in axes.lines}) == 3
        (contours,) = axes.collections
        np.testing.assert_array_equal(contours.levels, [4.0**k for k in range(-3, 5)])
        for level, contour in zip(contours.levels, contours.get_paths()):
            np.testing.assert_allclose(contour.vertices @ [1, 3], level, atol=1e-9)
        assert contours.get_paths()[4].vertices.min(axis=0) == pytest.approx([-2, 1 / 3])
        assert (axes.get_xlim(), axes.get_ylim()) == ((-2, 3), (-1, 5))
        assert axes.get_aspect() == 1
        assert (axes.get_xlabel(), axes.get_title()) == ("w₁", f"η = {eta}")
    assert [axes.get_ylabel() for axes in figure.axes] == ["w₂", ""]
    assert legend_texts(figure.axes[1]) == ["start (0.5, 0.25)", "optimum w*"]
    assert figure.get_suptitle().startswith("4 iterations on the contours of R")


def test_rates_cross_at_the_best_eta():
    measured = [(0.02, 0.9), (0.1, 1.9)]
    figure = figures.plot_rates((0.2, 25.0), 0.08, 0.079, measured)
    for axes in figure.axes:
        small, large, dots, limit, one = axes.lines
        eta = small.get_xdata()
        assert (eta[0], eta[-1]) == (0, 0.12)
        np.testing.assert_allclose(small.get_ydata(), np.abs(1 - 0.2 * eta))
        np.testing.assert_array_equal(large.get_xdata(), eta)
        np.testing.assert_allclose(large.get_ydata(), np.abs(1 - 25 * eta))
        np.testing.assert_array_equal(dots.get_xydata(), measured)
        assert (dots.get_marker(), dots.get_linestyle()) == ("o", "None")
        assert set(limit.get_xdata()) == {0.08} and set(one.get_ydata()) == {1}
        assert (limit.get_linestyle(), one.get_linestyle()) == (":", "--")
        assert axes.get_xlabel() == "learning rate η"
        assert axes.get_ylabel() == "factor of the distance per iteration"
        assert has_grid(axes)
    left, right = figure.axes
    assert (left.get_xlim(), left.get_ylim()) == ((0, 0.12), (0, 2.6))
    assert (right.get_xlim(), right.get_ylim()) == ((0.066, 0.0672), (0.97, 1.01))
    assert left.get_title() == "Unstable from η = 0.080000"
    assert right.get_title() == "Best at η = 0.079000"
    assert legend_texts(left) == [
        "|1 − ηλ_min|, λ_min = 0.200",
        "|1 − ηλ_max|, λ_max = 25.000",
        "measured over 400 to 500",
        "η = 2/λ_max",
    ]
