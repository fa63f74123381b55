"""What else might make training faster: variants of ours, each against ours as it is.

bench/README.md says what came of each. A test holds them against the layers they stand for.
"""

from collections.abc import Callable

from bench.trainings import Contender, Group, Training, Work, make_kmeans, make_trainings
from bench.tutorial import Images, use_torch_layers
from common.data import Batches
from common.layers import Dropout, Upsample
from hw7.autoencoder import Autoencoder
from hw7.clustering import BETA
from hw7.kmeans import KMeans
from hw7.kmeans_gradient import gradient

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle, unfold


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


def replace_layer(part: str, index: int, kind: type[nn.Module]) -> nn.Module:
    """The autoencoder with one layer of another kind."""
    model = Autoencoder()
    getattr(model, part)[index].__class__ = kind
    return model


class Steps:
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

    def prepare(self, images: Images) -> Work:
        training = self.training
        if self.model is None:
            self.model = self.make(images).to(memory_format=self.layout).train()
            self.model = torch.compile(self.model) if self.compiled else self.model
        model = self.model
        optimizer = torch.optim.SGD(model.parameters(), lr=training.lr, **self.sgd)
        batches = list(Batches(images.split(), training.batch_size, training.seed))

        def train_epoch() -> None:
            for X, y in batches:
                with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                    loss = training.loss_fn(model(X), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()

        return train_epoch


def compare_kmeans_variants(b: int, seed: int) -> Group:
    training = make_trainings(b, seed)["kmeans"]
    with_mean = training._replace(loss_fn=lambda error, label: error.square().mean())
    found = {
        "as_it_is": Steps(training.make, training),
        "addmm": Steps(lambda images: make_kmeans(images, AddmmKMeans), training),
        "gradient_by_hand": Steps(lambda images: make_kmeans(images, FunctionKMeans), training),
        "mean_of_squares": Steps(training.make, with_mean),
        "sgd_fused": Steps(training.make, training, fused=True),
        "sgd_foreach": Steps(training.make, training, foreach=True),
        "sgd_plain": Steps(training.make, training, foreach=False),
    }
    return {name: Contender(steps.prepare, "as_it_is") for name, steps in found.items()}


def compare_autoencoder_variants(b: int, seed: int) -> Group:
    training = make_trainings(b, seed)["autoencoder"]
    kinds = {
        "torch_dropout": lambda images: use_torch_layers(Autoencoder(), (Dropout,)),
        "torch_upsampling": lambda images: use_torch_layers(Autoencoder(), (Upsample,)),
        "unfolded": lambda images: replace_layer("encoder", 0, UnfoldedConv),
        "flipped": lambda images: replace_layer("decoder", -2, FlippedConv),
        "shuffled": lambda images: replace_layer("decoder", 10, ShuffledConv),
    }
    found = {
        "as_it_is": Steps(training.make, training),
        "channels_first": Steps(training.make, training, torch.contiguous_format),
        **{name: Steps(make, training) for name, make in kinds.items()},
        "bfloat16": Steps(training.make, training, bf16=True),
        "compiled": Steps(training.make, training, compiled=True),
        "sgd_fused": Steps(training.make, training, fused=True),
    }
    group = {name: Contender(steps.prepare, "as_it_is") for name, steps in found.items()}
    memory = Steps(training.make, training)
    return group | {"memory_given_back": Contender(memory.prepare, "as_it_is", plain=True)}


VARIANTS: dict[str, Callable[[int, int], Group]] = {
    "kmeans_variants": compare_kmeans_variants,
    "autoencoder_variants": compare_autoencoder_variants,
}
