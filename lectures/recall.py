"""A task that asks for nothing but memory: which sign came first, after a number of others?

    share, norms, losses = train_recall("LSTM", delay=50, steps=400)

For lecture 24. Guessing is right in one of KINDS cases.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

KINDS = 8  # different signs


class Recall(nn.Module):
    """Which sign came first? One of KINDS, then noise; torch's recurrent layer and a linear one.

    Args:
        kind: "RNN", "LSTM", "RNN_orthogonal" (its first W), "RNN_large" (W of deviation 3/√h), or
            "LSTM_4" (first bias of the forget gate).
    """

    def __init__(self, kind: str, width: int = 32):
        super().__init__()
        self.layer = nn.LSTM(KINDS, width) if kind.startswith("LSTM") else nn.RNN(KINDS, width)
        self.out = nn.Linear(width, KINDS)
        if kind == "RNN_orthogonal":
            nn.init.orthogonal_(self.layer.weight_hh_l0)
        if kind == "RNN_large":
            nn.init.normal_(self.layer.weight_hh_l0, std=3 / width**0.5)
        if kind == "LSTM_4":
            self.layer.bias_ih_l0.data[width : 2 * width] = 4

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, KINDS) of signs x (T, n)."""
        return self.out(self.layer(one_hot(x, KINDS).to(self.out.weight))[0][-1])


def train_recall(
    kind: str, delay: int, steps: int, clip: float | None = 1.0, sgd: bool = False
) -> tuple[float, list[float], list[float]]:
    """Train on random sequences, and try 1,000 new ones.

    Args:
        kind: a network of `Recall`.
        delay: signs of noise after the one to remember.
        clip: the longest gradient; a longer one is shortened. None: as long as it is.
        sgd: plain gradient descent with η = ½, else Adam, which minds the scale of a gradient less.
    Returns:
        The share that is right; at each step the gradient's norm before clipping, and the loss.
    """
    torch.manual_seed(0)
    network = Recall(kind)
    optimizer: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    if sgd:
        optimizer = torch.optim.SGD(network.parameters(), 0.5)
    norms, losses = [], []
    for _ in range(steps):
        x = torch.randint(KINDS, (delay + 1, 64))
        loss = cross_entropy(network(x), x[0])  # nats, mean over the sequences
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), math.inf if clip is None else clip)
        optimizer.step()
        optimizer.zero_grad()
        norms.append(norm.item())
        losses.append(loss.item())
    with torch.no_grad():
        x = torch.randint(KINDS, (delay + 1, 1000))
        return (network(x).argmax(1) == x[0]).double().mean().item(), norms, losses
