"""HW6 Q3: a convolutional classifier of MNIST.

    python cnn.py --check    are the lines right that you have filled in? Without data
    python cnn.py            what is still open; then the training, as far as it goes

Put an expression in the place of each todo(…); its shape stands beside it.
"""

import sys

from gradescope.starters.room import DEVICE, fit, load_mnist, run, save_images
from hw6.cnn import CNN, accuracy, confusion_matrix, layers, top_errors

import torch
from torch.nn.functional import cross_entropy

BLANKS = {
    "layers (n, 20, 25, 25)": "convolution, 4 × 4, stride 1",
    "layers (n, 20, 11, 11)": "convolution, 4 × 4, stride 2",
    "layers (n, 20, 5, 5)": "max-pooling",
    "layers (n, 500)": "flatten",
    "layers (n, 250)": "linear",
    "layers (n, outputs)": "linear",
    "forward return": "the logits",
    "accuracy return": "the share of right answers",
    "confusion_matrix return": "the counts",
    "top_errors confidence, predicted": "largest probability and its digit",
    "top_errors wrong": "where the answer is wrong",
    "top_errors order": "their order",
}


def part_network(args):
    """the training, and what the network gets wrong"""
    mnist = load_mnist(args.data)
    model = CNN().to(DEVICE, memory_format=torch.channels_last)
    losses = fit(mnist, model, cross_entropy, args)
    images, labels = mnist[1]
    with torch.no_grad():
        logits = torch.cat([model.eval()(x) for x in images.split(256)])
    found = {"test_loss": losses, "accuracy": float(accuracy(logits, labels))}
    table = torch.as_tensor(confusion_matrix(labels, logits.argmax(1))).long().tolist()
    print(
        f"  {found['accuracy']:.2%} are right; rows: digits, columns: answers", *table, sep="\n    "
    )
    wrong = top_errors(logits, labels, 20)
    save_images(images[wrong], 10, "Most confidently wrong", f"{args.out}/wrong.png")
    return found | {"confusion_matrix": table, "top_errors": wrong.tolist()}


LOGITS = torch.tensor([[0.0, 3, 1], [2, 0, 0], [0, 0, 5], [1, 0, 0]])  # of four images, 3 classes
CHECKS = [
    ("layers", layers, {
        "[sum(p.numel() for p in layer.parameters()) for layer in result]":
            [340, 0, 6420, 0, 0, 0, 125250, 0, 2510],
        "result[4](torch.arange(25.0).reshape(1, 5, 5))": [[[6, 8], [16, 18]]],
        "torch.nn.Sequential(*result[:4])(torch.zeros(2, 1, 28, 28)).shape": (2, 20, 11, 11),
        "torch.nn.Sequential(*result)(torch.zeros(2, 1, 28, 28)).shape": (2, 10)}),
    ("forward", lambda: CNN()(torch.zeros(2, 1, 28, 28)), {"result.shape": (2, 10)}),
    ("accuracy", lambda: accuracy(LOGITS, torch.tensor([1, 1, 2, 1])), {"result": 0.5}),
    ("confusion_matrix", lambda: confusion_matrix(torch.tensor([1, 1, 9]), torch.tensor([0, 0, 9])),
     {"result.shape": (10, 10), "result[[1, 9]]": [[2, *[0] * 9], [*[0] * 9, 1]]}),
    ("top_errors", lambda: top_errors(LOGITS, torch.tensor([1, 1, 0, 1]), 2), {
        "confidence": [0.844, 0.787, 0.987, 0.576], "predicted": [1, 0, 2, 0],
        "wrong": [1, 2, 3], "order": [1, 0, 2], "result": [2, 1]}),
]  # fmt: skip
PARTS = {"network": part_network}


def main():
    return run(PARTS, CHECKS, data="data", epochs=10, lr=0.1)


if __name__ == "__main__":
    sys.exit(main())
