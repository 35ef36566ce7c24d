"""Rows in the forms that several hosts share: lists of values, and CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import orjson

from recommit.serving.fields import Field
from recommit.serving.hosts.contract import Asked
from recommit.serving.limits import parse, refuse_rows
from recommit.serving.refused import Refused, shown, some


def said(asked: Asked, *needed: str, also: Sequence[str] = ()) -> tuple[str, Any]:
    """Returns the one of the `needed` keys that the JSON object in a body has, and its value.

    It may have those in `also` too. Raises `Refused` where it is no such object.
    """
    found = parse(asked.body, asked.limits)
    there = [name for name in needed if type(found) is dict and name in found]
    if len(there) != 1 or found.keys() - {*there, *also}:
        what = f"the keys {', '.join(map(shown, found))}" if type(found) is dict and found else shown(found)
        expected = f"one of {some(needed)}" if len(needed) > 1 else needed[0]
        raise Refused(422, f"found {what}, expected an object with {expected}")
    return there[0], found[there[0]]


def listed(values: Any, key: str, names: Sequence[str]) -> list[Any]:
    """Returns rows of the list `values`: one that is a list of values has those of the columns `names`, in order."""
    if type(values) is not list:
        raise Refused(422, f"found {shown(values)} as {key}, expected a list of rows")
    return [row_of(row, names, place) if type(row) is list else row for place, row in enumerate(values)]


def row_of(values: Sequence[Any], names: Sequence[str], place: int) -> dict[str, Any]:
    """Returns a row of values in the order of `names`. Raises `Refused` where there are more or fewer."""
    if len(values) != len(names):
        raise Refused(422, f"row {place + 1}: found {len(values)} values, expected {len(names)}: {some(names)}")
    return dict(zip(names, values, strict=True))


def of_csv(asked: Asked, headed: bool) -> list[Any]:
    """Returns the rows of a body of CSV in UTF-8, each value of the kind that its field declares.

    If it must be `headed`, the first line names the columns; else that line may, and their order is that of the fields.
    An empty value is a missing one. Raises `Refused` where it is no CSV, or a row has more or fewer values.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(asked.body.decode(), newline=""), strict=True) if line]
    except (csv.Error, UnicodeDecodeError):
        raise Refused(400, "the body is no CSV in UTF-8") from None
    refuse_rows(max(len(lines) - headed, 0), asked.limits)
    known, names = {one.name: one for one in asked.fields}, asked.names
    if headed or known.keys() >= {*lines[0]}:
        names = lines.pop(0)
        if not known.keys() >= {*names} or len({*names}) < len(names):
            raise Refused(422, f"found the columns {some([shown(name) for name in names])}, expected {some([*known])}")
    rows = [row_of(line, names, place) for place, line in enumerate(lines)]
    return [{name: _value(text, known[name]) for name, text in row.items()} for row in rows]


def _value(text: str, field: Field) -> Any:
    """Returns a text as its field's kind, or as it is where it is none: then the value is refused by name."""
    if text == "" and (field.nullable or field.kind != "text"):
        return None
    if field.kind not in ("number", "whole"):
        return text
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if type(found) in (int, float) else text


def as_csv(rows: Sequence[Sequence[Any]]) -> str:
    """Returns rows as CSV; a missing value is empty."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
