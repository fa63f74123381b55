"""The blanks of a starter: lines that carry an equation's tag, without their right sides."""

import ast
import re
from collections.abc import Iterator, Mapping

# Indentation and left side, right side, comma, comment that ends in the tag.
LINE = r"^( *(?:return |[\w.\[\], +]+? [-+*]?= |\w+=|))(.+?)(,?)(  # (.*?) ?\[{} ([\w.]+)\])$"


def find_tagged(text: str, homework: str) -> Iterator[tuple[int, str, re.Match]]:
    """The lines with a tag of that homework: number from 0, name of the blank, match of LINE.

    The name is the function's and what is left of the equals sign, or "return", or in a list the
    comment: "forward v".
    """
    pattern = re.compile(LINE.format(homework))
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    for i, line in enumerate(text.split("\n")):
        if match := pattern.match(line):
            around = [each for each in functions if each.lineno <= i + 1 <= each.end_lineno]
            function = max(around, key=lambda each: each.lineno).name
            left = match[1].strip(" =+-*") or match[5].partition(":")[0]
            yield i, f"{function} {left}", match


def make_blanks(text: str, homework: str, words: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The text with blanks, and what stood there: (name of the blank → right side).

    `v = x0 @ C.T  # (n, k) [hw7 1.2]` becomes `v = todo("1.2: the scores")  # (n, k) [hw7 1.2]`.

    Args:
        words: name of a blank → what it asks for. Tagged lines without words stay as they are.
    """
    lines, found = text.split("\n"), {}
    for i, name, match in find_tagged(text, homework):
        if name in words:
            left, right, comma, comment, _, tag = match.groups()
            found[name] = right
            lines[i] = f'{left}todo("{tag}: {words[name]}"){comma}{comment}'
    return "\n".join(lines), found
