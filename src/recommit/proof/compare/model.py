"""Compares two ONNX models by what they predict."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from recommit.artifact.model import Model
from recommit.proof.compare.comparison import Comparison, at, count, judged, reading
from recommit.proof.compare.values import compare_values
from recommit.proof.tolerance import Tolerance

TableWith = Callable[[Sequence[str]], "pd.DataFrame | None"]
"""Called with the columns that a model reads: returns a table with these columns, or None if there is none."""


@reading("a model", Model)
def compare_models(was: Model, now: Model, tolerance: Tolerance, table_with: TableWith) -> Comparison:
    """Compares two ONNX files: the columns that they read, then the answer to each row of a table, from row 1.

    They are different where there is no table that both can predict on, and where their answers have another shape.
    """
    names, names_now = ([list(column) for column in model.columns.items()] for model in (was, now))
    columns = compare_values(names, names_now, tolerance, "columns")
    if columns.verdict == "different":
        return columns
    table = table_with(list(was.columns))
    if table is None or table.empty:
        return Comparison("different", "other bytes, and the commit has no table here to compare predictions on")
    try:
        before, after = was.answer(table), now.answer(table)
    except Exception as error:  # whatever onnxruntime raises for a model that takes no such values
        return Comparison("different", f"other bytes, and a model gives no predictions: {str(error).splitlines()[0]}")
    if before.shape != after.shape:
        return Comparison("different", f"predictions of the shape {before.shape} became {after.shape}")
    return _compare_answers(before, after, _spread(before) if was.numbers else 1.0, tolerance)


def _spread(answers: np.ndarray) -> float:
    """Returns the standard deviation of the finite ones of `answers`, or 1 where they are all alike."""
    finite = answers[np.isfinite(answers)]
    return float(finite.std()) or 1.0 if finite.size else 1.0


def _compare_answers(was: np.ndarray, now: np.ndarray, spread: float, tolerance: Tolerance) -> Comparison:
    """Compares answers: differences are a share of `spread`, or of the answer where that is larger, as in parity."""
    rows = count(len(was), "row")
    with np.errstate(invalid="ignore"):
        distance = np.abs(was - now) / np.maximum(spread, np.abs(was))
    distance = np.where((was == now) | (np.isnan(was) & np.isnan(now)), 0.0, distance)
    distance = np.where(np.isnan(distance), np.inf, distance)
    place = np.unravel_index(int(distance.argmax()), distance.shape)  # each class has a column of its own
    if not distance[place]:
        return Comparison("equal", f"the same predictions on {rows}, from another file")
    found = judged(was[place], now[place], float(distance[place]), tolerance.predictions, "")
    return at(f"prediction for row {int(place[0]) + 1} of {rows}", found)
