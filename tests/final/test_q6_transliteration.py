"""Final Q6 as a script: it learns, its figures show its numbers, it refuses other words."""

import argparse
import functools
import json
import zlib

from final import name_pairs, q6_figures, q6_words
from final import q6_transliteration as q6
from final.name_pairs import Batches, Pair, score
from final.seq2seq import LATIN, PAD, letter_loss, teacher_forcing

import pytest
import torch


@functools.cache
def few_pairs(name: str) -> list[Pair]:
    """All pairs of a sixtieth of the spellings, by a checksum."""
    pairs = name_pairs.load_pairs(name)
    return [pair for pair in pairs if zlib.crc32(pair.latin.encode()) % 60 == 0]


@pytest.fixture(scope="module")
def small():
    """The script with few pairs and a narrow network, on one thread."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(q6, "load_pairs", few_pairs)
        patch.setattr(q6, "WIDTH", 24)
        torch.set_num_threads(1)
        yield patch
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def run(small, tmp_path_factory):
    """The folder of a whole small run, its summary, and its figures by name."""
    out, figures = tmp_path_factory.mktemp("q6"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(q6.Run, "save", lambda run, name, figure: figures.update({name: figure}))
        assert q6.main(["--epochs", "1", "--lr", "0.01", "--out", str(out)]) == 0
    return out, json.loads((out / "summary.json").read_text(encoding="utf-8")), figures


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_every_part_leaves_its_scores(run):
    _, summary, figures = run
    assert list(summary["results"]) == ["a", "b", "gru", "attention"]
    for part in ("b", "gru", "attention"):
        scores = summary["results"][part]
        for test in ("greedy", "beam", "twice", "respelled", "places"):
            found = scores[test]
            assert found["cer"] == pytest.approx(sum(found["kinds"].values())), (part, test)
            assert found["cer_any"] <= found["cer"] and found["exact_any"] >= found["exact"]
            assert found["pairs"] > 0
        assert scores["greedy"]["pairs"] == scores["beam"]["pairs"]
        assert scores["beam"]["pairs"] > scores["twice"]["pairs"]
    assert set(figures) == {"a_lengths", "b_diagram", "attention_weights", "attention_errors"}


def test_parameters_are_counted_as_on_paper(run):
    h, e, k, letters = 24, 64, 32, len(LATIN)
    shared = letters * e + k * h + k
    recurrent = [h * (inputs + h + 2) for inputs in (e, k)]
    results = run[1]["results"]
    assert results["b"]["parameters"] == shared + sum(recurrent)
    assert results["gru"]["parameters"] == shared + 3 * sum(recurrent)


def test_part_a_counts_the_pairs(run):
    pairs = few_pairs("names")
    results = run[1]["results"]["a"]
    assert results["pairs"] == len(pairs)
    shorter = [len(pair.arabic) < len(pair.latin) for pair in pairs]
    assert results["shorter"] == pytest.approx(sum(shorter) / len(pairs))
    assert run[2]["a_lengths"].axes[0].images[0].get_array().sum() == len(pairs)


def test_the_bars_are_the_edits_by_kind(run):
    _, summary, figures = run
    axes = figures["attention_errors"].axes[0]
    results = summary["results"]
    sets = [results[part]["beam"] for part in ("b", "gru", "attention")]
    sets.append(results["attention"]["places"])
    for (kind, _), bars in zip(q6_figures.KIND_LABELS.items(), axes.containers):
        for each, bar in zip(sets, bars):
            assert bar.get_width() == pytest.approx(100 * each["kinds"][kind]), kind
    assert texts(axes) == [f"{100 * each['cer']:.1f}" for each in sets]
    assert set(q6_figures.KIND_LABELS) == {*name_pairs.KINDS, name_pairs.OTHER}


def test_the_attention_figure_shows_the_words_that_were_written(run):
    figure = run[2]["attention_weights"]
    written = run[1]["results"]["attention"]["examples"]
    for axes, word in zip(figure.axes, q6.LOOKED_AT):
        assert axes.get_title() == word
        rows = [tick.get_text() for tick in axes.get_yticklabels()]
        if word in written:
            assert rows == [*written[word], q6_figures.END]
        weights = axes.images[0].get_array()
        assert weights.sum(1) == pytest.approx(1, rel=1e-5)


def test_words_are_written_by_the_network_that_was_kept(run, capsys):
    out = run[0]
    before = (out / "summary.json").read_bytes()
    words = ["--word", "Sharif", "ridwan"]
    assert q6.main([*words, "--out", str(out / "words")]) == 0
    printed = capsys.readouterr().out
    assert "training" not in printed
    examples = run[1]["results"]["attention"]["examples"]
    for word in ("sharif", "ridwan"):
        assert f"  {word} {examples[word]}\n" in printed
    assert (out / "summary.json").read_bytes() == before


@pytest.mark.parametrize("word", ["شريف", "", "two words", "'", "-'-", "é", "a" * 26, "x1"])
def test_what_is_no_latin_word_is_refused_in_one_line(small, tmp_path, capsys, word):
    assert q6.main([f"--word={word}", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"came {word!r}, allowed" in error


def test_a_damaged_network_is_named(small, tmp_path, capsys):
    (tmp_path / q6_words.NETWORK).write_bytes(b"no network")
    assert q6.main(["--word", "sharif", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and q6_words.NETWORK in error


def options(**values) -> argparse.Namespace:
    settings = argparse.Namespace(**{"epochs": 1, "batch_size": 64, "lr": 0.01, "seed": 0} | values)
    place = staticmethod(lambda model: model)
    return type("Fake", (), {"args": settings, "device": torch.device("cpu"), "place": place})()


@pytest.mark.parametrize("kind", ["rnn", "gru", "attention"])
def test_each_network_learns_a_few_words_by_heart(small, kind, monkeypatch):
    monkeypatch.setattr(q6, "DROPOUT", 0.0)
    monkeypatch.setattr(q6, "WIDTH", 64)
    pairs = [pair for pair in few_pairs("names") if pair.count > 5 and len(pair.latin) == 6][:16]
    pairs = list({pair.latin: pair for pair in pairs}.values())
    torch.manual_seed(0)
    model = q6.train(options(epochs=80, batch_size=16), kind, pairs)
    assert not model.training
    scores = score(q6.transliterate(model, pairs, beams=2), pairs, pairs)
    assert scores["exact"] > 0.9


def test_training_averages_over_letters_and_reports_without_smoothing(small, capsys):
    pairs = few_pairs("names")[:40]
    torch.manual_seed(0)
    model = q6.train(options(lr=1e-12), "rnn", pairs)  # hardly moves
    printed = float(capsys.readouterr().out.split()[-4])
    total = letters = 0
    model.train()  # with dropout, as there: hence a tolerance
    for x, y, _ in Batches(pairs, 64):
        n = (y != PAD).sum().item()
        total += n * letter_loss(model(x, teacher_forcing(y)), y).item()
        letters += n
    assert printed == pytest.approx(total / letters, rel=0.02)


def test_a_training_that_diverges_says_so_in_one_line(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(q6, "letter_loss", lambda logits, y, smoothing=0: logits.sum() * torch.nan)
    assert q6.main(["--part", "b", "--epochs", "1", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "diverged" in error and "epoch 1" in error
