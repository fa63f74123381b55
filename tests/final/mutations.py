"""Mutations of the mock final, for tests/mutations.py."""

MUTATIONS = []
TESTS = {}  # of files whose tests stand in another file's

# Q1: Lloyd's algorithm
Q1, VORONOI = "final/q1_lloyd.py", "final/voronoi.py"
MUTATIONS += [
    (Q1, "(points[:, None] - centers) ** 2", "abs(points[:, None] - centers)"),
    (Q1, ".argmin(1)", ".argmax(1)"),
    (Q1, "points[nearest == i].mean(0)  # [", "points[nearest == i].sum(0)  # ["),
    (Q1, "for i in set(nearest):\n        moved", "for i in range(len(centers)):\n        moved"),
    (Q1, "assign(points, centers), centers.copy()", "assign(points, centers), centers"),
    (Q1, ".min(1).sum()", ".min(1).mean()"),
    (Q1, "!= path[-1]).any()", "!= path[-1]).all()"),
    (Q1, "len(path) <= max_iter", "len(path) < max_iter"),
    (VORONOI, "if before <= 0:", "if before >= 0:"),
    (VORONOI, "if before * after < 0:", "if before < 0 < after:"),
    (VORONOI, "before / (before - after)", "after / (after - before)"),
    (VORONOI, "2 * (other - own), other", "(other - own), other"),
    (VORONOI, "other @ other - own @ own", "other @ other + own @ own"),
    (Q1, "[range(4), nearest]).sum()", ".min(1)).sum()"),
    (Q1, "assign(POINTS, means) == nearest", "assign(POINTS, means) == assign(POINTS, means)"),
    (Q1, "(45 + np.degrees", "(45 - np.degrees"),
    (Q1, "(path[0], path[-1]), (", "(path[-1], path[0]), ("),
    (Q1, "(worse, COLORS[0], ", "(~worse, COLORS[0], "),
]

# Q2: competitive learning
Q2, Q2_FIGURES = "final/q2_competitive.py", "final/q2_figures.py"
TESTS[Q2_FIGURES] = "tests/final/test_q2_competitive.py"
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
    (Q2_FIGURES, "path[-1][1 - i] - path[-1][i]", "path[-1][i] - path[-1][1 - i]"),
    (Q2, "[-1, 1]]))", "[-1, -1]]))"),
    (Q2, '{"rounded": np.rint', '{"rounded": np.array'),
    (Q2_FIGURES, "bottom=sum(row[:i])", "bottom=0"),
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

