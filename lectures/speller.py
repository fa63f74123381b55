"""One to many: a network that looks at a digit's image and writes its name, letter by letter.

    model = Speller()
    loss = model.loss(images, labels)    # nats per letter
    names = spell(model, images)

For lecture 24. n images; h entries of a state; K = 16 letters, of which the first is the end.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = "." + "".join(sorted(set("".join(NAMES))))  # "." ends a name, and is fed before the first
LONGEST = 6  # letters of a name with its end
NOT_SCORED = -1  # what stands after the end


def encode_names() -> Tensor:
    """The names' letters and the end, (10, LONGEST), then NOT_SCORED."""
    rows = torch.full((10, LONGEST), NOT_SCORED)
    for row, name in zip(rows, NAMES):
        row[: len(name) + 1] = torch.tensor([LETTERS.index(letter) for letter in name + "."])
    return rows


class Speller(nn.Module):
    """Image → first state; then an LSTM that is fed the letter before and says the next one."""

    def __init__(self, width: int = 128):
        super().__init__()
        self.look = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU())
        self.start = nn.Linear(256, width)
        self.layer = nn.LSTM(len(LETTERS), width, batch_first=True)
        self.out = nn.Linear(width, len(LETTERS))
        self.register_buffer("names", encode_names(), persistent=False)

    def begin(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The LSTM's first output and state, (1, n, h) each: all that it learns of the image."""
        s = self.start(self.look(images))[None]
        return torch.tanh(s), s  # [l24 14]

    def read_out(self, fed: Tensor, past: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple]:
        """Logits (n, T, K) after each of the letters fed (n, T), and the memory for the next."""
        y, past = self.layer(one_hot(fed, len(LETTERS)).to(self.out.weight), past)
        return self.out(y), past

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy in nats, mean over all letters and ends; it is fed the right letters."""
        target = self.names[labels]  # (n, LONGEST)
        fed = torch.cat((target.new_zeros(len(target), 1), target[:, :-1].clamp(min=0)), 1)
        logits, _ = self.read_out(fed, self.begin(images))
        return cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=NOT_SCORED)


@torch.no_grad()
def spell(model: Speller, images: Tensor) -> list[str]:
    """Each image's name: the likeliest letter is fed back until the end comes."""
    model.eval()
    past = model.begin(images)
    fed = torch.zeros(len(images), 1, dtype=torch.long, device=images.device)
    letters = []
    for _ in range(LONGEST):
        logits, past = model.read_out(fed, past)
        fed = logits.argmax(2)
        letters.append(fed[:, 0])
    rows = torch.stack(letters, 1).tolist()
    return ["".join(LETTERS[i] for i in row).partition(".")[0] for row in rows]
