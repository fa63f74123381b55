"""What single files do without, on small texts."""

import ast

from gradescope.simplify import (
    choose_parts,
    edit,
    find_annotations,
    find_extras,
    find_long_docstrings,
    find_long_lessons,
    find_unused,
    select_blocks,
)

import pytest

DOCUMENTED = '''class A:
    """One.

    Two.
    """

    def f(self):
        """η: one
        and more.

        Two.
        """
'''


def test_blocks():
    text = 'a\nif needs != "numpy":\n    import torch\n    b\nc\nif threads:\n    d\n'
    needs = 'needs != "numpy"'
    assert select_blocks(text, {needs: False, "threads": False}) == "a\nc\n"
    assert select_blocks(text, {needs: True, "threads": False}) == "a\nimport torch\nb\nc\n"
    assert select_blocks(text, {"threads": True}) == text.replace("if threads:\n    d", "d")
    text = 'for a in b:\n    if "data" in args:\n        c\n    d\n'
    assert select_blocks(text, {'"data" in args': True}) == "for a in b:\n    c\n    d\n"
    assert select_blocks(text, {'"data" in args': False}) == "for a in b:\n    d\n"


def test_parameters_that_nothing_mentions():
    text = "def f(η, b=1, c=2):\n    return η + b\n\nf(1, b=3, c='η')\n"
    assert edit(text, find_unused) == "def f(η, b=1):\n    return η + b\n\nf(1, b=3)\n"
    method = "class A:\n    def f(self, a, b=0, c=0):\n        pass\n\nx.f(1, c=2)\n"
    assert edit(method, find_unused) == "class A:\n    def f(self, a):\n        pass\n\nx.f(1)\n"
    for kept in ["f(1, 2, 3)", "table = [f]", "g(h=x.f)"]:  # one is told by its place
        text = f"def f(a, b=1, c=2):\n    return a + b\n\n{kept}\n"
        assert edit(text, find_unused) == text


def test_annotations():
    text = (
        "n: int = 1  # η\n\n"
        "def f(η: dict[str, int], b: int = 2, *c: int, d: str | None = None) -> list[int]:\n"
        "    x: dict[str, int] = {}\n    return x\n\n"
        "class A:\n    field: int = 0\n\n    def g(self) -> None: ...\n"
    )
    assert ast.unparse(ast.parse(edit(text, find_annotations))) == (
        "n = 1\n\ndef f(η, b=2, *c, d=None):\n    x = {}\n    return x\n\n"
        "class A:\n    field: int = 0\n\n    def g(self):\n        ..."
    )


@pytest.mark.parametrize(
    "line",
    ["    save(η)  # more than HW1 asks\n", "    save(\n        1,\n    )  # more than HW1 asks\n"],
)
def test_statements_that_are_more_than_asked(line):
    text = f"def f():\n{line}    return 1\n"
    assert edit(text, find_extras("hw1")) == "def f():\n    return 1\n"
    assert edit(text, find_extras("hw2")) == text


def test_decorators_that_are_more_than_asked():
    text = "@cache\n@late()  # more than HW1 asks\ndef f():\n    return 1\n"
    assert edit(text, find_extras("hw1")) == "@cache\ndef f():\n    return 1\n"


def test_entries_that_are_more_than_asked():
    text = 'A = {\n    "a": 1,\n    "b": [  # more than HW1 asks\n        2,\n    ],\n}\n'
    text += "B = [\n    1,\n    2,  # why: more than HW1 asks\n]\n"
    assert edit(text, find_extras("hw1")) == 'A = {\n    "a": 1,\n}\nB = [\n    1,\n]\n'


def test_docstrings():
    assert edit(DOCUMENTED, find_long_docstrings) == (
        'class A:\n    """One."""\n\n    def f(self):\n        """η: one"""\n'
    )
    assert edit(DOCUMENTED, find_long_lessons) == (
        'class A:\n    """One."""\n\n    def f(self):\n        """η: one\n        and more."""\n'
    )


def test_parts_of_a_reference():
    text = 'PARTS = {"a": part_a, "b": part_b, "appendix": appendix}'
    assert choose_parts(text, ("b",)) == 'PARTS = {"b": part_b}'
