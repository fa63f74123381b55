"""A script and all that it uses of the project's other modules, as one file that stands alone.

    text = inline(root, "hw7.kmeans")

The lesson comes first: the script's own definitions, then those of the modules that it uses, then
the plain form of common/, then PARTS and main. Definitions are copied as they are written. What
nothing mentions is left out, down to the methods of classes without a base.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from common.runtime.errors import UserError

PLAIN = "gradescope.plain"
REPLACED = ("common.run", "common.data", "common.loop", "common.runtime.canvas")
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
LAST = ("PARTS", "main", "")  # of the script; "" is what calls main


@dataclass(eq=False)
class Piece:
    """A top-level statement or a method that may be left out, with the comments above it."""

    module: "Module"
    node: ast.stmt
    first: int  # its lines in the module, from 0
    last: int
    names: list[str]
    methods: list["Piece"] = field(default_factory=list)

    def find_names(self, kept: set["Piece"], early: bool = False) -> set[str]:
        """The names that it mentions; `early`: those that Python needs where it is defined."""
        nodes, found = [self.node], set()
        while nodes:
            node = nodes.pop()
            if any(node is method.node and method not in kept for method in self.methods):
                continue
            if early and isinstance(node, ast.FunctionDef):
                nodes += [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]
            elif early and isinstance(node, ast.AnnAssign):
                nodes += [node.value]
            elif node is not None:
                nodes += ast.iter_child_nodes(node)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.add(f"{node.value.id}.{node.attr}")
            elif isinstance(node, ast.Name):
                found.add(node.id)
        return found

    def is_called_by(self, other: "Piece") -> bool:
        """Whether `other`, a statement, calls it, and so needs all that it mentions."""
        calls = [node.func for node in ast.walk(other.node) if isinstance(node, ast.Call)]
        names = {ast.unparse(call).split(".")[-1] for call in calls}
        return not isinstance(other.node, DEFINITIONS) and not names.isdisjoint(self.names)


class Module:
    """A module, cut into pieces; `own` and `others` are its imports, of the project and else."""

    def __init__(self, root: Path, name: str, without_torch: bool, edit=None):
        self.name, self.own, self.others, self.of = name, {}, {}, {}
        text = (root / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
        text = select_torch(text, without_torch) if name == PLAIN else text
        text = edit(text) if edit else text
        tree, self.lines = ast.parse(text), text.split("\n")
        self.doc = ast.get_docstring(tree, clean=False)
        self.pieces = []
        end = tree.body[0].end_lineno if self.doc else 0
        for node in tree.body[bool(self.doc) :]:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self.take_import(root, node)
            elif not re.match(r"sys\.path|__all__|\w+\.__test__", ast.unparse(node)):
                targets = getattr(node, "targets", [getattr(node, "target", node)])
                targets = [each for target in targets for each in getattr(target, "elts", [target])]
                names = [getattr(each, "id", getattr(each, "name", "")) for each in targets]
                piece = Piece(self, node, end, node.end_lineno, names)
                self.pieces.append(piece)
                self.of |= dict.fromkeys(names, piece)
                if isinstance(node, ast.ClassDef) and not node.bases:
                    for before, each in zip(node.body, node.body[1:]):
                        if isinstance(each, ast.FunctionDef) and each.name[:2] != "__":
                            method = Piece(
                                self, each, before.end_lineno, each.end_lineno, [each.name]
                            )
                            piece.methods.append(method)
            end = node.end_lineno

    def take_import(self, root: Path, node: ast.Import | ast.ImportFrom) -> None:
        source = getattr(node, "module", None)
        for each in node.names:
            name = each.asname or each.name.split(".")[0]
            if source and (root / source.split(".")[0] / "__init__.py").exists():
                if each.asname:
                    raise UserError(f"{self.name}, line {node.lineno}: {each.asname} is renamed")
                self.own[name] = (PLAIN if source in REPLACED else source, each.name)
            elif source != "__future__":
                node_alone = type(node)(names=[each], module=source, level=0)
                self.others[name] = ast.unparse(node_alone)


class Inliner:
    """Which pieces a script needs, from which modules, and in which order."""

    def __init__(self, root: Path, script: str, edit=None):
        self.root, self.modules, self.edit = root, {}, edit
        source = (root / f"{script.replace('.', '/')}.py").read_text(encoding="utf-8")
        self.without_torch = 'needs="numpy"' in source
        self.script = self.load(script)
        for source, _ in self.script.own.values():
            if (root / f"{source.replace('.', '/')}.py").exists():
                self.load(source)
        self.kept: set[Piece] = set()
        self.imports: dict[str, str] = {}
        self.keep(self.script.of["PARTS"], self.script.of["main"], self.script.of[""])

    def load(self, name: str) -> Module:
        if name not in self.modules:
            self.modules[name] = Module(self.root, name, self.without_torch, self.edit)
        return self.modules[name]

    def resolve(self, module: Module, name: str) -> Piece | str | None:
        """What a name means in a module: a piece, a line that imports it, or nothing."""
        base, _, attribute = name.partition(".")
        if base in module.of:
            return module.of[base]
        if base in module.own:
            source, original = module.own[base]
            if (self.root / source.replace(".", "/") / f"{original}.py").exists():
                other = self.load(f"{source}.{original}")
                return self.resolve(other, attribute) if attribute else None
            return self.resolve(self.load(source), original)
        return module.others.get(base)

    def keep(self, *pieces: Piece) -> None:
        """Keep these pieces and all that they mention."""
        todo = list(pieces)
        while todo:
            piece = todo.pop()
            self.kept.add(piece)
            for name in piece.find_names(self.kept):
                found = self.resolve(piece.module, name)
                if isinstance(found, Piece) and found not in self.kept:
                    todo.append(found)
                elif isinstance(found, str):
                    self.imports[found.split()[-1]] = found
            if not todo:
                todo += self.find_methods()

    def find_methods(self) -> list[Piece]:
        """The methods of kept classes that something kept mentions, and are not kept yet."""
        mentioned = {
            node.attr
            for piece in self.kept
            for node in ast.walk(piece.node)
            if isinstance(node, ast.Attribute) and not self.is_dropped(piece, node)
        }
        methods = [method for piece in self.kept for method in piece.methods]
        return [each for each in methods if each.names[0] in mentioned and each not in self.kept]

    def is_dropped(self, piece: Piece, node: ast.AST) -> bool:
        """Whether the node stands in a method that is left out so far."""
        return any(
            method not in self.kept and method.first < node.lineno <= method.last
            for method in piece.methods
        )

    def order(self) -> list[Piece]:
        """The kept pieces, the lesson first, and before each what its definition needs."""
        modules = sorted(self.modules.values(), key=lambda module: module.name[:7] == "common.")
        modules.sort(key=lambda module: module.name == PLAIN)
        pieces = [piece for module in modules for piece in module.pieces if piece in self.kept]
        last = [piece for piece in self.script.pieces if piece.names[0] in LAST]
        ordered: list[Piece] = []

        def place(piece: Piece, early: bool) -> None:
            if piece in ordered or piece in waiting:
                return
            waiting.append(piece)
            for name in sorted(piece.find_names(self.kept, early)):
                found = self.resolve(piece.module, name)
                if isinstance(found, Piece):
                    place(found, early and not found.is_called_by(piece))
            ordered.append(piece)

        waiting: list[Piece] = []
        for piece in [*(each for each in pieces if each not in last), *last]:
            place(piece, early=True)
        return ordered

    def write(self, piece: Piece) -> str:
        """The piece's lines without what is left out, its aliases resolved, its docstrings cut."""
        lines = dict(enumerate(piece.module.lines[piece.first : piece.last], piece.first))
        names = {node.id for node in ast.walk(piece.node)
                 if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}  # fmt: skip
        for node in ast.walk(piece.node):
            if isinstance(node, DEFINITIONS) and piece.module is not self.script:
                cut_docstring(node, lines)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                alias = node.value.id
                if alias in piece.module.own and self.resolve(piece.module, alias) is None:
                    if node.attr in names:
                        raise UserError(f"{piece.module.name}: {node.attr} has two meanings")
                    i = node.lineno - 1
                    lines[i] = re.sub(rf"\b{alias}\.{node.attr}\b", node.attr, lines[i])
        for method in piece.methods:
            if method not in self.kept:
                lines = {i: s for i, s in lines.items() if not method.first <= i < method.last}
        return "\n".join(lines[i] for i in sorted(lines)).strip("\n")


