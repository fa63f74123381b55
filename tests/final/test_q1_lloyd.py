import json
from fractions import Fraction

from final import q1_lloyd as q1

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

START = q1.POINTS[[1, 2]]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The script's folder and figures, run once."""
    folder, figures = tmp_path_factory.mktemp("q1"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(q1, "DIRECTIONS", 36)
        patch.setattr(q1.Run, "save", lambda run, name, figure: figures.update({name: figure}))
        assert q1.main(["--out", str(folder)]) == 0
    return json.loads((folder / "summary.json").read_text())["results"], figures


def test_exam_a():
    start, end = q1.lloyd(q1.POINTS, START)
    assert q1.total_error(q1.POINTS, start) == Fraction("2.0402")
    assert end.tolist() == [[Fraction("0.495"), 1], [Fraction("-0.495"), -1]]
    assert q1.total_error(q1.POINTS, end) == Fraction("1.0201")
    assert q1.assign(q1.POINTS, end).tolist() == [0, 0, 1, 1]


def test_exam_b():
    centers = q1.exact([["-0.505", "0"], ["0.505", "0"]])
    assert len(q1.lloyd(q1.POINTS, centers)) == 1  # at rest
    assert q1.total_error(q1.POINTS, centers) == Fraction("4.9801")
    assert q1.assign(q1.POINTS, centers).tolist() == [0, 1, 1, 0]


def test_of_two_nearest_centers_the_first_and_an_empty_cell_stays():
    points, centers = q1.exact([[0, 0], [2, 0]]), q1.exact([[1, 0], [1, 0], [9, 9]])
    assert q1.assign(points, centers).tolist() == [0, 0]
    assert q1.update(points, centers).tolist() == [[1, 0], [1, 0], [9, 9]]


@pytest.mark.parametrize("seed", range(5))
def test_lloyd_as_scikit_learn_and_hw7(seed):
    from hw7 import clustering

    rng = np.random.default_rng(seed)
    points = rng.normal(size=(60, 2))
    start = points[:5]  # no cell is empty then; scikit-learn would move such a center elsewhere
    end = q1.lloyd(points, start)[-1]
    ours = q1.total_error(points, end)
    theirs = KMeans(5, init=start, n_init=1, tol=0, max_iter=500).fit(points)
    np.testing.assert_allclose(end, theirs.cluster_centers_, atol=1e-12)
    assert ours == pytest.approx(theirs.inertia_, rel=1e-12)
    same, _ = clustering.lloyd(torch.tensor(points), torch.tensor(start))
    np.testing.assert_allclose(end, same.numpy(), atol=1e-12)


def test_error_falls_with_every_update():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 2))
    errors = [q1.total_error(points, centers) for centers in q1.lloyd(points, points[:6])]
    assert len(errors) > 4 and (np.diff(errors) < 0).all()


def test_at_most_so_many_updates():
    points = np.random.default_rng(0).normal(size=(200, 2))
    assert len(q1.lloyd(points, points[:6], max_iter=3)) == 4


def test_summary(run):
    results, _ = run
    assert results["a"]["errors"] == [2.0402, 1.0201] and results["a"]["cells"] == "{x1,x2}{x3,x4}"
    assert results["b"]["errors"] == [5.9602, 4.9801] and results["b"]["cells"] == "{x1,x4}{x2,x3}"
    assert [each["total"] for each in results["c"]["starts"].values()] == [1.0201] * 6
    assert [each["updates"] for each in results["c"]["starts"].values()] == [2, 1, 1, 1, 1, 2]


def test_partitions(run):
    """Each total is the sum of squares around the means, and 1.0201 the least of all."""
    partitions = run[0]["c"]["partitions"]
    points = q1.POINTS.astype(float)
    for name, each in partitions.items():
        cells = [[int(x[1:]) - 1 for x in cell.split(",")] for cell in name[1:-1].split("}{")]
        assert each["total"] == pytest.approx(
            sum(len(cell) * points[cell].var(0).sum() for cell in cells)
        )
    assert len(partitions) == 8 and min(each["total"] for each in partitions.values()) == 1.0201
    rest = [name for name, each in partitions.items() if each["at_rest"]]
    assert rest == ["{x1,x2,x3,x4}", "{x1,x2}{x3,x4}", "{x1,x4}{x2,x3}"]


def test_share_of_worse_starts(run):
    worse = run[0]["c"]["worse"]
    assert worse["exact"] == pytest.approx(0.25318, abs=1e-5)
    assert abs(worse["tried"] - worse["exact"]) < 1 / 36


def test_cells_are_drawn_as_areas(run):
    for name, titles in (("a_cells", ("2.0402", "1.0201")), ("b_cells", ("5.9602", "4.9801"))):
        for axes, title in zip(run[1][name].axes, titles, strict=True):
            assert title in axes.get_title()
            areas = []
            for patch in axes.patches:
                x, y = patch.get_xy()[:-1].T
                areas.append(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)
            assert len(areas) == 2 and sum(areas) == pytest.approx(9)
    start = run[1]["a_cells"].axes[0]
    border = start.patches[0].get_xy()  # x₂ and x₃ are equally far from its corners at the sides
    on_border = [p for p in border if abs(p[0]) == 1.5 and abs(p[1]) < 1.5]
    for p in on_border:
        assert np.hypot(*(p - (1, 1))) == pytest.approx(np.hypot(*(p - (0.01, -1))))
    assert len(on_border) >= 2


def test_starts_are_drawn(run):
    (axes,) = run[1]["c_starts"].axes
    worse, better = axes.lines[:2]
    assert len(worse.get_xdata()) == 3 and len(better.get_xdata()) == 7  # every 8th of 18, 54
    x, y = worse.get_data()
    assert (x * y < 0.01).all() and (np.abs(y) < np.abs(x)).all()


def test_mistaken_option(capsys):
    with pytest.raises(SystemExit, match="2"):
        q1.main(["--part", "z"])
    assert "--part" in capsys.readouterr().err
