"""What else might make training faster: variants of ours, each against ours as it is.

bench/README.md tells what became of each; a test holds them against the layers they stand for.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle, unfold

from bench.ways import Images, Training, Way, Work, centered, trainings, with_layers_of_torch
from common.data import Batches
from common.layers import Dropout, Upsample
from hw7.autoencoder import Autoencoder
from hw7.clustering import BETA
from hw7.kmeans import KMeans
from hw7.kmeans_by_hand import gradient


class AddmmKMeans(KMeans):
    """The forward pass in two products that add as well."""

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.flatten(x)
        halves = -0.5 * BETA * self.centers.square().sum(1)  # (k,)
        p = self.softmax(torch.addmm(halves, x0, self.centers.T, alpha=BETA))  # (n, k)
        return torch.addmm(x0, p, self.centers, beta=-1)  # (n, d)


class ByHand(torch.autograd.Function):
    """The k-means network with the gradient by hand; of the handout's loss, and no other."""

    @staticmethod
    def forward(ctx, centers: Tensor, x0: Tensor) -> Tensor:
        ctx.save_for_backward(centers, x0)
        p = torch.softmax(BETA * (x0 @ centers.T - 0.5 * centers.square().sum(1)), 1)
        return p @ centers - x0

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return gradient(*ctx.saved_tensors), None


class FunctionKMeans(KMeans):
    def forward(self, x: Tensor) -> Tensor:
        return ByHand.apply(self.centers, self.flatten(x))


class UnfoldedConv(nn.Conv2d):
    """A convolution as one product with the unfolded windows."""

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (size - self.kernel_size[0] + 1 for size in x.shape[2:])
        windows = unfold(x, self.kernel_size)  # (n, 16c, rows · columns)
        products = self.weight.flatten(1) @ windows + self.bias[:, None]
        return products.unflatten(2, (rows, columns))


class FlippedConv(nn.ConvTranspose2d):
    """A transposed convolution of stride 1 as a convolution with the kernel turned by 180°."""

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.flip(2, 3).transpose(0, 1)
        return conv2d(x, kernel, self.bias, padding=self.kernel_size[0] - 1 - self.padding[0])


class ShuffledConv(nn.ConvTranspose2d):
    """A transposed convolution, kernel 4 and stride 2, as one with kernel 2 and a pixel shuffle."""

    def forward(self, x: Tensor) -> Tensor:
        c, k = self.weight.shape[:2]
        # w[c, k, 2a + r, 2b + s] moves to kernel (k, r, s), place (1 − a, 1 − b)
        kernel = self.weight.view(c, k, 2, 2, 2, 2).flip(2, 4).permute(1, 3, 5, 0, 2, 4)
        fine = pixel_shuffle(conv2d(x, kernel.reshape(4 * k, c, 2, 2), padding=1), 2)
        return pad(fine, (0, 1, 0, 1)) + self.bias[:, None, None]  # the output padding


def replaced(part: str, index: int, kind: type[nn.Module]) -> nn.Module:
    """The autoencoder with one layer of another kind."""
    model = Autoencoder()
    getattr(model, part)[index].__class__ = kind
    return model


class Stepping:
    """Bare steps of SGD, on batches that are there already.

    Args:
        make: the model for these images.
        sgd: further settings of SGD.
    """

    def __init__(
        self,
        make: Callable[[Images], nn.Module],
        training: Training,
        layout: torch.memory_format = torch.channels_last,
        bf16: bool = False,
        compiled: bool = False,
        **sgd: bool,
    ):
        self.make, self.training, self.layout, self.bf16 = make, training, layout, bf16
        self.compiled, self.sgd = compiled, sgd
        self.model: nn.Module | None = None  # made once: compiling takes long

    def ready(self, images: Images) -> Work:
        training = self.training
        if self.model is None:
            self.model = self.make(images).to(memory_format=self.layout).train()
            self.model = torch.compile(self.model) if self.compiled else self.model
        model = self.model
        optimizer = torch.optim.SGD(model.parameters(), lr=training.lr, **self.sgd)
        batches = list(Batches(images.split(), training.batch_size, training.seed))

        def epoch() -> None:
            for X, y in batches:
                with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                    loss = training.loss(model(X), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()

        return epoch


def kmeans_variants(b: int, seed: int) -> dict[str, Way]:
    training = trainings(b, seed)["kmeans"]
    by_sum = training._replace(loss=lambda error, label: error.square().mean())
    found = {
        "as_it_is": Stepping(training.make, training),
        "addmm": Stepping(lambda images: centered(images, AddmmKMeans), training),
        "gradient_by_hand": Stepping(lambda images: centered(images, FunctionKMeans), training),
        "mean_of_squares": Stepping(training.make, by_sum),
        "sgd_fused": Stepping(training.make, training, fused=True),
        "sgd_foreach": Stepping(training.make, training, foreach=True),
        "sgd_plain": Stepping(training.make, training, foreach=False),
    }
    return {name: Way(steps.ready, "as_it_is") for name, steps in found.items()}


def autoencoder_variants(b: int, seed: int) -> dict[str, Way]:
    training = trainings(b, seed)["autoencoder"]
    kinds = {
        "torch_dropout": lambda images: with_layers_of_torch(Autoencoder(), (Dropout,)),
        "torch_upsampling": lambda images: with_layers_of_torch(Autoencoder(), (Upsample,)),
        "unfolded": lambda images: replaced("encoder", 0, UnfoldedConv),
        "flipped": lambda images: replaced("decoder", -2, FlippedConv),
        "shuffled": lambda images: replaced("decoder", 10, ShuffledConv),
    }
    found = {
        "as_it_is": Stepping(training.make, training),
        "channels_first": Stepping(training.make, training, torch.contiguous_format),
        **{name: Stepping(make, training) for name, make in kinds.items()},
        "bfloat16": Stepping(training.make, training, bf16=True),
        "compiled": Stepping(training.make, training, compiled=True),
        "sgd_fused": Stepping(training.make, training, fused=True),
    }
    ways = {name: Way(steps.ready, "as_it_is") for name, steps in found.items()}
    memory = Stepping(training.make, training)
    return ways | {"memory_given_back": Way(memory.ready, "as_it_is", plain=True)}


VARIANTS: dict[str, Callable[[int, int], dict[str, Way]]] = {
    "kmeans_variants": kmeans_variants,
    "autoencoder_variants": autoencoder_variants,
}
