"""Final Q7: self-attention over the neighbors in a graph, and a disturbance in a power grid.

    python final/q7_graph_attention.py             everything, 4 minutes on one core
    python final/q7_graph_attention.py --part a    what a layer's output depends on, in seconds

(a) the layer: on a complete graph it is ordinary self-attention, and ℓ layers see ℓ hops far; (b)
the network, trained to tell a line that is out from two wrong meters: 95 % right, 50 % where each
bus attends to all buses; (c) why outages alone would be no test, and the most that any decision can
have right. Figures and summary.json go to results/final/q7_graph_attention/; final/README.md
explains them. The network itself is graph_attention.py, the grid and its labels power_grid.py.
"""

import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where common/ lies

from common.data import Batches, Split
from common.run import Run, run_parts
from final.graph_attention import GraphAttention, GraphNetwork, dependence
from final.grid_figures import draw_attention, draw_hops, draw_losses
from final.power_grid import (
    NOISE,
    Graphs,
    draw_graphs,
    hop_distances,
    judge,
    load_grid,
    measure_limits,
)

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import CosineAnnealingLR

GRID, OTHER_GRID = 118, 57  # buses
TRAIN_GRAPHS, TEST_GRAPHS = 8_000, 4_000
SEEDS = 3
SHOWN_BUS, SHOWN_LINE, SHOWN_METER = 48, 90, 56  # in the figures; counted from 0


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of graphs with the right answer, averaged over the batch."""
    return ((logits > 0) == (labels > 0)).float().mean()


def new_graphs(run: Run, buses: int) -> Graphs:
    """The graphs of a grid on which networks are tested: the same in each part."""
    return draw_graphs(load_grid(buses), TEST_GRAPHS, np.random.default_rng([run.args.seed, buses]))


def as_split(run: Run, graphs: Graphs) -> Split:
    """(residuals, labels) as float32, on the run's device."""
    pair = (graphs.residuals, graphs.labels)
    return Split(*(torch.from_numpy(part).to(run.device, torch.float32) for part in pair))


def train(run: Run, seed: int, complete: bool = False, own: bool = False) -> tuple:
    """A network trained on graphs of 118 buses, and the rows of `run.fit`."""
    torch.manual_seed(seed)
    grid = load_grid(GRID)
    model = run.place(GraphNetwork(torch.from_numpy(grid.adjacency | complete), own=own))
    optimizer = torch.optim.Adam(model.parameters(), run.args.lr)
    scheduler = CosineAnnealingLR(optimizer, run.args.epochs)
    graphs = draw_graphs(grid, TRAIN_GRAPHS, np.random.default_rng([seed]))
    splits = as_split(run, graphs), as_split(run, new_graphs(run, GRID))
    loss_fn, metrics = binary_cross_entropy_with_logits, {"accuracy": accuracy}
    name = f"b_seed{seed}" + "_complete" * complete + "_own" * own
    return model, run.fit(model, loss_fn, optimizer, metrics, scheduler, name, *splits)


@torch.no_grad()
def evaluate(run: Run, model: GraphNetwork, buses: int) -> dict[str, float]:
    """`judge` on new graphs of a grid."""
    if buses != GRID:  # the same parameters on another graph
        trained, adjacency = model, torch.from_numpy(load_grid(buses).adjacency)
        model = run.place(GraphNetwork(adjacency))
        model.load_state_dict(trained.state_dict())
    model.eval()
    graphs = new_graphs(run, buses)
    logits = torch.cat([model(r) for r, _ in Batches(as_split(run, graphs))])
    return judge(logits.cpu().numpy(), graphs.labels, graphs.sizes)


