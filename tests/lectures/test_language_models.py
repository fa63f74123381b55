"""Lecture 25's networks: the chain rule, no look ahead, memory, training, bits."""

import math

from lectures.language_models import K, RecurrentLM, TransformerLM, cut_streams, letter_bits, train
from lectures.text import START

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy


def make(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = {
        "RNN": lambda: RecurrentLM("RNN", 6, embedding=4),
        "stacked": lambda: RecurrentLM("LSTM", 6, 2, embedding=4),
        "runs": lambda: RecurrentLM("LSTM", 6, embedding=4, orders=(2, 4), slots=64),
        "transformer": lambda: TransformerLM(8, 2, 2, 16),
    }[name]()
    for table in getattr(model, "runs", []):
        nn.init.normal_(table.weight)
    return model


NAMES = ("RNN", "stacked", "runs", "transformer")


@pytest.fixture
def text() -> torch.Tensor:
    return torch.randint(K, (16,), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_sees_what_comes_later(name, text):
    model, other = make(name), text.clone()
    other[9] = (other[9] + 1) % K
    with torch.no_grad():
        before, after = (model(each[None])[0][0] for each in (text, other))
    torch.testing.assert_close(before[:9], after[:9], rtol=0, atol=0)
    assert (before[9:] != after[9:]).any(1).all()


@pytest.mark.parametrize("name", NAMES)
def test_letter_by_letter_is_the_same_as_at_once(name, text):
    model, past, logits = make(name), None, []
    with torch.no_grad():
        for letter in text[:12]:
            each, past = model(letter.view(1, 1), past)
            logits.append(each[0, 0])
        torch.testing.assert_close(torch.stack(logits), model(text[None, :12])[0][0])
        both = torch.stack((text[:6], text[6:12]))
        _, past = model(both)
        picked = model.select(past, torch.tensor([1, 1, 0]))
        expected = model(torch.cat((both, text[12:14].view(2, 1)), 1))[0][:, -1]
        fed = text[[13, 13, 12]].view(3, 1)
        torch.testing.assert_close(model(fed, picked)[0][:, 0], expected[[1, 1, 0]])


def test_a_recurrent_network_is_torch_s_cells(text):
    model = make("stacked")
    x = model.letter(text)[None]
    y, _ = model.layers(x)
    torch.testing.assert_close(model(text[None])[0], model.out(y))
    assert model.layers.bias_ih_l1[6:12].tolist() == [1] * 6


def test_runs_have_slots_of_their_own(text):
    model = RecurrentLM("LSTM", 6, embedding=4, orders=(1, 3), slots=10**6)
    slots = model.find_runs(torch.tensor([[5, 6, 1, 2, 3, 1, 2, 3, 2]]))
    assert slots.shape == (1, 7, 2)
    ones, threes = slots[0].T.tolist()  # that end at letters 1 2 3 1 2 3 2
    assert ones[0] == ones[3] and ones[1] == ones[4] == ones[6] and len(set(ones)) == 3
    assert threes[2] == threes[5] and len(set(threes)) == 6


def test_each_length_of_runs_has_a_table_of_its_own(text):
    model, fed = make("runs"), []
    model.layers.register_forward_pre_hook(lambda layers, inputs: fed.append(inputs[0]))
    model(text[None])
    letters = torch.cat((torch.full((3,), START), text))[None]
    two, four = model.find_runs(letters).unbind(2)
    expected = model.letter(text)[None] + model.runs[0](two) + model.runs[1](four)
    torch.testing.assert_close(fed[0], expected)


def test_streams():
    x, y = cut_streams(torch.arange(1, 12), 2)
    assert y.tolist() == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert x.tolist() == [[START, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


class Uniform(nn.Module):
    """All letters alike."""

    carries, window = True, 4

    def forward(self, x, past=None):
        return torch.zeros(*x.shape, K), None


def test_the_uniform_model_s_perplexity_is_the_alphabet(text):
    assert 2 ** letter_bits(Uniform(), text).mean().item() == pytest.approx(K, rel=1e-5)


@pytest.mark.parametrize("name", ["RNN", "runs"])
def test_the_chain_rule_over_a_whole_text(name):
    model = make(name)
    text = torch.randint(K, (40,), generator=torch.Generator().manual_seed(2))
    fed = torch.cat((torch.tensor([START]), text[:-1]))
    expected = cross_entropy(model(fed[None])[0][0], text, reduction="none") / math.log(2)
    torch.testing.assert_close(
        letter_bits(model, text, 16), expected.detach(), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(letter_bits(model, text), expected.detach(), rtol=1e-4, atol=1e-4)


def test_a_window_has_half_of_it_before_each_letter():
    model = make("transformer")
    text = torch.randint(K, (37,), generator=torch.Generator().manual_seed(2))
    fed = torch.cat((torch.tensor([START]), text[:-1]))
    bits = letter_bits(model, text)
    for t in range(37):
        begin = max(0, t // 8 * 8 - 8)
        loss = cross_entropy(model(fed[None, begin : t + 1])[0][0, -1:], text[t : t + 1])
        assert bits[t].item() == pytest.approx(loss.item() / math.log(2), rel=1e-4)


@pytest.mark.parametrize("name", ["RNN", "transformer"])
def test_training_is_plain_adam_on_consecutive_windows(name):
    """By a loop of its own: the state goes on, gradients end, a new pass begins anew."""
    text = torch.randint(K, (70,), generator=torch.Generator().manual_seed(3))
    ours, theirs = make(name), make(name)
    ours.window = theirs.window = 8
    rows = train(ours, text, 6, lambda: 5.0, streams=2, lr=0.01, looks=3)
    assert [row["step"] for row in rows] == [2, 4, 6] and rows[0]["bits"] == 5
    assert rows[0]["minutes"] <= rows[2]["minutes"]
    optimizer = torch.optim.Adam(theirs.parameters(), 0.01)
    fed = torch.cat((torch.tensor([START]), text[:-1]))
    state = None
    for step in range(6):
        begin = step % 4 * 8  # of the 35 letters of a stream; the last 3 are left out
        state = None if begin == 0 or name == "transformer" else state
        places = torch.tensor([[begin], [35 + begin]]) + torch.arange(8)
        logits, state = theirs(fed[places], state)
        if name == "RNN":
            state = state[0].detach(), state[1]
        loss = cross_entropy(logits.flatten(0, 1), text[places].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        share = (step + 1) / 50 * (1 + math.cos(math.pi * step / 6)) / 2
        optimizer.param_groups[0]["lr"] = 0.01 * share
        optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(mine, other)


def test_runs_are_learned():
    text = torch.tensor([1, 2, 3, 4] * 60)
    model = make("runs")
    table = model.runs[0].weight.detach().clone()
    before = letter_bits(model, text).mean()
    train(model, text, 30, lambda: 0.0, streams=2, lr=0.05)
    assert letter_bits(model, text).mean() < 0.7 * before
    changed = (model.runs[0].weight != table).any(1)
    assert 4 <= changed.sum() < 20  # only the slots of runs that occur
