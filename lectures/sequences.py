"""Lecture 24's sequences: surnames, definitions, sunspots, and the networks that read or write one.

The files lie in lectures/data, which says whose they are. n sequences of at most T signs, the
shorter ones padded; K signs, h entries of a state, C classes. The recurrent layers are torch's,
which are recurrent.py's with the loop over time in compiled code.
"""

import bz2
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

DATA = Path(__file__).parent / "data"
PAD = 0  # the sign after the end of the shorter sequences of a batch


class Example(NamedTuple):
    """A text, its class, and the word that decides in which fold it is."""

    text: str
    label: int
    key: str


def load_surnames() -> tuple[list[Example], list[str]]:
    """14,152 surnames in the letters a to z, each of one language; the 13 languages."""
    lines = bz2.decompress((DATA / "surnames.txt.bz2").read_bytes()).decode().splitlines()
    rows = [line.split() for line in lines]
    names = [Example(name, i, name) for i, row in enumerate(rows) for name in row[1:]]
    return names, [row[0] for row in rows]


def load_definitions() -> tuple[list[Example], list[str]]:
    """1,807 definitions of words, in lower case, and whether the word is a good one."""
    lines = bz2.decompress((DATA / "definitions.tsv.bz2").read_bytes()).decode().splitlines()
    rows = [line.split("\t") for line in lines]
    examples = [Example(text.lower(), int(float(p) > 0), word) for p, word, text in rows]
    return examples, ["negative", "positive"]


def load_sunspots() -> tuple[np.ndarray, np.ndarray]:
    """Years 1700 to 2008, and the mean number of sunspots in each: (309,) and (309,)."""
    table = np.loadtxt(DATA / "sunspots.csv", delimiter=",", skiprows=1)
    return table[:, 0].astype(int), table[:, 1]


def find_fold(key: str, folds: int) -> int:
    """Which of the folds a word is in: a hash decides, so all senses of a word are in one."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % folds


def split_letters(text: str) -> list[str]:
    """Its letters, with a mark at each end."""
    return list(f"^{text}$")


def split_words(text: str) -> list[str]:
    """Its words; "un-", "-less" and the like stay where they are."""
    return re.findall(r"[a-z']+", text)


def find_ngrams(text: str, longest: int = 3) -> list[str]:
    """All runs of 1 to `longest` letters of a marked word: what naive Bayes counts."""
    return [text[i : i + n] for n in range(1, longest + 1) for i in range(len(text) - n + 1)]


class NaiveBayes:
    """argmax_c log p(c) + Σ log p(feature | c), each count one more than it is.

    Args:
        features: one list of features per text.
        labels: 0, …, C − 1.
    """

    def __init__(self, features: Sequence[Sequence[str]], labels: Sequence[int]):
        classes = max(labels) + 1
        self.index = {each: i for i, each in enumerate(sorted({f for row in features for f in row}))}
        counts = np.ones((classes, len(self.index)))
        for row, label in zip(features, labels):
            for feature, count in Counter(row).items():
                counts[label, self.index[feature]] += count
        self.log_p = np.log(counts / counts.sum(1, keepdims=True))
        self.prior = np.log(np.bincount(labels, minlength=classes) / len(labels))

    def classify(self, features: Sequence[Sequence[str]]) -> np.ndarray:
        """The class of each text, (n,); a feature that was never seen says nothing."""
        known = ([self.index[f] for f in row if f in self.index] for row in features)
        return np.array([(self.prior + self.log_p[:, row].sum(1)).argmax() for row in known])


def balanced_accuracy(found: np.ndarray, labels: np.ndarray) -> float:
    """The mean over the classes of the share of their members that are found."""
    return float(np.mean([(found[labels == c] == c).mean() for c in np.unique(labels)]))


def pad_sequences(sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """(T, n) with PAD after the shorter ones, and their lengths (n,)."""
    lengths = torch.tensor([len(each) for each in sequences])
    x = torch.full((int(lengths.max()), len(sequences)), PAD)
    for i, each in enumerate(sequences):
        x[: len(each), i] = torch.tensor(each)
    return x, lengths
