"""HW6 Q3: a convolutional classifier of MNIST.

    python hw6/cnn.py                everything below, one to two minutes on two cores

Trains the handout's network with cross-entropy and SGD, and writes its loss and accuracy per epoch,
the confusion table, the test images that it gets wrong with the most confidence, its 20 first
filters, and the 250-wide layer in the plane by t-SNE. Figures and summary.json go to
results/hw6/cnn/; hw6/README.md explains them. What dropout and batch norm change is measured by
python -m bench.hw6_study, which takes longer.
"""

import importlib.util
import sys
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor, nn

from common import plots
from common.checkpoint import resumable_fit
from common.data import AT_ONCE, Batches, Mnist
from common.layers import Dropout
from common.loop import fit
from common.processes import ALONE
from common.run import Run, run_parts

LR = 0.1
WRONG = 20  # images in the figure of the most confidently wrong ones
PLANE = 3000  # test images that t-SNE places; its time grows with their number

# n images in a batch, N in all.


def stages(batch_norm: bool = False, dropout: float = 0.0, outputs: int = 10) -> list[nn.Module]:
    """The network's stages in order, from images (n, 1, 28, 28) to logits (n, 10).

    HW7's encoder is made of the same.

    Args:
        batch_norm: whether batch norm follows every ReLU (the pooling, where one follows the ReLU).
        dropout: probability of the dropout that comes after that; 0 leaves it out.
        outputs: how many numbers come out of the last stage.
    """

    def regular(norm: nn.Module) -> list[nn.Module]:
        return ([norm] if batch_norm else []) + ([Dropout(dropout)] if dropout else [])

    return [
        nn.Conv2d(1, 20, 4),  # (n, 20, 25, 25)
        nn.ReLU(),
        *regular(nn.BatchNorm2d(20)),
        nn.Conv2d(20, 20, 4, stride=2),  # (n, 20, 11, 11)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (n, 20, 5, 5): the eleventh row and column are left out
        *regular(nn.BatchNorm2d(20)),
        nn.Flatten(),  # (n, 500)
        nn.Linear(500, 250),
        nn.ReLU(),
        *regular(nn.BatchNorm1d(250)),
        nn.Linear(250, outputs),
    ]


class CNN(nn.Module):
    """The handout's network: images (n, 1, 28, 28) to logits (n, 10). Options as in `stages`."""

    def __init__(self, batch_norm: bool = False, dropout: float = 0.0):
        super().__init__()
        self.stages = nn.Sequential(*stages(batch_norm, dropout))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)

    def features(self, x: Tensor) -> Tensor:
        """The 250-wide layer as the last layer sees it, after ReLU and batch norm: (n, 250)."""
        return self.stages[:-1](x)


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Share of the batch's images whose largest logit is their digit's."""
    return (logits.argmax(1) == y).to(logits.dtype).mean()


def train(
    model: nn.Module,
    mnist: Mnist,
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
    run: Run | None = None,
) -> list[dict[str, Any]]:
    """Train with SGD on the cross-entropy, averaged over the batch; the rows of `fit`.

    The model goes to the images' device. Its weights are laid out channels last: the convolutions
    are faster on a CPU so, and the numbers differ in their last bits only.

    Args:
        run: keeps each epoch for its --resume, and shares the batches out among its processes.
    """
    model.to(mnist.train.images.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    processes = run.processes if run else ALONE
    batches = Batches(mnist.train, batch_size, seed, processes)
    test = Batches(mnist.test, processes=processes)
    loss, metrics = nn.functional.cross_entropy, {"accuracy": accuracy}
    if run:
        return resumable_fit(run, "model", model, batches, test, loss, optimizer, metrics)
    return list(fit(model, batches, test, loss, optimizer, epochs, metrics))


@torch.no_grad()
def evaluate(model: CNN, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, 10) and features (N, 250) of all images, in evaluation mode."""
    model.eval()
    features = torch.cat([model.features(x) for x in images.split(AT_ONCE)])
    return model.stages[-1](features), features


def confusion(labels: Tensor, predicted: Tensor) -> Tensor:
    """Counts (10, 10): row = the image's digit, column = the network's answer."""
    return torch.bincount(10 * labels + predicted, minlength=100).view(10, 10)


def most_wrong(logits: Tensor, labels: Tensor, count: int) -> Tensor:
    """Indices of wrongly answered images, those first whose wrong answer has most probability."""
    confidence, predicted = logits.softmax(1).max(1)  # (N,), (N,)
    wrong = (predicted != labels).nonzero()[:, 0]
    return wrong[confidence[wrong].argsort(descending=True, stable=True)[:count]]


