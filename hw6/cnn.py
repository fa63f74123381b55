"""HW6 Q3: a convolutional classifier of MNIST.

    python hw6/cnn.py                    everything below, two or three minutes on two cores
    python hw6/cnn.py --data sample      on 1,200 images, in seconds

Trains the handout's network for ten epochs with cross-entropy and SGD. Expect 98 to 99 % of the
test images right: 98.9 % with seed 0. Then come the confusion matrix, the test images that are
wrong with the most confidence, the 20 filters of the first layer, and the 250-wide layer in the
plane by t-SNE. Figures and summary.json go to results/hw6/cnn/; hw6/README.md explains them. What
dropout and batch norm change is beyond the handout: hw6/cnn_study.py.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common import plots
from common.data import EVAL_BATCH_SIZE, Batches, Mnist
from common.layers import Dropout
from common.loop import fit
from common.run import Run, run_parts
from hw6.tsne import show_tsne

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

LR = 0.1
TOP_ERRORS = 20  # images in the figure of the most confident errors
TSNE_IMAGES = 3000  # test images that t-SNE places; its time grows with their number

# n images in a batch, N in all.


def layers(batch_norm: bool = False, dropout: float = 0.0, outputs: int = 10) -> list[nn.Module]:
    """The network's layers in order, from images (n, 1, 28, 28) to logits (n, outputs).

    HW7's encoder is made of the same layers.

    Args:
        batch_norm: whether batch norm follows every ReLU (the pooling, where one follows the ReLU).
        dropout: probability of the dropout that comes after that; 0 leaves it out.
        outputs: width of the last layer.
    """

    def regularization(norm: nn.Module) -> list[nn.Module]:
        return ([norm] if batch_norm else []) + ([Dropout(dropout)] if dropout else [])

    return [
        nn.Conv2d(1, 20, 4),  # (n, 20, 25, 25) [hw6 3]
        nn.ReLU(),
        *regularization(nn.BatchNorm2d(20)),
        nn.Conv2d(20, 20, 4, stride=2),  # (n, 20, 11, 11) [hw6 3]
        nn.ReLU(),
        nn.MaxPool2d(2),  # (n, 20, 5, 5): the eleventh row and column stay out [hw6 3]
        *regularization(nn.BatchNorm2d(20)),
        nn.Flatten(),  # (n, 500) [hw6 3]
        nn.Linear(500, 250),  # (n, 250) [hw6 3]
        nn.ReLU(),
        *regularization(nn.BatchNorm1d(250)),
        nn.Linear(250, outputs),  # (n, outputs) [hw6 3]
    ]


class CNN(nn.Module):
    """The handout's network: images (n, 1, 28, 28) to logits (n, 10). Options as in `layers`."""

    def __init__(self, batch_norm: bool = False, dropout: float = 0.0):
        super().__init__()
        self.layers = nn.Sequential(*layers(batch_norm, dropout))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # (n, 10) [hw6 3]

    def features(self, x: Tensor) -> Tensor:
        """The 250-wide layer as the last layer sees it, after ReLU and batch norm: (n, 250)."""
        return self.layers[:-1](x)


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Share of the batch's images whose largest logit (n, 10) is that of their digit y (n,)."""
    return (logits.argmax(1) == y).to(logits.dtype).mean()  # scalar [hw6 3]


