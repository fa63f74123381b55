"""The heuristics of lecture 13, and SGD that trains a network with those that a recipe names.

`l13_training.py` measures what each is worth. N examples in all, B in a minibatch, d numbers in an
input, n inputs of a layer's unit.
"""

from dataclasses import dataclass
from itertools import pairwise

from common.data import Batches, Split

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS = {"linear": nn.Identity, "tanh": nn.Tanh, "ReLU": nn.ReLU, "sigmoid": nn.Sigmoid}
GAINS = (0.5, 1, 2, 4)  # times 1/n: variances of the first weights
DEPTH = 30  # layers of the deep networks


def dropout(z: Tensor, p: float, training: bool) -> Tensor:
    """The lecture's: a unit is pruned with probability p in training, scaled by 1 − p in a test.

    torch's scales by 1/(1 − p) in training instead, and leaves the test alone.
    """
    if training:
        return z * (torch.rand_like(z) >= p)  # [l13 2]
    return z * (1 - p)  # [l13 3]


class Dropout(nn.Module):
    """`dropout` as a layer."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, z: Tensor) -> Tensor:
        return dropout(z, self.p, self.training)


def lower_rate(eta: float, losses: list[float], patience: int) -> float:
    """η/2 if the loss has risen in each of the last `patience` epochs, else η."""
    recent = losses[-patience - 1 :]
    worse = all(after > before for before, after in pairwise(recent))
    return eta / 2 if len(recent) > patience and worse else eta  # [l13 4]


def clip_gradients(gradients: list[Tensor], limit: float = 1.0) -> None:
    """Shorten the gradient, all parameters' together, to the length `limit` if it is longer."""
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    for g in gradients:
        g *= (limit / norm).clamp(max=1)  # [l13 6]


def normalize_gradients(gradients: list[Tensor]) -> None:
    """Give the gradient, all parameters' together, length 1: only its direction counts."""
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    for g in gradients:
        g /= norm.clamp(min=1e-12)  # a gradient of 0 stays 0 [l13 7]


def whiten(x: Tensor, least: float = 1e-10) -> tuple[Tensor, Tensor]:
    """W = D^(−1/2)Uᵀ and μ, so that the rows of (x − μ)Wᵀ have mean 0 and covariance I.

    Args:
        x: examples in rows, (N, d), float64.
        least: directions whose variance is at most this share of the largest are left out; in
            a direction without variance there is nothing to divide by.

    Returns:
        W (k, d), k ≤ d the number of directions that stay, and μ (d,).
    """
    mean = x.mean(0)
    D, U = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))  # covariance = U D Uᵀ
    stay = D / D[-1] > least
    return D[stay].rsqrt()[:, None] * U[:, stay].T, mean  # [l13 8]


def draw_weights(model: nn.Module, gain: float, seed: int) -> None:
    """Weights N(0, gain/n), n the inputs of a unit; biases 0. The lecture's gain is 1."""
    generator = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            deviation = (gain / layer.in_features) ** 0.5  # [l13 9]
            nn.init.normal_(layer.weight, 0, deviation, generator)
            nn.init.zeros_(layer.bias)


@dataclass(frozen=True)
class Recipe:
    """A way to train; the defaults are the plain one, with no heuristic but the first weights'.

    Attributes:
        eta, batch_size: of SGD.
        gain: the first weights' variance is gain/n.
        depth: hidden layers of 100 units.
        activation: of ACTIVATIONS.
        dropout: "", "lecture" or "torch", p = ½ after each hidden layer.
        patience: epochs in a row with a rising loss after which η is halved; 0: never.
        by_inputs: whether a layer's η is η·10/√n, which is η where n = 100.
        ratio: of a layer's η to the η of the layer before it.
        step: "", "clipped" (to length 1) or "normalized".
        inputs: "raw"; "centered", each pixel by its mean; "whitened"; "whitened, large", without
            the directions whose variance is under 1 % of the largest.
    """

    eta: float = 0.1
    batch_size: int = 50
    gain: float = 1.0
    depth: int = 2
    activation: str = "tanh"
    dropout: str = ""
    patience: int = 0
    by_inputs: bool = False
    ratio: float = 1.0
    step: str = ""
    inputs: str = "raw"


def build(recipe: Recipe, inputs: int, seed: int) -> nn.Sequential:
    """The recipe's network, from flat images (n, inputs) to logits (n, 10)."""
    drop = {"": [], "lecture": [Dropout(0.5)], "torch": [nn.Dropout(0.5)]}[recipe.dropout]
    layers, width = [], inputs
    for _ in range(recipe.depth):
        layers += [nn.Linear(width, 100), ACTIVATIONS[recipe.activation](), *drop]
        width = 100
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    draw_weights(model, recipe.gain, seed)
    return model


def layer_rates(model: nn.Sequential, recipe: Recipe) -> list[float]:
    """What η is multiplied with for each linear layer: by its inputs, and by its depth."""
    fans = [layer.in_features for layer in model if isinstance(layer, nn.Linear)]
    by_inputs = [10 / fan**0.5 if recipe.by_inputs else 1.0 for fan in fans]  # [l13 5]
    middle = (len(fans) - 1) / 2  # whose η stays, so that a ratio does not change η as a whole
    return [rate * recipe.ratio ** (depth - middle) for depth, rate in enumerate(by_inputs)]


def train(recipe: Recipe, split: Split, epochs: int, seed: int) -> nn.Sequential:
    """A network trained on split, (N, d) and labels (N,), by SGD with the recipe's heuristics.

    The loss is the cross-entropy, averaged over the batch. A network that diverges is a result,
    too: it goes on, and its answers are wrong.
    """
    model = build(recipe, split[0].shape[1], seed).to(split[0].device)
    change = {"": None, "clipped": clip_gradients, "normalized": normalize_gradients}[recipe.step]
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    rates, eta, losses = layer_rates(model, recipe), recipe.eta, []
    batches = Batches(split, recipe.batch_size, seed)
    torch.manual_seed(seed)  # of dropout
    for _ in range(epochs):
        total = 0.0
        for x, y in batches:
            loss = functional.cross_entropy(model(x), y)
            gradients = list(torch.autograd.grad(loss, list(model.parameters())))
            if change:
                change(gradients)
            with torch.no_grad():
                for layer, rate, w, b in zip(layers, rates, gradients[::2], gradients[1::2]):
                    layer.weight -= eta * rate * w
                    layer.bias -= eta * rate * b
            total += loss.detach() * len(y)
        losses.append(float(total))
        eta = lower_rate(eta, losses, recipe.patience) if recipe.patience else eta
    return model.eval()


def prepare_inputs(x: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """W and μ, (k, d) and (d,) in float32, that make an input (x − μ)Wᵀ of the kind; see Recipe.

    Args:
        x: the training images, (N, d), from which W and μ are computed.
    """
    x = x.cpu().double()
    W, mean = torch.eye(x.shape[1], dtype=x.dtype), x.mean(0)
    if kind == "raw":
        mean = torch.zeros_like(mean)
    elif kind != "centered":
        W, mean = whiten(x, least=0.01 if kind == "whitened, large" else 1e-6)
    return W.float(), mean.float()
