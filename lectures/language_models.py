"""Networks that say how likely each next letter is, their training, and bits per letter.

    model = RecurrentLM("LSTM", 320)
    rows = train(model, symbols, steps=1000, look=lambda: ...)
    bits = letter_bits(model, test)         # of each letter

By the chain rule, log p(x_1 … x_N) = Σ_t log p(x_t | x_1 … x_{t−1}). All networks take letters
(n, T) and what they remember of those before, and give logits (n, T, K) and what to remember; n
texts at once, K letters. The recurrent layers are torch's, which are recurrent.py's with the loop
over time in compiled code.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from common.loop import NonFiniteLoss
from lectures.text import LETTERS, START
from lectures.transformer import Decoder

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

K = len(LETTERS)
PRIME = 2**31 - 1


class RecurrentLM(nn.Module):
    """Letter → vector → recurrent layers → logits.

    Args:
        kind: "RNN" or "LSTM", of torch.
        width: entries of a state.
        layers: stacked.
        embedding: entries of a letter's vector.
        orders: lengths of letter runs that have vectors, too: with (2, 3), step t reads the sum of
            the vectors of x_t, of x_{t−1} x_t and of x_{t−2} x_{t−1} x_t. So what a table can know
            of the last letters need not go through the state.
        slots: vectors per order; a run's slot is its hash, so runs may share one.
    """

    window, carries = 64, True  # letters of a training step; the state goes on into the next step

    def __init__(self, kind: str, width: int, layers: int = 1, embedding: int = 96,
                 orders: tuple[int, ...] = (), slots: int = 2**16):  # fmt: skip
        super().__init__()
        self.orders = orders
        self.letter = nn.Embedding(K, embedding)
        self.runs = nn.ModuleList(nn.Embedding(slots, embedding, sparse=True) for _ in orders)
        self.layers = getattr(nn, kind)(embedding, width, layers, batch_first=True)
        self.out = nn.Linear(width + embedding * bool(orders), K)
        for table in self.runs:
            nn.init.zeros_(table.weight)
        for name, bias in self.layers.named_parameters():
            if kind == "LSTM" and name.startswith("bias_ih"):
                bias.data[width : 2 * width] = 1  # the forget gate begins open

    def find_runs(self, letters: Tensor) -> Tensor:
        """Slots (n, T, orders) of the runs that end at letters (n, h + T), h = max(orders) − 1."""
        before = max(self.orders) - 1
        T, slots = letters.shape[1] - before, []
        for order in self.orders:
            code = letters.new_zeros(len(letters), T)
            for back in reversed(range(order)):
                code = (code * 1_000_003 + letters[:, before - back :][:, :T] + 1) % PRIME
            slots.append(code % self.runs[0].num_embeddings)
        return torch.stack(slots, 2)

    def forward(self, x: Tensor, past: tuple[Any, Tensor] | None = None) -> tuple[Tensor, Any]:
        """Logits (n, T, K) after each letter of x (n, T); the state and the last letters."""
        before = max(self.orders, default=1) - 1
        state, last = past or (None, x.new_full((len(x), before), START))
        letters = torch.cat((last, x), 1)
        vectors = self.letter(x)
        if self.orders:
            slots = self.find_runs(letters).unbind(2)
            vectors = vectors + sum(table(slot) for table, slot in zip(self.runs, slots))
        y, state = self.layers(vectors, state)
        if self.orders:
            y = torch.cat((y, vectors), 2)  # what a run says of the next letter, it says at once
        return self.out(y), (state, letters[:, letters.shape[1] - before :])

    def detach(self, past: tuple[Any, Tensor]) -> tuple[Any, Tensor]:
        """The same memory, through which no gradient flows back."""
        state, last = past
        return tuple(s.detach() for s in state) if isinstance(
            state, tuple
        ) else state.detach(), last

    def select(self, past: tuple[Any, Tensor], rows: Tensor) -> tuple[Any, Tensor]:
        """The memory of the texts `rows` (m,)."""
        state, last = past
        state = tuple(s[:, rows] for s in state) if isinstance(state, tuple) else state[:, rows]
        return state, last[rows]


class TransformerLM(nn.Module):
    """Lecture 25's decoder-only network, for at most `positions` letters."""

    carries = False  # every training step begins anew

    def __init__(self, width: int = 128, heads: int = 4, blocks: int = 4, positions: int = 128):
        super().__init__()
        self.decoder = Decoder(K, positions, width, heads, blocks)
        self.window = positions

    def forward(self, x: Tensor, past: Any = None) -> tuple[Tensor, Any]:
        """Logits (n, T, K) after each letter of x (n, T); keys and values of all letters so far."""
        return self.decoder(x, past)

    def select(self, past: Any, rows: Tensor) -> Any:
        """The memory of the texts `rows` (m,)."""
        return [(keys[rows], values[rows]) for keys, values in past]


