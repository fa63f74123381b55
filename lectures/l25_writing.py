"""Lecture 25: what a language model writes, sampled and by beam search.

    python lectures/l25_writing.py                       everything, in a minute
    python lectures/l25_writing.py --prompt "JULIET"     another beginning in (a)

The network is that of lectures/l25_language.py, part c, which has to run first. (a) Sampling with a
temperature, and from the k likeliest letters. (b) Beam search: the likeliest text, and what it is
worth. Figures and summary.json go to results/lectures/l25_writing/; lectures/README.md explains
them. generation.py holds both ways of writing.
"""

import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import ROOT, plots
from common.run import Run, UserError, run_parts
from lectures.generation import beam_search, sample
from lectures.l25_language import BEST, load_texts
from lectures.language_models import letter_bits
from lectures.text import decode, encode

import numpy as np
import torch
from torch import nn

TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)  # (a)
TOP = (1, 2, 5, 10)  # (a)
TEXTS, LENGTH = 20, 300  # of each setting, and letters of each text, in (a)
BEAMS = (1, 2, 4, 8, 16)  # (b)
PLACES, GOING_ON = 12, 60  # places of the plays to go on from, by so many letters, in (b)
SHOWN = 5  # the place whose texts are printed
MARKS = ",.;:?!-'\"()[]&"


def load_network(run: Run) -> nn.Module:
    """The network that l25_language.py has left."""
    path = ROOT / run.args.network
    model = BEST.make()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"{path} does not hold the network; run lectures/l25_language.py first"
        ) from error
    return run.place(model).eval()


def describe(texts: list[str], known: set[str]) -> dict[str, float]:
    """Shares of the words that the plays have, and that are not yet in the same text."""
    lists = [text.split()[1:-1] for text in texts]  # the first and the last may be cut
    words = [word.strip(MARKS) for each in lists for word in each]
    fresh = sum(len(set(each)) for each in lists) / max(1, sum(map(len, lists)))
    return {"known": np.mean([word in known for word in words or [""]]), "fresh": fresh}


def part_a(run: Run) -> dict[str, Any]:
    """sampling: temperature and top-k"""
    model, (text, _, test) = load_network(run), load_texts(run)
    known = {word.strip(MARKS) for word in decode(text).split()}
    settings = {f"T={t:g}": {"temperature": t} for t in TEMPERATURES}
    settings |= {f"top-{k}": {"top_k": k} for k in TOP}
    results = {"plays": describe([decode(each) for each in test[:60_000].split(LENGTH)], known)}
    for name, options in settings.items():
        prompt = run.args.prompt.replace("\\n", "\n")
        texts = sample(model, prompt, LENGTH, seed=run.args.seed, count=TEXTS, **options)
        results[name] = describe(texts, known) | {"text": texts[0]}
        print(f"  {name:6}  known words {results[name]['known']:.1%}, fresh "
              f"{results[name]['fresh']:.0%}: {texts[0][:60]!r}")  # fmt: skip
    lines = {label: (TEMPERATURES, [results[f"T={t:g}"][key] for t in TEMPERATURES])
             for key, label in (("known", "words that the plays have"),
                                ("fresh", "words that are new in their text"))}  # fmt: skip
    axis = {"xlabel": "temperature", "ylabel": "share of the words"}
    run.save("a_temperature", plots.curves(lines, marker="o", **axis))
    return results


def part_b(run: Run) -> dict[str, Any]:
    """beam search: the likeliest text, and what it is worth"""
    model, (text, _, test) = load_network(run), load_texts(run)
    known = {word.strip(MARKS) for word in decode(text).split()}
    places = torch.linspace(300, len(test) - 100, PLACES).long().tolist()
    prompts = [decode(test[place - 200 : place]) for place in places]
    true = [decode(test[place : place + GOING_ON]) for place in places]
    results: dict[str, Any] = {"plays": describe(true, known), "prompt": prompts[SHOWN][-80:]}
    settings = {f"k={k}": (k, None) for k in BEAMS} | {f"k=8,m={m}": (8, m) for m in (1, 2, 4)}
    for name, (k, m) in settings.items():
        found = [beam_search(model, prompt, GOING_ON, k, m) for prompt in prompts]
        bits = -np.mean([log_p for _, log_p in found]) / math.log(2) / GOING_ON
        texts = [each for each, _ in found]
        results[name] = describe(texts, known) | {"bits": bits, "text": texts[SHOWN]}
        print(f"  {name:8} {bits:.3f} bits per letter, fresh {results[name]['fresh']:.0%}: "
              f"{texts[SHOWN]!r}")  # fmt: skip
    samples = [sample(model, prompt, GOING_ON, seed=run.args.seed)[0] for prompt in prompts]
    for name, texts in (("samples", samples), ("plays", true)):
        both = zip(prompts, texts)
        bits = [
            letter_bits(model, encode(a + b).to(run.device))[-GOING_ON:].mean() for a, b in both
        ]
        results[name] = describe(texts, known) | {"bits": torch.stack(bits).mean().item()}
    lines = {"beam search": (BEAMS, [results[f"k={k}"]["bits"] for k in BEAMS])}
    level = ("what the plays go on with", results["plays"]["bits"])
    axis = {"xlabel": "beams k", "ylabel": "bits per letter of the text found", "xscale": "log"}
    run.save("b_beams", plots.curves(lines, marker="o", level=level, **axis))
    return results


PARTS = {"a": part_a, "b": part_b}
OPTIONS = {
    "--network": {"default": "results/lectures/l25_language/network.pt",
                  "help": "what l25_language.py has left, in the repository"},
    "--prompt": {"default": "ROMEO\\n", "help": "what the texts of (a) go on from"},
    "--letters": {"type": int, "help": "of each text alone, for a trial"},
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l25_writing", __doc__, PARTS, argv, "torch", 1, OPTIONS)


if __name__ == "__main__":
    sys.exit(main())
