"""Lecture 25: a transformer reads how a word is spelled, and writes how it is said.

    python lectures/l25_transformer.py                     everything, 15 minutes of one core
    python lectures/l25_transformer.py --part a            a part of it
    python lectures/l25_transformer.py --word knight       how these words are said

(a) Who depends on whom: an encoder, a decoder alone, and both, by gradients. (b) A transformer on
the CMU Pronouncing Dictionary: 5 % of the words are held out with all their pronunciations, and one
listed pronunciation is as good as another. (c) Final Q6's recurrent network with attention on the
same words, for about as many minutes. (d) What caching keys and values saves. What to expect: of
the phones of unseen words the transformer gets 11 % wrong, the recurrent network 8 %. The blocks
are in attention.py, the networks in transformer.py, the data in pronunciations.py, the training in
pronouncing.py; lectures/README.md explains the figures.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import ROOT, plots
from common.run import Run, choose_arguments, run_parts
from final.q6_words import load_network, save_network
from final.seq2seq import EDGE, LATIN, teacher_forcing
from lectures.attention_figures import look, measure_dependence, plot_panels
from lectures.pronouncing import (
    BLOCKS,
    HEADS,
    POSITIONS,
    SIGNS,
    WIDTH,
    check_words,
    make_network,
    pronounce,
    train,
)
from lectures.pronunciations import load_words, read_batches, score, spell_out, split_words
from lectures.transformer import Decoder, Encoder, Transformer, generate

import torch
from torch import nn

BEAMS = 4
LOOKED_AT = ["knight", "phonetic", "choruses"]
LENGTHS = (8, 16, 32, 64, 128, 256, 512)  # (d)
END = "■"  # in a figure: before the first phone, after the last


def study(run: Run, name: str) -> tuple[nn.Module, dict[str, Any]]:
    """Train one network, and score what it makes of the words that it has not seen."""
    pairs, test = split_words(load_words())
    model, rows = train(run, name, pairs, test)
    parameters = sum(p.numel() for p in model.parameters())
    results: dict[str, Any] = {"pairs": len(pairs), "parameters": parameters, "rows": rows}
    for label, beams in (("greedy", 1), ("beam", BEAMS)):
        begin, answers = time.process_time(), pronounce(model, list(test), beams)
        results[label] = score(answers, test) | {"seconds": time.process_time() - begin}
        print("  {:6} {words} words: phones wrong {per:.2%}, words wrong {wer:.2%}; "
              "{seconds:.0f} s".format(label, **results[label]))  # fmt: skip
    wrong = [(word, answer) for word, answer in zip(test, answers) if answer not in test[word]]
    results["wrong"] = [[word, spell_out(answer), spell_out(test[word][0])]
                        for word, answer in wrong[:: -(-len(wrong) // 8)]]  # fmt: skip
    for word, answer, wanted in results["wrong"]:
        print(f"    {word}: {answer}, not {wanted}")
    return model, results


def part_a(run: Run) -> dict[str, Any]:
    """who depends on whom: encoder, decoder alone, both"""
    size = (POSITIONS, WIDTH, HEADS, BLOCKS)
    word, said = "knight", load_words()["knight"][0]
    x, y = next(read_batches([(word, said)], [[0]]))
    encoder, decoder = Encoder(len(LATIN), *size), Decoder(SIGNS, *size)
    both = Transformer(len(LATIN), SIGNS, *size)
    fed = teacher_forcing(y)
    found = {
        "encoder": measure_dependence(encoder.embed, lambda: encoder(x)),
        "decoder": measure_dependence(decoder.embed, lambda: decoder(fed)[0]),
        "both_letters": measure_dependence(both.encoder.embed, lambda: both(x, fed)),
        "both_phones": measure_dependence(both.decoder.embed, lambda: both(x, fed)),
    }
    letters, read = list(word), [END, *spell_out(said).split()]
    axes = [("encoder", letters, letters), ("decoder alone", read, read),
            ("both: on letters", letters, read), ("both: on phones", read, read)]  # fmt: skip
    panels = [(*labels, each / each.max()) for labels, each in zip(axes, found.values())]
    run.save("a_dependence", plot_panels(
        panels, "gradient, over the largest", "of the sign read", "of the output at"))  # fmt: skip
    ahead = {name: each.triu(1).sum().item() for name, each in found.items()}
    for name, each in ahead.items():
        print(f"  {name:12} gradients with respect to later signs: {each:.3g} in sum")
    swapped, moved = x[:, [1, 0, *range(2, len(word))]], []
    with torch.no_grad():
        for _ in range(2):
            moved.append((encoder(swapped) - encoder(x))[0, 2:].norm().item())
            nn.init.zeros_(encoder.embed.place.weight)
    print("  letters 1 and 2 change places: the vectors of the others move by {:.2f}, without "
          "positions by {:.0e}".format(*moved))  # fmt: skip
    return {"ahead": ahead, "moved": moved}


def part_b(run: Run) -> dict[str, Any]:
    """the transformer on the dictionary, and where it looks"""
    model, results = study(run, "transformer")
    save_network(run, model)  # for --word
    results["caching"] = compare_caching(run, model)
    heads, words = draw_attention(model)
    run.save("b_heads", heads)
    run.save("b_attention", words)
    return results


def compare_caching(run: Run, model: Transformer) -> dict[str, Any]:
    """Seconds for unseen words of eight letters, with keys and values kept and without."""
    _, test = split_words(load_words())
    pairs = [(word, "") for word in test if len(word) == 8][:256]
    x, _ = next(read_batches(pairs, [[*range(len(pairs))]]))
    x = x.to(run.device)
    with torch.no_grad():
        memory = model.decoder.read(model.encoder(x))
    results, written = {"words": len(pairs)}, []
    for name in ("cached", "uncached"):
        begin, first = time.process_time(), torch.full_like(x[:, :1], EDGE)
        written.append(generate(model.decoder, first, 16, name == "cached", memory=memory))
        results[name] = time.process_time() - begin
    results["equal"] = torch.equal(*written)
    print("  {words} words written to 15 signs: {uncached:.1f} s, with keys and values kept "
          "{cached:.1f} s; equal: {equal}".format(**results))  # fmt: skip
    return results


def draw_attention(model: Transformer) -> tuple[plots.Figure, plots.Figure]:
    """One word by every head of the decoder's last block; several words, mean of its heads."""
    panels, label = [], "weight α"
    for word in LOOKED_AT:
        said = pronounce(model, [word], BEAMS)[0]
        x, y = next(read_batches([(word, said)], [[0]]))
        alpha = look(model, x, teacher_forcing(y))[-1]  # (H, L, T)
        panels.append((word, list(word), [*spell_out(said).split(), END], alpha))
    word, letters, phones, alpha = panels[1]
    heads = [(f"{word}, head {i + 1}", letters, phones, each) for i, each in enumerate(alpha)]
    means = [(*panel[:3], panel[3].mean(0)) for panel in panels]
    names = (label, "letter read", f"phone written ({END}: the end)")
    return plot_panels(heads, *names), plot_panels(means, *names)


