"""Lecture 25: language models of Shakespeare's plays, letter by letter.

    python lectures/l25_language.py                everything, about 25 minutes of one core
    python lectures/l25_language.py --minutes 1    a third of that

(a) The chain rule, perplexity, and letters counted: n-grams with backing off. (b) RNN, LSTM,
stacked LSTM and transformer, each trained for the same minutes of the CPU. (c) The best network
for longer, how far back it looks, and its mixture with the counts. Bits per letter are those of
three whole plays that no model has seen. l25_writing.py shows what the network of (c) writes;
ngrams.py and language_models.py hold the models; lectures/README.md explains the figures.
"""

import io
import lzma
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures.language_models import K, RecurrentLM, TransformerLM, letter_bits, train
from lectures.ngrams import NGram
from lectures.text import START, decode, encode, load_plays, split_plays

import numpy as np
import torch
from torch import Tensor, nn

ORDERS = (1, 2, 3, 4, 5, 6, 7)  # (a)
LOOKED = 20_000  # letters of the play that is looked at while training
RUNS = (2, 3, 4, 5, 6)  # letters whose runs the network of (c) reads, too
MIXED = 7  # the order of the counts that it is mixed with
CONTEXTS = (1, 2, 4, 8, 16, 32, 64, 128)  # (c)


class Contender(NamedTuple):
    """A network of (b): how to make it, and how to train it."""

    make: Any
    steps: int  # in a minute of the CPU; measured once, so that a run can be made again
    streams: int
    lr: float


NETWORKS = {
    "RNN": Contender(lambda: RecurrentLM("RNN", 512), 940, 16, 2e-3),
    "LSTM": Contender(lambda: RecurrentLM("LSTM", 320), 980, 16, 4e-3),
    "stacked": Contender(lambda: RecurrentLM("LSTM", 224, 2), 770, 16, 4e-3),
    "transformer": Contender(TransformerLM, 500, 8, 1e-3),
}
BEST = Contender(lambda: RecurrentLM("LSTM", 320, orders=RUNS), 700, 16, 4e-3)


def load_texts(run: Run) -> tuple[Tensor, Tensor, Tensor]:
    """Training text, the play that is looked at, test text, as symbols; --letters of each."""
    texts = split_plays(load_plays())
    return tuple(encode(text[: run.args.letters]) for text in texts)


def part_a(run: Run) -> dict[str, Any]:
    """the chain rule, perplexity, and n-grams with backing off"""
    train_text, _, test = (symbols.numpy() for symbols in load_texts(run))
    texts = [decode(torch.from_numpy(symbols)).encode() for symbols in (train_text, test)]
    # What the test text adds to a file that holds the training text already
    packed = [len(lzma.compress(text, preset=9)) for text in (texts[0], b"".join(texts), texts[1])]
    rows: dict[str, Any] = {"letters": [len(train_text), len(test)], "uniform": math.log2(K)}
    rows["lzma"], rows["lzma_alone"] = (8 * (packed[1] - packed[0]) / len(test),
                                        8 * packed[2] / len(test))  # fmt: skip
    print(
        f"  uniform {rows['uniform']:.2f} bits per letter, perplexity {K}; lzma {rows['lzma']:.2f}"
    )
    rows["bits"], rows["texts"], rows["seen"] = [], {}, []
    for order in ORDERS:
        model = NGram(train_text, order, K)
        p = model.probabilities(test, START)
        seen = model.has_seen(test, START)
        rows["bits"].append(-np.log2(p).mean())  # [l25 12]
        rows["seen"].append(seen)
        rows["texts"][order] = decode(
            torch.from_numpy(model.sample(200, np.random.default_rng(run.args.seed), START))
        )
        bits = rows["bits"][-1]
        print(f"  {order}-gram: {bits:.3f} bits, perplexity {2**bits:.2f}; "
              f"its last {order} letters were seen in {seen:.0%}")  # fmt: skip
    levels = ("lzma, which has read the same plays", rows["lzma"])
    axis = {"xlabel": "order n", "ylabel": "bits per letter, test plays"}
    lines = {"n-grams with backing off": (ORDERS, rows["bits"])}
    run.save("a_ngrams", plots.curves(lines, marker="o", level=levels, **axis))
    return rows


def train_network(
    run: Run, name: str, contender: Contender, minutes: float, texts: tuple[Tensor, ...]
) -> tuple[nn.Module, dict[str, Any]]:
    """The network after so many CPU minutes' steps, and its bits per letter."""
    text, looked, test = (symbols.to(run.device) for symbols in texts)
    torch.manual_seed(run.args.seed)
    model = run.place(contender.make())
    steps = max(1, round(minutes * contender.steps))
    look = lambda: letter_bits(model, looked[:LOOKED]).mean().item()  # noqa: E731
    rows = train(model, text, steps, look, contender.streams, contender.lr)
    bits = letter_bits(model, test).mean().item()
    weights = sum(p.numel() for p in model.parameters())
    read = steps * contender.streams * model.window
    print(f"  {name:12} {weights:10,} weights, {read / 1e6:5.2f} million letters in "
          f"{rows[-1]['minutes']:.1f} minutes: {bits:.3f} bits")  # fmt: skip
    return model, {"curve": rows, "bits": bits, "weights": weights, "read": read}


