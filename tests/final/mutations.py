"""Mutations of the mock final, for tests/mutations.py."""

MUTATIONS = []

# Q1: Lloyd's algorithm
Q1 = "final/q1_lloyd.py"
MUTATIONS += [
    (Q1, "(points[:, None] - centers) ** 2", "abs(points[:, None] - centers)"),
    (Q1, ".argmin(1)", ".argmax(1)"),
    (Q1, "points[nearest == i].mean(0)  # [", "points[nearest == i].sum(0)  # ["),
    (Q1, "for i in set(nearest):\n        moved", "for i in range(len(centers)):\n        moved"),
    (Q1, "assign(points, centers), centers.copy()", "assign(points, centers), centers"),
    (Q1, ".min(1).sum()", ".min(1).mean()"),
    (Q1, "!= path[-1]).any()", "!= path[-1]).all()"),
    (Q1, "len(path) <= max_iter", "len(path) < max_iter"),
    (Q1, "if before <= 0:", "if before >= 0:"),
    (Q1, "if before * after < 0:", "if before < 0 < after:"),
    (Q1, "before / (before - after)", "after / (after - before)"),
    (Q1, "2 * (other - own), other", "(other - own), other"),
    (Q1, "other @ other - own @ own", "other @ other + own @ own"),
    (Q1, "[range(4), nearest]).sum()", ".min(1)).sum()"),
    (Q1, "assign(POINTS, means) == nearest", "assign(POINTS, means) == assign(POINTS, means)"),
    (Q1, "(45 + np.degrees", "(45 - np.degrees"),
    (Q1, "(path[0], path[-1]), (", "(path[-1], path[0]), ("),
    (Q1, "(worse, COLORS[0], ", "(~worse, COLORS[0], "),
]

# Q2: competitive learning
Q2 = "final/q2_competitive.py"
MUTATIONS += [
    (Q2, "products == products.max()", "abs(products) == abs(products).max()"),
    (Q2, "winners[-1 if last else 0]", "winners[0 if last else -1]"),
    (Q2, "(1 - eta * y) * w + eta * y * x", "w + eta * y * x"),
    (Q2, "(1 - eta * y) * w + eta * y * x", "(1 - eta) * w + eta * x"),
    (Q2, "weights = rounding(weights) + 0.0", "weights = weights + 0.0"),
    (Q2, "weights @ x, weights.copy()", "weights @ x, weights"),
    (Q2, "np.floor(w + 0.5),\n", "np.ceil(w - 0.5),\n"),
    (Q2, "np.sign(w) * np.floor(np.abs(w) + 0.5)", "np.floor(np.abs(w) + 0.5)"),
    (Q2, "np.ceil(np.abs(w) - 0.5)", "np.floor(np.abs(w) + 0.5)"),
    (Q2, "(points.T @ points)", "(np.cov(points.T))"),
    (Q2, "values[-1] / (vectors[:, -1]", "1 / (vectors[:, -1]"),
    (Q2, "find_winner(weights @ x) + 1", "find_winner(-weights @ x) + 1"),
    (Q2, "data[:, 1] > 0", "data[:, 0] > 0"),
    (Q2, "np.abs(weights).max() > 100", "np.abs(weights).max() < 0"),
    (Q2, "path[-1][1 - i] - path[-1][i]", "path[-1][i] - path[-1][1 - i]"),
    (Q2, "[-1, 1]]))", "[-1, -1]]))"),
    (Q2, '{"rounded": np.rint', '{"rounded": np.array'),
    (Q2, "bottom=sum(counts[:i])", "bottom=0, label=sum(counts[:i])"),
]

# Q3: a convolutional layer by hand
Q3 = "final/q3_conv_layer.py"
MUTATIONS += [
    (Q3, "w[:, None, None] * x + b[:, None, None]", "w[:, None, None] * (x + b[:, None, None])"),
    (Q3, "- TARGET) ** 2).sum()", "- TARGET) ** 2).mean()"),
    (Q3, "(a > 0).double()", "(a > 1).double()"),
    (Q3, "1 - torch.tanh(a) ** 2", "1 - torch.tanh(a)"),
    (Q3, "* (1 - torch.sigmoid(a))", "* torch.sigmoid(-a) ** 2"),
    (Q3, "/ (2 * step)", "/ step"),
    (Q3, "for h in (shift, -shift)", "for h in (shift, 0 * shift)"),
    (Q3, "return max((one - other).abs().max()", "return min((one - other).abs().max()"),
    (Q3, "g(a) - TARGET", "g(a)"),
    (Q3, "grad_f * g_prime(a)", "grad_f * g(a)"),
    (Q3, "torch.ones_like(forward(x, w, b, stride))", "torch.ones_like(forward(x, w, b)) + stride"),
    (Q3, "values[0, k] for name", "values[0, 1 - k] for name"),
]

# Q5: a GAN on the line
Q5, Q5_STUDY = "final/q5_gan.py", "final/q5_gan_study.py"
MUTATIONS += [
    (Q5, "return 2 - 2 * x", "return 2 * x"),
    (Q5, "return 2 * x - x**2", "return x**2"),
    (Q5, "/ (density(x) + 1)", "/ (density(x) + 2)"),
    (Q5, "1 - (1 - z).sqrt()", "1 - z.sqrt()"),
    (Q5, "(density(NODES) * d.log()", "(d.log()"),
    (Q5, "exact - steps[:-1]", "exact - steps[1:]"),
    (Q5, "torch.maximum(steps[1:]", "torch.minimum(steps[1:]"),
    (Q5, ".amin(1, keepdim=True)", ".amax(1, keepdim=True)"),
    (Q5, "- logsigmoid(-fake).mean()", "- logsigmoid(fake).mean()"),
    (Q5, "return -logsigmoid(fake).mean()", "return logsigmoid(-fake).mean()"),
    (Q5, "d(made.detach())", "d(made)"),
    (Q5, "generator_loss(d(made))", "generator_loss(d(made.detach()))"),
    (Q5, "        self.adam.zero_grad()\n", ""),
    (Q5, "-= self.fall", "-= 0"),
    (Q5, "density(NODES) * (pair", "(pair"),
    (Q5, "torch.manual_seed(seed)", "torch.seed()"),
    (Q5, "discriminator_loss(d(x), d(z))", "discriminator_loss(d(x), d(x))"),
    (Q5, "2.25 * log(3)", "2 * log(3)"),
    (Q5, "best_generator(1 - z)", "best_generator(z) ** 2"),
    (Q5, "pair[key][-1]", "pair[key][0]"),
    (Q5_STUDY, "torch.stack([-down, up])", "torch.stack([down, up])"),
    (Q5_STUDY, "best_generator(NODES) - 1 / 3", "best_generator(NODES) - 1 / 2"),
    (Q5_STUDY, "logsigmoid(-psi * (x + theta))", "logsigmoid(-psi * x)"),
    (Q5_STUDY, "eta**2 / 4", "eta**2 / 2"),
    (Q5_STUDY, "1 - eta / 36", "1 - eta / 18"),
    (Q5_STUDY, "** (1 / STEPS)", "/ STEPS"),
]
