"""Reads the history tables that features are computed from, and checks rows to score against them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.api import types

from recommit import Refusal
from recommit.columns import DTYPES, Heard, Kind, Table, Tables
from recommit.schema import NEVER_MISSING, Broken, broken, column_schema, row_rules

_ROWS_SHOWN, _FAULTS_SHOWN = 5, 3


@dataclass(frozen=True, eq=False)
class History:
    """History tables by name, which obey the declarations `declared`."""

    tables: Tables
    declared: Sequence[Table]

    def unheard(self, rows: pd.DataFrame, instants: pd.Series) -> dict[int, str]:
        """Returns the rows, counted from 0, whose instant in `instants` (UTC) is later than history covers, and why."""
        found: dict[int, str] = {}
        for table, heard, ends in self._ends:
            groups = _groups(rows, heard)
            until = groups.map(ends)
            for row in np.flatnonzero(~(instants <= until).to_numpy("bool")):
                found.setdefault(int(row), silence(table, heard, groups.iloc[row], instants.iloc[row], until.iloc[row]))
        return found

    def contradicted(self, rows: pd.DataFrame, table: Table) -> Iterator[tuple[int, str]]:
        """Yields the rows to score, counted from 0, that contradict the history of `table`, each with the reason.

        A row contradicts history if history has other values for the same key, any of the table's keys. It also does if
        history lacks it, and the table holds rows that are planned: then other planned rows may be missing, too.
        """
        if table.name not in self.tables:
            return
        frame = self.tables[table.name]
        given = [name for name in table.given if name in frame]
        absent = np.full(len(rows), not table.comes_row_by_row)
        for key in (key for key in table.keys if set(key) <= set(given)):
            at = self._index(table.name, key).get_indexer(_as_index(rows, key))
            places = np.flatnonzero(at >= 0)
            absent[places] = False
            mine, theirs = (one.reset_index(drop=True) for one in (rows.iloc[places], frame.iloc[at[places]]))
            for name in (name for name in given if name not in key):
                for one in np.flatnonzero(_differ(mine[name], theirs[name], table[name].kind)):
                    same = ", ".join(f"{column} {mine[column].iloc[one]}" for column in key)
                    yield int(places[one]), differing(name, mine[name].iloc[one], theirs[name].iloc[one], same)
        for place in np.flatnonzero(absent):
            row = ", ".join(f"{column} {rows[column].iloc[place]}" for column in table.keys[0])
            yield int(place), lacking(table, row)

    def heard(self) -> Iterator[tuple[Table, Heard, dict[Any, pd.Timestamp]]]:
        """Yields each declared `Heard` with its table, and the last instant (UTC) that it covers, by value of `by`."""
        yield from ((table, heard, ends.dropna().to_dict()) for table, heard, ends in self._ends)

    @cached_property
    def _ends(self) -> list[tuple[Table, Heard, pd.Series]]:
        """Each declared `Heard` with its table, and the last instant (UTC) that it covers, by value of `by`."""
        return [
            (table, heard, _newest(self.tables[table.name], heard) + pd.Timedelta(hours=heard.hours))
            for table in self.declared
            for heard in table.heard
        ]

    @cached_property
    def _indexes(self) -> dict[tuple[str, tuple[str, ...]], pd.Index]:
        return {}

    def _index(self, name: str, key: tuple[str, ...]) -> pd.Index:
        if (name, key) not in self._indexes:
            self._indexes[name, key] = _as_index(self.tables[name], key)
        return self._indexes[name, key]


def silence(table: Table, heard: Heard, group: object, asked: pd.Timestamp, until: pd.Timestamp | None) -> str:
    """Returns why a row that is asked about at `asked` is not covered by a table that is heard of `until` then."""
    of = f" of {heard.by} {group}" if heard.by else ""
    if until is None or pd.isna(until):
        return f"{table.name} tells nothing{of}"
    return f"{minute(asked)} is later than {table.name} tells{of}, {minute(until)}"


def minute(at: pd.Timestamp) -> str:
    """Returns an instant (tz-aware) as text; also one before the year 1, which has no date."""
    return f"{np.datetime_as_string(at.to_datetime64(), 'm')}Z"


def differing(name: str, mine: object, theirs: object, row: str) -> str:
    """Returns why a row to score contradicts history's row."""
    return f"{name} is {mine}, and {theirs} in history's row of {row}"


def lacking(table: Table, row: str) -> str:
    """Returns why a row to score that history lacks is not answered."""
    return f"history's {table.name} lacks {row}: it must hold all that is planned"


