"""The operators that a model file may use: what each is given, the attributes it may have, the columns it returns.

A file with any other operator or attribute is refused. To allow another operator, add an entry to `OPERATORS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from recommit.artifact.files import demand
from recommit.artifact.trees import check_trees

FLOAT, INT64 = 1, 7
"""The numbers by which ONNX names the two types of values that a model computes with."""


@dataclass(frozen=True)
class Column:
    """A column of numbers somewhere in the graph.

    `source` is the input that it comes from, if it is still in that input's unit. `codes` are the categories that
    0, 1, 2, ... stand for; `category` is the one that 1 stands for.
    """

    source: str | None = None
    codes: tuple[str, ...] = ()
    category: str | None = None


Columns = tuple[Column, ...]


@dataclass(frozen=True)
class Node:
    """A node of the graph: its attributes, and its inputs, each of which is `Columns` or an array of weights."""

    attributes: Mapping[str, Any]
    given: Sequence[Any]

    @cached_property
    def columns(self) -> Columns:
        """All columns among the inputs, side by side."""
        return tuple(column for part in self.given if isinstance(part, tuple) for column in part)

    def values(self, name: str, size: int | None = None) -> list[Any]:
        """Return the list in the attribute `name`. Raises ValueError if it is absent or not of `size` values."""
        demand(name in self.attributes, f"lacks {name}")
        found: list[Any] = self.attributes[name]
        demand(size in (None, len(found)), f"has {len(found)} {name}, not {size}")
        return found

    def finite(self, name: str, size: int) -> None:
        """Check that the list in the attribute `name` has `size` finite numbers. Raises ValueError if it does not."""
        demand(bool(np.isfinite(self.values(name, size)).all()), f"has {name} that are no numbers")


def _same(node: Node) -> list[Columns]:
    return [node.columns]


def _other_unit(node: Node) -> list[Columns]:
    return [(Column(),) * len(node.columns)]


def _one(node: Node) -> list[Columns]:
    return [(Column(),)]


def _arithmetic(node: Node) -> list[Columns]:
    width = max(len(part) for part in node.given if isinstance(part, tuple))
    shapes = {(1, len(part)) if isinstance(part, tuple) else part.shape for part in node.given}
    demand(shapes <= {(), (1,), (width,), (1, width)}, f"must be given one number, or {width} columns or numbers")
    return [(Column(),) * width]


def _reshape(node: Node) -> list[Columns]:
    width, shape = len(node.columns), node.given[1].tolist()
    demand(shape == [-1, width], f"must leave {width} columns as they are, not make {shape} of them")
    return [node.columns]


def _gather(node: Node) -> list[Columns]:
    places = node.given[1]
    fits = places.ndim == 1 and places.dtype == np.int64 and all(0 <= place < len(node.columns) for place in places)
    demand(fits, f"chooses columns {places.tolist()} of {len(node.columns)}")
    return [tuple(node.columns[place] for place in places)]


def _label_encoder(node: Node) -> list[Columns]:
    codes = tuple(map(text, node.values("keys_strings")))
    demand(node.values("values_int64s") == list(range(len(codes))), "must number its categories 0, 1, 2 and so on")
    return [tuple(Column(column.source, codes) for column in node.columns)]


def _one_hot_encoder(node: Node) -> list[Columns]:
    demand(len(node.columns) == 1, f"must be given one column, not {len(node.columns)}")
    return [tuple(Column(node.columns[0].source, category=text(one)) for one in node.values("cats_strings"))]


def _imputer(node: Node) -> list[Columns]:
    node.values("imputed_value_floats", len(node.columns))
    return [node.columns]


def _scaler(node: Node) -> list[Columns]:
    node.values("offset", len(node.columns))
    node.values("scale", len(node.columns))
    return _other_unit(node)


def _classes(node: Node, name: str) -> int:
    """Return how many classes there are. Raises ValueError unless they are numbered 0, 1, 2 and so on, in order."""
    labels = node.values(name)
    demand(labels == list(range(len(labels))), "must number its classes 0, 1, 2 and so on")
    return len(labels)


def _linear_classifier(node: Node) -> list[Columns]:
    classes = _classes(node, "classlabels_ints")
    node.finite("coefficients", classes * len(node.columns))
    node.finite("intercepts", classes)
    return [(Column(),), (Column(),) * classes]


def _tree_classifier(node: Node) -> list[Columns]:
    classes = _classes(node, "classlabels_int64s")
    check_trees(node, "class", classes)
    if "base_values" in node.attributes:
        # With two classes, one value is for the second.
        bases = len(node.values("base_values"))
        node.finite("base_values", 1 if bases == 1 and classes == 2 else classes)
    return [(Column(),), (Column(),) * classes]


def _linear_regressor(node: Node) -> list[Columns]:
    node.finite("coefficients", len(node.columns))
    node.finite("intercepts", 1)
    return [(Column(),)]


def _tree_regressor(node: Node) -> list[Columns]:
    check_trees(node, "target", 1)
    if "base_values" in node.attributes:
        node.finite("base_values", 1)
    return [(Column(),)]


def text(value: Any) -> str:
    """Return a word in an attribute, which is bytes, or a number's digits, as text."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


