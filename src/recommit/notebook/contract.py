"""The contract: a notebook's parameters cell must agree with what its stage declares. It is checked before a run."""

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from recommit import Refusal
from recommit.project.params import notebook_values
from recommit.project.pipeline import Stage

_SECRET = re.compile(r"passw(or)?d|passphrase|secret|credential|token$|(api|access|private)_?key|_pwd$", re.IGNORECASE)
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "None": (type(None),),
}
_FROM_PARAMS = object()


class ContractError(Refusal):
    """A notebook and its stage disagree. The message has one line per disagreement; `problems` has them as a list."""

    def __init__(self, notebook: str, stage: str, problems: list[str]) -> None:
        super().__init__("\n".join(f"{notebook} (stage {stage}): {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class _Default:
    """One assignment of the parameters cell: its annotated types, and its literal value or `_FROM_PARAMS`."""

    types: tuple[str, ...] | None
    value: Any


def check_contract(folder: Path, notebook: NotebookNode, stage: Stage, siblings: list[Stage]) -> dict[str, Any]:
    """Returns the values that `stage` gives to `notebook`, by name. Raises ContractError if the two disagree.

    `folder` is the project, `siblings` are all stages that run the notebook. If the parameters cell of a matrix stage
    names an item, its literal defaults are those of this item, and are compared when this item runs.
    """
    values = notebook_values(stage, folder)
    problems = list(_secrets(values))
    if problems:  # these alone: another message could show the secret
        raise ContractError(stage.notebook or "", stage.name, problems)
    try:
        index = _parameters_cell(notebook)
        defaults = _defaults(notebook.cells[index].source)
        problems += _names(defaults, values, stage)
        problems += _mistyped(defaults, values)
        problems += _unlike(defaults, values, stage, siblings)
        problems += _uses(notebook, index, set(defaults) & set(values))
    except Unreadable as error:
        problems.append(str(error))
    if problems:
        raise ContractError(stage.notebook or "", stage.name, problems)
    return values


class Unreadable(Exception):
    """A cell cannot be read as Python, or the parameters cell is missing or has another form."""


def _parameters_cell(notebook: NotebookNode) -> int:
    tagged = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    if any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells):
        raise Unreadable("a cell is tagged `injected-parameters`, as in an executed notebook: take that cell out")
    if not tagged:
        raise Unreadable("no cell is tagged `parameters`: tag the one cell that sets the parameters")
    if len(tagged) > 1:
        cells = " and ".join(str(i + 1) for i in tagged)
        raise Unreadable(f"cells {cells} are all tagged `parameters`: one cell sets them, untag the others")
    return tagged[0]


def parse(source: str, where: str) -> ast.Module:
    """Returns the syntax tree of a cell's `source`; magics and shell commands are the calls that IPython makes of them.

    Raises Unreadable if it is not Python; `where` names the cell in the message.
    """
    try:
        return ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager
    magic, _, body = source.partition("\n")
    python_below = magic.split()[:1] in (["%%time"], ["%%timeit"], ["%%capture"], ["%%prun"])
    try:
        return ast.parse(TransformerManager().transform_cell("\n" + body if python_below else source))
    except SyntaxError as error:
        raise Unreadable(f"{where}, line {error.lineno} is not Python: {error.msg}") from None


def _defaults(source: str) -> dict[str, _Default]:
    defaults = {}
    for node in parse(source, "the parameters cell").body:
        remark = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if remark or isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            name, types, value = node.target.id, _annotated(node.annotation), node.value
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, types, value = node.targets[0].id, None, node.value
        else:
            raise Unreadable(
                f"the parameters cell, line {node.lineno}: expected `name: type = value`, found `{ast.unparse(node)}`"
            )
        if name in defaults:
            raise Unreadable(f"the parameters cell, line {node.lineno} sets {name} a second time: leave one")
        defaults[name] = _Default(types, _value(name, value))
        if types is None and defaults[name].value is _FROM_PARAMS:
            raise Unreadable(f'the parameters cell: {name} has no type: write `{name}: int = params["{name}"]`, say')
    return defaults


def _annotated(annotation: ast.expr) -> tuple[str, ...]:
    types = tuple(part.split("[")[0].strip() for part in ast.unparse(annotation).split(" | "))
    for name in types:
        if name not in _TYPES:
            raise Unreadable(f"the parameters cell: {name} is no type of a parameter: {', '.join(_TYPES)} are")
    return types


def _value(name: str, node: ast.expr) -> Any:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "params":
        key = ast.literal_eval(node.slice) if isinstance(node.slice, ast.Constant) else ast.unparse(node.slice)
        if key != name:
            raise Unreadable(f"the parameters cell: {name} takes {ast.unparse(node)}: a parameter keeps its name")
        return _FROM_PARAMS
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise Unreadable(
            f'the parameters cell: {name} is `{ast.unparse(node)}`: expected a literal or params["{name}"]'
        ) from None


def _secrets(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        if _SECRET.search(str(key)):
            yield (
                f"parameter {above}{key} looks like a secret, and parameters are written in clear into the executed "
                "notebook and dvc.lock: read it in src/ from a file that Git ignores, and declare no parameter"
            )
        if isinstance(value, Mapping):
            yield from _secrets(value, f"{above}{key}.")


def _names(defaults: Mapping[str, _Default], values: Mapping[str, Any], stage: Stage) -> Iterator[str]:
    for name in sorted(defaults.keys() - values.keys()):
        yield (
            f"unknown parameter {name}: the parameters cell sets it, dvc.yaml does not declare it: "
            f"add it to the stage's params, or take it out of the cell"
        )
    for name in sorted(values.keys() - defaults.keys()):
        if not name.isidentifier() or keyword.iskeyword(name):
            yield f"parameter {name} of params.yaml is no Python name: a notebook cannot receive it: rename it"
            continue
        kind = "matrix value" if name in stage.item else "parameter"
        yield f"missing parameter {name}: dvc.yaml declares the {kind}, the parameters cell does not set it"


def _is(value: Any, types: tuple[str, ...]) -> bool:
    if isinstance(value, bool):
        return "bool" in types
    return any(isinstance(value, _TYPES[name]) for name in types)


def _mistyped(defaults: Mapping[str, _Default], values: Mapping[str, Any]) -> Iterator[str]:
    for name, default in defaults.items():
        types = default.types or (type(default.value).__name__,)
        if types == ("NoneType",):
            types = ("None",)
        for origin, value in (("the cell's own default", default.value), ("the value declared", values.get(name))):
            known = value is not _FROM_PARAMS and name in values
            if known and not _is(value, types):
                yield f"mistyped parameter {name}: expected {' or '.join(types)}, {origin} is {value!r}"


def _unlike(
    defaults: Mapping[str, _Default], values: Mapping[str, Any], stage: Stage, siblings: list[Stage]
) -> Iterator[str]:
    literals = {name: default.value for name, default in defaults.items() if default.value is not _FROM_PARAMS}
    named = {name: value for name, value in literals.items() if name in stage.item}
    fitting = [sibling for sibling in siblings if named.items() <= dict(sibling.item).items()]
    if named and not fitting:
        yield f"the defaults {named} are no item of the stage's matrix"
    # A parameter that not all these items declare is compared only when the item runs that declares it.
    elsewhere = {key.split(".")[0] for sibling in fitting for key in set(sibling.params) ^ set(stage.params)}
    for name, value in literals.items():
        if name in values and name not in {*stage.item, *elsewhere} and value != values[name]:
            yield (
                f"default of {name} is unlike params.yaml: {value!r} in the cell, {values[name]!r} there: "
                f'write `{name}: {type(values[name]).__name__} = params["{name}"]`, so that it stands in one place'
            )


def _uses(notebook: NotebookNode, parameters: int, names: set[str]) -> Iterator[str]:
    """Yields parameters that no cell reads, parameters that a cell sets again, and cells that read `params`."""
    used: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or index == parameters:
            continue
        where = f"cell {index + 1}"
        tree = parse(cell.source, where)
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        used |= {node.id for node in found if isinstance(node.ctx, ast.Load)}
        for name in sorted({node.id for node in found if not isinstance(node.ctx, ast.Load)} & names):
            yield f"{where} sets the parameter {name} anew: give the new value another name"
        if "params" in {node.id for node in found}:
            yield f"{where} reads params: only the parameters cell does; declare what the notebook needs in dvc.yaml"
    for name in sorted(names - used):
        yield f"unused parameter {name}: no cell reads it: use it, or take it out of dvc.yaml and of the cell"