def read_history(declared: Sequence[Table], folder: Path) -> History:
    """Returns the history tables of the declarations, read from NAME.parquet in `folder`.

    Each must have the columns that features are computed from, and no undeclared one. The same rules hold as for the
    training tables, except that values which are not always known may be missing.

    Raises Refusal, in one line, for a table that is missing, cannot be read, is empty or breaks a rule. The line names
    the column, the rule, and the number of rows and the first of them, counted from 1.
    """
    files = {table.name: folder / f"{table.name}.parquet" for table in declared}
    absent = [file.name for file in files.values() if not file.is_file()]
    if absent:
        names = ", ".join(absent)
        raise Refusal(f"{folder} lacks {names}, of which features are made: put it there; `dvc pull` gets data/raw")
    return History(
        {table.name: _checked(_read(files[table.name]), table, files[table.name]) for table in declared}, declared
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:  # Arrow's own errors are kinds of both
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Refusal(f"{path}, which features are computed from, cannot be read: {reason}") from None


def _checked(frame: pd.DataFrame, table: Table, file: Path) -> pd.DataFrame:
    if frame.empty:
        raise Refusal(f"{file} has no rows, and features are computed from it", 1)
    names = [name for name in table.names if name in frame or table[name].used]
    frame = frame.reset_index(drop=True)
    typed, found = frame.copy(), []
    for name in (name for name in names if name in frame):
        typed[name], holes = _as_declared(frame[name], table[name].kind)
        found += [Broken(name, NEVER_MISSING, holes)] if holes else []
    found += broken(typed, column_schema(table, names, so_far=True), row_rules(table, names))
    if found:
        told = [_told(one, frame) for one in found[:_FAULTS_SHOWN]]
        more = [f"and {len(found) - _FAULTS_SHOWN} more"] if len(found) > _FAULTS_SHOWN else []
        raise Refusal(f"{file} does not obey the declaration of {table.name}: {'; '.join(told + more)}", 1)
    return typed


def _as_declared(values: pd.Series, kind: Kind) -> tuple[pd.Series, list[int]]:
    """Returns `values` in the declared type if this loses nothing, else unchanged, and the rows of missing integers.

    Categories become their values; instants may have another unit or zone, numbers another size. A missing whole number
    becomes 0, because its type has no missing values.
    """
    if values.dtype == DTYPES[kind]:
        return values, []
    there = values.dropna()
    if isinstance(there.dtype, pd.CategoricalDtype):
        there = there.astype(there.cat.categories.dtype)
    if not _fits(there, kind):
        return values, []
    if kind == "whole":
        holes = np.flatnonzero(values.isna()).tolist()
        return there.astype("int64").reindex(values.index, fill_value=0), holes
    dtype = cast(Any, DTYPES[kind])
    if there.empty:
        return pd.Series(index=values.index, dtype=dtype), []
    try:
        return there.astype(dtype).reindex(values.index), []
    except (ValueError, OverflowError):  # an instant outside the range of the declared type
        return values, []


def _fits(there: pd.Series, kind: Kind) -> bool:
    """Returns whether the values, none of which is missing, are of the kind `kind`."""
    if there.empty or kind == "instant":
        return there.empty or isinstance(there.dtype, pd.DatetimeTZDtype)
    inferred = types.infer_dtype(there)
    if kind == "whole":
        exact = {"integer": 2**63, "floating": 2**53}.get(inferred, 0)
        return exact > 0 and bool(((there % 1 == 0) & (there.abs() < exact)).all())
    return inferred in {"number": ("integer", "floating"), "text": ("string",), "boolean": ("boolean",)}[kind]


def _told(one: Broken, frame: pd.DataFrame) -> str:
    if not one.rows:
        return f"{one.column} {one.rule}: it is {one.found or 'not'}"
    first = [str(row + 1) for row in one.rows[:_ROWS_SHOWN]]
    if one.column:
        value = frame[one.column].iloc[one.rows[0]]
        first[0] += f" with {value!r}" if isinstance(value, str) else f" with {value}"
    return f"{one.column} {one.rule}: not so in {len(one.rows)} rows (first: {', '.join(first)})".lstrip()


def _differ(mine: pd.Series, theirs: pd.Series, kind: Kind) -> np.ndarray:
    """Returns for each pair of values whether they differ; numbers are compared in single precision."""
    if kind == "number":
        mine, theirs = mine.astype("float32"), theirs.astype("float32")
    return ((mine != theirs) & ~(mine.isna() & theirs.isna())).to_numpy("bool")


def _groups(frame: pd.DataFrame, heard: Heard) -> pd.Series:
    return frame[heard.by] if heard.by else pd.Series("", index=frame.index)


def _newest(frame: pd.DataFrame, heard: Heard) -> pd.Series:
    """Returns the newest instant of a table by group; missing for a group that has none."""
    return frame[list(heard.clocks)].groupby(_groups(frame, heard)).max().max(axis=1)


def _as_index(frame: pd.DataFrame, key: tuple[str, ...]) -> pd.Index:
    return pd.Index(frame[key[0]]) if len(key) == 1 else pd.MultiIndex.from_frame(frame[list(key)])
