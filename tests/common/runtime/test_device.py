from common.runtime.device import choose_device, describe_environment
from common.runtime.errors import UserError
from common.runtime.parallel import Processes

import pytest
import torch


def test_auto_takes_cuda_then_mps_then_cpu(monkeypatch):
    for cuda, mps, expected in [(1, 1, "cuda"), (0, 1, "mps"), (0, 0, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: bool(there))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: bool(there))
        assert choose_device("auto").type == expected


def test_each_of_several_processes_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device("auto", Processes(3, 4, 1, 2)) == torch.device("cuda", 1)
    assert chosen == [1]
    assert choose_device("auto", Processes(1, 3, 1, 3)) == torch.device("cpu")
    with pytest.raises(UserError, match="came cuda, and this machine has only cpu for 3 processes"):
        choose_device("cuda", Processes(1, 3, 1, 3))


def test_the_environment_names_what_decides_the_last_bits():
    with_torch = describe_environment(torch.device("cpu"))
    assert with_torch["torch"] == torch.__version__
    assert with_torch["threads"] == torch.get_num_threads()
    assert describe_environment(None).keys() == {"python", "platform", "numpy", "matplotlib"}
