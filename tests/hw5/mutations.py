"""Mistakes in HW5 that its tests must catch: (file, the right text, the mistake)."""

SGD_STEP = """\
            for weight, grad in zip(network, gradient):
                weight -= eta * grad  # [hw5 2d]
"""
# The gradients of all earlier batches of the epoch are added, as without zero_grad().
NOT_ZEROED = """\
            total = gradient if i == 0 else Network(*(s + g for s, g in zip(total, gradient)))
            for weight, grad in zip(network, total):
                weight -= eta * grad
"""
# δ_z comes from a U that was already changed.
U_FIRST = """\
            network.U[...] -= eta * gradient.U
            late = backward(network, x_i, y_i, forward(network, x_i, a), a)
            for weight, grad in zip((network.W, network.b, network.c), (late.W, late.b, late.c)):
                weight -= eta * grad
"""

# Each list holds (the right text, the mistake).
NETWORK = [
    # φ and the equations
    ("-np.logaddexp(0, -a * v)", "-np.logaddexp(0, a * v)"),
    ("np.exp(-np.logaddexp(0, -a * v))", "1 / (1 + np.exp(-a * v))"),
    ("np.exp(-np.logaddexp(0, -a * v))", "0.5 + 0.5 * np.tanh(a * v / 2)"),
    ("def phi(v: np.ndarray, a: float = 5.0)", "def phi(v: np.ndarray, a: float = 1.0)"),
    (
        "def phi_prime(v: np.ndarray, a: float = 5.0)",
        "def phi_prime(v: np.ndarray, a: float = 1.0)",
    ),
    ("return a * z * (1 - z)", "return z * (1 - z)"),
    ("return a * z * (1 - z)", "return a * z * (1 + z)"),
    ("v_z = W @ x + b  #", "v_z = W @ x - b  #"),
    ("v_f = U @ z + c  #", "v_f = U @ z  #"),
    ("f = phi(v_f, a)", "f = phi(v_f)"),
    ("z = phi(v_z, a)", "z = phi(v_z)"),
    ("grad_f = 2 * (f - y)", "grad_f = f - y"),
    ("grad_f = 2 * (f - y)", "grad_f = 2 * (y - f)"),
    ("delta_f = grad_f * phi_prime(v_f, a)", "delta_f = grad_f"),
    ("delta_z = grad_z * phi_prime(v_z, a)", "delta_z = grad_z"),
    ("grad_z * phi_prime(v_z, a)", "grad_z * phi_prime(z, a)"),
    ("grad_z * phi_prime(v_z, a)", "grad_z * phi_prime(v_z)"),
    ("delta_z = grad_z *", "delta_z = -grad_z *"),
    ("transpose(network.U) @ delta_f", "network.U @ delta_f"),
    ("W=delta_z @ transpose(x) / n", "W=delta_z @ transpose(x)"),
    ("b=delta_z.sum(-1, keepdims=True) / n", "b=delta_z.sum(-1, keepdims=True)"),
    ("U=delta_f @ transpose(z) / n", "U=delta_f @ transpose(z)"),
    ("U=delta_f @ transpose(z)", "U=delta_f @ transpose(v_z)"),
    ("c=delta_f.sum(-1, keepdims=True) / n", "c=delta_f.sum(-1, keepdims=True)"),
    ("n = x.shape[-1]\n    grad", "n = len(x)\n    grad"),
    # the training
    (SGD_STEP, NOT_ZEROED),
    (SGD_STEP, U_FIRST),
    ("weight -= eta * grad", "weight += eta * grad"),
    (
        "for i in range(0, x.shape[-1], batch_size)",
        "for i in reversed(range(0, x.shape[-1], batch_size))",
    ),
    (
        "range(0, x.shape[-1], batch_size)",
        "range(0, x.shape[-1] - batch_size + 1, batch_size)",
    ),
    ("- y) ** 2).mean((-2, -1), keepdims=True)", "- y) ** 2).sum((-2, -1), keepdims=True)"),
    ("eta = eta * np.ones_like(network.c)", "eta = eta"),
    ("mse > previous, rises + 1, 0", "mse < previous, rises + 1, 0"),
    ("mse > previous, rises + 1, 0", "mse > previous, rises + 1, rises"),
    ("        previous = mse\n", "        previous = np.minimum(previous, mse)\n"),
    ("(patience > 0) & (rises == patience)", "rises == patience"),
    ("rises == patience", "rises >= 1"),
    ("np.where(late, 0.9, 1.0)", "np.where(late, 0.8, 1.0)"),
    ("np.where(late, 0.9, 1.0)", "np.where(late.any(), 0.9, 1.0)"),
    ("        rises = np.where(late, 0, rises)\n", ""),
    # the draws
    ("uniform(-2, 2, (2, count))", "uniform(0, 2, (2, count))"),
    ("default_rng([seed, 1])", "default_rng(seed)"),
    ("sigma * rng.standard_normal(shape)", "sigma + rng.standard_normal(shape)"),
    ("sigma: float = 0.1", "sigma: float = 1.0"),
    ("U=np.array([[1.0, 1.0, -1.0]])", "U=np.array([[1.0, 1.0, 1.0]])"),
    ("(network.U @ z + network.c >= 0)", "(network.U @ z - network.c >= 0)"),
    ("network.W @ x + network.b >= 0", "network.W @ x + network.b > 0"),
]

