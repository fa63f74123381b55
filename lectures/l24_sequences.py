"""Lecture 24 on real data: one to many, many to one, many to many in step.

    python lectures/l24_sequences.py             everything, in about two minutes
    python lectures/l24_sequences.py --part b    surnames alone

(a) One to many: the image of a digit → its name, letter by letter. (b) Many to one: a surname →
its language, beside naive Bayes. (c) Many to one: the definition of a word → whether it is a good
one. (d) Many to many in step: the sunspots of each next year, beside the linear model of the nine
years before. Out of step is final Q6. sequences.py holds the data, reader.py and speller.py the
networks that read and write; lectures/README.md explains the figures.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches
from common.run import Run, run_parts
from lectures.reader import (
    LENGTHS,
    Reader,
    Text,
    classify,
    learn_evidence,
    read_letters,
    train_reader,
)
from lectures.sequences import (
    Example,
    balanced_accuracy,
    find_fold,
    find_ngrams,
    load_definitions,
    load_sunspots,
    load_surnames,
    split_words,
)
from lectures.speller import NAMES, Speller, spell
from lectures.sunspots import autoregression, forecast, rmse, train_forecaster

import numpy as np
import torch

FOLDS = 5
COMMON = 10  # times that a word occurs which has a vector of its own, in (c)
STARTS = 3  # networks whose answers are averaged, in (c) and (d)
TEST_YEARS = 60  # (d): 1949 to 2008


def part_a(run: Run) -> dict[str, Any]:
    """one to many: the image of a digit → its name"""
    model = run.place(Speller())
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.4)
    for epoch in range(run.args.epochs):
        total = 0.0
        for images, labels in Batches(run.mnist.train, 128, run.args.seed + epoch):
            loss = model.loss(images, labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item() * len(labels)
        schedule.step()
        print(f"  epoch {epoch + 1}: {total / len(run.mnist.train.labels):.4f} nats per letter")
    images, labels = run.mnist.test
    said = spell(model, images)
    right = [name == NAMES[digit] for name, digit in zip(said, labels.tolist())]
    others = Counter(name for name in said if name not in NAMES)
    print(f"  {np.mean(right):.2%} of the names right; no digit's name: {sum(others.values())}, as "
          f"{[name for name, _ in others.most_common(4)]}")  # fmt: skip
    wrong = [i for i, each in enumerate(right) if not each][:10]
    chosen = [*[labels.tolist().index(d) for d in range(10)], *wrong]
    pictures = images[chosen].cpu()
    titles = [said[i] for i in chosen]
    run.save("a_names", plots.image_grid(pictures[:, 0], 10, titles))
    return {"right": np.mean(right), "others": dict(others.most_common(10)),
            "other_count": sum(others.values())}  # fmt: skip


def split_fold(examples: list, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the examples outside the fold, and of those in it."""
    folds = np.array([find_fold(example.key, FOLDS) for example in examples])
    return np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def score(found: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The share that is right, and the mean of this share over the classes."""
    return {"accuracy": (found == labels).mean(), "balanced": balanced_accuracy(found, labels)}


def part_b(run: Run) -> dict[str, Any]:
    """many to one: a surname → its language"""
    names, languages = load_surnames()
    names = names[:: run.args.every]
    labels = np.array([name.label for name in names])
    inside, outside = split_fold(names, 0)
    results: dict[str, Any] = {"names": [len(inside), len(outside)]}
    results["majority"] = np.mean(labels[outside] == np.bincount(labels[inside]).argmax())
    for longest in (3, 4):
        grams = [find_ngrams(f"^{name.text}$", longest) for name in names]
        bayes = learn_evidence(grams, names, inside, 0.1).bayes
        results[f"bayes_{longest}"] = score(bayes.classify([grams[i] for i in outside]),
                                            labels[outside])  # fmt: skip
    texts = read_letters(names, inside)
    # A name of a rare language counts more, or the commonest would be said too often
    weights = (len(inside) / np.bincount(labels[inside]).clip(1)) ** (1 / 3)
    targets = torch.diag(torch.from_numpy(weights / weights.mean()).float())[
        torch.from_numpy(labels)
    ]
    signs = 1 + max(max(text.signs) for text in texts)
    model = run.place(Reader(signs, len(languages), len(LENGTHS)))
    train_reader(model, [texts[i] for i in inside], targets[inside], run.args.epochs, 4e-3,
                 run.args.seed, 128)  # fmt: skip
    found = classify(model, [texts[i] for i in outside]).argmax(1).numpy()
    results["lstm"] = score(found, labels[outside])
    for name in ("bayes_3", "bayes_4", "lstm"):
        print(f"  {name:8} {results[name]['accuracy']:.1%} right, balanced "
              f"{results[name]['balanced']:.1%}")  # fmt: skip
    counts = np.zeros((len(languages), len(languages)), dtype=int)
    np.add.at(counts, (labels[outside], found), 1)
    results["recall"] = dict(zip(languages, (counts.diagonal() / counts.sum(1).clip(1)).tolist()))
    rows, short = "language, in the columns' order", [each[:3] for each in languages]
    table = plots.count_table(counts, rows, "the LSTM's answer", "Surnames held out", short)
    table.axes[0].set_yticks(range(len(short)), short)
    run.save("b_languages", table)
    return results


def read_definitions(run: Run, examples: list[Example], fold: int) -> dict[str, float]:
    """Naive Bayes and the LSTM on one fold: shares that are right."""
    words = [split_words(example.text) for example in examples]
    labels = np.array([example.label for example in examples])
    inside, outside = split_fold(examples, fold)
    evidence, known = learn_evidence(words, examples, inside, 1), set(inside.tolist())
    found = {"bayes": evidence.bayes.classify([words[i] for i in outside])}
    counts = Counter(word for i in inside for word in words[i])
    common = sorted(word for word in counts if counts[word] >= COMMON)
    places = {word: 2 + i for i, word in enumerate(common)}  # 1 stands for all other words
    texts = [Text([places.get(word, 1) for word in each],
                  evidence.look_up(each, labels[i] if i in known else None)[:, None])
             for i, each in enumerate(words)]  # fmt: skip
    clear = torch.tensor([example.weight for example in examples]) * (2 * torch.tensor(labels) - 1)
    targets = torch.stack(((1 - clear) / 2, (1 + clear) / 2), 1)
    total = torch.zeros(len(outside), 2)
    for start in range(STARTS):
        torch.manual_seed(run.args.seed + start)
        model = run.place(Reader(2 + len(common), 2, 1, 8, 16))
        train_reader(model, [texts[i] for i in inside], targets[inside], 4, 4e-3, start, 64)
        total += classify(model, [texts[i] for i in outside])
    found["lstm"] = total.argmax(1).numpy()
    return {name: (each == labels[outside]).mean() for name, each in found.items()}


def part_c(run: Run) -> dict[str, Any]:
    """many to one: a definition → is the word a good one?"""
    examples, _ = load_definitions()
    rows = [read_definitions(run, examples[:: run.args.every], fold) for fold in range(FOLDS)]
    results = {}
    for name in rows[0]:
        shares = [row[name] for row in rows]
        results[name] = {"mean": np.mean(shares), "std": np.std(shares), "folds": shares}
        print(f"  {name:10} {np.mean(shares):.1%} ± {np.std(shares):.1%} right")
    return results


def part_d(run: Run) -> dict[str, Any]:
    """many to many in step: next year's sunspots"""
    years, spots = load_sunspots()
    split = len(spots) - TEST_YEARS
    found = {"same": spots[split - 1 : -1],
             "AR9": autoregression(spots, split, 9),
             "AR9_root": autoregression(np.sqrt(spots), split, 9).clip(0) ** 2}  # fmt: skip
    alone: dict[str, list[float]] = {}
    for kind in ("RNN", "LSTM"):
        networks = [train_forecaster(kind, spots[:split], run.args.steps, start)
                    for start in range(STARTS)]  # fmt: skip
        each = [forecast(network, spots)[split - 1 : -1] for network in networks]
        found[kind] = np.mean(each, 0)
        alone[kind] = [rmse(one, spots[split:]) for one in each]
    results = {name: rmse(each, spots[split:]) for name, each in found.items()}
    results["alone"] = {k: [np.mean(v), np.std(v)] for k, v in alone.items()}
    print("  RMSE:", ", ".join(f"{name} {results[name]:.1f}" for name in found))
    lines = {label: (years[split:], found[name])
             for name, label in (("AR9", "AR(9)"), ("LSTM", "LSTM"))}  # fmt: skip
    lines = {"sunspots": (years[split:], spots[split:])} | lines
    run.save("d_sunspots", plots.curves(lines, "year", "sunspots, mean of the year"))
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}
OPTIONS = {
    "--steps": {"type": int, "default": 200, "help": "of each training in (d)"},
    "--every": {"type": int, "default": 1, "help": "use each so many-th example of (b) and (c)"},
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l24_sequences", __doc__, PARTS, argv, threads=1, options=OPTIONS,
                     epochs=3)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
