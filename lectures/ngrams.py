"""Letters counted: the n-gram model of lecture 25, with backing off as by Kneser and Ney.

    model = NGram(symbols, order=5, letters=78)
    bits = -np.log2(model.probabilities(test))

p(x_t | the n − 1 letters before) is a share of counts; where the counts are few, a part of the
probability goes to the model of order n − 1, which goes on in the same way down to the uniform one.
A run of n letters is one number of n digits to the base K, so n ≤ 10 for 78 letters.
"""

import numpy as np


def encode_runs(symbols: np.ndarray, length: int, base: int) -> np.ndarray:
    """The number of each run of `length` letters in symbols (N,): (N − length + 1,), int64."""
    codes = np.zeros(len(symbols) - length + 1, dtype=np.int64)
    for i in range(length):
        codes = codes * base + symbols[i : i + len(codes)]
    return codes


class Table:
    """Counts of the runs of one length, and of what follows each run that is a letter shorter.

    Args:
        codes, counts: of the different runs, in the order of their codes.
    """

    def __init__(self, codes: np.ndarray, counts: np.ndarray, base: int):
        self.codes, self.counts = codes, counts
        self.contexts, place = np.unique(codes // base, return_inverse=True)
        self.totals = np.bincount(place, counts)  # of all that follows a context
        self.kinds = np.bincount(place)  # different letters that follow it
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        # The discount that would be best for runs left out one by one; Ney, Essen, Kneser, 1994.
        self.discount = once / (once + 2 * twice) if once else 0.5

    def find(self, keys: np.ndarray, wanted: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The value beside each wanted key, 0 where there is no such key; keys are sorted."""
        place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        return np.where(keys[place] == wanted, values[place], 0)


class NGram:
    """Interpolated Kneser–Ney model.

    Args:
        symbols: the training text, (N,).
        order: n.
        letters: K.
    """

    def __init__(self, symbols: np.ndarray, order: int, letters: int):
        self.order, self.K = order, letters
        codes, counts = np.unique(encode_runs(symbols, order, letters), return_counts=True)
        self.tables = [Table(codes, counts, letters)]
        for length in range(order - 1, 0, -1):
            # Below the highest order a run counts once for each different letter before it: after
            # "Verona" every letter is likely that follows "a" in many words, not the commonest one.
            codes, counts = np.unique(self.tables[0].codes % letters**length, return_counts=True)
            self.tables.insert(0, Table(codes, counts, letters))

    def condition(self, contexts: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """p(symbols | contexts), elementwise; the contexts are codes of order − 1 letters."""
        p = np.full(np.broadcast_shapes(contexts.shape, symbols.shape), 1 / self.K)
        for length, table in enumerate(self.tables, start=1):
            context = contexts % self.K ** (length - 1)
            total = table.find(table.contexts, context, table.totals)
            count = table.find(table.codes, context * self.K + symbols, table.counts)
            kinds = table.find(table.contexts, context, table.kinds)
            with np.errstate(invalid="ignore", divide="ignore"):
                kept = np.maximum(count - table.discount, 0) / total
                passed = table.discount * kinds / total
            p = np.where(total > 0, kept + passed * p, p)  # [l25 13]
        return p

    def probabilities(self, symbols: np.ndarray, start: int = 0) -> np.ndarray:
        """p of each letter of a text (N,) given those before it, the first of them `start`."""
        before = np.full(self.order - 1, start)
        contexts = encode_runs(np.r_[before, symbols], max(self.order - 1, 1), self.K)
        contexts = contexts[: len(symbols)] if self.order > 1 else np.zeros_like(symbols)
        return self.condition(contexts, symbols)

    def has_seen(self, symbols: np.ndarray, start: int = 0) -> float:
        """The share of a text's letters that the training text has after the same n − 1 letters."""
        codes = encode_runs(np.r_[np.full(self.order - 1, start), symbols], self.order, self.K)
        return float(np.isin(codes, self.tables[-1].codes).mean())

    def find_depths(self, symbols: np.ndarray, start: int = 0) -> np.ndarray:
        """How many of the letters before each one, 0 to n − 1, stand so in the training text."""
        padded = np.r_[np.full(self.order - 1, start), symbols]
        depths = np.zeros(len(symbols), dtype=int)
        for length, table in enumerate(self.tables[1:], start=1):
            codes = encode_runs(padded, length, self.K)[self.order - 1 - length :]
            depths[np.isin(codes[: len(symbols)], table.contexts)] = length
        return depths

    def sample(self, length: int, rng: np.random.Generator, start: int = 0) -> np.ndarray:
        """A text of `length` letters, each drawn given those before it."""
        text = [start] * max(self.order - 1, 1)
        for _ in range(length):
            context = encode_runs(np.array(text[-max(self.order - 1, 1) :]), max(self.order - 1, 1),
                                  self.K)  # fmt: skip
            p = self.condition(context, np.arange(self.K))
            text.append(int(rng.choice(self.K, p=p / p.sum())))
        return np.array(text[-length:])
