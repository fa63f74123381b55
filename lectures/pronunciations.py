"""English words and how they are said: the data of lecture 25's transformer, and its scores.

The CMU Pronouncing Dictionary without stress marks (data/README.md). A pronunciation is a string
with one sign for each of the 39 phones, so that its edits are counted as a word's are.
"""

import hashlib
import lzma
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from final.name_pairs import edit_distance, encode_latin
from final.seq2seq import EDGE, PAD

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

FILE = Path(__file__).parent / "data" / "pronunciations.txt.xz"
PHONES = [
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH"),
    *("IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH"),
    *("UW", "V", "W", "Y", "Z", "ZH"),
]
SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"  # one for each of PHONES
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
HELD_OUT = 5  # of 100 words

Words = dict[str, list[str]]  # word → its pronunciations
Pair = tuple[str, str]  # a word and one of them


def load_words() -> Words:
    """All 117,493 words; data/make_pronunciations.py says how the file is written."""
    endings, said = lzma.decompress(FILE.read_bytes()).decode("ascii").split("\n\n")
    words, word = {}, ""
    for ending, variants in zip(endings.splitlines(), said.splitlines()):
        word = word[: DIGITS.index(ending[0])] + ending[1:]
        words[word] = variants.split()
    return words


def is_held_out(word: str) -> bool:
    """Whether the word is for the test, with all its pronunciations; a hash decides."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest(), "big") % 100 < HELD_OUT


def split_words(words: Words) -> tuple[list[Pair], Words]:
    """Pairs to train on, one for each pronunciation, and the words of the test."""
    train = [(word, each) for word in words if not is_held_out(word) for each in words[word]]
    return train, {word: variants for word, variants in words.items() if is_held_out(word)}


def encode_phones(said: str) -> Tensor:
    """y (L,): 1 + index in SIGNS, and EDGE at the end."""
    return torch.tensor([1 + SIGNS.index(sign) for sign in said] + [EDGE])


def decode_phones(signs: Sequence[int]) -> str:
    """The pronunciation up to the first EDGE."""
    signs = list(signs)
    return "".join(SIGNS[sign - 1] for sign in signs[: [*signs, EDGE].index(EDGE)])


def spell_out(said: str) -> str:
    """The phones' names: "HH EH L OW"."""
    return " ".join(PHONES[SIGNS.index(sign)] for sign in said)


def cut_batches(
    pairs: Sequence[Pair], size: int, generator: torch.Generator | None = None
) -> list[list[int]]:
    """Places in `pairs`, in batches of one word length each, so that no encoder meets padding.

    Args:
        size: pairs in a batch at most.
        generator: draws a new order; without it, short words come first.
    """
    order = list(range(len(pairs)))
    if generator is not None:
        order = torch.randperm(len(pairs), generator=generator).tolist()
    groups = defaultdict(list)
    for i in sorted(order, key=lambda i: len(pairs[i][1])):  # of about one length: little padding
        groups[len(pairs[i][0])].append(i)
    batches = [group[i : i + size] for _, group in sorted(groups.items())
               for i in range(0, len(group), size)]  # fmt: skip
    if generator is not None:
        batches = [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
    return batches


def read_batches(
    pairs: Sequence[Pair], batches: list[list[int]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """x (n, T), indices in LATIN, and y (n, L), phones with PAD after the shorter, per batch."""
    for batch in batches:
        y = [encode_phones(pairs[i][1]) for i in batch]
        x = torch.stack([encode_latin(pairs[i][0]) for i in batch])
        yield x, pad_sequence(y, batch_first=True, padding_value=PAD)


def score(answers: Sequence[str], words: Words) -> dict[str, Any]:
    """Scores of one answer per word, against the nearest of the word's pronunciations.

    Returns:
        "per": phones to change, insert or delete, over the phones asked for; "wer": share of the
        answers that are none of the word's pronunciations.
    """
    edits, phones, wrong = 0, 0, 0
    for answer, variants in zip(answers, words.values()):
        fewest, length = min((edit_distance(answer, each), len(each)) for each in variants)
        edits, phones, wrong = edits + fewest, phones + length, wrong + (fewest > 0)
    return {"words": len(words), "per": edits / phones, "wer": wrong / len(words)}
