"""Lecture 25: two networks that learn how words are said, trained and decoded alike.

A transformer, and final Q6's recurrent network with attention: a GRU of about as many parameters.
"""

import math
import time
from collections.abc import Iterator, Sequence
from itertools import islice

from common.loop import NonFiniteLoss
from common.run import Run, UserError, progress
from final.seq2seq import LATIN, Seq2Seq, beam_search, letter_loss, teacher_forcing
from lectures.pronunciations import (
    PHONES,
    Pair,
    Words,
    cut_batches,
    decode_phones,
    read_batches,
    score,
)
from lectures.transformer import Transformer

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

WIDTH, HEADS, BLOCKS, POSITIONS, DROPOUT, SMOOTHING = 128, 4, 3, 32, 0.1, 0.1
SIGNS = len(PHONES) + 1  # and the end
GRU_WIDTH = 256
# Shares of --epochs and of --lr: a GRU's steps take less time, and it learns best at larger rates.
SHARES = {"transformer": (1.0, 1.0), "GRU": (1.5, 3.0)}
MARKS, GLANCE = 8, 500  # scores during training, and the words for each of them


def make_network(name: str) -> nn.Module:
    """A network to train: "transformer" or "GRU"."""
    if name == "GRU":
        return Seq2Seq("attention", GRU_WIDTH, dropout=DROPOUT, signs=SIGNS)
    return Transformer(len(LATIN), SIGNS, POSITIONS, WIDTH, HEADS, BLOCKS, DROPOUT)


@torch.no_grad()
def pronounce(model: nn.Module, words: Sequence[str], beams: int) -> list[str]:
    """The best pronunciation found for each word; beams = 1 is greedy decoding."""
    device = next(model.parameters()).device
    answers, pairs = [""] * len(words), [(word, "") for word in words]
    batches = cut_batches(pairs, 512)
    for batch, (x, _) in zip(batches, read_batches(pairs, batches)):
        letters, _ = beam_search(model, x.to(device), beams, POSITIONS)
        for i, signs in zip(batch, letters[:, 0].tolist()):
            answers[i] = decode_phones(signs)
    return answers


def schedule(step: int, steps: int) -> float:
    """What the learning rate is multiplied by: up in the first tenth, then down as a cosine."""
    return min(10 * (step + 1) / steps, 1) * (1 + math.cos(math.pi * step / steps)) / 2


def stream(
    pairs: Sequence[Pair], size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end, each pass in a new order."""
    while True:
        yield from read_batches(pairs, cut_batches(pairs, size, generator))


def train(
    run: Run, name: str, pairs: Sequence[Pair], test: Words
) -> tuple[nn.Module, list[list[float]]]:
    """A network trained with teacher forcing, and how it came along.

    Returns:
        the network, and rows [CPU minutes of training so far, phones of some test words wrong].
    """
    args, (passes, rate) = run.args, SHARES[name]
    model = run.place(make_network(name))
    optimizer = torch.optim.Adam(model.parameters(), rate * args.lr)
    in_epoch = len(cut_batches(pairs, args.batch_size))
    steps = round(passes * args.epochs * in_epoch)
    rates = LambdaLR(optimizer, lambda step: schedule(step, steps))
    glance = {word: test[word] for word in list(test)[:: -(-len(test) // GLANCE)]}
    batches = stream(pairs, args.batch_size, torch.Generator().manual_seed(args.seed))
    rows, seconds, begin = [], 0.0, time.process_time()
    for step, (x, y) in enumerate(progress(islice(batches, steps), name, steps), 1):
        x, y = x.to(run.device), y.to(run.device)
        loss = letter_loss(model(x, teacher_forcing(y)), y, SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        rates.step()
        if step * MARKS // steps > (step - 1) * MARKS // steps:
            if not loss.isfinite():
                epoch, batch = divmod(step - 1, in_epoch)
                raise NonFiniteLoss(epoch + 1, batch + 1, in_epoch, rate * args.lr)
            seconds += time.process_time() - begin
            per = score(pronounce(model.eval(), list(glance), 1), glance)["per"]
            rows.append([seconds / 60, per])
            print(f"  step {step:5} of {steps}, {seconds / 60:5.1f} CPU minutes: loss "
                  f"{loss.item():.3f} nats a phone, wrong {per:.1%}", flush=True)  # fmt: skip
            model.train()
            begin = time.process_time()
    return model.eval(), rows


def check_words(given: Sequence[str]) -> list[str]:
    """The words in small letters; UserError where one is none, or too long for the positions."""
    words = [word.lower() for word in given]
    for word in words:
        if not 1 <= len(word) <= POSITIONS or not set(word) <= set(LATIN[2:]):
            raise UserError(f"argument --word: came {word!r}, allowed are words of 1 to "
                            f"{POSITIONS} letters a to z")  # fmt: skip
    return words
