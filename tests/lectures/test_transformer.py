"""The networks: no look ahead, padding without effect, caching without effect, learning."""

import itertools

from final.seq2seq import EDGE, PAD, beam_search, letter_loss, teacher_forcing
from lectures.attention import causal
from lectures.transformer import Decoder, Embedding, Encoder, Transformer, generate

import pytest
import torch
from torch.nn.functional import cross_entropy

WIDTH, HEADS, BLOCKS, POSITIONS = 12, 3, 2, 9


@pytest.fixture(scope="module")
def language() -> Decoder:
    torch.manual_seed(0)
    return Decoder(7, POSITIONS, WIDTH, HEADS, BLOCKS).double().eval()


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.manual_seed(0)
    return Transformer(6, 4, POSITIONS, WIDTH, HEADS, BLOCKS).double().eval()


def signs(n: int, T: int, K: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, K, (n, T), generator=torch.Generator().manual_seed(seed))


def test_parameters_are_counted_as_on_paper():
    d, K, T, B = 8, 5, 11, 3
    attention, feed_forward, norm = 4 * (d * d + d), 4 * d * d + 4 * d + 4 * d * d + d, 2 * d
    embedding, out = (K + T) * d, K * d + K
    block, crossed = attention + feed_forward + 2 * norm, 2 * attention + feed_forward + 3 * norm

    def count(network):
        return sum(p.numel() for p in network.parameters())

    assert count(Encoder(K, T, d, 2, B)) == embedding + B * block
    assert count(Decoder(K, T, d, 2, B)) == embedding + B * block + out
    assert count(Decoder(K, T, d, 2, B, crossed=True)) == embedding + B * crossed + out


def test_a_logit_depends_on_the_present_and_the_past_alone(language):
    """By gradients with respect to what stands at each place."""
    x = signs(1, 6, 7)
    embedded = language.embed(x).detach().requires_grad_()
    language.embed.forward, forward = lambda *_: embedded, language.embed.forward
    try:
        logits, _ = language(x)
    finally:
        language.embed.forward = forward
    for i in range(6):
        (gradient,) = torch.autograd.grad(logits[0, i, 2], embedded, retain_graph=True)
        assert (gradient[0].abs().sum(1) > 0).tolist() == [j <= i for j in range(6)]


def test_attention_without_places_knows_no_order():
    """Letters that change places change nothing but their own place, unless a place has a sign."""
    torch.manual_seed(0)
    encoder, x = Encoder(7, POSITIONS, WIDTH, HEADS, BLOCKS).double(), signs(1, 6, 7)
    order = torch.tensor([2, 0, 1, 5, 4, 3])
    assert not torch.allclose(encoder(x[:, order]), encoder(x)[:, order])
    torch.nn.init.zeros_(encoder.embed.place.weight)
    torch.testing.assert_close(encoder(x[:, order]), encoder(x)[:, order])


def test_a_place_s_vector_is_its_own():
    embed = Embedding(7, POSITIONS, WIDTH)
    x = signs(2, 6, 7)
    torch.testing.assert_close(embed(x)[:, 4:], embed(x[:, 4:], begin=4))
    expected = embed.sign.weight[x[1, 3]] + embed.place.weight[3]
    torch.testing.assert_close(embed(x)[1, 3], expected)


@pytest.mark.parametrize("lengths", [[1] * 9, [4, 1, 3, 1], [8, 1]])
def test_cached_is_uncached(language, lengths):
    x = signs(3, sum(lengths), 7)
    whole, past, found = language(x)[0], None, []
    for piece in x.split(lengths, 1):
        logits, past = language(piece, past)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, 1), whole)


def test_too_many_signs_are_one_line(language):
    message = "^10 signs are more than the network's 9 positions$"
    with pytest.raises(ValueError, match=message):
        language(signs(1, 10, 7))
    _, past = language(signs(1, 8, 7))
    with pytest.raises(ValueError, match=message):
        language(signs(1, 2, 7), past)


