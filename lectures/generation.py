"""Text from a language model of lecture 25: sampled with a temperature, top-k, or by beam search.

    text = sample(model, "ROMEO\\n", 300, temperature=0.8, top_k=10)
    text, log_p = beam_search(model, "ROMEO\\n", 100, k=4, m=3)

The model is one of language_models.py: letters and a memory in, logits and a memory out. It reads
each letter once, since it goes on from its memory.
"""

from typing import Any

from common.run import UserError
from lectures.text import START, decode, encode

import torch
from torch import Tensor, nn


def read_prompt(model: nn.Module, prompt: str, count: int, length: int) -> tuple[Tensor, Any]:
    """Logits (count, K) of the letter after the prompt, and the memory, `count` times the same.

    Raises:
        UserError: no prompt, an unknown letter, or more letters than the model has positions.
    """
    letters = torch.cat((torch.tensor([START]), encode(prompt)))
    if not model.carries and len(letters) + length > model.window:
        raise UserError(f"prompt and text have {len(letters) + length} letters, and the network "
                        f"has {model.window} positions; take a shorter text")  # fmt: skip
    device = next(model.parameters()).device
    logits, past = model(letters.to(device).expand(count, -1))
    return logits[:, -1], past


def filter_logits(logits: Tensor, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
    """Logits (n, K) divided by the temperature, and −∞ but for the top_k largest.

    Args:
        temperature: above 0; towards 0 only the likeliest letter is left, above 1 all come nearer.
    """
    logits = logits / temperature  # [l25 14]
    if top_k is not None:
        least = logits.topk(top_k, 1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)  # [l25 15]
    return logits


@torch.no_grad()
def sample(
    model: nn.Module,
    prompt: str,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    count: int = 1,
) -> list[str]:
    """`count` texts of `length` letters that go on from the prompt, drawn letter by letter."""
    generator = torch.Generator().manual_seed(seed)
    logits, past = read_prompt(model, prompt, count, length)
    letters = []
    for _ in range(length):
        p = filter_logits(logits, temperature, top_k).softmax(1).cpu()
        letters.append(torch.multinomial(p, 1, generator=generator))  # (count, 1)
        logits, past = model(letters[-1].to(logits.device), past)
        logits = logits[:, -1]
    return [decode(row) for row in torch.cat(letters, 1)]


@torch.no_grad()
def beam_search(
    model: nn.Module, prompt: str, length: int, k: int, m: int | None = None
) -> tuple[str, float]:
    """The likeliest continuation that is found, and ln p of it given the prompt.

    Each of the k texts that are kept is continued by its m likeliest letters, and of these k · m
    texts the k likeliest are kept.

    Args:
        k: 1 takes the likeliest letter each time.
        m: all letters, if None.
    """
    logits, past = read_prompt(model, prompt, k, length)
    K = logits.shape[1]
    m = m or K
    score = logits.new_full((k,), -torch.inf)
    score[0] = 0  # at first all are the same empty text: one of them counts
    letters = torch.zeros(k, 0, dtype=torch.long, device=logits.device)
    for _ in range(length):
        best, symbols = logits.log_softmax(1).topk(m, 1)  # (k, m) each
        score, chosen = (score[:, None] + best).flatten().topk(k)  # [l25 16]
        parent = chosen // m
        symbol = symbols.flatten()[chosen]
        letters = torch.cat((letters[parent], symbol[:, None]), 1)
        logits, past = model(symbol[:, None], model.select(past, parent))
        logits = logits[:, -1]
    return decode(letters[0]), score[0].item()
