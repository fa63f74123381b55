import pytest
import torch

from common.data import Mnist, load_mnist


@pytest.fixture(scope="session")
def sample() -> Mnist:
    return load_mnist("sample")


@pytest.fixture(scope="session")
def x0(sample) -> torch.Tensor:
    """The sample's training images, (1000, 784), in float64."""
    return sample.train.images.flatten(1).double()
