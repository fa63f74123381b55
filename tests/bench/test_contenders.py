import gzip
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench import ways
from bench.ways import WAYS, Images, TutorialImages, with_layers_of_torch
from common.data import SAMPLE
from common.layers import Dropout, Upsample
from hw7.autoencoder import Autoencoder
from hw7.clustering import digit_images, inertia
from hw7.kmeans import ETA
from hw7.kmeans_by_hand import train_by_hand


def test_the_tutorials_data_set_gives_the_same_images(sample):
    images = TutorialImages(sample.train)
    assert len(images) == 1000
    for i in (0, 999):
        image, label = images[i]
        assert label == sample.train.labels[i]
        torch.testing.assert_close(image, sample.train.images[i])


def test_the_peer_has_torchs_own_layers_and_the_same_network(sample):
    torch.manual_seed(0)
    ours = Autoencoder().eval()
    torch.manual_seed(0)
    theirs = with_layers_of_torch(Autoencoder()).eval()
    kinds = {type(layer).__module__ for layer in theirs.modules()} - {"hw7.autoencoder"}
    assert kinds and all(kind.startswith("torch.nn") for kind in kinds)
    assert str(theirs) == str(ours)
    x = sample.test.images[:5]
    torch.manual_seed(1)
    expected = ours(x)
    torch.manual_seed(1)
    torch.testing.assert_close(theirs(x), expected)


@pytest.mark.parametrize("name", ["kmeans", "cnn", "cnn_regular", "autoencoder"])
def test_both_loops_train_the_same_network(few, name):
    """One step on all of 100 images, in whatever order, without dropout: equal weights."""
    made = []

    def make(images) -> nn.Module:
        torch.manual_seed(0)
        model = training.make(few)
        for layer in model.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
        model.double()
        made.append(model)
        return model

    def loss(output, label):
        if name == "autoencoder":
            output = output[:, :10]  # what is decoded has noise in it
        return training.loss(output, label)

    training = ways.trainings(100, 0)[name]
    twin = training._replace(make=make, loss=loss)
    split = few.split()._replace(images=few.split().images.double())
    images = SimpleNamespace(split=lambda: split, dataset=lambda: TutorialImages(split))
    torch.set_default_dtype(torch.float64)  # ToTensor gives the default
    try:
        for way in (twin.ours, twin.bare, twin.tutorial):
            way(images)()
    finally:
        torch.set_default_dtype(torch.float32)
    assert not any(isinstance(layer, (Dropout, Upsample)) for layer in made[2].modules())
    torch.manual_seed(0)
    start = training.make(few).double()
    ours, bare, tutorial = (torch.cat([p.flatten() for p in m.parameters()]) for m in made)
    torch.testing.assert_close(bare, ours, rtol=0, atol=1e-10)
    torch.testing.assert_close(tutorial, ours, rtol=0, atol=1e-6)  # its pixels are float32
    assert (ours - torch.cat([p.flatten() for p in start.parameters()])).abs().max() > 1e-4


def test_every_clustering_starts_alike_and_clusters(sample):
    start = digit_images(sample.train.images.flatten(1), sample.train.labels, torch.Generator())
    x0 = sample.train.images.flatten(1)
    before = inertia(x0, start)
    ends = {name: way.ready(Images("sample"))() for name, way in WAYS["clustering"](64, 0).items()}
    for name, centers in ends.items():
        assert centers.shape == (10, 784)
        assert inertia(x0, centers.to(x0)) < 0.8 * before, name
    torch.testing.assert_close(ends["lloyd"], ends["lloyd_sklearn"], rtol=0, atol=1e-4)


def test_by_hand_is_an_epoch_of_the_handouts_training(sample):
    work = WAYS["kmeans"](64, 0)["by_hand"].ready(Images("sample"))
    (centers,), _ = work()
    start = digit_images(sample.train.images.flatten(1), sample.train.labels, torch.Generator())
    batches = ways.Batches(sample.train, 64, 0)
    (expected,), _ = train_by_hand(start[None], batches, 1, [ETA])
    assert torch.equal(centers, expected)
    assert torch.equal(ways.centered(Images("sample")).centers, start)  # the network's, too


def test_runs_side_by_side_are_each_the_single_run(few):
    ways = WAYS["kmeans"](64, 0)
    (alone,), _ = ways["by_hand"].ready(few)()
    centers, _ = ways["side_by_side"].ready(few)()
    assert len(centers) == ways["side_by_side"].runs > 1
    for each in centers:
        torch.testing.assert_close(each, alone, rtol=0, atol=1e-5)


def test_images_are_cut_off_or_repeated(sample):
    assert torch.equal(Images("sample", 7).split().images, sample.train.images[:7])
    assert len(Images("sample").split().labels) == 1000
    repeated = Images("sample", 2500).split()
    assert torch.equal(repeated.images[2000:], sample.train.images[:500])
    assert torch.equal(repeated.labels[1000:2000], sample.train.labels)


def test_the_tutorial_reads_the_files_itself(sample, tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in SAMPLE.glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    monkeypatch.setattr(ways, "mnist", None)
    whole = Images(str(tmp_path)).dataset()
    assert len(whole) == 1000
    for images, count in ((Images(str(tmp_path), 30), 30), (Images(str(tmp_path), 1030), 1030)):
        part = images.dataset()
        assert len(part) == count
        image, label = part[count - 1]
        torch.testing.assert_close(image, sample.train.images[29])
        assert label == sample.train.labels[29]
