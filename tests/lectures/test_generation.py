"""Lecture 25's writing: top-k and temperature by torch, beam search against all texts."""

import itertools

from common.run import UserError
from lectures.generation import beam_search, filter_logits, sample
from lectures.language_models import K, RecurrentLM, TransformerLM
from lectures.text import LETTERS, START, encode

import pytest
import torch


@pytest.fixture(scope="module")
def model() -> RecurrentLM:
    torch.manual_seed(0)
    model = RecurrentLM("LSTM", 8, embedding=4, orders=(2,), slots=64)
    model.out.weight.data *= 6
    return model


def log_p(model, prompt: str, text: str) -> float:
    letters = torch.cat((torch.tensor([START]), encode(prompt + text)))
    with torch.no_grad():
        table = model(letters[None, :-1])[0][0].log_softmax(1)
    return table[-len(text) :].gather(1, letters[-len(text) :, None]).sum().item()


def test_temperature_and_top_k():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 3.0, 2.0, 1.0]])
    torch.testing.assert_close(filter_logits(logits, 0.5).softmax(1), (2 * logits).softmax(1))
    p = filter_logits(logits, 1, 2).softmax(1)
    assert ((p > 0).sum(1) == 2).all()
    torch.testing.assert_close(p[0, :2], logits[0, :2].softmax(0))
    torch.testing.assert_close(p[1, 1:3], logits[1, 1:3].softmax(0))


def test_samples_follow_the_network(model):
    texts = sample(model, "To", 1, count=4000, seed=3)
    with torch.no_grad():
        letters = torch.cat((torch.tensor([START]), encode("To")))
        p = model(letters[None])[0][0, -1].softmax(0)
    found = torch.tensor([texts.count(letter) for letter in LETTERS]) / 4000
    assert (found - p).abs().max() < 0.03
    assert sample(model, "To", 9, seed=1) == sample(model, "To", 9, seed=1)
    assert sample(model, "To", 9, seed=1) != sample(model, "To", 9, seed=2)


def test_the_likeliest_letter_each_time(model):
    greedy, score = beam_search(model, "To", 12, 1)
    assert sample(model, "To", 12, top_k=1) == [greedy]
    assert sample(model, "To", 12, temperature=1e-4) == [greedy]
    assert score == pytest.approx(log_p(model, "To", greedy), rel=1e-4)
    text = ""
    for _ in range(12):
        text += max(LETTERS, key=lambda letter: log_p(model, "To" + text, letter))
    assert text == greedy


def test_a_wide_beam_finds_the_best_of_all_texts(model):
    texts = ["".join(pair) for pair in itertools.product(LETTERS, repeat=2)]
    with torch.no_grad():
        begin = torch.cat((torch.tensor([START]), encode("To")))
        first = model(begin[None])[0][0, -1].log_softmax(0)
        fed = torch.cat((begin.expand(K, -1), torch.arange(K)[:, None]), 1)
        second = model(fed)[0][:, -1].log_softmax(1)
    scores = (first[:, None] + second).flatten()
    found, score = beam_search(model, "To", 2, K)
    assert found == texts[scores.argmax()]
    assert score == pytest.approx(scores.max().item(), rel=1e-5)


@pytest.mark.parametrize(("k", "m"), [(3, None), (3, 2), (2, 5)])
def test_beams_by_a_naive_loop(model, k, m):
    kept = {"": 0.0}
    for _ in range(4):
        grown = {}
        for text in kept:
            letters = sorted(LETTERS, key=lambda c: -log_p(model, "To", text + c))[:m]
            grown |= {text + c: log_p(model, "To", text + c) for c in letters}
        kept = dict(sorted(grown.items(), key=lambda row: -row[1])[:k])
    found, score = beam_search(model, "To", 4, k, m)
    assert found == max(kept, key=kept.get)
    assert score == pytest.approx(kept[found], rel=1e-4)


@pytest.mark.parametrize(
    ("prompt", "length", "message"),
    [("", 3, "empty"), ("é", 3, "does not occur"), ("To be", 11, "17 letters, .* 16 positions")],
)
def test_bad_prompts_are_one_line(prompt, length, message):
    transformer = TransformerLM(8, 2, 1, 16)
    for write in (lambda: sample(transformer, prompt, length),
                  lambda: beam_search(transformer, prompt, length, 2)):  # fmt: skip
        with pytest.raises(UserError, match=message) as error:
            write()
        assert "\n" not in str(error.value)
    assert len(sample(transformer, "To be", 10)[0]) == 10
