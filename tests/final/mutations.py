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

# Q4: an autoencoder with a learned covariance
Q4 = "final/q4_covariance.py"
MUTATIONS += [
    (Q4, "return squares - log_det +", "return squares +"),
    (Q4, "return squares - log_det +", "return squares + log_det +"),
    (
        Q4,
        "output.square().sum(1).mean() / 2\n        log_det",
        "output.square().sum(1).mean()\n        log_det",
    ),
    (Q4, "- log_det + PIXELS / 2 * math.log(2 * math.pi)", "- log_det"),
    (Q4, "log_det = self.log_diagonal().sum()", "log_det = self.log_diagonal().mean()"),
    (Q4, "error @ self.matrix().T", "error @ self.matrix()"),
    (Q4, "self.under.tril(-1)", "self.under.triu(1)"),
    (Q4, "self.under.tril(-1)", "self.under"),
    (Q4, "self.log_diagonal().exp().diag()", "self.log_diagonal().diag()"),
    (Q4, "-(SMALLEST + (-self.a).exp()).log()", "self.a"),
    (Q4, "z + torch.randn_like(z))).flatten(1)  # (n, d)", "z)).flatten(1)  # (n, d)"),
    (Q4, "(x - self.decoder(", "(self.decoder("),
    (Q4, 'if name != "a"', "if True"),
    (Q4, "losses[with_det].backward()", "losses[True].backward()"),
    (Q4, "losses[with_det].backward()", "losses[False].backward()"),
    (Q4, "(1 + (2 * math.pi * v).log())", "(2 * math.pi * v).log()"),
    (Q4, "upper=False", "upper=True"),
    (
        Q4,
        "inverse(triangular).square().sum(1).sqrt()",
        "inverse(triangular).square().sum(0).sqrt()",
    ),
]

# Q7: graph self-attention
ATTENTION, GRID = "final/graph_attention.py", "final/power_grid.py"
GRID_FIGURES, Q7 = "final/grid_figures.py", "final/q7_graph_attention.py"
MUTATIONS += [
    (ATTENTION, "masked_fill(~adjacency, -math.inf)", "masked_fill(adjacency, -math.inf)"),
    (ATTENTION, ".masked_fill(~adjacency, -math.inf)", ""),
    (ATTENTION, "~adjacency, -math.inf).softmax(3)", "~adjacency, -math.inf).softmax(2)"),
    (ATTENTION, "masked_fill(~adjacency, ", "masked_fill(~adjacency.T, "),
    (ATTENTION, "masked_fill(~adjacency, -math.inf)", "masked_fill(~adjacency, 0)"),
    (ATTENTION, "/ math.sqrt(K.shape[3])", "/ K.shape[3]"),
    (ATTENTION, "Q @ K.mT", "K @ Q.mT"),
    (ATTENTION, "(alpha @ V).transpose(1, 2)", "(alpha @ K).transpose(1, 2)"),
    (ATTENTION, "self.norms[0](x + self", "self.norms[0](self"),
    (ATTENTION, "self.norms[1](x + self", "self.norms[1](self"),
    (ATTENTION, "return self.norms[1](", "return self.norms[0]("),
    (ATTENTION, "len(adjacency) if own else 1", "1"),
    (ATTENTION, ".sum((1, 2)) + self.b", ".mean((1, 2)) + self.b"),
    (ATTENTION, ".sum((1, 2)) + self.b", ".sum((1, 2))"),
    (ATTENTION, "for layer in self.layers:", "for layer in self.layers[:1]:"),
    (ATTENTION, ", persistent=False)", ")"),
    # question 7: the grid
    (GRID, "1 / (reactance * ratio)", "1 / reactance"),
    (GRID, "adjacency[ends[:, 1], ends[:, 0]] = True", "adjacency[ends[:, 0], ends[:, 1]] = True"),
    (GRID, "rng.uniform(1 - SWING, 1 + SWING", "rng.uniform(1 - SWING, 1"),
    (GRID, "return grid.generation * share - load", "return grid.generation - load"),
    (GRID, "left = 1 - grid.susceptance", "left = 1 + grid.susceptance"),
    (GRID, "removable = left > 1e-9", "removable = left > -1"),
    (GRID, "flows / np.where(removable, left, np.inf)", "flows * removable"),
    (GRID, "wrong = labels == 0", "wrong = labels == 1"),
    (GRID, " | (places[:, 0] == places[:, 1])", ""),
    (GRID, "wrong &= grid.adjacency[places[:, 0], places[:, 1]] |", "wrong &="),
    (GRID, "residuals[graphs, places[:, 1]] -= sizes", "residuals[graphs, places[:, 1]] += sizes"),
    (GRID, "grid.ends[lines].ravel(), (wrong.sum(), 2)", "len(grid.load), (wrong.sum(), 2)"),
    (GRID, "(d * g - g**2) / NOISE**2", "(d * g - g**2 / 2) / NOISE**2"),
    (GRID, "np.outer((1, -1), ", "np.outer((1, 1), "),
    (GRID, ", hits[u] * hits[v])", ")"),
    (GRID, "np.triu(~grid.adjacency & ", "np.triu(grid.adjacency & "),
    (GRID, "distance[reached & (distance < 0)] = hops", "distance[reached] = hops"),
    (GRID, "(ones == zeros).mean() / 2", "(ones == zeros).mean()"),
    (GRID, "abs(sizes) >= CLEAR", "sizes >= CLEAR"),
    # question 7: figures and parts
    (GRID_FIGURES, "(places[v] + places[to]) / 2", "places[to]"),
    (GRID_FIGURES, "alpha > even[:, None] + 0.02", "alpha > even + 0.02"),
    (GRID_FIGURES, "linewidth=8 * (alpha[v, to] - even[v])", "linewidth=8 * alpha[v, to]"),
    (GRID_FIGURES, "ring = hops == layers", "ring = hops <= layers"),
    (GRID_FIGURES, "np.where(g > 0, g, np.nan)", "np.where(g > 0, g, 1)"),
    (GRID_FIGURES, "pull = weights * d /", "pull = weights /"),
    (Q7, "grid.adjacency | complete", "grid.adjacency"),
    (Q7, "near, moves = hops <= layers", "near, moves = hops < layers"),
    (Q7, "x_out @ torch.randn(len(x_out))", "x_out.sum()"),
    (Q7, "(logits > 0) == (labels > 0)", "(logits > 0) == (labels < 1)"),
    (Q7, "for f in (fmean, stdev)", "for f in (fmean, fmean)"),
]
