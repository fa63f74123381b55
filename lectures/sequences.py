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
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.layers import Dropout

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

DATA = Path(__file__).parent / "data"
PAD = 0  # the sign after the end of the shorter sequences of a batch


class Example(NamedTuple):
    """A text, its class, the word that decides in which fold it is, and how clear the class is."""

    text: str
    label: int
    key: str
    weight: float = 1.0


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
        counts = np.full((classes, len(self.index)), float(alpha))
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


class Reader(nn.Module):
    """Many to one: a vector for each sign, an LSTM, and logits of the classes.

    Args:
        signs: K, PAD included.
        classes: C.
        mean: the classes are read from the mean of all outputs, else from the last one.
        both: a second LSTM reads from the end.
    """

    def __init__(self, signs: int, classes: int, embedding: int = 32, width: int = 128,
                 dropout: float = 0.3, mean: bool = False, both: bool = False):  # fmt: skip
        super().__init__()
        self.vectors = nn.Embedding(signs, embedding)
        self.layers = nn.LSTM(embedding, width, bidirectional=both)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(width * (1 + both), classes)
        self.mean = mean

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logits (n, C) of padded sequences x (T, n); what lies after a sequence has no part."""
        packed = pack_padded_sequence(self.dropout(self.vectors(x)), lengths.cpu(),
                                      enforce_sorted=False)  # fmt: skip
        y, (last, _) = self.layers(packed)
        if self.mean:
            y, _ = pad_packed_sequence(y)  # (T, n, h or 2h), 0 after the end
            y = y.sum(0) / lengths[:, None].to(y)
        else:
            y = torch.cat(tuple(last), 1)
        return self.out(self.dropout(y))  # [l24 13]


def train_reader(
    model: Reader,
    sequences: Sequence[Sequence[int]],
    targets: Tensor,
    epochs: int,
    lr: float,
    seed: int,
    batch: int = 64,
) -> None:
    """Adam with η falling as a cosine.

    Args:
        targets: the classes' probabilities, (N, C).
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), lr)
    steps = epochs * -(-len(sequences) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2
    )
    model.train()
    for _ in range(epochs):
        for index in torch.randperm(len(sequences), generator=generator).split(batch):
            x, lengths = pad_sequences([sequences[i] for i in index.tolist()])
            loss = cross_entropy(model(x.to(device), lengths.to(device)), targets[index].to(device))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()


@torch.no_grad()
def classify(model: Reader, sequences: Sequence[Sequence[int]]) -> Tensor:
    """ln p of the classes, (N, C), on the CPU."""
    model.eval()
    device = next(model.parameters()).device
    found = []
    for begin in range(0, len(sequences), 500):
        x, lengths = pad_sequences(sequences[begin : begin + 500])
        found.append(model(x.to(device), lengths.to(device)).log_softmax(1).cpu())
    return torch.cat(found)
