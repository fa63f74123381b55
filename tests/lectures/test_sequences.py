"""Lecture 24's data and readers: what the files hold, naive Bayes, padding."""

import json

from lectures import l24_sequences as l24
from lectures.data import make_sequences
from lectures.sequences import (
    PAD,
    NaiveBayes,
    Reader,
    balanced_accuracy,
    classify,
    find_fold,
    find_ngrams,
    load_definitions,
    load_sunspots,
    load_surnames,
    pad_sequences,
    split_letters,
    split_words,
    train_reader,
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
    assert split_letters("ab") == ["^", "a", "b", "$"]
    assert split_words("not (only) good's 2") == ["not", "only", "good's"]
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


@pytest.mark.parametrize(("mean", "both"), [(False, False), (True, True), (False, True)])
def test_a_padded_sequence_gives_what_it_gives_alone(mean, both):
    torch.manual_seed(0)
    model = Reader(6, 3, 4, 5, mean=mean, both=both).eval()
    sequences = [[1, 2, 3], [4], [5, 4, 3, 2, 1]]
    x, lengths = pad_sequences(sequences)
    assert x.T.tolist() == [[1, 2, 3, PAD, PAD], [4, *[PAD] * 4], [5, 4, 3, 2, 1]]
    together = model(x, lengths)
    for row, each in zip(together, sequences):
        alone = model(torch.tensor(each)[:, None], torch.tensor([len(each)]))[0]
        torch.testing.assert_close(row, alone)
    torch.testing.assert_close(classify(model, sequences), together.log_softmax(1))


def test_the_mean_is_over_a_sequence_s_own_outputs():
    torch.manual_seed(0)
    model = Reader(6, 3, 4, 5, mean=True).eval()
    y, _ = model.layers(model.vectors(torch.tensor([[1], [2]])))
    expected = model.out(y[:, 0].mean(0))
    x, lengths = pad_sequences([[1, 2], [3, 4, 5, 1]])
    torch.testing.assert_close(model(x, lengths)[0], expected)


def test_a_reader_learns():
    torch.manual_seed(0)
    sequences = [[1 + (i + j) % 3 for j in range(2 + i % 4)] for i in range(60)]
    labels = torch.tensor([sequence[0] - 1 for sequence in sequences])
    model = Reader(4, 3, 8, 16, 0.1)
    train_reader(model, sequences, one_hot(labels, 3).float(), 12, 0.02, 0, 16)
    log_p = classify(model, sequences)
    assert cross_entropy(log_p, labels) < 0.3
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(60))


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
    assert 0.1 < results["b"]["bayes"]["accuracy"] <= 1 > results["b"]["majority"] > 0.15
    assert (
        set(results["c"]) == {"bayes", "lstm_alone", "lstm"}
        and len(results["c"]["lstm"]["folds"]) == 3
    )
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
