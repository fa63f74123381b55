"""torch's random generators: their state, on every device that has one, and each process's seed."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


def derive_seed(seed: int, rank: int) -> int:
    """A process's seed: its dropout and its noise are not the others'. Process 0 has `seed`."""
    if rank == 0:
        return seed
    generator = torch.Generator("cpu").manual_seed(seed)
    return int(torch.randint(2**32, (rank,), generator=generator)[-1])


def random_state() -> dict[str, Any]:
    """The global generators' states: "cpu", and "cuda" and "mps" where there are such devices."""
    state = {"cpu": torch.get_rng_state(), "cuda": None, "mps": None}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Put the global generators into a state that `random_state` gave."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    if state["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


@contextlib.contextmanager
def keep_random_state() -> Iterator[None]:
    """What is drawn in the block leaves no trace in the global generators."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
