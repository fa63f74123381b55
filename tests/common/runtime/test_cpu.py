import platform
import subprocess
import sys

from common.runtime.cpu import flushes_denormals, keep_freed_memory, prepare_cpu, training_on_cpu

import pytest
import torch

# Whether a block of 20 MiB lies in the heap, and how much of five such, freed, stays resident:
# neither is so in a process that glibc manages by its defaults.
BLOCKS = """
import torch
from pathlib import Path
from common.runtime.cpu import MIB, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MIB

keep_freed_memory()
block = torch.ones(20 * MIB, dtype=torch.uint8)
before = resident()
blocks = [bytearray(20 * MIB) for _ in range(5)]
del blocks
stays = resident() - before > 90
(heap,) = [line for line in Path("/proc/self/maps").read_text().splitlines() if "[heap]" in line]
first, last = (int(end, 16) for end in heap.split()[0].split("-"))
print(first <= block.data_ptr() < last, stays)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's")
def test_freed_memory_stays_for_the_next_step():
    run = subprocess.run([sys.executable, "-c", BLOCKS], capture_output=True, text=True)
    assert run.stdout == "True True\n"


def test_threads_and_denormals():
    before = torch.get_num_threads()
    try:
        prepare_cpu(before + 1)
        assert torch.get_num_threads() == before + 1
        prepare_cpu()
        assert torch.get_num_threads() == before + 1
        assert torch.tensor(1e-40).mul(1.0).item() == 0
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    opened = []
    monkeypatch.setattr("ctypes.CDLL", opened.append)
    keep_freed_memory()
    assert not opened


def test_a_run_leaves_threads_denormals_and_types_as_they_were():
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    assert not flushes_denormals()
    torch.set_default_dtype(torch.float64)
    try:
        outside = torch.device("meta"), torch.inference_mode(), torch.autocast("cpu")
        with outside[0], outside[1], outside[2], training_on_cpu(threads + 1):
            assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
            assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == torch.float32
            assert torch.get_num_threads() == threads + 1
            assert flushes_denormals()
            assert torch.rand(2).dtype == torch.float32 and torch.rand(2).device.type == "cpu"
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(dtype)
    assert torch.get_num_threads() == threads
    assert not flushes_denormals()
