"""The inliner on small projects, where every rule can be seen."""

from common.runtime.errors import UserError
from gradescope.inline import inline

import pytest

SCRIPT = '''"""HW1: a script.

    python hw1/script.py

Figures go to results/; hw1/README.md explains them. More is measured by hw1/script_study.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hw1 import helpers
from hw1.helpers import BASE, Thing

LIMIT = 2 * BASE


class Lesson:
    """The lesson.

    It has two paragraphs.
    """

    def use(self):
        return helpers.double(Thing().used())

    def unused(self):
        return helpers.triple(1)


def part_a(run):
    return {"a": Lesson().use() + LIMIT}


PARTS = {"a": part_a}


def main():
    return PARTS["a"](None)


if __name__ == "__main__":
    print(main())
'''
HELPERS = '''"""Helpers."""

from math import pi, tau

# What everything is based on.
BASE = 1


class Thing:
    """A thing.

    More of it.
    """

    def used(self):
        return BASE

    def unused(self):
        return pi


def double(x):
    return 2 * x


def triple(x):
    return 3 * x * tau
'''


@pytest.fixture
def make(tmp_path):
    def write(script=SCRIPT, helpers=HELPERS, plain="", first=()) -> str:
        folder = tmp_path / "hw1"
        folder.mkdir(exist_ok=True)
        for name, text in {"__init__": "", "script": script, "helpers": helpers}.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        (tmp_path / "gradescope").mkdir(exist_ok=True)
        (tmp_path / "gradescope" / "plain.py").write_text(plain, encoding="utf-8")
        edit = lambda name, text: text  # noqa: E731
        return inline(tmp_path, "hw1.script", edit, "gradescope.plain", first)

    return write


def test_result(make):
    names = {"__name__": "file"}
    exec(compile(make(), "file", "exec"), names)
    assert names["main"]() == {"a": 4}


def test_what_is_left_out(make):
    text = make()
    for word in ("unused", "triple", "pi", "tau", "sys.path", "README", "study"):
        assert word not in text, word
    assert "It has two paragraphs." in text and "# What everything is based on." in text


def test_order(make):
    text = make()
    words = "BASE = 1|LIMIT = 2|class Lesson|class Thing|def double|PARTS =|def main|__name__"
    places = [text.index(word) for word in words.split("|")]
    assert places == sorted(places)


def test_numbers_of_other_modules_stand_at_the_top(make):
    helpers = HELPERS.replace(
        "def double(x):\n    return 2", "SIZE = 2\n\n\ndef double(x):\n    return SIZE"
    )
    text = make(helpers=helpers)
    assert text.index("LIMIT = 2") < text.index("SIZE = 2") < text.index("class Lesson")


def test_the_plain_form_stands_for_what_its_own_module_mentions(make):
    helpers = HELPERS.replace("return 2 * x", "return keep(x)")
    helpers += "\n\ndef keep(x):\n    return x\n"
    text = make(helpers=helpers, plain="def keep(x):\n    return 7\n")
    assert text.count("def keep") == 1 and "return 7" in text


def test_what_the_plain_form_imports_stands_for_a_definition(make):
    text = make(plain="from numpy import double\n")
    assert "from numpy import double" in text and "def double" not in text


def test_what_a_statement_calls_comes_before_it(make):
    script = SCRIPT.replace("LIMIT = 2 * BASE", "LIMIT = helpers.double(BASE)")
    helpers = HELPERS.replace("return 2 * x", "return 2 * keep(x)")
    text = make(script, helpers + "\n\ndef keep(x):\n    return x\n")
    assert text.index("def double") < text.index("LIMIT =")
    exec(compile(text, "file", "exec"), {"__name__": "file"})  # calls double, which calls keep


def test_a_name_with_two_meanings_is_refused(make):
    script = SCRIPT.replace("class Lesson", "def double(x):\n    return x\n\n\nclass Lesson")
    script = script.replace("Lesson().use()", "double(Lesson().use())")
    with pytest.raises(UserError, match="double has two meanings"):
        make(script)


def test_an_alias_hidden_by_a_variable_is_refused(make):
    script = SCRIPT.replace("return helpers.double(", "double = 1\n        return helpers.double(")
    with pytest.raises(UserError, match="double has two meanings"):
        make(script)


def test_renamed_imports_are_refused(make):
    with pytest.raises(UserError, match="renamed"):
        make(SCRIPT.replace("import BASE, Thing", "import BASE as B, Thing"))


def test_the_plain_form_stands_in(make):
    names = {"__name__": "file"}
    text = make(plain="import math\n\n\ndef double(x):\n    return 3 * x * math.cos(0)\n")
    exec(compile(text, "file", "exec"), names)
    assert names["main"]() == {"a": 5}
    assert "2 * x" not in text and "import math" in text


def test_modules_that_come_first(make):
    text = make(first=["hw1.helpers"])
    assert text.index("class Thing") < text.index("class Lesson")


def test_what_is_given_stays_without_a_mention(make):
    script = SCRIPT.replace("import BASE, Thing", "import BASE, Thing, triple")
    text = make(script.replace("LIMIT =", "GIVEN = (triple,)\nLIMIT ="))
    assert "def triple" in text and "tau" in text and "GIVEN" not in text


def test_the_edit_comes_before(make, tmp_path):
    make()
    text = inline(
        tmp_path, "hw1.script", lambda name, text: text.replace("2 *", "5 *"), "gradescope.plain"
    )
    assert "LIMIT = 5 * BASE" in text and "return 5 * x" in text
