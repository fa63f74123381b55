"""Many to one: a network that reads a text and says which class it is of.

    texts = read_letters(names, inside)    # signs, and what naive Bayes knows of them
    model = Reader(signs, classes, kinds)
    train_reader(model, texts, targets, epochs=5, lr=4e-3, seed=0)

For lecture 24. n texts of at most T signs, the shorter ones padded; K signs, C classes, h entries
of a state. The recurrent layer is torch's, which is recurrent.py's in compiled code.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from common.layers import Dropout
from lectures.sequences import Example, NaiveBayes, find_endings

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

PAD = 0  # the sign after the end of the shorter texts of a batch
LENGTHS = (1, 2, 3, 4)  # letters of the runs whose evidence is read


class Text(NamedTuple):
    """Signs, and the evidence at each of them, (signs, kinds, C)."""

    signs: Sequence[int]
    evidence: np.ndarray


def pad_texts(texts: Sequence[Text]) -> tuple[Tensor, Tensor, Tensor]:
    """Signs (T, n) with PAD after the shorter ones, evidence (T, n, kinds, C), lengths (n,)."""
    lengths = torch.tensor([len(text.signs) for text in texts])
    x = torch.full((int(lengths.max()), len(texts)), PAD)
    evidence = torch.zeros(*x.shape, *texts[0].evidence.shape[1:])
    for i, text in enumerate(texts):
        x[: len(text.signs), i] = torch.tensor(text.signs)
        evidence[: len(text.signs), i] = torch.from_numpy(text.evidence).to(evidence)
    return x, evidence, lengths


class Evidence:
    """What naive Bayes knows of each feature, as numbers for a network: ln p(feature | c).

    Args:
        bayes: of the training texts.
    """

    def __init__(self, bayes: NaiveBayes):
        self.bayes = bayes
        self.totals = bayes.counts.sum(1)

    def look_up(self, features: Sequence[str], label: int | None = None) -> np.ndarray:
        """(features, C), each row less its mean; 0 for a feature that was never seen.

        Args:
            label: of a training text. What this text has added to the counts is taken out again:
                else a network would trust in training what no new text can offer.
        """
        own = Counter(features)
        rows = np.zeros((len(features), len(self.totals)))
        for row, feature in zip(rows, features):
            if feature in self.bayes.index:
                counts = self.bayes.counts[:, self.bayes.index[feature]].copy()
                if label is not None:
                    counts[label] -= own[feature]
                row[:] = np.log(counts / self.totals)
                row -= row.mean()
        return rows


class Reader(nn.Module):
    """Many to one: an LSTM from each end, and logits of the classes.

    At each step it reads a vector for the sign, and what naive Bayes knows, which also goes
    straight to the logits: so it begins as naive Bayes, less sure of itself.

    Args:
        signs: K, PAD included.
        classes: C.
        kinds: of evidence; C numbers of each at every step.
    """

    def __init__(self, signs: int, classes: int, kinds: int, embedding: int = 16, width: int = 64,
                 dropout: float = 0.3):  # fmt: skip
        super().__init__()
        self.vectors = nn.Embedding(signs, embedding)
        self.layers = nn.LSTM(embedding + kinds * classes, width, bidirectional=True)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(2 * width, classes)
        self.trust = nn.Parameter(torch.full((kinds, 1), 0.5 / kinds))

    def forward(self, x: Tensor, evidence: Tensor, lengths: Tensor) -> Tensor:
        """Logits (n, C); what lies after the end of a sequence has no part.

        Args:
            x: signs, (T, n), padded.
            evidence: (T, n, kinds, C), 0 after the end.
            lengths: (n,).
        """
        fed = torch.cat((self.dropout(self.vectors(x)), evidence.flatten(2)), 2)
        packed = pack_padded_sequence(fed, lengths.cpu(), enforce_sorted=False)
        y, _ = pad_packed_sequence(self.layers(packed)[0])  # (T, n, 2h), 0 after the end
        mean = y.sum(0) / lengths[:, None].to(y)
        known = (self.trust * evidence.sum(0)).sum(1)
        return known + self.out(self.dropout(mean))  # [l24 13]


def train_reader(model: Reader, texts: Sequence[Text], targets: Tensor, epochs: int, lr: float,
                 seed: int, batch: int = 64) -> None:  # fmt: skip
    """Adam with η falling as a cosine.

    Args:
        targets: the classes' probabilities, (N, C), times what the text counts.
    """
    generator = torch.Generator().manual_seed(seed)
    device = model.out.weight.device
    optimizer = torch.optim.Adam(model.parameters(), lr)
    steps = epochs * -(-len(texts) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2
    )
    model.train()
    for _ in range(epochs):
        for index in torch.randperm(len(texts), generator=generator).split(batch):
            x = [each.to(device) for each in pad_texts([texts[i] for i in index.tolist()])]
            loss = cross_entropy(model(*x), targets[index].to(device))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()


@torch.no_grad()
def classify(model: Reader, texts: Sequence[Text]) -> Tensor:
    """ln p of the classes, (N, C), on the CPU."""
    model.eval()
    device = model.out.weight.device
    found = []
    for begin in range(0, len(texts), 500):
        x = [each.to(device) for each in pad_texts(texts[begin : begin + 500])]
        found.append(model(*x).log_softmax(1).cpu())
    return torch.cat(found)


def read_letters(names: list[Example], inside: np.ndarray) -> list[Text]:
    """Letters as signs; the evidence is of the runs of 1 to 4 letters that end at each."""
    marked = [f"^{name.text}$" for name in names]
    letters = sorted(set("".join(marked)))
    kinds, known = [], set(inside.tolist())
    for length in LENGTHS:
        runs = [find_endings(name, length) for name in marked]
        evidence = learn_evidence(runs, names, inside, 0.3)
        kinds.append([evidence.look_up(each, name.label if i in known else None)
                      for i, (each, name) in enumerate(zip(runs, names))])  # fmt: skip
    return [Text([1 + letters.index(c) for c in name], np.stack(each, 1))
            for name, each in zip(marked, zip(*kinds))]  # fmt: skip


def learn_evidence(
    features: list[list[str]], examples: list[Example], inside: np.ndarray, alpha: float
) -> Evidence:
    """What naive Bayes learns from the examples `inside`."""
    labels = [examples[i].label for i in inside]
    return Evidence(NaiveBayes([features[i] for i in inside], labels, alpha))
