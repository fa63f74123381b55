"""A script and all that it uses of the project's other modules, as one file that stands alone.

    text = one_file(root, "hw7.kmeans")

Definitions are copied as they are written, comments included. What the script does not use is left
out, down to the methods of classes without a base. Names change only where a module's name goes
(`plots.curves` becomes `curves`), or where two modules give one name to different things.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from common.faults import UserError
from common.scopes import Import, Use, Uses, bound, spelled

WIDTH = 100
HERE = "Path(__file__).resolve().parent"  # the folder of the file; parents[1] is the repository
BAR = '''try:
    from tqdm import tqdm
except ImportError:

    class tqdm:
        """Stands in for the progress bar where tqdm is not installed, and shows nothing."""

        def __init__(self, iterable=(), *args, **kwargs):
            self.iterable = iterable

        def __iter__(self):
            return iter(self.iterable)

        def update(self, n=1):
            """Nothing is shown."""

        def close(self):
            """Nothing was opened."""
'''


class Piece:
    """A top-level statement, or a method that may be left out, with the comments above it.

    Attributes:
        first, last: its lines are module.lines[first:last].
        names: what it defines; () for a statement such as `test_loop.__test__ = False`.
        uses, attributes: the names from outside, and all names after a dot.
        methods: by name, those of a class without base that go where nothing mentions them.
    """

    def __init__(self, module: "Module", node: ast.stmt, first: int, in_class: bool = False):
        self.module, self.node = module, node
        self.first, self.last = first, node.end_lineno
        self.names = bound([node])
        self.methods: dict[str, Piece] = {}
        if isinstance(node, ast.ClassDef) and not node.bases and not module.is_script:
            for before, method in zip(node.body, node.body[1:]):
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("__"):
                    self.methods[method.name] = Piece(module, method, before.end_lineno, True)
        uses = Uses(module.file, {piece.node for piece in self.methods.values()}, in_class)
        uses.visit(node)
        self.uses, self.attributes, self.inner = uses.found, uses.attributes, uses.imports

    @property
    def is_block(self) -> bool:
        return isinstance(self.node, (ast.FunctionDef, ast.ClassDef))


class Module:
    """A module of the project, cut into pieces.

    Attributes:
        imports: name → `Import`, at the top, under TYPE_CHECKING and, of the project, in functions.
        needs: the project's modules that must come before it.
        cuts: [first, last) of the lines of the imports in functions that are no longer needed.
    """

    def __init__(self, project: "Project", name: str, is_script: bool):
        self.project, self.is_script = project, is_script
        path = project.path(name)
        self.file = path.relative_to(project.root).as_posix()
        source = path.read_bytes()
        self.lines = source.splitlines()  # of bytes: ast counts its columns in them
        tree = ast.parse(source)
        self.docstring = ast.get_docstring(tree) or ""
        self.head = tree.body[0].end_lineno if self.docstring else 0  # the lines of the docstring
        self.imports: dict[str, Import] = {}
        self.needs: list[str] = []
        self.cuts: list[tuple[int, int]] = []
        self.pieces: list[Piece] = []
        self.take_inner_imports(tree)
        end = 0
        for node in tree.body:
            self.take(node, end)
            end = node.end_lineno
        self.of: dict[str, Piece] = {}
        for piece in self.pieces:
            for name in sorted(piece.names):
                if self.of.setdefault(name, piece) is not piece:
                    raise self.refuse(piece.node.lineno, f"{name} is defined a second time")

    def refuse(self, line: int, why: str) -> UserError:
        return UserError(f"{self.file}, line {line}: cannot be inlined: {why}")

    def take(self, node: ast.stmt, end: int) -> None:
        """Sort a top-level statement in, whose predecessor ends in line `end`."""
        guard = ast.unparse(node.test) if isinstance(node, ast.If) else ""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.add_imports(node)
        elif self.is_typing(node):
            for each in node.body:
                self.add_imports(each, typing=True)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            pass  # the docstring
        elif not guard.startswith("__name__ ==") or self.is_script:
            piece = Piece(self, node, end)
            if not (self.is_script or piece.names or isinstance(node, ast.Assign)):
                raise self.refuse(node.lineno, "a statement that acts when the module is imported")
            self.pieces.append(piece)

    def take_inner_imports(self, tree: ast.Module) -> None:
        """Imports of the project's own modules in functions: to the others, out of the tree."""
        for node in ast.walk(tree):
            for field in ("body", "orelse", "finalbody", "handlers"):
                body = getattr(node, field, None)
                if node is tree or not isinstance(body, list) or self.is_typing(node):
                    continue
                for each in [each for each in body if self.is_own_import(each)]:
                    body.remove(each)
                    self.cut(each)
                    self.add_imports(each, inner=True)

    def is_typing(self, node: ast.AST) -> bool:
        return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")

    def is_own_import(self, node: ast.AST) -> bool:
        return isinstance(node, (ast.Import, ast.ImportFrom)) and any(
            self.project.owns(each.source) for each in spelled(node)
        )

    def cut(self, node: ast.stmt) -> None:
        """Leave out an import in a function, and the blank line after it."""
        blank = not self.lines[node.end_lineno].strip()
        self.cuts.append((node.lineno - 1, node.end_lineno + blank))

    def add_imports(self, node: ast.stmt, typing: bool = False, inner: bool = False) -> None:
        for each in spelled(node, typing):
            if each.name == "*" or each.source.startswith("."):
                raise self.refuse(node.lineno, "name each import: no star, no relative import")
            if self.project.owns(each.source):
                if not each.name:
                    raise self.refuse(node.lineno, f"write: from … import …, for {each.source}")
                if not typing and not inner:
                    self.needs.append(self.project.home(each))
            if self.imports.setdefault(each.bound, each) != each:
                raise self.refuse(node.lineno, f"{each.bound} is imported twice, in two meanings")


