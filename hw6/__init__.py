"""HW6: a convolutional classifier."""

# What the starting files leave to the students, by question: see common/submission.py. The loops
# are the tutorial's, which the handout starts from.
ASKED = {
    "cnn": [
        "stages",
        "CNN.__init__",
        "CNN.forward",
        "CNN.features",
        "accuracy",
        "train",
        "confusion",
        "most_wrong",
    ],
}
