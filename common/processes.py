"""Several processes that train one model together, as torchrun starts them.

    torchrun --nproc-per-node=2 hw7/autoencoder.py

Each holds the images and a copy of the model, and takes its share of every batch; the gradients
are averaged before each step, so that the copies stay equal. Process 0 alone prints and writes.
"""

import contextlib
import io
import os
import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from common.faults import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

PATIENCE = timedelta(minutes=10)  # until a process that does not answer counts as gone


class Gone(Exception):
    """Another process has died, or torchrun ends this one since another has."""


class Processes:
    """This process and the others; alone by default, where all below leaves things as they are.

    Attributes:
        rank: this one's number among all `world`, from 0.
        local_rank: the same among the `local_world` of its machine.
    """

    def __init__(self, rank: int = 0, world: int = 1, local_rank: int = 0, local_world: int = 1):
        self.rank, self.world = rank, world
        self.local_rank, self.local_world = local_rank, local_world
        self.store: Any = None  # torchrun's: what all processes see, even when one has died
        self.silence = contextlib.ExitStack()

    def join(self) -> None:
        """Meet the others. From here on, process 0 alone prints, and SIGTERM raises `Gone`.

        Raises:
            UserError: they did not all come.
        """
        if self.world == 1:
            return
        import torch
        import torch.distributed as dist

        signal.signal(signal.SIGTERM, ended)
        gpus = torch.cuda.is_available() and dist.is_nccl_available()
        try:
            dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
            host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
            self.store = dist.TCPStore(host, port, is_master=False, timeout=timedelta(seconds=10))
        except RuntimeError as error:
            raise UserError(f"process {self.rank} of {self.world} does not reach the others: "
                            f"{str(error).splitlines()[0]}") from error  # fmt: skip
        if self.rank:
            self.silence.enter_context(contextlib.redirect_stdout(io.StringIO()))
            self.silence.enter_context(contextlib.redirect_stderr(io.StringIO()))  # its bars

    def leave(self) -> None:
        """The work is done, by all."""
        if self.store:
            import torch.distributed as dist

            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            dist.destroy_process_group()

    def tell(self, line: str) -> None:
        """Print why the job ends, unless another process already has."""
        self.silence.close()
        if self.store:
            # torchrun ends a process as soon as another has ended: first the line
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with contextlib.suppress(RuntimeError):  # gone with the machine that kept it
                if self.store.add(f"told/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}", 1) > 1:
                    return
        print(line, file=sys.stderr)

    def seed(self, seed: int) -> int:
        """A seed of this process's own: its dropout and its noise are not the others'."""
        if self.rank == 0:
            return seed
        import torch

        generator = torch.Generator().manual_seed(seed)
        return int(torch.randint(2**32, (self.rank,), generator=generator)[-1])

    def share(self, whole: Any) -> Any:
        """This process's part of a batch's index, or of a list of jobs; may be empty."""
        return whole[self.rank :: self.world] if self.world > 1 else whole

    def gathered(self, value: Any) -> list[Any]:
        """Every process's value, by rank. All wait here for each other."""
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        values = [None] * self.world
        try:
            dist.all_gather_object(values, value)
        except RuntimeError as error:
            raise self.gone() from error
        return values

    def summed(self, tensor: "Tensor") -> "Tensor":
        """The sum of all processes' tensors, in place; the same in each, bit for bit."""
        import torch.distributed as dist

        try:
            dist.all_reduce(tensor)
        except RuntimeError as error:
            raise self.gone() from error
        return tensor

    def gone(self) -> Gone:
        other = f"process {1 - self.rank}" if self.world == 2 else "a process"
        return Gone(f"{other} of {self.world} is gone")

    def start_alike(self, model: "nn.Module") -> None:
        """Give every process the weights of process 0."""
        if self.world > 1:
            tensors = list(model.parameters())
            vector = flat(tensors)
            put(self.summed(vector if self.rank == 0 else vector.zero_()), tensors)

    def average_gradients(self, model: "nn.Module", examples: int) -> None:
        """Make the gradients those of the whole batch's loss, which averages over its examples.

        Args:
            examples: in this process's share. The mean of the processes' gradients would count
                those of a smaller share more than the others.
        """
        if self.world == 1:
            return
        parameters = [p for p in model.parameters() if p.requires_grad]
        for p in parameters:
            if p.grad is None:  # the share was empty
                p.grad = p.new_zeros(p.shape)
        gradients = [p.grad for p in parameters]
        count = gradients[0].new_tensor([examples])
        total = self.summed(flat([*(examples * gradient for gradient in gradients), count]))
        put(total[:-1] / total[-1], gradients)

    def average_statistics(self, model: "nn.Module") -> None:
        """Make batch norm's running statistics, each process's of its own shares, their mean."""
        if self.world > 1 and (tensors := running_statistics(model)):
            put(self.summed(flat(tensors)) / self.world, tensors)

    def whole(self, values: "Tensor", sizes: list[int]) -> tuple["Tensor", list[int]]:
        """Averages over the shares of each batch (batches, …), and the shares' sizes: the batches'.

        In float64 and on the CPU. A batch that one process had whole keeps its values, bit for bit.
        """
        if self.world == 1:
            return values, sizes
        values = values.cpu().double()
        counts = values.new_tensor(sizes)[:, None]  # (batches, 1)
        values, counts = self.summed(values * counts), self.summed(counts)
        return values / counts, counts[:, 0].tolist()


ALONE = Processes()


def here() -> Processes:
    """This process among those that torchrun has started; alone without it."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return ALONE
    names = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"]
    return Processes(*(int(os.environ[name]) for name in names))


def ended(signal_number: int, frame: Any) -> NoReturn:
    signal.signal(signal_number, signal.SIG_IGN)  # once is enough
    raise Gone("ended by torchrun, as when another process is gone")


def running_statistics(model: "nn.Module") -> list["Tensor"]:
    return [buffer for buffer in model.buffers() if buffer.is_floating_point()]


def flat(tensors: list["Tensor"]) -> "Tensor":
    """All entries as one vector, so that they travel at once."""
    import torch

    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def put(vector: "Tensor", tensors: list["Tensor"]) -> None:
    """The inverse of `flat`: fills the tensors, in place."""
    for tensor, piece in zip(tensors, vector.split([tensor.numel() for tensor in tensors])):
        tensor.detach().copy_(piece.view_as(tensor))
