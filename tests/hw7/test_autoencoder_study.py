import json
import statistics
from types import SimpleNamespace

from common.data import Batches, Mnist
from common.loop import fit
from common.run import Run
from hw7 import autoencoder_study as study
from hw7.autoencoder import Autoencoder
from hw7.autoencoder_study import BEST, CHANGES, HANDOUT, LABELS, SOURCES, VARIANTS
from hw7.mixture import decode, sample_codes
from hw7.quality import evaluate_run
from hw7.vae import VAE, calibrated_loss, variational_loss
from tests.hw7.figures import images_of, row_titles_of

import numpy as np
import pytest
import torch
from torch import nn

CHANNELS_LAST = torch.channels_last
PARTS = dict(study.PARTS)
NAMES = ["handout", "together", "without_adam"]


@pytest.fixture(scope="module")
def few(sample) -> Mnist:
    """200 training images, and 60 test images."""
    return Mnist(
        sample.train._replace(images=sample.train.images[:200], labels=sample.train.labels[:200]),
        sample.test._replace(images=sample.test.images[:60], labels=sample.test.labels[:60]),
    )


class Evaluator:
    """Stands in for the trained network, with numbers that differ from image to image."""

    floor = {"frechet": 2.5, "sure": 0.99, "entropy": 2.3}  # noqa: RUF012
    accuracy = 0.75

    def __init__(self, mnist, seed):
        self.made_of = mnist, seed
        self.real = torch.zeros(len(mnist.test.labels), 250)

    def __call__(self, images):
        assert images.shape == (60, 784)
        names = ("frechet", "sure", "entropy")
        return dict(
            zip(
                names,
                images.double().std(1).quantile(torch.tensor([0.2, 0.5, 0.8]).double()).tolist(),
            )
        )


@pytest.fixture(scope="module")
def start(few):
    """Runs the study with three variants on few images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "VARIANTS", {name: VARIANTS[name] for name in NAMES})
        parts = {name: study.PARTS[name] for name in [*NAMES, "comparison"]}
        patch.setattr(study, "PARTS", parts)
        patch.setattr(Run, "load_data", lambda run: few)
        made = []
        patch.setattr(study, "FrechetEvaluator", lambda *a: made.append(Evaluator(*a)) or made[-1])

        def start(out, *arguments):
            argv = ["--data", "sample", "--out", str(out), "--device", "cpu", "--batch-size", "50"]
            return study.main([*argv, "--epochs", "1", "--seed", "3", *arguments])

        yield SimpleNamespace(run=start, made=made)


@pytest.fixture(scope="module")
def done(start, tmp_path_factory) -> SimpleNamespace:
    out, figures = tmp_path_factory.mktemp("study"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save", lambda run, name, figure: figures.update({name: figure}))
        assert start.run(out) == 0
    results = json.loads((out / "summary.json").read_text())["results"]
    digits = {name: torch.load(out / f"{name}.pt", weights_only=True) for name in NAMES}
    return SimpleNamespace(results=results, figures=figures, digits=digits, made=start.made[:])


def test_variants_are_trained_with_three_seeds(done):
    for name in NAMES:
        row = done.results[name]
        assert row["options"] == VARIANTS[name]
        for source in ("2·N", "N", "Gaussian", "mixture"):
            for measure in ("frechet", "sure", "entropy"):
                found = row["quality"][source][measure]
                assert found["mean"] == statistics.mean(found["values"])
                assert found["std"] == statistics.stdev(found["values"])
                assert len(found["values"]) == 3
            assert len(set(row["quality"][source]["frechet"]["values"])) == 3  # seeds differ
        assert len(set(row["error"]["values"])) == 3
        assert row["seconds_per_epoch"]["mean"] > 0


def test_one_evaluator_measures_the_whole_run(done, few):
    assert [evaluator.made_of for evaluator in done.made] == [(few, 3)]
    for name in NAMES:
        assert done.results[name]["floor"] == Evaluator.floor | {"accuracy": 0.75}


@pytest.fixture
def run(few):
    args = SimpleNamespace(epochs=2, batch_size=50, lr=0.1, seed=3)
    return SimpleNamespace(mnist=few, args=args, place=lambda m: m.to(memory_format=CHANNELS_LAST))


def test_a_variant_s_numbers_are_those_of_its_model(done, run, few):
    """The second seed, 4; all digits are made with the run's seed, 3."""
    run.args.epochs = 1
    model, error = study.train_variant(run, VARIANTS["together"], 4)
    results = done.results["together"]
    assert error == pytest.approx(results["error"]["values"][1], rel=1e-4)
    quality = evaluate_run(done.made[0], model, few.train.images, 3)
    for source in SOURCES:
        values = results["quality"][source]["frechet"]["values"]
        assert values[1] == pytest.approx(quality[source]["frechet"], rel=1e-2)
    model, _ = study.train_variant(run, VARIANTS["together"], 3)
    codes = sample_codes(model, few.train.images, 10, 3)
    for source, digits in done.digits["together"].items():
        torch.testing.assert_close(digits, decode(model, codes[source]), atol=1e-3, rtol=0)