HACKS = [
    # the settings
    ("eta: float = 0.01", "eta: float = 0.02"),
    ("sigma: float = 0.1", "sigma: float = 0.2"),
    ("SEEDS = 5", "SEEDS = 4"),
    ('{"eta": 0.003}', '{"eta": 0.004}'),
    ('{"eta": 0.3, "patience": 1}', '{"eta": 0.3, "patience": 2}'),
    ('{"a": 2.5}', '{"a": 2.0}'),
    ("max(1, epochs // 4)", "max(1, epochs // 2)"),
    ("3 * epochs", "2 * epochs"),
    ("100 * epochs", "10 * epochs"),
    ('            {"batch_size": points},\n', '            {"batch_size": 1000},\n'),
    ('{"batch_size": 100, "eta": 1.0}', '{"batch_size": 100, "eta": 0.5}'),
    ("(1, 2, 4, 6, 12)", "(1, 2, 4, 6, 10)"),
    ("(0.0, 0.001, 1.0, 3.0)", "(0.0, 0.01, 1.0, 3.0)"),
    ('"patience": 1, "hidden": 6}', '"patience": 1, "hidden": 5}'),
    ('"patience": 1, "batch_size": 5}', '"patience": 1, "batch_size": 10}'),
    ("replace(base, **change)", "Hyperparameters(**change)"),
    # their names
    ('"sigma": "σ"', '"sigma": "s"'),
    ("if value != getattr(base, name)", "if value == getattr(base, name)"),
    ('f"{k}_{v:g}" for', 'f"{k}{v:g}" for'),
    ("{v:,g}", "{v:g}"),
    # the training
    (
        "(setting.hidden, setting.batch_size, setting.epochs)",
        "(setting.hidden, setting.batch_size)",
    ),
    (
        "(setting.hidden, setting.batch_size, setting.epochs)",
        "(setting.hidden, setting.epochs)",
    ),
    ("{setting: students[setting] for setting in settings}", "students"),
    ("@lru_cache(2)  # the parts", "# the parts"),
    ("draw_network(seed, first.hidden, each.sigma)", "draw_network(seed, first.hidden)"),
    ("draw_network(seed, first.hidden, each.sigma)", "draw_network(0, 3, each.sigma)"),
    ("(each.eta, each.a, each.patience)", "(each.eta, each.a, each.batch_size)"),
    ("first.batch_size, a, patience)", "first.batch_size, 5.0, patience)"),
    ("np.stack(history, axis=1)", "np.stack(history)"),
    ("if not finite:", "if finite:"),
    ("{text} {len(history)};", "{text} {len(history) - 1};"),
    ("with η = {setting.eta:g}", "with η = {first.eta:g}"),
    ("(f >= 0.5) == (y == 1)", "(f > 0.5) == (y == 1)"),
    ("np.median(values)", "np.mean(values)"),
    ('"min": values.min()', '"min": values.max()'),
]

