"""Lecture 25's plays: what the files hold, whole plays apart, bad letters."""

from common.run import UserError
from lectures.text import DATA, GENRES, LETTERS, START, decode, encode, load_plays, split_plays

import pytest


@pytest.fixture(scope="module")
def plays() -> dict[str, str]:
    return load_plays()


def test_the_plays_are_all_there(plays):
    assert len(plays) == 38 and list(plays) == sorted(plays)
    assert "".join(sorted(set("".join(plays.values())))) == LETTERS
    assert sum(map(len, plays.values())) == 4_955_615
    assert "To be, or not to be: that is the question:\n" in plays["Hamlet"]
    assert all(
        text.startswith(f"{title}\n\n") and text.endswith("\n") for title, text in plays.items()
    )
    assert "*" not in plays["Hamlet"] and "_" not in plays["Hamlet"]


def test_the_files_are_small():
    assert all((DATA / f"{genre}.txt.bz2").stat().st_size <= 500_000 for genre in GENRES)


def test_whole_plays_are_held_out(plays):
    train, looked, test = split_plays(plays)
    assert len(train) + len(looked) + len(test) == sum(map(len, plays.values()))
    assert looked == plays["Antony and Cleopatra"]
    assert test == plays["Hamlet"] + plays["King Lear"] + plays["The Merchant of Venice"]
    held_out = {"Antony and Cleopatra", "Hamlet", "King Lear", "The Merchant of Venice"}
    for title, text in plays.items():
        assert (text in train) == (title not in held_out)


def test_letters_and_back():
    symbols = encode("To be\n")
    assert symbols.tolist() == [LETTERS.index(letter) for letter in "To be\n"]
    assert decode(symbols) == "To be\n" and symbols[-1] == START


@pytest.mark.parametrize(("text", "message"), [("", "empty"), ("caf\u00e9", "'é' does not occur")])
def test_bad_text_is_one_line(text, message):
    with pytest.raises(UserError, match=message) as error:
        encode(text)
    assert "\n" not in str(error.value)
