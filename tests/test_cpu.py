import platform
import subprocess
import sys

import pytest
import torch

from common.cpu import keep_freed_memory, prepare_cpu

# Whether a block of 20 MiB lies in the heap, and how much of five such, freed, stays resident.
BLOCKS = """
import sys, torch
from pathlib import Path
from common.cpu import MIB, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MIB

if sys.argv[1] == "kept":
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
    left, kept = (
        subprocess.run([sys.executable, "-c", BLOCKS, way], capture_output=True, text=True).stdout
        for way in ("left", "kept")
    )
    assert left == "False False\n"
    assert kept == "True True\n"


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
