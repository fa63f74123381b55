"""A network whose attention follows the edges of a graph, as the exam writes it.

Attention at a node v reaches its neighbors v' only, (v, v') ∈ E:

    α_vv' = softmax over the neighbors v' of Q_vᵀK_v' / √k,    0 for all other nodes

so that a layer moves information by one hop. A node finds itself in the sum x + attention.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

# n graphs of N nodes; features of d numbers; H heads of k = d/H numbers each.


class GraphAttention(nn.Module):
    """Self-attention in which a node attends to its neighbors only.

    Args:
        width: d, a multiple of `heads`.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """What each node gathers, (n, N, d), and with which weights α, (n, H, N, N).

        Args:
            x: (n, N, d).
            adjacency: (N, N), True at [v, v'] where v attends to v'; at least once for each v.
        """
        Q, K, V = (
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (n, H, N, k)
            for part in (self.query, self.key, self.value)
        )
        scores = Q / math.sqrt(K.shape[3]) @ K.mT  # (n, H, N, N)
        alpha = torch.where(adjacency, scores, -math.inf).softmax(3)  # [final 7.1]
        return self.output((alpha @ V).transpose(1, 2).flatten(2)), alpha


class GraphLayer(nn.Module):
    """Attention, add & norm, feed-forward, add & norm."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attention = GraphAttention(width, heads)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        x = self.norms[0](x + self.attention(x, adjacency)[0])
        return self.norms[1](x + self.feed_forward(x))  # (n, N, d) [final 7.2]


class GraphNetwork(nn.Module):
    """Is there a disturbance? One number per node in, one logit per graph out.

    Args:
        adjacency: (N, N), True where two nodes are neighbors.
        own: the readout has a w_v for each node, as the exam writes it. Else all nodes share one w:
            then the parameters fit any graph.
    """

    def __init__(
        self, adjacency: Tensor, layers: int = 1, width: int = 16, heads: int = 2, own: bool = False
    ):
        super().__init__()
        self.register_buffer("adjacency", adjacency, persistent=False)  # no parameter: not saved
        self.embed = nn.Linear(1, width)
        self.layers = nn.ModuleList(GraphLayer(width, heads) for _ in range(layers))
        # From zero: a sum over all nodes would begin far from any answer.
        self.w = nn.Parameter(torch.zeros(len(adjacency) if own else 1, width))
        self.b = nn.Parameter(torch.zeros(()))

    def node_features(self, r: Tensor) -> Tensor:
        """x_v^out, (n, N, d), of the nodes' numbers r, (n, N)."""
        x = self.embed(r[..., None])
        for layer in self.layers:
            x = layer(x, self.adjacency)
        return x

    def forward(self, r: Tensor) -> Tensor:
        """The logit, (n,): its sigmoid, which the loss takes, is the probability of label 1."""
        return (self.w * self.node_features(r)).sum((1, 2)) + self.b  # [final 7.3]


def dependence(adjacency: Tensor, layers: int, node: int) -> np.ndarray:
    """|∂ output at one node / ∂ the number of each node|, (N,), with random parameters."""
    r = torch.randn(1, len(adjacency), requires_grad=True)
    x_out = GraphNetwork(adjacency, layers).node_features(r)[0, node]
    # A random mixture of the entries: their sum is a constant, as the last step is a norm.
    (x_out @ torch.randn(len(x_out))).backward()
    return r.grad[0].abs().numpy()
