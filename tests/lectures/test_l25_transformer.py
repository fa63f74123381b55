"""Lecture 25's transformer as a script: what it scores, draws and refuses, on a few words."""

import json
import re
from types import SimpleNamespace

from common.loop import NonFiniteLoss
from common.run import UserError
from final.q6_words import load_network
from final.seq2seq import EDGE, PAD
from lectures import l25_transformer as l25
from lectures import pronouncing, pronunciations
from lectures.pronunciations import Words

import numpy as np
import pytest
import torch

WORDS = pronunciations.load_words()


def few_words() -> Words:
    """Some words of six and eight letters, and one that (a) looks at."""
    words = [word for word in WORDS if len(word) in (6, 8)]
    return {word: WORDS[word] for word in ["knight", *words[::100]]}


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(l25, "load_words", few_words)
        for module in (l25, pronouncing):
            for name, value in {"WIDTH": 16, "HEADS": 2, "BLOCKS": 2, "POSITIONS": 16}.items():
                patch.setattr(module, name, value)
        patch.setattr(pronouncing, "GRU_WIDTH", 16)
        patch.setattr(pronouncing, "MARKS", 2)
        patch.setattr(l25, "LENGTHS", (4, 8))
        yield patch


@pytest.fixture(scope="module")
def run(small, figures, tmp_path_factory):
    """A whole small run: its folder, results and figures by name."""
    out = tmp_path_factory.mktemp("l25")
    with figures() as drawn:
        options = ["--epochs", "5", "--batch-size", "32", "--lr", "0.01"]
        assert l25.main([*options, "--out", str(out)]) == 0
    return out, json.loads((out / "summary.json").read_text(encoding="utf-8"))["results"], drawn


def test_outputs_depend_on_no_later_sign_but_in_the_encoder(run):
    a = run[1]["a"]
    assert a["ahead"]["decoder"] == a["ahead"]["both_phones"] == 0
    assert min(a["ahead"]["encoder"], a["ahead"]["both_letters"]) > 0.1
    assert a["moved"][0] > 0.1 > 1e-4 > a["moved"][1]
    axes = run[2]["a_dependence"].axes[:4]
    assert [[label.get_text() for label in axis.get_xticklabels()] for axis in axes[1:3]] == [
        ["■", "N", "AY", "T"], list("knight")]  # fmt: skip
    tables = [np.asarray(axis.images[0].get_array()) for axis in axes]
    assert [table.shape for table in tables] == [(6, 6), (4, 4), (4, 6), (4, 4)]
    assert (tables[1] > 0).tolist() == [[j <= i for j in range(4)] for i in range(4)]


def test_scores_of_both_networks(run):
    test = pronunciations.split_words(few_words())[1]
    for part in ("b", "c"):
        results = run[1][part]
        assert len(results["rows"]) == pronouncing.MARKS
        assert results["rows"][-1][1] < 0.95
        assert results["rows"][-1][1] < results["rows"][0][1] + 0.05
        minutes = [row[0] for row in results["rows"]]
        assert minutes == sorted(minutes) and minutes[0] > 0
        for label in ("greedy", "beam"):
            assert results[label]["words"] == len(test)
            assert results[label]["per"] <= results[label]["wer"] <= 1
        for word, answer, wanted in results["wrong"]:
            assert answer != wanted == pronunciations.spell_out(test[word][0])


def test_figures_show_the_scores(run):
    lines = run[2]["c_minutes"].axes[0].lines
    for line, part in zip(lines, ("b", "c")):
        expected = [[minutes, 100 * per] for minutes, per in run[1][part]["rows"]]
        assert line.get_xydata().tolist() == expected
    axes = run[2]["b_attention"].axes
    assert [axis.get_title() for axis in axes[:3]] == l25.LOOKED_AT
    for axis in axes[:3]:
        np.testing.assert_allclose(np.asarray(axis.images[0].get_array()).sum(1), 1, rtol=1e-5)
    heads = [np.asarray(axis.images[0].get_array()) for axis in run[2]["b_heads"].axes[:2]]
    np.testing.assert_allclose(sum(heads) / 2, np.asarray(axes[1].images[0].get_array()))


def test_caching_changes_no_sign(run):
    assert run[1]["d"]["equal"] == [True, True]
    assert run[1]["b"]["caching"]["equal"] is True
    lines = {line.get_label(): line for line in run[2]["d_caching"].axes[0].lines}
    for name in ("cached", "uncached"):
        assert lines[name].get_ydata().tolist() == run[1]["d"][name]


