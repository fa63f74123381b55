"""Final Q6: the pairs of Latin and Arabic words, and how an answer is scored.

The pairs are name words and Algerian place words (final/data/README.md). An answer is scored by
the fewest letters to change, insert or delete; each of these edits is counted under the reason
that the Latin spelling gives for it, if it gives one.
"""

import bz2
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from final.seq2seq import ARABIC, EDGE, LATIN, PAD, Seq2Seq, beam_search

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

DATA = Path(__file__).parent / "data"
HELD_OUT = 10  # of 100 Arabic words
GAP = "-"  # in an alignment: no letter
# Letters that one Latin spelling may stand for. An edit is of the first kind with both its letters.
KINDS = {
    "vowel": ["-اوي"],  # long or short; a short one is not written
    "ayn": ["-اويعءؤئ"],  # ع, or hamza in its forms; the Latin has an apostrophe at best
    "silent_h": ["-اه"],  # at the end
    "h": ["هح"],
    "emphatic": ["سصث", "تطث", "دضذظز"],  # or plain: s, t, d, z
    "kq": ["كقغج"],  # k, q, g, j
}
OTHER = "other"  # the Latin gives the letter


class Pair(NamedTuple):
    """A Latin spelling, an Arabic word that it stands for, and how often that is attested."""

    latin: str
    arabic: str
    count: int


def load_pairs(name: str) -> list[Pair]:
    """The pairs of final/data/NAME.tsv.bz2, sorted by the Latin spelling."""
    lines = bz2.decompress((DATA / f"{name}.tsv.bz2").read_bytes()).decode().splitlines()
    return [Pair(latin, arabic, int(n)) for latin, arabic, n in map(str.split, lines)]


def is_held_out(arabic: str) -> bool:
    """Whether no spelling of this Arabic word is trained on; a hash decides, for a tenth."""
    number = int.from_bytes(hashlib.sha256(arabic.encode()).digest(), "big")
    return number % 100 < HELD_OUT


