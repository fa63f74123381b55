"""Mutations of lecture 17's scripts, for tests/mutations.py."""

RULES, HEBBIAN, COMPONENTS, COMPETITIVE = (
    f"lectures/{name}.py"
    for name in ("hebbian", "l17_hebbian", "l17_components", "l17_competitive")
)

MUTATIONS = [
    # hebbian
    (RULES, "return W + eta * np.outer(y, x)  # [l17 1]", "return W - eta * np.outer(y, x)"),
    (RULES, "return W + eta * np.outer(y, x)  # [l17 1]", "return W + np.outer(y, x)"),
    (RULES, "alpha * W + eta * np.outer", "W + alpha * eta * np.outer"),
    (RULES, "alpha * W + eta * np.outer", "(1 - alpha) * W + eta * np.outer"),
    (RULES, "np.outer(y - y_mean, x - x_mean)", "np.outer(y, x - x_mean)"),
    (RULES, "np.outer(y - y_mean, x - x_mean)", "np.outer(y + y_mean, x - x_mean)"),
    (RULES, "y, y_mean = W @ x, W @ x_mean", "y, y_mean = W @ x, W @ x_mean * 0"),
    (RULES, "2 * W @ x - (W**2).sum(1)", "2 * W @ x - 0.5 * (W**2).sum(1)"),
    (RULES, "2 * W @ x - (W**2).sum(1)", "W @ x - (W**2).sum(1)"),
    (RULES, "np.argmax(W @ x))  # [l17 4]", "np.argmin(W @ x))"),
    (RULES, "    W = W.copy()\n", ""),
    (RULES, "(1 - eta) * W[winner] + eta * x", "W[winner] + eta * x"),
    (RULES, "(1 - eta) * W[winner] + eta * x", "(1 - eta) * W[winner] - eta * x"),
    (RULES, "W[winner] = (1 - eta)", "W[winner - 1] = (1 - eta)"),
    (RULES, "find_winner(W, x, nearest)\n", "find_winner(W, x)\n"),
    (RULES, "y * (x - y * W)  # [l17 7]", "y * (x - W)"),
    (RULES, "y * (x - y * W)  # [l17 7]", "(x - y * W)"),
    (RULES, "y * (x - y * W)  # [l17 7]", "y * (x + y * W)"),
    (RULES, "np.tril(np.outer(y, y))", "np.outer(y, y)"),
    (RULES, "np.tril(np.outer(y, y))", "np.triu(np.outer(y, y))"),
    (RULES, "np.tril(np.outer(y, y))", "np.tril(np.outer(y, y), -1)"),
    (RULES, "rule(path[-1], x, *args", "rule(path[0], x, *args"),
    (RULES, "W = rule(W, X[i], eta, **options)", "W = rule(W, X[i - 1], eta, **options)"),
    (RULES, 'SILENT = {"over": "ignore", "invalid": "ignore"}', "SILENT = {}"),
    # l17_hebbian
    (HEBBIAN, "[1.1, -1], [1, -1.1]])", "[1, -1.1], [1.1, -1]])"),
    (
        HEBBIAN,
        "START, ETA = np.array([[0.1, 0.1]]), 1.0",
        "START, ETA = np.array([[0.1, 0.1]]), 0.5",
    ),
    (
        HEBBIAN,
        "trace(hebb, START, POINTS, ETA, np.sign)[:, 0]",
        "trace(hebb, START, POINTS, ETA)[:, 0]",
    ),
    (HEBBIAN, "(signs[3:] == -signs[0])", "(signs[3:] == signs[0])"),
    (HEBBIAN, "starts = length * np.stack", "starts = 0.1 * np.stack"),
    (
        HEBBIAN,
        "trace(hebb_with_decay, [[1]], ones, ETA, alpha, phi)",
        "trace(hebb_with_decay, [[1]], ones, ETA, 1 - alpha, phi)",
    ),
    (HEBBIAN, "ones, 0.4, 0.5, phi)", "ones, 0.5, 0.4, phi)"),
    (HEBBIAN, '{"linear": linear, "sign": np.sign}', '{"linear": np.sign, "sign": linear}'),
    (
        HEBBIAN,
        "(middle, high) if fits else (low, middle)",
        "(low, middle) if fits else (middle, high)",
    ),
    (HEBBIAN, 'return "diverges"', 'return "moves"'),
    (HEBBIAN, "steps[1] < steps[0] / 2", "steps[1] < 3 * steps[0]"),
    (HEBBIAN, "path[-1] * (1 - path[-1] ** 2)", "path[-1] * (1 - path[-1])"),
    # l17_components
    (COMPONENTS, "return X - mean, mean", "return X, mean"),
    (COMPONENTS, "raw = X + mean", "raw = X"),
    (
        COMPONENTS,
        "np.abs((W * directions).sum(-1)) / lengths",
        "(W * directions).sum(-1) / lengths",
    ),
    (COMPONENTS, "W = W / np.abs(W).max(-1, keepdims=True)", "W = W * 1"),
    (COMPONENTS, "largest * np.linalg.norm(W / largest)", "np.linalg.norm(W / largest)"),
    (COMPONENTS, "eta / (1 + np.arange(count) / 1000)", "eta * np.ones(count)"),
    (COMPONENTS, 'return {"outcome": "diverged"}', "pass"),
    (COMPONENTS, 'print(f"  {name:6}  diverged")\n            continue', "pass"),
    (COMPONENTS, "(oja, X, {})}", "(oja, raw, {})}"),
    (COMPONENTS, '{"x_mean": mean})', '{"x_mean": 0 * mean})'),
    (COMPONENTS, "if not norm(W) < np.inf:", "if False:"),
    (COMPONENTS, "rates[begin:end], order[begin:end]", "rates[begin:end], order"),
    (COMPONENTS, '(("Sanger", sanger), ("Oja", oja))', '(("Sanger", oja), ("Oja", sanger))'),
    (COMPONENTS, "rng.permutation(n) for _", "np.arange(n)[::-1] * 0 for _"),
    (COMPONENTS, "explained_variance_ratio_.tolist()}", "explained_variance_.tolist()}"),
    # l17_competitive
    (
        COMPETITIVE,
        "2 * X @ W.T - (W**2).sum(1) if nearest",
        "2 * X @ W.T + (W**2).sum(1) if nearest",
    ),
    (COMPETITIVE, "2 * X @ W.T - (W**2).sum(1) if nearest", "X @ W.T - (W**2).sum(1) if nearest"),
    (COMPETITIVE, "np.array([[0.8, 0], [0.9, 0.1]]), 0.5", "np.array([[0.9, 0.1], [0.8, 0]]), 0.5"),
    (
        COMPETITIVE,
        "(1 - eta) * C[i] + eta * X[won == i].mean(0)",
        "C[i] + eta * X[won == i].mean(0)",
    ),
    (
        COMPETITIVE,
        "(1 - eta) * C[i] + eta * X[won == i].mean(0)",
        "(1 - eta) * C[i] + eta * X[won == i].sum(0)",
    ),
    (COMPETITIVE, "for i in np.unique(won):", "for i in range(len(C)):"),
    (COMPETITIVE, "    C = C.copy()\n", ""),
    (
        COMPETITIVE,
        "(X**2).sum(1) - answers(C, X, nearest=True).max(1)",
        "-answers(C, X, nearest=True).max(1)",
    ),
    (COMPETITIVE, "np.linalg.norm(W, axis=1, keepdims=True)", "np.linalg.norm(W)"),
    (COMPETITIVE, "(end == start).all(1).any()", "(end == start).all()"),
    (COMPETITIVE, "if not 1 <= k <= len(X) // 2:", "if not 1 <= k:"),
    (COMPETITIVE, "disagreement(unit(C), X)", "disagreement(C, X)"),
    (COMPETITIVE, 'np.zeros(len(square)), "largest', 'np.ones(len(square)), "largest'),
]
