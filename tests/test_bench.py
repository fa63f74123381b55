import contextlib
import gzip
import json
import os
from collections import defaultdict
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench import timing, ways
from bench.__main__ import PARTS
from bench.timing import interleaved, machine, peak_memory
from bench.variants import (
    VARIANTS,
    AddmmKMeans,
    FlippedConv,
    FunctionKMeans,
    ShuffledConv,
    UnfoldedConv,
)
from bench.ways import WAYS, Images, TutorialImages, Way, with_layers_of_torch
from common.data import SAMPLE
from common.run import run_parts
from hw7.autoencoder import Autoencoder
from hw7.clustering import digit_images, inertia
from hw7.kmeans import ETA, KMeans, mean_over_pixels
from hw7.kmeans_by_hand import train_by_hand


class Here:
    """Stands in for a process of its own."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


@pytest.fixture
def here(monkeypatch):
    """All in this process, on one thread, and nothing set that would stay."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with monkeypatch.context() as patch:
        own = contextlib.nullcontext(defaultdict(Here))
        for module in ("bench.timing", "bench.__main__"):
            patch.setattr(f"{module}.processes", lambda names, together=False: own)
        patch.setattr(timing, "prepare_cpu", lambda threads: None)
        patch.setattr(timing.torch, "set_num_threads", lambda threads: None)
        yield
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path):
    class Run:
        class args:
            data, batch_size, seed = "sample", 64, 0

    return Run


@pytest.fixture
def few() -> Images:
    """100 training images, every digit among them."""
    few = Images("sample", 100)
    assert len(few.split().labels.unique()) == 10
    return few


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


def test_runs_side_by_side_are_each_the_single_run(few):
    ways = WAYS["kmeans"](64, 0)
    (alone,), _ = ways["by_hand"].ready(few)()
    centers, _ = ways["side_by_side"].ready(few)()
    assert len(centers) == ways["side_by_side"].runs > 1
    for each in centers:
        torch.testing.assert_close(each, alone, rtol=0, atol=1e-5)


def test_ways_have_a_process_each_or_one_together():
    for together, expected in ((False, 2), (True, 1)):
        with timing.processes(["a", "b"], together) as own:
            found = {own[name].submit(os.getpid).result() for name in ("a", "b")}
        assert len(found - {os.getpid()}) == expected


def test_ratios_are_taken_round_by_round_against_the_peer(here, run, monkeypatch):
    clock, rounds = [0.0], iter([9, 18, 8, 4, 6, 4, 10, 10])  # the first round does not count

    def ready(images):
        assert images == Images("sample", 128)

        def work():
            clock[0] += next(rounds)
            return 128

        return work

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    monkeypatch.setitem(
        WAYS,
        "trial",
        lambda b, seed: {"slow": Way(ready, "slow"), "fast": Way(ready, "slow", runs=2)},
    )
    found = interleaved(run, "trial", rounds=3, steps=2)
    scale = 1000 / 128
    assert found["slow"] == {
        "seconds": 8 * scale, "ratio": 1, "lowest": 1, "highest": 1, "page_faults": 0, "value": 128
    } | {"page_faults": found["slow"]["page_faults"]}  # fmt: skip
    fast = found["fast"]
    assert [fast[key] for key in ("seconds", "ratio", "lowest", "highest")] == [2 * scale, 3, 2, 4]


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


def test_peak_memory_counts_what_the_script_holds():
    small, large = (peak_memory(["-c", f"x = bytearray({n} * 10**6)"]) for n in (1, 301))
    assert 290 < large - small < 310


def test_all_parts_and_a_table(here, few, sample, tmp_path, monkeypatch, capsys):
    tiny = sample._replace(train=few.split())
    for module in ("bench.timing", "bench.ways", "bench.__main__"):
        monkeypatch.setattr(f"{module}.mnist", lambda data: tiny)
    monkeypatch.setattr("bench.ways.REPEATED", 1)
    monkeypatch.setattr("bench.__main__.peak_memory", lambda command: float(len(command)))
    monkeypatch.setattr("bench.__main__.ROUNDS", 1)
    monkeypatch.setattr(
        "bench.__main__.interleaved",
        lambda run, group, rounds, *steps, **options: interleaved(run, group, 1, *steps, **options),
    )
    argv = ["--data", "sample", "--out", str(tmp_path), "--batch-size", "32"]
    assert run_parts("bench/speed", "", PARTS, [*argv, "--part", "table"], batch_size=64) == 2
    assert "table needs the parts autoencoder, cnn, cnn_regular, kmeans" in capsys.readouterr().err
    assert run_parts("bench/speed", "", PARTS, argv, batch_size=64) == 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert list(results) == list(PARTS)
    assert [row["x"] for row in results["growth"]["images"]] == [25, 100, 400]
    assert results["table"] == machine()
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[2].startswith("| k-means network | ") and len(lines) == 11
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.json", "table.md", "speed.png", "growth.png"
    }  # fmt: skip


LAYERS = [
    (UnfoldedConv, nn.Conv2d, (1, 20, 4), {}, (1, 28, 28)),
    (FlippedConv, nn.ConvTranspose2d, (20, 1, 4), {"padding": 1}, (20, 27, 27)),
    (
        ShuffledConv,
        nn.ConvTranspose2d,
        (20, 20, 4),
        {"stride": 2, "output_padding": 1},
        (20, 12, 12),
    ),
]


@pytest.mark.parametrize(("kind", "base", "sizes", "options", "shape"), LAYERS)
def test_a_variant_of_a_layer_computes_the_same(kind, base, sizes, options, shape):
    layer = base(*sizes, **options).double()
    x = torch.rand(3, *shape, dtype=torch.float64)
    expected = layer(x)
    layer.__class__ = kind
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [AddmmKMeans, FunctionKMeans])
def test_a_variant_of_kmeans_takes_the_same_step(few, kind):
    images = few.split().images.double()
    gradients = []
    for network in (KMeans, kind):
        model = ways.centered(few, network).double()
        error = model(images)
        mean_over_pixels(error, None).backward()
        gradients += [error.detach(), model.centers.grad]
    torch.testing.assert_close(gradients[2:], gradients[:2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("group", VARIANTS)
def test_every_variant_takes_its_steps(few, group):
    for name, way in VARIANTS[group](50, 0).items():
        if name != "compiled":  # takes a compiler, and a minute
            way.ready(few)()
