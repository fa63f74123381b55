"""How torch uses the CPU: its threads, the smallest numbers, and the memory that a step frees."""

import contextlib
import ctypes
import platform
from collections.abc import Iterator

import numpy as np
import torch

# Parameters of glibc's mallopt, from its malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MIB = 2**20


@contextlib.contextmanager
def training_on_cpu(threads: int | None = None) -> Iterator[None]:
    """Make torch fast on the CPU, and as it is at first, for as long as the block lasts.

    Whatever the process has set before: float32, on the CPU, with gradients. No result changes, but
    for numbers under 1e-38.

    Args:
        threads: how many the operations share; None: as many as torch takes, one per core.
    """
    threads_before, dtype_before = torch.get_num_threads(), torch.get_default_dtype()
    flushed_before = flushes_denormals()
    prepare_cpu(threads)
    torch.set_default_dtype(torch.float32)
    # As a block of its own, a default device slows every operation: only where it is another one.
    other = torch.empty(0).device.type != "cpu"
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))  # it brings gradients, too
            stack.enter_context(torch.autocast("cpu", enabled=False))
            if other:
                stack.enter_context(torch.device("cpu"))
            yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_flush_denormal(flushed_before)
        torch.set_default_dtype(dtype_before)


def prepare_cpu(threads: int | None = None) -> None:
    """The same for the rest of the process, as a process of a benchmark wants it."""
    torch.set_num_threads(threads or torch.get_num_threads())
    for kind in (np.float32, np.float64):
        np.finfo(kind)  # NumPy looks once: later an old one would find the least number to be 0
    torch.set_flush_denormal(True)  # numbers under 1e-38 are far slower than zeros
    keep_freed_memory()


def flushes_denormals() -> bool:
    """Whether torch takes numbers under 1e-38 for 0; it has no function that tells."""
    return torch.tensor(1e-40, dtype=torch.float32, device="cpu").mul(1).item() == 0


def keep_freed_memory() -> None:
    """Have glibc keep the memory that a training step frees, for the next step.

    Left alone it may give blocks of this size back to the system, and the next step takes them
    anew, at the price of a page fault for every 4 KiB that it touches: thousands in a step of the
    autoencoder. Where the C library is another one, nothing happens.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * MIB)  # the most that glibc admits
        libc.mallopt(M_TRIM_THRESHOLD, 1024 * MIB)