def test_padded_and_masked_is_as_alone(model):
    lengths = torch.tensor([2, 5, 4])
    x, y = signs(3, 5, 6), signs(3, 4, 4)
    y[0, 2:] = PAD
    together = model(x, teacher_forcing(y), lengths)
    for i, (T, L) in enumerate(zip(lengths.tolist(), (2, 4, 4))):
        alone = model(x[i : i + 1, :T], teacher_forcing(y[i : i + 1, :L]))
        torch.testing.assert_close(together[i, :L], alone[0])
    assert not torch.allclose(model(x, teacher_forcing(y))[0, :2], together[0, :2])
    without = torch.cat([together[0, :2], together[1], together[2]])
    expected = cross_entropy(without, torch.cat([y[0, :2], y[1], y[2]]))
    torch.testing.assert_close(letter_loss(together, y), expected)


def test_the_networks_are_their_blocks_in_a_row(model):
    """Each with its own keys and values, which its own weights make of the encoder's positions."""
    x, fed = signs(3, 5, 6), signs(3, 4, 4)
    encoded, z = model.encoder.embed(x), model.decoder.embed(fed)
    for block in model.encoder.blocks:
        encoded, _ = block(encoded)
    for block in model.decoder.blocks:
        z, _ = block(z, causal(4, 4), None, block.other.read(encoded))
    torch.testing.assert_close(model(x, fed), model.decoder.out(z))


def test_steps_give_what_the_whole_gives(model):
    x, y = signs(3, 5, 6), signs(3, 6, 4)
    fed = teacher_forcing(y)
    expected = model(x, fed).log_softmax(2)
    s, memory = model.encode(x)
    assert s.shape == (3, 0)
    for i in range(6):
        log_p, s = model.step(fed[:, i], s, memory)
        torch.testing.assert_close(log_p, expected[:, i])


def test_the_beam_finds_what_exhaustive_search_finds(model):
    """Words of at most 3 signs, of which the last may be no end."""
    x = signs(2, 4, 6, seed=3)
    words = [word for L in range(4) for word in itertools.product((1, 2, 3), repeat=L)]
    scores = torch.full((2, len(words)), -torch.inf, dtype=torch.float64)
    for j, word in enumerate(words):
        y = torch.tensor([*word, EDGE][:3]).expand(2, -1)
        log_p = model(x, teacher_forcing(y)).log_softmax(2)
        scores[:, j] = log_p.gather(2, y[..., None]).sum((1, 2))
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(2).double())
    best, order = scores.sort(1, descending=True)
    letters, found = beam_search(model, x, beams=len(words), max_steps=3)
    torch.testing.assert_close(found, best)
    for i in range(2):
        given = [tuple(letter for letter in word if letter != EDGE) for word in letters[i].tolist()]
        assert given == [words[j] for j in order[i]]


def test_generation_is_cached_or_not(language):
    x = signs(3, 2, 7)
    found = [generate(language, x, POSITIONS, cached) for cached in (True, False)]
    assert torch.equal(*found)
    assert torch.equal(found[0][:, :2], x)
    expected = language(found[0][:, :-1])[0].argmax(2)
    assert torch.equal(found[0][:, 2:], expected[:, 1:])


def test_caching_gives_the_network_one_sign_at_a_time(language, monkeypatch):
    fed, forward = [], language.forward
    monkeypatch.setattr(language, "forward", lambda x, *rest: fed.append(x) or forward(x, *rest))
    for cached, lengths in ((True, [2, 1, 1]), (False, [2, 3, 4])):
        generate(language, signs(1, 2, 7), 5, cached)
        assert [x.shape[1] for x in fed] == lengths
        fed.clear()


def test_it_learns_to_reverse_a_word():
    torch.manual_seed(0)
    model = Transformer(6, 7, POSITIONS, 32, 2, 1)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for step in range(120):
        x = signs(32, 3, 6, seed=step)
        y = torch.nn.functional.pad(1 + x.flip(1), (0, 1), value=EDGE)
        loss = letter_loss(model(x, teacher_forcing(y)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x = signs(64, 3, 6, seed=999)
    letters, _ = beam_search(model.eval(), x, 1, 4)
    assert (letters[:, 0, :3] == 1 + x.flip(1)).all(1).float().mean() > 0.9
