"""The networks of final Q6 against torch's cells, NumPy, and exhaustive search."""

import itertools

from final.seq2seq import (
    EDGE,
    LATIN,
    PAD,
    Seq2Seq,
    beam_search,
    gru_step,
    letter_loss,
    rnn_step,
    teacher_forcing,
)

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot, scaled_dot_product_attention

KINDS = ["rnn", "gru", "attention"]


def small_model(kind: str, signs: int = 5, sharpness: float = 1) -> Seq2Seq:
    torch.manual_seed(3)
    model = Seq2Seq(kind, width=6, embedding=4, signs=signs).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)
        model.U.weight *= sharpness
    return model


def some_words(n: int = 3, length: int = 4) -> torch.Tensor:
    return torch.randint(len(LATIN), (n, length), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("step", "cell"), [(rnn_step, nn.RNNCell), (gru_step, nn.GRUCell)])
def test_a_step_is_torchs_cell_and_so_are_its_gradients(step, cell):
    torch.manual_seed(0)
    theirs = cell(3, 5).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    s = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    weights = [theirs.weight_ih, theirs.weight_hh, theirs.bias_ih, theirs.bias_hh]
    mine, wanted = step(x, s, weights), theirs(x, s)
    torch.testing.assert_close(mine, wanted)
    upstream = torch.randn_like(wanted)
    inputs = [s, *weights]
    for a, b in zip(
        torch.autograd.grad(mine, inputs, upstream), torch.autograd.grad(wanted, inputs, upstream)
    ):
        torch.testing.assert_close(a, b)


def test_the_plain_network_is_the_exams_equations_in_a_naive_loop():
    model = small_model("rnn")
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    x, fed = some_words(1)[0].tolist(), [EDGE, 3, 1]
    s = np.zeros(6)
    for letter in x:
        x_emb = w["A.weight"].T @ np.eye(len(LATIN))[letter]
        b = w["encoder.bias_ih_l0"] + w["encoder.bias_hh_l0"]
        s = np.tanh(w["encoder.weight_ih_l0"] @ x_emb + w["encoder.weight_hh_l0"] @ s + b)
    logits = []
    for letter in fed:
        c = w["decoder.bias_ih_l0"] + w["decoder.bias_hh_l0"]
        into = w["decoder.weight_ih_l0"] @ np.eye(5)[letter]
        s = np.tanh(w["decoder.weight_hh_l0"] @ s + into + c)
        logits.append(w["U.weight"] @ s + w["U.bias"])
    found = model(torch.tensor([x]), torch.tensor([fed]))[0].detach().numpy()
    np.testing.assert_allclose(found, logits, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_is_the_whole_sequence_in_one_call(kind):
    model, x = small_model(kind), some_words()
    fed = torch.tensor([[EDGE, 1, 4, 2], [EDGE, 3, 3, 1], [EDGE, 2, 1, 1]])
    whole = model(x, fed).log_softmax(2)
    s, memory = model.encode(x)
    for t in range(4):
        log_p, s = model.step(fed[:, t], s, memory)
        torch.testing.assert_close(log_p, whole[:, t])


def test_attention_is_torchs_and_its_weights_sum_to_one():
    model, x = small_model("attention"), some_words()
    s, memory = model.unroll(x, torch.tensor([[EDGE, 1], [EDGE, 2], [EDGE, 3]]))
    mixed, alpha = model.attend(s, memory)
    context = scaled_dot_product_attention(s, memory.keys, memory.states, scale=1.0)
    wanted = torch.tanh(model.combine(torch.cat((s, context), 2)))
    torch.testing.assert_close(mixed, wanted)
    assert alpha.shape == (3, 2, 4)
    torch.testing.assert_close(alpha.sum(2), torch.ones(3, 2, dtype=torch.float64))


def test_an_encoder_with_attention_reads_in_both_directions():
    model, x = small_model("attention"), some_words(1)
    other = x.clone()
    other[0, -1] = (x[0, -1] + 1) % len(LATIN)  # the last letter changes the first state
    assert not torch.allclose(model.encode(x)[1].states[0, 0], model.encode(other)[1].states[0, 0])


def test_the_decoder_starts_from_what_both_directions_read_last():
    model, x = small_model("attention"), some_words()
    first, (states, _) = model.encode(x)
    forward, backward = states[:, -1, :6], states[:, 0, 6:]
    wanted = torch.tanh(model.start(torch.cat((forward, backward), 1)))
    torch.testing.assert_close(first, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_acts_in_training_alone(kind):
    model = Seq2Seq(kind, width=8, dropout=0.5)
    x, fed = some_words(), torch.tensor([[EDGE, 1]] * 3)
    assert not torch.equal(model(x, fed), model(x, fed))
    model.eval()
    assert torch.equal(model(x, fed), model(x, fed))


def test_the_decoder_is_fed_the_letter_before():
    y = torch.tensor([[3, 5, EDGE, PAD], [2, EDGE, PAD, PAD], [4, 1, 6, EDGE]])
    wanted = [[EDGE, 3, 5, EDGE], [EDGE, 2, EDGE, EDGE], [EDGE, 4, 1, 6]]
    assert teacher_forcing(y).tolist() == wanted


def test_the_loss_is_the_mean_over_letters_and_padding_does_not_count():
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1)).double()
    y = torch.tensor([[3, 2, EDGE], [1, EDGE, PAD]])
    log_p = logits.log_softmax(2).numpy()
    letters = [log_p[0, 0, 3], log_p[0, 1, 2], log_p[0, 2, EDGE], log_p[1, 0, 1], log_p[1, 1, EDGE]]
    assert letter_loss(logits, y).item() == pytest.approx(-np.mean(letters))
    uniform = -np.mean([log_p[i, t].mean() for i, t in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]])
    smooth = 0.9 * -np.mean(letters) + 0.1 * uniform
    assert letter_loss(logits, y, 0.1).item() == pytest.approx(smooth)


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_alone_has_the_loss_that_it_has_in_a_batch(kind):
    model, x = small_model(kind), some_words(2)
    y = torch.tensor([[3, 2, 4, EDGE], [1, EDGE, PAD, PAD]])
    together = letter_loss(model(x, teacher_forcing(y)), y)
    first = letter_loss(model(x[:1], teacher_forcing(y[:1])), y[:1])
    second = letter_loss(model(x[1:], teacher_forcing(y[1:, :2])), y[1:, :2])
    torch.testing.assert_close(together, (4 * first + 2 * second) / 6)