BACKPROP = [
    ("x, y = draw_points(run.args.seed + SEEDS, FRESH)", "x, y = draw_points(0, FRESH)"),
    ("forward(students.networks, x, setting.a)", "forward(students.networks, x)"),
    ('median_and_range("mse", students.mse[-1])', 'median_and_range("mse", students.mse[0])'),
    ("eta=run.args.lr, epochs=run.args.epochs", "epochs=run.args.epochs"),
    ("range(run.args.seed, run.args.seed + SEEDS)", "range(SEEDS)"),
    ("phi, phi_prime, (1, 5, 20))", "phi, phi_prime, (1, 5, 10))"),
    ("phi, phi_prime, (1, 5, 20))", "phi_prime, phi, (1, 5, 20))"),
    ("np.abs(forward(network, x).f - f).max()", "np.abs(forward(network, x).f - f).min()"),
    ("v_f += weight /", "v_f -= weight /"),
    ("np.abs(differences - grad).max()", "np.abs(differences - grad).min() * 0"),
    ("np.median(students.mse, axis=1)", "students.mse.mean(axis=1)"),
    ('{"the handout\'s setting": students.mse}', '{"the handout\'s setting": students.mse[1:]}'),
    ("[own].networks, 0)", "[own].networks, 1)"),
    ('"student": (*x, f[0])', '"student": (*x, y[0])'),
    ('"teacher": (*x, y[0])', '"teacher": (*x, 1 - y[0])'),
    ('"student": forward(student, grid).f', '"student": forward(student, grid).z[:1]'),
    ('"teacher": teacher(grid)}', '"teacher": teacher(-grid)}'),
    ("for setting in (own, *settings):", "for setting in settings:"),
    ("histories[label] = mse", "histories[label] = students[own].mse"),
    (
        "forward(pick(networks, 0), figures.GRID, setting.a)",
        "forward(pick(networks, 0), figures.GRID)",
    ),
    (
        "forward(pick(networks, 0), figures.GRID, setting.a)",
        "forward(pick(networks, 1), figures.GRID, setting.a)",
    ),
    ("key = setting.make_key(own)", "key = setting.make_key(Hyperparameters())"),
    ("plot_hack(TITLES[name],", "plot_hack(name,"),
]

FIGURES = [
    ("left.plot(v, phi(v, value)", "left.plot(v, phi(v, 5)"),
    ("right.plot(v, phi_prime(v, value)", "right.plot(v, phi(v, value)"),
    ("left.plot(v, v >= 0,", "left.plot(v, v <= 0,"),
    ("np.median(mse, axis=1)", "np.mean(mse, axis=1)"),
    ("np.arange(1, len(mse) + 1)", "np.arange(len(mse))"),
    ("mse.min(1), mse.max(1)", "mse.min(1), np.median(mse, 1)"),
    ('"color": line.get_color()', '"color": "black"'),
    ("histories.values()}) > 1:", "histories.values()}) > 2:"),
    ('axes.set(yscale="log", ylim=MSE_RANGE', "axes.set(ylim=MSE_RANGE"),
    ("    if len(histories) > 1:\n", "    if len(histories) > 2:\n"),
    ("[-1, 1, -1, -1]]", "[-1, 1, 1, -1]]"),
    ("[[-2, 0, 2, -2]", "[[-2, 1, 2, -2]"),
    ("np.linspace(-2, 2, 120)", "np.linspace(-2, 2, 121)"),
    ("np.stack(np.meshgrid(SIDE, SIDE))", "np.stack(np.meshgrid(SIDE, SIDE)[::-1])"),
    ("f = f.reshape(len(SIDE), len(SIDE))", "f = f.reshape(len(SIDE), len(SIDE)).T"),
    ("f = f.reshape(len(SIDE), len(SIDE))", "f = f.reshape(len(SIDE), len(SIDE))[::-1]"),
    ("levels=np.linspace(0, 1, 11)", "levels=np.linspace(0, 1, 6)"),
    ("axes.contour(SIDE, SIDE, f, levels=[0.5]", "axes.contour(SIDE, SIDE, -f, levels=[-0.4]"),
    ("axes.contour(SIDE, SIDE, f, levels=[0.5]", "axes.contour(SIDE, SIDE, f, levels=[0.6]"),
    ("axes.plot(*TRIANGLE,", "axes.plot(*-TRIANGLE,"),
    ('axes.set(xlabel="x₁", xticks', 'axes.set(xlabel="x₂", xticks'),
    ("draw_mse(above.subplots(), histories)", "draw_mse(above.subplots(), {})"),
    ("for line in stack[:, i]:", "for line in stack[i]:"),
    ("return -b * w1 - w2 * t, -b * w2 + w1 * t", "return -b * w1 + w2 * t, -b * w2 + w1 * t"),
    ("return -b * w1 - w2 * t, -b * w2 + w1 * t", "return b * w1 - w2 * t, -b * w2 + w1 * t"),
    ("return -b * w1 - w2 * t, -b * w2 + w1 * t", "return b * w1 - w2 * t, b * w2 + w1 * t"),
    ("np.array([-6.0, 6.0])", "np.array([-0.6, 0.6])"),
    ("axes.plot(*find_ends(row)", "axes.plot(*find_ends(teacher[0])"),
    ("axes.plot(distance, label=label)", "axes.plot(distance[1:], label=label)"),
    ("panels[1].set(ylim=(0.08, 12))", "panels[0].set(ylim=(0.08, 12))"),
    ("axes.contour(*w, R(w)", "axes.contour(*w[::-1], R(w)"),
    ("4.0 ** np.arange(-3, 5)", "2.0 ** np.arange(-3, 5)"),
    ("axes.plot(*inside.T,", "axes.plot(*inside.T[::-1],"),
    ("axes.plot(*path[0],", "axes.plot(*path[1],"),
    ("abs(1 - eta * value)", "abs(1 + eta * value)"),
    ("axes.plot(*zip(*measured)", "axes.plot(*zip(*measured[1:])"),
    ("axes.axvline(limit,", "axes.axvline(best,"),
]

