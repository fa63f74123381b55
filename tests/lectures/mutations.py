"""Mutations of the lectures' scripts, for tests/mutations.py."""

L07, L08, DELTA = (
    f"lectures/{name}.py" for name in ("l07_regression", "l08_gradient_descent", "l08_delta_rule")
)
L09, L11, EARLY = (
    f"lectures/{name}.py"
    for name in ("l09_backpropagation", "l11_regularization", "l11_early_stopping")
)

MUTATIONS = [
    # l07_regression
    (L07, "np.vstack([X, np.ones(X.shape[1])])", "np.vstack([np.ones(X.shape[1]), X])"),
    (L07, "(Y - W @ X) ** 2).sum())  # [l07 2]", "(Y - W @ X) ** 2).mean())"),
    (L07, "-2 * Y @ X.T + 2 * W @ X @ X.T", "-2 * Y @ X.T + W @ X @ X.T"),
    (L07, "-2 * Y @ X.T + 2 * W @ X @ X.T", "2 * Y @ X.T + 2 * W @ X @ X.T"),
    (L07, "return -2 * Y @ X.T + W @ X @ X.T", "return -2 * Y @ X.T + 2 * W @ X @ X.T  "),
    (L07, "Y @ X.T @ np.linalg.inv(X @ X.T)", "2 * Y @ X.T @ np.linalg.inv(X @ X.T)"),
    (L07, "matrix_rank(X @ X.T))", "matrix_rank(X @ X.T)) + 1"),
    (L07, "return Y @ np.linalg.pinv(X)", "return 2 * Y @ np.linalg.pinv(X)"),
    (L07, "or not X.size", ""),
    (L07, "/ (1 - h)  # [l07 5]", "/ (1 + h)"),
    (L07, "Y.mean(1, keepdims=True)) ** 2", "Y.mean()) ** 2"),
    (L07, "/ X.std(1, keepdims=True)", "/ X.var(1, keepdims=True)"),
    (L07, "np.round(data.data, 4)", "data.data"),
    (L07, "twins[-1:] + DRIFT", "twins[-1:] - DRIFT"),
    (L07, "np.linalg.cond(twins) ** 2", "np.linalg.cond(twins)"),
    (L07, "pseudo_inverse_fit(X, 2 * Y)", "pseudo_inverse_fit(X, Y)"),
    # l08_gradient_descent
    (L08, "path[-1] - eta * gradient(path[-1])", "path[-1] + eta * gradient(path[-1])"),
    (L08, "path[-1] - eta * gradient(path[-1])", "path[-1] - 0.5 * eta * gradient(path[-1])"),
    (L08, "gradient(path[-1]))  # [l08 1]", "gradient(path[0]))"),
    (L08, 'with np.errstate(over="ignore", invalid="ignore")', "with np.errstate()"),
    (L08, "l07.gradient(W, X, Y) / X.shape[1]", "l07.gradient(W, X, Y)"),
    (L08, "np.abs(1 - eta * eigenvalues).max()", "np.abs(1 - eta * eigenvalues).min()"),
    (L08, "eta = 2 / (eigenvalues[0] + eigenvalues[-1])", "eta = 1 / eigenvalues[-1]"),
    (L08, "lambda w: 4 * w**3", "lambda w: 3 * w**3"),
    # l08_delta_rule
    (DELTA, "delta = (y - g(v)) * g_prime(v)", "delta = (y - g(v)) * g(v)"),
    (DELTA, "delta = (y - g(v)) * g_prime(v)", "delta = y - g(v)"),
    (DELTA, "W += 2 * rate * np.outer", "W += rate * np.outer"),
    (DELTA, "W += 2 * rate * np.outer", "W -= 2 * rate * np.outer"),
    (DELTA, "(v > 0).astype", "(v >= 0).astype"),
    (DELTA, "np.maximum(v, 0)", "np.abs(v)"),
    (DELTA, "phi_prime(v, 1)", "phi_prime(v, 5)"),
    (DELTA, 'options.get("decay", 0) * t)', 'options.get("decay", 0) * (t + 1))'),
    (DELTA, "path[t].copy()", "path[t]"),
    (DELTA, "path[-20:]", "path[-40:]"),
    (DELTA, "eta * power / (1 - eta * power)", "eta * power / (1 + eta * power)"),
    # l09_backpropagation
    (L09, "1 - np.tanh(v) ** 2", "1 - np.tanh(v)"),
    (L09, "/ d**0.5).astype", "/ d).astype"),
    (L09, "/ d**0.5).astype", "/ m**0.5).astype"),
    (L09, "W @ self.z[-1] + b)", "W @ self.z[-1] - b)"),
    (L09, "delta = grad_z * self.g[k][1](self.v[k])", "delta = grad_z"),
    (L09, "self.g[k][1](self.v[k])", "self.g[k][1](self.z[k + 1])"),
    (L09, "delta @ self.z[k].T)", "delta @ self.z[k].T / delta.shape[1])"),
    (L09, "delta.sum(1, keepdims=True))", "delta.mean(1, keepdims=True))"),
    (L09, "grad_z = self.W[k].T @ delta", "grad_z = self.W[k].T @ grad_z"),
    (L09, "return 2 * (f - y) / f.shape[1]", "return (f - y) / f.shape[1]"),
    (L09, "return 2 * (f - y) / f.shape[1]", "return 2 * (f - y) / f.size"),
    (L09, ".sum(0).mean())", ".mean())"),
    (L09, "grad_W + 2 * lam * W", "grad_W + lam * W"),
    (L09, "b -= eta * grad_b", "b -= eta * (grad_b + 2 * lam * b)"),
    (L09, "f.argmax(0) != y.argmax(0)", "f.argmin(0) != y.argmax(0)"),
    (L09, "if min(sizes) < 1:\n        raise ValueError(text)", "if False:\n        pass"),
    # l11_regularization
    (L11, "if not 2 <= k <= n", "if not 1 <= k"),
    (L11, "np.random.RandomState(seed)", "np.random.default_rng(seed)"),
    (L11, "(np.setdiff1d(order, fold), fold)", "(order, fold)"),
    (L11, "lam * np.eye(len(X))", "2 * lam * np.eye(len(X))"),
    (L11, "lam * np.eye(len(X))", "lam * np.ones((len(X), len(X)))"),
    (L11, "+ lam * np.sign(W))", "+ lam * W)"),
    (L11, "+ lam * np.sign(W))", "- lam * np.sign(W))"),
    (L11, "eta / t**0.5 *", "eta *"),
    (L11, "W * min(1, radius / np.linalg.norm(W))", "W * (radius / np.linalg.norm(W))"),
    (L11, "W * min(1, radius / np.linalg.norm(W))", "W * min(1, radius / np.abs(W).sum())"),
    (L11, "l07.squared_loss(W, X, Y) / Y.size", "l07.squared_loss(W, X, Y)"),
    (L11, "np.vander(x, degree + 1, increasing=True)", "np.vander(x, degree + 1)"),
    (L11, "fit]] @ np.linalg.pinv(X[:, train[fit]])", "fit]] @ np.linalg.pinv(X[:, train])[fit]"),
    (L11, "np.mean(folds) ** 0.5", "np.mean(np.sqrt(folds))"),
    # l11_early_stopping
    (EARLY, "if risk < risks[best]", "if risk <= risks[best]"),
    (EARLY, "elif i - best >= patience", "elif i - best > patience"),
    (EARLY, "return best, i\n", "return i, i\n"),
    (EARLY, "(x[:, -last:], y[:, -last:])", "(x[:, :last], y[:, :last])"),
    (EARLY, "y.copy(), np.random", "y, np.random"),
    (EARLY, "run.args.batch_size, rng, lam)", "run.args.batch_size, rng)"),
    (EARLY, "run.args.epochs * COUNT // x.shape[1]", "run.args.epochs"),
    (EARLY, "map(float, rows.std(0))", "map(float, rows.var(0))"),
    (
        EARLY,
        "stops = [early_stopping(list(seed[:, 1, 0])",
        "stops = [early_stopping(list(seed[:, 0, 0])",
    ),
]
