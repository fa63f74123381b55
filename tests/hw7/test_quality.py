import math

from common.data import Split
from common.frechet import frechet_distance
from hw6.cnn import evaluate
from hw7 import quality
from hw7.autoencoder import Autoencoder
from hw7.mixture import decode, sample_codes
from hw7.quality import FrechetEvaluator, evaluate_run

import numpy as np
import pytest
import torch


def test_the_numbers_are_those_of_its_network(evaluator, sample):
    images = sample.train.images[:150]
    found = evaluator(images.flatten(1))
    logits, features = evaluate(evaluator.network, images)
    real = evaluate(evaluator.network, sample.test.images)[1]
    assert torch.equal(evaluator.real, real)
    assert found["frechet"] == pytest.approx(frechet_distance(features, real))
    p = logits.double().softmax(1)
    assert found["sure"] == pytest.approx((p > 0.9).any(1).double().mean().item())
    counts = np.bincount(logits.argmax(1), minlength=10) / 150
    assert found["entropy"] == pytest.approx(-sum(c * math.log(c) for c in counts if c), rel=1e-5)
    alike = evaluator(images[:1].repeat(50, 1, 1, 1))
    assert alike["entropy"] == 0 and alike["sure"] in (0, 1)
    assert evaluator(sample.test.images)["frechet"] == pytest.approx(0, abs=1e-3)
    answers = evaluate(evaluator.network, sample.test.images)[0].argmax(1)
    accuracy = (answers == sample.test.labels).double().mean().item()
    assert evaluator.accuracy == pytest.approx(accuracy)


def test_the_network_never_saw_the_images_of_the_floor(evaluator, sample, monkeypatch):
    """200 test images here, and a sixth of the 1,000 others held out."""
    state = torch.get_rng_state()
    images, labels = sample.train.images.clone(), sample.train.labels.clone()
    images[1000 - 166 :], labels[1000 - 166 :] = 0.5, 0
    blind = FrechetEvaluator(
        sample._replace(train=sample.train._replace(images=images, labels=labels)), seed=0
    )
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(evaluator.network.parameters(), blind.network.parameters()):
        assert torch.equal(one, other)
    assert evaluator.floor == evaluator(sample.train.images[1000 - 166 :])
    assert evaluator.floor["frechet"] < blind.floor["frechet"]
    assert evaluator.accuracy > 0


def test_it_trains_hw6_s_network_with_batch_norm_for_five_epochs(sample, monkeypatch):
    calls = []

    def train(network, mnist, **options):
        calls.append((network, mnist, options))
        return [{"test_accuracy": 0.25}, {"test_accuracy": 0.5}]

    monkeypatch.setattr(quality, "train", train)
    evaluator = FrechetEvaluator(sample, seed=7)
    ((network, mnist, options),) = calls
    assert options == {"epochs": 5, "batch_size": 64, "lr": 0.1, "seed": 7}
    assert network is evaluator.network and evaluator.accuracy == 0.5
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules()) == 2
    assert mnist.test is sample.test
    assert torch.equal(mnist.train.images, sample.train.images[: 1000 - 166])
    assert torch.equal(mnist.train.labels, sample.train.labels[: 1000 - 166])
    few = sample._replace(test=Split(*(part[:50] for part in sample.test)))
    FrechetEvaluator(few, seed=7)
    assert len(calls[1][1].train.labels) == 950  # as many held out as there are test images
    weights = [next(call[0].parameters()) for call in calls]
    assert torch.equal(*weights)  # made of the seed
    small = sample._replace(train=Split(*(part[:36] for part in sample.train)))
    FrechetEvaluator(small, seed=8)
    assert calls[2][2]["batch_size"] == 30
    assert not torch.equal(next(calls[2][0].parameters()), weights[0])


def test_a_model_is_evaluated_by_as_many_digits_of_each_source_as_there_are_test_images(
    evaluator, sample
):
    torch.manual_seed(0)
    model, images = Autoencoder(), sample.train.images[:300]
    found = evaluate_run(evaluator, model, images, 4)
    codes = sample_codes(model, images, 200, 4)
    assert found == {name: evaluator(decode(model, z)) for name, z in codes.items()}
    assert list(found) == ["2·N", "N", "Gaussian", "mixture"]