def cut_docstring(node: ast.AST, lines: dict[int, str]) -> None:
    """Cut it to its first paragraph."""
    text = ast.get_docstring(node, clean=False)
    if text and "\n\n" in text:
        first, last = node.body[0].lineno - 1, node.body[0].end_lineno - 1
        end = next(i for i in range(first, last) if not lines[i].strip())
        lines[end - 1] += '"""'
        for i in range(end, last + 1):
            del lines[i]


def select_torch(text: str, without_torch: bool) -> str:
    """The plain form with the blocks under `if needs != "numpy":` left out, or always run."""
    block = re.compile(r'^( *)if needs != "numpy":\n((?:\1    .*\n)+)', re.M)
    outside = re.compile("^    ", re.M)
    return block.sub(lambda match: "" if without_torch else outside.sub("", match[2]), text)


def inline(root: Path, script: str, edit=None) -> str:
    """The file's text, not formatted yet; `edit` changes each module's text before.

    Raises:
        UserError: a name would mean two things.
    """
    inliner = Inliner(root, script, edit)
    pieces = inliner.order()
    homes: dict[str, Piece] = {}
    for piece in pieces:
        for name in piece.names:
            if homes.setdefault(name, piece) is not piece or name in inliner.imports:
                raise UserError(f"{script} cannot be one file: {name} has two meanings")
    head = f'"""{describe(inliner.script.doc, script)}"""\n\nfrom __future__ import annotations\n'
    imports = "\n".join(sorted(set(inliner.imports.values())))
    text, was_short = head + imports, False
    for piece in pieces:
        short = isinstance(piece.node, (ast.Assign, ast.AnnAssign))
        text += ("\n" if short and was_short else "\n\n\n") + inliner.write(piece)
        was_short = short
    # a notebook takes every exit for an error
    end = "    if status := main():\n        sys.exit(status)"
    return text.replace("    sys.exit(main())", end) + "\n"


def describe(doc: str, script: str) -> str:
    """The script's docstring, without what leads out of the file."""
    homework = script.split(".")[0]
    doc = re.sub(rf";\s+{homework}/README\.md\s+explains\s+them", "", doc)
    doc = re.sub(rf"\s*[^.]*{homework}/\w+_study\.py[^.]*\.", "", doc)
    return doc.replace(f"python {homework}/", "python ")
