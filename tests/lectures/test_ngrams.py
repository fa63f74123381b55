"""Lecture 25's n-grams against counting by hand with dictionaries and fractions."""

from collections import Counter

from lectures.ngrams import NGram, encode_runs

import numpy as np
import pytest

TEXT = np.array([0, 1, 2, 0, 1, 3, 0, 1, 2, 2, 0, 3, 1, 2, 0, 1, 1, 3, 2, 0])


def test_runs_are_numbers():
    assert encode_runs(np.array([1, 2, 3, 0]), 2, 10).tolist() == [12, 23, 30]
    assert encode_runs(np.array([5, 7]), 1, 10).tolist() == [5, 7]


def discount(counts: Counter) -> float:
    once, twice = (sum(c == k for c in counts.values()) for k in (1, 2))
    return once / (once + 2 * twice) if once else 0.5


def by_hand(text: list[int], order: int, K: int, context: tuple, symbol: int) -> float:
    """Interpolated Kneser–Ney, by the definition."""
    runs = [Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1))]
    for length in range(order - 1, 0, -1):
        runs.insert(0, Counter(run[-length:] for run in runs[0]))  # different letters before it
    p = 1 / K
    for length in range(1, order + 1):
        counts = runs[length - 1]
        before = context[len(context) - length + 1 :]
        following = {run: c for run, c in counts.items() if run[:-1] == before}
        if not following:
            continue
        D, total = discount(counts), sum(following.values())
        p = max(following.get((*before, symbol), 0) - D, 0) / total + D * len(following) / total * p
    return p


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_by_hand_and_sum_to_one(order):
    model = NGram(TEXT, order, 5)  # the letter 4 never occurs
    for context in ((0, 1, 2), (3, 3, 3), (4, 4, 0), (2, 0, 1)):
        context = context[3 - (order - 1) :]
        code = np.array([sum(c * 5**i for i, c in enumerate(reversed(context)))])
        p = model.condition(code, np.arange(5))
        expected = [by_hand(TEXT.tolist(), order, 5, context, symbol) for symbol in range(5)]
        np.testing.assert_allclose(p, expected)
        assert p.sum() == pytest.approx(1) and (p > 0).all()


@pytest.mark.parametrize("order", [1, 2, 4])
def test_each_letter_of_a_text_is_conditioned_on_those_before_it(order):
    model, text = NGram(TEXT, order, 5), np.array([2, 0, 4, 1])
    padded = [3] * (order - 1) + text.tolist()
    expected = [by_hand(TEXT.tolist(), order, 5, tuple(padded[t : t + order - 1]), symbol)
                for t, symbol in enumerate(text)]  # fmt: skip
    np.testing.assert_allclose(model.probabilities(text, 3), expected)


def test_what_has_been_seen():
    model = NGram(TEXT, 2, 5)
    assert model.has_seen(np.array([1, 2, 3, 1]), 0) == 3 / 4  # 01 12 and 31, but not 23


def test_how_far_back_the_text_is_known():
    model, text = NGram(TEXT, 4, 5), np.array([1, 2, 2, 4, 0, 1, 2])
    padded = [0, 0, 0, *text]
    runs = {
        tuple(TEXT[i : i + n]) for n in range(4) for i in range(len(TEXT) - n)
    }  # a letter after
    expected = [max(n for n in range(4) if tuple(padded[t + 3 - n : t + 3]) in runs)
                for t in range(len(text))]  # fmt: skip
    assert model.find_depths(text, 0).tolist() == expected
    assert len(set(expected)) > 2


def test_a_sample_follows_the_probabilities():
    model = NGram(TEXT, 2, 5)
    text = model.sample(3000, np.random.default_rng(0))
    after = np.bincount(text[1:][text[:-1] == 0], minlength=5)
    expected = model.condition(np.array([0]), np.arange(5))
    np.testing.assert_allclose(after / after.sum(), expected, atol=0.05)
    assert len(text) == 3000
