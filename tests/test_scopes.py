import ast

import pytest

from common.scopes import Uses, bound


def outside(source: str) -> set[str]:
    """The names that a statement takes from outside, or defines."""
    uses = Uses("file.py", set())
    uses.visit(ast.parse(source).body[0])
    return {use.name for use in uses.found}


@pytest.mark.parametrize(
    "source, names",
    [
        ("x = y", "x y"),
        ("def f(a, /, b=c, *d, e: g = h, **i) -> j: return a, b, d, e, i, k", "f c g h j k"),
        ("def f():\n    x = 1\n    return [x + y for z in w if z]", "f y w"),
        ("def f():\n    [z for z in z]", "f z"),
        ("def f(): return [(x := y) for y in w], x", "f w"),
        ("def f(x): return lambda y, z=u: x + y + z + v", "f u v"),
        ("class A(B, m=C):\n    x = 1\n    y = x\n    def f(self): return x, A", "A B C x"),
        (
            "def f():\n    try: pass\n    except E as e: e\n    import os.path, n as p\n    os, p",
            "f E",
        ),
        (
            "def f(s):\n    match s:\n        case [a, *b, {'k': c, **d}] as e: a, b, c, d, e, g",
            "f g",
        ),
        ("def f(x: 'A | b.C') -> 'D': y: 'E' = x", "f A b D E"),
        ("@d(e)\ndef f():\n    with g() as h, i: h", "d e f g i"),
    ],
)
def test_names_from_outside(source, names):
    assert outside(source) == set(names.split())


def test_a_place_is_counted_in_bytes_and_holds_the_attribute_and_the_local_names():
    source = "def f(é):\n    return 'é', plots.curves(é)"
    uses = Uses("file.py", set())
    uses.visit(ast.parse(source).body[0])
    (use,) = (use for use in uses.found if use.name == "plots")
    line = source.encode().splitlines()[use.line - 1]
    assert line[use.column : use.end] == b"plots"
    assert line[use.column : use.attribute_end] == b"plots.curves"
    assert (use.attribute, use.hidden, uses.attributes) == ("curves", {"é"}, {"curves"})


def test_what_a_statement_binds():
    source = (
        "if a:\n    b, (c, *d) = e\n    import g.h\nelse:\n    def i(): j = 1\nfor k in l: pass"
    )
    assert bound(ast.parse(source).body) == set("bcdgik")
