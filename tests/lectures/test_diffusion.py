import math

from lectures import diffusion
from lectures.diffusion import Diffusion, Process, to_pixels, to_range
from lectures.digits import NOTHING, attach_digits

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence


@pytest.fixture
def process() -> Process:
    return Process(torch.tensor([0.9, 0.7, 0.8, 0.5]))


class Asked(nn.Module):
    """A network that answers w · x_t, and keeps what it was asked."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.5))
        self.questions = []

    def forward(self, x, t, digits):
        self.questions.append((x.detach(), t, digits))
        return self.w * x


def test_the_products_of_alpha(process):
    assert process.steps == 4
    assert process.alpha.tolist() == pytest.approx([1, 0.9, 0.7, 0.8, 0.5])
    assert process.alpha_bar.tolist() == pytest.approx([1, 0.9, 0.63, 0.504, 0.252])


def test_the_cosine_schedule_is_the_paper_s():
    process, T = Process.cosine(50), 50
    f = [math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(50)]
    for t in range(50):
        assert process.alpha_bar[t].item() == pytest.approx(f[t] / f[0])
    assert process.alpha[50].item() == pytest.approx(0.001)  # not 0, by which one would divide


def test_a_jump_is_t_small_steps(process):
    """The mean and the variance of x_t, propagated step by step, and sampled."""
    x0 = torch.full((100_000, 1), 1.7, dtype=torch.float64)
    x, mean, variance = x0, 1.7, 0.0
    for t in range(1, 5):
        times = torch.full((len(x0),), t)
        alpha = process.alpha[t].item()
        mean, variance = alpha**0.5 * mean, alpha * variance + 1 - alpha
        one, zero = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
        jumped = process.jump(x0[:1], times[:1], zero).item()
        assert jumped == pytest.approx(mean)
        assert process.jump(0 * x0[:1], times[:1], one).item() ** 2 == pytest.approx(variance)
        x = process.step(x, times, torch.randn(x.shape, dtype=torch.float64))
        assert x.mean().item() == pytest.approx(mean, abs=0.02)
        assert x.var().item() == pytest.approx(variance, abs=0.02)


def test_each_image_has_its_own_t(process):
    x0, noise = torch.randn(2, 4, 1, 3, 3)
    t = torch.tensor([4, 1, 3, 2])
    alone = [process.jump(x0[i : i + 1], t[i : i + 1], noise[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(process.jump(x0, t, noise), torch.cat(alone))
    assert process.jump(x0, t, noise).dtype == torch.float32


def test_the_posterior_is_bayes_s(process):
    """q(x_{t−1} | x_t, x_0) ∝ q(x_t | x_{t−1}) q(x_{t−1} | x_0), summed over a grid."""
    x0, xt = 0.8, -0.3
    grid = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    for t in (2, 3, 4):
        alpha, before = process.alpha[t].item(), process.alpha_bar[t - 1].item()
        log_p = Normal(alpha**0.5 * grid, (1 - alpha) ** 0.5).log_prob(torch.tensor(xt))
        log_p += Normal(before**0.5 * x0, (1 - before) ** 0.5).log_prob(grid)
        p = log_p.softmax(0)
        mean = (p * grid).sum()
        variance = (p * (grid - mean) ** 2).sum()
        points = (torch.tensor([[value]]).double() for value in (x0, xt))
        found = process.posterior(*points, torch.tensor([t]))
        assert [each.item() for each in found] == pytest.approx([mean.item(), variance.item()])


def test_at_t_1_the_posterior_is_x0_itself(process):
    x0, xt = torch.randn(2, 3, 5).double()
    mean, variance = process.posterior(x0, xt, torch.ones(3).long())
    torch.testing.assert_close(mean, x0)
    assert variance.abs().max() == 0


@pytest.mark.parametrize("wide", [True, False])
def test_the_divergence_is_the_weighted_error_of_the_noise(process, wide):
    """[l20 6] = [l20 7] · ‖ε − ε̂‖² + what it is for ε̂ = ε, where x̂_0 is what ε̂ leaves of x_t."""
    x0, noise, guess = torch.randn(3, 3, 1, 2, 2, dtype=torch.float64)
    t = torch.tensor([2, 3, 4])
    xt = process.jump(x0, t, noise)
    alpha_bar = process.alpha_bar[t].view(3, 1, 1, 1)
    image = (xt - (1 - alpha_bar).sqrt() * guess) / alpha_bar.sqrt()
    expected = process.noise_weight(t, wide) * (noise - guess).square().flatten(1).sum(1)
    found = process.divergence(x0, image, xt, t, wide) - process.divergence(x0, x0, xt, t, wide)
    torch.testing.assert_close(found, expected)
    assert (process.divergence(x0, x0, xt, t, wide).abs() > 1e-3).all() == wide


def test_image_and_noise_are_read_from_v(process):
    x0, noise = torch.randn(2, 4, 1, 2, 2, dtype=torch.float64)
    t = torch.tensor([1, 2, 3, 4])
    alpha_bar = process.alpha_bar[t].view(4, 1, 1, 1)
    xt = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise
    v = alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0
    found = process.read(xt, v, t)
    torch.testing.assert_close(found[0], x0)
    torch.testing.assert_close(found[1], noise)


def test_pixels_come_back(sample):
    images = sample.test.images.clone()
    x = to_range(images)
    assert x.shape == (200, 1, 24, 24) and x.min() == -1 and x.max() == 1
    images[:, :, :2] = images[:, :, -2:] = images[..., :2] = images[..., -2:] = 0
    torch.testing.assert_close(to_pixels(x), images)
    assert to_pixels(3 * x).max() == 1 and to_pixels(3 * x).min() == 0


def test_the_loss_is_of_v_at_every_t(sample, process):
    """Each image's x_t is a jump of it to the t that the network is told."""
    torch.manual_seed(0)
    model = Diffusion(network := Asked(), process)
    split = attach_digits(sample.test)
    answer = model(split.images)
    [(xt, share, digits)] = network.questions
    t = (4 * share).round().long()
    assert sorted(t.tolist()) == [1] * 50 + [2] * 50 + [3] * 50 + [4] * 50
    x0 = to_range(sample.test.images)
    alpha_bar = process.alpha_bar[t].float().view(-1, 1, 1, 1)
    noise = (xt - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(1, abs=0.01)
    v = alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0
    torch.testing.assert_close(answer, 0.5 * xt - v, rtol=1e-4, atol=1e-4)
    untold = digits == NOTHING
    assert 8 <= untold.sum() <= 34  # 20 expected
    assert torch.equal(digits[~untold], split.labels[~untold])


def test_in_evaluation_mode_all_digits_are_told_and_the_mean_of_the_weights_answers(
    sample, process
):
    model = Diffusion(network := Asked(), process)
    with torch.no_grad():
        network.w.fill_(7)
    model.eval()(attach_digits(sample.test).images)
    assert not network.questions
    [(_, _, digits)] = model.average.module.questions
    assert torch.equal(digits, sample.test.labels)


def test_guidance_goes_beyond_the_told_answer(process):
    class Told(nn.Module):
        def forward(self, x, t, digits):
            return (digits == NOTHING).double().view(-1, 1, 1, 1) * x + 0.1 * t.view(-1, 1, 1, 1)

    model = Diffusion(Told(), process).eval()
    xt, t = 0.2 * torch.randn(3, 1, 4, 4).double(), torch.tensor([1, 2, 4])
    digits = torch.tensor([0, 5, 9])
    told, untold = (
        model.predict(xt, t, each) for each in (digits, torch.full_like(digits, NOTHING))
    )
    for guidance in (0, 0.5, 2):
        v = (1 + guidance) * told - guidance * untold
        expected = process.read(xt, v, t)[0].clamp(-1, 1)
        torch.testing.assert_close(model.denoise(xt, t, digits, guidance), expected)
    assert model.denoise(9 * xt, t, digits).abs().max() == 1


def test_the_schedule_and_the_mean_of_the_weights(process):
    """Against a loop by hand: a rate that grows, then falls as a cosine, and w's mean."""
    model = Diffusion(network := Asked(), process)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.2)
    model.schedule(optimizer, 100)
    w, mean, rates = 0.5, None, []
    for i in range(100):
        network.w.grad = torch.tensor(1.0)
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        w -= rates[-1]
        keep = min(diffusion.MEMORY, (1 + i) / (10 + i))
        mean = w if i == 0 else keep * mean + (1 - keep) * w
        assert network.w.item() == pytest.approx(w, rel=1e-4)
        assert model.average.module.w.item() == pytest.approx(mean, rel=1e-4)
    assert rates[:5] == pytest.approx([0.04, 0.08, 0.12, 0.16, 0.2], rel=0.01)
    assert rates[50] == pytest.approx(0.1) and rates[75] == pytest.approx(0.2 * 0.14645, rel=1e-3)
    assert rates[99] < 1e-4


def test_the_mean_of_the_weights_is_not_trained(process):
    model = Diffusion(Asked(), process)
    assert not any(p.requires_grad for p in model.average.parameters())
    assert [p.requires_grad for p in model.network.parameters()] == [True]


@pytest.mark.parametrize("wide", [True, False])
def test_the_divergence_is_torch_s(process, wide):
    t = torch.tensor([2, 3, process.steps])
    x0, guess, xt = torch.randn(3, 3, 2, dtype=torch.float64)
    mean, variance = process.posterior(x0, xt, t)
    other, _ = process.posterior(guess, xt, t)
    sigma2 = (1 - process.alpha[t])[:, None] if wide else variance
    expected = kl_divergence(Normal(mean, variance.sqrt()), Normal(other, sigma2.sqrt())).sum(1)
    assert torch.allclose(process.divergence(x0, guess, xt, t, wide), expected)
