"""Lecture 24's sequences: surnames, definitions, sunspots; and naive Bayes, the yardstick.

The files lie in lectures/data, which says whose they are. C classes.
"""

import bz2
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

DATA = Path(__file__).parent / "data"


class Example(NamedTuple):
    """A text, its class, the word that decides in which fold it is, and how clear the class is."""

    text: str
    label: int
    key: str
    weight: float = 1.0


def load_surnames() -> tuple[list[Example], list[str]]:
    """14,149 surnames in the letters a to z, each of one language; the 13 languages."""
    lines = bz2.decompress((DATA / "surnames.txt.bz2").read_bytes()).decode().splitlines()
    rows = [line.split() for line in lines]
    names = [Example(name, i, name) for i, row in enumerate(rows) for name in row[1:]]
    return names, [row[0] for row in rows]


def load_definitions() -> tuple[list[Example], list[str]]:
    """1,807 definitions of words, in lower case, and whether the word is a good one."""
    lines = bz2.decompress((DATA / "definitions.tsv.bz2").read_bytes()).decode().splitlines()
    rows = [line.split("\t") for line in lines]
    examples = [Example(text.lower(), int(float(p) > 0), word, abs(float(p)))
                for p, word, text in rows]  # fmt: skip
    return examples, ["negative", "positive"]


def load_sunspots() -> tuple[np.ndarray, np.ndarray]:
    """Years 1700 to 2008, and the mean number of sunspots in each: (309,) and (309,)."""
    table = np.loadtxt(DATA / "sunspots.csv", delimiter=",", skiprows=1)
    return table[:, 0].astype(int), table[:, 1]


def find_fold(key: str, folds: int) -> int:
    """Which of the folds a word is in: a hash decides, so all senses of a word are in one."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % folds


def split_words(text: str) -> list[str]:
    """Its words; at least one, if only the empty one."""
    return re.findall(r"[a-z']+", text) or [""]


def find_endings(text: str, length: int) -> list[str]:
    """At each letter of a marked word, the run of at most `length` letters that ends there."""
    return [text[max(0, i - length + 1) : i + 1] for i in range(len(text))]


def find_ngrams(text: str, longest: int = 3) -> list[str]:
    """All runs of 1 to `longest` letters of a marked word: what naive Bayes counts."""
    return [text[i : i + n] for n in range(1, longest + 1) for i in range(len(text) - n + 1)]


class NaiveBayes:
    """argmax_c log p(c) + Σ log p(feature | c), each count `alpha` more than it is.

    Args:
        features: one list of features per text.
        labels: 0, …, C − 1.
    """

    def __init__(self, features: Sequence[Sequence[str]], labels: Sequence[int], alpha: float = 1):
        classes = max(labels) + 1
        self.index = {
            each: i for i, each in enumerate(sorted({f for row in features for f in row}))
        }
        counts = self.counts = np.full((classes, len(self.index)), float(alpha))
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
