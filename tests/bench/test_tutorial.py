import gzip

from bench import tutorial
from bench.tutorial import Images, TutorialImages, use_torch_layers
from common.runtime.fetch import SAMPLE
from hw7.autoencoder import Autoencoder

import torch


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
    theirs = use_torch_layers(Autoencoder()).eval()
    kinds = {type(layer).__module__ for layer in theirs.modules()} - {"hw7.autoencoder"}
    assert kinds and all(kind.startswith("torch.nn") for kind in kinds)
    assert str(theirs) == str(ours)
    x = sample.test.images[:5]
    torch.manual_seed(1)
    expected = ours(x)
    torch.manual_seed(1)
    torch.testing.assert_close(theirs(x), expected)


def test_images_are_cut_off_or_repeated(sample):
    assert torch.equal(Images("sample", 7).split().images, sample.train.images[:7])
    assert torch.equal(Images("sample", 7).split().labels, sample.train.labels[:7])
    assert len(Images("sample").split().labels) == 1000
    repeated = Images("sample", 2500).split()
    assert torch.equal(repeated.images[2000:], sample.train.images[:500])
    assert torch.equal(repeated.labels[1000:2000], sample.train.labels)


def test_the_tutorial_reads_the_files_itself(sample, tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in SAMPLE.glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    monkeypatch.setattr(tutorial, "load_quietly", None)
    whole = Images(str(tmp_path)).dataset()
    assert len(whole) == 1000
    for images, count in ((Images(str(tmp_path), 30), 30), (Images(str(tmp_path), 1030), 1030)):
        part = images.dataset()
        assert len(part) == count
        image, label = part[count - 1]
        torch.testing.assert_close(image, sample.train.images[29])
        assert label == sample.train.labels[29]