def train(
    model: nn.Module, mnist: Mnist, epochs: int, batch_size: int, lr: float, seed: int
) -> list[dict[str, Any]]:
    """Train by SGD on the cross-entropy (mean over the batch) outside a run; the rows of `fit`.

    The model goes to the images' device, with channels last: a CPU's convolutions are faster so.
    """
    model.to(mnist.train.images.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    batches, test = Batches(mnist.train, batch_size, seed), Batches(mnist.test)
    metrics = {"accuracy": accuracy}
    return list(fit(model, batches, test, cross_entropy, optimizer, epochs, metrics))


@torch.no_grad()
def evaluate(model: CNN, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, 10) and features (N, 250) of all images, in evaluation mode."""
    model.eval()
    features = torch.cat([model.features(x) for x in images.split(EVAL_BATCH_SIZE)])
    return model.layers[-1](features), features


def confusion_matrix(labels: Tensor, predicted: Tensor) -> Tensor:
    """Counts (10, 10): row = the image's digit, column = the network's answer."""
    return torch.bincount(10 * labels + predicted, minlength=100).view(10, 10)  # [hw6 3]


def top_errors(logits: Tensor, labels: Tensor, count: int) -> Tensor:
    """Indices of wrongly answered images, those first whose wrong answer has most probability."""
    confidence, predicted = logits.softmax(1).max(1)  # (N,), (N,) [hw6 3]
    wrong = (predicted != labels).nonzero()[:, 0]  # their indices [hw6 3]
    order = confidence[wrong].argsort(descending=True, stable=True)  # of the wrong ones [hw6 3]
    return wrong[order[:count]]


def part_network(run: Run) -> dict[str, Any]:
    """the handout's network, trained, and what it learned"""
    model = run.place(CNN())
    optimizer = torch.optim.SGD(model.parameters(), lr=run.args.lr)
    history = run.fit(model, cross_entropy, optimizer, {"accuracy": accuracy}, name="model")
    for name, label in {"loss": "cross-entropy, nats per image", "accuracy": "accuracy"}.items():
        title = f"{name.capitalize()} after each epoch"
        run.save(name, plots.learning_curves(history, name, label, title))
    logits, features = (output.cpu() for output in evaluate(model, run.mnist.test.images))
    labels = run.mnist.test.labels.cpu()
    counts = confusion_matrix(labels, logits.argmax(1))
    title = f"{len(labels):,} test images: digit against answer"
    run.save("confusion", plots.count_table(counts, "digit", "the network's answer", title))
    kernels = model.layers[0].weight.detach().cpu()
    run.save("filters", draw_filters(kernels))
    errors = int(len(labels) - counts.trace())
    print(f"  {errors} of {len(labels):,} test images are answered wrongly")
    return {name: [row[name] for row in history] for name in history[0] if name != "epoch"} | {
        "final_accuracy": history[-1]["test_accuracy"],
        "errors": errors,
        "confusion_matrix": counts.tolist(),
        "top_errors": show_top_errors(run, logits, labels),
        "largest_weight": kernels.abs().max().item(),
        "tsne": show_tsne(run, features[:TSNE_IMAGES], labels[:TSNE_IMAGES]),  # more than HW6 asks
    }


def show_top_errors(run: Run, logits: Tensor, labels: Tensor) -> list[dict[str, Any]]:
    """A figure of the most confidently wrong test images, and what is known of each."""
    found, titles = [], []
    chosen = top_errors(logits, labels, TOP_ERRORS)
    for index, p in zip(chosen.tolist(), logits[chosen].softmax(1)):
        digit, answer = int(labels[index]), int(p.argmax())
        probability = p[answer].item()
        found.append({"index": index, "digit": digit, "answer": answer, "probability": probability})
        titles.append(f"{digit}, not {answer}\n{probability:.2%}")
    if found:  # not a single error is possible on a small sample
        title = "Most confidently wrong: digit, answer, and the answer's probability"
        images = run.mnist.test.images[chosen.to(run.device)].cpu()
        run.save("wrong", plots.image_grid(images, 10, titles, title=title))
    return found


def draw_filters(kernels: Tensor) -> plots.Figure:
    """The first layer's kernels (20, 1, 4, 4), enlarged, on one scale: grey is 0."""
    largest = kernels.abs().max()
    grey = 0.5 + kernels[:, 0] / (2 * largest if largest else 1)  # (20, 4, 4), from 0 to 1
    large = np.kron(grey.numpy(), np.ones((1, 7, 7)))  # (20, 28, 28)
    scale = f"black −{largest:.2f}, grey 0, white +{largest:.2f}"
    return plots.image_grid(large, 10, title=f"The 20 filters of the first layer ({scale})")


PARTS = {"network": part_network}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw6/cnn", __doc__, PARTS, argv, epochs=10, batch_size=64, lr=LR)


if __name__ == "__main__":
    sys.exit(main())
