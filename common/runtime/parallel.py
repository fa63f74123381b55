"""Several processes that train one model together, as torchrun starts them.

    torchrun --nproc-per-node=2 hw7/autoencoder.py

Each holds the images and a copy of the model, and takes its shard of every batch; the gradients
are averaged before each step, so that the copies stay equal. Process 0 alone prints and writes.
"""

import contextlib
import io
import os
import signal
import sys
from datetime import timedelta
from typing import Any, NoReturn

from common.runtime.errors import UserError

TIMEOUT = timedelta(minutes=10)  # until a process that does not answer counts as lost


class PeerLost(Exception):
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
        """Meet the others. From here on, process 0 alone prints, and SIGTERM raises `PeerLost`.

        Raises:
            UserError: they did not all come.
        """
        if self.world == 1:
            return
        import torch
        import torch.distributed as dist

        signal.signal(signal.SIGTERM, raise_peer_lost)
        gpus = torch.cuda.is_available() and dist.is_nccl_available()
        try:
            dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=TIMEOUT)
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

    def report_once(self, line: str) -> None:
        """Print why the job ends, unless another process already has."""
        self.silence.close()
        if self.store:
            # torchrun ends a process as soon as another has ended: first the line
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT")
            with contextlib.suppress(RuntimeError):  # the store is lost with its machine
                if self.store.add(f"reported/{attempt}", 1) > 1:
                    return
        print(line, file=sys.stderr)

    def shard(self, whole: Any) -> Any:
        """This process's part of a batch's index, or of a list of jobs; may be empty."""
        return whole[self.rank :: self.world] if self.world > 1 else whole

    def all_gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank. All wait here for each other."""
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        values = [None] * self.world
        try:
            dist.all_gather_object(values, value)
        except RuntimeError as error:
            raise self.peer_lost() from error
        return values

    def all_reduce(self, tensor: Any) -> Any:
        """The sum of all processes' tensors, in place; the same in each, bit for bit."""
        import torch.distributed as dist

        try:
            dist.all_reduce(tensor)
        except RuntimeError as error:
            raise self.peer_lost() from error
        return tensor

    def peer_lost(self) -> PeerLost:
        other = f"process {1 - self.rank}" if self.world == 2 else "a process"
        return PeerLost(f"{other} of {self.world} is gone")


ALONE = Processes()


def from_environment() -> Processes:
    """This process among those that torchrun has started; alone without it."""
    names = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"]
    if not {"TORCHELASTIC_RUN_ID", *names} <= os.environ.keys():
        return ALONE
    return Processes(*(int(os.environ[name]) for name in names))


def raise_peer_lost(signal_number: int, frame: Any) -> NoReturn:
    signal.signal(signal_number, signal.SIG_IGN)  # once is enough
    raise PeerLost("ended by torchrun, as when another process is gone")
