"""Which questions become files, and what of their scripts these hold."""

from typing import NamedTuple


class Question(NamedTuple):
    """How a script becomes the reference.

    Attributes:
        parts: those that are answered by code, of the script's PARTS.
        doc: the file's docstring from its second paragraph on.
        first: modules whose definitions come before the script's own.
    """

    parts: tuple[str, ...]
    doc: str
    first: tuple[str, ...] = ()


QUESTIONS = {
    "hw5": {
        "gradient_descent": Question(
            ("a", "b"),
            """
R(w) = 13w₁² − 10w₁w₂ + 4w₁ + 2w₂² − 2w₂ + 1. (a) its gradient and its optimum, w* = (1, 3); (b) the
distance to it in 500 iterations with η = 0.02, 0.05 and 0.1, which ends at 0.826, 0.110, 1.7e148.
(c) is for the report: the last η is above 2/λ_max = 0.067, the limit of stability.
""",
        ),
        "backprop": Question(
            ("d", "e", "f"),
            """
Letters: n points in a batch, N points in all, h hidden neurons. A batch is a matrix with one point
per column, and b and c are columns. Every array may have more axes in front, for a stack of
networks that are trained side by side.

(d) SGD one point at a time; (e) the student beside its teacher; (f) four hacks. Every number is of
five seeds, each with its own points and its own start. To be expected of (d): an MSE of 0.0070.
""",
            ("hw5.network",),
        ),
    },
    "hw6": {
        "cnn": Question(
            ("network",),
            """
The handout's network, trained for ten epochs with cross-entropy and SGD: 98 to 99 % of the test
images right. Then the confusion matrix, the most confident errors, and the first layer's filters.
""",
        )
    },
    "hw7": {
        "kmeans": Question(
            ("b", "c"),
            """
(b) the handout's training from ten digit images, with an inertia of about 40 in the end; (c) the
same from other initial centers, and whether they collapse. (a) is for the report.
""",
        ),
        "autoencoder": Question(
            ("a", "b", "c"),
            """
(a) the network as a block sketch; (b) the handout's training, with a test loss of 0.061 in the end,
and 20 generated digits; (c) the same of a better network, in half the epochs. --lr is (b)'s η.
""",
        ),
    },
}
