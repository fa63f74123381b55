from lectures.diffusion import Process
from lectures.diffusion_bound import DEVIATION, MEAN, gaussian_denoiser
from lectures.samplers import ancestral, fast

import pytest
import torch


@pytest.fixture
def process() -> Process:
    return Process(torch.tensor([0.9, 0.7, 0.8, 0.5]))


def exact(process: Process):
    return lambda x, t: gaussian_denoiser(process, x, t)


def test_ancestral_sampling_of_the_exact_denoiser_draws_from_p():
    process = Process.cosine(100)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 1, generator=generator)
    drawn = ancestral(process, exact(process), x, generator)
    assert drawn.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert drawn.std().item() == pytest.approx(DEVIATION, abs=0.02)


def test_no_noise_is_added_at_the_last_step(process):
    """The network's last word is the sample."""
    said = []

    def denoise(x, t):
        said.append(torch.randn(x.shape))
        return said[-1]

    drawn = ancestral(process, denoise, torch.randn(4, 2), torch.Generator().manual_seed(0))
    assert len(said) == 4
    torch.testing.assert_close(drawn, said[-1])
    assert torch.equal(fast(process, denoise, torch.randn(4, 2), 2), said[-1])


def test_jumps_of_the_exact_denoiser_end_at_p_s_quantiles():
    """Without noise the sampler is an increasing map from N(0, 1) to N(MEAN, DEVIATION²)."""
    process = Process.cosine(1000)
    x = torch.linspace(-2, 2, 9)[:, None].double()
    errors = [
        (fast(process, exact(process), x, steps) - (MEAN + DEVIATION * x)).abs().max().item()
        for steps in (10, 20, 40)
    ]
    assert errors[0] < 0.06 and errors[1] < 0.004 and errors[2] < 0.002  # 0.146, 0.076, 0.039: DDIM


def test_a_constant_denoiser_s_jumps_are_ddim_s(process):
    """x̂_0 never changes, so that it is not drawn out: x_t keeps its noise."""
    x0, x = torch.randn(2, 3, 2).double()
    seen = {}

    def denoise(x, t):
        seen[int(t[0])] = x
        return x0

    assert torch.equal(fast(process, denoise, x, 4), x0)
    start = (x - process.alpha_bar[4].sqrt() * x0) / (1 - process.alpha_bar[4]).sqrt()
    for t in (4, 3, 2, 1):
        expected = process.jump(x0, torch.full((3,), t), start)
        torch.testing.assert_close(seen[t], expected)


def test_the_second_jump_is_dpm_solver_s(process):
    """Lu et al., Algorithm 2, with λ = ln √(ᾱ/(1 − ᾱ)), for a denoiser that changes."""
    x = torch.randn(5, 2).double()
    answers = {4: torch.randn(5, 2).double(), 3: torch.randn(5, 2).double()}
    seen = {}

    def denoise(x, t):
        seen[int(t[0])] = x
        return answers.get(int(t[0]), torch.zeros_like(x))

    fast(process, denoise, x, 4)
    a = process.alpha_bar.sqrt()
    s = (1 - process.alpha_bar).sqrt()
    lam = (a / s).log()
    h, r = lam[2] - lam[3], (lam[3] - lam[4]) / (lam[2] - lam[3])
    D = (1 + 1 / (2 * r)) * answers[3] - 1 / (2 * r) * answers[4]
    expected = s[2] / s[3] * seen[3] - a[2] * torch.expm1(-h) * D
    torch.testing.assert_close(seen[2], expected)
