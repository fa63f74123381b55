import json

from final import q5_gan_study as study

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, figures = tmp_path_factory.mktemp("q5_study"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study.Run, "save", lambda run, name, figure: figures.update({name: figure}))
        assert study.main(["--out", str(folder)]) == 0
    return json.loads((folder / "summary.json").read_text())["results"]["a"], figures


def test_first_step_by_hand():
    """At ψ = 0 D is ½ everywhere: ∂V/∂θ = 0, ∂V/∂ψ = −½θ."""
    path = study.play(0.2, 1)
    torch.testing.assert_close(path[0], torch.tensor([0.1, 0.0]).double())
    torch.testing.assert_close(
        path[1], torch.tensor([0.1, -0.2 * 0.05]).double(), atol=1e-6, rtol=0
    )


def test_growth_as_the_matrix():
    for eta in (0.03, 1 / 9, 0.4):
        matrix = np.array([[1, eta / 2], [-eta / 2, 1 - eta / 36]])
        modulus = np.abs(np.linalg.eigvals(matrix)).max()
        assert study.predict_growth(eta) == pytest.approx(modulus)
    assert study.predict_growth(1 / 9) == pytest.approx(1)


def test_the_matrix_as_autograd():
    """The Jacobian of (−∂V/∂θ, ∂V/∂ψ) at the equilibrium, from second derivatives of V."""
    x = study.best_generator(study.NODES) - 1 / 3

    def v(at):
        log_d = torch.nn.functional.logsigmoid
        return (log_d(at[1] * x) + log_d(-at[1] * (x + at[0]))).mean()

    hessian = torch.autograd.functional.hessian(v, torch.zeros(2).double())
    expected = torch.tensor([[0, -0.5], [-0.5, -1 / 36]]).double()
    torch.testing.assert_close(hessian, expected, atol=1e-5, rtol=0)


def test_summary(run):
    for name, eta in study.RATES.items():
        found = run[0][name.replace("/", "_")]
        assert found["predicted"] == study.predict_growth(eta)
        assert found["growth"] == pytest.approx(found["predicted"], abs=1e-4)
    assert run[0]["0.05"]["growth"] < 0.9998 and run[0]["0.2"]["growth"] > 1.001


def test_ways_are_drawn(run):
    for axes, (name, eta) in zip(run[1]["a_circle"].axes, study.RATES.items(), strict=True):
        assert name in axes.get_title()
        np.testing.assert_allclose(axes.lines[0].get_xydata(), study.play(eta, study.STEPS))


def test_mistaken_option(capsys):
    with pytest.raises(SystemExit, match="2"):
        study.main(["--part", "z"])
    assert "--part" in capsys.readouterr().err
