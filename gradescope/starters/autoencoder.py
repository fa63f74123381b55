"""HW7 Q2: a Gaussian autoencoder of MNIST that generates digits.

    python autoencoder.py --check    are the lines right that you have filled in? Without data
    python autoencoder.py            what is still open; then (b), as far as it goes

Put an expression in the place of each todo(…); its shape stands beside it. The sketch (a) is for
paper. (c) is open: change what you like, and show what it does in the same way as (b).
"""

import sys

from gradescope.starters.room import DEVICE, fit, load_mnist, run, save_images
from hw7.autoencoder import Autoencoder, generate, negative_elbo

import torch

BLANKS = {
    "__init__ (n, 360)": "linear",
    "__init__ (n, 720)": "linear",
    "__init__ (n, 20, 6, 6)": "unflatten",
    "__init__ (n, 20, 12, 12)": "bicubic upsampling",
    "__init__ (n, 20, 27, 27)": "transposed conv, stride 2, output padding 1",
    "__init__ (n, 1, 28, 28)": "transposed conv, padding 1",
    "__init__ pixels from 0 to 1": "sigmoid",
    "forward z": "the code",
    "forward z2": "the code that is decoded",
    "forward f": "the decoded image",
    "forward return": "what the loss is made of",
    "negative_elbo return": "the loss",
    "generate output": "what the network makes of noise alone",
    "generate return": "the images",
}


def part_b(args):
    """the handout's training, and 20 generated digits"""
    mnist = load_mnist(args.data)
    model = Autoencoder().to(DEVICE, memory_format=torch.channels_last)
    losses = fit(mnist, model, negative_elbo, args)
    save_images(generate(model, 20, args.seed, DEVICE), 10, "Generated", f"{args.out}/b.png")
    return {"test_loss": losses}


def run_fake(count, enc_mode):
    """A forward pass whose encoder gives 0, 1, 2, …, 9, and whose decoder gives 0.5 everywhere."""
    model = Autoencoder()
    vars(model)["encoder"] = lambda x: torch.arange(10.0).expand(len(x), 10)
    vars(model)["decoder"] = lambda z: torch.full((len(z), 1, 28, 28), 0.5)
    return model(torch.ones(count, 1, 28, 28), enc_mode)


CHECKS = [
    ("__init__", Autoencoder, {
        "[sum(p.numel() for p in layer.parameters()) for layer in self.decoder]":
            [3960, 0, 720, 0, 259920, 0, 1440, 0, 0, 0, 6420, 0, 40, 0, 321, 0],
        "self.eval().decoder(torch.zeros(2, 10)).shape": (2, 1, 28, 28),
        "self.decoder[:11](torch.zeros(2, 10)).shape": (2, 20, 27, 27),
        "self.decoder[9](torch.eye(3).expand(1, 1, 3, 3))[0, 0, 0, :3]": [1.233, 0.827, 0.158],
        "self.decoder[15](torch.tensor([0.0, 1]))": [0.5, 0.731]}),
    ("forward", lambda: run_fake(4000, 1), {
        "z.shape": (4000, 10), "z[5]": range(10), "z2.shape": (4000, 10),
        "(z2 - z).mean(0).round()": [0] * 10, "(z2 - z).std(0).round()": [1] * 10,
        "f.shape": (4000, 1, 28, 28), "result.shape": (4000, 794),
        "result[3, 8:12]": [8, 9, -0.5, -0.5]}),
    ("forward", lambda: run_fake(4000, 0), {
        "z2.mean(0).round()": [0] * 10, "z2.std(0).round()": [2] * 10}),
    ("negative_elbo", lambda: negative_elbo(torch.tensor([[1.0, 2], [3, 0]]), None),
     {"result": 3.5}),
    ("generate", lambda: generate(Autoencoder(), 3, 0, "cpu"),
     {"output.shape": (3, 794), "result.shape": (3, 784)}),
]  # fmt: skip
PARTS = {"b": part_b}


def main():
    return run(PARTS, CHECKS, data="data", epochs=10, lr=0.1)


if __name__ == "__main__":
    sys.exit(main())
