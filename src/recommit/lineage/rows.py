"""One row of a table of predictions: the model that it names, and the features that the model was given."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from recommit import Refusal

_MODEL = re.compile(r"model(_.*)?|.*_model|version")
_HASH = re.compile(r"(?:md5:|sha256:)?([0-9a-f]{8,64})")
_KEY_TYPES = (
    pa.types.is_integer, pa.types.is_string, pa.types.is_large_string, pa.types.is_timestamp, pa.types.is_date,
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row: its number from 0, the column that its key is in ("" if asked by number), its values by column.

    `inputs` are the values of the row with the same key in the table `inputs_from` that the model was given.
    """

    number: int
    key_column: str
    key: Any
    values: Mapping[str, Any]
    inputs_from: str = ""
    inputs: Mapping[str, Any] | None = None

    @property
    def models(self) -> dict[str, str]:
        """What the row says of its model, by column: a version, a hash, a name."""
        return {name: str(value) for name, value in self.values.items() if _MODEL.fullmatch(name) and value is not None}


def row_of(content: bytes, name: str, asked: str) -> Row:
    """The row with the key `asked`, or `#NUMBER`, of a parquet or CSV file's contents; `name` tells which of them.

    A key is looked for in the columns of text, whole numbers, days and instants whose values are all different, in the
    table's order. An instant is asked for in ISO 8601; without an offset it is UTC where the column has a time zone.
    Raises Refusal where no row has it.
    """
    table = _read(content, name)
    if asked.startswith("#"):
        digits = asked[1:]
        number = int(digits) if digits.isdecimal() and len(digits) < 19 else table.num_rows
        if number >= table.num_rows:
            raise Refusal(f"{name} has rows #0 to #{table.num_rows - 1}, and no {asked}")
        keys = _keys(table)
        column = keys[0] if keys else ""
        return Row(number, column, _plain(table[column][number].as_py()) if column else None, _values(table, number))
    for column in _keys(table):
        found = _index(table[column], asked)
        if found is not None:
            return Row(found, column, _plain(table[column][found].as_py()), _values(table, found))
    said = ", ".join(_keys(table)) or "no column, since none has a value of its own in each row"
    raise Refusal(f"{name} has no row {asked}: its keys are in {said}; `{name}#0` names a row by its number")


def inputs_of(content: bytes, name: str, row: Row) -> Mapping[str, Any] | None:
    """The values of the row of another table that has the same key in the same column; None where there is none."""
    table = _read(content, name)
    if row.key_column not in table.column_names:
        return None
    number = _index(table[row.key_column], str(row.key))
    return None if number is None else _values(table, number)


def hash_in(text: str) -> str | None:
    """The hash, whole or its beginning, that a model column's text is; None where it is something else."""
    match = _HASH.fullmatch(text)
    return match[1] if match else None


def _read(content: bytes, name: str) -> pa.Table:
    try:
        table = pa.BufferReader(content)
        return pyarrow.parquet.read_table(table) if name.endswith(".parquet") else pyarrow.csv.read_csv(table)
    except (pa.ArrowException, OSError) as error:
        raise Refusal(f"{name} cannot be read as a table: {str(error).splitlines()[0]}") from None


def _keys(table: pa.Table) -> list[str]:
    found = []
    for name in table.column_names:
        kind = table.schema.field(name).type
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        if (
            any(fits(plain) for fits in _KEY_TYPES)
            and pc.count_distinct(table[name], mode="all").as_py() == table.num_rows
        ):
            found.append(name)
    return found


def _index(column: pa.ChunkedArray, asked: str) -> int | None:
    if pa.types.is_timestamp(column.type):
        value = _instant(asked, column.type)
    else:
        column, value = pc.cast(column, pa.string()), pa.scalar(asked)
    number = -1 if value is None else pc.index(column, value).as_py()
    return None if number < 0 else number


def _instant(asked: str, kind: pa.TimestampType) -> pa.Scalar | None:
    """The instant that a text is, as a value of a column of the type `kind`; None where it is none."""
    for text in (asked, f"{asked}Z") if kind.tz else (asked,):
        try:
            return pc.cast(pa.scalar(text), kind)
        except pa.ArrowInvalid:
            continue
    return None


def _values(table: pa.Table, number: int) -> dict[str, Any]:
    return {name: _plain(table[name][number].as_py()) for name in table.column_names}


def _plain(value: Any) -> Any:
    """A value as JSON writes it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if value is None or isinstance(value, str | int | float | bool | list) else str(value)
