"""Mutations of the lectures, for tests/mutations.py."""

L13, HEURISTICS = "lectures/l13_training.py", "lectures/heuristics.py"
STUDY = "lectures/heuristics_study.py"
L14, CONVOLUTION = "lectures/l14_convolution.py", "lectures/convolution.py"
LENET = "lectures/lenet.py"

MUTATIONS = [
    # lecture 13
    (L13, "(N - B) / (N - 1)", "(N - B) / N"),
    (L13, "1 if replacement else", "1 if not replacement else"),
    (L13, "return square / draws,", "return square,"),
    (L13, "(total / draws).square()", "total.square()"),
    (L13, "        if replacement:\n", "        if not replacement:\n"),
    (L13, "(gain / x.shape[1]) ** 0.5", "(gain / 200) ** 0.5"),
    (L13, ".cpu().double().square().mean()", ".cpu().square().mean()"),
    (L13, 'row = {"signal": (signal[-1] / signal[0])', 'row = {"signal": (signal[0] / signal[-1])'),
    # its heuristics
    (HEURISTICS, "torch.rand_like(z) >= p", "torch.rand_like(z) <= p"),
    (HEURISTICS, "return z * (1 - p)", "return z * p"),
    (HEURISTICS, "dropout(z, self.p, self.training)", "dropout(z, self.p, True)"),
    (HEURISTICS, "losses[-patience - 1 :]", "losses[-patience:]"),
    (HEURISTICS, "after > before for", "after >= before for"),
    (HEURISTICS, "len(recent) > patience and worse", "worse"),
    (HEURISTICS, "(limit / norm).clamp(max=1)", "limit / norm"),
    (HEURISTICS, "norm.clamp(min=1e-12)", "norm"),
    (HEURISTICS, "D[stay].rsqrt()", "D[stay].sqrt()"),
    (HEURISTICS, "U[:, stay].T, mean", "U[stay], mean"),
    (HEURISTICS, "D / D[-1] > least", "D > -1"),
    (HEURISTICS, "(gain / layer.in_features) ** 0.5", "(gain / layer.out_features) ** 0.5"),
    (HEURISTICS, "10 / fan**0.5", "100 / fan"),
    (HEURISTICS, "recipe.ratio ** (depth - middle)", "recipe.ratio**depth"),
    (HEURISTICS, "layer.weight -= eta * rate * w", "layer.weight -= eta * w"),
    (HEURISTICS, "layer.bias -= eta * rate * b", "layer.bias -= eta * b"),
    (HEURISTICS, "total += loss.detach() * len(y)", "total += loss.detach()"),
    (HEURISTICS, "    torch.manual_seed(seed)  # of dropout\n", ""),
    (HEURISTICS, "return model.eval()", "return model"),
    (STUDY, "choice.mean(1).argmin()", "test.mean(1).argmin()"),
    (STUDY, "ddof=1", "ddof=0"),
    (STUDY, "split = Split((x[:count] - mean) @ W.T", "split = Split(x[:count] @ W.T"),
    (
        STUDY,
        "replace(recipes[name], eta=eta), split, epochs, seed",
        "recipes[name], split, epochs, seed",
    ),
    (STUDY, "weight.grad.norm() / weight.norm()", "weight.grad.norm()"),
    # lecture 14
    (CONVOLUTION, "size + 2 * padding - kernel", "size + padding - kernel"),
    (CONVOLUTION, "spare // stride + 1, spare % stride", "spare // stride + 1, spare - stride"),
    (CONVOLUTION, "    if spare < 0:\n", "    if spare <= 0:\n"),
    (CONVOLUTION, "pad(grad_x, -padding)", "grad_x[..., : x.shape[2], : x.shape[3]]"),
    (CONVOLUTION, "better = values > best", "better = values >= best"),
    (CONVOLUTION, "grad_x[place] += delta * (which", "grad_x[place] = delta * (which"),
    (CONVOLUTION, "(which == number)", "(which != number)"),
    (
        CONVOLUTION,
        "for place in windows(x, size, stride)) / size**2",
        "for place in windows(x, size, stride))",
    ),
    (CONVOLUTION, "grad_x[place] += delta / size**2", "grad_x[place] += delta / size"),
    (LENET, "[[(i + u) % 6 for u in range(4)]", "[[(i + u + 1) % 6 for u in range(4)]"),
    (LENET, "[0, 2, 3, 5]]", "[0, 2, 4, 5]]"),
    (LENET, "1.7159 * torch.tanh(2 / 3 * a)", "1.7159 * torch.tanh(a)"),
    (LENET, "4 * functional.avg_pool2d(x, 2)", "functional.avg_pool2d(x, 2)"),
    (LENET, "kernels.index_put(tuple(self.place)", "kernels.index_put(tuple(self.place.flip(1))"),
    (LENET, "(x[:, None] - centers).square()", "(x[:, None] - centers).abs()"),
    (LENET, "return -rbf(f6, self.codes)", "return rbf(f6, self.codes)"),
    (LENET, "(len(scores), 1), -j)", "(len(scores), 1), j)"),
    (LENET, "(2, 2, 2, 2), value=-0.1)", "(2, 2, 2, 2))"),
    (L14, "FILTER = [[2, -1], [1, -2]]", "FILTER = [[2, -1], [1, -1]]"),
    (
        L14,
        "best // found.shape[2], best % found.shape[2]",
        "best % found.shape[2], best // found.shape[2]",
    ),
    (L14, "sigma * torch.randn(count", "sigma**2 * torch.randn(count"),
    (L14, "    torch.manual_seed(seed)\n", ""),
    (L14, ".amax(1) <= 1", ".amax(1) >= 1"),
]
