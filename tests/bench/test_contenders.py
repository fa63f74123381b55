from bench.contenders import CONTENDERS
from bench.tutorial import Images
from common.data import Batches
from common.layers import Dropout, Upsample
from hw7.clustering import digit_images, inertia
from hw7.kmeans import ETA
from hw7.kmeans_gradient import train_by_gradient

import pytest
import torch


@pytest.fixture
def start(sample) -> torch.Tensor:
    return digit_images(sample.train.images.flatten(1), sample.train.labels)


def test_every_clustering_starts_alike_and_clusters(sample, start):
    x0 = sample.train.images.flatten(1)
    before = inertia(x0, start)
    group = CONTENDERS["clustering"](64, 0)
    ends = {name: contender.prepare(Images("sample"))() for name, contender in group.items()}
    for name, centers in ends.items():
        assert centers.shape == (10, 784)
        assert inertia(x0, centers.to(x0)) < 0.8 * before, name
    torch.testing.assert_close(ends["lloyd"], ends["lloyd_sklearn"], rtol=0, atol=1e-4)


def test_by_hand_is_an_epoch_of_the_handouts_training(sample, start):
    work = CONTENDERS["kmeans"](64, 0)["by_hand"].prepare(Images("sample"))
    (centers,), _ = work()
    batches = Batches(sample.train, 64, 0)
    (expected,), _ = train_by_gradient(start[None], batches, 1, [ETA])
    assert torch.equal(centers, expected)


def test_runs_side_by_side_are_each_the_single_run(few):
    group = CONTENDERS["kmeans"](64, 0)
    (alone,), _ = group["by_hand"].prepare(few)()
    centers, _ = group["side_by_side"].prepare(few)()
    assert len(centers) == group["side_by_side"].runs > 1
    for each in centers:
        torch.testing.assert_close(each, alone, rtol=0, atol=1e-5)


def test_each_layer_of_ours_is_compared_with_torchs(monkeypatch, few):
    passes = []
    for kind in (torch.nn.Dropout, Dropout, torch.nn.Upsample, Upsample):
        forward = kind.forward

        def count(self, x, kind=kind, forward=forward):
            passes.append((kind, x.shape))
            return forward(self, x)

        monkeypatch.setattr(kind, "forward", count)
    monkeypatch.setattr("bench.contenders.REPEATED", 2)
    for name, contender in CONTENDERS["layers"](3, 0).items():
        is_torchs = name.endswith("_torch")
        assert contender.peer == name.removesuffix("_torch") + "_torch"
        assert contender.plain == is_torchs
        work = contender.prepare(few)
        passes.clear()
        work()
        (kind, shape), *others = passes
        assert (kind in (Dropout, Upsample)) == (not is_torchs)
        assert kind.__name__.lower() == name.partition("_")[0]
        assert "x".join(map(str, shape[1:])) == name.split("_")[1] and shape[0] == 3
        assert len([each for each in [(kind, shape), *others] if each[0] is kind]) == 2


@pytest.mark.parametrize("group", CONTENDERS)
def test_every_contender_has_its_peer(group):
    members = CONTENDERS[group](64, 0)
    for contender in members.values():
        peer = members[contender.peer]
        assert peer.peer == contender.peer
