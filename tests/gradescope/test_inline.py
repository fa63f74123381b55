"""The one file that a script becomes, on small projects made for each test."""

import subprocess
import sys
from pathlib import Path

from common.runtime.errors import UserError
from gradescope.inline import one_file

import pytest
from common.submission import tidied


@pytest.fixture
def project(tmp_path):
    """Writes modules, name → source, and gives the one file of `hw0.script`."""

    def project(script: str, **modules: str) -> str:
        for name, source in {"hw0.script": script, **modules}.items():
            path = tmp_path / (name.replace(".", "/") + ".py")
            path.parent.mkdir(exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(source, encoding="utf-8")
        return one_file(tmp_path, "hw0.script")

    return project


def output(text: str, folder: Path) -> str:
    (folder / "alone").mkdir()
    path = folder / "alone" / "script.py"
    path.write_text(text, encoding="utf-8")
    run = subprocess.run([sys.executable, "-I", path], capture_output=True, text=True)
    assert run.stderr == ""
    return run.stdout


TOOLS = '''"""What tools there are."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import decimal

# how many
COUNT = 3  # no more


def area(r: float) -> "decimal.Decimal | float":
    import decimal

    # π r²
    return math.pi * r ** decimal.Decimal(2).__int__()


area.exact = False


def unused():
    return COUNT


unused.mark = True


class Box:
    """A box."""

    def __init__(self, size: "Size"):
        self.size = size

    def wide(self):
        return self.size + COUNT

    # nobody's
    def tall(self):
        return unused()

    def last(self):
        return self.wide()


Size = int
if __name__ == "__main__":
    print("not me")
'''


def test_what_is_used_comes_along_as_it_is_written_and_nothing_else(project, tmp_path):
    script = "from common import tools\nfrom common.tools import area\n\n"
    script += "print(tools.Box(1).last(), round(area(1)))\n"
    text = project(script, **{"common.tools": TOOLS})
    assert output(text, tmp_path) == "4 3\n"
    assert "# how many\nCOUNT = 3  # no more\n" in text
    assert "    # π r²\n" in text
    assert '"""A box."""' in text and '"""What tools there are."""' in text
    assert "area.exact = False" in text and "Size = int" in text
    assert "if TYPE_CHECKING:\n    import decimal\n" in text
    assert not any(word in text for word in ("unused", "tall", "nobody", "not me", "tools.Box"))
    assert text.index("import math") < text.index("class Box") < text.index("print")


def test_a_module_s_name_goes(project, tmp_path):
    script = "from common import tools\n\n\ndef f(x: tools.Number) -> str:\n"
    script += "    # tools.show of my_tools.show\n    return f'{tools.show(x)} tools.txt'\n"
    script += "\n\nprint(f(1))\n"
    tools = "Number = int\n\n\ndef show(x):\n    return f'é {x}'\n"
    text = project(script, **{"common.tools": tools})
    assert output(text, tmp_path) == "é 1 tools.txt\n"
    assert "def f(x: Number)" in text and "# show of my_tools.show" in text


def test_a_name_may_be_bound_or_set_in_many_ways(project, tmp_path):
    script = "from common.tools import COUNT, NAMES, dumps, fast\n\n"
    script += "print(COUNT, NAMES, fast(), fast.x, dumps(1))\n"
    tools = "try:\n    from nowhere import fast\nexcept ImportError:\n\n    def fast():\n"
    tools += "        x = 1\n        return x\n\n\nfast.x = 2\n"
    tools += "NAMES = {}\nNAMES['a'] = [x for x in 'ab']\n"
    tools += "x = 5\nCOUNT = 1\nCOUNT += 1\nif COUNT:\n    from json import dumps\n"
    text = project(script, **{"common.tools": tools})
    assert output(text, tmp_path) == "2 {'a': ['a', 'b']} 1 2 1\n"


def test_a_class_with_a_base_keeps_the_methods_that_its_base_calls(project, tmp_path):
    script = "import json\n\nfrom common.tools import Encoder\n\n"
    script += "print(json.dumps({1j}, cls=Encoder))\n"
    tools = "import json\n\n\nclass Encoder(json.JSONEncoder):\n    kind = str\n\n"
    tools += "    def default(self, o):\n        return str(o)\n"
    assert output(project(script, **{"common.tools": tools}), tmp_path) == '"{1j}"\n'


def test_modules_that_meet_in_a_function_are_no_circle(project, tmp_path):
    script = "from common.a import f\n\nprint(f())\n"
    a = "ONE = 1\n\n\ndef f():\n    from common.b import TWO\n\n    return TWO\n"
    b = "from common.a import ONE\n\nTWO = ONE + 1\n"
    text = project(script, **{"common.a": a, "common.b": b})
    assert output(text, tmp_path) == "2\n"
    assert "import" not in text


def test_what_one_module_imports_for_types_another_may_use(project, tmp_path):
    script = "import decimal\n\nfrom common.tools import f\n\nTWO = decimal.Decimal(2)\n"
    script += "print(f(TWO))\n"
    tools = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import decimal\n\n\n"
    tools += 'def f(x: "decimal.Decimal") -> "int | decimal.Decimal":\n    return x\n'
    text = project(script, **{"common.tools": tools})
    assert output(text, tmp_path) == "2\n"
    assert text.count("import decimal") == 1 and "TYPE_CHECKING" not in text


def test_imports_in_functions_go_where_they_are_the_project_s(project, tmp_path):
    script = "import json\n\nfrom common.tools import load\n\n\nprint(json.dumps(load()))\n"
    tools = 'def load():\n    """Slow."""\n    import json\n    from common.deep import value\n\n'
    tools += (
        "    import decimal\n\n    return [value(), json.loads('1'), str(decimal.Decimal(2))]\n"
    )
    deep = "def value():\n    return 5\n"
    text = project(script, **{"common.tools": tools, "common.deep": deep})
    assert output(text, tmp_path) == '[5, 1, "2"]\n'
    assert text.count("import json") == 1 and "    import decimal\n" in text


def test_data_and_results_lie_beside_the_file(project, tmp_path):
    where = "from pathlib import Path\n\nROOT = Path(__file__).resolve().parents[1]\n"
    script = "from common.where import ROOT\n\nprint(ROOT)\n"
    text = project(script, **{"common.where": where})
    assert output(text, tmp_path) == f"{(tmp_path / 'alone').resolve()}\n"


def test_imports_are_merged_and_sorted(project):
    script = "import sys\nfrom os import path\n\nimport numpy as np\n\nfrom common.a import f\n\n"
    script += "print(sys, path, np, f)\n"
    a = "import argparse\nfrom os import path, sep, SEEK_SET, PathLike\n\nimport numpy as np\n\n\n"
    a += "def f():\n    return argparse, path, sep, SEEK_SET, PathLike, np\n"
    text = tidied(project(script, **{"common.a": a}), "hw0/script.py")
    assert "import argparse\nimport sys\nfrom os import SEEK_SET, PathLike, path, sep\n" in text
    assert "\n\nimport numpy as np\n" in text and text.count("numpy") == 1


@pytest.mark.parametrize(
    "script, tools, message",
    [
        ("from common.tools import *\n", "", "hw0/script.py, line 1: .*write it as"),
        ("from . import tools\n", "", "hw0/script.py, line 1: .*write it as"),
        ("import common.tools\n", "", "hw0/script.py, line 1: .*write it as"),
        ("from common.tools import a as b\n", "", "hw0/script.py, line 1: .*write it as"),
        ("from common.tools import a\n", "from hw0.script import b\n", "a circle of imports"),
        ("import importlib\nimportlib.import_module('common')\n", "", "line 2: .*import_module"),
        ("__import__('common')\n", "", "line 1: .*__import__"),
        ("from common.tools import a\na()\n", "a = 1\nprint(2)\n", "tools.py, line 2: .*acts"),
        ("from common.tools import a\na()\n", "", "Undefined name `a`"),
        ("from common import tools\nprint(tools)\n", "", "Undefined name `tools`"),
        ("from common.tools import a\na()\n", "a = __file__\n", "tools.py, line 1: .*__file__"),
        ("from common.tools import a\na()\n", "a = __doc__\n", "tools.py, line 1: .*__doc__"),
        (
            "from common.tools import f\n\na = 1\nf(a)\n",
            "a = 2\n\n\ndef f():\n    return a\n",
            "a is of hw0/script.py and of common/tools.py: rename one",
        ),
        (
            "from common import tools\n\n\ndef f():\n    a = tools.a\n    return a\n",
            "a = 1\n",
            "hw0/script.py, line 4: .*a is a local variable",
        ),
        (
            "from common import tools\n\n\ndef f(a):\n    return tools.a + a\n",
            "a = 1\n",
            "hw0/script.py, line 4: .*a is a local variable",
        ),
        (
            "from common import tools\n\nprint(sum([1]), tools.sum([1]))\n",
            "def sum(x):\n    return 'mine'\n",
            "sum is of Python itself and of common/tools.py",
        ),
        (
            "from os import path\nfrom common.tools import a\na(path)\n",
            "from sys import path\n\na = path\n",
            "Redefinition of unused `path`",
        ),
        (
            "from os import path\nfrom common import tools\ntools.path(path)\n",
            "def path(x):\n    return x\n",
            "path is of an import and of common/tools.py|path is of common/tools.py and of an",
        ),
    ],
)
def test_what_cannot_be_inlined_is_refused_in_one_line(project, script, tools, message):
    with pytest.raises(UserError, match=message) as error:
        tidied(project(script, **{"common.tools": tools}), "hw0/script.py")
    assert "\n" not in str(error.value)
