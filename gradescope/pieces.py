"""A module's text, cut into the pieces that a single file takes or leaves."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from common.runtime.errors import UserError

DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(eq=False)
class Piece:
    """A top-level statement or a method, with the comments above it."""

    module: "Module"
    node: ast.stmt
    text: str
    names: list[str]
    methods: list["Piece"] = field(default_factory=list)

    def find_names(self, early: bool = False) -> set[str]:
        """What it mentions but for its methods; `early`: what Python needs where it is defined."""
        nodes, found = [self.node], set()
        while nodes:
            node = nodes.pop()
            if early and isinstance(node, ast.FunctionDef):
                nodes += [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]
            elif node and all(node is not method.node for method in self.methods):
                nodes += ast.iter_child_nodes(node)
            if isinstance(node, ast.Attribute):
                found |= {f".{node.attr}", f"{getattr(node.value, 'id', '')}.{node.attr}"}
            elif isinstance(node, ast.Name):
                found.add(node.id)
        return found

    def is_called_by(self, other: "Piece") -> bool:
        """Whether `other`, a statement, calls it, and so needs all that it mentions."""
        calls = [node.func for node in ast.walk(other.node) if isinstance(node, ast.Call)]
        names = {ast.unparse(call).split(".")[-1] for call in calls}
        return not isinstance(other.node, DEFINITIONS) and not names.isdisjoint(self.names)


class Module:
    """A module in pieces: `of` by name; `own` and `others` are its imports, ours and others'."""

    def __init__(self, root: Path, name: str, text: str):
        self.root, self.name, self.own, self.others, self.of = root, name, {}, {}, {}
        tree, self.lines = ast.parse(text), text.split("\n")
        self.doc = ast.get_docstring(tree, clean=False)
        self.pieces: list[Piece] = []
        end = tree.body[0].end_lineno if self.doc else 0
        for node in tree.body[bool(self.doc) :]:
            imports = [each for each in ast.walk(node) if isinstance(each, IMPORTS)]
            if isinstance(node, (*IMPORTS, ast.Try)):
                for each in imports:
                    self.take_import(each)
            elif not re.match(r"sys\.path|__all__|\w+\.__test__", ast.unparse(node)):
                self.pieces.append(self.make_piece(node, end))
            end = node.end_lineno

    def make_piece(self, node: ast.stmt, above: int) -> Piece:
        """The statement as a piece, whose text begins below line `above`."""
        targets = getattr(node, "targets", [getattr(node, "target", node)])
        targets = [each for target in targets for each in getattr(target, "elts", [target])]
        names = [getattr(each, "id", getattr(each, "name", "")) for each in targets]
        piece = Piece(self, node, "", names)
        self.of |= dict.fromkeys(names, piece)
        end = node.end_lineno
        if isinstance(node, ast.ClassDef) and not node.bases:
            for before, each in reversed([*zip(node.body, node.body[1:])]):
                if isinstance(each, ast.FunctionDef) and each.name[:2] != "__":
                    text = "\n".join(self.lines[before.end_lineno : each.end_lineno])
                    piece.methods.insert(0, Piece(self, each, text, [each.name]))
                    end = before.end_lineno
        piece.text = "\n".join(self.lines[above:end])
        return piece

    def take_import(self, node: ast.Import | ast.ImportFrom) -> None:
        source = getattr(node, "module", None)
        for each in node.names:
            name = each.asname or each.name.split(".")[0]
            if source and (self.root / source.split(".")[0] / "__init__.py").exists():
                if each.asname:
                    raise UserError(f"{self.name}, line {node.lineno}: {each.asname} is renamed")
                self.own[name] = (source, each.name)
            elif source != "__future__":
                self.others[name] = ast.unparse(type(node)(names=[each], module=source, level=0))