def split_pairs(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Training pairs; pairs of which neither word is in training; held-out pairs of known spelling.

    A split by the Latin spelling would leak: "yusuf" would teach what "youssef" asks. In the third
    list the spelling was trained with another Arabic word, which is then the likelier answer.
    """
    train = [pair for pair in pairs if not is_held_out(pair.arabic)]
    held_out = [pair for pair in pairs if is_held_out(pair.arabic)]
    known = {pair.latin for pair in train}
    unseen = [pair for pair in held_out if pair.latin not in known]
    return train, unseen, [pair for pair in held_out if pair.latin in known]


def encode_latin(word: str) -> Tensor:
    """x (T,): indices in LATIN."""
    return torch.tensor([LATIN.index(letter) for letter in word])


def encode_arabic(word: str) -> Tensor:
    """y (L,): 1 + index in ARABIC, and EDGE at the end."""
    return torch.tensor([1 + ARABIC.index(letter) for letter in word] + [EDGE])


def decode_arabic(signs: Sequence[int]) -> str:
    """The word up to the first EDGE."""
    signs = list(signs)
    return "".join(ARABIC[sign - 1] for sign in signs[: [*signs, EDGE].index(EDGE)])


class Batches:
    """Pairs in batches of one Latin length each, so that the encoder meets no padding.

    Args:
        pairs: what to go through.
        size: pairs in a batch at most.
        seed: gives a new order in each pass; None: short words first.
    """

    def __init__(self, pairs: Sequence[Pair], size: int, seed: int | None = None):
        self.x = [encode_latin(pair.latin) for pair in pairs]
        self.y = [encode_arabic(pair.arabic) for pair in pairs]
        self.size = size
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)
        self.letters = torch.tensor([len(y) for y in self.y])
        lengths = torch.tensor([len(x) for x in self.x])
        self.groups = [torch.nonzero(lengths == n)[:, 0] for n in lengths.unique()]

    def __len__(self) -> int:
        return sum(-(-len(group) // self.size) for group in self.groups)

    def __iter__(self):
        """(x (n, T), y (n, L) with PAD after the shorter words, indices (n,)) per batch."""
        groups, order = self.groups, range(len(self))
        if self.generator is not None:
            groups = [g[torch.randperm(len(g), generator=self.generator)] for g in groups]
            # Words of about one Arabic length together: a fifth less time for padding.
            groups = [g[torch.argsort(self.letters[g], stable=True)] for g in groups]
            order = torch.randperm(len(self), generator=self.generator).tolist()
        batches = [batch for group in groups for batch in group.split(self.size)]
        for batch in (batches[i] for i in order):
            y = pad_sequence([self.y[i] for i in batch], batch_first=True, padding_value=PAD)
            yield torch.stack([self.x[i] for i in batch]), y, batch


def transliterate(model: Seq2Seq, pairs: Sequence[Pair], beams: int) -> list[str]:
    """The best Arabic word found for each pair's spelling."""
    device = model.U.weight.device
    answers = [""] * len(pairs)
    for x, _, indices in Batches(pairs, size=512):
        letters, _ = beam_search(model, x.to(device), beams)
        for i, word in zip(indices.tolist(), letters[:, 0].tolist()):
            answers[i] = decode_arabic(word)
    return answers


def align(answer: str, target: str) -> list[tuple[str, str]]:
    """(letter given, letter wanted), with GAP on one side where a letter is too many or missing.

    The fewest pairs differ: their number is the edit distance.
    """
    cost = [[i + j for j in range(len(target) + 1)] for i in range(len(answer) + 1)]
    for i, given in enumerate(answer, 1):
        for j, wanted in enumerate(target, 1):
            change = cost[i - 1][j - 1] + (given != wanted)
            cost[i][j] = min(change, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    i, j, pairs = len(answer), len(target), []
    while i or j:  # back along the cheapest way
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (answer[i - 1] != target[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((answer[i], target[j]))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            pairs.append((answer[i], GAP))
        else:
            j -= 1
            pairs.append((GAP, target[j]))
    return pairs[::-1]


def edit_distance(answer: str, target: str) -> int:
    """The fewest letters to change, insert or delete."""
    return sum(given != wanted for given, wanted in align(answer, target))


def edit_kind(given: str, wanted: str) -> str:
    """Why the Latin does not decide between the two letters, or OTHER."""
    for kind, groups in KINDS.items():
        if any(given in group and wanted in group for group in groups):
            return kind
    return OTHER


def score(
    answers: Sequence[str], pairs: Sequence[Pair], all_pairs: Sequence[Pair]
) -> dict[str, Any]:
    """Scores of one answer per pair, each pair counted once.

    Args:
        answers: in the pairs' order.
        all_pairs: where the other attested Arabic words of a spelling are found.
    Returns:
        "cer": edits per letter of the pairs' Arabic words; "exact": share of the answers without an
        edit; "cer_any", "exact_any": the same with the edits to the nearest attested word;
        "kinds": edits of each kind per letter, which sum up to cer.
    """
    attested: dict[str, list[str]] = defaultdict(list)
    for pair in all_pairs:
        attested[pair.latin].append(pair.arabic)
    edits: Counter[str] = Counter()
    exact, nearest = [], []
    for answer, pair in zip(answers, pairs):
        wrong = [(given, wanted) for given, wanted in align(answer, pair.arabic) if given != wanted]
        edits.update(edit_kind(given, wanted) for given, wanted in wrong)
        exact.append(not wrong)
        words = [pair.arabic, *attested[pair.latin]]
        nearest.append(min(edit_distance(answer, word) for word in words))
    letters = sum(len(pair.arabic) for pair in pairs)
    return {
        "pairs": len(pairs),
        "cer": edits.total() / letters,
        "exact": sum(exact) / len(pairs),
        "cer_any": sum(nearest) / letters,
        "exact_any": nearest.count(0) / len(pairs),
        "kinds": {kind: edits[kind] / letters for kind in [*KINDS, OTHER]},
    }
