"""Mutations of what several processes do, for tests/mutations.py."""

PROCESSES, RUN, MACHINE = "common/processes.py", "common/run.py", "common/machine.py"
DATA, LOOP = "common/data.py", "common/loop.py"

MUTATIONS = [
    (PROCESSES, "whole[self.rank :: self.world] if", "whole[: len(whole) // self.world] if"),
    (PROCESSES, "vector if self.rank == 0 else vector.zero_()", "vector"),
    (PROCESSES, "*(examples * gradient for gradient in gradients)", "*gradients"),
    (
        PROCESSES,
        "put(total[:-1] / total[-1], gradients)",
        "put(total[:-1] / self.world, gradients)",
    ),
    (PROCESSES, "if p.requires_grad]", "]"),
    (PROCESSES, "if p.grad is None:", "if False:"),
    (PROCESSES, "summed(flat(tensors)) / self.world", "summed(flat(tensors))"),
    (PROCESSES, "self.summed(values * counts)", "self.summed(values)"),
    (PROCESSES, "values / counts, counts", "values / self.world, counts"),
    (PROCESSES, "if self.rank == 0:\n            return seed", "if True:\n            return seed"),
    (PROCESSES, "(2**32, (self.rank,), generator=generator)[-1]", "(2**32, (9,))[0]"),
    (
        PROCESSES,
        "        if self.rank:\n            self.silence",
        "        if 0:\n            self.silence",
    ),
    (PROCESSES, ", 1) > 1:", ", 1) > 9:"),
    (PROCESSES, "process {1 - self.rank}", "process {self.rank}"),
    (
        PROCESSES,
        "            raise self.gone() from error\n        return tensor",
        "            raise\n        return tensor",
    ),
    (DATA, "index = self.processes.share(batch)", "index = batch"),
    (DATA, "i % self.processes.world == self.processes.rank", "True"),
    (LOOP, "smallest < 2 * world", "smallest < world"),
    (LOOP, "% batches.batch_size or math.inf)", "% batches.batch_size or 0)"),
    (MACHINE, "torch.cuda.device_count() >= n", "torch.cuda.device_count() > 0"),
    (
        MACHINE,
        "torch.backends.mps.is_available() and not several",
        "torch.backends.mps.is_available()",
    ),
    (
        MACHINE,
        "torch.cuda.set_device(processes.local_rank)",
        "torch.cuda.set_device(processes.rank)",
    ),
    (RUN, "if not finished:", "if not run.results:"),
    (PROCESSES, "copy_(piece.view_as(tensor))", "copy_(piece.sort()[0].view_as(tensor))"),
]
