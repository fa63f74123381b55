from types import SimpleNamespace

from bench import scale
from common.data import Batches, Mnist
from common.runtime.parallel import ALONE
from common.runtime.shards import ShardedBatches
from hw7.kmeans import ETA, ArgmaxKMeans, KMeans, mean_over_pixels

import pytest
import torch


@pytest.fixture
def run(few):
    """One process, on 100 images."""
    args = SimpleNamespace(batch_size=40, seed=0, epochs=1, lr=0.1)
    mnist = Mnist(few.split(), few.split())
    return SimpleNamespace(args=args, mnist=mnist, device="cpu", processes=ALONE,
                           place=lambda model: model)  # fmt: skip


def test_alone_is_told_how_it_is_started(tmp_path, capsys):
    arguments = ["--data", "sample", "--out", str(tmp_path), "--part", "kmeans"]
    assert scale.main(arguments) == 2
    assert "torchrun --nproc-per-node=2 -m bench.scale" in capsys.readouterr().err


def test_the_same_training_does_not_drift_and_a_nudge_does(run):
    still = scale.measure_drift(run, ArgmaxKMeans, torch.float32, epochs=4)
    assert still == {"1": 0, "10": 0, "12": 0}
    drift = scale.measure_drift(run, KMeans, torch.float64, epochs=4, nudge=1e-9)
    assert list(drift) == ["1", "10", "12"]
    assert 1e-10 < drift["1"] < 1e-7


def test_a_pupil_takes_the_handouts_steps(run):
    model, twin = KMeans(), KMeans()
    twin.load_state_dict(model.state_dict())
    batches = Batches(run.mnist.train, 40, 0)
    take_step = scale.make_pupil(model, batches, ALONE)
    for x, y in batches:
        take_step(x, y)
        (gradient,) = torch.autograd.grad(mean_over_pixels(twin(x), y), [twin.centers])
        twin.centers.data -= ETA * gradient
    torch.testing.assert_close(model.centers, twin.centers)


def test_several_processes_share_the_batches(run):
    alone = scale.make_batches(run.mnist.test, None, None, ALONE)
    assert type(alone) is Batches and alone.batch_size == 256
    two = SimpleNamespace(world=2, rank=1)
    sharded = scale.make_batches(run.mnist.train, 40, 3, two)
    assert isinstance(sharded, ShardedBatches)
    assert (sharded.batch_size, sharded.processes) == (40, two)
    assert sharded.generator.initial_seed() == 3


def test_the_autoencoders_losses_come_by_epoch(run):
    columns = scale.train_autoencoder(run, 0, ALONE)
    assert all(len(values) == 1 for values in columns.values())
    assert {"epoch", "train_loss", "test_loss", "train_code", "test_error", "seconds"} <= set(
        columns
    )
