"""Lecture 24's data and readers: what the files hold, naive Bayes, padding."""

import copy
import json
import math

from lectures import l24_sequences as l24
from lectures.data import make_sequences
from lectures.reader import (
    PAD,
    Evidence,
    Reader,
    Text,
    classify,
    pad_texts,
    read_letters,
    train_reader,
)
from lectures.sequences import (
    Example,
    NaiveBayes,
    balanced_accuracy,
    find_endings,
    find_fold,
    find_ngrams,
    load_definitions,
    load_sunspots,
    load_surnames,
    split_words,
)

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from sklearn.naive_bayes import MultinomialNB
from torch.nn.functional import cross_entropy, one_hot


def test_what_the_files_hold():
    names, languages = load_surnames()
    assert len(names) == len({name.text for name in names}) == 14_149
    assert languages == sorted(languages) and len(languages) == 13
    assert {letter for name in names for letter in name.text} == set("abcdefghijklmnopqrstuvwxyz")
    assert (languages[8], sum(name.label == 8 for name in names)) == ("Polish", 3541)
    definitions, _ = load_definitions()
    assert len(definitions) == 1807
    assert sum(each.label for each in definitions) == 873
    by_text = {(each.key, each.text): each for each in definitions}
    assert by_text["abhorrent", "offensive to the mind"][1::2] == (0, 0.7)
    years, spots = load_sunspots()
    assert years.tolist() == [*range(1700, 2009)] and spots[:3].tolist() == [5, 11, 16]


def test_folds_keep_a_word_together_and_are_about_equal():
    definitions, _ = load_definitions()
    folds = [find_fold(each.key, 5) for each in definitions]
    assert all(300 < folds.count(k) < 420 for k in range(5))
    assert find_fold("able", 5) == find_fold("able", 5)


def test_signs():
    assert split_words("not (only) good's 2") == ["not", "only", "good's"]
    assert split_words("12") == [""]
    assert find_endings("^abc", 2) == ["^", "^a", "ab", "bc"]
    assert sorted(find_ngrams("^ab", 2)) == ["^", "^a", "a", "ab", "b"]


def test_naive_bayes_is_scikit_learn_s():
    rng = np.random.default_rng(0)
    texts = [
        list(rng.choice(list("abcdef"), 6, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])) for _ in range(60)
    ]
    labels = rng.choice(3, 60, p=[0.6, 0.3, 0.1])
    counts = np.array([[text.count(c) for c in "abcdef"] for text in texts])
    theirs = MultinomialNB(alpha=0.3).fit(counts[:40], labels[:40])
    ours = NaiveBayes(texts[:40], labels[:40].tolist(), 0.3)
    np.testing.assert_allclose(ours.log_p, theirs.feature_log_prob_)
    np.testing.assert_array_equal(ours.classify(texts[40:]), theirs.predict(counts[40:]))
    found = ours.classify([["z"]])  # never seen: the commonest class
    assert found.tolist() == [np.bincount(labels[:40]).argmax()]


def test_balanced_accuracy_is_scikit_learn_s():
    rng = np.random.default_rng(1)
    found, labels = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    assert balanced_accuracy(found, labels) == pytest.approx(balanced_accuracy_score(labels, found))


def test_evidence_leaves_out_what_a_training_text_has_added():
    features = [["a", "b"], ["a", "a", "c"], ["b", "c"], ["c", "c"]]
    labels = [0, 0, 1, 1]
    evidence = Evidence(NaiveBayes(features, labels, 0.5))
    counts = {"a": [3, 0], "b": [1, 1], "c": [1, 3]}
    totals = [5 + 1.5, 4 + 1.5]
    for row, letter in zip(evidence.look_up(["a", "b", "c"]), "abc"):
        log_p = [math.log((n + 0.5) / total) for n, total in zip(counts[letter], totals)]
        np.testing.assert_allclose(row, np.array(log_p) - np.mean(log_p))
    own = evidence.look_up(features[1], 0)  # without its two a and its c
    for row, left in zip(own, ([1, 0], [1, 0], [0, 3])):
        log_p = [math.log((n + 0.5) / total) for n, total in zip(left, totals)]
        np.testing.assert_allclose(row, np.array(log_p) - np.mean(log_p))
    assert evidence.look_up(["z"]).tolist() == [[0, 0]]


def make_texts(count: int) -> list[Text]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 7, count)
    return [Text(rng.integers(1, 6, n).tolist(), rng.normal(size=(n, 2, 3))) for n in lengths]


def test_a_padded_text_gives_what_it_gives_alone():
    torch.manual_seed(0)
    model, texts = Reader(6, 3, 2, 4, 5).eval(), make_texts(5)
    x, evidence, lengths = pad_texts(texts)
    assert len({*lengths.tolist()}) > 2
    for i, text in enumerate(texts):
        assert x[: len(text.signs), i].tolist() == text.signs
        assert (x[len(text.signs) :, i] == PAD).all() and not evidence[len(text.signs) :, i].any()
    together = model(x, evidence, lengths)
    for row, text in zip(together, texts):
        torch.testing.assert_close(row, model(*pad_texts([text]))[0])
    torch.testing.assert_close(classify(model, texts), together.log_softmax(1))


