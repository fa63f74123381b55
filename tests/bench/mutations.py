"""Mutations of the measurements and of the campaign of faults, for tests/mutations.py."""

TIMING, SPEED, FIGURES = "bench/timing.py", "bench/speed.py", "bench/speed_figures.py"
TUTORIAL, TRAININGS = "bench/tutorial.py", "bench/trainings.py"
CONTENDERS, VARIANTS = "bench/contenders.py", "bench/variants.py"
SCALE, TRIALS = "bench/scale.py", "bench/trials.py"
PROCESS, CAMPAIGN = "bench/faults/process.py", "bench/faults/campaign.py"
KILLS, DAMAGE, DISK = "bench/faults/kills.py", "bench/faults/damage.py", "bench/faults/disk.py"
ENDINGS, NEIGHBORS = "bench/faults/endings.py", "bench/faults/neighbors.py"
COMMANDS = "bench/faults/commands.py"

PREPARE = "    work = contender.prepare(images)\n"
BEGAN = "    faults, began = count_page_faults(), time.perf_counter()\n"

MUTATIONS = [
    # timing
    (TIMING, "one or start() for", "start() for"),
    (TIMING, "start() if together else None", "start()"),
    (TIMING, "1 if contender.one_thread else os.cpu_count()", "os.cpu_count()"),
    (TIMING, "if contender.plain:", "if not contender.plain:"),
    (TIMING, "(time.perf_counter() - began) / contender.runs", "time.perf_counter() - began"),
    (TIMING, PREPARE + BEGAN, BEGAN + PREPARE),
    (TIMING, "found[members[name].peer][1:]", "found[members[name].peer]"),
    (TIMING, "other.seconds / own.seconds", "own.seconds / other.seconds"),
    (TIMING, "scale * statistics.median(", "scale * min("),
    (TIMING, '"seconds": scale * ', '"seconds": '),
    (TIMING, '"ratio": statistics.median(ratios)', '"ratio": ratios[0]'),
    (TIMING, "min(total, steps * b)", "min(total, steps)"),
    (TIMING, "range(1 + rounds)", "range(rounds)"),
    (TIMING, "else 1024  # bytes", "else 1000  # bytes"),
    # the peer and the trainings
    (TUTORIAL, "Split(images[:count], labels[:count])", "Split(images, labels)"),
    (TUTORIAL, "torch.arange(count) % len(labels)", "torch.arange(count) // len(labels)"),
    (TUTORIAL, "[i % len(whole) for i", "[0 for i"),
    (TUTORIAL, "= type(layer).__base__", "= type(layer)"),
    (TUTORIAL, "* 255).round().byte()", "* 254).round().byte()"),
    (TRAININGS, "use_torch_layers(self.make(images)).train()", "self.make(images)"),
    (TRAININGS, "for batch, (X, y) in enumerate(loader):", "for batch, (X, y) in ():"),
    (TRAININGS, "model.centers.data.copy_(initial_centers(images.split()))", "pass"),
    (TRAININGS, 'Contender(ours, "tutorial_1")', 'Contender(ours, "tutorial_all")'),
    (TRAININGS, 'theirs, "tutorial_1", plain=True', 'theirs, "tutorial_1"'),
    # contenders and variants
    (CONTENDERS, "[ETA] * runs", "[0] * runs"),
    (
        CONTENDERS,
        "train_by_gradient(starts, batches, 1, ",
        "train_by_gradient(starts, batches, 2, ",
    ),
    (CONTENDERS, '"tutorial", runs=SIDE_BY_SIDE)', '"tutorial")'),
    (CONTENDERS, "for _ in range(REPEATED):", "for _ in range(1):"),
    (CONTENDERS, "passes(ours, *shape)", "passes(theirs, *shape)"),
    (VARIANTS, "-0.5 * BETA * self.centers", "-0.5 * self.centers"),
    (VARIANTS, "beta=-1)", "beta=1)"),
    (VARIANTS, "gradient(*ctx.saved_tensors), None", "0.5 * gradient(*ctx.saved_tensors), None"),
    (VARIANTS, "self.weight.flip(2, 3)", "self.weight"),
    (VARIANTS, ".flip(2, 4)", ""),
    (VARIANTS, "+ self.bias[:, None]\n", "\n"),
    (TRIALS, 'keys = ("ratio", "lowest", "highest")', 'keys = ("ratio", "lowest", "seconds")'),
    (TRIALS, "steps=60", "steps=600"),
    # the speed's table and figures
    (SPEED, "found[name][key] - 1 for key", "found[name][key] for key"),
    (SPEED, "together=True", "together=False"),
    (SPEED, "({row['lowest']:.1f} to", "({row['ratio']:.1f} to"),
    (
        SPEED,
        "{theirs['seconds']:.2f} | {row['seconds']:.2f}",
        "{row['seconds']:.2f} | {theirs['seconds']:.2f}",
    ),
    (SPEED, "(total // 4, total, 4 * total)", "(total // 2, total, 4 * total)"),
    (FIGURES, 'axes.text(row["highest"], height', 'axes.text(row["ratio"], height'),
    (
        FIGURES,
        'row["ratio"] - row["lowest"], row["highest"] - row["ratio"]',
        'row["highest"] - row["ratio"], row["ratio"] - row["lowest"]',
    ),
    (FIGURES, "axes.axvline(1,", "axes.axvline(0,"),
    (FIGURES, "    axes.invert_yaxis()\n", ""),
    (FIGURES, '"network": "ours", "by_hand": "by hand"', '"by_hand": "ours", "network": "by hand"'),
    (
        FIGURES,
        '"CNN", "cnn", "tutorial_all", "ours_all"',
        '"CNN, all", "cnn", "tutorial_1", "ours_1"',
    ),
    # several processes against one
    (SCALE, "start + size * torch.randn", "start + torch.randn"),
    (SCALE, "(ALONE if nudge else run.processes, nudge)", "(run.processes, 0.0)"),
    (SCALE, "        optimizer.zero_grad()\n", ""),
    (SCALE, "lr=ETA)", "lr=1)"),
    (SCALE, "if run.processes.world == 1:", "if False:"),
    (SCALE, "seed=seed, processes=processes)", "processes=processes)"),
    # the campaign of faults
    (PROCESS, "found.get(name) != expected.files.get(name)", "False"),
    (PROCESS, 'any(out.glob(".*.tmp"))', "False"),
    (PROCESS, 'raise CheckFailed(f"{path.name} is half-written: {error}") from error', "pass"),
    (PROCESS, "state.numpy().tobytes()", "None"),
    (PROCESS, "    if process.returncode != status:\n", "    if False:\n"),
    (PROCESS, "len(lines) != bool(message) or ", ""),
    (CAMPAIGN, 'return False, f"WRONG', 'return True, f"WRONG'),
    (CAMPAIGN, "right = all(", "right = any("),
    (CAMPAIGN, "return status or int(any(wrong))", "return status"),
    (
        CAMPAIGN,
        "except Skipped as why:\n            return True",
        "except Skipped as why:\n            return False",
    ),
    (CAMPAIGN, '    "no_writing": close_folders,\n', ""),
    (KILLS, "draw.uniform(0, run_undisturbed(*command).seconds)", "draw.uniform(10, 20)"),
    (KILLS, "path.read_bytes() != CONTENT[path.name]", "False"),
    (KILLS, 'any(raw.glob(".*"))', "False"),
    (DAMAGE, "content[i] ^ 1", "content[i]"),
    (DAMAGE, "content[: int(at * len(content))]", "content[int(at * len(content)) :]"),
    (DAMAGE, "write_bytes(damage(original))", "write_bytes(original)"),
    (DAMAGE, 'finish(process, 2, f"error: argument --resume', 'finish(process, 2, f"'),
    (DAMAGE, "    spoil(raw / name, damage)\n", ""),
    (DISK, "2, CANNOT)\n    check_no_leftover", "0)\n    check_no_leftover"),
    (DISK, '"--out", str(folder / out)), 2, CANNOT)', '"--out", str(folder / out)))'),
    (ENDINGS, "finish(process, 129)", "finish(process)"),
    (ENDINGS, '128 + number, r"interrupted', 'number, r"interrupted'),
    (NEIGHBORS, "if len(done) != 1:", "if not done:"),
    (NEIGHBORS, "process {first.pid} on", "process "),
    (COMMANDS, "!= expected:", "!= expected and False:"),
    (COMMANDS, "fetch.MNIST_SIZES = fetch.SAMPLE_MD5", "fetch.MNIST_SIZES = fetch.MNIST_MD5"),
]
