"""Mutations of HW7 and of what it uses of `common`, for tests/mutations.py."""

KMEANS, HAND, CLUSTERING = "hw7/kmeans.py", "hw7/kmeans_by_hand.py", "hw7/clustering.py"
DATA, LOOP, RUN = "common/data.py", "common/loop.py", "common/run.py"

MUTATIONS = [
    # the network
    (KMEANS, "self.centers.T - 0.5 * (", "self.centers.T + 0.5 * ("),
    (KMEANS, "- 0.5 * (self.centers**2).sum(1)", "- (self.centers**2).sum(1)"),
    (KMEANS, "nn.Softmax(dim=1)", "nn.Softmax(dim=0)"),
    (KMEANS, "self.softmax(BETA * v)", "self.softmax(v)"),
    (KMEANS, "return reconstruction - x0", "return reconstruction"),
    (KMEANS, "return error.square().sum(1).mean()", "return error.square().mean()"),
    (KMEANS, "[i, *row]", "[i, *row[::-1]]"),
    # the step by hand
    (HAND, "v = products - 0.5 * gram", "v = products - gram"),
    (HAND, "to_images = -2 * w * p", "to_images = -w * p"),
    (HAND, "p_bar = 2 * w * (p @ gram - products)", "p_bar = 2 * w * (p @ gram + products)"),
    (HAND, "(p_bar - (p * p_bar).sum(-1, keepdim=True))", "p_bar"),
    (HAND, "to_centers = to_centers - v_bar.sum(-2).diag_embed()", "pass"),
    (HAND, "1 / (n * d)", "1 / n / n"),
    (HAND, "centers = centers.clone()", "pass"),
    (HAND, "share * rates", "share * rates[0]"),
    (HAND, "diverged[run] = epoch", "diverged[run] = 1"),
    (HAND, "step += 1", "step += 0"),
    (HAND, "n_i = len(cell) if cell_size is None", "n_i = n / 10 if cell_size is None"),
    (HAND, "(p - 0.5) * squared_distance", "(p + 0.5) * squared_distance"),
    (HAND, "[b + 1, -4 * b, 5 * b, -2 * b]", "[b, -4 * b, 5 * b, -2 * b]"),
    (HAND, "alpha**2 / (1 - (1 - alpha) ** 2) / b", "alpha**2 / (1 - (1 - alpha)) / b"),
    # measures, Lloyd's algorithm, starts
    (CLUSTERING, "-0.5 * centers.square().sum(1)", "0.5 * centers.square().sum(1)"),
    (CLUSTERING, "- 2 * scores(x0, centers).amax(1)", "- scores(x0, centers).amax(1)"),
    (CLUSTERING, "labels * k + assignment", "assignment * k + labels"),
    (CLUSTERING, "table.amax(0).sum()", "table.amax(1).sum()"),
    (CLUSTERING, "torch.where(sizes > 0,", "torch.where(sizes > -1,"),
    (CLUSTERING, "scores(x0, x0[chosen]).amax(1)", "scores(x0, x0[chosen]).amin(1)"),
    (CLUSTERING, "weights.cpu().double()", "weights.cpu().double().sqrt()"),
    # data, loop, run
    (DATA, "return -(-len(self.split.labels)", "return (len(self.split.labels)"),
    (
        DATA,
        "order = torch.randperm(len(labels),",
        "order = torch.randint(len(labels), (len(labels),),",
    ),
    (DATA, "torch.float32).div_(255)", "torch.float32).div_(256)"),
    (DATA, "labels.index_select(0, index)", "labels[: len(index)]"),
    (DATA, "if (found := md5(content)) == expected:", "if content:"),
    (DATA, "!= MNIST_MD5[name]:", "== '':"),
    (DATA, "return self.admitted[module, name]", "return super().find_class(module, name)"),
    (LOOP, "        optimizer.zero_grad()\n", ""),
    (
        LOOP,
        "means = weights @ values.cpu().double() / weights.sum()",
        "means = values.double().mean(0)",
    ),
    (LOOP, "    model.eval()\n", ""),
    (LOOP, "    model.train()\n", ""),
    (LOOP, "finite.index(False) + 1", "finite.index(False)"),
    (RUN, "torch.manual_seed(args.seed)", "pass"),
    (RUN, "            run.write_summary()\n", ""),
    (RUN, "if settings != self.settings:", "if False:"),
]
