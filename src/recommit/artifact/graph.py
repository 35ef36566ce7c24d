"""Check the graph of a model file, and say what it is made of.

A model is data only as long as nothing in it can surprise what runs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from recommit.artifact.calibration import Line, calibration_of
from recommit.artifact.files import reason
from recommit.artifact.operators import CLASSIFIERS, OPERATORS, TEXT_KEYS, Attributes, Column, Columns, text
from recommit.artifact.wire import scan

OPSETS = {"": 21, "ai.onnx.ml": 3}
"""The newest version of each operator set that a model may use, which is the one that `export` asks for."""
MOST_CONSTANTS = 10_000
"""Numbers in one tensor of weights; larger ones, such as trees, are attributes."""
_TYPES = {1: "number", 8: "text"}


@dataclass(frozen=True)
class Classifier:
    """The node that gives the probability: its operator, its attributes, and the columns that it reads."""

    operator: str
    attributes: Attributes
    columns: Columns


@dataclass(frozen=True)
class Graph:
    """What a checked model file is made of."""

    inputs: dict[str, str]
    """Each input column, in order, to "number" or "text"."""
    operators: tuple[str, ...]
    opsets: dict[str, int]
    classifier: Classifier
    categories: dict[str, tuple[str, ...]]
    """Each text column to the values that the file tells apart."""
    calibration: Line


def read_graph(content: bytes) -> Graph:
    """Check the bytes of a model file, and say what it is made of.

    Raises ValueError in one line for a file that holds anything not listed in `wire` or `operators`, or whose parts
    do not fit together: operator sets, shapes, sizes, trees.
    """
    scan(content)
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # the parser's own, which differ between its versions
        raise ValueError(f"not an ONNX file: {reason(error)}") from None
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    for domain, version in opsets.items():
        if not 1 <= version <= OPSETS.get(domain, 0):
            known = f"up to {OPSETS[domain]} are known" if domain in OPSETS else "only ONNX's own are known"
            raise ValueError(f"it needs version {version} of the operator set {domain or 'ai.onnx'!r}: {known}")
    try:
        return _read(model.graph, opsets)
    except (TypeError, OverflowError, UnicodeDecodeError) as error:  # numbers where text is due, and the like
        raise ValueError(f"its parts are of the wrong kind: {reason(error)}") from None


def _read(graph: Any, opsets: dict[str, int]) -> Graph:
    constants = {tensor.name: _constant(tensor) for tensor in graph.initializer}
    inputs = {tensor.name: _input(tensor) for tensor in graph.input}
    values: dict[str, Columns] = {name: (Column(name),) for name in inputs}
    if len({*values, *constants}) != len(graph.initializer) + len(graph.input) or not inputs:
        raise ValueError("it has no inputs, or two inputs or weights of one name")
    classifiers = []
    categories: dict[str, tuple[str, ...]] = {}
    for node in graph.node:
        where = f"{node.op_type} {node.name!r}"
        domain = "" if node.domain == "ai.onnx" else node.domain
        operator = f"{domain}.{node.op_type}" if domain else node.op_type
        if operator not in OPERATORS:
            raise ValueError(f"it uses the operator {operator!r}, which is not among the {len(OPERATORS)} allowed")
        if domain not in opsets:
            raise ValueError(f"{where} is of an operator set, {domain or 'ai.onnx'!r}, that the file does not name")
        for name in node.input:
            if name not in values and name not in constants:
                raise ValueError(f"{where} reads {name!r}, which nothing before it gives")
        attributes = _attributes(node, where)
        unknown = sorted(attributes.keys() - OPERATORS[operator].attributes)
        if unknown:
            raise ValueError(f"{where} says {unknown[0]!r}, which is not among what a {operator} may say")
        results = OPERATORS[operator].columns(
            where, attributes, [constants[n] if n in constants else values[n] for n in node.input]
        )
        if len(results) != len(node.output):
            raise ValueError(f"{where} has {len(node.output)} outputs, not {len(results)}")
        if operator in CLASSIFIERS:
            classifiers.append(Classifier(node.op_type, attributes, values[node.input[0]]))
        known = tuple(text(key) for name in TEXT_KEYS for key in attributes.get(name, ()))
        for source in {column.source for columns in results for column in columns if column.source and known}:
            categories[source] = (*categories.get(source, ()), *known)
        for name, columns in zip(node.output, results, strict=True):
            if not name or name in values or name in constants:
                raise ValueError(f"{where} gives {name!r}, which has no name or is there already")
            values[name] = columns
    if len(classifiers) != 1:
        raise ValueError(f"it has {len(classifiers)} classifiers, not one")
    _check_outputs(graph.output, values)
    operators = {f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in graph.node}
    versions, line = dict(sorted(opsets.items())), calibration_of(graph, constants)
    return Graph(inputs, tuple(sorted(operators)), versions, classifiers[0], categories, line)


def _check_outputs(outputs: Any, values: Mapping[str, Columns]) -> None:
    found = {tensor.name: tensor.type.tensor_type.elem_type for tensor in outputs}
    if found != {"label": 7, "probabilities": 1}:
        raise ValueError("its outputs must be 'label', whole numbers, and 'probabilities', float32")
    wide = {name: len(values.get(name, ())) for name in found}
    if wide != {"label": 1, "probabilities": 2}:
        raise ValueError("its outputs must be one label and two probabilities a row")


def _input(tensor: Any) -> str:
    kind = tensor.type.tensor_type
    dims = [dim.dim_value for dim in kind.shape.dim]
    if kind.elem_type not in _TYPES or len(dims) != 2 or dims[0] != 0 or dims[1] != 1:
        raise ValueError(f"its input {tensor.name!r} must be float32 or text, of any number of rows and one column")
    return _TYPES[kind.elem_type]


def _constant(tensor: Any) -> np.ndarray:
    dims = list(tensor.dims)
    if len(dims) > 2 or any(not 0 <= size <= MOST_CONSTANTS for size in dims) or np.prod(dims) > MOST_CONSTANTS:
        raise ValueError(f"its weights {tensor.name!r} have the shape {dims}: at most {MOST_CONSTANTS:,} numbers")
    if tensor.data_type not in (1, 7):
        raise ValueError(f"its weights {tensor.name!r} are neither float32 nor int64")
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:
        raise ValueError(f"its weights {tensor.name!r} do not fill their shape: {reason(error)}") from None


def _attributes(node: Any, where: str) -> Attributes:
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.name in found:
            raise ValueError(f"{where} says {attribute.name!r} twice")
        try:
            value = onnx.helper.get_attribute_value(attribute)
        except ValueError:
            raise ValueError(f"{where}: {attribute.name!r} has no type that is known") from None
        found[attribute.name] = value if isinstance(value, int | float | bytes) else list(value)
    return found
