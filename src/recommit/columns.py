"""Declares the columns of a table once: type, unit, allowed values, when each is known, and who gives it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Literal

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]
Columns = dict[str, np.ndarray]
"""A table without pandas, its columns by name: text as objects, instants as datetime64[us] in UTC.

Numbers are floats, whole ones int64 unless one is missing.
"""
Kind = Literal["number", "whole", "text", "instant", "boolean"]
Known = Literal["always", "never"] | tuple[str, ...]
DTYPES: dict[Kind, str] = {
    "number": "float64",
    "whole": "int64",
    "text": "str",
    "instant": "datetime64[us, UTC]",
    "boolean": "boolean",
}
_ARRAYS: dict[Kind, str] = {"number": "float64", "whole": "int64"}
ALWAYS: Literal["always"] = "always"
"""The value is known whenever a prediction of the row is asked for."""
NEVER: Literal["never"] = "never"
"""The value is known only after the outcome, and the table has no instant for that: blank at every instant."""
_BY_CHANCE = 1e-6


def since(*clocks: str) -> tuple[str, ...]:
    """Declares that a value is known from an instant on: the earliest one in the columns `clocks` of the same row."""
    return clocks


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `known` says from when its value is known; there is no default. `within` are the lowest and highest value allowed
    (None: no highest), `values` are all texts allowed. `missing` is "never" (once the value is known), "may be", or the
    name of another column: then the value is missing exactly where that column's is. If `draft` is true, the range and
    the values are those of some rows and prove nothing of others: a value outside is told, and refuses nothing. A
    `given` column comes with each row to score. Features are computed from a `used` column: the history must have it.
    """

    name: str
    kind: Kind
    known: Known
    unit: str = ""
    within: tuple[float | pd.Timestamp, float | pd.Timestamp | None] | None = None
    values: tuple[str, ...] = ()
    missing: str = "never"
    draft: bool = False
    given: bool = False
    used: bool = False


@dataclass(frozen=True)
class Rule:
    """A rule between columns of one row: `holds` maps a table to one boolean per row, and `says` is the rule in words.

    `holds` must be true where a value is missing, unless the missing value is the fault.
    """

    says: str
    columns: tuple[str, ...]
    holds: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class Heard:
    """How long a table may have no new rows: `hours` after the newest instant in `clocks`, for each value of `by`.

    A row whose prediction is asked for later is rejected, because features would take missing data for a quiet time.
    More hours detect a silent feed later; fewer hours reject rows after an ordinary night.
    """

    clocks: tuple[str, ...]
    hours: float
    by: str = ""


@dataclass(frozen=True)
class Due:
    """By when the value of `column` must be known: `hours` after the instant in the column `after`.

    The newest instant of the table is taken as now. A value that is not known by then was lost, and features would take
    it for one that is still to come.
    """

    column: str
    after: str
    hours: float


