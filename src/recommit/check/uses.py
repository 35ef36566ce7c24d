"""Finds the modules and files that notebooks and modules use, from their text, without running them."""

import ast
import json
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.notebook.contract import Unreadable, parse
from recommit.project.named import named_problem
from recommit.project.pipeline import Stage

_PROBLEM = "recommit.notebook.problem"
"""A notebook that imports this name uses the modules of the project's problem too."""
_IMPORTING = ("import_module", "__import__")


def tree_of(path: Path) -> ast.Module:
    """Returns the syntax tree of a module, or of a notebook's code cells.

    Raises Refusal for a module that is not Python. A cell that is not Python is left out: the contract's check names
    it.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        try:
            return _module(text)
        except SyntaxError as error:
            raise Refusal(f"{path}: line {error.lineno} is not Python: {error.msg}") from None
    merged = ast.Module(body=[], type_ignores=[])
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "code":
            with suppress(Unreadable):
                merged.body += parse("".join(cell["source"]), path.name).body
    return merged


@lru_cache(maxsize=512)
def _module(text: str) -> ast.Module:
    """Returns the syntax tree of the module `text`, which callers leave as it is."""
    return ast.parse(text)


@lru_cache(maxsize=512)
def _imported(tree: ast.Module, package: str, calls: bool) -> frozenset[str]:
    return frozenset(imports(tree, package, calls))


def imports(tree: ast.AST, package: str = "", calls: bool = True) -> Iterator[str]:
    """Yields the dotted names that `tree` imports anywhere, functions included; each is a module, or a name in one.

    `package` is where its relative imports begin. `importlib.import_module` counts where the name is a literal; without
    `calls`, for code that has no such call, only statements are looked at, which takes a tenth of the time.
    """
    for node in _run(tree, calls):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                source = _absolute("." * level + (module or ""), package)
                yield source
                yield from (f"{source}.{alias.name}" for alias in names)
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                if _name(function) in _IMPORTING:
                    yield _absolute(name, package)


def _run(tree: ast.AST, expressions: bool) -> Iterator[ast.AST]:
    """Yields all nodes of `tree`, or its statements alone, except those under `if TYPE_CHECKING:`, which never run."""
    left = [tree]
    while left:
        node = left.pop()
        if not (isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING"):
            yield node
            left += ast.iter_child_nodes(node) if expressions else _statements(node)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        if isinstance(inside := getattr(node, part, None), list):
            yield from inside


def _name(node: ast.AST) -> str:
    """Returns the last name of `a` or `a.b`, or "" for another expression."""
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _absolute(name: str, package: str) -> str:
    try:
        return resolve_name(name, package)
    except ImportError:  # it leads out of the topmost package
        return name


def files_named(tree: ast.AST, item: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yields each name that a notebook's cells give to the project's `path(...)`, and whether it is the whole name.

    An f-string is filled in with the values of the matrix `item`, up to the first other value.
    """
    if "recommit.notebook.path" not in imports(tree):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="path"), args=[ast.Constant(value=str(name))]):
                yield posixpath.normpath(name), True
            case ast.Call(func=ast.Name(id="path"), args=[ast.JoinedStr(values=pieces)]):
                yield _filled(pieces, item)


def _filled(pieces: list[ast.expr], item: Mapping[str, Any]) -> tuple[str, bool]:
    """Returns an f-string's text up to the first value that is known only in a run, and whether that is all of it."""
    text = ""
    for piece in pieces:
        match piece:
            case ast.Constant(value=value):
                text += str(value)
            case ast.FormattedValue(value=ast.Name(id=name), conversion=-1, format_spec=None) if name in item:
                text += str(item[name])
            case _:
                return text, False
    return posixpath.normpath(text), True


class Code:
    """The modules under src/ in a project, and what they import. Each file is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trees: dict[str, ast.Module] = {}
        self._used: dict[str, set[str]] = {}
        modules = (folder / "src").rglob("*.py")
        self._modules = {_dotted(path, folder): path.relative_to(folder).as_posix() for path in modules}

    def tree(self, file: str) -> ast.Module:
        """Returns the syntax tree of a module or notebook, by its path in the project."""
        if file not in self._trees:
            self._trees[file] = tree_of(self._folder / file)
        return self._trees[file]

    def holds_code(self, file: str) -> bool:
        """Returns whether a module has code besides docstrings. Without code, it cannot change a result."""
        body = self.tree(file).body
        return not all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)

    def used_by(self, stage: Stage) -> set[str]:
        """Returns the files of all modules that the stage's verb and notebook import, directly or indirectly."""
        names = {"recommit.cli", f"recommit.verbs.{stage.words[1]}"}
        if stage.notebook and (self._folder / stage.notebook).is_file():  # a missing notebook is a finding of its own
            names |= self._imported_by(stage.notebook)
        if _PROBLEM in names:
            names.add(named_problem(self._folder)[0])
        found: set[str] = set()
        new = {file for name in names for file in self._files_of(name)}
        while new:
            found |= new
            new = {other for file in new for other in self._used_directly(file)} - found
        return found

    def missing(self, file: str) -> set[str]:
        """Returns the modules of the project that a module or notebook, `file`, imports and that are not there."""
        found = set()
        for name in self._imported_by(file):
            parts = name.split(".")
            known = [length for length in range(1, len(parts) + 1) if ".".join(parts[:length]) in self._modules]
            if not known or known[-1] == len(parts):
                continue
            there = self._modules[".".join(parts[: known[-1]])]
            # The rest is a name in a module, or in a package's `__init__`, or else a module of the package.
            if there.endswith("/__init__.py") and parts[known[-1]] not in _bound(self.tree(there)):
                found.add(".".join(parts[: known[-1] + 1]))
        return found

    def kernel(self) -> list[str]:
        """Returns the files of the kernel spec, which no import finds, if the machinery is in the project."""
        folder = self._folder / "src/recommit/notebook/kernels"
        return sorted(path.relative_to(self._folder).as_posix() for path in folder.rglob("*") if path.is_file())

    def modules_in(self, package: str) -> set[str]:
        """Returns the modules with code in and beneath the folder `package` of the project."""
        return {file for file in self._modules.values() if file.startswith(f"{package}/") and self.holds_code(file)}

    def only_modules_in(self, package: str) -> bool:
        """Returns whether the folder `package` of the project holds only modules."""
        files = (path for path in (self._folder / package).rglob("*") if path.is_file())
        return all(path.suffix == ".py" for path in files if "__pycache__" not in path.parts)

    def _used_directly(self, file: str) -> set[str]:
        """Returns the files that run when `file` does what it imports."""
        if file not in self._used:
            self._used[file] = {other for name in self._imported_by(file) for other in self._files_of(name)}
        return self._used[file]

    def _imported_by(self, file: str) -> frozenset[str]:
        package = Path(file).parent.relative_to("src") if file.startswith("src/") else Path()
        text = (self._folder / file).read_text(encoding="utf-8")
        return _imported(self.tree(file), ".".join(package.parts), any(name in text for name in _IMPORTING))

    def _files_of(self, name: str) -> Iterator[str]:
        """Yields the files that run when a dotted name is imported: the `__init__` of each package, and the module."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            file = self._modules.get(".".join(parts[:length]))
            if file:
                yield file


def _bound(tree: ast.Module) -> set[str]:
    """Returns the names that a module's code defines or imports."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
    return found


def _dotted(module: Path, folder: Path) -> str:
    relative = module.relative_to(folder / "src").with_suffix("")
    return ".".join(relative.parent.parts if relative.name == "__init__" else relative.parts)
