"""Check the graph of a model file before anything runs it, and describe it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from recommit.artifact.calibration import Platt, Temperature, line_of, temperature_of
from recommit.artifact.files import demand, reason
from recommit.artifact.operators import FLOAT, INT64, OPERATORS, Column, Columns, Node, Operator, text
from recommit.artifact.wire import scan

OPSETS = {"": 21, "ai.onnx.ml": 3}
"""The newest version of each operator set that a model may use; `export` asks for it."""
MOST_VALUES = 10_000_000
"""Values in all lists of attributes together. A million nodes of trees need as many: ten lists have one of each."""
MOST_WEIGHTS = 10_000
"""Numbers in one tensor of weights. Trees are not among them: they are attributes."""
MOST_COLUMNS = 1_000_000
"""Columns that all nodes are given and return together. Without a limit, each of many `Concat` could double them."""
LEAST_CLASSES, MOST_CLASSES = 3, 1000
_TYPES = {FLOAT: "number", 8: "text"}


@dataclass(frozen=True)
class Graph:
    """What a checked model file holds."""

    inputs: dict[str, str]
    """Maps each input column, in order, to "number" or "text"."""
    operators: tuple[str, ...]
    opsets: dict[str, int]
    kind: str
    """The kind of task: "binary", "classes" or "number"."""
    width: int
    """How many numbers an answer's output has: two or more probabilities, or one number."""
    predictors: tuple[Node, ...]
    """The nodes that return an answer: one model, or the members of an average."""
    categories: dict[str, tuple[str, ...]]
    """Maps each text column to the values that the file distinguishes."""
    calibration: Platt | Temperature


def read_graph(content: bytes) -> Graph:
    """Check `content`, the bytes of a model file, and return what it holds.

    Raises ValueError in one line for a file with a field that is not listed in `wire`, with an operator or attribute
    that is not listed in `operators`, or with parts that do not fit together, and for one that `onnx.checker` refuses.
    """
    scan(content)
    try:
        model = onnx.load_model_from_string(content)
        _check_allowed(model)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise ValueError(f"not a sound ONNX file: {reason(error)}") from None
    return _read(model.graph, {opset.domain: opset.version for opset in model.opset_import})


def _check_allowed(model: Any) -> None:
    """Check that the operator sets, operators and attributes of `model` are allowed, and its lists not too long."""
    for opset in model.opset_import:
        demand(
            1 <= opset.version <= OPSETS.get(opset.domain, 0),
            f"it needs version {opset.version} of the operator set {opset.domain or 'ai.onnx'!r}: allowed are "
            + " and ".join(f"{domain or 'ai.onnx'} up to {version}" for domain, version in OPSETS.items()),
        )
    values = 0
    for node in model.graph.node:
        operator = _operator(node)
        demand(
            operator in OPERATORS, f"it uses the operator {operator!r}, which is not among the {len(OPERATORS)} allowed"
        )
        demand(all([*node.input, *node.output]), f"{operator} {node.name!r} leaves out an input or an output")
        for attribute in node.attribute:
            demand(
                attribute.name in OPERATORS[operator].attributes,
                f"attribute {attribute.name!r} is not allowed on {operator}",
            )
            values += len(attribute.floats) + len(attribute.ints) + len(attribute.strings)
    demand(values <= MOST_VALUES, f"it has more than {MOST_VALUES:,} values in lists")


