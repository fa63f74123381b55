"""Lecture 24's networks against torch's, autograd, and loops over single numbers."""

import math

from lectures.recurrent import LSTM, SimpleRNN, backpropagate, measure_gradients

import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_the_simple_rnn_is_torch_s_without_biases():
    ours, theirs = SimpleRNN(3, 5, 2).double(), nn.RNN(3, 5, bias=False).double()
    theirs.weight_ih_l0.data, theirs.weight_hh_l0.data = ours.U.data, ours.W.data
    x = torch.randn(7, 4, 3).double()
    states, last = theirs(x)
    y, s = ours(x)
    torch.testing.assert_close(s, last[0])
    torch.testing.assert_close(y, states @ ours.V.T)
    torch.testing.assert_close(ours.states(x)[1:], states)


def test_a_state_may_be_carried_into_the_next_call():
    network, x = SimpleRNN(3, 5, 2), torch.randn(7, 4, 3)
    y, s = network(x)
    first, middle = network(x[:3])
    second, end = network(x[3:], middle)
    torch.testing.assert_close(torch.cat((first, second)), y)
    torch.testing.assert_close(end, s)


def test_backpropagation_through_time_is_autograd_s():
    network, x = SimpleRNN(3, 5, 2).double(), torch.randn(6, 4, 3).double()
    share = torch.randn(6, 4, 2).double()
    states = [torch.zeros(4, 5).double().requires_grad_()]
    for x_t in x:
        states.append(network.step(x_t, states[-1]))
    y = torch.stack(states[1:]) @ network.V.T
    weights = [network.U, network.W, network.V, *states]
    theirs = torch.autograd.grad((y * share).sum(), weights)
    ours = backpropagate(network, x, share)
    for mine, other in zip(ours[:3], theirs):
        torch.testing.assert_close(mine, other)
    torch.testing.assert_close(ours.s, torch.stack(theirs[3:]))


@pytest.mark.parametrize("layers", [1, 3])
def test_the_lstm_is_torch_s(layers):
    ours, theirs = LSTM(3, 5, layers).double(), nn.LSTM(3, 5, layers).double()
    for layer, cell in enumerate(ours.cells):
        for name, weight in cell.named_parameters():
            getattr(theirs, f"{name}_l{layer}").data = weight.data
    x = torch.randn(6, 4, 3).double().requires_grad_()
    y, past = ours(x)
    expected, (outputs, states) = theirs(x)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(torch.stack([each[0] for each in past]), outputs)
    torch.testing.assert_close(torch.stack([each[1] for each in past]), states)
    (mine,), (other,) = (torch.autograd.grad(each.square().sum(), x) for each in (y, expected))
    torch.testing.assert_close(mine, other)
    begun, middle = ours(x[:2])
    torch.testing.assert_close(torch.cat((begun, ours(x[2:], middle)[0])), y)


def test_peepholes_by_single_numbers():
    network = LSTM(2, 3, peephole=True).double()
    network.peepholes.data.normal_()
    x = torch.randn(4, 1, 2).double()
    cell, peep = network.cells[0], network.peepholes[0].tolist()
    W, R = cell.weight_ih.tolist(), cell.weight_hh.tolist()
    b = (cell.bias_ih + cell.bias_hh).tolist()
    sigma = lambda a: 1 / (1 + math.exp(-a))  # noqa: E731
    y, s = [0.0] * 3, [0.0] * 3
    for x_t in x[:, 0].tolist():
        a = [sum(w * v for w, v in zip(W[j], x_t)) + sum(r * v for r, v in zip(R[j], y)) + b[j]
             for j in range(12)]  # fmt: skip
        new_y, new_s = [], []
        for j in range(3):
            i, f = sigma(a[j] + peep[0][j] * s[j]), sigma(a[3 + j] + peep[1][j] * s[j])
            new_s.append(f * s[j] + i * math.tanh(a[6 + j]))
            o = sigma(a[9 + j] + peep[2][j] * new_s[-1])
            new_y.append(o * math.tanh(new_s[-1]))
        y, s = new_y, new_s
    torch.testing.assert_close(network(x)[0][-1, 0].tolist(), y)
    network.peepholes.data.zero_()
    plain = LSTM(2, 3).double()
    plain.cells.load_state_dict(network.cells.state_dict())
    torch.testing.assert_close(network(x)[0], plain(x)[0])


def test_gradients_through_time_where_they_are_known():
    """W = 1.25 I with tiny states: tanh is nearly linear, and a step back gives a factor 1.25."""
    network = SimpleRNN(3, 4, 2)
    network.W.data = 1.25 * torch.eye(4)
    norms = measure_gradients(network, 1e-6 * torch.randn(9, 2, 3))
    torch.testing.assert_close(norms[:-1] / norms[1:], torch.full((9,), 1.25), rtol=1e-3, atol=0)
    lstm = LSTM(3, 4)
    for weight in lstm.parameters():
        weight.data.zero_()
    lstm.cells[0].bias_ih.data[4:8] = math.log(3)  # the forget gate is ¾
    norms = measure_gradients(lstm, torch.randn(9, 2, 3))
    torch.testing.assert_close(norms[:-1] / norms[1:], torch.full((9,), 0.75))
