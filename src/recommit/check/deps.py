"""Writes the deps of every stage into dvc.yaml, derived from outs, notebooks and modules."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from posixpath import dirname, normpath

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.nodes import CollectionNode, Node

from recommit.check.declared import Declared, holds_modules
from recommit.check.leftovers import leftovers
from recommit.check.uses import Code
from recommit.project.files import REQUIREMENTS, write_whole
from recommit.project.git import run
from recommit.project.pipeline import Stage, is_in

_TEMPLATE = re.compile(r"\$\{[^}]*\}")
_PAGES = (".ipynb", ".json", ".png", ".svg", ".jpg", ".jpeg", ".gif")
_RUNNER = ("src/recommit/notebook", "src/recommit/project")
"""The packages that run every stage. They are deps as folders, because most changes in them concern all stages."""
_MANY = 3
"""A problem's package with at least so many modules is a dep as a folder. More keeps modules as separate deps."""
_GATHERED = ("reports/evidence", "reports/advice", "reports/figures")
"""Folders that the report reads as a whole."""


def write_deps(declared: Declared) -> list[str]:
    """Writes the deps of every stage into dvc.yaml, and returns the names of the stages whose deps changed.

    `declared` is the project. All other bytes of dvc.yaml stay as they are; comments among the deps are removed. Raises
    Refusal, and writes nothing, if dvc.yaml, a notebook or a module cannot be read.
    """
    path = declared.folder / "dvc.yaml"
    text = path.read_text(encoding="utf-8")
    code = Code(declared.folder)
    stages = {stage.family: stage for stage in declared.stages if len(stage.words) > 1}
    # Files that Git or `dvc add` keeps, which a notebook may read though no stage writes them; outs of removed stages.
    kept = run(declared.folder, "ls-files", "--", "data", "models").stdout.splitlines()
    tracked = [file.removesuffix(".dvc") for file in kept]
    gone = [out.path for stage in leftovers(declared.folder, declared.stages) for out in stage.outs]
    wanted = {name: deps_of(stage, declared, code, tracked, gone) for name, stage in stages.items()}
    changed = [name for name, deps in wanted.items() if deps != (declared.entries[name].get("deps") or [])]
    lines = text.splitlines(keepends=True)
    for name, first, last, indent in reversed(list(_places(text))):
        if name in changed:
            lines[first:last] = [f"{indent}deps:\n", *(f"{indent}  - {_as_yaml(dep)}\n" for dep in wanted[name])]
    if changed:
        write_whole(path, "".join(lines).encode())
    return changed


def deps_of(stage: Stage, declared: Declared, code: Code, tracked: Sequence[str], gone: Sequence[str]) -> list[str]:
    """Returns every dep of `stage` as dvc.yaml writes it: notebook, data, modules and lock file, in this order.

    The data are the outs of other stages, and the files in Git under data/ and models/, that the notebook names. For
    several items of a matrix, and for the file of a model, the dep is their folder, because they are read together. The
    deps of the report are what other stages show. `tracked` are the files in Git, `gone` the outs of stages that were
    removed from dvc.yaml. A declared dep that is neither code nor derived stays, unless it is in `gone` and the
    notebook does not name it.
    """
    folder = declared.folder
    made = _made(declared, stage.family, tracked)
    derived = list(_shown(declared, stage) if stage.words[1] == "report" else _named(declared, stage, code, made))
    written = [normpath(str(dep)) for dep in declared.entries[stage.family].get("deps") or []]
    own = [stage.notebook] if stage.notebook else []
    lost = [out for out in gone if not any(_dep(pattern, out) == out for pattern in _named_by(stage, declared, code))]
    kept = [
        dep
        for dep in written
        if dep not in (*own, REQUIREMENTS)
        and not any(is_in(dep, other) or is_in(other, dep) for other in derived)
        and not (dep.startswith("src/") and holds_modules(folder / dep))
        and not any(is_in(dep, out) for out in lost)
    ]
    data = [*derived, *kept]
    if stage.words[1] != "report":  # its deps are in reading order
        data.sort(
            key=lambda dep: next((i for i, out in enumerate(made) if is_in(out, dep) or is_in(dep, out)), len(made))
        )
    return [*own, *data, *_modules(stage, declared, code), REQUIREMENTS]


def _made(declared: Declared, reader: str, tracked: Sequence[str]) -> list[str]:
    """Returns the outs of all stages but `reader` as dvc.yaml writes them, then the `tracked` files."""
    outs = [out for name in declared.entries if name != reader for out in _outs(declared, name)]
    own = _outs(declared, reader)
    return [*outs, *(file for file in tracked if not file.endswith(".gitignore") and file not in (*outs, *own))]


def _outs(declared: Declared, name: str) -> list[str]:
    """Returns the outs, metrics and plots of a stage as dvc.yaml writes them, the executed notebook first."""
    entry = declared.entries[name]
    listed = [one for section in ("outs", "metrics", "plots") for one in entry.get(section) or []]
    outs = [normpath(str(out)) for one in listed for out in (one if isinstance(one, dict) else [one])]
    return sorted(outs, key=lambda out: not out.endswith(".ipynb"))


def _named(declared: Declared, stage: Stage, code: Code, made: list[str]) -> Iterator[str]:
    patterns = _named_by(stage, declared, code)
    found = (dep for out in made for pattern in patterns if (dep := _dep(pattern, out)))
    yield from dict.fromkeys(found)


def _named_by(stage: Stage, declared: Declared, code: Code) -> list[str]:
    """Returns the paths that the notebook of `stage` names, without its own outs; [] without a readable notebook."""
    if not stage.notebook or stage.notebook not in declared.readable:
        return []
    named = set(_patterns(code.tree(stage.notebook), set(stage.item)))
    return sorted(named - {*_outs(declared, stage.family)})