# Q6: transliteration
SEQ2SEQ, PAIRS = "final/seq2seq.py", "final/name_pairs.py"
SCRIPT, FIGURES = "final/q6_transliteration.py", "final/q6_figures.py"
WORDS = "final/q6_words.py"
TESTS[WORDS] = "tests/final/test_q6_transliteration.py"
MAKE = "final/data/make_names.py"
MUTATIONS += [
    (SEQ2SEQ, "x @ N.T + s @ W.T + b + b2)", "x @ N.T + s @ W.T + b)"),
    (SEQ2SEQ, "x @ N.T + s @ W.T + b + b2)", "x @ N.T + s @ W + b + b2)"),
    (SEQ2SEQ, "return (1 - z) * torch.tanh(new_x + r * new_s) + z * s", "return s"),
    (SEQ2SEQ, "new_x + r * new_s", "r * (new_x + new_s)"),
    (SEQ2SEQ, "read_x, keep_x, new_x =", "keep_x, read_x, new_x ="),
    # attention
    (SEQ2SEQ, "memory.keys.transpose(1, 2), 2)", "memory.keys.transpose(1, 2), 1)"),
    (SEQ2SEQ, "alpha @ memory.states", "alpha @ memory.keys"),
    (SEQ2SEQ, "torch.cat((last[0], last[1]), 1)", "torch.cat((last[0], last[0]), 1)"),
    (SEQ2SEQ, "bidirectional=self.has_attention", "bidirectional=False"),
    # teacher forcing off by one, and fed with the letter that is asked for
    (SEQ2SEQ, "pad(y[:, :-1].clamp(min=EDGE), (1, 0), value=EDGE)", "y.clamp(min=EDGE)"),
    (SEQ2SEQ, "y[:, :-1].clamp(min=EDGE), (1, 0)", "y[:, :-2].clamp(min=EDGE), (2, 0)"),
    (SEQ2SEQ, "value=EDGE)  #", "value=1)  #"),
    # padding counted in the loss
    (SEQ2SEQ, "y.flatten(), ignore_index=PAD,", "y.flatten().clamp(min=EDGE),"),
    (SEQ2SEQ, "label_smoothing=smoothing", "label_smoothing=0.0"),
    # the beam: forgets its score, starts from equal beams, pays for the end, mixes up its states
    (SEQ2SEQ, "(score[..., None] + log_p).flatten(1)", "log_p.flatten(1)"),
    (SEQ2SEQ, "score[:, 0] = 0 ", "score[:] = 0 "),
    (SEQ2SEQ, "only_edge[EDGE] = 0 ", "only_edge[EDGE] = -1 "),
    (SEQ2SEQ, "ended = ended.gather(1, parent) | (fed == EDGE)", "ended = ended | (fed == EDGE)"),
    (SEQ2SEQ, "s = s.view(n, beams, -1)[torch.arange(n)[:, None], parent].flatten(0, 1)", "pass"),
    (SEQ2SEQ, "letters[torch.arange(n)[:, None], parent]", "letters"),
    (SEQ2SEQ, "parent, fed = best // K, best % K", "parent, fed = best % beams, best % K"),
    (SEQ2SEQ, "if ended.all():", "if ended.any():"),
    # state carried over from a word to the next
    (SEQ2SEQ, "return last[0], None", "return last[0].cumsum(0), None"),
    (SEQ2SEQ, "first[None])\n", "first[None] * 0)\n"),
    (PAIRS, "is_held_out(pair.arabic)]\n    known", "is_held_out(pair.latin)]\n    known"),
    (PAIRS, "if pair.latin not in known]", "]"),
    (PAIRS, "% 100 < HELD_OUT", "% 100 <= HELD_OUT"),
    (PAIRS, "[1 + ARABIC.index(letter)", "[ARABIC.index(letter)"),
    (PAIRS, "padding_value=PAD", "padding_value=EDGE"),
    (PAIRS, "[len(x) for x in self.x]", "[len(y) for y in self.y]"),
    (PAIRS, "order = torch.randperm(len(self), generator=self.generator).tolist()", "pass"),
    (PAIRS, "cost[i - 1][j] + 1, cost[i][j - 1] + 1)", "cost[i - 1][j] + 1)"),
    (PAIRS, "[j - 1] + (given != wanted)", "[j - 1] + 2 * (given != wanted)"),
    (PAIRS, "return pairs[::-1]", "return pairs"),
    (PAIRS, "given in group and wanted in group", "given in group or wanted in group"),
    (PAIRS, "words = [pair.arabic, *attested[pair.latin]]", "words = [pair.arabic]"),
    (PAIRS, '"cer": edits.total() / letters', '"cer": edits.total() / len(pairs)'),
    (SCRIPT, "total += n * letter_loss", "total += letter_loss"),
    (SCRIPT, "(logits.detach(), y)", "(logits.detach(), y, 0.5)"),
    (SCRIPT, "            optimizer.zero_grad()\n", ""),
    (SCRIPT, "            optimizer.step()\n", ""),
    (SCRIPT, "model(x, teacher_forcing(y))", "model(x, y.clamp(min=0))"),
    (SCRIPT, "if not math.isfinite(total):", "if False:"),
    (SCRIPT, "return model.eval()", "return model"),
    (PAIRS, "answers[i] = decode_arabic(word)", "answers[i - 1] = decode_arabic(word)"),
    (PAIRS, "letters[:, 0].tolist()", "letters[:, -1].tolist()"),
    (SCRIPT, "if pair.count > 1]", "]"),
    (WORDS, "word.lower() for word in given", "*given"),
    (WORDS, "[a-z'-]{1,25}", "[a-z'-]+"),
    (WORDS, "(?=.*[a-z])", ""),
    (SCRIPT, '"places"]["kinds"]', '"beam"]["kinds"]'),
    (SCRIPT, "len(pair.arabic) < len(pair.latin)", "len(pair.arabic) <= len(pair.latin)"),
    (FIGURES, '"N": shapes["encoder.weight_ih_l0"]', '"N": shapes["encoder.weight_hh_l0"]'),
    (FIGURES, 'shapes["A.weight"][::-1]', 'shapes["A.weight"]'),
    (FIGURES, "zip([END, *arabic], [*arabic, END])", "zip([*arabic, END], [*arabic, END])"),
    (FIGURES, "widths = 100 * np", "widths = np"),
    (FIGURES, "np.add.at(counts, (arabic, latin), 1)", "counts[arabic, latin] += 1"),
    (MAKE, "if (found := hashlib.sha256(data).hexdigest()) != wanted:", "if not data:"),
    (MAKE, "latin(latin), arabic] += count", "latin(latin), arabic] = count"),
    (MAKE, "FROM units", "FROM full_names"),
    (MAKE, "if LATIN_WORD.fullmatch(latin) and ", "if "),
    (MAKE, "arabic.translate(FOLD)", "arabic"),
    (MAKE, 'ARTICLE.sub(r"\\1-", plain_latin(french))', "plain_latin(french)"),
]

