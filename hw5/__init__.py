"""HW5: gradient descent and backpropagation, written out in NumPy."""