@dataclass(frozen=True)
class Table:
    """The declaration of a table: its columns, in order.

    Each of `keys` identifies a row, and messages name a row by the first one. `rules` hold between the columns of a
    row. Raises ValueError if it names a column that it does not declare, or declares one twice.
    """

    name: str
    keys: tuple[tuple[str, ...], ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    heard: tuple[Heard, ...] = ()
    due: tuple[Due, ...] = ()
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {column.name: column for column in self.columns})
        named = {name for key in self.keys for name in key} | {one for rule in self.rules for one in rule.columns}
        named |= {name for heard in self.heard for name in (*heard.clocks, heard.by) if name} | set(self.clocks)
        named |= {name for due in self.due for name in (due.column, due.after)}
        named |= {column.missing for column in self.columns} - {"never", "may be"}
        if unknown := sorted(named - set(self.names)):
            raise ValueError(f"{self.name} declares no column {', '.join(unknown)}, which its declaration names")
        if len(self._by_name) < len(self.columns):
            raise ValueError(f"{self.name} declares a column twice")
        if timeless := [clock for clock in self.clocks if self[clock].kind != "instant"]:
            raise ValueError(f"{self.name}.{timeless[0]} is no instant, and other columns are known from it on")

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""
        return tuple(self._by_name)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the columns that come with each row to score."""
        return tuple(column.name for column in self.columns if column.given)

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the columns that features are computed from."""
        return tuple(column.name for column in self.columns if column.used)

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of the columns that are not always known."""
        return tuple(column.name for column in self.columns if column.known != ALWAYS)

    @property
    def clocks(self) -> tuple[str, ...]:
        """The names of the columns of instants from which other columns are known."""
        return tuple(dict.fromkeys(clock for column in self.columns for clock in clocks_of(column)))

    @property
    def comes_row_by_row(self) -> bool:
        """Whether a row does not exist before it is known: all columns are known from the same instant on."""
        return bool(self.clocks) and len({column.known for column in self.columns}) == 1

    def kinds(self, names: Iterable[str]) -> dict[str, Kind]:
        """Returns the kind of each of the columns `names`."""
        return {name: self[name].kind for name in names}

    def undeclared(self, names: Iterable[str]) -> list[str]:
        """Returns those `names` that are no columns of the table."""
        return [name for name in names if name not in self._by_name]


@dataclass(frozen=True)
class Source:
    """A raw table, and what becomes of each of its columns in the declared table. Other columns are refused.

    `kept` columns keep their name, `renamed` maps a name to the declared one, `worked` maps columns that others are
    computed from to their kind, and `unread` columns are left out on purpose.
    """

    file: str
    kept: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    worked: Mapping[str, Kind] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def kinds(self, table: Table) -> dict[str, Kind]:
        """Returns the kind of each column that is read; kept and renamed columns have the kind in `table`."""
        copied = {name: name for name in self.kept} | dict(self.renamed)
        return {name: table[column].kind for name, column in copied.items()} | dict(self.worked)

    def undeclared(self, names: Iterable[str]) -> list[str]:
        """Returns those `names` that the source does not declare."""
        return [name for name in names if name not in {*self.kept, *self.renamed, *self.worked, *self.unread}]


def as_known_at(frame: pd.DataFrame, table: Table, instant: pd.Timestamp) -> pd.DataFrame:
    """Returns the rows of `frame` as they were known at `instant` (tz-aware): values known later are blank.

    Of a table that comes row by row, later rows are left out. Raises ValueError for an instant without time zone, for
    an undeclared column, because it is not declared when it is known, and if a column of `table.clocks` is missing.
    """
    if instant.tzinfo is None:
        raise ValueError(f"instant {instant} has no time zone")
    if undeclared := table.undeclared(frame.columns):
        raise ValueError(f"{table.name} has the column {', '.join(undeclared)}, and nothing declares when it is known")
    if absent := [clock for clock in table.clocks if clock not in frame]:
        raise ValueError(f"{table.name} has no column {', '.join(absent)}, which says when others are known")
    come = {column.name: _come(frame, column, instant) for column in table.columns if column.known != ALWAYS}
    if table.comes_row_by_row:
        return frame[come[table.names[0]]].reset_index(drop=True)
    return frame.assign(**{name: frame[name].where(known) for name, known in come.items() if name in frame})


def as_arrays(frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> Columns:
    """Returns the columns of `frame` that `kinds` names as arrays, each of its kind.

    Raises KeyError for a column that is absent, ValueError for instants without a time zone.
    """
    return {name: _as_array(frame[name], kind) for name, kind in kinds.items()}


def arrays_of(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind]) -> Columns:
    """Returns the columns of rows of plain values that `kinds` names as arrays, each of its kind; None is missing.

    Raises KeyError for a value that is absent. Instants are datetimes with a time zone.
    """
    return {name: _of_plain([row[name] for row in rows], kind) for name, kind in kinds.items()}


def plain(values: np.ndarray) -> list[Any]:
    """Returns the values of an array, instants as datetimes in UTC."""
    found = values.tolist()
    return [one and one.replace(tzinfo=UTC) for one in found] if values.dtype.kind == "M" else found


def as_frame(columns: Columns) -> pd.DataFrame:
    """Returns the table that arrays hold: objects are text, instants are in UTC."""
    return pd.DataFrame({name: _as_series(values) for name, values in columns.items()})


def rules_of_knowing(table: Table) -> Iterator[Rule]:
    """Yields the rules that `known`, `missing` and `due` of `table` imply for each row, however much is known of it.

    A value is there once the instant from which it is known is there, and when it is due. A value that is missing
    exactly where another one is, is there where the other one is. An instant is not later than the one from which it is
    known.
    """
    for due in table.due:
        yield _there_by(due, [clock for clock in table.clocks if clock in table.facts])
    for column in table.columns:
        name, clocks = column.name, clocks_of(column)
        if column.missing not in ("never", "may be"):
            yield _there_with(name, column.missing)
        # An instant that is always known, such as a planned one, does not say that it is past.
        come = tuple(clock for clock in clocks if clock != name and clock in table.facts)
        if column.missing == "never" and come and not table.comes_row_by_row:
            yield _there_once(name, come)
        if column.kind == "instant" and len(clocks) == 1 and name not in clocks:
            yield _not_later(name, clocks[0])


def clocks_of(column: Column) -> tuple[str, ...]:
    """Returns the columns of instants from which `column` is known; () if it is known always or never."""
    return column.known if isinstance(column.known, tuple) else ()


def outcome_in_gaps(frame: pd.DataFrame, table: Table, target: str) -> list[str]:
    """Returns the columns that are declared ALWAYS known and whose missing values tell the outcome.

    The outcome is the column `target` of `frame`, true or false; rows without one are ignored. A column is returned if
    all its rows without a value have the same outcome, and this would happen by chance less than once in a million.
    """
    frame = frame[frame[target].notna()]
    ends = frame[target].astype("bool")
    told = []
    for column in table.columns:
        if column.known == ALWAYS and column.name in frame and (missing := frame[column.name].isna()).any():
            late = ends[missing].mean()
            alike = ends.mean() if late == 1 else 1 - ends.mean()
            if late in (0, 1) and alike ** missing.sum() < _BY_CHANCE:
                told.append(column.name)
    return told


def _as_array(values: pd.Series, kind: Kind) -> np.ndarray:
    if kind == "instant":
        if not isinstance(values.dtype, pd.DatetimeTZDtype):
            raise ValueError(f"{values.name} must be instants with a time zone")
        return values.dt.tz_convert(None).to_numpy("datetime64[us]")
    if kind == "number" and values.dtype == "float32":
        return values.to_numpy()
    return values.to_numpy("float64" if kind == "whole" and values.hasnans else _ARRAYS.get(kind, "object"))


def _of_plain(values: list[Any], kind: Kind) -> np.ndarray:
    if kind == "instant":
        return np.array([one and one.astimezone(UTC).replace(tzinfo=None) for one in values], "datetime64[us]")
    return np.array(values, "float64" if kind == "whole" and None in values else _ARRAYS.get(kind, "object"))


def _as_series(values: np.ndarray) -> pd.Series:
    if values.dtype.kind == "M":
        return pd.Series(values).dt.tz_localize("UTC")
    return pd.Series(values, dtype="str" if values.dtype == object else None)


def _come(frame: pd.DataFrame, column: Column, instant: pd.Timestamp) -> pd.Series:
    """Returns for each row whether the value of `column` is known at `instant`."""
    come = pd.Series(False, index=frame.index)
    for clock in clocks_of(column):
        come |= frame[clock] <= instant
    return come


def _there_with(name: str, other: str) -> Rule:
    return Rule(f"{name} is there exactly where {other} is", (name, other), lambda t: t[name].isna() == t[other].isna())


def _there_once(name: str, clocks: tuple[str, ...]) -> Rule:
    says = f"{name} is there once {' or '.join(clocks)} is"
    return Rule(says, (name, *clocks), lambda t: t[name].notna() | t[list(clocks)].isna().all(axis=1))


def _there_by(due: Due, clocks: list[str]) -> Rule:
    after = pd.Timedelta(hours=due.hours)
    says = f"{due.column} is there {due.hours:g} hours after {due.after}"
    columns = (due.column, due.after, *clocks)
    return Rule(says, columns, lambda t: t[due.column].notna() | ~(t[due.after] + after < t[clocks].max().max()))


def _not_later(name: str, clock: str) -> Rule:
    says = f"{name} is not later than {clock}, from which it is known"
    return Rule(says, (name, clock), lambda t: t[name].isna() | (t[name] <= t[clock]))