def log_probability(model: Seq2Seq, x: torch.Tensor, word: tuple[int, ...]) -> float:
    """Of one word, by the network in one call."""
    y = torch.tensor([word])
    log_p = model(x, teacher_forcing(y)).log_softmax(2)
    return (log_p * one_hot(y, model.signs)).sum().item()


def every_word(signs: int, steps: int) -> list[tuple[int, ...]]:
    """All words that end within so many steps, and all beginnings of so many letters."""
    letters = range(1, signs)
    ended = [(*word, EDGE) for n in range(steps) for word in itertools.product(letters, repeat=n)]
    return ended + list(itertools.product(letters, repeat=steps))


@pytest.mark.parametrize("kind", KINDS)
def test_a_wide_beam_is_exhaustive_search(kind):
    model, x = small_model(kind, signs=3, sharpness=2), some_words(1)
    words = every_word(3, steps=4)
    wanted = sorted((log_probability(model, x, word), word) for word in words)[::-1]
    letters, score = beam_search(model, x, beams=len(words), max_steps=4)
    np.testing.assert_allclose(score[0], [p for p, _ in wanted], rtol=1e-9)
    for found, (_, word) in zip(letters[0].tolist(), wanted):
        assert tuple(found[: len(word)]) == word and not any(found[len(word) :])
    assert score[0].exp().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_narrow_beam_keeps_the_best_beginnings(kind):
    model, x = small_model(kind, sharpness=3), some_words(1)
    kept = [((), 0.0)]
    for _ in range(5):
        longer = []
        for word, p in kept:
            if word and word[-1] == EDGE:
                longer.append((word, p))
                continue
            tries = [(*word, sign) for sign in range(5)]
            longer += [(each, log_probability(model, x, each)) for each in tries]
        kept = sorted(longer, key=lambda each: -each[1])[:3]
    letters, score = beam_search(model, x, beams=3, max_steps=5)
    np.testing.assert_allclose(score[0], [p for _, p in kept], rtol=1e-9)
    for found, (word, _) in zip(letters[0].tolist(), kept):
        assert tuple(found[: len(word)]) == word


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_takes_the_likeliest_letter_each_time(kind):
    model, x = small_model(kind, sharpness=3), some_words(1)
    word: tuple[int, ...] = ()
    while len(word) < 6 and (not word or word[-1] != EDGE):
        p = [log_probability(model, x, (*word, sign)) for sign in range(5)]
        word = (*word, int(np.argmax(p)))
    letters, score = beam_search(model, x, beams=1, max_steps=6)
    assert tuple(letters[0, 0].tolist()) == word
    assert score.item() == pytest.approx(log_probability(model, x, word))


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_alone_is_decoded_as_in_a_batch(kind):
    model, x = small_model(kind, sharpness=3), some_words(5)
    letters, score = beam_search(model, x, beams=3, max_steps=6)
    for i in range(5):
        alone, its_score = beam_search(model, x[i : i + 1], beams=3, max_steps=6)
        torch.testing.assert_close(its_score[0], score[i])
        steps = alone.shape[2]
        assert torch.equal(alone[0], letters[i, :, :steps]) and not letters[i, :, steps:].any()
