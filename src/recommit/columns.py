"""What the columns of a table are, declared once: type, unit, values, when each is known, and who gives it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Tables = dict[str, pd.DataFrame]
Kind = Literal["number", "whole", "text", "instant", "boolean"]
Known = Literal["always", "never"] | tuple[str, ...]
DTYPES: dict[Kind, str] = {
    "number": "float64",
    "whole": "int64",
    "text": "str",
    "instant": "datetime64[us, UTC]",
    "boolean": "boolean",
}
ALWAYS: Literal["always"] = "always"
"""Known beforehand: whenever a prediction of the row is asked for."""
NEVER: Literal["never"] = "never"
"""Not known before the outcome, which the table has no instant for: blank at every instant."""
_BY_CHANCE = 1e-6


def since(*clocks: str) -> tuple[str, ...]:
    """Known from an instant on: the earliest of those in the named columns of the same row."""
    return clocks


@dataclass(frozen=True)
class Column:
    """One column, and what must be known of it to trust it.

    `known` says from when its value is known; there is no default. `within` are the lowest and highest value (None: no
    highest), `values` all texts allowed. `missing` is "never" (once it is known), "may be", or the name of another
    column: missing exactly where that is. A `given` column comes with each row to score. Features are computed from a
    `used` column, so history must have it.
    """

    name: str
    kind: Kind
    known: Known
    unit: str = ""
    within: tuple[float | pd.Timestamp, float | pd.Timestamp | None] | None = None
    values: tuple[str, ...] = ()
    missing: str = "never"
    given: bool = False
    used: bool = False


@dataclass(frozen=True)
class Rule:
    """What must hold between columns of one row: `holds` maps a table to true or false for each row.

    It must hold where a value is missing, unless that itself is the fault.
    """

    says: str
    columns: tuple[str, ...]
    holds: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class Heard:
    """How long a table may be silent: hours after the newest instant in `clocks`, for each value of the column `by`.

    A row asked for later than that is rejected: features would take silence for quiet. More hours detect a silent feed
    later; fewer reject rows after an ordinary night.
    """

    clocks: tuple[str, ...]
    hours: float
    by: str = ""


@dataclass(frozen=True)
class Due:
    """By when a fact must be known: `hours` after the instant in the column `after`, by the table's newest fact.

    Where it is not known then, it was lost, and features would take it for one that has not come yet.
    """

    column: str
    after: str
    hours: float


@dataclass(frozen=True)
class Table:
    """The columns of a table, in order.

    Each of `keys` tells rows apart; the first of them names a row. `rules` hold between the columns of a row. Raises
    ValueError when it names a column that it does not declare, or one twice.
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
        """All columns."""
        return tuple(self._by_name)

    @property
    def given(self) -> tuple[str, ...]:
        """The columns that come with each row to score."""
        return tuple(column.name for column in self.columns if column.given)

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that features are computed from."""
        return tuple(column.name for column in self.columns if column.used)

    @property
    def facts(self) -> tuple[str, ...]:
        """The columns that are not known beforehand."""
        return tuple(column.name for column in self.columns if column.known != ALWAYS)

    @property
    def clocks(self) -> tuple[str, ...]:
        """The columns of instants from which others are known."""
        return tuple(dict.fromkeys(clock for column in self.columns for clock in clocks_of(column)))

    @property
    def comes_row_by_row(self) -> bool:
        """Whether a row is not there before it is known: every column is known from the same instant on."""
        return bool(self.clocks) and len({column.known for column in self.columns}) == 1

    def undeclared(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are none of its columns."""
        return [name for name in names if name not in self._by_name]


@dataclass(frozen=True)
class Source:
    """A table as it comes, by what becomes of each of its columns; one that is none of these is refused.

    `kept` keep their name in the declared table, `renamed` maps a name to the one there, `worked` into other columns
    have a kind of their own, `unread` are left out on purpose.
    """

    file: str
    kept: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    worked: Mapping[str, Kind] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def kinds(self, table: Table) -> dict[str, Kind]:
        """The kind of each column that is read; of those that a declared column is a copy of, the declared one."""
        copied = {name: name for name in self.kept} | dict(self.renamed)
        return {name: table[column].kind for name, column in copied.items()} | dict(self.worked)

    def undeclared(self, names: Iterable[str]) -> list[str]:
        """Those of the names that the declaration says nothing of."""
        return [name for name in names if name not in {*self.kept, *self.renamed, *self.worked, *self.unread}]


def as_known_at(frame: pd.DataFrame, table: Table, instant: pd.Timestamp) -> pd.DataFrame:
    """Return a table as it was known at an instant (tz-aware): later facts are blank, later rows left out.

    Raises ValueError for an instant without time zone, for a column that is not declared, since nobody says when it is
    known, and where an instant from which others are known is lacking.
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


def rules_of_knowing(table: Table) -> Iterator[Rule]:
    """What `known` and `missing` demand of each row, whatever is known of it so far.

    A fact is there once the instant from which it is known is there, and by when it is due. What is missing where
    another column is, is there where that is. What has an instant of its own is not known before it.
    """
    for due in table.due:
        yield _there_by(due, [clock for clock in table.clocks if clock in table.facts])
    for column in table.columns:
        name, clocks = column.name, clocks_of(column)
        if column.missing not in ("never", "may be"):
            yield _there_with(name, column.missing)
        # An instant of the plan is there beforehand, and does not say that it has come.
        come = tuple(clock for clock in clocks if clock != name and clock in table.facts)
        if column.missing == "never" and come and not table.comes_row_by_row:
            yield _there_once(name, come)
        if column.kind == "instant" and len(clocks) == 1 and name not in clocks:
            yield _not_later(name, clocks[0])


def clocks_of(column: Column) -> tuple[str, ...]:
    """The columns of instants from which a column is known; none when it is known always or never."""
    return column.known if isinstance(column.known, tuple) else ()


def outcome_in_gaps(frame: pd.DataFrame, table: Table, target: str) -> list[str]:
    """Columns declared known beforehand whose missing values tell the outcome (`target`, true or false).

    The rows without a value all ended in one way, which by the share of such rows alone would come once in a million.
    Rows without an outcome, which are still to come, say nothing.
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


def _come(frame: pd.DataFrame, column: Column, instant: pd.Timestamp) -> pd.Series:
    """Of each row, whether a column of it is known at an instant."""
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