def test_a_reader_by_its_parts():
    """The mean of torch's outputs over a text's own steps; and half of the evidence."""
    torch.manual_seed(0)
    model, text = Reader(6, 3, 2, 4, 5).eval(), make_texts(4)[2]
    evidence = torch.from_numpy(text.evidence).float()
    fed = torch.cat((model.vectors(torch.tensor(text.signs)), evidence.flatten(1)), 1)
    expected = model.out(model.layers(fed)[0].mean(0)) + evidence.sum(0).mean(0) / 2
    torch.testing.assert_close(model(*pad_texts(make_texts(4)))[2], expected)


def test_letters_and_their_evidence():
    names = [Example(name, i % 2, name) for i, name in enumerate(("ab", "ba", "aa", "bb"))]
    inside = np.array([0, 1, 2])
    texts = read_letters(names, inside)
    assert texts[0].signs == [2, 3, 4, 1] and texts[3].signs == [2, 4, 4, 1]  # $ ^ a b
    assert texts[0].evidence.shape == (4, 4, 2)
    pairs = [find_endings(f"^{name.text}$", 2) for name in names]
    evidence = Evidence(NaiveBayes(pairs[:3], [0, 1, 0], 0.3))
    np.testing.assert_allclose(texts[0].evidence[:, 1], evidence.look_up(pairs[0], 0))
    np.testing.assert_allclose(texts[3].evidence[:, 1], evidence.look_up(pairs[3]))


def test_a_reader_learns():
    torch.manual_seed(0)
    signs = [[1 + (i + j) % 3 for j in range(2 + i % 4)] for i in range(60)]
    texts = [Text(each, np.zeros((len(each), 1, 3))) for each in signs]
    labels = torch.tensor([each[0] - 1 for each in signs])
    model = Reader(4, 3, 1, 8, 16, 0.1)
    train_reader(model, texts, one_hot(labels, 3).float(), 12, 0.02, 0, 16)
    log_p = classify(model, texts)
    assert cross_entropy(log_p, labels) < 0.4
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(60))


def test_a_reader_is_trained_by_single_batches():
    torch.manual_seed(0)
    signs = [[1 + (i + j) % 3 for j in range(2 + i % 4)] for i in range(60)]
    texts = [Text(each, np.zeros((len(each), 1, 3))) for each in signs]
    targets = one_hot(torch.tensor([each[0] - 1 for each in signs]), 3).float()
    model = Reader(4, 3, 1, 8, 16, 0)
    other = copy.deepcopy(model)
    train_reader(model, texts, targets, 1, 0.02, 0, 20)
    optimizer = torch.optim.Adam(other.parameters())
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    for step, index in enumerate(order.split(20)):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 + math.cos(math.pi * step / 3))
        optimizer.zero_grad()
        batch = pad_texts([texts[i] for i in index.tolist()])
        cross_entropy(other(*batch), targets[index]).backward()
        optimizer.step()
    for one, two in zip(model.parameters(), other.parameters()):
        torch.testing.assert_close(one, two)


@pytest.fixture(scope="module")
def ran(tmp_path_factory, figures):
    out = tmp_path_factory.mktemp("l24")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l24, "STARTS", 1)
        patch.setattr(l24, "FOLDS", 3)
        options = ["--data", "sample", "--epochs", "1", "--every", "20", "--steps", "15"]
        assert l24.main([*options, "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_the_script(ran):
    results, drawn = ran
    assert 0 <= results["a"]["right"] <= 1
    assert 0.1 < results["b"]["bayes_3"]["accuracy"] <= 1 > results["b"]["majority"] > 0.15
    assert set(results["c"]) == {"bayes", "lstm"} and len(results["c"]["lstm"]["folds"]) == 3
    assert results["d"]["AR9"] == pytest.approx(19.1, abs=0.05)
    assert results["d"]["same"] == pytest.approx(32.9, abs=0.05)
    assert list(drawn) == ["a_names", "b_languages", "d_sunspots"]
    lines = {line.get_label(): line for line in drawn["d_sunspots"].axes[0].lines}
    assert list(lines["sunspots"].get_xdata()) == [*range(1949, 2009)]


def test_bad_wheels_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        make_sequences.main(["--wheels", str(tmp_path), "--out", str(tmp_path)])
    assert end.value.code == 2 and "no wheel of faker" in capsys.readouterr().err
    (tmp_path / "faker-40.63.0-py3-none-any.whl").write_bytes(b"another")
    with pytest.raises(SystemExit):
        make_sequences.main(["--wheels", str(tmp_path), "--out", str(tmp_path)])
    assert "wanted is 36627c20" in capsys.readouterr().err


def test_how_the_files_are_cleaned():
    assert make_sequences.fold("Ó Briain-Łoś") == "obrianlos".replace("brian", "briain")
    source = 'last_names = ("Müller", "X")\nfirst_names = ("Eva",)\nlast_names_female = ["Nowa"]'
    assert make_sequences.read_names(source) == {"muller"}
    play = "# Hamlet\n\n\n\n**HAMLET**  \nTo be\\--or—not\n_Exit_\n"
    assert make_sequences.clean_play(play) == "Hamlet\n\nHAMLET\nTo be--or--not\nExit\n"
