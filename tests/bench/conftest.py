import contextlib
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future

from bench.tutorial import Images

import pytest
import torch


@pytest.fixture
def few() -> Images:
    """100 training images, every digit among them."""
    few = Images("sample", 100)
    assert len(few.split().labels.unique()) == 10
    return few


class InProcess:
    """Stands in for a process of its own."""

    def submit(self, function, *arguments) -> Future:
        future = Future()
        future.set_result(function(*arguments))
        return future


@pytest.fixture
def in_process(monkeypatch) -> Iterator[None]:
    """All contenders in this process, on one thread, and nothing set that would stay."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    own = contextlib.nullcontext(defaultdict(InProcess))
    with monkeypatch.context() as patch:
        for module in ("bench.timing", "bench.speed"):
            patch.setattr(f"{module}.start_processes", lambda names, together=False: own)
        patch.setattr("bench.timing.prepare_cpu", lambda threads: None)
        patch.setattr("torch.set_num_threads", lambda threads: None)
        yield
    torch.set_num_threads(before)
