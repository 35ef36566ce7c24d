"""The operators that a model file may use: what each is held to, and what columns come out of it.

Every operator that a model of this project uses is a function here, which refuses what does not fit; a file with any
other operator, or another attribute, is refused. To allow one more, for another kind of model, write its function and
name it at the end with its attributes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_DEPTH = 500
"""Splits above a leaf: the runtime walks trees by recursion."""


@dataclass(frozen=True)
class Column:
    """A column of numbers on its way through the graph: which input it comes from, if it is still in that unit.

    `codes` are the categories that 0, 1, 2, ... stand for; `category` is the one that 1 stands for.
    """

    source: str | None = None
    codes: tuple[str, ...] = ()
    category: str | None = None


Columns = tuple[Column, ...]
Attributes = Mapping[str, Any]


Given = Sequence[Any]
"""What an operator is given: Columns that depend on the row, or arrays of constants."""


def _columns(where: str, given: Given, constants: int = 0) -> Columns:
    """The first of `given`, which must be columns; after it come so many constants and no more."""
    fits = len(given) == 1 + constants and isinstance(given[0], tuple)
    if not fits or not all(isinstance(value, np.ndarray) for value in given[1:]):
        raise ValueError(f"{where} must be given columns, and {constants} constants")
    return given[0]


def _list(where: str, attributes: Attributes, *names: str, of: int | None = None) -> list[Any]:
    """The one of the attributes `names` that is there: a list, of so many values."""
    there = [name for name in names if name in attributes]
    if len(there) != 1:
        raise ValueError(f"{where} has {' and '.join(there) or 'none'} of {', '.join(names)}: due is one")
    values: Any = attributes[there[0]]
    if not isinstance(values, list):
        raise ValueError(f"{where} has {there[0]} that are no list")
    if of is not None and len(values) != of:
        raise ValueError(f"{where} has {len(values)} {there[0]}, not {of}")
    return values


def _transform(where: str, attributes: Attributes) -> None:
    """How scores become probabilities."""
    if attributes.get("post_transform", b"NONE") not in (b"NONE", b"LOGISTIC"):
        raise ValueError(f"{where} has a post_transform other than NONE and LOGISTIC")


def _numbers(where: str, name: str, values: list[Any]) -> None:
    if not np.isfinite(np.array(values, dtype="float64")).all():
        raise ValueError(f"{where} has {name} that are no numbers")


def _concat(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    if attributes.get("axis") not in (1, -1) or not all(isinstance(part, tuple) for part in given):
        raise ValueError(f"{where} must put columns side by side")
    return [tuple(column for part in given for column in part)]


def _each(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    return [tuple(Column() for _ in _columns(where, given))]


def _cast(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    if attributes.get("to") not in (1, 7):
        raise ValueError(f"{where} must give float32 or whole numbers")
    return [_columns(where, given)]


def _clip(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    columns = _columns(where, given, constants=2)
    if any(value.size != 1 for value in given[1:]):
        raise ValueError(f"{where} must have one least and one most value")
    return [tuple(Column() for _ in columns)]


def _arithmetic(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    widths = {len(value) for value in given if isinstance(value, tuple)}
    if len(given) != 2 or len(widths) != 1:
        raise ValueError(f"{where} must be given two values, of them columns of one width")
    width = widths.pop()
    for value in given:
        if isinstance(value, np.ndarray) and value.shape not in ((), (1,), (width,), (1, width)):
            raise ValueError(f"{where} must be given constants of one number, or one for each of {width} columns")
    return [tuple(Column() for _ in range(width))]


def _reshape(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    columns = _columns(where, given, constants=1)
    if given[1].tolist() != [-1, len(columns)]:
        raise ValueError(f"{where} must leave {len(columns)} columns as they are, not make {given[1].tolist()} of them")
    return [columns]


def _gather(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    columns = _columns(where, given, constants=1)
    places = given[1]
    if attributes.get("axis") != 1 or places.ndim != 1 or places.dtype != np.int64:
        raise ValueError(f"{where} must choose columns")
    if any(not 0 <= place < len(columns) for place in places):
        raise ValueError(f"{where} chooses columns {places.tolist()[:5]} of {len(columns)}")
    return [tuple(columns[place] for place in places)]


def _label_encoder(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    keys = _list(where, attributes, "keys_strings", "keys_int64s", "keys_floats")
    numbers = _list(where, attributes, "values_int64s", "values_floats", of=len(keys))
    counted = numbers == list(range(len(numbers))) and all(isinstance(key, bytes) for key in keys)
    codes = tuple(map(text, keys))
    return [tuple(Column(column.source, codes if counted else ()) for column in _columns(where, given))]


def _one_hot(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    known = _list(where, attributes, "cats_strings", "cats_int64s")
    columns = _columns(where, given)
    if len(columns) != 1:
        raise ValueError(f"{where} must be given one column, not {len(columns)}")
    return [tuple(Column(columns[0].source, category=text(category)) for category in known)]


def _imputer(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    columns = _columns(where, given)
    _list(where, attributes, "imputed_value_floats", "imputed_value_int64s", of=len(columns))
    return [columns]


def _scaler(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    columns = _columns(where, given)
    for name in ("offset", "scale"):
        _list(where, attributes, name, of=len(columns))
    return [tuple(Column() for _ in columns)]


def _linear(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    columns = _columns(where, given)
    _list(where, attributes, "classlabels_ints", of=2)
    for name, size in (("coefficients", 2 * len(columns)), ("intercepts", 2)):
        _numbers(where, name, _list(where, attributes, name, of=size))
    _transform(where, attributes)
    return [(Column(),), (Column(), Column())]


def _trees(where: str, attributes: Attributes, given: Given) -> list[Columns]:
    columns = _columns(where, given)
    _list(where, attributes, "classlabels_int64s", of=2)
    trees = _list(where, attributes, "nodes_treeids")
    nodes = {
        name: _list(where, attributes, f"nodes_{name}", of=len(trees))
        for name in ("nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
    }
    for name in ("nodes_hitrates", "nodes_missing_value_tracks_true"):
        if name in attributes:
            _list(where, attributes, name, of=len(trees))
    modes = set(nodes["modes"])
    if not modes <= {b"BRANCH_LEQ", b"LEAF"}:
        raise ValueError(f"{where} has nodes other than leaves and <=")
    branch = np.array([mode == b"BRANCH_LEQ" for mode in nodes["modes"]], dtype=bool)
    read = np.array(nodes["featureids"], dtype="int64")[branch]
    if read.size and not (read.min() >= 0 and read.max() < len(columns)):
        raise ValueError(f"{where} splits on column {read.max()} or {read.min()} of {len(columns)}")
    if np.isnan(np.array(nodes["values"], dtype="float64")).any():
        raise ValueError(f"{where} has a threshold that is no number")
    _check_trees(where, np.array(trees, dtype="int64"), branch, nodes)
    _check_leaves(where, np.array(trees, dtype="int64"), branch, attributes)
    if "base_values" in attributes:
        base = _list(where, attributes, "base_values")
        if len(base) not in (1, 2):  # one is for the second class alone
            raise ValueError(f"{where} has {len(base)} base_values, not one or two")
        _numbers(where, "base_values", base)
    _transform(where, attributes)
    return [(Column(),), (Column(), Column())]


def _check_leaves(where: str, trees: np.ndarray, branch: np.ndarray, attributes: Attributes) -> None:
    """Each weight is a number, and that of a class and a leaf; the trees' nodes are in order."""
    weights = _list(where, attributes, "class_weights")
    tree, node, classes = (
        np.array(_list(where, attributes, f"class_{name}", of=len(weights)), dtype="int64")
        for name in ("treeids", "nodeids", "ids")
    )
    if not np.isin(classes, (0, 1)).all():
        raise ValueError(f"{where} has leaves that speak of a third class")
    _numbers(where, "class_weights", weights)
    names, starts, sizes = np.unique(trees, return_index=True, return_counts=True)
    if not np.isin(tree, names).all():
        raise ValueError(f"{where} has weights of a tree that is not there")
    which = np.searchsorted(names, tree)
    if ((node < 0) | (node >= sizes[which])).any() or branch[starts[which] + node].any():
        raise ValueError(f"{where} has weights of a node that is no leaf")


