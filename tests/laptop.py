"""A device that has no float64, as a laptop's MPS: emulated on the CPU."""

import contextlib
from collections.abc import Iterator
from typing import Any

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
        if func in TO_CPU or any(each == torch.device("cpu") or each == "cpu" for each in named):
            here = False
        elif any(each == DEVICE for each in named):
            here = True
        result = func(*args, **kwargs)
        if not here and any(result is each for each in leaves if isinstance(each, torch.Tensor)):
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


@contextlib.contextmanager
def laptop(monkeypatch) -> Iterator[None]:
    """In the block, a script's device is one without float64."""
    with monkeypatch.context() as patch, WithoutFloat64():
        patch.setattr("common.runtime.session.choose_device", lambda *_: DEVICE)
        yield
