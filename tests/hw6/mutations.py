"""Mutations of HW6, for tests/mutations.py."""

CNN, BACKWARD = "hw6/cnn.py", "hw6/conv_backward.py"

BEFORE_RELU = "nn.ReLU(),\n        *regular(nn.BatchNorm1d(250)),\n"
BEFORE_POOL = "nn.MaxPool2d(2),  # (n, 20, 5, 5): the eleventh row and column are left out\n"

MUTATIONS = [
    # the network
    (CNN, BEFORE_RELU, "*regular(nn.BatchNorm1d(250)),\n        nn.ReLU(),\n"),
    (
        CNN,
        f"        {BEFORE_POOL}        *regular(nn.BatchNorm2d(20)),\n",
        f"        *regular(nn.BatchNorm2d(20)),\n        {BEFORE_POOL}",
    ),
    (CNN, "([Dropout(dropout)] if dropout else [])", "[]"),
    (CNN, "([norm] if batch_norm else [])", "[]"),
    (CNN, "Dropout(dropout)]", "Dropout(0.5)]"),
    (CNN, "([Dropout(dropout)] if dropout", "([Dropout(dropout)] if dropout > 0"),
    (CNN, "        *regular(nn.BatchNorm1d(250)),\n", ""),
    (CNN, "nn.Conv2d(20, 20, 4, stride=2)", "nn.Conv2d(20, 20, 4, stride=2, padding=1)"),
    (CNN, "nn.Conv2d(20, 20, 4, stride=2)", "nn.Conv2d(20, 20, 5, stride=2)"),
    (CNN, "nn.Conv2d(1, 20, 4)", "nn.Conv2d(1, 20, 4, bias=False)"),
    (CNN, "nn.Linear(500, 250),\n        nn.ReLU(),", "nn.Linear(500, 250),"),
    (CNN, "return self.stages[:-1](x)", "return self.stages[:-2](x)"),
    # measures and training
    (CNN, "(logits.argmax(1) == y)", "(logits.argmin(1) == y)"),
    (
        CNN,
        "(logits.argmax(1) == y).to(logits.dtype).mean()",
        "(logits > 0).to(logits.dtype).mean()",
    ),
    (CNN, "10 * labels + predicted", "10 * predicted + labels"),
    (CNN, "descending=True", "descending=False"),
    (CNN, "(predicted != labels)", "(predicted == labels)"),
    (CNN, "logits.softmax(1).max(1)", "logits.max(1)"),
    (CNN, "    model.eval()\n", ""),
    (CNN, "@torch.no_grad()\n", ""),
    (CNN, "Batches(mnist.train, batch_size, seed, processes)", "Batches(mnist.train, batch_size)"),
    (
        CNN,
        "test = Batches(mnist.test, processes=processes)",
        "test = Batches(mnist.train)",
    ),
    (CNN, "grey = 0.5 + kernels", "grey = 0.5 - kernels"),
    (CNN, "int(len(labels) - table.trace())", "int(table.trace())"),
    # the backward pass
    (BACKWARD, "delta = grad_f * g_prime(a)", "delta = grad_f"),
    (BACKWARD, "grad_w = (delta * x).sum((0, 2, 3))", "grad_w = (delta * x).mean((0, 2, 3))"),
    (BACKWARD, "(delta * w).sum(1, keepdim=True)", "delta.sum(1, keepdim=True)"),
    (BACKWARD, "delta = grad_f * g_prime(forward(x, w, b, stride))", "delta = grad_f"),
    (BACKWARD, "grad_x[place] += torch", "grad_x[place] = torch"),
    (BACKWARD, "delta, x[place])", "delta.flip(2), x[place])"),
    (BACKWARD, "delta, w[:, :, u, v])", "delta, w.flip(2, 3)[:, :, u, v])"),
    (BACKWARD, "slice(v, v + stride * columns, stride)", "slice(u, u + stride * columns, stride)"),
    (BACKWARD, "slice(u, u + stride * rows, stride)", "slice(u, u + rows)"),
    (BACKWARD, "b[:, None, None].expand", "b.new_zeros(len(b), 1, 1).expand"),
    (BACKWARD, "(x.shape[3] - w.shape[3]) // stride + 1", "(x.shape[3] - w.shape[3]) // stride"),
]
