"""HW6: a convolutional classifier."""

# What the starting files leave to the students, by question: see common/submission.py.
ASKED = {
    "cnn": ["stages", "CNN.__init__", "CNN.forward"],
}
