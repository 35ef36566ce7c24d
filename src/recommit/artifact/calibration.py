"""Calibration in a model file: the last nodes of its graph, which are a straight line in the log-odds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx

_STEPS: tuple[tuple[str, tuple[str, ...], str, dict[str, Any]], ...] = (
    ("Clip", ("uncalibrated", "least", "most"), "inside", {}),
    # Both probabilities are taken from the model: 1 - p loses digits for a float32 p near 1.
    ("Gather", ("inside", "positive"), "for", {"axis": 1}),
    ("Gather", ("inside", "negative"), "against", {"axis": 1}),
    ("Div", ("for", "against"), "odds", {}),
    ("Log", ("odds",), "log_odds", {}),
    ("Mul", ("log_odds", "slope"), "scaled", {}),
    ("Add", ("scaled", "intercept"), "moved", {}),
    ("Sigmoid", ("moved",), "calibrated", {}),
    ("Sub", ("one", "calibrated"), "other", {}),
    ("Concat", ("other", "calibrated"), "probabilities", {"axis": 1}),
)
_PLACES = {"negative": 0, "positive": 1}


class Line(NamedTuple):
    """The calibration that turns a probability p into expit(slope * logit(p) + intercept)."""

    slope: float
    intercept: float


AS_IT_IS = Line(1.0, 0.0)
"""The line of a model file without calibration: it changes no probability."""


def append_calibration(graph: Any, line: Line, smallest: float) -> None:
    """Append the nodes of `line` to an ONNX `graph`. They first keep probabilities `smallest` away from 0 and 1."""
    for node in graph.node:
        node.output[:] = ["uncalibrated" if name == "probabilities" else name for name in node.output]
    constants = {**line._asdict(), "least": smallest, "most": 1 - smallest, "one": 1.0}
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(value, dtype="float32"), _own(name)) for name, value in constants.items()
    )
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array([place], dtype="int64"), _own(name)) for name, place in _PLACES.items()
    )
    graph.node.extend(_nodes())


def calibration_of(graph: Any, constants: Mapping[str, np.ndarray]) -> Line:
    """Return the line that `append_calibration` put at the end of a checked `graph`, or `AS_IT_IS` if it put none.

    `constants` are the arrays of the graph's initializers, by name.
    """
    nodes = _nodes()
    # Such a name may also be that of an input column.
    line = [constants[_own(name)] for name in Line._fields if _own(name) in constants]
    places = {name: constants[_own(name)].tolist() for name in _PLACES if _own(name) in constants}
    if list(graph.node[-len(nodes) :]) != nodes or places != {name: [place] for name, place in _PLACES.items()}:
        return AS_IT_IS
    return Line(*(float(value.item()) for value in line)) if len(line) == len(Line._fields) else AS_IT_IS


def _nodes() -> list[Any]:
    nodes = []
    for operator, inputs, output, attributes in _STEPS:
        names = [_own(name) for name in (*inputs, output)]
        nodes.append(onnx.helper.make_node(operator, names[:-1], names[-1:], name=names[-1], **attributes))
    return nodes


def _own(name: str) -> str:
    return name if name in ("uncalibrated", "probabilities") else f"calibration_{name}"
