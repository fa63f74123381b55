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

from common.faults import UserError

HERE = "Path(__file__).resolve().parent"  # the folder of the file; parents[1] is the repository
# What one file has no use for, or gives another meaning; the last two only outside of the script.
BARRED = r"import_module|(?<![\w.])__(import|file|doc|name)__"
BAR = '''try:
    from tqdm import tqdm
except ImportError:

    def tqdm(iterable, *args, **kwargs):
        """Stands in for the progress bar where tqdm is not installed."""
        return iterable
'''


class Piece:
    """A top-level statement, or a method that may be left out, with the comments above it.

    Attributes:
        lines: the numbers of its lines in its module.
        methods: those of a class without a base, each a piece of its own.
        nodes: the syntax of the rest, and of the types in quotes.
    """

    def __init__(self, module: "Module", node: ast.stmt, first: int):
        self.module, self.node, self.lines = module, node, range(first, node.end_lineno)
        self.methods: list[Piece] = []
        if isinstance(node, ast.ClassDef) and not node.bases and not module.is_script:
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
        head: the number of its docstring's lines.
        of: name → the pieces that define it, or set something of it.
        own: imported name → the project's module that it comes from, and its name there; "" for
            the module itself.
        foreign: imported name → lines of other imports at the top → whether for types only.
        inner: the imports in functions.
        needs: the modules that it imports → whether at the top.
    """

    def __init__(self, root: Path, name: str, is_script: bool):
        self.root, self.is_script = root, is_script
        path = root / f"{name.replace('.', '/')}.py"
        path = path if path.exists() else path.with_suffix("") / "__init__.py"
        self.file = path.relative_to(root).as_posix()
        source = path.read_text(encoding="utf-8")
        self.lines = source.split("\n")
        tree = ast.parse(source)
        self.head = end = tree.body[0].end_lineno if ast.get_docstring(tree) else 0
        self.pieces: list[Piece] = []
        self.of: dict[str, list[Piece]] = {}
        self.own: dict[str, tuple[str, str]] = {}
        self.foreign: dict[str, dict[str, bool]] = {}
        self.needs: dict[str, bool] = {}
        typing = [node for node in tree.body if is_if(node, "TYPE_CHECKING")]
        top = [*tree.body, *(each for node in typing for each in node.body)]
        imports = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
        self.inner = [node for node in imports if node not in top]
        for node in imports:
            self.take_import(node, node in tree.body, node in top)
        for node in tree.body[bool(end) :]:
            main = is_if(node, "__name__ == '__main__'") and not is_script
            if node not in imports and node not in typing and not main:
                self.take(node, end)
            end = node.end_lineno

    def refuse(self, node: ast.AST, why: str) -> UserError:
        return UserError(f"{self.file}, line {node.lineno}: cannot be inlined: {why}")

    def is_own(self, node: ast.Import | ast.ImportFrom) -> bool:
        source = getattr(node, "module", None) or node.names[0].name
        return (self.root / source.partition(".")[0] / "__init__.py").exists()

    def take_import(self, node: ast.Import | ast.ImportFrom, first: bool, top: bool) -> None:
        source = getattr(node, "module", None)
        for each in node.names:
            renamed = self.is_own(node) and (each.asname or not source)
            if each.name == "*" or getattr(node, "level", 0) or renamed:
                raise self.refuse(node, "write it as: from module import name")
            bound = each.asname or each.name.partition(".")[0]
            if self.is_own(node):
                inside = f"{source}.{each.name}"
                is_module = (self.root / f"{inside.replace('.', '/')}.py").exists()
                self.own[bound] = (inside, "") if is_module else (source, each.name)
                need = self.own[bound][0]
                self.needs[need] = first or self.needs.get(need, False)
            elif top:
                self.foreign.setdefault(bound, {})[line(node, each)] = not first

    def take(self, node: ast.stmt, first: int) -> None:
        text = "\n".join(self.lines[first : node.end_lineno])
        symbols = symtable(text, self.file, "exec").get_symbols()
        names = {each.get_name() for each in symbols if each.is_assigned() or each.is_imported()}
        if isinstance(node, ast.Assign) and not names:  # test_loop.__test__ = False
            names = {each.id for each in ast.walk(node.targets[0]) if isinstance(each, ast.Name)}
        if not names and not self.is_script:
            raise self.refuse(node, "a statement that acts when the module is imported")
        self.pieces.append(Piece(self, node, first))
        for name in names:
            self.of.setdefault(name, []).append(self.pieces[-1])


def is_if(node: ast.AST, end: str) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith(end)


def line(node: ast.Import | ast.ImportFrom, name: ast.alias) -> str:
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
            for each in piece.nodes:
                if isinstance(each, ast.Name):
                    self.use(piece, each.id, "")
                elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
                    self.use(piece, each.value.id, each.attr)

    def use(self, piece: Piece, name: str, attribute: str) -> None:
        """Keep what `name`, or `name.attribute`, means in a piece."""
        module = piece.module
        if name in module.own:
            source, original = module.own[name]
            module, name = self.modules[source], original or attribute
            bound = {each.arg if isinstance(each, ast.arg) else each.id for each in piece.nodes
                     if isinstance(getattr(each, "ctx", None), ast.Store) and isinstance(each, ast.Name) or isinstance(each, ast.arg)}
            if not original and name in bound:
                raise piece.module.refuse(piece.node, f"{name} is a local variable, too")
        if name in module.of:
            self.settle(name, module.file)
            for each in module.of[name]:
                self.keep(each)
        elif name in module.foreign:
            self.settle(name, "an import")
            for each, typing in module.foreign[name].items():
                self.imports[each] = self.imports.get(each, True) and typing

    def settle(self, name: str, home: str) -> None:
        """Note where a name comes from; it may not come from elsewhere, too."""
        if (other := self.home.setdefault(name, home)) != home:
            raise UserError(f"cannot be inlined: {name} is of {other} and of {home}: rename one")

    def text(self, piece: Piece) -> str:
        """A piece as it stands in the file."""
        module = piece.module
        gone = [each.lines for each in piece.methods if each not in self.kept]
        for node in module.inner:
            merged = all(self.imports.get(line(node, each)) is False for each in node.names)
            if module.is_own(node) or merged:
                blank = not module.lines[node.end_lineno].strip()
                gone.append(range(node.lineno - 1, node.end_lineno + blank))
        numbers = set(piece.lines).difference(*gone)
        text = "\n".join(module.lines[i] for i in sorted(numbers))
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
        head = "\n".join(script.lines[: script.head])
        parts = [head.replace(f"python {script.file}", f"python {Path(script.file).name}")]
        bar = self.imports.pop("from tqdm import tqdm", None)
        parts += [each for each, typing in self.imports.items() if not typing]
        if typing := [f"    {each}" for each, typing in self.imports.items() if typing]:
            parts += ["from typing import TYPE_CHECKING", "if TYPE_CHECKING:", *typing]
        parts += [BAR] * (bar is not None)
        for module in [*self.modules.values(), script]:
            kept = [self.text(piece) for piece in module.pieces if piece in self.kept]
            if kept:
                parts.append(f"\n\n# {'-' * 8} {module.file} {'-' * (86 - len(module.file))}\n\n")
                parts += module.lines[: module.head if module is not script else 0]
                parts += kept
        return "\n".join(parts) + "\n"


def one_file(root: Path, script: str) -> str:
    """The source of the module `script` under `root` as a file that needs nothing of the project.

    Raises:
        UserError: something in it cannot be inlined; names the file and the line.
    """
    return str(File(root, script))
