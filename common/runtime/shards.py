"""Batches of which each process takes its shard, and training that stays that of whole batches."""

from collections.abc import Iterable, Iterator

from common.data import EVAL_BATCH_SIZE, Batches, Split
from common.runtime.parallel import Processes

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class ShardedBatches(Batches):
    """`Batches` of which this process sees its part.

    Shuffled, it sees a shard of every batch; in their order, whole batches in turn, so that what is
    averaged over each is as with one process. Of a batch with fewer examples than processes, it
    may have no share: then it sees one example that counts nothing.

    Attributes:
        count: examples of this process in the present batch.
        model: whose running statistics, each process's of its own shards, become the processes'
            mean after each pass.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int = EVAL_BATCH_SIZE,
        seed: int | None = None,
        *,
        processes: Processes,
    ):
        super().__init__(split, batch_size, seed)
        self.processes = processes
        self.count = 0
        self.model: nn.Module | None = None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.generator is None:
            for i, batch in enumerate(super().__iter__()):
                if i % self.processes.world == self.processes.rank:
                    yield batch
            return
        for x, y in super().__iter__():
            mine = self.processes.shard(torch.arange(len(y), device=y.device))
            self.count = len(mine)
            index = mine if self.count else mine.new_zeros(1)
            yield x[index], y[index]
        if self.model is not None:
            average_statistics(self.model, self.processes)

    def smallest(self) -> int:
        return super().smallest() // self.processes.world

    def average(self, table: Tensor) -> list[float]:
        """As of whole batches; fills `table` with their averages, in place."""
        world, rank = self.processes.world, self.processes.rank
        sizes = torch.tensor([len(part) for part in self.split[1].split(self.batch_size)])
        counts = torch.zeros_like(sizes)  # (batches,): this process's examples of each
        sums = torch.zeros(table.shape, dtype=torch.float64)
        if self.generator is None:
            counts[rank::world] = sizes[rank::world]
            sums[rank::world] = table.cpu().double()[: len(counts[rank::world])]
        else:
            counts = (sizes - rank + world - 1) // world
            sums = torch.where(counts[:, None] > 0, table.cpu().double(), 0.0)
        sums = self.processes.all_reduce(sums * counts[:, None])
        table.copy_(sums / sizes[:, None])
        return (sums.sum(0) / sizes.sum()).tolist()


def train_together(
    model: nn.Module, optimizer: Optimizer, batches: ShardedBatches, processes: Processes
) -> None:
    """From here on, a step of this process's optimizer is the step of the whole batch.

    All begin with the weights of process 0. Before each step, the gradients become those of the
    whole batch's loss, which averages over its examples: the mean of the processes' gradients would
    count those of a smaller shard more than the others.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    with torch.no_grad():
        for p in parameters:
            p.mul_(processes.rank == 0)
        unflatten(processes.all_reduce(flatten(parameters)), parameters)
    batches.model = model

    def average_gradients(*_) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        count = gradients[0].new_tensor([batches.count])
        total = processes.all_reduce(flatten([*(batches.count * g for g in gradients), count]))
        unflatten(total[:-1] / total[-1], gradients)

    optimizer.register_step_pre_hook(average_gradients)


def average_statistics(model: nn.Module, processes: Processes) -> None:
    """Make the running statistics of batch norm the mean of all processes'."""
    statistics = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    if statistics:
        unflatten(processes.all_reduce(flatten(statistics)) / processes.world, statistics)


def flatten(tensors: Iterable[Tensor]) -> Tensor:
    """All entries as one vector, so that they travel at once.

    torch's parameters_to_vector refuses channels-last weights, and its inverse would change their
    layout.
    """
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def unflatten(vector: Tensor, tensors: list[Tensor]) -> None:
    """The inverse of `flatten`: fills the tensors, in place."""
    for tensor, piece in zip(tensors, vector.split([tensor.numel() for tensor in tensors])):
        tensor.detach().copy_(piece.view_as(tensor))