def _dep(pattern: str, out: str) -> str | None:
    """Returns the dep by which a notebook that names `pattern` reads `out`, or None if it does not read it."""
    if pattern == out:
        return _folder_of_model(out)
    names, parts = pattern.split("/"), _TEMPLATE.sub("*", out).split("/")
    if len(names) < len(parts):  # it names a folder
        return pattern if "*" not in pattern and parts[: len(names)] == names and len(names) > 1 else None
    if not all(_fits(name, part) for name, part in zip(names, parts, strict=False)):
        return None
    return _folder_of_model(out.partition("${")[0].rpartition("/")[0] if "${" in out else out)


def _fits(name: str, part: str) -> bool:
    return fnmatchcase(part, name) or fnmatchcase(name, part)


def _folder_of_model(out: str) -> str:
    """Returns models/NAME for a file in this folder, because a model is read with its manifest; else `out`."""
    parts = out.split("/")
    return "/".join(parts[:2]) if parts[0] == "models" and len(parts) > 2 and "${" not in out else out


def _patterns(tree: ast.AST, item: set[str]) -> Iterator[str]:
    """Yields texts in the code that may be paths: `*` is known only in a run, `${item.model}` is a matrix value."""
    known = _loops(tree) | {name: [f"${{item.{name}}}"] for name in item}
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    pieces = {id(piece) for node in formatted for piece in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=values):
                found = ["".join(parts) for parts in product(*(_texts(piece, known) for piece in values))]
            case ast.Constant(value=str(value)) if id(node) not in pieces:
                found = [value]
            case _:
                continue
        yield from (normpath(text) for text in found if "/" in text[1:] and "\n" not in text)


def _loops(tree: ast.AST) -> dict[str, list[str]]:
    """Returns the values of each name in the code that is only the variable of one loop over constants."""
    loops: dict[str, list[str]] = {}
    bound = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    for node in ast.walk(tree):
        match node:
            case ast.For(target=ast.Name(id=name), iter=over) | ast.comprehension(target=ast.Name(id=name), iter=over):
                values = [part.value for part in getattr(over, "elts", []) if isinstance(part, ast.Constant)]
                if values and len(values) == len(over.elts) and bound[name] == 1:  # type: ignore[attr-defined]
                    loops[name] = [str(value) for value in values]
    return loops


def _texts(piece: ast.expr, known: Mapping[str, list[str]]) -> list[str]:
    match piece:
        case ast.Constant(value=value):
            return [str(value)]
        case ast.FormattedValue(value=ast.Name(id=name), conversion=-1, format_spec=None):
            return known.get(name, ["*"])
        case _:
            return ["*"]


def _shown(declared: Declared, report: Stage) -> Iterator[str]:
    """Yields notebook and metrics of all other stages, then decision, evidence, advice, figures, and documents."""
    others = [name for name in declared.entries if name != report.family]
    outs = [out for name in others for out in _outs(declared, name)]
    pages = (out for out in outs if out.startswith("reports/") and out.endswith(_PAGES))
    shown = [out.partition("${")[0].rpartition("/")[0] if "${" in out else out for out in pages]
    yield from dict.fromkeys(out for out in shown if not out.startswith((*_GATHERED, "reports/plots")))
    yield from (out for out in outs if out.startswith("models/") and out.endswith(".json") and out.count("/") == 1)
    yield from (folder for folder in _GATHERED if any(is_in(out, folder) for out in outs))
    documents = declared.folder.glob("src/*/*/model_card.yaml")
    yield from (path.parent.relative_to(declared.folder).as_posix() for path in sorted(documents))


def _modules(stage: Stage, declared: Declared, code: Code) -> list[str]:
    """Returns the modules that `stage` uses, the problem's first. A package used as a whole is one folder."""
    used = sorted(filter(code.holds_code, code.used_by(stage)))
    packages = {dirname(file) for file in used}
    whole = {package for package in packages if package in _RUNNER or code.modules_in(package) <= set(used)}
    # A problem's package with documents beside its modules is no dep as a whole: a changed document changes no code.
    problems = {package for package in whole if package.count("/") == 1}
    whole -= {one for one in problems if len(code.modules_in(one)) < _MANY or not code.only_modules_in(one)}
    found = dict.fromkeys(next((package for package in sorted(whole) if is_in(file, package)), file) for file in used)
    return sorted(found, key=lambda dep: (dep.startswith("src/recommit"), dep))


def _places(text: str) -> Iterator[tuple[str, int, int, str]]:
    """Yields (stage, first line, line after the last, indent) of the deps of each stage, or where to put them."""
    [stages] = [value for key, value in YAML().compose(text).value if key.value == "stages"]
    for name, entry in stages.value:
        values = {key.value: (key, value) for key, value in entry.value}
        key, value = values.get("deps") or values.get("params") or values["cmd"]
        last = max(key.start_mark.line + 1, _line_after(value))
        yield name.value, key.start_mark.line if "deps" in values else last, last, " " * key.start_mark.column


def _as_yaml(dep: str) -> str:
    """Returns `dep` as an entry of a YAML list, in quotes if YAML would read it as something else."""
    try:
        return dep if YAML(typ="safe", pure=True).load(f"- {dep}\n") == [dep] else json.dumps(dep)
    except YAMLError:
        return json.dumps(dep)


def _line_after(node: Node) -> int:
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _line_after(last[1] if isinstance(last, tuple) else last)
    at_line_start = node.end_mark.column == 0  # of a block of text
    return int(node.end_mark.line + (not at_line_start))
