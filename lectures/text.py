"""Shakespeare's plays as numbers, one per letter, for the language models of lecture 25.

    plays = load_plays()                       # name → text
    train, validation, test = split_plays(plays)
    for x, y in stream_batches(encode(train), streams=32, length=64): ...

The plays lie in lectures/data, which says whose they are. K letters: every character counts as
one, spaces and line ends too.
"""

import bz2
from collections.abc import Iterator, Mapping
from pathlib import Path

from common.run import UserError

import torch
from torch import Tensor

DATA = Path(__file__).parent / "data"
GENRES = ("comedies", "histories", "romances", "tragedies")
LETTERS = (
    "\n !\"&'(),-.0123456789:;?"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz"
)  # fmt: skip


def load_plays() -> dict[str, str]:
    """The 38 plays, title → text, in the order of their titles."""
    plays = {}
    for genre in GENRES:
        content = bz2.decompress((DATA / f"{genre}.txt.bz2").read_bytes()).decode("ascii")
        plays |= {text.partition("\n")[0]: text for text in content.split("\f")}
    return dict(sorted(plays.items()))


def split_plays(plays: Mapping[str, str]) -> tuple[str, str, str]:
    """Training text; a play to look at while training; the test text: every tenth play, whole."""
    texts = list(plays.values())
    train = [text for i, text in enumerate(texts) if i % 10 != 9 and i != 4]
    return "\n".join(train), texts[4], "\n".join(texts[9::10])


def encode(text: str) -> Tensor:
    """Each letter's index in LETTERS, (length,); UserError for a letter that has none."""
    for letter in text:
        if letter not in LETTERS:
            raise UserError(f"the letter {letter!r} is not in the plays; they have {LETTERS!r}")
    return torch.tensor([LETTERS.index(letter) for letter in text])


def decode(symbols: Tensor) -> str:
    """The text of indices (length,)."""
    return "".join(LETTERS[i] for i in symbols.tolist())
