"""A device that has no float64, as a laptop's MPS: emulated on the CPU."""

import contextlib
from collections.abc import Iterator
from typing import Any

from common.runtime.device import choose_device
from common.runtime.main import prepare_torch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

DEVICE = torch.device("cpu", 0)  # is the CPU, and yet another name than "cpu"
TO_CPU = {torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.item}


class WithoutFloat64(TorchFunctionMode):
    """Marks what is on `DEVICE`, and raises MPS's TypeError where that becomes float64."""

    def __torch_function__(self, func, types, args=(), kwargs=None) -> Any:
        kwargs = kwargs or {}
        leaves = tree_flatten((args, kwargs))[0]
        named = [each for each in leaves if isinstance(each, (torch.device, str))]
        here = any(getattr(each, "is_on_laptop", False) for each in leaves)
        to_cpu = any(each == torch.device("cpu") or each == "cpu" for each in named)
        if to_cpu or func in TO_CPU:
            here = False
        elif any(each == DEVICE for each in named):
            here = True
        result = func(*args, **kwargs)
        if (to_cpu or func is torch.Tensor.cpu) and any(result is each for each in leaves):
            result = result.clone()  # on the CPU, .cpu() is the tensor itself
        if func == torch.Tensor.data.__set__:
            args[0].is_on_laptop = here
        for each in tree_flatten(result)[0] if here else []:
            if isinstance(each, torch.Tensor):
                if each.dtype == torch.float64:
                    raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS "
                                    "framework doesn't support float64")  # fmt: skip
                each.is_on_laptop = True
        return result


def install(patch: Any) -> None:
    """From here on, a script's device is this one, where it would choose the CPU by itself."""

    def choose(name: str, *others: Any) -> torch.device:
        device = choose_device(name, *others)
        return DEVICE if (name, device) == ("auto", torch.device("cpu")) else device

    @contextlib.contextmanager
    def prepare(needs: str, threads: int | None) -> Iterator[None]:
        mode = contextlib.nullcontext() if needs == "numpy" else WithoutFloat64()
        with prepare_torch(needs, threads), mode:
            yield

    patch.setattr("common.runtime.session.choose_device", choose)
    patch.setattr("common.runtime.main.prepare_torch", prepare)