def part_a(run: Run) -> dict[str, Any]:
    """the layer beside torch's on the complete graph, and how far ℓ layers see"""
    ours, theirs = GraphAttention(16, 2), nn.MultiheadAttention(16, 2, batch_first=True)
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
        x = torch.randn(8, GRID, 16)
        mixed, _ = ours(x, torch.ones(GRID, GRID, dtype=torch.bool))
        difference = (mixed - theirs(x, x, x)[0]).abs().max().item()
    print(f"  complete graph: at most {difference:.1e} from nn.MultiheadAttention")
    grid = load_grid(GRID)
    hops, gradients, counts = hop_distances(grid.adjacency)[SHOWN_BUS], [], []
    for layers in (1, 2, 3):
        gradients.append(dependence(torch.from_numpy(grid.adjacency), layers, SHOWN_BUS))
        near, moves = hops <= layers, gradients[-1] > 0
        counts.append({"near": int(near.sum()), "differ": int((near != moves).sum())})
        print(f"  {layers} layer{'s' * (layers > 1)}: the output depends on {moves.sum()} buses; "
              f"within {layers} hop{'s' * (layers > 1)} lie {near.sum()}")  # fmt: skip
    run.save("a_hops", draw_hops(grid, hops, gradients))
    return {"difference": difference, "hops": counts}


def part_b(run: Run) -> dict[str, Any]:
    """a line is out, or two meters are wrong: 118 buses, then another grid"""
    runs, histories = [], {}
    for seed in range(run.args.seed, run.args.seed + SEEDS):
        model, histories[f"neighbors, seed {seed}"] = train(run, seed)
        runs.append({str(n): evaluate(run, model, n) for n in (GRID, OTHER_GRID)})
    heads = show_attention(run, model)
    model, histories["neighbors, a w for each bus"] = train(run, run.args.seed, own=True)
    own = evaluate(run, model, GRID)
    model, histories["complete graph"] = train(run, run.args.seed, complete=True)
    complete = evaluate(run, model, GRID)
    run.save("b_loss", draw_losses(histories))
    mean, std = (
        {n: {name: f([one[n][name] for one in runs]) for name in own} for n in runs[0]}
        for f in (fmean, stdev)
    )
    rows = {f"{n} buses": mean[n] for n in mean} | {"own w": own, "complete": complete}
    for label, row in rows.items():
        print(f"  {label:>9}: " + ", ".join(f"{name} {x:.3f}" for name, x in row.items()))
    return {"mean": mean, "std": std, "own": own, "complete": complete, "runs": runs,
            "heads": heads}  # fmt: skip


@torch.no_grad()
def show_attention(run: Run, model: GraphNetwork) -> list[float]:
    """Draw the attention where a line is out, and where one of its residuals stands elsewhere.

    Returns:
        α of the line's one end to the other, for each head; the head with the largest is drawn.
    """
    grid = load_grid(GRID)
    residuals = np.random.default_rng(run.args.seed).normal(0, NOISE, (2, GRID))
    u, v = grid.ends[SHOWN_LINE]
    residuals[:, u] += 1
    residuals[[0, 1], [v, SHOWN_METER]] -= 1
    r = torch.from_numpy(residuals).to(run.device, torch.float32)
    p = model(r).sigmoid().cpu().numpy()
    alpha = model.layers[0].attention(model.embed(r[..., None]), model.adjacency)[1]
    heads = alpha[0, :, u, v]
    drawn = alpha[:, heads.argmax()].cpu().numpy()
    run.save("b_attention", draw_attention(grid, residuals, drawn, p, u))
    return heads.tolist()


def part_c(run: Run) -> dict[str, Any]:
    """why outages alone would be no test, and the most that can be right"""
    limits = {}
    for n in (GRID, OTHER_GRID):
        rng = np.random.default_rng([run.args.seed, 2, n])
        limits[str(n)] = measure_limits(load_grid(n), new_graphs(run, n), rng)
        row = limits[str(n)]
        print(f"  {n} buses: AUC of the largest residual {row['largest_outages']:.3f} for outages, "
              f"{row['largest']:.3f} for (b)\n"
              f"    best decision {row['general']['accuracy']:.3f} right, "
              f"{row['informed']['accuracy']:.3f} if it knows each line's g")  # fmt: skip
    return limits


PARTS = {"a": part_a, "b": part_b, "c": part_c}


def main(argv: list[str] | None = None) -> int:
    defaults = {"epochs": 6, "batch_size": 16, "lr": 6e-3}
    return run_parts("final/q7_graph_attention", __doc__, PARTS, argv, "torch", 1, **defaults)


if __name__ == "__main__":
    sys.exit(main())
