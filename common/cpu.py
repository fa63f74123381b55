"""How torch uses the CPU: its threads, the smallest numbers, and the memory that a step frees."""

import ctypes
import platform

import torch

# Parameters of glibc's mallopt, from its malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MIB = 2**20


def prepare_cpu(threads: int | None = None) -> None:
    """Make this process ready to train on the CPU; no result changes, but for numbers under 1e-38.

    Args:
        threads: how many the operations share; None: as many as torch takes, one per core.
    """
    torch.set_num_threads(threads or torch.get_num_threads())
    torch.set_flush_denormal(True)  # numbers under 1e-38 are far slower than zeros
    keep_freed_memory()


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
