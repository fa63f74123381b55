"""The machine that a script runs on: its device, and what the numbers' last bits depend on.

Torch is imported where it is needed: a script without it need not wait for it.
"""

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from common.runtime.errors import UserError
from common.runtime.parallel import ALONE, Processes

if TYPE_CHECKING:
    import torch


def choose_device(name: str, processes: Processes = ALONE) -> "torch.device":
    """The device of that name; "auto" takes CUDA, then MPS, then the CPU.

    Each of several processes has a GPU of its own; on MPS, they cannot speak with each other.
    """
    import torch

    several, n = processes.world > 1, processes.local_world
    there = {
        "cuda": torch.cuda.is_available() and (not several or torch.cuda.device_count() >= n),
        "mps": torch.backends.mps.is_available() and not several,
        "cpu": True,
    }
    available = [device for device, present in there.items() if present]
    if name != "auto" and name not in available:
        raise UserError(f"argument --device: came {name}, and this machine has only "
                        f"{', '.join(available)}{f' for {n} processes' * several}")  # fmt: skip
    device = torch.device(available[0] if name == "auto" else name)
    if several and device.type == "cuda":
        torch.cuda.set_device(processes.local_rank)
        device = torch.device("cuda", processes.local_rank)
    return device


def describe_environment(device: "torch.device | None") -> dict[str, Any]:
    """What besides the settings decides the numbers' last bits, and the seconds."""
    found = {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "numpy": version("numpy"),
        "matplotlib": version("matplotlib"),
    }
    if device is not None:
        import torch

        found |= {"torch": torch.__version__, "threads": torch.get_num_threads()}
        if device.type == "cuda":
            found["gpu"] = torch.cuda.get_device_name(device)
    return found
