from types import SimpleNamespace

from bench.trainings import make_kmeans, make_trainings
from bench.tutorial import Images, TutorialImages
from common.layers import Dropout, Upsample
from hw7.clustering import digit_images

import pytest
import torch
from torch import nn


@pytest.mark.parametrize("name", ["kmeans", "cnn", "cnn_regular", "autoencoder"])
def test_all_loops_train_the_same_network(few, name):
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

    def loss_fn(output, label):
        if name == "autoencoder":
            output = output[:, :10]  # what is decoded has noise in it
        return training.loss_fn(output, label)

    training = make_trainings(100, 0)[name]
    twin = training._replace(make=make, loss_fn=loss_fn)
    split = few.split()._replace(images=few.split().images.double())
    images = SimpleNamespace(split=lambda: split, dataset=lambda: TutorialImages(split))
    torch.set_default_dtype(torch.float64)  # ToTensor gives the default
    try:
        for prepare in (twin.prepare_ours, twin.prepare_bare, twin.prepare_tutorial):
            prepare(images)()
    finally:
        torch.set_default_dtype(torch.float32)
    assert not any(isinstance(layer, (Dropout, Upsample)) for layer in made[2].modules())
    torch.manual_seed(0)
    start = training.make(few).double()
    ours, bare, tutorial = (torch.cat([p.flatten() for p in m.parameters()]) for m in made)
    torch.testing.assert_close(bare, ours, rtol=0, atol=1e-10)
    torch.testing.assert_close(tutorial, ours, rtol=0, atol=1e-6)  # its pixels are float32
    assert (ours - torch.cat([p.flatten() for p in start.parameters()])).abs().max() > 1e-4


def test_the_kmeans_network_has_the_handouts_initial_centers(sample):
    expected = digit_images(sample.train.images.flatten(1), sample.train.labels)
    assert torch.equal(make_kmeans(Images("sample")).centers, expected)


def test_the_threads_are_compared_like_with_like():
    training = make_trainings(64, 0)["cnn"]
    for name, contender in training.compare_threads().items():
        who, threads = name.split("_")
        prepare = training.prepare_ours if who == "ours" else training.prepare_tutorial
        assert contender.prepare == prepare
        assert (contender.peer, contender.one_thread) == (f"tutorial_{threads}", threads == "1")
        assert contender.plain == (who == "tutorial")
