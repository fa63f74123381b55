"""The emulated laptop itself: every script that a test runs in this process runs on it."""

from common.run import Run, run_parts
from tests.laptop import DEVICE, WithoutFloat64

import pytest
import torch


def test_float64_is_refused_on_the_device_and_on_the_cpu_it_is_not():
    with WithoutFloat64():
        x = torch.ones(3).to(DEVICE)
        model = torch.nn.Linear(3, 2).to(DEVICE)
        for refused in (
            lambda: x.double(),
            lambda: (x + 1)[:2].sum().to(torch.float64),
            lambda: torch.zeros(2, dtype=torch.float64, device=DEVICE),
            lambda: model(x).detach().double(),
            lambda: model.weight.double(),
            lambda: torch.stack([x, x]).mean(dtype=torch.float64),
        ):
            with pytest.raises(TypeError, match="float64"):
                refused()
        assert x.cpu().double().dtype == torch.float64
        assert x.to("cpu").double().sum().item() == 3
        assert torch.zeros(2).double().dtype == torch.float64
        model(x).sum().backward()
        assert model.weight.grad.cpu().double().shape == (2, 3)


def test_a_script_s_device_is_the_emulated_one(tmp_path):
    def part(run: Run) -> dict:
        """sums"""
        with pytest.raises(TypeError, match="float64"):
            run.mnist.train.images.double()
        return {"mean": run.mnist.train.images.cpu().double().mean().item()}

    argv = ["--data", "sample", "--out", str(tmp_path)]
    assert run_parts("hw0/trial", "", {"a": part}, argv) == 0
