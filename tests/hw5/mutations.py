"""Mistakes in HW5 that its tests must catch: (file, the right text, the mistake)."""

SGD_STEP = """\
            for weight, grad in zip(network, gradient):
                weight -= eta * grad
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
            late = backward(network, x_i, y_i, forward(network, x_i, setting.a), setting.a)
            for weight, grad in zip((network.W, network.b, network.c), (late.W, late.b, late.c)):
                weight -= eta * grad
"""

MUTATIONS = [
    # Q2: φ and the equations
    ("hw5/student.py", "-np.logaddexp(0, -a * v)", "-np.logaddexp(0, a * v)"),
    ("hw5/student.py", "np.exp(-np.logaddexp(0, -a * v))", "1 / (1 + np.exp(-a * v))"),
    ("hw5/student.py", "np.exp(-np.logaddexp(0, -a * v))", "0.5 + 0.5 * np.tanh(a * v / 2)"),
    ("hw5/student.py", "return a * z * (1 - z)", "return z * (1 - z)"),
    ("hw5/student.py", "return a * z * (1 - z)", "return a * z * (1 + z)"),
    ("hw5/student.py", "v_z = W @ x + b  #", "v_z = W @ x - b  #"),
    ("hw5/student.py", "v_f = U @ z + c  #", "v_f = U @ z  #"),
    ("hw5/student.py", "grad_f = 2 * (f - y)", "grad_f = f - y"),
    ("hw5/student.py", "grad_f = 2 * (f - y)", "grad_f = 2 * (y - f)"),
    ("hw5/student.py", "delta_f = grad_f * phi_prime(v_f, a)", "delta_f = grad_f"),
    ("hw5/student.py", "delta_z = grad_z * phi_prime(v_z, a)", "delta_z = grad_z"),
    ("hw5/student.py", "grad_z * phi_prime(v_z, a)", "grad_z * phi_prime(z, a)"),
    ("hw5/student.py", "delta_z = grad_z *", "delta_z = -grad_z *"),
    ("hw5/student.py", "transposed(network.U) @ delta_f", "network.U @ delta_f"),
    ("hw5/student.py", "W=delta_z @ transposed(x) / n", "W=delta_z @ transposed(x)"),
    ("hw5/student.py", "b=delta_z.sum(-1, keepdims=True) / n", "b=delta_z.sum(-1, keepdims=True)"),
    ("hw5/student.py", "U=delta_f @ transposed(z) / n", "U=delta_f @ transposed(z)"),
    ("hw5/student.py", "U=delta_f @ transposed(z)", "U=delta_f @ transposed(v_z)"),
    ("hw5/student.py", "c=delta_f.sum(-1, keepdims=True) / n", "c=delta_f.sum(-1, keepdims=True)"),
    ("hw5/student.py", "n = x.shape[-1]\n    grad", "n = len(x)\n    grad"),
    # Q2: the training
    ("hw5/student.py", SGD_STEP, NOT_ZEROED),
    ("hw5/student.py", SGD_STEP, U_FIRST),
    ("hw5/student.py", "weight -= eta * grad", "weight += eta * grad"),
    (
        "hw5/student.py",
        "for i in range(0, x.shape[-1], setting.batch_size)",
        "for i in reversed(range(0, x.shape[-1], setting.batch_size))",
    ),
    (
        "hw5/student.py",
        "range(0, x.shape[-1], setting.batch_size)",
        "range(0, x.shape[-1] - setting.batch_size + 1, setting.batch_size)",
    ),
    ("hw5/student.py", "- y) ** 2).mean((-2, -1))", "- y) ** 2).sum((-2, -1))"),
    ("hw5/student.py", "mse > previous, rises + 1, 0", "mse < previous, rises + 1, 0"),
    ("hw5/student.py", "mse > previous, rises + 1, 0", "mse > previous, rises + 1, rises"),
    (
        "hw5/student.py",
        "        previous = mse\n",
        "        previous = np.minimum(previous, mse)\n",
    ),
    ("hw5/student.py", "rises == setting.patience", "rises >= 1"),
    ("hw5/student.py", "np.where(late, 0.9, 1.0)", "np.where(late, 0.8, 1.0)"),
    ("hw5/student.py", "np.where(late, 0.9, 1.0)", "np.where(late.any(), 0.9, 1.0)"),
    ("hw5/student.py", "            rises = np.where(late, 0, rises)\n", ""),
    ("hw5/student.py", "sigma * rng.standard_normal(shape)", "sigma + rng.standard_normal(shape)"),
    ("hw5/student.py", "U=np.array([[1.0, 1.0, -1.0]])", "U=np.array([[1.0, 1.0, 1.0]])"),
    ("hw5/student.py", "(network.U @ z + network.c >= 0)", "(network.U @ z - network.c >= 0)"),
    ("hw5/student.py", "network.W @ x + network.b >= 0", "network.W @ x + network.b > 0"),
    ("hw5/backprop.py", "(f >= 0.5) == (y == 1)", "(f > 0.5) == (y == 1)"),
    # Q2: the network's symmetries
    ("hw5/imitation.py", "c + turned.sum()", "c - turned.sum()"),
    ("hw5/imitation.py", "c + turned.sum()", "c"),
    ("hw5/imitation.py", "sign.T * U[:, order]", "U[:, order]"),
    ("hw5/imitation.py", "sign * b[order]", "b[order]"),
    ("hw5/imitation.py", "return min(", "return max("),
    ("hw5/imitation.py", "own[:, 2] - others[:, 2]", "others[:, 2] - own[:, 2]"),
    # Q1
    ("hw5/gradient_descent.py", "26 * w1 - 10 * w2 + 4", "26 * w1 - 10 * w2 - 4"),
    ("hw5/gradient_descent.py", "-10 * w1 + 4 * w2 - 2", "-10 * w1 + 2 * w2 - 2"),
    ("hw5/gradient_descent.py", "[-10.0, 4.0]]", "[-10.0, 2.0]]"),
    ("hw5/gradient_descent.py", "(hessian(), -gradient", "(hessian(), gradient"),
    ("hw5/gradient_descent.py", "beta * step - eta", "beta * step + eta"),
    ("hw5/gradient_descent.py", "beta * step - eta", "-beta * step - eta"),
    (
        "hw5/gradient_descent.py",
        "np.linalg.eigvalsh(hessian())).max()",
        "np.linalg.eigvalsh(hessian())).min()",
    ),
    (
        "hw5/gradient_descent.py",
        "2 / np.linalg.eigvalsh(hessian())[-1]",
        "1 / np.linalg.eigvalsh(hessian())[-1]",
    ),
    (
        "hw5/gradient_descent.py",
        "limit, best = stability_limit(), float(2 /",
        "limit, best = stability_limit(), float(1 /",
    ),
]
