"""The transformer of lecture 25: a decoder-only language network, and encoder with decoder.

The blocks are in attention.py. n sequences of T signs each; a position has d numbers, a head k of
them; B blocks; K signs.
"""

from typing import Any

from common.layers import Dropout
from final.seq2seq import Memory
from lectures.attention import Block, Pair, causal, is_sign

import torch
from torch import Tensor, nn


class Embedding(nn.Module):
    """A learned vector for the sign plus one for its place: attention alone knows no order."""

    def __init__(self, signs: int, positions: int, width: int, dropout: float = 0.0):
        super().__init__()
        self.sign, self.place = nn.Embedding(signs, width), nn.Embedding(positions, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, begin: int = 0) -> Tensor:
        """Signs (n, T), which stand at the places begin, begin + 1, …, as (n, T, d).

        Raises:
            ValueError: there are not so many places.
        """
        end, positions = begin + x.shape[1], self.place.num_embeddings
        if end > positions:
            raise ValueError(f"{end} signs are more than the network's {positions} positions")
        return self.dropout(self.sign(x) + self.place.weight[begin:end])


class Encoder(nn.Module):
    """Signs in, a vector for each out; every position sees all."""

    def __init__(self, signs: int, positions: int, width: int, heads: int, blocks: int,
                 dropout: float = 0.0):  # fmt: skip
        super().__init__()
        self.embed = Embedding(signs, positions, width, dropout)
        self.blocks = nn.ModuleList(Block(width, heads, False, dropout) for _ in range(blocks))

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """(n, T, d) of signs x (n, T).

        Args:
            allowed: `is_sign`, where the sequences are padded.
        """
        x = self.embed(x)
        for block in self.blocks:
            x, _ = block(x, allowed)
        return x


class Decoder(nn.Module):
    """Each sign given those before it; alone, the decoder-only network of a language model.

    Args:
        signs: K.
        positions: the longest sequence.
        crossed: it also looks at an encoder's positions.
    """

    def __init__(self, signs: int, positions: int, width: int, heads: int, blocks: int,
                 dropout: float = 0.0, crossed: bool = False):  # fmt: skip
        super().__init__()
        self.embed = Embedding(signs, positions, width, dropout)
        self.blocks = nn.ModuleList(Block(width, heads, crossed, dropout) for _ in range(blocks))
        self.out = nn.Linear(width, signs)

    def read(self, encoded: Tensor) -> Memory:
        """Each block's keys and values of an encoder's positions (n, T, d): (n, B, H, T, k)."""
        keys, values = zip(*(block.other.read(encoded) for block in self.blocks))
        return Memory(torch.stack(values, 1), torch.stack(keys, 1))

    def forward(
        self,
        x: Tensor,
        past: list[Pair] | None = None,
        memory: Memory | None = None,
        memory_allowed: Tensor | None = None,
    ) -> tuple[Tensor, list[Pair]]:
        """Logits (n, L, K) of the signs after each of x (n, L), and keys and values for later.

        Args:
            past: what the last call returned, where x continues its sequences.
        """
        begin = 0 if past is None else past[0][0].shape[2]
        L = x.shape[1]
        x, pairs = self.embed(x, begin), []
        allowed = causal(L, begin + L, x.device)
        for i, block in enumerate(self.blocks):
            seen = None if memory is None else (memory.keys[:, i], memory.states[:, i])
            x, pair = block(x, allowed, past and past[i], seen, memory_allowed)
            pairs.append(pair)
        return self.out(x), pairs


class Transformer(nn.Module):
    """Encoder and decoder; `encode`, `step` and `signs` are what final Q6's beam search takes."""

    def __init__(self, letters: int, signs: int, positions: int, width: int = 128, heads: int = 4,
                 blocks: int = 3, dropout: float = 0.0):  # fmt: skip
        super().__init__()
        size = (positions, width, heads, blocks, dropout)
        self.signs = signs
        self.encoder = Encoder(letters, *size)
        self.decoder = Decoder(signs, *size, crossed=True)

    def forward(self, x: Tensor, fed: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits (n, L, K) of each next sign, where the decoder is fed the right ones so far.

        Args:
            x: what is read, (n, T).
            fed: the targets' predecessors, (n, L) (`teacher_forcing`).
            lengths: (n,), where x is padded.
        """
        allowed = None if lengths is None else is_sign(lengths, x.shape[1])
        memory = self.decoder.read(self.encoder(x, allowed))
        return self.decoder(fed, None, memory, allowed)[0]

    def encode(self, x: Tensor) -> tuple[Tensor, Memory]:
        """The state before the first sign, (n, 0), and what the decoder may look at, x (n, T)."""
        memory = self.decoder.read(self.encoder(x))
        return memory.keys.new_zeros(len(x), 0), memory

    def step(self, fed: Tensor, s: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """log-softmax (n, K) of the next sign and the next state, fed with the last sign (n,).

        Args:
            s: keys and values of the signs before, one row for each sequence.
        """
        n, B, H, _, k = memory.keys.shape
        t = s.shape[1] // (2 * B * H * k)
        past = list(s.view(n, B, 2, H, t, k).transpose(0, 1).unbind(0)) if t else None
        past = past and [tuple(block.unbind(1)) for block in past]
        logits, pairs = self.decoder(fed[:, None], past, memory)
        s = torch.stack([torch.stack(pair, 1) for pair in pairs], 1)  # (n, B, 2, H, t + 1, k)
        return logits[:, 0].log_softmax(1), s.flatten(1)


@torch.no_grad()
def generate(network: Decoder, x: Tensor, T: int, cached: bool = True, **memory: Any) -> Tensor:
    """The sequences x (n, t) continued to T signs, (n, T), each time by the most probable sign.

    Args:
        cached: keep the keys and values of what stands there; without, compute them for each sign.
        memory: `memory` and `memory_allowed` of the network, for a decoder that looks at one.
    """
    fed, past = x, None
    while x.shape[1] < T:
        logits, pairs = network(fed, past, **memory)
        sign = logits[:, -1:].argmax(2)
        x = torch.cat((x, sign), 1)
        fed, past = (sign, pairs) if cached else (x, None)
    return x
