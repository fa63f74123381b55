"""Final Q6: Arabic names in Latin letters, written back in Arabic script.

    python final/q6_transliteration.py                        everything, 14 minutes of one core
    python final/q6_transliteration.py --part b               the exam's plain RNN alone
    python final/q6_transliteration.py --word sharif karima   these words

(a) which kind of sequence model, and why; (b) the diagram, drawn from the model, and the exam's
plain RNN on real names; then a GRU of the same form, and attention as the outlook. The equations
are in final/seq2seq.py, data and scores in final/name_pairs.py. What to expect: of the letters of
unseen words the RNN gets 26 % wrong, the GRU 16 %, attention 15 %, which has half the words exact.
Figures and summary.json go to results/final/q6_transliteration/; final/README.md explains them.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import ROOT
from common.loop import NonFiniteLoss
from common.run import Run, choose_arguments, progress, run_parts
from final.name_pairs import Batches, Pair, load_pairs, score, split_pairs, transliterate
from final.q6_figures import plot_attention, plot_diagram, plot_errors, plot_lengths
from final.q6_words import check_words, load_network, look, save_network
from final.seq2seq import PAD, Seq2Seq, letter_loss, teacher_forcing

import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

WIDTH, DROPOUT, SMOOTHING, BEAMS = 256, 0.1, 0.1, 4
EXAMPLES = ["sharif", "ridwan", "elmasry", "sabrah", "bassiouny"]
LOOKED_AT = ["sharif", "khadija", "elmasry"]


def train(run: Run, kind: str, train_pairs: Sequence[Pair]) -> Seq2Seq:
    """A network trained with teacher forcing: the decoder is fed the right letters so far.

    The learning rate rises in the first eleventh of the steps, up to --lr, and then falls to 0.
    """
    args = run.args
    model = run.place(Seq2Seq(kind, WIDTH, dropout=DROPOUT))
    batches = Batches(train_pairs, args.batch_size, args.seed)
    optimizer = torch.optim.Adam(model.parameters(), args.lr)
    steps = args.epochs * len(batches)
    schedule = LambdaLR(optimizer, lambda step: min(10 * (step + 1), steps - step) / steps)
    for epoch in range(1, args.epochs + 1):
        total, letters = 0.0, 0
        for x, y, _ in progress(batches, f"epoch {epoch}"):
            x, y = x.to(run.device), y.to(run.device)
            logits = model(x, teacher_forcing(y))
            optimizer.zero_grad()
            letter_loss(logits, y, SMOOTHING).backward()
            clip_grad_norm_(model.parameters(), 1)  # a recurrent network's gradient may explode
            optimizer.step()
            schedule.step()
            n = int((y != PAD).sum())
            total += n * letter_loss(logits.detach(), y).item()
            letters += n
        if not math.isfinite(total):
            raise NonFiniteLoss(epoch, len(batches), len(batches), args.lr)
        found = f"{total / letters:.3f} nats a letter"
        print(f"  epoch {epoch:2} of {args.epochs}: {found}", flush=True)
    return model.eval()


def study(run: Run, kind: str) -> tuple[Seq2Seq, dict[str, Any]]:
    """Train one network, decode and score what it has not seen; prints the scores."""
    pairs, places = load_pairs("names"), load_pairs("places")
    train_pairs, unseen, respelled = split_pairs(pairs)
    model = train(run, kind, train_pairs)
    known = {word for pair in train_pairs for word in pair[:2]}
    tests = {
        "greedy": (unseen, 1),
        "beam": (unseen, BEAMS),
        "twice": ([pair for pair in unseen if pair.count > 1], BEAMS),
        "respelled": (respelled, BEAMS),
        "places": ([pair for pair in places if known.isdisjoint(pair[:2])], BEAMS),
    }
    results: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
    for name, (test, beams) in tests.items():
        results[name] = score(transliterate(model, test, beams), test, pairs + places)
        line = "  {:9} {pairs:5} pairs: letters wrong {cer:6.1%}, words exact {exact:5.1%}; "
        line += "any form: {cer_any:6.1%}, {exact_any:5.1%}"
        print(line.format(name, **results[name]))
    examples = [Pair(word, "", 1) for word in EXAMPLES]
    results["examples"] = dict(zip(EXAMPLES, transliterate(model, examples, BEAMS)))
    print("  " + ", ".join(f"{latin} {arabic}" for latin, arabic in results["examples"].items()))
    return model, results


def part_a(run: Run) -> dict[str, Any]:
    """Which kind of sequence model: many to many, not in step"""
    pairs = load_pairs("names")
    forms: dict[str, set[str]] = {}
    for pair in pairs:
        forms.setdefault(pair.latin, set()).add(pair.arabic)
    shorter = sum(len(pair.arabic) < len(pair.latin) for pair in pairs) / len(pairs)
    ambiguous = sum(len(words) > 1 for words in forms.values()) / len(forms)
    run.save("a_lengths", plot_lengths(pairs))
    print(f"  {len(pairs):,} pairs, {len(forms):,} spellings; {shorter:.1%} of the Arabic words")
    print("  are shorter than their spelling: sh is one letter, a short vowel none. One output per")
    print("  input does not fit. An encoder reads the word first; then a decoder writes, letter by")
    print(f"  letter, until it writes the end. {ambiguous:.1%} of the spellings have several")
    print("  Arabic words, so it gives probabilities: a softmax over the letters.")
    arabic = {pair.arabic for pair in pairs}
    return {
        "pairs": len(pairs),
        "spellings": len(forms),
        "words": len(arabic),
        "latin_letters": sum(len(pair.latin) for pair in pairs) / len(pairs),
        "arabic_letters": sum(len(pair.arabic) for pair in pairs) / len(pairs),
        "shorter": shorter,
        "ambiguous": ambiguous,
    }


def part_b(run: Run) -> dict[str, Any]:
    """The exam's plain RNN and its diagram"""
    model, results = study(run, "rnn")
    run.save("b_diagram", plot_diagram(model, "sharif", results["examples"]["sharif"]))
    return results


