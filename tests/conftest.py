import contextlib
from collections import defaultdict
from concurrent.futures import Future
from typing import TYPE_CHECKING

from common.data import Mnist, load_mnist
from common.run import Run

import pytest
import torch

if TYPE_CHECKING:
    from bench.ways import Images


@pytest.fixture(scope="session")
def sample() -> Mnist:
    return load_mnist("sample")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small operations, and a machine that may be busy: more threads would wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def figures():
    """`with figures() as drawn`: the figures that runs save in the block, by name."""

    @contextlib.contextmanager
    def collect():
        drawn, save = {}, Run.save

        def keep(run, name, figure):
            drawn[name] = figure
            save(run, name, figure)

        Run.save = keep
        try:
            yield drawn
        finally:
            Run.save = save

    return collect


@pytest.fixture(scope="session")
def x0(sample) -> torch.Tensor:
    """The sample's training images, (1000, 784), in float64."""
    return sample.train.images.flatten(1).double()


@pytest.fixture
def few() -> "Images":
    """100 training images, every digit among them."""
    from bench.ways import Images  # slow to import, and for few tests

    few = Images("sample", 100)
    assert len(few.split().labels.unique()) == 10
    return few


class Here:
    """Stands in for a process of its own."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


@pytest.fixture
def here(monkeypatch):
    """All ways of bench/ in this process, on one thread, and nothing set that would stay."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    own = contextlib.nullcontext(defaultdict(Here))
    with monkeypatch.context() as patch:
        for module in ("bench.timing", "bench.__main__"):
            patch.setattr(f"{module}.processes", lambda names, together=False: own)
        patch.setattr("bench.timing.prepare_cpu", lambda threads: None)
        patch.setattr("torch.set_num_threads", lambda threads: None)
        yield
    torch.set_num_threads(before)
