"""HW7 Q1: k-means as a network that clusters MNIST without its labels.

    python kmeans.py --check    are the lines right that you have filled in? Without data
    python kmeans.py            what is still open; then (b) and (c), as far as they go

Put an expression in the place of each todo(…); its shape stands beside it. (a) is for the report.
"""

import sys

from gradescope.starters.room import DEVICE, fit, load_mnist, run, save_images
from hw7.clustering import BETA, assign, contingency, digit_images, inertia, random_images, uniform
from hw7.kmeans import KMeans, mean_over_pixels

import torch

GIVEN = (BETA,)
BLANKS = {
    "__init__ self.centers": "the centers, a parameter",
    "__init__ self.flatten": "a flatten layer",
    "__init__ self.softmax": "a softmax layer",
    "forward x0": "the images as rows",
    "forward v": "the scores",
    "forward p": "the assignment",
    "forward reconstruction": "what the centers make of it",
    "forward return": "the error",
    "mean_over_pixels return": "the loss",
    "assign return": "the number of each image's nearest center",
    "inertia squared": "the squared distances to the nearest centers",
    "contingency return": "the counts",
    "digit_images return": "an image of each digit, 0 to 9",
    "uniform return": "random centers",
    "random_images return": "ten images",
}


def train(mnist, centers, args):
    """Train a network from these centers, and print what its clusters are."""
    model = KMeans().to(DEVICE)
    model.centers.data = centers
    losses = fit(mnist, model, mean_over_pixels, args)
    images, labels = mnist[0]
    x0, centers = images.flatten(1), model.centers.detach()
    table = torch.as_tensor(contingency(labels, assign(x0, centers))).long()
    found = {"inertia": inertia(x0, centers), "table": table.tolist(), "test_loss": losses}
    print(f"  inertia {found['inertia']:.2f}")
    return centers, found


def part_b(args):
    """from ten digit images"""
    mnist = load_mnist(args.data)
    centers, found = train(mnist, digit_images(mnist[0][0].flatten(1), mnist[0][1]), args)
    save_images(centers, 10, "Centers", f"{args.out}/b_centers.png")
    print("  rows: digits, columns: clusters", *found["table"], sep="\n    ")
    return found


def part_c(args):
    """from other centers: have they collapsed?"""
    mnist, found, centers = load_mnist(args.data), {}, []
    x0, labels = mnist[0][0].flatten(1), mnist[0][1]
    for draw in (uniform, random_images):
        print(f"  {draw.__name__}: {draw.__doc__}")
        start = draw(x0, labels, torch.Generator().manual_seed(args.seed))
        after, found[draw.__name__] = train(mnist, start, args)
        centers.append(after)
    save_images(torch.cat(centers), 10, "Uniform above, images below", f"{args.out}/c_centers.png")
    return found


# Two images of 2 × 2 pixels, and three centers.
X, C = torch.tensor([[0.5, 0.1, 0, 0], [1, 0.55, 0, 0]]), torch.ones(3, 4).tril(-1)


def tiny():
    """The network with these centers."""
    model = KMeans()
    model.centers.data = C
    return model


CHECKS = [
    ("__init__", KMeans, {
        "isinstance(self.centers, torch.nn.Parameter)": True, "self.centers.shape": (10, 784),
        "self.flatten(X.reshape(2, 1, 2, 2))": X,
        "self.softmax(torch.tensor([[0.0, 1], [2, 4]]))": [[0.269, 0.731], [0.119, 0.881]]}),
    ("forward", lambda: tiny()(X.reshape(2, 1, 2, 2)), {
        "x0": X, "v": [[0, 0, -0.4], [0, 0.5, 0.55]],
        "p": [[0.5, 0.5, 0], [0, 0.269, 0.731]],
        "reconstruction": [[0.5, 0, 0, 0], [1, 0.731, 0, 0]],
        "result": [[0, -0.1, 0, 0], [0, 0.181, 0, 0]]}),
    ("mean_over_pixels", lambda: mean_over_pixels(C[1:, :2], None), {"result": 0.75}),
    ("assign", lambda: assign(C[[2, 0, 1]] + 0.1, C), {"result": [2, 0, 1]}),
    ("inertia", lambda: inertia(X, C), {"squared": [0.26, 0.2025]}),
    ("contingency", lambda: contingency(torch.tensor([0, 9, 9]), torch.tensor([1, 0, 0]), 3),
     {"result[[0, 9]]": [[0, 1, 0], [2, 0, 0]], "result.shape": (10, 3)}),
]  # fmt: skip


PARTS = {"b": part_b, "c": part_c}


def main():
    return run(PARTS, CHECKS, data="data", epochs=10, lr=4.5)


if __name__ == "__main__":
    sys.exit(main())