# Q4: an autoencoder with a learned covariance
COVARIANCE, Q4 = "final/covariance_autoencoder.py", "final/q4_covariance.py"
Q4_FIGURES = "final/q4_figures.py"
MUTATIONS += [
    (COVARIANCE, "return squares - log_det +", "return squares +"),
    (COVARIANCE, "return squares - log_det +", "return squares + log_det +"),
    (
        COVARIANCE,
        "output.square().sum(1).mean() / 2\n        log_det",
        "output.square().sum(1).mean()\n        log_det",
    ),
    (COVARIANCE, "- log_det + PIXELS / 2 * math.log(2 * math.pi)", "- log_det"),
    (COVARIANCE, "log_det = self.log_diagonal().sum()", "log_det = self.log_diagonal().mean()"),
    (COVARIANCE, "error @ self.matrix().T", "error @ self.matrix()"),
    (COVARIANCE, "self.under.tril(-1)", "self.under.triu(1)"),
    (COVARIANCE, "self.under.tril(-1)", "self.under"),
    (COVARIANCE, "self.log_diagonal().exp().diag()", "self.log_diagonal().diag()"),
    (COVARIANCE, "-(SMALLEST + (-self.a).exp()).log()", "self.a"),
    (COVARIANCE, "self.decoder(z + torch.randn_like(z))", "self.decoder(z)"),
    (COVARIANCE, "(x - self.decoder(", "(self.decoder("),
    (COVARIANCE, 'if name != "a"', "if True"),
    (COVARIANCE, "-(1 / M.diagonal() - SMALLEST).log()", "M.diagonal().log()"),
    (COVARIANCE, "self.under.copy_(M.tril(-1))", "self.under.zero_()"),
    (COVARIANCE, "(errors @ M.T).square()", "(errors @ M).square()"),
    (COVARIANCE, "squares - M.diagonal().log().sum()", "squares"),
    (COVARIANCE, "e.T @ e / len(e)", "e.T.cov()"),
    (COVARIANCE, " + SMALLEST**2 * torch.eye(PIXELS, dtype=e.dtype)", ""),
    (COVARIANCE, "return invert(torch.linalg.cholesky(covariance))", "return invert(covariance)"),
    (COVARIANCE, "upper=False", "upper=True"),
    (Q4, "losses[with_det].backward()", "losses[True].backward()"),
    (Q4, "losses[with_det].backward()", "losses[False].backward()"),
    (Q4, "(1 + (2 * math.pi * v).log())", "(2 * math.pi * v).log()"),
    (
        Q4_FIGURES,
        "invert(M.double()).square().sum(1).sqrt()",
        "invert(M.double()).square().sum(0).sqrt()",
    ),
    (Q4_FIGURES, '1 / matrices["fitted"].diagonal()', 'matrices["fitted"].diagonal()'),
    (Q4_FIGURES, "(digits + noise @ invert(M).T)", "(digits + noise @ M.T)"),
    (Q4, "model.decoder(model.sample_code(x))", "model.decoder(model.encoder(x))"),
    (Q4, "fitted.set_matrix(fit_matrix(errors))", "fit_matrix(errors)"),
    (Q4, "fit_matrix(train.images.flatten(1) - mean)", "fit_matrix(x - mean)"),
]

TESTS[Q4_FIGURES] = "tests/final/test_q4_covariance.py"

# Q7: graph self-attention
ATTENTION, GRID = "final/graph_attention.py", "final/power_grid.py"
GRID_FIGURES, Q7 = "final/grid_figures.py", "final/q7_graph_attention.py"
MUTATIONS += [
    (ATTENTION, "where(adjacency, scores, -math.inf)", "where(~adjacency, scores, -math.inf)"),
    (ATTENTION, "torch.where(adjacency, scores, -math.inf)", "scores"),
    (ATTENTION, "scores, -math.inf).softmax(3)", "scores, -math.inf).softmax(2)"),
    (ATTENTION, "torch.where(adjacency, ", "torch.where(adjacency.T, "),
    (ATTENTION, "scores, -math.inf)", "scores, 0.0)"),
    (ATTENTION, "Q / math.sqrt(K.shape[3])", "Q / K.shape[3]"),
    (ATTENTION, " @ K.mT", " @ V.mT"),
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
    (GRID_FIGURES, "linewidth=8 * alpha[v, to]", "linewidth=8 * alpha[to, v]"),
    (GRID_FIGURES, "x + reach), ylim", "x + 2 * reach), ylim"),
    (GRID_FIGURES, "ring = hops == layers", "ring = hops <= layers"),
    (GRID_FIGURES, "np.where(g > 0, g, np.nan)", "np.where(g > 0, g, 1)"),
    (GRID_FIGURES, "pull = weights * d /", "pull = weights /"),
    (Q7, "grid.adjacency | complete", "grid.adjacency"),
    (Q7, "near, moves = hops <= layers", "near, moves = hops < layers"),
    (ATTENTION, "x_out @ torch.randn(len(x_out))", "x_out.sum()"),
    (Q7, "(logits > 0) == (labels > 0)", "(logits > 0) == (labels < 1)"),
    (Q7, "for f in (fmean, stdev)", "for f in (fmean, fmean)"),
]
