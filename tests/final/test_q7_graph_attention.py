import json
from types import SimpleNamespace

from final import q7_graph_attention as q7
from final.graph_attention import GraphNetwork
from final.power_grid import draw_graphs, hop_distances, judge, load_grid

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits


@pytest.fixture(scope="module")
def run(tmp_path_factory, figures):
    """(summary, figures, output folder) of a small run, on the grid of 57 buses."""
    out = tmp_path_factory.mktemp("q7")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        for name, value in {
            "GRID": 57,
            "OTHER_GRID": 14,
            "TRAIN_GRAPHS": 64,
            "TEST_GRAPHS": 60,
            "SEEDS": 2,
            "SHOWN_LINE": 40,
            "SHOWN_METER": 20,
        }.items():
            patch.setattr(q7, name, value)
        assert q7.main(["--epochs", "1", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text()), drawn, out


def test_a_run_answers_all_parts(run):
    summary, drawn, out = run
    results = summary["results"]
    assert list(results) == ["a", "b", "c"]
    assert {path.name for path in out.glob("*.png")} == {
        "a_hops.png",
        "b_attention.png",
        "b_loss.png",
    }
    assert results["a"]["difference"] < 1e-6
    assert [row["differ"] for row in results["a"]["hops"]] == [0, 0, 0]
    near = [row["near"] for row in results["a"]["hops"]]
    assert near[0] == load_grid(57).adjacency[q7.SHOWN_BUS].sum() + 1
    assert near == sorted(near)
    b = results["b"]
    assert len(b["heads"]) == 2
    assert all(0 < alpha < 1 for alpha in b["heads"])
    assert [set(one) for one in b["runs"]] == [{"57", "14"}] * 2
    values = [one["14"]["auc"] for one in b["runs"]]
    assert b["mean"]["14"]["auc"] == pytest.approx(np.mean(values))
    assert b["std"]["14"]["auc"] == pytest.approx(np.std(values, ddof=1))
    assert set(results["c"]) == {"57", "14"}
    lines = drawn["b_loss"].axes[0].lines
    assert [line.get_label() for line in lines] == [
        "neighbors, seed 0",
        "neighbors, seed 1",
        "neighbors, a w for each bus",
        "complete graph",
        "no idea: ln 2",
    ]
    assert lines[-1].get_ydata()[0] == pytest.approx(np.log(2))


def test_the_shown_line_and_meter_are_what_the_figure_says():
    grid = load_grid(118)
    u, v = grid.ends[q7.SHOWN_LINE]
    hops = hop_distances(grid.adjacency)[[u, v], q7.SHOWN_METER]
    assert min(hops) > 1
    assert max(hops) <= 4  # within the panel


def test_the_grid_of_14_is_learned():
    grid, rng = load_grid(14), np.random.default_rng(0)
    torch.manual_seed(0)
    model = GraphNetwork(torch.from_numpy(grid.adjacency))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        graphs = draw_graphs(grid, 64, rng)
        r, y = (torch.from_numpy(part).float() for part in graphs[:2])
        loss = binary_cross_entropy_with_logits(model(r), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    graphs = draw_graphs(grid, 1000, np.random.default_rng(1))
    with torch.no_grad():
        logits = model(torch.from_numpy(graphs.residuals).float())
    assert judge(logits.numpy(), graphs.labels, graphs.sizes)["accuracy"] > 0.85


def test_accuracy():
    logits, labels = torch.tensor([2.0, -1, 0.5, -3]), torch.tensor([1.0, 0, 0, 0])
    assert q7.accuracy(logits, labels) == 0.75


def test_what_is_trained(monkeypatch):
    """On new graphs for each seed; on the grid's edges, or on all pairs, each node with itself."""
    given = []
    run = SimpleNamespace(
        args=SimpleNamespace(lr=1e-3, epochs=1, seed=0),
        device="cpu",
        place=lambda model: model,
        fit=lambda *arguments: given.append(arguments) or [],
    )
    monkeypatch.setattr(q7, "TRAIN_GRAPHS", 5)
    monkeypatch.setattr(q7, "TEST_GRAPHS", 5)
    edges = torch.from_numpy(load_grid(118).adjacency)
    for seed, kind in ((0, {}), (1, {}), (0, {"complete": True}), (0, {"own": True})):
        model, _ = q7.train(run, seed, **kind)
        assert torch.equal(model.adjacency, edges | kind.get("complete", False))
        assert len(model.w) == (118 if kind.get("own") else 1)
    train, test = ([arguments[place].images for arguments in given] for place in (-2, -1))
    assert torch.equal(train[0], train[2])
    assert not torch.equal(train[0], train[1])
    assert torch.equal(test[0], test[1])
    assert not torch.equal(train[0], test[0])
    assert len({arguments[5] for arguments in given}) == 4  # each has a file of its own


def test_a_mistake_is_one_line(capsys):
    with pytest.raises(SystemExit) as exit:
        q7.main(["--epochs", "0"])
    assert exit.value.code == 2
    assert "--epochs" in capsys.readouterr().err.splitlines()[-1]