def test_words_of_the_command_line_by_the_kept_network(small, run, capsys):
    words = ["Choruses", "cat", "weight"]  # not in the order of their lengths
    assert l25.main(["--word", *words, "--out", str(run[0] / "words")]) == 0
    printed = capsys.readouterr().out
    assert "no network" not in printed and "step" not in printed
    found = json.loads((run[0] / "words" / "summary.json").read_text(encoding="utf-8"))
    answers = found["results"]["words"]
    assert list(answers) == ["choruses", "cat", "weight"]
    assert all(f"  {word}: {said}\n" in printed for word, said in answers.items())
    model = l25.make_network("transformer").eval()
    load_network(SimpleNamespace(out=run[0]), model)
    for word, said in answers.items():
        alone = pronouncing.pronounce(model, [word], l25.BEAMS)
        assert said == pronunciations.spell_out(alone[0])


def fake_run(lr: float) -> SimpleNamespace:
    args = SimpleNamespace(lr=lr, epochs=1, batch_size=64, seed=0)
    return SimpleNamespace(args=args, device="cpu", place=lambda model: model)


def test_gradients_of_training_are_those_of_single_batches(small, monkeypatch):
    """With η = 0 each is that of its batch at the start, and what is padded has no say."""
    pairs = [(word, each) for word, variants in few_words().items() for each in variants]
    pairs = [pair for pair in pairs if len(pair[0]) == 6][:128]
    monkeypatch.setattr(pronouncing, "DROPOUT", 0.0)
    monkeypatch.setattr(pronouncing, "MARKS", 1)
    found = []
    monkeypatch.setattr(
        pronouncing, "clip_grad_norm_",
        lambda parameters, most: found.append([p.grad.clone() for p in parameters]),
    )  # fmt: skip
    torch.manual_seed(0)
    pronouncing.train(fake_run(0.0), "transformer", pairs, few_words())
    torch.manual_seed(0)
    model = pronouncing.make_network("transformer")
    batches = pronouncing.stream(pairs, 64, torch.Generator().manual_seed(0))
    assert len(found) == 2
    for gradient, (x, y) in zip(found, batches):
        fed = torch.cat([torch.full_like(y[:, :1], EDGE), y[:, :-1].clamp(min=EDGE)], 1)
        log_p = model(x, fed)[y != PAD].log_softmax(1)
        target = torch.full_like(log_p, 0.1 / log_p.shape[1])
        target[torch.arange(len(target)), y[y != PAD]] += 0.9
        loss = -(target * log_p).sum(1).mean()
        expected = torch.autograd.grad(loss, list(model.parameters()))
        for ours, theirs in zip(gradient, expected):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


def test_training_that_diverges_says_so(small):
    pairs = [("ab", "AB")] * 64 + [("cd", "A")] * 64
    with pytest.raises(NonFiniteLoss, match="epoch 1, batch 2 of 2, at learning rate"):
        pronouncing.train(fake_run(1e30), "transformer", pairs, {"ab": ["AB"]})


@pytest.mark.parametrize("word", ["", "naïve", "can't", "a b", 33 * "a"])
def test_no_word_is_one_line(tmp_path, capsys, word):
    assert l25.main(["--word", "fine", word, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    allowed = f"allowed are words of 1 to {pronouncing.POSITIONS} letters a to z"
    assert re.search(f"argument --word: came {word!r}, {allowed}$", error)


def test_the_longest_word_has_as_many_letters_as_there_are_positions():
    longest = pronouncing.POSITIONS * "A"
    assert pronouncing.check_words([longest]) == [longest.lower()]
    with pytest.raises(UserError):
        pronouncing.check_words([longest + "a"])


def test_schedule_rises_and_falls():
    rates = [pronouncing.schedule(step, 200) for step in range(200)]
    assert rates[0] == pytest.approx(0.05) and max(rates) > 0.97
    assert int(np.argmax(rates)) == 19
    assert rates[109] == pytest.approx(0.5 * (1 + np.cos(np.pi * 109 / 200)))
    assert 0 < rates[-1] < 1e-3


def test_each_pass_has_each_pair_once():
    pairs = [(word, each) for word, variants in few_words().items() for each in variants]
    batches = pronouncing.stream(pairs, 64, torch.Generator().manual_seed(0))
    passes = []
    for _ in range(2):
        seen = []
        while len(seen) < len(pairs):
            x, y = next(batches)
            assert x.shape[0] == y.shape[0] <= 64
            for letters, phones in zip(x.tolist(), y.tolist()):
                word = "".join(pronouncing.LATIN[i] for i in letters)
                said = pronunciations.decode_phones(phones)
                assert phones[len(said)] == EDGE and set(phones[len(said) + 1 :]) <= {PAD}
                seen.append((word, said))
        assert sorted(seen) == sorted(pairs)
        passes.append(seen)
    assert passes[0] != passes[1]
