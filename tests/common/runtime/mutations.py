"""Mutations of what makes a run robust, for tests/mutations.py."""

PARALLEL, SHARDS = "common/runtime/parallel.py", "common/runtime/shards.py"
SESSION, MAIN = "common/runtime/session.py", "common/runtime/main.py"
CHECKPOINT = "common/runtime/checkpoint.py"
FETCH, SOURCES = "common/runtime/fetch.py", "common/runtime/sources.py"
FILES, SIGNALS = "common/runtime/files.py", "common/runtime/signals.py"
CPU, DEVICE, RNG = "common/runtime/cpu.py", "common/runtime/device.py", "common/runtime/rng.py"

TESTS = {
    SESSION: "tests/common/test_run.py",
    MAIN: "tests/common/test_run.py",
    SHARDS: "tests/common/runtime/test_parallel.py",
    RNG: "tests/common/runtime/test_parallel.py",
}

MUTATIONS = [
    # several processes
    (PARALLEL, "whole[self.rank :: self.world] if", "whole[: len(whole) // self.world] if"),
    (RNG, "if rank == 0:\n        return seed", "if True:\n        return seed"),
    (RNG, "(2**32, (rank,), generator=generator)[-1]", "(2**32, (9,))[0]"),
    (
        PARALLEL,
        "        if self.rank:\n            self.silence",
        "        if 0:\n            self.silence",
    ),
    (PARALLEL, ", 1) > 1:", ", 1) > 9:"),
    (PARALLEL, "process {1 - self.rank}", "process {self.rank}"),
    (
        PARALLEL,
        "            raise self.peer_lost() from error\n        return tensor",
        "            raise\n        return tensor",
    ),
    (SHARDS, "p.mul_(processes.rank == 0)", "pass"),
    (SHARDS, "*(batches.count * g for g in gradients)", "*gradients"),
    (SHARDS, "total[:-1] / total[-1]", "total[:-1] / processes.world"),
    (SHARDS, '["params"] if p.requires_grad]', '["params"]]'),
    (
        SHARDS,
        "all_reduce(flatten(statistics)) / processes.world",
        "all_reduce(flatten(statistics))",
    ),
    (SHARDS, "i % self.processes.world == self.processes.rank", "True"),
    (SHARDS, "index = mine if self.count else mine.new_zeros(1)", "index = torch.arange(len(y))"),
    (SHARDS, "super().smallest() // self.processes.world", "super().smallest()"),
    (SHARDS, "all_reduce(sums * counts[:, None])", "all_reduce(sums)"),
    (SHARDS, "(sizes - rank + world - 1) // world", "sizes // world"),
    (SHARDS, "        if self.model is not None:\n", "        if False:\n"),
    (SHARDS, "copy_(piece.view_as(tensor))", "copy_(piece.sort()[0].view_as(tensor))"),
    # a run
    (MAIN, "torch.manual_seed(derive_seed(run.args.seed, run.processes.rank))", "pass"),
    (MAIN, "        run.write_summary()\n", ""),
    (SESSION, "if settings != self.settings:", "if False:"),
    (MAIN, "if not finished:", "if not run.results:"),
    (MAIN, "with alone, canvas.own_style(), prepare", "with alone, prepare"),
    (MAIN, "with keep_random_state(), training", "with training"),
    (CHECKPOINT, 'train.generator.set_state(random["batches"])', "pass"),
    (CHECKPOINT, "set_random_state(random)", "pass"),
    (CHECKPOINT, 'optimizer.load_state_dict(state["optimizer"])', "pass"),
    (CHECKPOINT, 'scheduler.load_state_dict(state["scheduler"])', "pass"),
    (CHECKPOINT, "            scheduler.step()\n", "            pass\n"),
    (CHECKPOINT, "weights_only=True", "weights_only=False"),
    (CHECKPOINT, "if broken := archive.testzip():", "if broken := None:"),
    (CHECKPOINT, "first = len(history) + 1", "first = 1"),
    # the machine
    (CPU, "threads or torch.get_num_threads()", "torch.get_num_threads()"),
    (CPU, "set_flush_denormal(True)", "set_flush_denormal(False)"),
    (CPU, '.libc_ver()[0] == "glibc"', '.libc_ver()[0] != "glibc"'),
    (CPU, "libc.mallopt(M_MMAP_THRESHOLD, 32 * MIB)", "pass"),
    (CPU, "libc.mallopt(M_TRIM_THRESHOLD, 1024 * MIB)", "pass"),
    (CPU, "torch.set_num_threads(threads_before)", "pass"),
    (CPU, "torch.set_flush_denormal(flushed_before)", "pass"),
    (CPU, "torch.set_default_dtype(dtype_before)", "pass"),
    (CPU, "torch.set_default_dtype(torch.float32)", "pass"),
    (CPU, "if other else contextlib.nullcontext()", "if False else contextlib.nullcontext()"),
    (DEVICE, "torch.cuda.device_count() >= n", "torch.cuda.device_count() > 0"),
    (
        DEVICE,
        "torch.backends.mps.is_available() and not several",
        "torch.backends.mps.is_available()",
    ),
    (
        DEVICE,
        "torch.cuda.set_device(processes.local_rank)",
        "torch.cuda.set_device(processes.rank)",
    ),
    # data
    (FETCH, "(found := md5(content)) in names:", "names:"),
    (FETCH, "return gzip.decompress(content) if compressed else content", "return content"),
    (FETCH, "while place.exists() and", "while False and"),
    (FETCH, "chain(usual, walk(folder))", "usual"),
    (FETCH, "if path.name.removesuffix", "if 1 or path.name.removesuffix"),
    (FETCH, "!= MNIST_MD5[name]:", "== '':"),
    (FETCH, "ValueError, zlib.error)", "ValueError)"),
    (SOURCES, "return self.allowed[module, name]", "return super().find_class(module, name)"),
    (SOURCES, "images * 256", "images * 255"),
    # files, and one run in a folder
    (
        FILES,
        "            temporary.unlink(missing_ok=True)\n            raise",
        "            raise",
    ),
    (FILES, 'folder.glob(".*.[0-9]*.tmp")', 'folder.glob(".*.tmp")'),
    (FILES, "path.stat().st_mtime >= idle", "path.stat().st_mtime >= 0"),
    (FILES, "*() if is_mine else (3600,)", "*()"),
    (FILES, "remove_leftovers(folder, *() if is_mine else (3600,))", "pass"),
    (FILES, "if is_mine is False or (is_mine and", "if (is_mine and"),
    (FILES, "(is_mine and not has_name(file, path))", "False"),
    (FILES, "            file.seek(0)\n", ""),
    (
        FILES,
        "except (BlockingIOError, PermissionError):\n        return False",
        "except ValueError: 0",
    ),
    (
        FILES,
        "    except OSError:\n        return None",
        "    except ValueError:\n        return None",
    ),
    (FILES, "                path.unlink()\n\n\ndef lock", "                pass\n\n\ndef lock"),
    (FILES, 'remedy = "free some space or name" if', 'remedy = "free some space or name" if 1 or'),
    # signals
    (SIGNALS, "self.status = 128 + number", "self.status = number"),
    (SIGNALS, "signal.setitimer(signal.ITIMER_REAL, 1, 1)", "pass"),
    (SIGNALS, "return  # a closed terminal", "pass  # a closed terminal"),
    (SIGNALS, "if not isinstance(lost.exc_value, Interrupted):", "if True:"),
    (SIGNALS, "if threading.current_thread() is threading.main_thread():", "if True:"),
    (SIGNALS, "if signal.getsignal(number) in (", "if signal.SIG_DFL in ("),
    (SIGNALS, "signal.setitimer(signal.ITIMER_REAL, 0)", "pass"),
    (SIGNALS, "            signal.signal(number, handler)\n\n\n", "            pass\n\n\n"),
    (SIGNALS, "raise Interrupted(received[0])", "raise Interrupted(number)"),
    (SIGNALS, "sys.stdout or void", "sys.stdout"),
    (SIGNALS, "            stack.callback(output.flush)", "            pass"),
    (SIGNALS, "os.dup2(self.void.fileno(), self.stream.fileno())", "pass"),
    (SIGNALS, 'text.encode(encoding, "replace").decode(encoding)', "text"),
    (SIGNALS, "if is_default and main.suffix", "if False and main.suffix"),
    (SIGNALS, " and main.parent.parent == root", ""),
]
