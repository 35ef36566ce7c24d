"""Compares two parquet files: columns and types first, then the cells, one column at a time."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recommit.proof.compare.comparison import IDENTICAL, Comparison, at, first, named, numbers, reading
from recommit.proof.compare.values import ANOTHER_WAY, compare_values, numbered
from recommit.proof.tolerance import EXACTLY, Tolerance, relative_difference


def _read(content: bytes) -> pa.Table:
    return pq.ParquetFile(pa.BufferReader(content)).read()


@reading("parquet", _read)
def compare_parquet(was: pa.Table, now: pa.Table, tolerance: Tolerance) -> Comparison:
    """Compares two parquet files: names, types and order of columns, the number of rows, the index, and each cell.

    Floats are equal within tolerance. NaN equals NaN, a missing value equals a missing value only. All else must be the
    same, times and the order of categories included. Rows count from 1. Two files are equal if they hold the same
    values with another layout or other metadata.
    """
    shape = compare_values(_shape(was), _shape(now), EXACTLY)
    if shape.verdict == "different":
        return shape
    columns = zip(was.column_names, was.columns, now.columns, strict=True)
    cells = first(
        at(f"column {named(name)}", _compare_columns(old, new, tolerance), ", ") for name, old, new in columns
    )
    return first([cells, ANOTHER_WAY])


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
    """Compares two columns whose missing values are in the same rows.

    Reports the first row beyond the tolerance, or if there is none, the row with the largest difference.
    """
    distance = relative_difference(was.to_numpy(), now.to_numpy())
    beyond = distance > tolerance.numbers
    row = int(beyond.argmax() if beyond.any() else distance.argmax())
    if not distance[row]:
        return IDENTICAL
    return at(f"row {row + 1}", numbers(was[row].as_py(), now[row].as_py(), tolerance))


def _categories(column: pa.ChunkedArray) -> list[Any]:
    return [value for chunk in column.unify_dictionaries().chunks[:1] for value in chunk.dictionary.to_pylist()]