@dataclass(frozen=True)
class Operator:
    """What is allowed of an operator."""

    given: str
    """The inputs it may have, in order, as a regular expression: c for columns, w for weights."""
    returns: Callable[[Node], list[Columns]]
    """Returns the columns of each output. Raises ValueError for a node whose parts do not fit together."""
    attributes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The attributes it may have. Where values are listed, it must have the attribute, with none but these values."""
    predicts: bool = False
    """Whether it is a model: a file has one such node, or several whose answers it averages."""


def _any(*names: str) -> dict[str, Sequence[Any]]:
    return dict.fromkeys(names, ())


_TREES: dict[str, Sequence[Any]] = _any(
    "base_values", "nodes_falsenodeids", "nodes_featureids", "nodes_hitrates", "nodes_missing_value_tracks_true",
    "nodes_nodeids", "nodes_treeids", "nodes_truenodeids", "nodes_values",
) | {"nodes_modes": (b"BRANCH_LEQ", b"LEAF")}  # fmt: skip

OPERATORS: dict[str, Operator] = {
    # Preparing the columns:
    "Cast": Operator("c", _same, {"to": (FLOAT, INT64)}),
    "Concat": Operator("c+", _same, {"axis": (1, -1)}),
    "Reshape": Operator("cw", _reshape),
    "ai.onnx.ml.Imputer": Operator("c", _imputer, _any("imputed_value_floats", "replaced_value_float")),
    "ai.onnx.ml.LabelEncoder": Operator(
        "c", _label_encoder, _any("keys_strings", "values_int64s", "default_int64")
    ),
    "ai.onnx.ml.OneHotEncoder": Operator("c", _one_hot_encoder, _any("cats_strings", "zeros")),
    "ai.onnx.ml.Scaler": Operator("c", _scaler, _any("offset", "scale")),
    # The models:
    "ai.onnx.ml.LinearClassifier": Operator(
        "c",
        _linear_classifier,
        _any("classlabels_ints", "coefficients", "intercepts", "multi_class")
        | {"post_transform": (b"NONE", b"LOGISTIC", b"SOFTMAX")},
        predicts=True,
    ),
    "ai.onnx.ml.LinearRegressor": Operator(
        "c", _linear_regressor, _any("coefficients", "intercepts"), predicts=True
    ),
    "ai.onnx.ml.TreeEnsembleClassifier": Operator(
        "c",
        _tree_classifier,
        _TREES
        | _any("class_ids", "class_nodeids", "class_treeids", "class_weights", "classlabels_int64s")
        | {"post_transform": (b"NONE", b"LOGISTIC", b"SOFTMAX")},
        predicts=True,
    ),
    "ai.onnx.ml.TreeEnsembleRegressor": Operator(
        "c",
        _tree_regressor,
        _TREES
        | _any("target_ids", "target_nodeids", "target_treeids", "target_weights")
        | {"n_targets": (1,), "post_transform": (b"NONE",)},
        predicts=True,
    ),
    "ai.onnx.ml.Normalizer": Operator("c", _other_unit, {"norm": (b"L1",)}),
    # Averages and calibration:
    "Add": Operator("cc|cw|wc", _arithmetic),
    "ArgMax": Operator("c", _one, {"axis": (1,), "keepdims": (0,)}),
    "Clip": Operator("cww", _other_unit),
    "Div": Operator("cc|cw|wc", _arithmetic),
    "Gather": Operator("cw", _gather, {"axis": (1,)}),
    "Log": Operator("c", _other_unit),
    "Mul": Operator("cc|cw|wc", _arithmetic),
    "Sigmoid": Operator("c", _other_unit),
    "Softmax": Operator("c", _other_unit, {"axis": (1,)}),
    "Sub": Operator("cc|cw|wc", _arithmetic),
}  # fmt: skip
