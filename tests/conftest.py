import contextlib

from common.data import Mnist, load_mnist
from common.run import Run
from tests.laptop import install

import pytest
import torch


@pytest.fixture(scope="session")
def sample() -> Mnist:
    return load_mnist("sample")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small operations, and a machine that may be busy: more threads would wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def without_float64():
    """Whatever script a test runs in this process, it runs as on a laptop with MPS."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        yield


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
