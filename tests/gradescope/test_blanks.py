"""Blanks in place of tagged right sides, on a small text."""

from gradescope.blanks import make_blanks

TEXT = """
def layers(width):
    return [
        Linear(width, 3),  # (n, 3): three of them [hw7 2]
        ReLU(),
    ]


def forward(x):
    def inner(x):
        z = x + 1  # [hw7 1.1]
        return z

    v = x @ C.T  # (n, k) [hw7 1.2]
    w -= 2 * v  # [hw7 1.3]
    u = v  # [hw6 1]
    return Pair(
        a=v * w,  # (n, k) [hw7 1.4]
        b=1,  # [hw7 1.5]
    )
"""
WORDS = {"layers (n, 3)": "a layer", "inner z": "one more", "forward v": "the scores"}
WORDS |= {"forward w": "a step", "forward a": "a product"}


def test_blanks_keep_the_left_side_and_the_comment():
    text, answers = make_blanks(TEXT, "hw7", WORDS)
    for line in (
        '        todo("2: a layer"),  # (n, 3): three of them [hw7 2]\n',
        '        z = todo("1.1: one more")  # [hw7 1.1]\n',
        '    v = todo("1.2: the scores")  # (n, k) [hw7 1.2]\n',
        '    w -= todo("1.3: a step")  # [hw7 1.3]\n',
        "    u = v  # [hw6 1]\n",
        '        a=todo("1.4: a product"),  # (n, k) [hw7 1.4]\n',
        "        b=1,  # [hw7 1.5]\n",
    ):
        assert line in text
    assert answers == {
        "layers (n, 3)": "Linear(width, 3)",
        "inner z": "x + 1",
        "forward v": "x @ C.T",
        "forward w": "2 * v",
        "forward a": "v * w",
    }