def part_c(run: Run) -> dict[str, Any]:
    """a recurrent network with attention, final Q6's, on the same words"""
    _, results = study(run, "GRU")
    others = {"transformer": run.results.get("b"), "GRU with attention": results}
    lines = {}
    for name, each in others.items():
        if each:
            minutes, errors = zip(*each["rows"])
            lines[name] = (minutes, [100 * error for error in errors])
    axis = {"xlabel": "CPU minutes of training", "ylabel": "phones of unseen words wrong (%)"}
    run.save("c_minutes", plots.curves(lines, title="Greedy decoding", marker="o", **axis))
    return results


def part_d(run: Run) -> dict[str, Any]:
    """keys and values kept while a sequence is written: same signs, less time"""
    network = run.place(Decoder(SIGNS, LENGTHS[-1], WIDTH, HEADS, BLOCKS)).eval()
    first = torch.zeros(1, 1, dtype=torch.int64, device=run.device)
    results: dict[str, Any] = {"lengths": LENGTHS, "cached": [], "uncached": [], "equal": []}
    for T in LENGTHS:
        written = {}
        for name in ("cached", "uncached"):
            begin = time.process_time()
            written[name] = generate(network, first, T, cached=name == "cached")
            results[name].append(time.process_time() - begin)
        results["equal"].append(torch.equal(*written.values()))
        print(f"  {T:3} signs: {results['uncached'][-1]:6.2f} s, with keys and values kept "
              f"{results['cached'][-1]:5.2f} s; equal: {results['equal'][-1]}")  # fmt: skip
    lines = {name: (LENGTHS, results[name]) for name in ("uncached", "cached")}
    axis = {"xlabel": "signs written", "ylabel": "CPU seconds", "xscale": "log", "yscale": "log"}
    run.save("d_caching", plots.curves(lines, marker="o", **axis))
    return results


def part_words(run: Run) -> dict[str, Any]:
    """how the words of --word are said"""
    words = check_words(run.args.word)
    model = run.place(make_network("transformer")).eval()
    if not load_network(run, model):
        print("  no network here yet: training one first, which takes minutes")
        model, _ = train(run, "transformer", *split_words(load_words()))
        save_network(run, model)
    answers = {word: spell_out(said) for word, said in zip(words, pronounce(model, words, BEAMS))}
    for word, said in answers.items():
        print(f"  {word}: {said}")
    return answers


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}


def main(argv: list[str] | None = None) -> int:
    argv = choose_arguments(argv)
    script, parts = "lectures/l25_transformer", PARTS
    options = {"--word": {"nargs": "+", "help": "say how these words are said, no more"}}
    if any(argument.partition("=")[0] == "--word" for argument in argv):
        # A folder of its own keeps the summary of the whole lesson; a later --out wins.
        parts = {"words": part_words}
        argv = ["--out", str(ROOT / "results" / script / "words"), *argv]
    defaults = {"epochs": 2, "batch_size": 128, "lr": 1e-3}
    return run_parts(script, __doc__, parts, argv, "torch", options=options, **defaults)


if __name__ == "__main__":
    sys.exit(main())
