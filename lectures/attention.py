"""Attention and the transformer's block, as in lecture 25.

After each half of a block, add and normalize: Vaswani et al., "Attention is all you need" (2017).
`attend` and `normalize` are the equations; the block takes torch's kernels for the same two, which
are faster and need less memory.

n sequences of T positions of d numbers each; H heads of k = d/H numbers. `allowed` is True where a
position may look, and has a shape that broadcasts to (n, H, L, T).
"""

import math

from common.layers import Dropout

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

Pair = tuple[Tensor, Tensor]  # keys and values, (n, H, T, k) each


def attend(Q: Tensor, K: Tensor, V: Tensor, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """What L queries (n, H, L, k) gather, (n, H, L, k), and their weights α, (n, H, L, T).

    Args:
        K, V: keys and values of T positions, (n, H, T, k).
        allowed: at least once True for each query.
    """
    scores = Q @ K.mT / math.sqrt(K.shape[3])
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -math.inf)
    alpha = scores.softmax(3)  # [l25 1]
    return alpha @ V, alpha


def normalize(x: Tensor, gain: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """Each position of x (n, T, d) with mean 0 and variance 1 over its d entries, then scaled.

    Args:
        gain, shift: learned, (d,).
    """
    variance, mean = torch.var_mean(x, 2, correction=0, keepdim=True)  # of one position, not of one
    return gain * (x - mean) / (variance + eps).sqrt() + shift  # entry over the batch [l25 2]


def causal(L: int, T: int, device: torch.device | None = None) -> Tensor:
    """(L, T), True where the last L of T positions may look: at themselves and what is before."""
    return torch.ones(L, T, dtype=torch.bool, device=device).tril(T - L)  # [l25 3]


def is_sign(lengths: Tensor, T: int) -> Tensor:
    """(n, 1, 1, T), True where a sequence has a sign, False where it is padded.

    Args:
        lengths: of the sequences, (n,).
    """
    return (torch.arange(T, device=lengths.device) < lengths[:, None])[:, None, None]


class Attention(nn.Module):
    """H heads side by side; what they gather is joined and mapped once more.

    Args:
        width: d, a multiple of `heads`.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def split(self, x: Tensor) -> Tensor:
        """(n, T, d) → (n, H, T, k)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def read(self, x: Tensor) -> Pair:
        """Keys and values of the positions x, (n, T, d), that queries may look at."""
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(self, x: Tensor, pair: Pair, allowed: Tensor | None = None) -> Tensor:
        """What the positions x (n, L, d) gather from keys and values, (n, L, d)."""
        heads = scaled_dot_product_attention(self.split(self.query(x)), *pair, allowed)  # `attend`
        return self.output(heads.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, pair: Pair, allowed: Tensor | None = None) -> Tensor:
        """Where the positions x (n, L, d) look, (n, H, L, T)."""
        return attend(self.split(self.query(x)), *pair, allowed)[1]


class Block(nn.Module):
    """Self-attention, add & normalize; feed-forward, add & normalize.

    Args:
        crossed: between the two, attention to an encoder's positions, add & normalize.
        dropout: probability, for what each half adds.
    """

    def __init__(self, width: int, heads: int, crossed: bool = False, dropout: float = 0.0):
        super().__init__()
        self.own = Attention(width, heads)
        self.other = Attention(width, heads) if crossed else None
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if crossed else 2))
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        allowed: Tensor | None = None,
        past: Pair | None = None,
        memory: Pair | None = None,
        memory_allowed: Tensor | None = None,
    ) -> tuple[Tensor, Pair]:
        """The positions x (n, L, d) after the block, and keys and values of all so far.

        Args:
            past: keys and values of the positions before x.
            memory: an encoder's keys and values, for this block.
        """
        pair = self.own.read(x)
        if past is not None:
            pair = torch.cat((past[0], pair[0]), 2), torch.cat((past[1], pair[1]), 2)  # [l25 6]
        x = self.norms[0](x + self.dropout(self.own(x, pair, allowed)))  # [l25 4]
        if self.other is not None:
            x = self.norms[1](x + self.dropout(self.other(x, memory, memory_allowed)))
        return self.norms[-1](x + self.dropout(self.feed_forward(x))), pair  # [l25 5]