RECOVERY = [
    ("c + turned.sum()", "c - turned.sum()"),
    ("c + turned.sum()", "c"),
    ("sign.T * U[:, order]", "U[:, order]"),
    ("sign * b[order]", "b[order]"),
    ("return min(", "return max("),
    ("own[:, 2] - others[:, 2]", "others[:, 2] - own[:, 2]"),
    ("4 / (a * np.linalg.norm", "4 / (np.linalg.norm"),
    ('["best"][1]', '["best"][3]'),
    ("run.args.seed + SEEDS, FRESH", "SEEDS, FRESH"),
    ("compare(network, TEACHER, setting.a)", "compare(network, TEACHER, 5.0)"),
    ("teacher(x, network) == y", "teacher(x, network) != y"),
    ("np.median(np.abs(", "np.mean(np.abs("),
    (
        "pictures[label] = np.stack([normalize_lines(network)",
        "pictures[label] = np.stack([normalize_lines(TEACHER)",
    ),
    ("students[setting].networks", "students[own].networks"),
]

GRADIENT_DESCENT = [
    ("26 * w1 - 10 * w2 + 4", "26 * w1 - 10 * w2 - 4"),
    ("-10 * w1 + 4 * w2 - 2", "-10 * w1 + 2 * w2 - 2"),
    ("[-10.0, 4.0]]", "[-10.0, 2.0]]"),
    ("(hessian(), -gradient", "(hessian(), gradient"),
    ("path[i] - eta * gradient", "path[i] + eta * gradient"),
    ("np.linalg.eigvalsh(hessian())).max()", "np.linalg.eigvalsh(hessian())).min()"),
    ("2 / np.linalg.eigvalsh(hessian())[-1]", "1 / np.linalg.eigvalsh(hessian())[-1]"),
    ("2 / np.linalg.eigvalsh(hessian()).sum()", "1 / np.linalg.eigvalsh(hessian()).sum()"),
    ("path - optimum(), axis=1", "path, axis=1"),
    ("distance[last - 100]) ** 0.01", "distance[last - 10]) ** 0.1"),
    ("distance <= 1e-6", "distance <= 1e-5"),
    ("for i in (1, 100, ITERATIONS)", "for i in (1, 10, ITERATIONS)"),
    ("(smallest, largest), limit, best, measured", "(largest, smallest), limit, best, measured"),
    ("(smallest, largest), limit, best, measured", "(smallest, largest), best, limit, measured"),
    ("float(largest / smallest)", "float(smallest / largest)"),
    ("6000 if eta < limit", "2000 if eta < limit"),
]

GRADIENT_DESCENT_STUDY = [
    ("beta * step - eta", "beta * step + eta"),
    ("beta * step - eta", "-beta * step - eta"),
    ("4 / roots.sum() ** 2", "2 / roots.sum() ** 2"),
    ("(roots[1] - roots[0]) / roots.sum()) ** 2", "(roots[1] - roots[0]) / roots.sum())"),
    ("descend(share * limit, 2000)", "descend(share * limit / 2, 2000)"),
    ("[:, -1] @ (START", "[:, 0] @ (START"),
    ('"yscale": "log", "ylim"', '"ylim"'),
    ('"predicted": beta**0.5', '"predicted": beta'),
    ("measure(heavy, 150)", "measure(heavy, ITERATIONS)"),
    ("(iterations, distances(heavy))", "(iterations, distances(heavy)[::-1])"),
]

MUTATIONS = [
    (f"hw5/{name}.py", old, new)
    for name, pairs in {
        "network": NETWORK,
        "hacks": HACKS,
        "backprop": BACKPROP,
        "figures": FIGURES,
        "recovery_study": RECOVERY,
        "gradient_descent": GRADIENT_DESCENT,
        "gradient_descent_study": GRADIENT_DESCENT_STUDY,
    }.items()
    for old, new in pairs
]