def test_a_variant_is_trained_as_its_options_say(run, few):
    """Against the handout's loop, written out."""
    options = {"width": 4, "dropout": 0.2, "learned": True, "calibrated": False, "adam": True}
    torch.manual_seed(6)
    expected = VAE(Autoencoder(4, 0.2)).to(memory_format=CHANNELS_LAST)
    optimizer = torch.optim.Adam(expected.parameters(), lr=1e-3)
    batches, test = Batches(few.train, 50, 6), Batches(few.test)
    for rate in (1e-3, 0.5e-3):  # a cosine, by epochs
        optimizer.param_groups[0]["lr"] = rate
        list(fit(expected, batches, test, variational_loss, optimizer, 1))
    model, _ = study.train_variant(run, options, 6)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.2] * 6
    for one, other in zip(model.parameters(), expected.parameters()):
        torch.testing.assert_close(one, other)
    options |= {"calibrated": True, "adam": False, "learned": False}
    torch.manual_seed(6)
    expected = VAE(Autoencoder(4, 0.2), learned=False).to(memory_format=CHANNELS_LAST)
    optimizer = torch.optim.SGD(expected.parameters(), lr=0.1)
    list(fit(expected, Batches(few.train, 50, 6), test, calibrated_loss, optimizer, 2))
    model, _ = study.train_variant(run, options, 6)
    for one, other in zip(model.parameters(), expected.parameters()):
        torch.testing.assert_close(one, other)


def test_the_comparison_divides_by_the_handout_s_distance_and_time(done):
    base = done.results["handout"]["quality"]["2·N"]["frechet"]["mean"]
    best = done.results["together"]["quality"]["mixture"]["frechet"]["mean"]
    comparison = done.results["comparison"]
    assert comparison["gain"] == base / best
    assert comparison["gain_by_training"]["mixture"] == comparison["gain"]
    assert comparison["gain_by_source"]["2·N"] == 1
    for source in SOURCES:
        for name, key in {"handout": "gain_by_source", "together": "gain_by_training"}.items():
            distance = done.results[name]["quality"][source]["frechet"]["mean"]
            assert comparison[key][source] == base / distance
    seconds = {name: done.results[name]["seconds_per_epoch"]["mean"] for name in NAMES}
    expected = {name: seconds[name] / seconds["handout"] for name in NAMES}
    assert comparison["time"] == pytest.approx(expected)


