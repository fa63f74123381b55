"""Lecture 24: recurrent networks, and what becomes of a gradient on its way back through time.

    python lectures/l24_recurrent.py             everything, in about a minute
    python lectures/l24_recurrent.py --part a    "hell" → "o" alone, with the network unrolled

(a) The letters h, e, l, o, □: a simple RNN learns what follows "hell", by backpropagation through
time written by hand. (b) The same gradients by torch, and the lecture's LSTM, peephole and stacked
forms beside torch's. (c) Gradients 100 steps back: RNNs with several W, and LSTMs. (d) What that
means: a letter to be remembered for up to 100 steps; clipping. recurrent.py holds the networks,
l24_sequences.py tries them on real data; lectures/README.md explains the figures.
"""

import math
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures.recall import KINDS, train_recall
from lectures.recurrent import LSTM, SimpleRNN, backpropagate, measure_gradients

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

LETTERS = "helo□"
FED, WANTED = "hello", "ello□"
DESCENT = 1500  # steps of (a)
STEPS = 100  # (c): from the last output back
DELAYS = (5, 10, 20, 50, 100)  # (d)
RECALLED = {"RNN": "RNN", "RNN_orthogonal": "RNN, W begins orthogonal",
            "LSTM": "LSTM", "LSTM_4": "LSTM, forget bias 4"}  # fmt: skip


def encode(text: str) -> Tensor:
    """One-hot letters (T, 1, 5)."""
    return one_hot(torch.tensor([LETTERS.index(each) for each in text]), len(LETTERS))[:, None]


def train_hello(network: SimpleRNN, steps: int, eta: float = 0.5) -> list[float]:
    """Gradient descent on the mean cross-entropy of the five letters, nats, which is returned."""
    x, target = encode(FED).to(network.U), encode(WANTED).to(network.U)
    losses = []
    for _ in range(steps):
        p = network(x)[0].softmax(2).detach()  # (5, 1, 5)
        losses.append(-(target * p.log()).sum().item() / len(x))
        gradients = backpropagate(network, x, (p - target) / len(x))
        for weight, gradient in zip((network.U, network.W, network.V), gradients):
            weight.data -= eta * gradient
    return losses


def part_a(run: Run) -> dict[str, Any]:
    """ "hell" → "o": a simple RNN, its numbers unrolled"""
    network = SimpleRNN(5, 3, 5)
    losses = train_hello(network, DESCENT)
    x, (U, W, V) = encode(FED).float(), (each.detach() for each in network.parameters())
    y, _ = network(x)
    said = "".join(LETTERS[i] for i in y.argmax(2)[:, 0])
    s = torch.zeros(3)
    for x_t in x[:4, 0]:  # y_4 = V tanh(U x_4 + W tanh(U x_3 + W tanh(U x_2 + W tanh(U x_1))))
        s = torch.tanh(U @ x_t + W @ s)
    share = y.softmax(2)[:, 0].detach()
    print(f"  fed {FED!r}, it says {said!r}; after 'hell' {share[3, 3]:.1%} for 'o', "
          f"after 'hel' {share[2, 2]:.1%} for 'l'")  # fmt: skip
    print("  y_4 =", "  ".join(f"{c}: {v:.2f}" for c, v in zip(LETTERS, (V @ s).tolist())))
    run.save("a_unrolled", draw_unrolled(network.states(x)[1:, 0].detach(), share))
    return {"losses": [losses[0], losses[-1]], "said": said, "share": share.tolist(),
            "y4": (V @ s).tolist(), "weights": [each.tolist() for each in (U, W, V)]}  # fmt: skip


def draw_unrolled(states: Tensor, shares: Tensor) -> plots.Figure:
    """The network once per step: x_t below, s_t (T, h), above what y_t says, softmax (T, 5)."""
    figure, axis = plots.subplots(size=(9, 4.6))
    arrow = {"arrowprops": {"arrowstyle": "->", "color": "gray"}}
    box = {"boxstyle": "round", "facecolor": "#dde8f5", "edgecolor": "gray"}
    text = {"ha": "center", "va": "center", "fontsize": 9}
    for t, (s, share) in enumerate(zip(states.tolist(), shares.tolist())):
        axis.text(t, 0, f"x{t + 1} = {FED[t]}", bbox=box, **text)
        axis.text(t, 1, f"s{t + 1}\n" + "\n".join(f"{each:+.2f}" for each in s), bbox=box, **text)
        lines = (f"{c} {p:.2f}" for c, p in zip(LETTERS, share))
        axis.text(t, 2.3, f"y{t + 1} → {WANTED[t]}\n" + "\n".join(lines), bbox=box, **text)
        for label, begin, end in (("U", (t, 0.12), (t, 0.6)), ("V", (t, 1.4), (t, 1.75))):
            axis.annotate("", end, begin, **arrow)
            axis.text(t + 0.06, (begin[1] + end[1]) / 2, label, fontsize=9)
        axis.annotate("", (t - 0.2, 1), (t - 0.8, 1), **arrow)
        axis.text(t - 0.5, 1.08, "W", fontsize=9)
    axis.text(-1, 1, "s0 = 0", bbox=box, **text)
    axis.set(xlim=(-1.4, len(FED) - 0.5), ylim=(-0.3, 2.9))
    axis.set_axis_off()
    return figure


def largest(pairs: Any) -> float:
    """The largest difference between two lists of tensors."""
    return max((a - b).abs().max().item() for a, b in pairs)


