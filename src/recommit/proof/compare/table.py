"""Compares two parquet files: columns and types first, then the cells, one column at a time."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recommit.proof.compare.comparison import IDENTICAL, Comparison, at, first, named, numbers, reading
from recommit.proof.compare.values import ANOTHER_WAY, compare_values, numbered
from recommit.proof.tolerance import EXACTLY, Tolerance, relative_difference


def _read(content: bytes) -> tuple[pa.Table, dict[str, Any]]:
    """Returns the table, and what its writer noted of itself and of the table."""
    file = pq.ParquetFile(pa.BufferReader(content))
    table = file.read()
    notes: dict[str, Any] = {"created_by": file.metadata.created_by}
    for place, metadata in (
        ("metadata", table.schema.metadata),
        *((field.name, field.metadata) for field in table.schema),
    ):
        notes |= {f"{place}.{key.decode()}": text.decode(errors="replace") for key, text in (metadata or {}).items()}
    if "metadata.pandas" in notes:
        notes["metadata.pandas"] = json.loads(notes["metadata.pandas"])
    return table, notes


@reading("parquet", _read)
def compare_parquet(was: tuple[pa.Table, Any], now: tuple[pa.Table, Any], tolerance: Tolerance) -> Comparison:
    """Compares two parquet files: names, types and order of columns, the number of rows, the index, and each cell.

    Floats are equal within tolerance. NaN equals NaN, a missing value equals a missing value only. All else must be the
    same, times and the order of categories included. Rows count from 1. Files are equal that differ in what their
    writer notes of itself, or in how it lays out the same values.
    """
    (before, notes_before), (after, notes_after) = was, now
    shape = compare_values(_shape(before), _shape(after), EXACTLY)
    if shape.verdict == "different":
        return shape
    columns = zip(before.column_names, before.columns, after.columns, strict=True)
    cells = first(
        at(f"column {named(name)}", _compare_columns(old, new, tolerance), ", ") for name, old, new in columns
    )
    notes = compare_values(notes_before, notes_after, EXACTLY)
    written = Comparison("equal", f"the same values; {notes.where}") if notes.where else ANOTHER_WAY
    return first([cells, written])


def _shape(table: pa.Table) -> dict[str, Any]:
    columns = [f"{field.name} ({field.type}{'' if field.nullable else ', never missing'})" for field in table.schema]
    index = (table.schema.pandas_metadata or {}).get("index_columns")
    return {**numbered("column", columns), "rows": table.num_rows, "index": index}


def _compare_columns(was: pa.ChunkedArray, now: pa.ChunkedArray, tolerance: Tolerance) -> Comparison:
    if was.equals(now):
        return IDENTICAL
    if pa.types.is_dictionary(was.type):
        plain = was.type.value_type
        categories = compare_values(_categories(was), _categories(now), EXACTLY, "categories")
        return first([_compare_columns(was.cast(plain), now.cast(plain), tolerance), categories])
    if pa.types.is_floating(was.type) and was.is_null().equals(now.is_null()):
        return _compare_floats(was, now, tolerance)
    return compare_values(numbered("row", was.to_pylist()), numbered("row", now.to_pylist()), tolerance)


def _compare_floats(was: pa.ChunkedArray, now: pa.ChunkedArray, tolerance: Tolerance) -> Comparison:
    """Compares two columns whose missing values are in the same rows: reports the first row beyond the tolerance.

    If all are within it, the row that is farthest apart.
    """
    distance = relative_difference(was.to_numpy(), now.to_numpy())
    beyond = distance > tolerance.numbers
    row = int(beyond.argmax() if beyond.any() else distance.argmax())
    if not distance[row]:
        return IDENTICAL
    return at(f"row {row + 1}", numbers(was[row].as_py(), now[row].as_py(), tolerance))


def _categories(column: pa.ChunkedArray) -> list[Any]:
    return [value for chunk in column.unify_dictionaries().chunks[:1] for value in chunk.dictionary.to_pylist()]