def test_digits_are_shown_row_by_row(done):
    assert set(done.figures) == {"digits_n", "digits_mixture", "distances"}
    titles = {"n": "Codes from N(0, I)", "mixture": "Codes from their mixture of Gaussians"}
    for source, title in titles.items():
        figure = done.figures[f"digits_{source}"]
        rows = [done.digits[name]["N" if source == "n" else source] for name in NAMES[:2]]
        np.testing.assert_array_equal(images_of(figure), torch.cat(rows))
        assert row_titles_of(figure) == ["the handout's", "all together"]
        assert figure.get_suptitle() == title


def test_the_distances_are_shown_by_variant_and_source(done):
    (axes,) = done.figures["distances"].axes
    assert [container.get_label() for container in axes.containers] == [
        f"codes from {source}" for source in SOURCES
    ]
    for container, source in zip(axes.containers, SOURCES):
        points, _, (bars,) = container.lines
        found = [done.results[name]["quality"][source]["frechet"] for name in NAMES]
        assert points.get_xdata().tolist() == [row["mean"] for row in found]
        assert points.get_ydata().tolist() == [0, 1, 2]
        for row, (left, right) in zip(found, bars.get_segments()):
            expected = [row["mean"] - row["std"], row["mean"] + row["std"]]
            assert [left[0], right[0]] == pytest.approx(expected)
    assert len({container.lines[0].get_marker() for container in axes.containers}) == 4
    floor = next(line for line in axes.lines if line.get_label() == "held-out images")
    assert set(floor.get_xdata()) == {done.results["handout"]["floor"]["frechet"]}
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [LABELS[name] for name in NAMES] and axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_xscale() == "log" and axes.get_xlabel().startswith("Fréchet distance")
    assert axes.get_title() == "10,000 generated digits, 3 seeds"


def test_the_comparison_alone_asks_for_the_variants_first(start, tmp_path, capsys):
    assert start.run(tmp_path, "--part", "comparison") == 2
    message = "comparison needs the parts handout, together, without_adam first"
    assert message in capsys.readouterr().err


def test_each_change_is_tried_alone_and_left_out_alone():
    for name in CHANGES:
        alone = {key for key in HANDOUT if VARIANTS[name][key] != HANDOUT[key]}
        without = {key for key in BEST if VARIANTS[f"without_{name}"][key] != BEST[key]}
        assert alone == without == {name}
        assert VARIANTS[name][name] == BEST[name] != HANDOUT[name]
        assert LABELS[f"without_{name}"] == f"all but: {LABELS[name]}"
    assert len(VARIANTS) == 2 + 2 * len(HANDOUT)
    assert list(PARTS) == [*VARIANTS, "comparison"]
    assert VARIANTS["handout"] == HANDOUT and VARIANTS["together"] == BEST
    assert HANDOUT == {
        "width": 10, "dropout": 0.1, "learned": False, "calibrated": False, "adam": False,
    }  # fmt: skip
    assert BEST == {"width": 32, "dropout": 0, "learned": True, "calibrated": True, "adam": True}
    assert PARTS["width"].__doc__ == "codes of 32: 3 seeds"


def test_its_jobs_are_shared_out(run):
    """By run.map, which gets the seeds."""
    jobs = []
    row = {"quality": {s: {"frechet": 1.0, "sure": 1.0, "entropy": 1.0} for s in SOURCES}}
    row |= {"seconds": 2.0, "error": 3.0, "digits": {}, "floor": {"frechet": 4.0}}
    run.map = lambda function, seeds: jobs.append((function, list(seeds))) or [row] * 3
    run.write = lambda name, content: jobs.append(name)
    found = study.make_part("together")(run)
    (function, seeds), name = jobs
    assert seeds == [3, 4, 5] and name == "together.pt"
    assert function.func is study.measure_variant and function.args == (run, "together")
    assert found["error"] == {"mean": 3, "std": 0, "values": [3.0] * 3}
    assert found["seconds_per_epoch"]["mean"] == 2 and found["floor"] == {"frechet": 4}
    assert study.mean_and_std([1.0, 2.0, 6.0])["std"] == pytest.approx(np.std([1, 2, 6], ddof=1))
