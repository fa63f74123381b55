"""How good generated digits are, as numbers.

    evaluator = FrechetEvaluator(run.mnist, seed=0)   # trains HW6's network, about a minute
    evaluator(images)   # {"frechet": 8.8, "sure": 0.92, "entropy": 2.30}

n images, of pixels from 0 to 1.
"""

from common.data import Mnist
from common.frechet import frechet_distance
from hw6.cnn import CNN, evaluate, train
from hw7.mixture import decode, sample_codes, use_seed

import torch
from torch import Tensor, nn

SURE = 0.9  # the probability above which the network is sure


class FrechetEvaluator:
    """HW6's network, which says how far generated digits are from the test images.

    It is trained without the last training images, as many as there are test images (at most a
    sixth). Their distance to the test images is the floor: what new digits of the same hands get.

    Args:
        mnist: the training images and the test images.
        seed: of the network's training.

    Attributes:
        network: the trained CNN.
        real: the features of the test images, (n, 250).
        floor: the numbers of the held-out training images.
        accuracy: the share of the test images that the network answers rightly.
    """

    def __init__(self, mnist: Mnist, seed: int):
        images, labels = mnist.train
        kept = len(labels) - min(len(mnist.test.labels), len(labels) // 6)
        rest = mnist.train._replace(images=images[:kept], labels=labels[:kept])
        with use_seed(seed, images.device):
            self.network = CNN(batch_norm=True)
            rows = train(
                self.network,
                mnist._replace(train=rest),
                epochs=5,
                batch_size=min(64, kept),
                lr=0.1,
                seed=seed,
            )
        self.accuracy = rows[-1]["test_accuracy"]
        self.real = evaluate(self.network, mnist.test.images)[1].cpu()
        self.floor = self(images[kept:])

    def __call__(self, images: Tensor) -> dict[str, float]:
        """What the network finds in images (n, 784) or (n, 1, 28, 28).

        Returns:
            "frechet": the Fréchet distance of its 250-wide layer to that of the test images.
            "sure": the share of images for which one digit has a probability above 0.9.
            "entropy": of the histogram of its answers, in nats; ln 10 = 2.30 is all digits alike.
        """
        logits, features = evaluate(self.network, images.reshape(-1, 1, 28, 28))
        p, answers = logits.cpu().softmax(1).max(1)  # (n,), (n,)
        shares = answers.bincount(minlength=10) / len(answers)  # (10,)
        return {
            "frechet": frechet_distance(features, self.real),
            "sure": (p > SURE).double().mean().item(),
            "entropy": torch.special.entr(shares).sum().item(),
        }


def evaluate_run(
    evaluator: FrechetEvaluator, model: nn.Module, images: Tensor, seed: int
) -> dict[str, dict[str, float]]:
    """The evaluator's numbers of a trained model, for each source of codes of `sample_codes`.

    Each source gives as many digits as there are test images.

    Args:
        images: the training images, to which two of the sources are fitted.
    """
    codes = sample_codes(model, images, len(evaluator.real), seed)
    return {name: evaluator(decode(model, z)) for name, z in codes.items()}
