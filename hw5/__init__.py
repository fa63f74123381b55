"""HW5: gradient descent and backpropagation, written out in NumPy."""

# What the starting files leave to the students, by question: see common/submission.py. The teacher
# and its points are HW2's; what (c) of Question 1 asks is answered in words.
ASKED = {
    "gradient_descent": ["gradient", "hessian", "optimum", "descend", "distances"],
    "backprop": ["phi", "phi_prime", "forward", "backward", "sgd", "hacks"],
}
