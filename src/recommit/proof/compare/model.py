"""Compares two ONNX models: by what they predict, or node by node where there is no table to predict on."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pandas as pd
from google.protobuf.message import Message
from onnx import numpy_helper

from recommit.artifact.model import Model
from recommit.proof.compare.comparison import Comparison, at, count, first, judged, reading
from recommit.proof.compare.values import ANOTHER_WAY, compare_values
from recommit.proof.tolerance import Tolerance

TableWith = Callable[[Sequence[str]], "pd.DataFrame | None"]
"""Called with the columns that a model reads: returns a table that has at least these, or None if there is none."""


def _read_model(content: bytes) -> tuple[bytes, Model]:
    return content, Model(content)


def _read_graph(content: bytes) -> dict[str, Any]:
    model = onnx.load_model_from_string(content)
    return {
        "operator sets": {operators.domain or "onnx": operators.version for operators in model.opset_import},
        "graph": _plain(model.graph),
        "functions": _plain(model.functions),
        "metadata": {entry.key: entry.value for entry in model.metadata_props},
    }


def _plain(value: Any) -> Any:
    """Returns a protobuf value as JSON would have it, weights as lists of numbers."""
    if isinstance(value, onnx.TensorProto):
        weights = numpy_helper.to_array(value)
        return {
            "name": value.name,
            "type": str(weights.dtype),
            "shape": list(weights.shape),
            "values": _numbers(weights),
        }
    if isinstance(value, Message):
        return {field.name: _plain(content) for field, content in value.ListFields()}
    if isinstance(value, str | bytes | int | float):
        return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
    return [_plain(part) for part in value]


def _numbers(weights: np.ndarray) -> list[Any]:
    """Returns weights as plain numbers or texts, and types of numbers that only ONNX has as their bytes."""
    plain = weights.dtype.kind in "biufOU"
    return weights.ravel().tolist() if plain else list(weights.tobytes())


@reading("a model", _read_model)
def compare_models(
    was: tuple[bytes, Model], now: tuple[bytes, Model], tolerance: Tolerance, table_with: TableWith
) -> Comparison:
    """Compares two ONNX files: the columns that they read, then the answer to each row of a table, from row 1.

    Without a table that both can predict on, their graphs are compared.
    """
    (content, before), (content_now, after) = was, now
    names, names_now = ([list(column) for column in model.columns.items()] for model in (before, after))
    columns = compare_values(names, names_now, tolerance, "columns")
    if columns.verdict == "different":
        return columns
    table = table_with(list(before.columns))
    if table is None or table.empty:
        return _compare_graphs(content, content_now, tolerance)
    try:
        answers = before.answer(table), after.answer(table)
    except Exception:  # whatever onnxruntime raises for a model that takes no such values
        return _compare_graphs(content, content_now, tolerance)
    if answers[0].shape != answers[1].shape:
        return _compare_graphs(content, content_now, tolerance)
    return _compare_answers(answers[0], answers[1], tolerance)


@reading("ONNX", _read_graph)
def _compare_graphs(before: dict[str, Any], after: dict[str, Any], tolerance: Tolerance) -> Comparison:
    """Compares two ONNX files: the same nodes, attributes and weights in the same order, floats within tolerance."""
    return first([compare_values(before, after, tolerance), ANOTHER_WAY])


def _compare_answers(was: np.ndarray, now: np.ndarray, tolerance: Tolerance) -> Comparison:
    rows = count(len(was), "row")
    distance = np.where(np.isnan(was) & np.isnan(now), 0.0, np.abs(was - now))
    distance = np.where(np.isnan(distance), np.inf, distance)
    place = np.unravel_index(int(distance.argmax()), distance.shape)  # of several classes, each has a number of its own
    if not distance[place]:
        return Comparison("equal", f"the same predictions on {rows}, from another file")
    found = judged(was[place], now[place], float(distance[place]), tolerance.predictions, "")
    return at(f"prediction for row {int(place[0]) + 1} of {rows}", found)
