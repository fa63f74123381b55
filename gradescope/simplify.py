"""A module's text without what a single file does without.

What goes: type annotations; statements and entries whose comment says that they are more than
the homework asks; all but the first line of the docstrings of what is not the lesson.
"""

import ast
import re
from collections.abc import Callable, Iterator

DOCUMENTED = (ast.FunctionDef, ast.ClassDef)
Cut = tuple[int, int, str]  # from and to, in bytes, and what stands there instead


class Source:
    """A text and its syntax tree, whose positions are in bytes."""

    def __init__(self, text: str):
        self.content, self.tree = text.encode(), ast.parse(text)
        self.lines = self.content.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def find_start(self, node: ast.AST) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def find_end(self, node: ast.AST) -> int:
        return self.starts[node.end_lineno - 1] + node.end_col_offset


def edit(text: str, *finders: Callable[[Source], Iterator[Cut]]) -> str:
    """The text after the cuts of each finder in turn."""
    for find in finders:
        source = Source(text)
        content = source.content
        for start, end, instead in sorted(find(source), reverse=True):
            content = content[:start] + instead.encode() + content[end:]
        text = content.decode()
    return text


def select_blocks(text: str, kept: list[str]) -> str:
    """The plain form: the blocks under `if CONDITION:` of `kept` always run, the others never."""
    conditions = 'needs != "numpy"|options|"\\w+" in args'
    block = re.compile(rf"^( *)if ({conditions}):\n((?:\1    .*\n)+)", re.M)
    outside = re.compile("^    ", re.M)
    return block.sub(lambda m: outside.sub("", m[3]) if m[2] in kept else "", text)


def choose_parts(text: str, parts: tuple[str, ...]) -> str:
    """The source with those of PARTS only."""

    def choose(match: re.Match) -> str:
        entries = match[1].split(", ")
        return f"PARTS = {{{', '.join(e for e in entries if e.split(':')[0][1:-1] in parts)}}}"

    return re.sub(r"^PARTS = \{(.+)\}$", choose, text, flags=re.M)


def find_extras(homework: str) -> Callable[[Source], Iterator[Cut]]:
    """The smallest statements and entries of a list or dict with a comment "more than HW7 asks"."""
    mark = re.compile(rf"#.*more than {homework.upper()} asks".encode())

    def find(source: Source) -> Iterator[Cut]:
        lines = [i for i, line in enumerate(source.lines, 1) if mark.search(line)]
        parts = list(list_parts(source.tree)) if lines else []
        for line in lines:
            _, first, last = min((b - a, a, b) for a, b in parts if a <= line <= b)
            yield source.starts[first - 1], source.starts[last], ""

    return find


def list_parts(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """First and last line of each statement, and of each entry that has its lines to itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            decorators = getattr(node, "decorator_list", [])
            yield min(each.lineno for each in [*decorators, node]), node.end_lineno
        elif isinstance(node, ast.Dict):
            pairs = [(key or value, value) for key, value in zip(node.keys, node.values)]
            yield from ((a.lineno, b.end_lineno) for a, b in pairs if a.lineno > node.lineno)
        elif isinstance(node, (ast.List, ast.Tuple)):
            yield from ((e.lineno, e.end_lineno) for e in node.elts if e.lineno > node.lineno)


def find_annotations(source: Source) -> Iterator[Cut]:
    """Those of arguments, returned values and variables, not of the fields of a class."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.arg) and node.annotation:
            yield source.find_start(node) + len(node.arg.encode()), source.find_end(node), ""
        elif isinstance(node, ast.FunctionDef):
            if node.returns:
                end = source.find_end(node.returns)
                yield source.content.rindex(b"->", 0, source.find_start(node.returns)), end, ""
            for each in ast.walk(node):
                if isinstance(each, ast.AnnAssign) and each.value:
                    yield source.find_end(each.target), source.find_end(each.annotation), ""
        elif isinstance(node, ast.Module):
            for each in node.body:
                if isinstance(each, ast.AnnAssign):
                    yield source.find_end(each.target), source.find_end(each.annotation), ""


def find_long_docstrings(source: Source) -> Iterator[Cut]:
    """All docstrings of functions and classes, cut to their first lines."""
    return cut_docstrings(source, "\n")


def find_long_lessons(source: Source) -> Iterator[Cut]:
    """The same, cut to their first paragraphs."""
    return cut_docstrings(source, "\n\n")


def cut_docstrings(source: Source, end: str) -> Iterator[Cut]:
    for node in ast.walk(source.tree):
        text = isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False)
        if text and end in text:
            docstring = node.body[0]
            start, stop = source.find_start(docstring), source.find_end(docstring)
            yield start, stop, f'"""{text.split(end)[0]}"""'
