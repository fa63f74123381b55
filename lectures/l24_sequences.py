"""Lecture 24 on real data: one to many, many to one, many to many in step.

    python lectures/l24_sequences.py             everything, in about five minutes
    python lectures/l24_sequences.py --part b    surnames alone

(a) One to many: the image of a digit → its name, letter by letter. (b) Many to one: a surname →
its language, beside naive Bayes. (c) Many to one: the definition of a word → whether it is a good
one. (d) Many to many in step: the sunspots of each next year, beside the linear model of the nine
years before. Out of step is final Q6. sequences.py holds the data and the networks that read,
speller.py the one that writes; lectures/README.md explains the figures.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import Batches
from common.run import Run, run_parts
from lectures.sequences import (
    NaiveBayes,
    Reader,
    balanced_accuracy,
    classify,
    find_fold,
    find_ngrams,
    load_definitions,
    load_sunspots,
    load_surnames,
    split_letters,
    split_words,
    train_reader,
)
from lectures.speller import NAMES, Speller, spell
from lectures.sunspots import autoregression, forecast, rmse, train_forecaster

import numpy as np
import torch

FOLDS = 5
STARTS = 5  # networks whose answers are averaged, in (c) and (d)
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
    grams = [find_ngrams(f"^{name.text}$", 4) for name in names]
    bayes = NaiveBayes([grams[i] for i in inside], labels[inside].tolist(), 0.1)
    results = {"majority": float(np.mean(labels[outside] == np.bincount(labels[inside]).argmax()))}
    results["bayes"] = score(bayes.classify([grams[i] for i in outside]), labels[outside])
    letters = sorted({letter for name in names for letter in split_letters(name.text)})
    signs = [[1 + letters.index(c) for c in split_letters(name.text)] for name in names]
    targets = torch.eye(len(languages))[torch.from_numpy(labels)]
    model = run.place(Reader(1 + len(letters), len(languages), mean=True, both=True))
    train_reader(model, [signs[i] for i in inside], targets[inside], 2 * run.args.epochs, 5e-3,
                 run.args.seed)  # fmt: skip
    found = classify(model, [signs[i] for i in outside]).argmax(1).numpy()
    results["lstm"] = score(found, labels[outside])
    for name, row in results.items():
        print(f"  {name:9}", row if name == "majority" else
              f"{row['accuracy']:.1%} right, balanced {row['balanced']:.1%}")  # fmt: skip
    counts = np.zeros((len(languages), len(languages)), dtype=int)
    np.add.at(counts, (labels[outside], found), 1)
    results["recall"] = dict(zip(languages, (counts.diagonal() / counts.sum(1).clip(1)).tolist()))
    rows, short = "language, in the columns' order", [each[:3] for each in languages]
    table = plots.count_table(counts, rows, "the LSTM's answer", "Surnames held out", short)
    table.axes[0].set_yticks(range(len(short)), short)
    run.save("b_languages", table)
    return results


def read_definitions(run: Run, examples: list, fold: int) -> dict[str, float]:
    """Naive Bayes and the LSTM on one fold: shares that are right."""
    words = [split_words(example.text) for example in examples]
    labels = np.array([example.label for example in examples])
    inside, outside = split_fold(examples, fold)
    bayes = NaiveBayes([words[i] for i in inside], labels[inside].tolist())
    found = {"bayes": bayes.classify([words[i] for i in outside])}
    # Signs: 0 pads, 1 is a word that training has not seen, which all unseen words share
    signs = [[2 + bayes.index.get(word, -1) for word in each] or [1] for each in words]
    clear = torch.tensor([example.weight for example in examples]) * (2 * torch.tensor(labels) - 1)
    targets = torch.stack(((1 - clear) / 2, (1 + clear) / 2), 1)
    total = 0.0
    for start in range(STARTS):
        torch.manual_seed(run.args.seed + start)
        model = Reader(2 + len(bayes.index), 2, 32, 32, 0.4, mean=True, both=True)
        start_vectors(model, bayes)
        train_reader(
            run.place(model), [signs[i] for i in inside], targets[inside], 4, 5e-3, start, 32
        )
        log_p = classify(model, [signs[i] for i in outside])
        found.setdefault("lstm_alone", log_p.argmax(1).numpy())
        total = total + log_p
    found["lstm"] = total.argmax(1).numpy()
    return {name: (each == labels[outside]).mean() for name, each in found.items()}


def start_vectors(model: Reader, bayes: NaiveBayes) -> None:
    """Small random vectors, of which eight entries begin as what naive Bayes knows of the word."""
    ratio = torch.zeros(model.vectors.num_embeddings)
    ratio[2:] = torch.from_numpy(bayes.log_p[1] - bayes.log_p[0])
    model.vectors.weight.data.mul_(0.1)
    model.vectors.weight.data[:, :8] += ratio[:, None]


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
    "--steps": {"type": int, "default": 300, "help": "of each training in (d)"},
    "--every": {"type": int, "default": 1, "help": "use each so many-th example of (b) and (c)"},
}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l24_sequences", __doc__, PARTS, argv, threads=1, options=OPTIONS,
                     epochs=4)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
