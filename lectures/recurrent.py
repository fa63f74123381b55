"""Lecture 24's recurrent networks, one step in time written out, and backpropagation through time.

    network = SimpleRNN(5, 8, 5)
    y, s = network(x)                          # (T, n, k), (n, h)
    gradients = backpropagate(network, x, v)   # by hand

x is (T, n, m): T steps, n sequences at once, m inputs; a state has h entries, an output k. torch's
nn.RNN and nn.LSTM are the same equations with the loop over time in compiled code, and some ten
times as fast: where a lesson trains for minutes, it takes those.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class SimpleRNN(nn.Module):
    """s_t = tanh(U x_t + W s_{t−1}), y_t = V s_t; no biases, as in the lecture."""

    def __init__(self, inputs: int, states: int, outputs: int):
        super().__init__()
        self.U = nn.Parameter(torch.randn(states, inputs) / inputs**0.5)
        self.W = nn.Parameter(torch.randn(states, states) / states**0.5)
        self.V = nn.Parameter(torch.randn(outputs, states) / states**0.5)

    def step(self, x: Tensor, s: Tensor) -> Tensor:
        """The next state (n, h) of inputs x (n, m) and states s (n, h)."""
        return torch.tanh(x @ self.U.T + s @ self.W.T)  # [l24 1]

    def states(self, x: Tensor, s: Tensor | None = None) -> Tensor:
        """s_0, …, s_T, (T + 1, n, h); s_0 = 0 unless it is given."""
        path = [x.new_zeros(x.shape[1], len(self.W)) if s is None else s]
        for x_t in x:
            path.append(self.step(x_t, path[-1]))
        return torch.stack(path)

    def forward(self, x: Tensor, s: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Outputs (T, n, k) and the last state (n, h), from which a later call may go on."""
        s = self.states(x, s)
        return s[1:] @ self.V.T, s[-1]  # [l24 2]


class Gradients(NamedTuple):
    """Of the loss, with respect to U, W, V and the states s_0, …, s_T."""

    U: Tensor
    W: Tensor
    V: Tensor
    s: Tensor


def backpropagate(network: SimpleRNN, x: Tensor, grad_y: Tensor) -> Gradients:
    """Backpropagation through time: the network unrolled, from the last step to the first.

    A state is used twice, by its output and by the next state. U, W and V are used in every step,
    and what the steps ask of them is summed.

    Args:
        x: (T, n, m).
        grad_y: ∂ℓ/∂y, (T, n, k).
    """
    U, W, V = (each.detach() for each in (network.U, network.W, network.V))
    s = network.states(x).detach()
    grad_U, grad_W, grad_V = torch.zeros_like(U), torch.zeros_like(W), torch.zeros_like(V)
    grad_s = torch.zeros_like(s)
    for t in range(len(x), 0, -1):
        grad_s[t] += grad_y[t - 1] @ V  # [l24 3], beside what step t + 1 has left there
        delta = grad_s[t] * (1 - s[t] ** 2)  # [l24 4], before tanh
        grad_s[t - 1] = delta @ W  # [l24 5]
        grad_V += grad_y[t - 1].T @ s[t]
        grad_U += delta.T @ x[t - 1]  # [l24 6]
        grad_W += delta.T @ s[t - 1]  # [l24 7]
    return Gradients(grad_U, grad_W, grad_V, grad_s)


class LSTM(nn.Module):
    """Layers of long short-term memory; the gates see x_t and the output before, y_{t−1}.

    The weights lie as torch's: for the input gate, the forget gate, the new content and the output
    gate, in this order, and each layer has two biases, of which only the sum counts.

    Args:
        layers: stacked; layer l + 1 reads the outputs of layer l.
        peephole: the gates see the state, too (Gers and Schmidhuber, 2000).
    """

    def __init__(self, inputs: int, states: int, layers: int = 1, peephole: bool = False):
        super().__init__()
        sizes = [inputs] + [states] * (layers - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(size, states) for size in sizes)  # holds weights
        self.peepholes = nn.Parameter(torch.zeros(layers, 3, states)) if peephole else None

    def step(self, layer: int, x: Tensor, y: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """The layer's next output and state, (n, h) each, of input x and output y, state s."""
        cell = self.cells[layer]
        gates = x @ cell.weight_ih.T + y @ cell.weight_hh.T + cell.bias_ih + cell.bias_hh
        i, f, g, o = gates.chunk(4, 1)  # (n, h) each
        if self.peepholes is not None:
            p_i, p_f, p_o = self.peepholes[layer]
            i, f = i + p_i * s, f + p_f * s  # [l24 11]
        s = torch.sigmoid(f) * s + torch.sigmoid(i) * torch.tanh(g)  # [l24 8]
        if self.peepholes is not None:
            o = o + p_o * s  # the new state [l24 12]
        return torch.sigmoid(o) * torch.tanh(s), s  # [l24 9]

    def forward(
        self, x: Tensor, past: list[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """The last layer's outputs (T, n, h), and each layer's last y and s, (n, h) each."""
        zero = x.new_zeros(x.shape[1], self.cells[0].hidden_size)
        past = past or [(zero, zero)] * len(self.cells)
        ends = []
        for layer, (y, s) in enumerate(past):
            outputs = []
            for x_t in x:
                y, s = self.step(layer, x_t, y, s)
                outputs.append(y)
            x = torch.stack(outputs)  # what the next layer reads [l24 10]
            ends.append((y, s))
        return x, ends


def measure_gradients(network: nn.Module, x: Tensor) -> Tensor:
    """Root mean square of ∂ℓ/∂s_t for t = 0, …, T where ℓ is a random share of the last output.

    How much of what the loss says arrives t steps earlier: by torch, of a SimpleRNN's states s_t,
    or of those of an LSTM's first layer.

    Args:
        x: (T, n, m).
    """
    generator = torch.Generator().manual_seed(0)
    path: list[Tensor] = []
    if isinstance(network, SimpleRNN):
        path.append(x.new_zeros(x.shape[1], len(network.W)).requires_grad_())
        for x_t in x:
            path.append(network.step(x_t, path[-1]))
        last = path[-1]
    else:
        zero = x.new_zeros(x.shape[1], network.cells[0].hidden_size)
        last = zero
        path.append(zero.clone().requires_grad_())
        for x_t in x:
            last, s = network.step(0, x_t, last, path[-1])
            path.append(s)
    share = torch.randn(last.shape, generator=generator).to(last)
    gradients = torch.autograd.grad((last * share).sum(), path)
    return torch.stack([each.square().mean().sqrt() for each in gradients])