class Project:
    """The repository's modules, each read once."""

    def __init__(self, root: Path, script: str):
        self.root, self.script = root, script
        self.modules: dict[str, Module] = {}

    def owns(self, name: str) -> bool:
        return (self.root / name.partition(".")[0] / "__init__.py").exists()

    def path(self, name: str) -> Path:
        path = self.root / name.replace(".", "/")
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def home(self, each: Import) -> str:
        """The module that `from source import name` brings in, or in which the name stands."""
        inside = f"{each.source}.{each.name}"
        return inside if self.path(inside).exists() else each.source

    def module(self, name: str) -> Module:
        if name not in self.modules:
            self.modules[name] = Module(self, name, name == self.script)
        return self.modules[name]

    def ordered(self) -> list[Module]:
        """The modules that were read, each after what it needs when it is imported.

        Raises:
            UserError: modules import each other in a circle.
        """
        done: dict[str, Module] = {}

        def visit(name: str, path: list[str]) -> None:
            if name in path:
                raise UserError(f"cannot be inlined: a circle of imports, "
                                f"{' → '.join([*path[path.index(name) :], name])}")  # fmt: skip
            module = self.module(name)
            for need in module.needs:
                visit(need, [*path, name])
            done.setdefault(name, module)

        package = self.script.partition(".")[0]
        for name in sorted(self.modules, key=lambda name: (name.startswith(package), name)):
            visit(name, [])  # what is shared comes first
        done[self.script] = done.pop(self.script)
        return list(done.values())

    def meaning(self, module: Module, use: Use) -> tuple[Piece, str] | Import | None:
        """What a name stands for: a definition of the project, an import, or a built-in: None."""
        if use.name in module.of:
            return module.of[use.name], use.name
        each = module.imports.get(use.name)
        if each is None or not self.owns(each.source):
            return each
        home = self.home(each)
        name = each.name if home == each.source else use.attribute
        if name is None:
            raise module.refuse(use.line, f"it uses the module {use.name} itself, as a value")
        found = self.meaning(self.module(home), Use(name, use.line))
        if found is None:
            raise module.refuse(use.line, f"{home} has no {name}")
        return found

    def written(self, module: Module, use: Use) -> tuple[int, str]:
        """Where in the line the use ends, and its text: with the attribute where it goes, too."""
        each = module.imports.get(use.name)
        is_module = each and use.name not in module.of and self.owns(each.source)
        if is_module and self.home(each) != each.source:
            return use.attribute_end, f"{use.name}.{use.attribute}"
        return use.end, use.name


