"""A script and all that it uses of the project's other modules, as one file that stands alone.

    text = inline(root, "hw7.kmeans", edit, "gradescope.plain")

The lesson comes first: the script's own definitions, then those of the modules that it uses, those
of common/ last, in their plain form where there is one, then PARTS and main. Constant numbers of
these modules stand at the top. What nothing mentions is left out, down to the methods of classes
without a base.
"""

import ast
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from common.runtime.errors import UserError
from gradescope.pieces import DEFINITIONS, Module, Piece

LAST = ("PARTS", "main", "")  # of the script; "" is what calls main
Edit = Callable[[str, str], str]  # (name of a module, its text) → the text to take instead


class Inliner:
    """Which pieces a script needs, from which modules, and in which order."""

    def __init__(self, root: Path, script: str, edit: Edit, plain: str, first: Sequence[str]):
        self.root, self.edit, self.first, self.modules = root, edit, first, {}
        self.script, self.plain = self.load(script), self.load(plain)
        self.kept: set[Piece] = set()
        self.imports: set[str] = set()
        new = [self.script.of[name] for name in LAST]
        if "GIVEN" in self.script.of:  # what only the right sides of blanks mention
            names = self.script.of["GIVEN"].find_names()
            new += [self.resolve(self.script, name) for name in names if name != "GIVEN"]
        while new:
            self.kept |= {*new}
            found = [(piece, name) for piece in new for name in piece.find_names()]
            found = [self.resolve(piece.module, name) for piece, name in found]
            self.imports |= {each for each in found if isinstance(each, str)}
            new = {each for each in found if isinstance(each, Piece)} | self.find_methods()
            new = list(new - self.kept)

    def load(self, name: str) -> Module:
        if name not in self.modules:
            text = (self.root / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
            self.modules[name] = Module(self.root, name, self.edit(name, text))
            for source, _ in self.modules[name].own.values():  # in the order of the imports
                if (
                    source[:7] != "common."
                    and (self.root / f"{source.replace('.', '/')}.py").exists()
                ):
                    self.load(source)
        return self.modules[name]

    def resolve(self, module: Module, name: str) -> Piece | str | None:
        """What a name means in a module: a piece, a line that imports it, or nothing."""
        base, _, attribute = name.partition(".")
        if base and base in module.of:
            others = {} if module is self.script else self.plain.of
            return others.get(base, module.of[base])
        if base in module.own:
            source, original = module.own[base]
            if (self.root / source.replace(".", "/") / f"{original}.py").exists():
                source, original = f"{source}.{original}", attribute
            stand_in = module is not self.plain and self.resolve(self.plain, original)
            return stand_in or (original and self.resolve(self.load(source), original)) or None
        return module.others.get(base)

    def find_methods(self) -> set[Piece]:
        """The methods of kept classes that something kept mentions."""
        mentioned = set().union(*(piece.find_names() for piece in self.kept))
        methods = {method for piece in self.kept for method in piece.methods}
        return {method for method in methods if f".{method.names[0]}" in mentioned}

    def is_number(self, piece: Piece) -> bool:
        """Whether it is a constant number of a module that is not the script's or the plain one."""
        value = getattr(getattr(piece.node, "value", None), "value", None)
        return isinstance(value, (int, float)) and piece.module not in (self.script, self.plain)

    def order(self) -> list[Piece]:
        """The kept pieces, the lesson first, and before each what its definition needs."""
        modules = sorted(self.modules.values(), key=lambda module: module.name[:7] == "common.")
        modules.sort(key=lambda module: module is self.plain)
        modules.sort(key=lambda m: [*self.first, m.name].index(m.name))
        pieces = [piece for module in modules for piece in module.pieces if piece in self.kept]
        numbers = [piece for piece in pieces if self.is_number(piece)]
        pieces = [piece for piece in pieces if piece not in numbers]
        first = [isinstance(piece.node, DEFINITIONS) for piece in pieces].index(True)
        pieces[first:first] = numbers
        last = [piece for piece in self.script.pieces if piece.names[0] in LAST]
        ordered, waiting = [], []

        def place(piece: Piece, early: bool) -> None:
            if piece in waiting:
                return
            waiting.append(piece)
            for name in sorted(piece.find_names(early)):
                found = self.resolve(piece.module, name)
                if isinstance(found, Piece):
                    place(found, early and not found.is_called_by(piece))
            ordered.append(piece)

        for piece in [*(each for each in pieces if each not in last), *last]:
            place(piece, early=True)
        return ordered

    def write(self, piece: Piece) -> str:
        """The piece's text and that of its kept methods, its aliases resolved."""
        methods = [method for method in piece.methods if method in self.kept]
        text = "\n".join(each.text for each in [piece, *methods])
        stored = {node.id for node in ast.walk(piece.node)
                  if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}  # fmt: skip
        for alias in [name for name in piece.module.own if not self.resolve(piece.module, name)]:
            for name in re.findall(rf"\b{alias}\.(\w+)", text):
                if name in stored:
                    raise UserError(f"{piece.module.name}: {name} has two meanings")
            text = re.sub(rf"\b{alias}\.(\w+)", r"\1", text)
        if piece.module is not self.script and piece.module.name not in self.first:
            text = re.sub(r"^(#.*\n)+\n", "", text.strip("\n"))  # which is no piece's alone
        return text.strip("\n")


def inline(root: Path, script: str, edit: Edit, plain: str, first: Sequence[str] = ()) -> str:
    """The file's text, not formatted yet; `edit` changes each module's text before.

    Args:
        plain: module that stands for the others: its names are taken instead of theirs.
        first: modules that come before the script itself.

    Raises:
        UserError: a name would mean two things.
    """
    inliner = Inliner(root, script, edit, plain, first)
    pieces = inliner.order()
    homes: dict[str, Piece] = {}
    imported = {line.split()[-1] for line in inliner.imports}
    for piece in pieces:
        for name in piece.names:
            if homes.setdefault(name, piece) is not piece or name in imported:
                raise UserError(f"{script} cannot be one file: {name} has two meanings")
    text, was_short = "\n".join(sorted(inliner.imports)), False
    for piece in pieces:
        short = isinstance(piece.node, (ast.Assign, ast.AnnAssign))
        text += ("\n" if short and was_short else "\n\n\n") + inliner.write(piece)
        was_short = short
    # a notebook takes every exit for an error
    end = "    if status := main():\n        sys.exit(status)"
    return text.replace("    sys.exit(main())", end) + "\n"
