"""A script and all that it uses of the project's other modules, as one file that stands alone.

    text = one_file(root, "hw7.kmeans")

Definitions are copied as they are written, comments included, a module's after those of the modules
that it imports. What nothing kept mentions is left out, down to the methods of classes without a
base. Names stay as they are, so that none may mean two things; `plots.curves` becomes `curves`.
"""

import ast
import builtins
import re
from pathlib import Path
from symtable import symtable

from common.runtime.errors import UserError

IMPORTS = (ast.Import, ast.ImportFrom)
HERE = "Path(__file__).resolve().parent"  # the folder of the file; parents[1] is the repository
# What has no place in one file, or another meaning there; the last two in the script alone not.
BARRED = r"import_module|(?<![\w.])__(import|file|doc|name)__"


class Piece:
    """A top-level statement, or a method that may be left out, with the comments above it.

    Attributes:
        lines: their numbers in the module, from 0.
        methods: those of a class without a base, each a piece of its own.
        nodes: the syntax of the rest, and of the types in quotes.
    """

    def __init__(self, module: "Module", node: ast.stmt, first: int):
        self.module, self.node, self.lines = module, node, range(first, node.end_lineno)
        self.methods: list[Piece] = []
        if isinstance(node, ast.ClassDef) and not node.bases:
            for before, each in zip(node.body[:-1], node.body[1:]):
                if isinstance(each, ast.FunctionDef) and not each.name.startswith("__"):
                    self.methods.append(Piece(module, each, before.end_lineno))
                    node.body.remove(each)
        self.nodes = list(ast.walk(node))
        for each in list(self.nodes):
            quoted = getattr(each, "annotation", None) or getattr(each, "returns", None)
            if isinstance(quoted, ast.Constant) and isinstance(quoted.value, str):
                self.nodes += ast.walk(ast.parse(quoted.value, mode="eval"))


class Module:
    """A module of the project, cut into pieces.

    Attributes:
        docstring: its lines.
        of: name → the pieces that define it, or set something of it.
        own: imported name → the module of the project and the name there; "": the module itself.
        others: imported name → lines of all other imports at the top → whether for types only.
        needs: module of the project that it imports → whether at the top.
        inner: the imports in functions, each with whether it is of the project.
    """

    def __init__(self, root: Path, name: str, is_script: bool):
        self.root, self.is_script = root, is_script
        path = root / f"{name.replace('.', '/')}.py"
        path = path if path.exists() else path.with_suffix("") / "__init__.py"
        self.file = path.relative_to(root).as_posix()
        self.lines = path.read_text(encoding="utf-8").split("\n")
        self.pieces: list[Piece] = []
        self.of: dict[str, list[Piece]] = {}
        self.own: dict[str, tuple[str, str]] = {}
        self.others: dict[str, dict[str, bool]] = {}
        self.needs: dict[str, bool] = {}
        self.inner: list[tuple[ast.stmt, bool]] = []
        tree = ast.parse("\n".join(self.lines))
        end = tree.body[0].end_lineno if ast.get_docstring(tree) else 0
        self.docstring = self.lines[:end]
        types = [node for node in tree.body if is_if(node, "TYPE_CHECKING")]
        top = [*tree.body, *(each for node in types for each in node.body)]
        for node in [each for each in ast.walk(tree) if isinstance(each, IMPORTS)]:
            self.take_import(node, node in tree.body, node in top)
        for node in tree.body[bool(end) :]:
            main = is_if(node, "__name__ == '__main__'") and not is_script
            if not isinstance(node, IMPORTS) and node not in types and not main:
                self.take(Piece(self, node, end))
            end = node.end_lineno

    def refuse(self, node: ast.AST, why: str) -> UserError:
        return UserError(f"{self.file}, line {node.lineno}: cannot be inlined: {why}")

    def take_import(self, node: ast.Import | ast.ImportFrom, first: bool, top: bool) -> None:
        source = getattr(node, "module", None)
        package = (source or node.names[0].name).partition(".")[0]
        own = (self.root / package / "__init__.py").exists()
        for each in node.names:
            unclear = own and (each.asname or not source)
            if each.name == "*" or getattr(node, "level", 0) or unclear:
                raise self.refuse(node, "write it as: from module import name")
            bound = each.asname or each.name.partition(".")[0]
            if own:
                inside = f"{source}.{each.name}"
                is_module = (self.root / f"{inside.replace('.', '/')}.py").exists()
                need = inside if is_module else source
                self.own[bound] = need, "" if is_module else each.name
                self.needs[need] = first or self.needs.get(need, False)
            elif top:
                self.others.setdefault(bound, {})[spelled(node, each)] = not first
        if not top:
            self.inner.append((node, own))

    def take(self, piece: Piece) -> None:
        symbols = symtable(self.text(piece.lines), self.file, "exec").get_symbols()
        names = {each.get_name() for each in symbols if each.is_assigned() or each.is_imported()}
        if isinstance(piece.node, ast.Assign) and not names:  # test_loop.__test__ = False
            names = {n.id for n in ast.walk(piece.node.targets[0]) if isinstance(n, ast.Name)}
        if not names and not self.is_script:
            raise self.refuse(piece.node, "a statement that acts when the module is imported")
        self.pieces.append(piece)
        for name in names:
            self.of.setdefault(name, []).append(piece)

    def text(self, numbers) -> str:
        return "\n".join(self.lines[i] for i in sorted(numbers))