def _check_trees(where: str, trees: np.ndarray, branch: np.ndarray, nodes: Mapping[str, list[Any]]) -> None:
    """Each tree's nodes are numbered from 0 in the order of the file, children after parents, and none is too deep."""
    _, starts, tree, sizes = np.unique(trees, return_index=True, return_inverse=True, return_counts=True)
    places, ids, first = np.arange(len(trees)), np.array(nodes["nodeids"], dtype="int64"), starts[tree]
    if (np.diff(trees) < 0).any() or (ids != places - first).any():
        raise ValueError(f"{where} has trees whose nodes are not numbered in order")
    parents = places[branch]
    children = [np.array(nodes[name], dtype="int64")[branch] for name in ("truenodeids", "falsenodeids")]
    for child in children:
        if ((child <= ids[branch]) | (child >= sizes[tree][branch])).any():
            raise ValueError(f"{where} has a tree that leads back, or out of itself")
    reached = np.concatenate([child + first[branch] for child in children])
    if len(np.unique(reached)) != len(reached):
        raise ValueError(f"{where} has a node with two parents")
    above = np.full(len(trees), -1)
    above[reached] = np.tile(parents, 2)
    depth, front = 0, np.unique(above[above >= 0])
    while len(front):
        depth, front = depth + 1, np.unique(above[front][above[front] >= 0])
        if depth > MOST_DEPTH:
            raise ValueError(f"{where} has a tree with more than {MOST_DEPTH} splits above a leaf")