def network(run: Run) -> dict[str, Any]:
    """the handout's network, trained, and what it learnt"""
    model, args = CNN(), run.args
    history = train(model, run.mnist, args.epochs, args.batch_size, args.lr, args.seed, run)
    images, labels = run.mnist.test
    logits, features = evaluate(model, images)
    table = confusion(labels, logits.argmax(1))
    learning_curves(run, history)
    title = f"{len(labels):,} test images: digit against answer"
    run.save("confusion", plots.count_table(table.cpu(), "digit", "the network's answer", title))
    worst = wrong_images(run, logits)
    kernels = model.stages[0].weight.detach().cpu()
    run.save("filters", filters(kernels))
    results = {name: [row[name] for row in history] for name in history[0] if name != "epoch"} | {
        "final_accuracy": history[-1]["test_accuracy"],
        "wrong": int(len(labels) - table.trace()),
        "table": table.tolist(),
        "most_wrong": worst,
        "largest_weight": kernels.abs().max().item(),
        "tsne": tsne(run, features[:PLANE]),
    }
    print(f"  {results['wrong']} of {len(labels):,} test images are answered wrongly")
    return results


def learning_curves(run: Run, history: list[dict[str, Any]]) -> None:
    """Figures of the loss and the accuracy per epoch."""
    epochs = [row["epoch"] for row in history]
    for name, label in {"loss": "cross-entropy, nats per image", "accuracy": "accuracy"}.items():
        lines = {
            "test images": (epochs, [row[f"test_{name}"] for row in history]),
            "training images, during the epoch": (
                epochs,
                [row[f"train_{name}"] for row in history],
            ),
        }
        title = f"{name.capitalize()} after each epoch"
        run.save(name, plots.curves(lines, "epoch", label, title, "o", xticks=epochs))


def wrong_images(run: Run, logits: Tensor) -> list[dict[str, Any]]:
    """A figure of the most confidently wrong test images, and what is known of each."""
    images, labels = run.mnist.test
    found = []
    chosen = most_wrong(logits, labels, WRONG)
    for index, p in zip(chosen.tolist(), logits[chosen].softmax(1)):
        digit, answer = int(labels[index]), int(p.argmax())
        found.append(
            {"index": index, "digit": digit, "answer": answer, "probability": p[answer].item()}
        )
    titles = [f"{a['digit']}, not {a['answer']}\n{a['probability']:.2%}" for a in found]
    if found:  # not a single mistake is possible on a small sample
        title = "Most confidently wrong: digit, answer, and the answer's probability"
        run.save("wrong", plots.image_grid(images[chosen].cpu(), 10, titles, title=title))
    return found


def filters(kernels: Tensor) -> Figure:
    """The first layer's kernels (20, 1, 4, 4), enlarged, on one scale: grey is 0."""
    grey = 0.5 + kernels[:, 0] / (2 * kernels.abs().max())  # (20, 4, 4), from 0 to 1
    large = np.kron(grey.numpy(), np.ones((1, 7, 7)))  # (20, 28, 28)
    scale = f"black −{kernels.abs().max():.2f}, grey 0, white +{kernels.abs().max():.2f}"
    return plots.image_grid(large, 10, title=f"The 20 filters of the first layer ({scale})")


def tsne(run: Run, features: Tensor) -> dict[str, Any] | None:
    """The first test images' features in the plane, and how well digits stay together there.

    "neighbours" is the share of the images whose nearest one in the plane is of the same digit.
    """
    if importlib.util.find_spec("sklearn") is None:
        print("  t-SNE skipped: it needs scikit-learn: python -m pip install scikit-learn")
        return None
    from sklearn.manifold import TSNE  # slow to import

    print(f"  t-SNE of the first {len(features):,} test images", flush=True)
    labels = run.mnist.test.labels[: len(features)].cpu()
    method = TSNE(
        perplexity=30, init="pca", learning_rate="auto", random_state=run.args.seed % 2**32
    )
    plane = method.fit_transform(features.cpu().numpy())  # (N, 2)
    distances = torch.cdist(torch.from_numpy(plane), torch.from_numpy(plane)).fill_diagonal_(
        torch.inf
    )
    same = labels[distances.argmin(1)] == labels
    run.save("tsne", coloured(plane, labels))
    return {"images": len(features), "neighbours": same.double().mean().item()}


def coloured(plane: ArrayLike, labels: ArrayLike) -> Figure:
    """Points (N, 2) coloured by digit, each digit's number at the middle of its points."""
    plane, labels = np.asarray(plane), np.asarray(labels)
    figure, axes = plt.subplots(figsize=(6.4, 6), layout="constrained")
    for digit in range(10):
        points = plane[labels == digit]
        axes.scatter(*points.T, s=4, color=f"C{digit}", label=str(digit))
        box = {"facecolor": "white", "alpha": 0.8, "pad": 1.5, "edgecolor": f"C{digit}"}
        axes.text(*np.median(points, 0), str(digit), ha="center", va="center", bbox=box)
    axes.set(xticks=[], yticks=[], title=f"{len(labels):,} test images by t-SNE, coloured by digit")
    return figure


PARTS = {"network": network}


def main(argv: list[str] | None = None) -> int:
    return run_parts("hw6/cnn", __doc__, PARTS, argv, epochs=10, batch_size=64, lr=LR)


if __name__ == "__main__":
    sys.exit(main())