def is_if(node: ast.AST, end: str) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith(end)


def spelled(node: ast.Import | ast.ImportFrom, name: ast.alias) -> str:
    """The import of one of a statement's names."""
    source = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
    return f"{source}import {ast.unparse(name)}"


class File:
    """The one file: its modules in their order, the pieces that it keeps, and its imports.

    Attributes:
        imports: line → whether it is for types only.
        home: name → where it is defined.
    """

    def __init__(self, root: Path, script: str):
        self.root, self.script = root, script
        self.modules: dict[str, Module] = {}
        self.read(script, ())
        self.kept: set[Piece] = set()
        self.imports: dict[str, bool] = {}
        self.home = dict.fromkeys(dir(builtins), "Python itself")
        todo = self.modules[script].pieces
        while todo:
            for piece in todo:
                self.keep(piece)
            mentioned = {getattr(node, "attr", "") for piece in self.kept for node in piece.nodes}
            methods = {method for piece in self.kept for method in piece.methods} - self.kept
            todo = [method for method in methods if method.node.name in mentioned]

    def read(self, name: str, above: tuple[str, ...]) -> None:
        """Read a module, after those that it imports at the top and before the others."""
        if name in above:
            raise UserError(f"cannot be inlined: a circle of imports, {' → '.join([*above, name])}")
        if name not in self.modules:
            module = Module(self.root, name, name == self.script)
            for need in [need for need, first in module.needs.items() if first]:
                self.read(need, (*above, name))
            self.modules[name] = module
            for need in module.needs:
                self.read(need, ())

    def keep(self, piece: Piece) -> None:
        """Keep a piece and all that it uses."""
        if piece not in self.kept:
            self.kept.add(piece)
            for node in piece.nodes:
                if isinstance(node, ast.Name):
                    self.use(piece, node.id, "")
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    self.use(piece, node.value.id, node.attr)

    def use(self, piece: Piece, name: str, attribute: str) -> None:
        """Keep what `name`, or `name.attribute`, means in a piece."""
        module = piece.module
        if name in module.own:
            source, original = module.own[name]
            module, name = self.modules[source], original or attribute
            local = {getattr(node, "arg", None) or getattr(node, "id", None) for node in piece.nodes
                     if not isinstance(getattr(node, "ctx", None), ast.Load)}  # fmt: skip
            if not original and name in local:
                raise piece.module.refuse(piece.node, f"{name} is a local variable, too")
        found = module.of.get(name, [])
        others = {} if found else module.others.get(name, {})
        home = module.file if found else "an import"
        if (found or others) and self.home.setdefault(name, home) != home:
            raise UserError(f"{name} is of {self.home[name]} and of {home}: rename one")
        for each in found:
            self.keep(each)
        for line, typing in others.items():
            self.imports[line] = self.imports.get(line, True) and typing

    def text(self, piece: Piece) -> str:
        """A piece as it stands in the file."""
        module = piece.module
        gone = [each.lines for each in piece.methods if each not in self.kept]
        for node, own in module.inner:
            if own or all(self.imports.get(spelled(node, n)) is False for n in node.names):
                blank = not module.lines[node.end_lineno].strip()
                gone.append(range(node.lineno - 1, node.end_lineno + blank))
        text = module.text(set(piece.lines).difference(*gone))
        for alias, (source, name) in module.own.items():
            if not name:
                names = "|".join(self.modules[source].of)
                text = re.sub(rf"(?<![\w.]){alias}\.(?=({names})\b)", "", text)
        text = text.replace("Path(__file__).resolve().parents[1]", HERE)
        found = re.search(BARRED, text.replace(HERE, ""))
        if found and not (module.is_script and found[0] in ("__doc__", "__name__")):
            raise module.refuse(piece.node, f"{found[0]} does not work in a file that stands alone")
        return text

    def __str__(self) -> str:
        script = self.modules.pop(self.script)
        head = "\n".join(script.docstring)
        parts = [head.replace(f"python {script.file}", f"python {Path(script.file).name}")]
        parts += sorted(line for line, typing in self.imports.items() if not typing)
        if typing := sorted(f"    {line}" for line, typing in self.imports.items() if typing):
            parts += ["from typing import TYPE_CHECKING", "if TYPE_CHECKING:", *typing]
        for module in [*self.modules.values(), script]:
            kept = [self.text(piece) for piece in module.pieces if piece in self.kept]
            if kept:
                parts.append(f"\n\n# {'-' * 8} {module.file} {'-' * (86 - len(module.file))}\n")
                parts += kept if module is script else [*module.docstring, *kept]
        return "\n".join(parts) + "\n"


def one_file(root: Path, script: str) -> str:
    """The source of the module `script` under `root` as a file that needs nothing of the project.

    Raises:
        UserError: something in it cannot be inlined; names the file and the line.
    """
    return str(File(root, script))
