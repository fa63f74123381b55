"""Final Q6: three sequence-to-sequence networks that write an Arabic word letter by letter.

"rnn" is the exam's network to the letter, "gru" has gates in the same places, and "attention" lets
the GRU look back at every state of an encoder that reads in both directions. The equations stand
once, as one step in time (`rnn_step`, `gru_step`); decoding takes these steps. Training knows the
whole word beforehand, so torch's recurrent layers, the same equations with the same weights, run
over it in one call.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, pad

LATIN = "'-abcdefghijklmnopqrstuvwxyz"
ARABIC = "ءؤئابتثجحخدذرزسشصضطظعغفقكلمنهوي"
EDGE = 0  # the sign before the first Arabic letter, which starts the decoder, and after the last
PAD = -1  # fills the shorter targets of a batch; the loss leaves it out
MAX_STEPS = 16  # the longest Arabic word of the data has 13 letters

# n words of T Latin letters each; L decoder steps; h entries of a state; K Arabic signs with EDGE.


class Memory(NamedTuple):
    """What the decoder may look back at."""

    states: Tensor  # (n, T, 2h), the encoder's
    keys: Tensor  # (n, T, h)


def rnn_step(x: Tensor, s: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """φ(N x + W s + b), φ = tanh: the next state, (n, h).

    Args:
        x: input, (n, m).
        s: state before, (n, h).
        weights: N (h, m), W (h, h) and two biases (h,): torch has two, whose sum is the exam's b.
    """
    N, W, b, b2 = weights
    return torch.tanh(x @ N.T + s @ W.T + b + b2)  # [final 6b.1]


def gru_step(x: Tensor, s: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The same step with two gates: r, what of s is read; z, what of s is kept. (n, h)

    Args:
        x: input, (n, m).
        s: state before, (n, h).
        weights: N (3h, m), W (3h, h), b, b2 (3h,), each for r, z and the new state in this order.
    """
    N, W, b, b2 = weights
    read_x, keep_x, new_x = (x @ N.T + b).chunk(3, 1)  # (n, h) each
    read_s, keep_s, new_s = (s @ W.T + b2).chunk(3, 1)
    r = torch.sigmoid(read_x + read_s)
    z = torch.sigmoid(keep_x + keep_s)
    return (1 - z) * torch.tanh(new_x + r * new_s) + z * s  # [final 6b.5]


