"""The tables that features are computed from: read, held against their declaration, and how far each of them tells."""

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

_MINUTE = "%Y-%m-%dT%H:%MZ"
_ROWS_SHOWN, _FAULTS_SHOWN = 5, 3


@dataclass(frozen=True, eq=False)
class History:
    """History tables, by name, that obey their declarations."""

    tables: Tables
    declared: Sequence[Table]

    def unheard(self, rows: pd.DataFrame, instants: pd.Series) -> dict[int, str]:
        """Which rows (places, from 0) ask for an instant (UTC) later than history tells of, and why."""
        found: dict[int, str] = {}
        for table, heard, ends in self._ends:
            groups = _groups(rows, heard)
            until = groups.map(ends)
            for row in np.flatnonzero(~(instants <= until).to_numpy("bool")):
                of = f" of {heard.by} {groups.iloc[row]}" if heard.by else ""
                if pd.isna(until.iloc[row]):
                    why = f"{table.name} tells nothing{of}"
                else:
                    asked, end = (f"{one.iloc[row]:{_MINUTE}}" for one in (instants, until))
                    why = f"{asked} is later than {table.name} tells{of}, {end}"
                found.setdefault(int(row), why)
        return found

    def contradicted(self, rows: pd.DataFrame, table: Table) -> Iterator[tuple[int, str]]:
        """Which rows to score (places, from 0), of a declared table, history lacks or has with other facts, and which.

        A row is the same one when it has the same key, any of the table's: features do not count it beside itself. One
        that is known beforehand is in history too: where it is not, history lacks what else was planned.
        """
        if table.name not in self.tables:
            return
        frame = self.tables[table.name]
        given = [name for name in table.given if name in frame]
        lacking = np.full(len(rows), not table.comes_row_by_row)
        for key in (key for key in table.keys if set(key) <= set(given)):
            at = self._index(table.name, key).get_indexer(_as_index(rows, key))
            places = np.flatnonzero(at >= 0)
            lacking[places] = False
            mine, theirs = (one.reset_index(drop=True) for one in (rows.iloc[places], frame.iloc[at[places]]))
            for name in (name for name in given if name not in key):
                for one in np.flatnonzero(_differ(mine[name], theirs[name], table[name].kind)):
                    same = ", ".join(f"{column} {mine[column].iloc[one]}" for column in key)
                    yield (
                        int(places[one]),
                        (f"{name} is {mine[name].iloc[one]}, and {theirs[name].iloc[one]} in history's row of {same}"),
                    )
        for place in np.flatnonzero(lacking):
            name = ", ".join(f"{column} {rows[column].iloc[place]}" for column in table.keys[0])
            yield int(place), f"history's {table.name} lacks {name}: it must hold all that is planned"

    @cached_property
    def _ends(self) -> list[tuple[Table, Heard, pd.Series]]:
        """What must be heard of, and the last instant (UTC) that it tells of, by value of its column `by`."""
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


def read_history(declared: Sequence[Table], folder: Path) -> History:
    """The history tables of those declarations, NAME.parquet in `folder`.

    Each must have the columns that features are computed from, and no undeclared one. What it has obeys the rules that
    training's tables obey; only what is not known beforehand may be missing, where it is not known yet.

    Raises `Refusal`, in a line, for a table that cannot be read, is empty or breaks a rule: with column, rule, how many
    rows and which, counted from 1.
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
    except (ValueError, OSError) as error:  # Arrow's own are kinds of both
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
    """Values in the declared type where that loses nothing, else as they are; and where a whole number is missing.

    Taken are values for their codes, instants in another unit or zone, numbers of other sizes. A missing whole number
    becomes 0, since the type has none.
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
    except (ValueError, OverflowError):  # an instant of no year that the declared type has
        return values, []


def _fits(there: pd.Series, kind: Kind) -> bool:
    """Whether values, of which none is missing, are of a kind."""
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
    """Of each pair of values, whether they are not the same; numbers to score come in single precision."""
    if kind == "number":
        mine, theirs = mine.astype("float32"), theirs.astype("float32")
    return ((mine != theirs) & ~(mine.isna() & theirs.isna())).to_numpy("bool")


def _groups(frame: pd.DataFrame, heard: Heard) -> pd.Series:
    return frame[heard.by] if heard.by else pd.Series("", index=frame.index)


def _newest(frame: pd.DataFrame, heard: Heard) -> pd.Series:
    """The newest of a table's instants, by group; of a group that has none, missing."""
    return frame[list(heard.clocks)].groupby(_groups(frame, heard)).max().max(axis=1)


def _as_index(frame: pd.DataFrame, key: tuple[str, ...]) -> pd.Index:
    return pd.Index(frame[key[0]]) if len(key) == 1 else pd.MultiIndex.from_frame(frame[list(key)])