def _read(graph: Any, opsets: Mapping[str, int]) -> Graph:
    weights = {tensor.name: _weights(tensor) for tensor in graph.initializer}
    inputs = {tensor.name: _input(tensor) for tensor in graph.input}
    values: dict[str, Columns] = {name: (Column(name),) for name in inputs}
    demand(not weights.keys() & values.keys(), "it has an input and weights of one name")
    models, width = {}, 0
    for one in graph.node:
        operator = OPERATORS[_operator(one)]
        node = Node(_attributes(one), [weights[name] if name in weights else values[name] for name in one.input])
        width += sum(len(part) for part in node.given if isinstance(part, tuple))
        demand(width <= MOST_COLUMNS, f"its nodes are given more than {MOST_COLUMNS:,} columns")
        try:
            results = _results(operator, node)
        except ValueError as error:
            raise ValueError(f"{one.op_type} {one.name!r} {error}") from None
        width += sum(map(len, results))
        values |= zip(one.output, results, strict=True)
        if operator.predicts:
            models[one.output[-1]] = node
    used = {name for one in graph.node for name in one.input} | {tensor.name for tensor in graph.output}
    demand(bool(models) and models.keys() <= used, "it has no model, or one whose answer nothing uses")
    found = {
        tensor.name: (tensor.type.tensor_type.elem_type, len(values.get(tensor.name, ()))) for tensor in graph.output
    }
    kind, width = _kind(found)
    for tensor in graph.output:
        sizes = [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
        demand(sizes in ([0], [0, found[tensor.name][1]]), f"its output {tensor.name!r} is declared to be {sizes}")
    return Graph(
        inputs=inputs,
        operators=tuple(sorted({_operator(one) for one in graph.node})),
        opsets=dict(sorted(opsets.items())),
        kind=kind,
        width=width,
        predictors=tuple(models.values()),
        categories=_categories(values.values()),
        calibration=(temperature_of if kind == "classes" else line_of)(graph, weights),
    )


def _kind(outputs: Mapping[str, tuple[int, int]]) -> tuple[str, int]:
    """Return the kind of task whose answers are such `outputs`, each a type and a number of columns, and their width.

    Raises ValueError where there is none.
    """
    _, width = outputs.get("probabilities", (FLOAT, 1))
    if outputs == {"variable": (FLOAT, 1)}:
        return "number", 1
    demand(
        outputs == {"label": (INT64, 1), "probabilities": (FLOAT, width)} and 2 <= width <= MOST_CLASSES,
        "its outputs must be one label, a whole number, and two probabilities or more, float32, a row, "
        f"or one float32 variable; probabilities are at most {MOST_CLASSES}",
    )
    return ("binary" if width < LEAST_CLASSES else "classes"), width


def _results(operator: Operator, node: Node) -> list[Columns]:
    """Return the columns of each output of `node`. Raises ValueError if it is not what `operator` allows."""
    given = "".join("c" if isinstance(part, tuple) else "w" for part in node.given)
    demand(
        bool(re.fullmatch(operator.given, given)), f"must be given {operator.given}, not {given}: c columns, w weights"
    )
    for name, allowed in operator.attributes.items():
        value = node.attributes.get(name)
        fits = not allowed or set(value if isinstance(value, list) else [value]) <= set(allowed)
        demand(fits, f"must have {name} of {' or '.join(map(text, allowed))}")
    return operator.returns(node)


def _categories(values: Iterable[Columns]) -> dict[str, tuple[str, ...]]:
    """Map each input to the categories that the columns made of it stand for."""
    found: dict[str, dict[str, None]] = {}
    for column in (column for columns in values for column in columns):
        known = column.codes if column.category is None else (column.category,)
        if column.source is not None and known:
            found.setdefault(column.source, {}).update(dict.fromkeys(known))
    return {name: tuple(known) for name, known in found.items()}


def _operator(node: Any) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type


def _input(tensor: Any) -> str:
    kind = tensor.type.tensor_type
    fits = kind.elem_type in _TYPES and [dim.dim_value for dim in kind.shape.dim] == [0, 1]
    demand(fits, f"its input {tensor.name!r} must be float32 or text, of any number of rows and one column")
    return _TYPES[kind.elem_type]


def _weights(tensor: Any) -> np.ndarray:
    dims = list(tensor.dims)
    fits = len(dims) <= 2 and all(0 <= size <= MOST_WEIGHTS for size in dims) and np.prod(dims) <= MOST_WEIGHTS
    demand(fits, f"its weights {tensor.name!r} have the shape {dims}: at most {MOST_WEIGHTS:,} numbers")
    demand(tensor.data_type in (FLOAT, INT64), f"its weights {tensor.name!r} are neither float32 nor int64")
    try:
        return onnx.numpy_helper.to_array(tensor)
    except ValueError as error:
        raise ValueError(f"its weights {tensor.name!r} do not fill their shape: {reason(error)}") from None


def _attributes(node: Any) -> dict[str, Any]:
    found = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value if isinstance(value, int | float | bytes) else list(value) for name, value in found.items()}
