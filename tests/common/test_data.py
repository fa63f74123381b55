import contextlib

from common.data import Batches, Split
from common.runtime.fetch import SAMPLE

import pytest
import torch


def test_the_sample_is_as_promised(sample):
    for split, count in zip(sample, (100, 20)):
        assert split.images.shape == (10 * count, 1, 28, 28)
        assert split.images.dtype == torch.float32
        assert (split.images.min(), split.images.max()) == (0, 1)
        assert split.labels.dtype == torch.int64
        assert split.labels.bincount().tolist() == [count] * 10
    assert sum(path.stat().st_size for path in SAMPLE.iterdir() if path.is_file()) < 400_000


def order(batches: Batches) -> list[int]:
    return [number for _, labels in batches for number in labels.tolist()]


@pytest.fixture
def numbered(sample) -> Split:
    """The sample with each image's number for its label."""
    return Split(sample.train.images, torch.arange(1000))


def test_each_epoch_covers_every_image_once_in_an_order_of_its_own(numbered):
    batches = Batches(numbered, 64, seed=3)
    first, second = order(batches), order(batches)
    assert sorted(first) == sorted(second) == list(range(1000))
    assert first != second
    again = Batches(numbered, 64, seed=3)
    assert [order(again), order(again)] == [first, second]
    assert order(Batches(numbered, 64, seed=4)) != first
    assert sum(a == b for a, b in zip(first, range(1000))) < 20  # really shuffled


def test_a_batch_pairs_images_with_their_labels_and_the_last_one_is_ragged(numbered):
    for seed in (0, None):
        batches = Batches(numbered, 64, seed)
        sizes = []
        for images, numbers in batches:
            assert torch.equal(images, numbered.images[numbers])
            sizes.append(len(numbers))
        assert sizes == [64] * 15 + [40]
        assert len(batches) == 16
    assert order(Batches(numbered, 64)) == list(range(1000))
    assert len(Batches(numbered, 1000)) == 1


def test_batches_stay_on_the_data_s_device(numbered):
    split = Split(numbered.images.to("meta"), numbered.labels.to("meta"))
    for seed in (0, None):
        *_, (images, labels) = Batches(split, 64, seed)
        assert (images.device.type, labels.device.type) == ("meta", "meta")
        assert images.shape == (40, 1, 28, 28)


def test_shuffling_leaves_the_global_generator_alone(numbered):
    state = torch.get_rng_state()
    with contextlib.suppress(StopIteration):
        next(iter(Batches(numbered, 64, seed=0)))
    assert torch.equal(state, torch.get_rng_state())


def test_averages_count_each_example_once_and_any_pair_of_tensors_is_a_split():
    split = Split(torch.arange(11.0), torch.arange(11.0) ** 2)
    batches = Batches(split, 4)  # 4, 4, 3
    table = torch.stack([torch.stack([x.mean(), y.mean()]) for x, y in batches])
    assert batches.average(table) == pytest.approx([5.0, 35.0])
    assert [batches.smallest(), Batches(split, 11).smallest(), Batches(split, 20).smallest()] == [
        3, 11, 11
    ]  # fmt: skip
