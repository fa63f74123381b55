from hw7.quality import FrechetEvaluator

import pytest
import torch


@pytest.fixture(scope="session")
def evaluator(sample) -> FrechetEvaluator:
    """Trained on the sample, with seed 0, once for all tests."""
    return FrechetEvaluator(sample, seed=0)


@pytest.fixture(autouse=True)
def one_thread():
    """Small operations wait for each other longer than they take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
