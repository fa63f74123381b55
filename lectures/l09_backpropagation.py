"""Lecture 9: backpropagation through a network of any depth, in NumPy.

    python lectures/l09_backpropagation.py                     everything, in two minutes
    python lectures/l09_backpropagation.py --hidden 100,50,20  (b) with three hidden layers

Each layer is z = g(v), v = Wz + b; going back, δ = ∇ℓ ⊙ g′(v), ∇_W = δzᵀ, ∇_b = δ, ∇_z = Wᵀδ.
(a) the gradient against differences of the loss; (b) MNIST with two hidden layers; (c) sigmoid,
tanh and ReLU: how far δ reaches back, and what they learn. What to expect: 98 % of the test digits;
sigmoids pass back a quarter of δ per layer. Figures and summary.json go to
results/lectures/l09_backpropagation/; lectures/README.md explains them.
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.run import Run, run_parts
from lectures import l08_delta_rule as l08

import numpy as np

# One point per column, as in HW5: x (d_0, n), v and z of layer k (d_k, n).
# g and g′: those of lecture 8's neuron, and one more.
ACTIVATIONS = l08.ACTIVATIONS | {"tanh": (np.tanh, lambda v: 1 - np.tanh(v) ** 2)}
DEPTH = 8  # (c): hidden layers that δ goes back through
COUNT, EPOCHS, ETAS = 10_000, 3, (0.01, 0.03, 0.1, 0.3)  # (c): images, epochs and η of each network


class MLP:
    """Layers z_k = g(W_k z_{k−1} + b_k) for k = 1, …, L, with the identity as the last g.

    Args:
        sizes: d_0, …, d_L: inputs, neurons of each layer.
        activation: g of the hidden layers, one of ACTIVATIONS.
        seed: of the first weights, N(0, 1/inputs), of type `dtype`; biases start at 0.
    """

    def __init__(self, sizes, activation: str = "relu", seed: int = 0, dtype: type = np.float64):
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes {list(sizes)}: needed are two or more, each at least 1")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation {activation!r}: needed is one of {list(ACTIVATIONS)}")
        rng = np.random.default_rng(seed)
        pairs = list(pairwise(sizes))
        self.W = [(rng.standard_normal((m, d)) / d**0.5).astype(dtype) for d, m in pairs]
        self.b = [np.zeros((m, 1), dtype) for _, m in pairs]
        self.g = [ACTIVATIONS[activation]] * (len(pairs) - 1) + [ACTIVATIONS["identity"]]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The output (d_L, n) for x (d_0, n); keeps each layer's v and z for `backward`."""
        self.v, self.z = [], [x]
        for W, b, (g, _) in zip(self.W, self.b, self.g):
            self.v.append(W @ self.z[-1] + b)  # [l09 1], (d_k, n)
            self.z.append(g(self.v[-1]))
        return self.z[-1]

    def backward(self, grad_f: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Gradients by all W and b, after `forward`, summed over the points in ∂ℓ/∂f (d_L, n)."""
        grad_W, grad_b, self.delta, grad_z = [], [], [], grad_f
        for k in reversed(range(len(self.W))):
            delta = grad_z * self.g[k][1](self.v[k])  # [l09 2], (d_k, n)
            grad_W.insert(0, delta @ self.z[k].T)  # [l09 3], (d_k, d_{k−1})
            grad_b.insert(0, delta.sum(1, keepdims=True))  # [l09 4], (d_k, 1)
            grad_z = self.W[k].T @ delta  # [l09 5], (d_{k−1}, n)
            self.delta.insert(0, delta)
        return grad_W, grad_b


def squared_loss(f: np.ndarray, y: np.ndarray) -> float:
    """ℓ = ‖f − y‖², summed over the outputs (rows), averaged over the points (columns)."""
    return float(((f - y) ** 2).sum(0).mean())


def loss_gradient(f: np.ndarray, y: np.ndarray) -> np.ndarray:
    """∂ℓ/∂f of `squared_loss`, (d_L, n). [l09 6]"""
    return 2 * (f - y) / f.shape[1]  # [l09 6]


def train_epoch(mlp, x, y, eta: float, size: int, rng: np.random.Generator, lam: float = 0) -> None:
    """SGD on `squared_loss` + λ‖W‖² through x (d_0, n), y (d_L, n) shuffled, `size` at once."""
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging loss is for the caller to see
        for batch in np.array_split(rng.permutation(x.shape[1]), range(size, x.shape[1], size)):
            f = mlp.forward(x[:, batch])
            gradients = mlp.backward(loss_gradient(f, y[:, batch]))
            for W, b, grad_W, grad_b in zip(mlp.W, mlp.b, *gradients):
                W -= eta * (grad_W + 2 * lam * W)
                b -= eta * grad_b


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Labels (n,) as columns of nine 0 and one 1, (10, n), float32."""
    return np.eye(10, dtype=np.float32)[:, labels]


def wrong(f: np.ndarray, y: np.ndarray) -> float:
    """The share of the points whose largest output is not that of y, both (d_L, n)."""
    return float((f.argmax(0) != y.argmax(0)).mean())


def load_columns(run: Run) -> list[np.ndarray]:
    """MNIST as x (784, n), y (10, n) for training and x, y for the test, float32."""
    columns = [(images.flatten(1).cpu().numpy().T, one_hot(labels.cpu().numpy()))
               for images, labels in (run.mnist.train, run.mnist.test)]  # fmt: skip
    return [*columns[0], *columns[1]]


def layer_sizes(text: str) -> list[int]:
    """[200, 100] for "200,100". Raises ValueError if a size is not a whole number from 1 on."""
    sizes = [int(word) for word in text.split(",")]
    if min(sizes) < 1:
        raise ValueError(text)
    return sizes


def part_a(run: Run) -> dict[str, Any]:
    """the gradient against differences of the loss"""
    rng = np.random.default_rng(run.args.seed)
    x, y = rng.standard_normal((5, 20)), rng.standard_normal((3, 20))
    steps = 10.0 ** np.arange(-1, -13, -1)
    lines, results = {}, {}
    for depth in (1, 2, 4, 6):
        mlp = MLP([5, *[8] * (depth - 1), 3], "tanh", run.args.seed)
        start, D = mlp.W, [rng.standard_normal(W.shape) for W in mlp.W]
        grad_W = mlp.backward(loss_gradient(mlp.forward(x), y))[0]
        slope = sum((grad * each).sum() for grad, each in zip(grad_W, D))
        losses = {}
        for h in (*steps, *-steps):
            mlp.W = [W + h * each for W, each in zip(start, D)]
            losses[h] = squared_loss(mlp.forward(x), y)
        errors = [abs((losses[h] - losses[-h]) / (2 * h) / slope - 1) for h in steps]
        lines["1 layer" if depth == 1 else f"{depth} layers"] = (steps, errors)
        results[f"depth_{depth}"] = min(errors)
        print(f"  {depth} layers: relative difference {min(errors):.0e} at best")
    figure = plots.curves(lines, "step h", "relative difference to (R(W + hD) − R(W − hD))/2h",
                          "Backpropagation", "o", xscale="log", yscale="log")  # fmt: skip
    run.save("a_differences", figure)
    return results


def part_b(run: Run) -> dict[str, Any]:
    """MNIST with --hidden layers"""
    x, y, x_test, y_test = load_columns(run)
    mlp = MLP([784, *run.args.hidden, 10], "relu", run.args.seed, np.float32)
    rng, start, rows = np.random.default_rng(run.args.seed), mlp.W[0].copy(), []
    for epoch in range(1, run.args.epochs + 1):
        train_epoch(mlp, x, y, run.args.lr, run.args.batch_size, rng)
        row = {"epoch": epoch}
        for name, inputs, targets in (("training", x, y), ("test", x_test, y_test)):
            f = mlp.forward(inputs)
            row |= {name: squared_loss(f, targets), f"{name}_wrong": 100 * wrong(f, targets)}
        rows.append(row)
        if not np.isfinite(f).all():
            print(f"  with η = {run.args.lr:g} it diverged in epoch {epoch}")
            return {"diverged": epoch}
        print("  epoch {epoch:3}  loss {training:.4f} in training, {test:.4f} in the test; wrong "
              "{training_wrong:5.2f} %, {test_wrong:5.2f} %".format(**row))  # fmt: skip
    lines = {f"{name} images": (range(1, len(rows) + 1), [row[f"{name}_wrong"] for row in rows])
             for name in ("test", "training")}  # fmt: skip
    run.save("b_error", plots.curves(lines, "epoch", "wrong digits (%)", "", "o", ylim=(0, None)))
    learned = np.clip(0.5 + (mlp.W[0] - start)[:20] / 0.25, 0, 1)  # 0 is gray
    run.save("b_weights", plots.image_grid(learned, 10, title="learned by 20 neurons of layer 1"))
    return {"rows": rows, "accuracy": 1 - row["test_wrong"] / 100}


def measure_wrong(run: Run, name: str, eta: float, seed: int, data: list[np.ndarray]) -> float:
    """Wrong test digits (%) after EPOCHS on COUNT images; NaN where η is too large."""
    mlp = MLP([784, 100, 50, 10], name, seed, np.float32)
    rng = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        train_epoch(mlp, data[0][:, :COUNT], data[1][:, :COUNT], eta, run.args.batch_size, rng)
        if not np.isfinite(mlp.W[0]).all():
            return np.nan
    return 100 * wrong(mlp.forward(data[2]), data[3])


def part_c(run: Run) -> dict[str, Any]:
    """sigmoid, tanh and ReLU: how far δ reaches back, and what they learn with each η"""
    data = load_columns(run)
    figure, (left, right) = plots.subplots(1, 2, (10, 4))
    results = {}
    for name in ("sigmoid", "tanh", "relu"):
        deep = MLP([784, *[100] * DEPTH, 10], name, run.args.seed)
        deep.backward(loss_gradient(deep.forward(data[0][:, :500]), data[1][:, :500]))
        reach = [float(np.abs(delta).mean()) for delta in deep.delta[:-1]]
        left.semilogy(range(1, DEPTH + 1), np.divide(reach, reach[-1]), "o-", label=name)
        results[name] = {"per_layer": (reach[0] / reach[-1]) ** (1 / (DEPTH - 1))}
        print(f"  {name:7}  δ × {results[name]['per_layer']:.2f} per layer back")
        runs = np.array([[measure_wrong(run, name, eta, run.args.seed + i, data) for i in range(3)]
                         for eta in ETAS])  # fmt: skip
        right.errorbar(ETAS, runs.mean(1), runs.std(1), fmt="o-", capsize=3, label=name)
        for eta, mean, std in zip(ETAS, runs.mean(1).tolist(), runs.std(1).tolist()):
            finite = np.isfinite(mean)
            print(
                f"    η = {eta:<5g}", f"wrong {mean:5.2f} ± {std:.2f} %" if finite else "diverged"
            )
            results[name][f"eta_{eta:g}"] = {"mean": mean, "std": std} if finite else "diverged"
    left.set(xlabel="hidden layer", ylabel="mean |δ|, share of the last hidden layer's")
    right.set(xlabel="η (a line ends before it diverges)", xscale="log", yscale="log")
    right.set(ylabel=f"wrong test digits (%), {EPOCHS} epochs, 3 seeds")
    right.legend()
    run.save("c_activations", figure)
    return results


PARTS = {"a": part_a, "b": part_b, "c": part_c}
SIZES = {"type": layer_sizes, "default": [200, 100], "metavar": "SIZES",
         "help": "(b): hidden layers (default: 200,100)"}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    return run_parts("lectures/l09_backpropagation", __doc__, PARTS, argv, epochs=10, batch_size=50,
                     lr=0.1, options={"--hidden": SIZES})  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