class Seq2Seq(nn.Module):
    """Encoder and decoder of Q6.

    Args:
        kind: "rnn", "gru" or "attention".
        width: h, the entries of a state.
        embedding: entries of x_emb.
        dropout: probability, for the inputs and outputs of the recurrent layers.
        signs: K; the Arabic letters and EDGE.
    """

    def __init__(
        self,
        kind: str,
        width: int = 256,
        embedding: int = 64,
        dropout: float = 0.0,
        signs: int = len(ARABIC) + 1,
    ):
        super().__init__()
        layer, self.cell = (nn.RNN, rnn_step) if kind == "rnn" else (nn.GRU, gru_step)
        self.has_attention = kind == "attention"
        self.signs = signs
        self.A = nn.Embedding(len(LATIN), embedding)  # its row of a letter is A x, x one-hot
        self.encoder = layer(embedding, width, batch_first=True, bidirectional=self.has_attention)
        self.decoder = layer(signs, width, batch_first=True)
        self.U = nn.Linear(width, signs)  # U and d
        self.dropout = nn.Dropout(dropout)
        if self.has_attention:
            self.start = nn.Linear(2 * width, width)
            self.keys = nn.Linear(2 * width, width, bias=False)
            self.combine = nn.Linear(3 * width, width)

    def encode(self, x: Tensor) -> tuple[Tensor, Memory | None]:
        """The decoder's first state, (n, h), and with attention what it may look back at.

        Args:
            x: Latin words of one length, (n, T) indices in LATIN; no padding, so no word's state
                depends on the others in its batch.
        """
        states, last = self.encoder(self.dropout(self.A(x)))  # (n, T, h or 2h), (1 or 2, n, h)
        if not self.has_attention:
            return last[0], None  # all that the decoder learns of the word
        states = self.dropout(states)
        first = torch.tanh(self.start(self.dropout(torch.cat((last[0], last[1]), 1))))
        return first, Memory(states, self.keys(states))

    def attend(self, s: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Decoder states (n, L, h) with what they look at, (n, L, h), and the weights (n, L, T)."""
        alpha = torch.softmax(s @ memory.keys.transpose(1, 2), 2)  # [final 6b.6]
        context = alpha @ memory.states  # (n, L, 2h)
        return torch.tanh(self.combine(torch.cat((s, context), 2))), alpha

    def read_out(self, s: Tensor, memory: Memory | None) -> Tensor:
        """Logits U s′ + d of decoder states s′ (n, L, h), (n, L, K)."""
        s = self.dropout(s)
        if memory is not None:
            s = self.dropout(self.attend(s, memory)[0])
        return self.U(s)  # [final 6b.3]

    def forward(self, x: Tensor, fed: Tensor) -> Tensor:
        """Logits (n, L, K) of each next letter, where the decoder is fed the right letters so far.

        Args:
            x: Latin words of one length, (n, T).
            fed: x′, EDGE and then the target without its last sign, (n, L) (`teacher_forcing`).
        """
        return self.read_out(*self.unroll(x, fed))

    def unroll(self, x: Tensor, fed: Tensor) -> tuple[Tensor, Memory | None]:
        """The decoder's states over a whole word, (n, L, h), by torch's layer in one call."""
        first, memory = self.encode(x)
        states, _ = self.decoder(one_hot(fed, self.signs).to(first.dtype), first[None])
        return states, memory

    def step(self, fed: Tensor, s: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor]:
        """log-softmax (n, K) of the next letter and the next state, fed with the last letter (n,).

        s′_t = φ(V s′_{t−1} + V′ x′_t + c), by the equations above.
        """
        weights = [parameter for _, parameter in self.decoder.named_parameters()]
        s = self.cell(one_hot(fed, self.signs).to(s.dtype), s, weights)  # [final 6b.2]
        return self.read_out(s[:, None], memory)[:, 0].log_softmax(1), s


def teacher_forcing(y: Tensor) -> Tensor:
    """What the decoder is fed for targets y (n, L): each letter's predecessor, at first EDGE."""
    return pad(y[:, :-1].clamp(min=EDGE), (1, 0), value=EDGE)  # [final 6b.4]


def letter_loss(logits: Tensor, y: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy in nats, averaged over all letters and final EDGEs of the batch, PAD left out.

    Args:
        logits: (n, L, K).
        y: targets, (n, L), PAD after the final EDGE.
        smoothing: share of the target that is spread over all signs.
    """
    return cross_entropy(
        logits.flatten(0, 1), y.flatten(), ignore_index=PAD, label_smoothing=smoothing
    )


@torch.no_grad()
def beam_search(
    model: Seq2Seq, x: Tensor, beams: int = 1, max_steps: int = MAX_STEPS
) -> tuple[Tensor, Tensor]:
    """The most probable Arabic words found, best first; beams = 1 is greedy decoding.

    Args:
        x: Latin words of one length, (n, T).
        beams: beginnings kept at each step.
    Returns:
        letters (n, beams, steps), EDGE after the last, and the words' log-probabilities (n, beams).
    """
    n, K = len(x), model.signs
    s, memory = model.encode(x)
    s = s.repeat_interleave(beams, 0)  # (n · beams, h)
    if memory is not None:
        memory = Memory(*(each.repeat_interleave(beams, 0) for each in memory))
    letters = x.new_zeros((n, beams, 0))
    score = s.new_full((n, beams), -torch.inf)
    score[:, 0] = 0  # at first all beams are the same empty word: one of them counts
    fed, ended = x.new_full((n, beams), EDGE), x.new_zeros((n, beams), dtype=torch.bool)
    only_edge = s.new_full((K,), -torch.inf)
    only_edge[EDGE] = 0  # a word that has ended goes on with EDGE, at no cost
    for _ in range(max_steps):
        log_p, s = model.step(fed.flatten(), s, memory)
        log_p = torch.where(ended[..., None], only_edge, log_p.view(n, beams, K))
        score, best = (score[..., None] + log_p).flatten(1).topk(beams)  # (n, beams)
        parent, fed = best // K, best % K
        letters = torch.cat((letters[torch.arange(n)[:, None], parent], fed[..., None]), 2)
        ended = ended.gather(1, parent) | (fed == EDGE)
        s = s.view(n, beams, -1)[torch.arange(n)[:, None], parent].flatten(0, 1)
        if ended.all():
            break
    return letters, score