class File:
    """The one file: what it keeps, and what everything in it is called."""

    def __init__(self, root: Path, script: str):
        self.project = Project(root, script)
        self.script = self.project.module(script)
        self.kept: dict[Piece, None] = {}  # a set, in the order of finding
        self.uses: list[tuple[Piece, Use, tuple[Piece, str] | Import | None]] = []
        self.keep(list(self.script.pieces))
        self.modules = self.project.ordered()
        self.imports = self.merged_imports()
        self.names = self.final_names()

    def keep(self, todo: list[Piece]) -> None:
        """Keep those pieces and all that they use."""
        attributes: set[str] = set()
        while todo:
            for piece in todo:
                if piece not in self.kept:
                    self.kept[piece] = None
                    attributes |= piece.attributes
                    self.look_up(piece)
            methods = (m for piece in self.kept for m in piece.methods.items())
            found = [method for name, method in methods if name in attributes]
            found += [meaning[0] for _, _, meaning in self.uses if isinstance(meaning, tuple)]
            todo = [piece for piece in [*found, *self.followers()] if piece not in self.kept]

    def look_up(self, piece: Piece) -> None:
        """Add what the names in a piece mean to `uses`."""
        for use in piece.uses:
            meaning = self.project.meaning(piece.module, use)
            self.uses.append((piece, use, meaning))
            own = piece.module.is_script or use.name not in ("__doc__", "__name__")
            if not own and meaning is None:
                raise piece.module.refuse(use.line, f"{use.name} would be the script's")

    def followers(self) -> Iterator[Piece]:
        """Assignments to an attribute of what is kept: `test_loop.__test__ = False`."""
        for module in self.project.modules.values():
            for piece in module.pieces:
                owners = {module.of.get(use.name) for use in piece.uses[:1]}
                if not piece.names and owners & self.kept.keys():
                    yield piece

    def merged_imports(self) -> dict[str, Import]:
        """The imports at the top, by the name they bind; those for types only where they are."""
        found: dict[str, Import] = {}
        for piece, use, each in self.uses:
            if isinstance(each, Import):
                first = found.setdefault(each.bound, each)
                if first.text != each.text:
                    raise piece.module.refuse(
                        use.line, f"{each.bound} is {first.text} elsewhere, {each.text} here"
                    )
                if first.typing and not each.typing:
                    found[each.bound] = each
        return found

    def final_names(self) -> dict[tuple[Piece, str], str]:
        """What each definition is called: as it is written, else with its module before it.

        A plain name is taken if something else has it already, or if, where it would replace
        `module.name`, a local variable has it.
        """
        hidden: dict[tuple[Piece, str], set[str]] = {}
        for piece, use, meaning in self.uses:
            if isinstance(meaning, tuple):
                renamed = self.project.written(piece.module, use)[1] != meaning[1]
                hidden.setdefault(meaning, set()).update(use.hidden if renamed else ())
        taken = set(self.imports) | {use.name for _, use, meaning in self.uses if meaning is None}
        names: dict[tuple[Piece, str], str] = {}
        for module in [self.script, *self.modules]:
            for piece in module.pieces:
                for name in sorted(piece.names) if piece in self.kept else ():
                    if (piece, name) in names:
                        continue
                    final = name
                    if name in taken or name in hidden.get((piece, name), ()):
                        final = prefixed(Path(module.file).stem, name)
                    if final in taken:
                        raise module.refuse(piece.node.lineno, f"{final} has two meanings")
                    taken.add(final)
                    names[piece, name] = final
        return names

    def edits(self, piece: Piece) -> list[tuple[int, int, int, str]]:
        """(line, column, end, text instead) of the names in a piece that change."""
        edits = []
        for owner, use, meaning in self.uses:
            if owner is not piece or not isinstance(meaning, tuple):
                continue
            final = self.names[meaning]
            end, text = self.project.written(piece.module, use)
            if text == final:
                continue
            if final in use.hidden:
                raise piece.module.refuse(use.line, f"{final} is a local variable, too")
            if piece.module.lines[use.line - 1][use.column : end] != text.encode():
                raise piece.module.refuse(use.line, f"{text} is not to be found in its line")
            edits.append((use.line - 1, use.column, end, final))
        return sorted(edits, reverse=True)

    def source(self, piece: Piece) -> str:
        """A piece as it stands in the file."""
        module = piece.module
        lines: list[bytes | None] = list(module.lines)
        for part in [piece, *piece.methods.values()]:
            if part in self.kept:
                for line, column, end, text in self.edits(part):
                    lines[line] = lines[line][:column] + text.encode() + lines[line][end:]
                for node in part.inner:
                    if all(self.has(each) for each in spelled(node)):
                        module.cut(node)
            else:
                lines[part.first : part.last] = [None] * (part.last - part.first)
        for first, last in module.cuts:
            lines[first:last] = [None] * (last - first)
        kept = [line for line in lines[piece.first : piece.last] if line is not None]
        text = b"\n".join(kept).decode().strip("\n")
        text = text.replace("Path(__file__).resolve().parents[1]", HERE)
        if "__file__" in text.replace(HERE, ""):
            raise module.refuse(piece.node.lineno, "a place beside __file__ other than parents[1]")
        return text

    def has(self, each: Import) -> bool:
        """Whether an import in a function is at the file's top as well."""
        top = self.imports.get(each.bound)
        return top is not None and not top.typing and top.text == each.text

    def __str__(self) -> str:
        name = Path(self.script.file).name
        head = b"\n".join(self.script.lines[: self.script.head]).decode()
        head = head.replace(f"python {self.script.file}", f"python {name}")
        parts = [f"{head}\n\n{import_block(self.imports)}"]
        for module in self.modules:
            kept = [piece for piece in module.pieces if piece in self.kept]
            if not kept:
                continue
            after = banner(module.file, "" if module.is_script else module.docstring)
            for before, piece in zip([None, *kept], kept):
                close = before and not before.is_block and not piece.is_block
                lines = takewhile(lambda line: not line, module.lines[piece.first :])
                parts.append(
                    "\n" * (len(list(lines)) if close else 2) + after + self.source(piece) + "\n"
                )
                after = ""
        return "".join(parts)