def part_gru(run: Run) -> dict[str, Any]:
    """A GRU of the same form"""
    return study(run, "gru")[1]


def part_attention(run: Run) -> dict[str, Any]:
    """The outlook: a GRU with attention, read in both directions"""
    model, results = study(run, "attention")
    save_network(run, model)  # for --word
    weights = [look(model, word, BEAMS) for word in LOOKED_AT]
    run.save("attention_weights", plot_attention(weights))
    others = {"plain RNN": run.results.get("b"), "GRU": run.results.get("gru")}
    bars = {label: other["beam"]["kinds"] for label, other in others.items() if other}
    bars["attention"] = results["beam"]["kinds"]
    bars["attention,\nplaces"] = results["places"]["kinds"]
    run.save("attention_errors", plot_errors(bars))
    return results


def part_words(run: Run) -> dict[str, Any]:
    """The words of --word in Arabic letters"""
    words = check_words(run.args.word)
    model = run.place(Seq2Seq("attention", WIDTH)).eval()
    if not load_network(run, model):
        print("  no network here yet: training one first, which takes minutes")
        model = train(run, "attention", split_pairs(load_pairs("names"))[0])
        save_network(run, model)
    answers = transliterate(model, [Pair(word, "", 1) for word in words], BEAMS)
    for word, answer in zip(words, answers):
        print(f"  {word} {answer}")
    return dict(zip(words, answers))


PARTS = {"a": part_a, "b": part_b, "gru": part_gru, "attention": part_attention}


def main(argv: list[str] | None = None) -> int:
    argv = choose_arguments(argv)
    script, parts = "final/q6_transliteration", PARTS
    options = {"--word": {"nargs": "+", "help": "write these words in Arabic letters, no more"}}
    if any(argument.partition("=")[0] == "--word" for argument in argv):
        # A folder of its own keeps the summary of the whole question; a later --out wins.
        parts = {"words": part_words}
        argv = ["--out", str(ROOT / "results" / script / "words"), *argv]
    defaults = {"epochs": 10, "batch_size": 128, "lr": 3e-3}
    return run_parts(script, __doc__, parts, argv, "torch", options=options, **defaults)


if __name__ == "__main__":
    sys.exit(main())