def cut_streams(symbols: Tensor, streams: int) -> tuple[Tensor, Tensor]:
    """Letters (streams, L), each stream the next part of the text, and the letters after them."""
    length = len(symbols) // streams
    y = symbols[: streams * length].view(streams, length)
    before = torch.cat((symbols.new_tensor([START]), y[:-1, -1]))
    return torch.cat((before[:, None], y[:, :-1]), 1), y


def make_optimizers(model: nn.Module, lr: float) -> tuple[list[Tensor], list[Optimizer]]:
    """The weights beside the tables, and Adam for both: of a table, only for the rows read."""
    tables = [p for m in model.modules() if getattr(m, "sparse", False) for p in m.parameters()]
    dense = [p for p in model.parameters() if all(p is not table for table in tables)]
    optimizers: list[Optimizer] = [torch.optim.Adam(dense, lr, foreach=True)]
    return dense, optimizers + ([torch.optim.SparseAdam(tables, lr)] if tables else [])


def train(
    model: nn.Module,
    symbols: Tensor,
    steps: int,
    look: Callable[[], float],
    streams: int = 16,
    lr: float = 4e-3,
    looks: int = 6,
) -> list[dict[str, float]]:
    """Truncated backpropagation through time: the state goes on from step to step, gradients end.

    Adam; η grows in the first 50 steps and then falls to 0 as a cosine; gradients of a norm above
    1 are clipped.

    Args:
        symbols: the text, (length,), on the model's device.
        look: called `looks` times; its numbers are kept.
    Returns:
        "minutes" of the CPU, all its cores together, without those of `look`; what `look` gave.
    """
    x, y = cut_streams(symbols, streams)
    dense, optimizers = make_optimizers(model, lr)
    marks = {max(1, steps * i // looks) for i in range(1, looks + 1)}
    past, begin, seconds, rows = None, 0, 0.0, []
    for step in range(1, steps + 1):
        started = time.process_time()
        share = min(1, step / 50) * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = lr * share
        if begin + model.window > x.shape[1]:
            past, begin = None, 0
        end = begin + model.window
        logits, past = model(x[:, begin:end], past)
        past = model.detach(past) if model.carries else None
        loss = cross_entropy(logits.flatten(0, 1), y[:, begin:end].flatten())  # nats, mean [l25 11]
        loss.backward()
        nn.utils.clip_grad_norm_(dense, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        begin = end
        seconds += time.process_time() - started
        if step in marks:
            if not math.isfinite(loss.item()):
                raise NonFiniteLoss(1, step, steps, lr)
            rows.append({"minutes": seconds / 60, "step": step, "bits": look()})
    return rows


@torch.no_grad()
def letter_bits(model: nn.Module, symbols: Tensor, scored: int = 2048) -> Tensor:
    """−log₂ p of each letter given those before it, (length,), on the CPU.

    The text is cut into pieces that go through the network side by side; each but the first is
    preceded by letters that are only read. A network without a carried state sees half a window
    or more before each letter that is scored.

    Args:
        symbols: (length,), on the model's device.
        scored: letters in a piece, for a network with a carried state.
    """
    model.eval()
    context = 256 if model.carries else model.window // 2
    scored = scored if model.carries else model.window - context
    fed = torch.cat((symbols.new_tensor([START]), symbols[:-1]))
    pieces: dict[tuple[int, int], list[int]] = {}
    for begin in range(0, len(symbols), scored):
        key = min(begin, context), min(scored, len(symbols) - begin)
        pieces.setdefault(key, []).append(begin)
    bits = torch.empty(len(symbols))
    for (read, size), begins in pieces.items():
        for group in torch.tensor(begins).split(64):
            places = group[:, None] + torch.arange(-read, size)
            log_p = model(fed[places])[0][:, read:].log_softmax(2)
            targets = places[:, read:]
            found = log_p.gather(2, symbols[targets][..., None])[..., 0]
            bits[targets] = (-found / math.log(2)).cpu()  # [l25 12]
    model.train()
    return bits