def prefixed(stem: str, name: str) -> str:
    """sketch and WIDTH: SKETCH_WIDTH; sketch and Box: SketchBox; sketch and box: sketch_box."""
    if name.isupper():
        return f"{stem.upper()}_{name}"
    return f"{stem.title()}{name}" if name[0].isupper() else f"{stem}_{name}"


def banner(file: str, docstring: str) -> str:
    """The heading of what comes from a file, with its docstring as comments."""
    lines = [f" {file} ".join(["-" * 8, "-" * (WIDTH - 12 - len(file))])]
    for paragraph in docstring.split("\n\n") if docstring else ():
        verbatim = paragraph.startswith(" ")
        lines += paragraph.split("\n") if verbatim else textwrap.wrap(paragraph, WIDTH - 2)
        lines.append("")
    return "\n".join(f"# {line}".rstrip() for line in lines).rstrip("#\n") + "\n\n\n"


def import_block(imports: dict[str, Import]) -> str:
    """The imports in the usual order; the progress bar's with a stand-in."""
    top = [each for each in imports.values() if not each.typing]
    typing = [each for each in imports.values() if each.typing]
    if typing:
        top.append(Import("typing", "TYPE_CHECKING", "TYPE_CHECKING"))
    bars = [each for each in top if each.text == "from tqdm import tqdm"]
    blocks = []
    for standard in (True, False):
        chosen = [each for each in top if each.is_standard is standard and each not in bars]
        blocks.append("".join(import_lines(chosen)))
    if typing:
        lines = "".join(import_lines(typing))
        blocks.append("if TYPE_CHECKING:\n" + textwrap.indent(lines, "    "))
    return "\n".join(filter(None, [*blocks, *(BAR for _ in bars)]))


def import_lines(imports: list[Import]) -> Iterator[str]:
    """`import …` first, then `from … import …`, one for each module, its names sorted."""
    yield from sorted(f"{each.text}\n" for each in imports if each.name is None)
    members: dict[tuple[str, str], list[str]] = {}
    for each in imports:
        if each.name:
            renamed = each.member if each.member != each.name else ""  # on a line of its own
            members.setdefault((each.source, renamed), []).append(each.member)
    for (source, _), names in sorted(members.items(), key=lambda item: item[0][0].lower()):
        names.sort(key=lambda name: (kind(name), name))
        line = f"from {source} import {', '.join(names)}\n"
        if len(line) > WIDTH + 1:
            line = f"from {source} import (\n" + "".join(f"    {n},\n" for n in names) + ")\n"
        yield line


def kind(name: str) -> int:
    """Constants are sorted before classes, and classes before the rest."""
    return 0 if re.fullmatch(r"[A-Z0-9_]{2,}", name) else 1 if name[0].isupper() else 2


def one_file(root: Path, script: str, header: str = "") -> str:
    """The source of the module `script` under `root` as a file that needs nothing of the project.

    Args:
        header: comments above it.

    Raises:
        UserError: something in it cannot be inlined; names the file and the line.
    """
    return header + str(File(root, script))
