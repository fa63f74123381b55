"""Attention and the block, against torch's own with the same weights, in float64."""

import itertools
import math

from lectures.attention import Attention, Block, attend, causal, is_sign, normalize

import pytest
import torch
from torch import nn

WIDTH, HEADS = 12, 3


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def copy_attention(ours: Attention, theirs: nn.MultiheadAttention) -> None:
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


def copy_block(ours: Block, theirs: nn.Module) -> None:
    """Into torch's layer, which names its parts otherwise."""
    attentions = {"self_attn": ours.own, "multihead_attn": ours.other}
    for name, attention in attentions.items():
        if attention is not None:
            copy_attention(attention, getattr(theirs, name))
    theirs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward[2].state_dict())
    for i, norm in enumerate(ours.norms):
        nn.init.normal_(norm.weight)  # each its own, so that no two can be mixed up
        nn.init.normal_(norm.bias)
        getattr(theirs, f"norm{i + 1}").load_state_dict(norm.state_dict())


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    return Attention(WIDTH, HEADS).double()


def test_attend_by_naive_sums():
    Q, K, V = numbers(2, 3, 4, 5), numbers(2, 3, 6, 5, seed=1), numbers(2, 3, 6, 5, seed=2)
    allowed = numbers(4, 6, seed=3) > 0
    allowed[:, 2] = True
    found, alpha = attend(Q, K, V, allowed)
    for n, h, i in itertools.product(range(2), range(3), range(4)):
        e = [math.exp(Q[n, h, i] @ K[n, h, j] / math.sqrt(5)) * allowed[i, j].item()
             for j in range(6)]  # fmt: skip
        weights = torch.tensor(e, dtype=torch.float64) / sum(e)
        torch.testing.assert_close(alpha[n, h, i], weights)
        torch.testing.assert_close(found[n, h, i], weights @ V[n, h])


def test_normalize_is_torch_s_and_of_one_position():
    x, gain, shift = 3 * numbers(2, 4, WIDTH) + 1, numbers(WIDTH, seed=1), numbers(WIDTH, seed=2)
    expected = nn.functional.layer_norm(x, (WIDTH,), gain, shift, 1e-5)
    torch.testing.assert_close(normalize(x, gain, shift), expected, rtol=1e-12, atol=1e-12)
    alone = normalize(x[1:, 2:3], gain, shift)  # no other position has a say in it
    torch.testing.assert_close(alone, expected[1:, 2:3])


def test_causal_and_is_sign_by_hand():
    assert causal(2, 4).tolist() == [[True, True, True, False], [True, True, True, True]]
    assert causal(3, 3).tolist() == [[j <= i for j in range(3)] for i in range(3)]
    found = is_sign(torch.tensor([2, 3, 1]), 3)
    assert found.shape == (3, 1, 1, 3)
    assert found[:, 0, 0].int().tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize("masked", [False, True])
def test_the_heads_are_torch_s(attention, masked):
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double()
    nn.init.normal_(attention.key.bias)
    copy_attention(attention, theirs)
    x, other = numbers(2, 4, WIDTH), numbers(2, 6, WIDTH, seed=1)
    allowed = causal(4, 6) if masked else None
    expected, alpha = theirs(
        x, other, other, attn_mask=None if allowed is None else ~allowed, average_attn_weights=False
    )
    pair = attention.read(other)
    torch.testing.assert_close(attention(x, pair, allowed), expected)
    torch.testing.assert_close(attention.weights(x, pair, allowed), alpha)


def test_torch_s_kernel_is_the_equation(attention):
    x = numbers(2, 5, WIDTH)
    Q, (K, V) = attention.split(attention.query(x)), attention.read(x)
    gathered = attend(Q, K, V, causal(5, 5))[0]  # (n, H, L, k)
    joined = torch.cat(list(gathered.unbind(1)), 2)
    torch.testing.assert_close(
        attention(x, (K, V), causal(5, 5)), joined @ attention.output.weight.T
        + attention.output.bias)  # fmt: skip


def test_a_block_is_torch_s_encoder_layer():
    torch.manual_seed(0)
    ours = Block(WIDTH, HEADS).double()
    theirs = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, batch_first=True, norm_first=False
    ).double()
    copy_block(ours, theirs)
    x = numbers(3, 5, WIDTH)
    torch.testing.assert_close(ours(x)[0], theirs(x))
    allowed = is_sign(torch.tensor([2, 5, 3]), 5)
    expected = theirs(x, src_key_padding_mask=~allowed[:, 0, 0])
    torch.testing.assert_close(ours(x, allowed)[0], expected)


def test_a_crossed_block_is_torch_s_decoder_layer():
    torch.manual_seed(0)
    ours = Block(WIDTH, HEADS, crossed=True).double()
    theirs = nn.TransformerDecoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, batch_first=True, norm_first=False
    ).double()
    copy_block(ours, theirs)
    x, encoded = numbers(3, 4, WIDTH), numbers(3, 6, WIDTH, seed=1)
    seen, lengths = causal(4, 4), torch.tensor([6, 2, 4])
    expected = theirs(
        x, encoded, tgt_mask=~seen, memory_key_padding_mask=~is_sign(lengths, 6)[:, 0, 0]
    )
    pair = ours.other.read(encoded)
    found, _ = ours(x, seen, None, pair, is_sign(lengths, 6))
    torch.testing.assert_close(found, expected)


def test_dropout_acts_on_what_each_half_adds():
    torch.manual_seed(0)
    block = Block(WIDTH, HEADS, crossed=True, dropout=1.0).double()
    x, encoded = numbers(1, 3, WIDTH), numbers(1, 2, WIDTH, seed=1)
    found, _ = block(x, None, None, block.other.read(encoded))
    for norm in block.norms:
        x = norm(x)
    torch.testing.assert_close(found, x)
