"""HW5 Q2: a network of sigmoids imitates a network of step functions, by backpropagation by hand.

    python backprop.py --check    are the lines right that you have filled in?
    python backprop.py            what is still open; then (d) and (e), as far as they go

Put an expression in the place of each todo(…); its shape stands beside it. Letters: n points in a
batch, h hidden neurons. A batch is a matrix with one point per column, and b and c are columns.
(f): --lr, --epochs, --batch, --a, --hidden, --sigma and --patience change the training.
"""

import sys

from gradescope.starters.room import Figure, run
from hw5.network import (
    Network,
    backward,
    draw_network,
    draw_points,
    forward,
    phi,
    phi_prime,
    sgd,
    transpose,
)

import numpy as np

GIVEN = (transpose,)
BLANKS = {
    "phi return": "φ",
    "phi_prime return": "φ′",
    "forward v_z": "before φ",
    "forward z": "after φ",
    "forward v_f": "before φ",
    "forward f": "after φ",
    "backward grad_f": "∇_f ℓ",
    "backward delta_f": "δ_f",
    "backward grad_z": "∇_z ℓ",
    "backward delta_z": "δ_z",
    "backward W": "∇_W ℓ, averaged over the points",
    "backward b": "∇_b ℓ",
    "backward U": "∇_U ℓ",
    "backward c": "∇_c ℓ",
    "sgd weight": "what a step subtracts",
    "sgd mse": "the mean square over all points",
}


def train(args):
    """The network after training, and the MSE after each epoch."""
    x, y = draw_points(args.seed)
    network = draw_network(args.seed, args.hidden, args.sigma)
    epochs = sgd(network, x, y, args.lr, args.epochs, args.batch, args.a, args.patience)
    return network, [float(mse) for mse in epochs]


def part_d(args):
    """SGD, one point at a time"""
    _, history = train(args)
    print(f"  MSE after the first epoch {history[0]:.4f}, after the last {history[-1]:.4f}")
    figure = Figure(layout="constrained")
    figure.subplots().plot(history)
    figure.axes[0].set(xlabel="epoch", ylabel="MSE", yscale="log")
    figure.savefig(f"{args.out}/d_mse.png")
    return {"mse": history}


def part_e(args):
    """the student beside its teacher"""
    network, _ = train(args)
    x, y = draw_points(args.seed)
    f = forward(network, x, args.a).f
    figure = Figure(figsize=(8, 4), layout="constrained")
    for i, (title, heights) in enumerate({"student": f[0], "teacher": y[0]}.items(), 1):
        axes = figure.add_subplot(1, 2, i, projection="3d", title=title, xlabel="x₁", ylabel="x₂")
        axes.scatter(*x, heights, c=heights, s=3)
    figure.savefig(f"{args.out}/e_scatter.png")
    agreement = float(((f >= 0.5) == (y == 1)).mean())
    print(f"  agrees with its teacher on {agreement:.2%} of the points")
    return {"agreement": agreement}


X, Y = np.array([[0.0, 1, -0.5], [0.5, 0, 0.25]]), np.array([[1.0, 0, 1]])  # three points
V = np.array([-0.2, 0, 1])


def tiny():
    """A network with two hidden neurons."""
    weights = [[1.0, -1], [0.5, 0.5]], [[0.0], [0.25]], [[1.0, -2]], [[0.5]]
    return Network(*map(np.array, weights))


def descend():
    """Two epochs with batches of two and one points: the MSE, and the weights after them."""
    network = tiny()
    return list(sgd(network, X, Y, 1.0, 2, 2, 1.0)), network


CHECKS = [
    ("phi", lambda: phi(V), {"result": [0.269, 0.5, 0.993]}),
    ("phi", np.errstate(over="raise")(lambda: phi(np.array([-1e6, 1e6]))), {"result": [0, 1]}),
    ("phi_prime", lambda: phi_prime(V, 2.0), {"result": [0.481, 0.5, 0.21]}),
    ("forward", lambda: forward(tiny(), X, 1.0), {
        "v_z": [[-0.5, 1, -0.75], [0.5, 0.75, 0.125]],
        "z": [[0.378, 0.731, 0.321], [0.622, 0.679, 0.531]],
        "v_f": [[-0.367, -0.127, -0.242]], "f": [[0.409, 0.468, 0.44]]}),
    ("backward", lambda: backward(tiny(), X, Y, forward(tiny(), X, 1.0), 1.0), {
        "grad_f": [[-1.182, 0.936, -1.12]], "delta_f": [[-0.286, 0.233, -0.276]],
        "grad_z": [[-0.286, 0.233, -0.276], [0.571, -0.466, 0.552]],
        "delta_z": [[-0.067, 0.046, -0.06], [0.134, -0.102, 0.138]],
        "result.W": [[0.025, -0.016], [-0.057, 0.034]], "result.b": [[-0.027], [0.057]],
        "result.U": [[-0.009, -0.055]], "result.c": [[-0.11]]}),
    ("sgd", descend, {"network.W": [[0.894, -0.942], [0.727, 0.381]],
                      "network.U": [[1.074, -1.777]], "mse": [[0.228]]}),
]  # fmt: skip
PARTS = {"d": part_d, "e": part_e}


def main():
    defaults = {"batch": 1, "a": 5.0, "hidden": 3, "sigma": 0.1, "patience": 0}
    return run(PARTS, CHECKS, lr=0.01, epochs=100, **defaults)


if __name__ == "__main__":
    sys.exit(main())
