from common.data import Mnist, Split

import pytest


@pytest.fixture(scope="session")
def few(sample) -> Mnist:
    """200 training and 100 test images."""
    (images, labels), test = sample
    return Mnist(Split(images[:200], labels[:200]), Split(test.images[::2], test.labels[::2]))
