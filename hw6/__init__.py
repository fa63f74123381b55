"""HW6: a convolutional classifier."""
