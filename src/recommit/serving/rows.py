"""Rows of a request in the problem's own language, read strictly."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from recommit.batch.typed import as_kind
from recommit.columns import Columns, Kind, arrays_of
from recommit.serving.fields import Field
from recommit.serving.matrix import single
from recommit.serving.refused import Refused, shown, some, wrong

_TYPES: dict[Kind, set[type]] = {
    "number": {int, float},
    "whole": {int},
    "text": {str},
    "instant": {str},
    "boolean": {bool},
}
_ARROW: dict[Kind, pa.DataType] = {"number": pa.float64(), "whole": pa.int64(), "text": pa.string()}
_USUAL = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-](?:0\d|1[0-4]):\d\d)", re.ASCII
)
"""An instant as most programs write it; what is more than microseconds is cut off."""
_EXACT = 2**53
_LARGEST = 2**63 - 1


def columns(rows: Sequence[Any], fields: Sequence[Field]) -> dict[str, list[Any]]:
    """Returns the values of `rows` by field, of the kind that each field declares; None is a missing one.

    Fields that are not needed are there if any row has them. Raises `Refused` for the first row that is no object, has
    an unknown key, lacks one, or has a value of another type: row, column, what was found, what is expected.
    """
    known = {one.name: one for one in fields}
    needed = {one.name for one in fields if one.needed}
    there = set(needed)
    for place, row in enumerate(rows):
        if type(row) is not dict:
            raise Refused(422, f"row {place + 1}: found {shown(row)}, expected an object with the columns of one row")
        if row.keys() != needed:
            _keys(place, row, known, needed)
            there |= row.keys()
    return {name: _typed([row.get(name) for row in rows], one, rows) for name, one in known.items() if name in there}


def _keys(place: int, row: dict[str, Any], known: dict[str, Field], needed: set[str]) -> None:
    for name in row:
        if name not in known:
            raise Refused(422, f"row {place + 1}: found the key {shown(name)}, expected one of {some(list(known))}")
    for name in known:
        if name in needed and name not in row:
            raise _absent(place, known[name])


def _absent(place: int, field: Field) -> Refused:
    return Refused(422, f"row {place + 1}, column {field.name}: found nothing, expected {field.expected}")


def _typed(values: list[Any], field: Field, rows: Sequence[dict[str, Any]]) -> list[Any]:
    allowed = _TYPES[field.kind] | ({type(None)} if field.nullable else set())
    if allowed.issuperset(map(type, values)):
        if field.kind == "whole" and any(value is not None and abs(value) > _LARGEST for value in values):
            place = next(at for at, value in enumerate(values) if abs(value) > _LARGEST)
            raise wrong(place, field.name, values[place], f"{field.expected} of 64 bits")
        return values
    found = []
    for place, value in enumerate(values):
        if field.kind == "whole" and type(value) is float and value.is_integer() and abs(value) < _EXACT:
            value = int(value)  # JSON has one kind of number: 3.0 is 3
        elif type(value) not in allowed and (field.needed or field.name in rows[place]):
            raise wrong(place, field.name, value, field.expected)
        found.append(value)
    return found


def table(values: dict[str, list[Any]], fields: Sequence[Field]) -> pa.Table:
    """Returns typed values, as `columns` gives them, as a table. Raises `Refused` for a text that is no instant."""
    made = {}
    for one in fields:
        if one.kind == "instant":
            made[one.name] = instants(values[one.name], one)
        elif one.kind == "number" and {*map(type, values[one.name])} == {int}:
            made[one.name] = _whole_numbers(values[one.name])
        else:
            made[one.name] = pa.array(values[one.name], _ARROW[one.kind])
    return pa.table(made)


def _whole_numbers(values: list[int]) -> pa.Array:
    """Numbers without a point are of 64 bits, as in a table of whole numbers, so that they are rounded once."""
    return pa.array(values, pa.int64() if max(map(abs, values)) <= _LARGEST else pa.float64())


def instants(values: list[str | None], field: Field) -> pa.Array:
    """Returns texts as instants. Raises `Refused` for the first that is none."""
    found, faults = as_kind(pa.chunked_array([pa.array(values, pa.string())]), field.name, "instant")
    if faults:
        place = faults[0][0]
        raise wrong(place, field.name, values[place], field.expected)
    return pa.Array.from_pandas(found).cast(pa.timestamp("us", "UTC"))


def arrays(values: dict[str, list[Any]], fields: Sequence[Field]) -> Columns:
    """Returns typed values, as `columns` gives them, as the arrays of the same table, without one.

    Raises `Refused` for a text that is no instant, and for a number beyond single precision.
    """
    plain = {one.name: _moments(values[one.name], one) if one.kind == "instant" else values[one.name] for one in fields}
    others = {one.name: one.kind for one in fields if one.kind != "number"}
    rows = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    numbers = {one.name: single(values[one.name]) for one in fields if one.kind == "number"}
    for one in fields:
        if one.kind == "number" and (beyond := np.isinf(numbers[one.name])).any():
            place = int(np.argmax(beyond))
            raise wrong(place, one.name, values[one.name][place], one.expected)
    return numbers | arrays_of(rows, others)


def _moments(values: list[str | None], field: Field) -> list[datetime | None]:
    """Returns texts as instants, as `instants` reads them; those in the usual form without a table."""
    if all(text is None or _USUAL.fullmatch(text) for text in values):
        try:
            return [text and datetime.fromisoformat(text).astimezone(UTC) for text in values]  # type: ignore[misc]
        except (ValueError, OverflowError):  # a date that there is not: said below
            pass
    return instants(values, field).to_pylist()
