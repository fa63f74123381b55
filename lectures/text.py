"""Shakespeare's plays as numbers, one per letter, for the language models of lecture 25.

    train, validation, test = split_plays(load_plays())
    symbols = encode(train)    # (length,)

The plays lie in lectures/data, which says whose they are. K letters: every character is one,
spaces and line ends too.
"""

import bz2
from collections.abc import Mapping
from pathlib import Path

from common.run import UserError

import torch
from torch import Tensor

DATA = Path(__file__).parent / "data"
GENRES = ("comedies", "histories", "romances", "tragedies")
LETTERS = "\n !\"&'(),-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz"
PLACE = {letter: i for i, letter in enumerate(LETTERS)}
START = PLACE["\n"]  # what every text is taken to follow, so that its first letter counts, too


def load_plays() -> dict[str, str]:
    """The 38 plays, title → text, in the order of their titles."""
    plays = {}
    for genre in GENRES:
        content = bz2.decompress((DATA / f"{genre}.txt.bz2").read_bytes()).decode("ascii")
        plays |= {text.partition("\n")[0]: text for text in content.split("\f")}
    return dict(sorted(plays.items()))


def split_plays(plays: Mapping[str, str]) -> tuple[str, str, str]:
    """The training text; one play to look at meanwhile; the test text: every tenth play, whole."""
    texts = list(plays.values())
    train = [text for i, text in enumerate(texts) if i % 10 != 9 and i != 4]
    return "".join(train), texts[4], "".join(texts[9::10])


def encode(text: str) -> Tensor:
    """Each letter's place in LETTERS, (length,); UserError where it has none, or for no letter."""
    if not text:
        raise UserError("the text is empty; give at least one letter")
    for letter in set(text):
        if letter not in PLACE:
            raise UserError(f"the letter {letter!r} does not occur in the plays; take others")
    return torch.tensor([PLACE[letter] for letter in text])


def decode(symbols: Tensor) -> str:
    """The text of symbols (length,)."""
    return "".join(LETTERS[i] for i in symbols.tolist())
