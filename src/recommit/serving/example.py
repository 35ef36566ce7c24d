"""A row that is answered, to show how one asks: made of the golden rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from recommit.columns import Kind, as_arrays
from recommit.live import Live
from recommit.serving.fields import Field
from recommit.serving.from_history import written
from recommit.serving.predictor import Predictor
from recommit.serving.refused import Refused

_TRIED = 50
_AT = "2020-01-01T00:00:00Z"


def example_row(predictor: Predictor) -> dict[str, Any] | None:
    """Returns a row with as few missing values as possible that the predictor answers, or None if it finds none.

    It is a row of the history. Else its values are those of a golden row; what no golden row has, as the key, is a
    value that is allowed.
    """
    for row in _rows(predictor):
        try:
            [found] = predictor.predict([row])
        except Refused:
            continue
        if found.get("unheard") is None:
            return row
    return None


def example_tensors(predictor: Predictor) -> dict[str, Any]:
    """Returns the same as a request of the Open Inference Protocol."""
    golden = predictor.scorer.golden
    values = next(_values(golden.loc[golden.isna().sum(axis=1).sort_values(kind="stable").index[:1]]))
    kinds = {"text": "BYTES", "number": "FP32"}
    return {
        "inputs": [
            {"name": one.name, "shape": [1], "datatype": kinds[one.kind], "data": [values[one.name]]}
            for one in predictor.inputs
        ]
    }


def example_event(predictor: Predictor) -> dict[str, Any] | None:
    """Returns an event that says what history knows already; None where there is no history."""
    if predictor.from_history is None:
        return None
    known = predictor.from_history.known
    if known.example is not None:
        return known.example
    table = predictor.problem.history[-1]
    last = known.fresh().live.tables()[table.name].tail(1)
    [values] = _plain(last, table.kinds(name for name in table.names if name in last))
    values = {name: value for name, value in values.items() if value is not None}
    key = {name: values.pop(name) for name in table.keys[0]}
    told = [value for name, value in (values | key).items() if table[name].kind == "instant"]
    known.example = {"table": table.name, "key": key, "instant": max(told, default=_AT), "values": values}
    return known.example


def _rows(predictor: Predictor) -> Iterator[dict[str, Any]]:
    live, at = None, _AT
    if predictor.from_history:
        live = predictor.from_history.known.fresh().live
        at = _heard(live, predictor.scorer.horizon_hours) or at
        yield from _of_history(live, predictor)
    golden = predictor.scorer.golden
    fewest = golden.isna().sum(axis=1).sort_values(kind="stable").index[:_TRIED]
    for values in _values(golden.loc[fewest]):
        yield {one.name: _value(one, values, at) for one in predictor.fields if one.needed}


def _of_history(live: Live, predictor: Predictor) -> Iterator[dict[str, Any]]:
    """Yields some rows of the history, from its beginning to its end."""
    table = predictor.problem.rows
    rows = live.tables().get(table.name)
    names = [one.name for one in predictor.fields]
    if rows is not None and {*names} <= {*rows} and len(rows):
        some = rows.iloc[np.linspace(0, len(rows) - 1, _TRIED).astype("int64")]
        yield from _plain(some.dropna(subset=names), table.kinds(names))


def _heard(live: Live, hours: float) -> str | None:
    """Returns the instant of a row that is asked for so many `hours` before, when all tables are heard of."""
    until = live.heard_until()
    if until is None:
        return None
    return f"{(until + pd.Timedelta(hours=hours)).tz_convert(None).isoformat()}Z"


def _plain(rows: pd.DataFrame, kinds: dict[str, Kind]) -> Iterator[dict[str, Any]]:
    """Yields rows of a table as JSON has them."""
    columns = {name: written(values) for name, values in as_arrays(rows, kinds).items()}
    yield from (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _values(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yields rows as JSON has them; a float32 is written with as few digits as give it again."""
    for row in rows.to_dict("records"):
        yield {str(name): value if isinstance(value, str) else _number(value) for name, value in row.items()}


def _number(value: Any) -> float | int | None:
    if value != value:
        return None
    short = float(f"{value:.9g}")
    for digits in range(1, 9):
        if (fewer := float(f"{value:.{digits}g}")) and pd.Series([fewer], dtype="float32")[0] == value:
            short = fewer
            break
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _value(field: Field, values: dict[str, Any], at: str) -> Any:
    found = values.get(field.name)
    if field.kind == "whole":
        return int(found if isinstance(found, int | float) else field.low or 1)
    if found is not None or (field.name in values and field.nullable):
        return found
    if field.kind == "number":
        return field.low or 0
    return at if field.kind == "instant" else field.values[0] if field.values else "a"