def part_b(run: Run) -> dict[str, Any]:
    """the gradients by torch, and torch's cells with the same weights"""
    network = SimpleRNN(6, 8, 5).double()
    x, target = torch.randn(20, 4, 6).double(), torch.randint(5, (20, 4))
    y, _ = network(x)
    loss = cross_entropy(y.flatten(0, 1), target.flatten())
    theirs = torch.autograd.grad(loss, [network.U, network.W, network.V])
    share = (y.softmax(2) - one_hot(target, 5)).detach() / target.numel()
    results = {"bptt": largest(zip(backpropagate(network, x, share), theirs))}
    for layers in (1, 2):
        ours, torchs = LSTM(6, 8, layers).double(), nn.LSTM(6, 8, layers).double()
        copy_weights(ours, torchs)
        results[f"lstm_{layers}"] = largest([(ours(x)[0], torchs(x)[0])])
    print("  largest differences from torch:", *(f"{k} {v:.0e} " for k, v in results.items()))
    x = torch.randn(100, 32, 32)
    both = {"ours": LSTM(32, 64), "torch": nn.LSTM(32, 64)}
    for name, network in both.items():
        started = time.process_time()
        for _ in range(5):
            network(x)[0].sum().backward()
        results[f"seconds_{name}"] = (time.process_time() - started) / 5
    print("  seconds for 100 steps and back: ours {seconds_ours:.3f}, torch's {seconds_torch:.3f}"
          .format(**results))  # fmt: skip
    return results


def copy_weights(ours: LSTM, torchs: nn.LSTM) -> None:
    """Give torch's layers the weights of ours."""
    for layer, cell in enumerate(ours.cells):
        for name, weight in cell.named_parameters():
            getattr(torchs, f"{name}_l{layer}").data.copy_(weight.data)


def make_networks(width: int = 64) -> dict[str, nn.Module]:
    """RNNs whose W has several scales, or is orthogonal; LSTMs with several forget biases."""
    networks: dict[str, nn.Module] = {}
    for gain in (0.5, 1, 1.5, 3):
        networks[f"RNN_{gain}"] = SimpleRNN(5, width, 5)
        networks[f"RNN_{gain}"].W.data *= gain
    networks["RNN_orthogonal"] = SimpleRNN(5, width, 5)
    nn.init.orthogonal_(networks["RNN_orthogonal"].W)
    for bias in (0, 1, 4):
        networks[f"LSTM_{bias}"] = LSTM(5, width)
        networks[f"LSTM_{bias}"].cells[0].bias_ih.data[width : 2 * width] = bias
    return networks


def part_c(run: Run) -> dict[str, Any]:
    """gradients 100 steps back, before any training"""
    x = one_hot(torch.randint(5, (STEPS, 32)), 5).double()  # float32 ends at 1e-45
    results, lines = {}, {}
    for name, network in make_networks().items():
        norms = measure_gradients(network.double(), x).flip(0)  # the last step first
        results[name] = {"norms": (norms / norms[1]).tolist(),
                         "ratio": (norms[-1] / norms[1]).item()}  # fmt: skip
        kind, _, more = name.partition("_")
        label = (
            f"{kind}, forget bias {more}"
            if kind == "LSTM"
            else f"{kind}, W · {more}".replace("· o", "o")
        )
        lines[label] = (range(1, STEPS), results[name]["norms"][1:-1])
        print(f"  {name:14} ∂ℓ/∂s is {results[name]['ratio']:.1e} of itself after 100 steps")
    axis = {"xlabel": "steps back", "ylabel": "‖∂ℓ/∂s‖ beside that one step back",
            "yscale": "log", "ylim": (1e-12, 1e12)}  # fmt: skip
    run.save("c_gradients", plots.curves(lines, **axis))
    return results


def part_d(run: Run) -> dict[str, Any]:
    """a letter to remember for up to 100 steps, and clipping"""
    results: dict[str, Any] = {"recall": {}, "clipping": {}}
    for kind in RECALLED:
        shares = [train_recall(kind, delay, run.args.steps)[0] for delay in DELAYS]
        results["recall"][kind] = shares
        print(f"  {kind:14} right after {DELAYS} steps:", *(f"{share:.0%}" for share in shares))
    lines = {RECALLED[kind]: (DELAYS, shares) for kind, shares in results["recall"].items()}
    axis = {"xlabel": "steps that the sign is to be remembered", "ylabel": "share right",
            "xscale": "log", "ylim": (0, 1.05)}  # fmt: skip
    run.save("d_recall", plots.curves(lines, marker="o", level=("chance", 1 / KINDS), **axis))
    lines = {}
    for name, clip in (("free", None), ("clipped", 1.0)):
        share, norms, losses = train_recall("RNN_large", 10, run.args.steps, clip, sgd=True)
        row = {"largest": max(norms), "loss": sum(losses[-50:]) / len(losses[-50:]), "right": share}
        results["clipping"][name] = row | {"median": sorted(norms)[len(norms) // 2]}
        lines[name] = (range(len(losses)), losses)
        print(f"  RNN with a large W, gradients {name}: the largest {row['largest']:.1e}, "
              f"loss at the end {row['loss']:.2f}")  # fmt: skip
    axis = {"xlabel": "step", "ylabel": "loss before the step, nats", "yscale": "log"}
    run.save("d_clipping", plots.curves(lines, level=("chance", math.log(KINDS)), **axis))
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}
OPTIONS = {"--steps": {"type": int, "default": 400, "help": "of each training in (d)"}}


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l24_recurrent", __doc__, PARTS, argv, "torch", 1, OPTIONS)


if __name__ == "__main__":
    sys.exit(main())
