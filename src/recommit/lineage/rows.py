"""Finds one row of a table of predictions, the features that the model was given for it, and the model."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from recommit import Refusal
from recommit.lineage.snapshot import Snapshot
from recommit.lineage.thing import known
from recommit.lineage.versions import Version, version_of
from recommit.registry.history import Registry
from recommit.registry.tags import CANDIDATE

_KEYS = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string, pa.types.is_timestamp, pa.types.is_date)


@dataclass(frozen=True)
class Row:
    """A row: its number from 0, the column of its key ("" if there is none), its key, and its values by column.

    `inputs` are the values of the row with the same key in the table `inputs_from`, which the model was given.
    """

    number: int
    key_column: str
    key: Any
    values: Mapping[str, Any]
    inputs_from: str = ""
    inputs: Mapping[str, Any] | None = None


def row_of(content: bytes, name: str, asked: str) -> Row:
    """Return the row with the key `asked`, or with the number of `#NUMBER`, from the parquet or CSV file `name`.

    `content` are the file's bytes. The key is looked for, column by column, in the columns of text, whole numbers,
    days and instants whose values are all different. An instant is written in ISO 8601; without an offset it is UTC if
    the column has a time zone. Raises Refusal if no row has the key.
    """
    table = _read(content, name)
    keys = [column for column in table.column_names if _is_key(table[column])]
    if asked.startswith("#"):
        number = int(asked[1:]) if asked[1:].isdecimal() and len(asked) < 20 else table.num_rows
        if number >= table.num_rows:
            raise Refusal(f"{name} has rows #0 to #{table.num_rows - 1}, and no {asked}")
        return _row(table, number, keys[0] if keys else "")
    for column in keys:
        found = _index(table[column], asked)
        if found >= 0:
            return _row(table, found, column)
    said = ", ".join(keys) or "no column, since none has a value of its own in each row"
    raise Refusal(f"{name} has no row {asked}: its keys are in {said}; `{name}#0` names a row by its number")


def inputs_of(content: bytes, name: str, row: Row) -> Mapping[str, Any] | None:
    """Return the values of the row in the table `name` with the same key as `row`; None if there is no such row."""
    table = _read(content, name)
    number = _index(table[row.key_column], str(row.key)) if row.key_column in table.column_names else -1
    return _row(table, number, row.key_column).values if number >= 0 else None


def _read(content: bytes, name: str) -> pa.Table:
    try:
        table = pa.BufferReader(content)
        return pyarrow.parquet.read_table(table) if name.endswith(".parquet") else pyarrow.csv.read_csv(table)
    except (pa.ArrowException, OSError) as error:
        raise Refusal(f"{name} cannot be read as a table: {str(error).splitlines()[0]}") from None


def _is_key(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return any(fits(kind) for fits in _KEYS) and pc.count_distinct(column, mode="all").as_py() == len(column)


def _index(column: pa.ChunkedArray, asked: str) -> int:
    """Return the number of the first row of `column` with the value `asked`; -1 if there is none."""
    if not pa.types.is_timestamp(column.type):
        return pc.index(pc.cast(column, pa.string()), asked).as_py()
    for text in (asked, f"{asked}Z") if column.type.tz else (asked,):
        try:
            return pc.index(column, pc.cast(pa.scalar(text), column.type)).as_py()
        except pa.ArrowInvalid:
            continue
    return -1


def _row(table: pa.Table, number: int, key: str) -> Row:
    values = {name: _plain(table[name][number].as_py()) for name in table.column_names}
    return Row(number, key, values.get(key), values)


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if value is None or isinstance(value, str | int | float | bool | list) else str(value)


def model_of(shot: Snapshot, row: Row, given: Sequence[str], registry: Registry | None) -> str | Version | None:
    """Return the model that scored `row`: its path in the commit, or its registered version; None if it is not known.

    The columns `model` and `version` of the row name a registered version, `model_sha256` names the model file. A row
    without these columns was scored by the model among `given`, the paths of the data that the row's stage read. Raises
    Refusal if the row names a model that is neither in the commit nor registered.
    """
    sha256 = str(row.values.get("model_sha256") or "")
    number = str(row.values.get("version") or "")
    if registry and row.values.get("model") == registry.model and re.match(r"v\d", number):
        version = version_of(registry, registry.full(number))
        if sha256 and sha256 not in (_registered(registry, registry.full(number)) or {sha256}):
            raise Refusal(
                f"the row names the model {sha256[:12]} ({version.name}), and the tag of that version records another "
                "one: the table or the tag was changed"
            )
        return version
    if not sha256:
        return next((path for path in given if any(_models(shot, path))), None)
    # Several paths may hold the same model: first come those that the predicting stage read, then the candidate.
    for path in [*given, CANDIDATE, *shot.recorded]:
        if sha256 in _models(shot, path):
            return path
    for number in registry.versions if registry else ():
        if registry and sha256 in _registered(registry, number):
            return version_of(registry, number)
    raise Refusal(
        f"the row names the model {sha256[:12]}, and neither commit {shot.sha[:10]} nor a registered version has it "
        "here: `--rev` names the commit that predicted, DVC's `fetch --all-tags` gets the files"
    )


def _registered(registry: Registry, number: str) -> set[str]:
    entry = registry.entry(number)
    return {file.sha256 for file in entry.files.values()} if entry else set()


def _models(shot: Snapshot, path: str) -> Iterator[str]:
    """Yield the SHA-256 of each model file that `path` is or holds; that of b"" for a file that is not here."""
    md5 = known(shot, path) or ""
    inside = (shot.listing(path, md5) or {}) if md5.endswith(".dir") else {}
    for name, hashed in ({path: md5} | {f"{path}/{name}": one for name, one in inside.items()}).items():
        if name.endswith(".onnx"):
            yield hashlib.sha256(shot.content(name, hashed) or b"").hexdigest()