def part_b(run: Run) -> dict[str, Any]:
    """RNN, LSTM, stacked LSTM and transformer at equal minutes"""
    texts = load_texts(run)
    results = {}
    for name, contender in NETWORKS.items():
        _, results[name] = train_network(run, name, contender, run.args.minutes, texts)
    run.save("b_minutes", draw_curves(results))
    return results


def draw_curves(results: dict[str, Any], level: tuple[str, float] | None = None) -> plots.Figure:
    """Bits per letter on the play that is looked at, against the minutes of the CPU."""
    curves = {name: row["curve"] for name, row in results.items()}
    lines = {name: ([each["minutes"] for each in curve], [each["bits"] for each in curve])
             for name, curve in curves.items()}  # fmt: skip
    axis = {"xlabel": "minutes of one core", "ylabel": "bits per letter, a play not trained on"}
    return plots.curves(lines, marker="o", level=level, **axis)


def part_c(run: Run) -> dict[str, Any]:
    """the best network for longer, how far back it looks, its mixture with the counts"""
    texts = load_texts(run)
    model, row = train_network(run, "best", BEST, 3 * run.args.minutes, texts)
    content = io.BytesIO()
    torch.save({name: tensor.half() for name, tensor in model.state_dict().items()}, content)
    run.write("network.pt", content.getvalue())
    earlier = run.results.get("b", {})
    run.save("c_minutes", draw_curves({**earlier, "LSTM that reads runs": row}))
    row["contexts"] = measure_contexts(model, texts[2][: 2 * LOOKED].to(run.device))
    line = {"": (CONTEXTS, [row["contexts"][str(c)] for c in CONTEXTS])}
    axis = {"xlabel": "letters that it has read", "ylabel": "bits for the next", "xscale": "log"}
    run.save("c_context", plots.curves(line, marker="o", **axis))
    row["mixture"] = mix(run, model, texts)
    return row


@torch.no_grad()
def measure_contexts(model: nn.Module, symbols: Tensor, count: int = 1500) -> dict[str, float]:
    """c → mean bits of the letter after c letters, which are all that the network has read."""
    places = torch.linspace(max(CONTEXTS), len(symbols) - 1, count).long()
    bits = {}
    for c in CONTEXTS:
        x = symbols[places[:, None] + torch.arange(-c, 0)]  # (count, c)
        last = torch.cat([model(each)[0][:, -1].log_softmax(1) for each in x.split(250)])
        bits[str(c)] = -last.gather(1, symbols[places][:, None]).mean().item() / math.log(2)
    return bits


def mix(run: Run, model: nn.Module, texts: tuple[Tensor, ...]) -> dict[str, Any]:
    """λ p of the network and 1 − λ p of the counts, and what it gives.

    λ depends on how many of the letters before have been seen together, and is the best one on the
    play that is looked at.
    """
    counts = NGram(texts[0].numpy(), MIXED, K)
    rows = []
    for symbols in (texts[1], texts[2]):
        p = 2.0 ** -letter_bits(model, symbols.to(run.device)).double().numpy()
        rows.append((p, counts.probabilities(symbols.numpy(), START),
                     counts.find_depths(symbols.numpy(), START)))  # fmt: skip
    (p, q, depth), (p_test, q_test, depth_test) = rows
    shares = np.linspace(0.02, 0.98, 25)
    bits = np.stack([-np.log2(share * p + (1 - share) * q) for share in shares])  # (25, length)
    sums = [bits[:, depth == d].sum(1) for d in range(MIXED)]
    best = shares[np.argmin(sums, 1)]  # λ of each depth
    mixed = best[depth_test] * p_test + (1 - best[depth_test]) * q_test  # [l25 17]
    found = {"shares": best.tolist(), "bits": -np.log2(mixed).mean(),
             "ngram": -np.log2(q_test).mean()}  # fmt: skip
    print(
        f"  mixed with the {MIXED}-grams, which have {found['ngram']:.3f}: {found['bits']:.3f} bits"
    )
    return found


PARTS = {"a": part_a, "b": part_b, "c": part_c}
OPTIONS = {
    "--minutes": {"type": float, "default": 3, "help": "of one core for each network in (b)"},
    "--letters": {"type": int, "help": "of each text alone, for a trial"},
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l25_language", __doc__, PARTS, argv, "torch", 1, OPTIONS)


if __name__ == "__main__":
    sys.exit(main())
