"""A module's text without what a single file does without.

What goes: type annotations; statements and entries whose comment says that they are more than
the homework asks; all but the first line of the docstrings of what is not the lesson; parameters
that nothing mentions.
"""

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

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


def shorten(text: str, homework: str, is_lesson: bool) -> str:
    """The text without what is more than asked, annotations and long docstrings."""
    cut = find_long_lessons if is_lesson else find_long_docstrings
    return edit(text, find_extras(homework), find_annotations, cut)


def select_blocks(text: str, known: dict[str, bool]) -> str:
    """The text without `if` before those conditions: what they guard always runs, or goes."""
    conditions = "|".join(map(re.escape, known))
    block = re.compile(rf"^( *)if ({conditions}):\n((?:\1    .*\n)+)", re.M)
    outside = re.compile("^    ", re.M)
    return block.sub(lambda m: outside.sub("", m[3]) if known[m[2]] else "", text)


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
            yield from ((each.lineno, each.end_lineno) for each in decorators)
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


def find_unused(source: Source) -> Iterator[Cut]:
    """Parameters with a default that their functions do not mention, and what calls give them."""
    nodes = [*ast.walk(source.tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    called = {call.func for call in calls}
    others = [n for n in nodes if isinstance(n, (ast.Name, ast.Attribute)) and n not in called]
    names = {ast.unparse(node).split(".")[-1] for node in others}
    for function in (node for node in nodes if isinstance(node, ast.FunctionDef)):
        if function.name in names:  # it is called under another name as well
            continue
        own = [call for call in calls if ast.unparse(call.func).split(".")[-1] == function.name]
        most = max([len(call.args) for call in own], default=0)
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        given, defaults = function.args.args, function.args.defaults
        required = len(given) - len(defaults)
        first = max(required, most + ("self" in [each.arg for each in given]))
        unused = [each.arg for each in given[first:] if each.arg not in used]
        places = [(None, each) for each in given[:required]]
        places += [(each.arg, default) for each, default in zip(given[required:], defaults)]
        yield from cut_places(source, places, unused)
        for call in own:
            places = [(None, each) for each in call.args]
            places += [(each.arg, each) for each in call.keywords]
            yield from cut_places(source, places, unused)


def cut_places(source: Source, places: list[tuple[str | None, ast.AST]], unused: list[str]):
    """Those of a list's entries (name, its last node) that are unused; the first one stays."""
    for (_, before), (name, node) in pairwise(places):
        if name in unused:
            yield source.find_end(before), source.find_end(node), ""
