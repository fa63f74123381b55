from final.graph_attention import GraphAttention, GraphLayer, GraphNetwork, dependence

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def random_graph(nodes: int, seed: int = 3) -> torch.Tensor:
    """A connected graph's adjacency."""
    graph = nx.connected_watts_strogatz_graph(nodes, 4, 0.3, seed=seed)
    return torch.from_numpy(nx.to_numpy_array(graph) > 0)


def torch_attention(ours: GraphAttention) -> nn.MultiheadAttention:
    """torch's, with the same parameters."""
    width = ours.query.in_features
    theirs = nn.MultiheadAttention(width, ours.heads, batch_first=True, dtype=torch.float64)
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    return theirs


def test_attention_by_a_loop_over_the_neighbors():
    layer, x = GraphAttention(6, 2).double(), torch.randn(3, 7, 6, dtype=torch.float64)
    adjacency = torch.rand(7, 7) < 0.4  # not symmetric: who attends to whom matters
    adjacency[:, 0] = True
    mixed, alpha = layer(x, adjacency)
    q, k, v = (part(x).detach().numpy() for part in (layer.query, layer.key, layer.value))
    gathered = np.zeros((3, 7, 6))
    for n, node, head in np.ndindex(3, 7, 2):
        own = slice(3 * head, 3 * head + 3)
        neighbors = np.flatnonzero(adjacency[node])
        weights = np.exp([q[n, node, own] @ k[n, other, own] / 3**0.5 for other in neighbors])
        weights /= weights.sum()
        gathered[n, node, own] = sum(w * v[n, i, own] for w, i in zip(weights, neighbors))
        expected = np.zeros(7)
        expected[neighbors] = weights
        np.testing.assert_allclose(alpha[n, head, node].detach(), expected, atol=1e-12)
    expected = layer.output(torch.from_numpy(gathered))
    torch.testing.assert_close(mixed, expected)


@pytest.mark.parametrize("kind", ["complete", "graph"])
def test_attention_is_torch_s_values_and_gradients(kind):
    adjacency = torch.ones(9, 9, dtype=torch.bool) if kind == "complete" else random_graph(9)
    ours = GraphAttention(8, 2).double()
    theirs = torch_attention(ours)
    x = torch.randn(2, 9, 8, dtype=torch.float64)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    mixed, alpha = ours(inputs[0], adjacency)
    expected, weights = theirs(*[inputs[1]] * 3, attn_mask=~adjacency, average_attn_weights=False)
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(alpha, weights)
    for output in (mixed, expected):
        output.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)


def test_a_layer_is_torch_s_encoder_layer():
    ours = GraphLayer(8, 2).double()
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0, batch_first=True, dtype=torch.float64)
    theirs.self_attn.load_state_dict(torch_attention(ours.attention).state_dict())
    pairs = [(theirs.linear1, ours.feed_forward[0]), (theirs.linear2, ours.feed_forward[2])]
    for norm, own in zip((theirs.norm1, theirs.norm2), ours.norms):
        nn.init.normal_(own.weight)
        nn.init.normal_(own.bias)
        pairs.append((norm, own))
    for other, own in pairs:
        other.load_state_dict(own.state_dict())
    adjacency, x = random_graph(9), torch.randn(2, 9, 8, dtype=torch.float64)
    torch.testing.assert_close(ours(x, adjacency), theirs(x, src_mask=~adjacency))


@pytest.mark.parametrize("own", [False, True])
def test_the_output_is_the_exam_s_sum(own):
    model = GraphNetwork(random_graph(7), width=8, own=own).double()
    r = torch.randn(5, 7, dtype=torch.float64)
    assert (model(r) == 0).all()  # both start from zero
    nn.init.normal_(model.w)
    nn.init.normal_(model.b)
    x_out = model.node_features(r)
    w = model.w if own else model.w.expand(7, 8)
    logits = [sum(w[v] @ x_out[n, v] for v in range(7)) + model.b for n in range(5)]
    torch.testing.assert_close(model(r), torch.stack(logits))
    y = torch.tensor([0.0, 1, 1, 0, 1], dtype=torch.float64)
    f = 1 / (1 + torch.exp(-torch.stack(logits)))
    loss = -(y * f.log() + (1 - y) * (1 - f).log()).mean()
    torch.testing.assert_close(binary_cross_entropy_with_logits(model(r), y), loss)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_an_output_depends_on_what_lies_within_as_many_hops(layers):
    graph = nx.random_labeled_tree(25, seed=5)
    graph.add_edge(0, 13)
    distances = dict(nx.all_pairs_shortest_path_length(graph))
    adjacency = torch.from_numpy(nx.to_numpy_array(graph, nodelist=range(25)) > 0)
    model = GraphNetwork(adjacency, layers, 16, 2).double()
    for v in (0, 7, 13):
        r = torch.randn(1, 25, dtype=torch.float64, requires_grad=True)
        (model.node_features(r)[0, v] @ torch.randn(16, dtype=torch.float64)).backward()
        assert [g != 0 for g in r.grad[0].tolist()] == [
            distances[v][u] <= layers for u in range(25)
        ]


def test_dependence_is_that_reach():
    adjacency = random_graph(25)
    distances = dict(nx.all_pairs_shortest_path_length(nx.from_numpy_array(adjacency.numpy())))
    for layers in (1, 2):
        moves = dependence(adjacency, layers, 7)
        near = [distances[7][u] <= layers for u in range(25)]
        assert (moves > 1e-6).tolist() == near  # exactly 0 elsewhere, and no mere rounding
        assert (moves[~np.array(near)] == 0).all()


def test_shared_parameters_do_not_know_the_nodes_names_and_fit_another_graph():
    adjacency, order = random_graph(9), torch.randperm(9)
    r = torch.randn(4, 9, dtype=torch.float64)
    for own in (False, True):
        model = GraphNetwork(adjacency, own=own).double()
        nn.init.normal_(model.w)
        other = GraphNetwork(adjacency[order][:, order], own=own).double()
        other.load_state_dict(model.state_dict())
        same = torch.allclose(model(r), other(r[:, order]))
        assert same is not own
        larger = GraphNetwork(random_graph(12), own=own).double()
        if own:
            with pytest.raises(RuntimeError, match="size mismatch for w"):
                larger.load_state_dict(model.state_dict())
        else:
            larger.load_state_dict(model.state_dict())
            assert larger(torch.randn(4, 12, dtype=torch.float64)).shape == (4,)


def test_on_the_complete_graph_only_the_set_of_numbers_counts():
    model = GraphNetwork(torch.ones(9, 9, dtype=torch.bool)).double()
    nn.init.normal_(model.w)
    r = torch.randn(4, 9, dtype=torch.float64)
    torch.testing.assert_close(model(r), model(r[:, torch.randperm(9)]))


def test_it_overfits_a_batch():
    model = GraphNetwork(random_graph(8), width=16, heads=2)
    r, y = torch.randn(16, 8), (torch.rand(16) < 0.5).float()
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    for _ in range(80):
        loss = binary_cross_entropy_with_logits(model(r), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
