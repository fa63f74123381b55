"""Mutations of the measurements, for tests/mutations.py."""

TIMING = "bench/timing.py"
WAYS = "bench/ways.py"
VARIANTS = "bench/variants.py"

READY = "    work = way.ready(images)\n"
BEGAN = "    faults, began = page_faults(), time.perf_counter()\n"

MUTATIONS = [
    (TIMING, "one or start() for", "start() for"),
    (TIMING, "start() if together else None", "start()"),
    (TIMING, "1 if way.one else os.cpu_count()", "os.cpu_count()"),
    (TIMING, "if way.plain:", "if not way.plain:"),
    (TIMING, "(time.perf_counter() - began) / way.runs", "time.perf_counter() - began"),
    (TIMING, READY + BEGAN, BEGAN + READY),
    (TIMING, "found[members[name].peer][1:]", "found[members[name].peer]"),
    (TIMING, "other.seconds / own.seconds", "own.seconds / other.seconds"),
    (TIMING, "scale * statistics.median(", "scale * min("),
    (TIMING, '"seconds": scale * ', '"seconds": '),
    (TIMING, '"ratio": statistics.median(ratios)', '"ratio": ratios[0]'),
    (TIMING, "min(total, steps * b)", "min(total, steps)"),
    (TIMING, "range(1 + rounds)", "range(rounds)"),
    (TIMING, "else 1024  # bytes", "else 1000  # bytes"),
    (WAYS, "Split(images[:count], labels[:count])", "Split(images, labels)"),
    (WAYS, "torch.arange(count) % len(labels)", "torch.arange(count) // len(labels)"),
    (WAYS, "[i % len(whole) for i", "[0 for i"),
    (WAYS, "model = with_layers_of_torch(self.make(images)).train()", "model = self.make(images)"),
    (WAYS, "for batch, (X, y) in enumerate(loader):", "for batch, (X, y) in ():"),
    (WAYS, "= type(layer).__base__", "= type(layer)"),
    (WAYS, "model.centers.data.copy_(start(images.split()))", "pass"),
    (WAYS, "[ETA] * runs", "[0] * runs"),
    (WAYS, "train_by_hand(starts, batches, 1, ", "train_by_hand(starts, batches, 2, "),
    (WAYS, '"tutorial", runs=SIDE_BY_SIDE)', '"tutorial")'),
    (VARIANTS, "-0.5 * BETA * self.centers", "-0.5 * self.centers"),
    (VARIANTS, "beta=-1)", "beta=1)"),
    (VARIANTS, "gradient(*ctx.saved_tensors), None", "0.5 * gradient(*ctx.saved_tensors), None"),
    (VARIANTS, "self.weight.flip(2, 3)", "self.weight"),
    (VARIANTS, ".flip(2, 4)", ""),
    (VARIANTS, "+ self.bias[:, None]\n", "\n"),
]
