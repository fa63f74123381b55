"""HW5: gradient descent and backpropagation, written out in NumPy."""

# What the starting files leave to the students, by question: see common/submission.py.
ASKED = {
    "gradient_descent": ["gradient", "optimum", "descend"],
    "backprop": ["phi", "phi_prime", "forward", "backward", "sgd"],
}
