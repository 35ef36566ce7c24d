"""Compare two parquet files: columns and types first, then the cells, a whole column at a time."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recommit.proof.compare.comparison import (
    IDENTICAL,
    Comparison,
    at,
    count,
    different,
    excerpt,
    first,
    judged,
    named,
    read_both,
    within,
)
from recommit.proof.compare.values import ANOTHER_WAY, compare_values
from recommit.proof.tolerance import EXACTLY, Tolerance, relative_difference


def compare_parquet(was: bytes, now: bytes, tolerance: Tolerance) -> Comparison:
    """Two parquet files: names, types and order of columns, the number of rows, the index, and each cell.

    Floats are equal within tolerance, NaN is NaN, a missing value is only a missing value; all else, times and the
    order of categories included, must be the same. Rows count from 1. Files that differ in what their writer notes
    of itself, or in how it lays out the same values, are equal.
    """
    files = read_both("parquet", _read, was, now)
    if isinstance(files, Comparison):
        return files
    (before, notes_before), (after, notes_after) = files
    shape = first(_compare_shapes(before, after))
    if shape.verdict == "different":
        return shape
    columns = zip(before.column_names, before.columns, after.columns, strict=True)
    cells = first(within(f"column {named(name)}", _compare_columns(old, new, tolerance)) for name, old, new in columns)
    notes = compare_values(notes_before, notes_after, EXACTLY)
    written = Comparison("equal", f"the same values; {notes.where}") if notes.where else ANOTHER_WAY
    return first([cells, written])


def _read(content: bytes) -> tuple[pa.Table, dict[str, Any]]:
    """The table, and what its writer noted of itself and of the table."""
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


def _compare_shapes(before: pa.Table, after: pa.Table) -> Iterator[Comparison]:
    old, new = (
        [f"{field.name} ({field.type}{'' if field.nullable else ', never missing'})" for field in table.schema]
        for table in (before, after)
    )
    for number, (was, now) in enumerate(zip(old, new, strict=False), 1):
        if was != now:
            yield at(f"column {number}", different(was, now))
    if len(old) != len(new):
        yield different(count(len(old), "column"), str(len(new)))
    if before.num_rows != after.num_rows:
        yield different(count(before.num_rows, "row"), str(after.num_rows))
    yield compare_values(_index(before), _index(after), EXACTLY, "index")


def _index(table: pa.Table) -> Any:
    return (table.schema.pandas_metadata or {}).get("index_columns")


def _compare_columns(was: pa.ChunkedArray, now: pa.ChunkedArray, tolerance: Tolerance) -> Comparison:
    if was.equals(now):
        return IDENTICAL
    if pa.types.is_dictionary(was.type):
        plain = was.type.value_type
        categories = compare_values(_categories(was), _categories(now), EXACTLY, "categories")
        return first([_compare_columns(was.cast(plain), now.cast(plain), tolerance), categories])
    if pa.types.is_nested(was.type):
        return first(_compare_one_by_one(was, now, tolerance))
    missing = _first_row(pc.xor(was.is_null(), now.is_null()))
    if missing is not None:
        return _cell(was, now, missing)
    if pa.types.is_floating(was.type):
        return _compare_floats(was, now, tolerance)
    try:
        row = _first_row(pc.not_equal(was, now))
    except pa.ArrowNotImplementedError:
        return first(_compare_one_by_one(was, now, tolerance))
    return IDENTICAL if row is None else _cell(was, now, row)


def _compare_floats(was: pa.ChunkedArray, now: pa.ChunkedArray, tolerance: Tolerance) -> Comparison:
    """The first row beyond the tolerance, else the farthest. Both must be missing, which is NaN here, in the same."""
    distance = relative_difference(was.to_numpy(), now.to_numpy())
    beyond = distance > tolerance.numbers
    row = int(beyond.argmax() if beyond.any() else distance.argmax())
    if not distance[row]:
        return IDENTICAL
    values = (was[row].as_py(), now[row].as_py())
    return at(f"row {row + 1}", judged(*values, float(distance[row]), tolerance.numbers))


def _categories(column: pa.ChunkedArray) -> list[Any]:
    return [value for chunk in column.unify_dictionaries().chunks[:1] for value in chunk.dictionary.to_pylist()]


def _compare_one_by_one(was: pa.ChunkedArray, now: pa.ChunkedArray, tolerance: Tolerance) -> Iterator[Comparison]:
    for row, (old, new) in enumerate(zip(was, now, strict=True), 1):
        yield at(f"row {row}", compare_values(old.as_py(), new.as_py(), tolerance))


def _first_row(differs: pa.ChunkedArray) -> int | None:
    row = pc.index(differs, True).as_py()
    return None if row < 0 else row


def _cell(was: pa.ChunkedArray, now: pa.ChunkedArray, row: int) -> Comparison:
    values = (
        "a missing value" if value is None else excerpt(str(value)) for value in (was[row].as_py(), now[row].as_py())
    )
    return at(f"row {row + 1}", different(*values))
