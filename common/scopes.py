"""Which names a piece of Python takes from outside of itself, and where it writes them."""

import ast
import sys
from dataclasses import dataclass, field
from typing import Any

from common.faults import UserError

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Import:
    """`import source` (name: None) or `from source import name`, called `bound` in the code."""

    source: str
    name: str | None
    bound: str
    typing: bool = False  # for type checkers only

    @property
    def member(self) -> str:
        name = self.name or self.source
        plain = name if self.name else name.partition(".")[0]
        return name if self.bound == plain else f"{name} as {self.bound}"

    @property
    def text(self) -> str:
        return f"from {self.source} import {self.member}" if self.name else f"import {self.member}"

    @property
    def is_standard(self) -> bool:
        return self.source.partition(".")[0] in sys.stdlib_module_names


def spelled(node: ast.Import | ast.ImportFrom, typing: bool = False) -> list[Import]:
    """The imports of a statement, one by one."""
    if isinstance(node, ast.Import):
        return [
            Import(a.name, None, a.asname or a.name.partition(".")[0], typing) for a in node.names
        ]
    source = "." * node.level + (node.module or "")
    return [Import(source, a.name, a.asname or a.name, typing) for a in node.names]


@dataclass(frozen=True)
class Use:
    """A name from outside: where it stands (columns in bytes), and what may follow after a dot.

    Attributes:
        hidden: the local variables where it stands.
    """

    name: str
    line: int
    column: int = 0
    end: int = 0
    attribute: str | None = None
    attribute_end: int = 0
    hidden: frozenset[str] = field(default=frozenset(), repr=False)


def bound(body: list[ast.AST]) -> set[str]:
    """The names that statements bind in their own scope."""
    names: set[str] = set()
    todo = list(body)
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inside = [each for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
                todo += [each.target for each in inside]  # := binds outside the comprehension
                continue
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.Import() | ast.ImportFrom():
                names |= {each.bound for each in spelled(node)}
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
        todo += ast.iter_child_nodes(node)
    return names


class Uses(ast.NodeVisitor):
    """Collects `found`, the names from outside; `attributes`, those after dots; inner `imports`.

    Args:
        file: the source's, for messages.
        skipped: nodes that are looked at on their own.
        in_class: whether what is visited is part of a class.
    """

    def __init__(self, file: str, skipped: set[ast.AST], in_class: bool = False):
        self.file, self.skipped = file, skipped
        self.found: list[Use] = []
        self.attributes: set[str] = set()
        self.imports: list[ast.stmt] = []
        # (whether of a class, the names) each, the inmost last
        self.scopes: list[tuple[bool, set[str]]] = [(True, set())] if in_class else []

    def visit(self, node: ast.AST) -> None:
        if node not in self.skipped:
            super().visit(node)

    def refuse(self, node: ast.AST, why: str) -> UserError:
        return UserError(f"{self.file}, line {node.lineno}: cannot be inlined: {why}")

    def hidden(self) -> frozenset[str]:
        """The local names; those of a class are not seen in its methods."""
        inner = self.scopes[-1:]
        return frozenset().union(*(names for cls, names in self.scopes if not cls),
                                 *(names for _, names in inner))  # fmt: skip

    def scope(self, names: set[str], nodes: list[ast.AST], is_class: bool = False) -> None:
        self.scopes.append((is_class, names))
        for node in nodes:
            self.visit(node)
        self.scopes.pop()

    def add(self, node: ast.AST, name: str, column: int, shift: tuple[int, int] = (0, 0)) -> None:
        attribute, end = None, column + len(name.encode())
        attribute_end = end
        if isinstance(node, ast.Attribute):
            attribute, attribute_end = node.attr, node.end_col_offset + shift[1]
        hidden = self.hidden()
        if name not in hidden:
            line = node.lineno + shift[0]
            self.found.append(Use(name, line, column, end, attribute, attribute_end, hidden))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if not self.scopes:
            keyword = "async def " if isinstance(node, ast.AsyncFunctionDef) else "def "
            self.add(node, node.name, node.col_offset + len(keyword))
        for each in [*node.decorator_list, node.args]:
            self.visit(each)
        self.annotation(node.returns)
        self.scope(parameters(node.args) | bound(node.body), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if not self.scopes:
            self.add(node, node.name, node.col_offset + len("class "))
        for each in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(each)
        self.scope(bound(node.body), node.body, is_class=True)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self.scope(parameters(node.args), [node.body])

    def comprehension(self, node: Any) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        rest = [first.target, *first.ifs, *others]
        rest += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self.scope(bound([generator.target for generator in node.generators]), rest)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == "__import__":
            raise self.refuse(node, "a dynamic import")
        self.add(node, node.id, node.col_offset)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "import_module":
            raise self.refuse(node, "a dynamic import")
        self.attributes.add(node.attr)
        if isinstance(node.value, ast.Name) and node.lineno == node.end_lineno:
            self.add(node, node.value.id, node.value.col_offset)
        else:
            self.visit(node.value)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.imports.append(node)

    visit_ImportFrom = visit_Import

    def visit_Global(self, node: ast.Global) -> None:
        raise self.refuse(node, "a global statement")

    def visit_arg(self, node: ast.arg) -> None:
        self.annotation(node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.annotation(node.annotation)
        for each in (node.target, node.value):
            if each is not None:
                self.visit(each)

    def annotation(self, node: ast.AST | None) -> None:
        """A type; in quotes, it is code as well."""
        if node is None:
            return
        self.visit(node)
        for text in ast.walk(node):
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                for each in ast.walk(ast.parse(text.value, mode="eval")):
                    if isinstance(each, ast.Name):
                        shift = text.lineno - 1, text.col_offset + 1
                        self.add(each, each.id, each.col_offset + shift[1], shift)


def parameters(args: ast.arguments) -> set[str]:
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return {arg.arg for arg in every if arg}