def text(value: Any) -> str:
    """A word in an attribute, which is bytes, or a number's digits."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


TEXT_KEYS = ("keys_strings", "cats_strings")
"""The attributes that hold the categories of a text column."""
CLASSIFIERS = ("ai.onnx.ml.LinearClassifier", "ai.onnx.ml.TreeEnsembleClassifier")


@dataclass(frozen=True)
class Operator:
    """What an operator is held to, and the attributes that it may have."""

    columns: Callable[[str, Attributes, Given], list[Columns]]
    """(where, attributes, inputs) to the columns that come out. Raises ValueError for what does not fit."""
    attributes: frozenset[str] = frozenset()


def _with(columns: Callable[[str, Attributes, Given], list[Columns]], *attributes: str) -> Operator:
    return Operator(columns, frozenset(attributes))


OPERATORS: dict[str, Operator] = {
    # Preparing the columns:
    "Cast": _with(_cast, "to"),
    "Concat": _with(_concat, "axis"),
    "Reshape": _with(_reshape),
    "ai.onnx.ml.Imputer": _with(
        _imputer, "imputed_value_floats", "imputed_value_int64s", "replaced_value_float", "replaced_value_int64"
    ),
    "ai.onnx.ml.LabelEncoder": _with(
        _label_encoder,
        "keys_strings", "keys_int64s", "keys_floats", "values_int64s", "values_floats",
        "default_int64", "default_float",
    ),
    "ai.onnx.ml.OneHotEncoder": _with(_one_hot, "cats_strings", "cats_int64s", "zeros"),
    "ai.onnx.ml.Scaler": _with(_scaler, "offset", "scale"),
    # The models:
    "ai.onnx.ml.LinearClassifier": _with(
        _linear, "classlabels_ints", "coefficients", "intercepts", "multi_class", "post_transform"
    ),
    "ai.onnx.ml.TreeEnsembleClassifier": _with(
        _trees,
        "base_values", "class_ids", "class_nodeids", "class_treeids", "class_weights", "classlabels_int64s",
        "nodes_falsenodeids", "nodes_featureids", "nodes_hitrates", "nodes_missing_value_tracks_true", "nodes_modes",
        "nodes_nodeids", "nodes_treeids", "nodes_truenodeids", "nodes_values", "post_transform",
    ),
    # Calibration:
    "Add": _with(_arithmetic),
    "Clip": _with(_clip),
    "Div": _with(_arithmetic),
    "Gather": _with(_gather, "axis"),
    "Log": _with(_each),
    "Mul": _with(_arithmetic),
    "Sigmoid": _with(_each),
    "Sub": _with(_arithmetic),
}  # fmt: skip
