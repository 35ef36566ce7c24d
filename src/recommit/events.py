"""Takes what becomes known of the rows of history, event by event, in any order: which rows change, what is refused."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from recommit.columns import ALWAYS, DTYPES, Column, Rule, Table, Tables, clocks_of
from recommit.schema import demands, row_rules

Value = str | float | bool | datetime | None
"""A value as it is told. Instants are datetimes with a time zone, or text in ISO 8601; None is a missing value."""
Row = dict[str, Value]
Key = tuple[Value, ...]
Known = dict[datetime, Row]
"""What was told of a row at each instant: the values of some columns."""
_Name = tuple[str, tuple[str, ...], Key]
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """What became known, at an `instant`, of the row of `table` that has the `key`: `values` of some of its columns."""

    table: str
    key: Key
    instant: datetime
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Refused:
    """An event that was not taken, and why, in one line."""

    event: Event
    why: str


@dataclass(frozen=True)
class Taken:
    """What came of some events: those that were new, in order, how many were repeats, and those that were refused.

    A store that keeps `accepted`, and gives them to `Facts` again, has the same facts again. `changes` says by table
    which rows are no more as they were, and how they are now.
    """

    accepted: tuple[Event, ...]
    repeated: int
    refused: tuple[Refused, ...]
    changes: Mapping[str, tuple[Sequence[Row], Sequence[Row]]]


class Facts:
    """What is known of each row of the history's tables, and since when.

    Of a column that was told at several instants, the value of the latest one counts, whenever it came. So the facts
    are those of the sorted and distinct events. `tables` are those to begin with, which obey their declarations.
    """

    def __init__(self, declared: Iterable[Table], tables: Tables) -> None:
        self._declared = {table.name: table for table in declared}
        self._needs = {name: _needed(table) for name, table in self._declared.items()}
        self._told: dict[tuple[str, Key], Known] = {}
        self._named: dict[_Name, Key] = {}
        self._begin_with({name: tables[name] for name in self._declared})

    def _begin_with(self, tables: Tables) -> None:
        self._frames = tables
        self._places = {name: _index(tables[name], table.keys[0]) for name, table in self._declared.items()}
        self._others: dict[tuple[str, tuple[str, ...]], pd.Index] = {}
        self._columns = {name: {column: table[column].array for column in table} for name, table in tables.items()}

    def take(self, events: Iterable[Event], judged: bool = False) -> Taken:
        """Take those events that can be, each by itself: an event that is refused changes nothing, and stops no other.

        Those that are `judged` were taken elsewhere, after the same ones: no rule is asked again.

        Refused is one of a table or column that is not declared, with a value of another kind or outside of what is
        allowed, of values that are known later, that breaks a rule between the columns of its row, or that says another
        value of the same row, column and instant than was told before.
        """
        accepted: list[Event] = []
        refused: list[Refused] = []
        before: dict[tuple[str, Key], Row | None] = {}
        repeated = 0
        for some in _rounds(self._sound(events, refused)):
            new = []
            for event in some:
                try:
                    facts = self._with(event)
                except ValueError as error:
                    refused.append(Refused(event, str(error)))
                    continue
                repeated += facts is None
                new += [(event, facts)] if facts else []
            broken = {} if judged else self._broken(new)
            for place, (event, facts) in enumerate(new):
                if why := broken.get(place) or self._twin(event, facts):
                    refused.append(Refused(event, why))
                    continue
                row = event.table, event.key
                before.setdefault(row, self.row(*row))
                self._told[row] = facts
                self._named |= dict.fromkeys(self._names(event, facts), event.key)
                accepted.append(event)
        return Taken(tuple(accepted), repeated, tuple(refused), self._changes(before))

    def row(self, table: str, key: Key) -> Row | None:
        """What is known of a row, by column, None where a value is missing or not known; None without a whole row.

        A row is whole once all is known of it that its features always have.
        """
        known = _latest(self._of(table, key))
        row = {name: known.get(name) for name in self._declared[table].names}
        return None if any(row[name] is None for name in self._needs[table]) else row

    def always(self, table: str, key: Key, names: Iterable[str]) -> Row | None:
        """The values of columns that are always known of a row, as in `row`."""
        if (table, key) in self._told:
            return self.row(table, key)
        place = self._place(table, key)
        return None if place is None else self._begun(table, place, names)

    def tables(self) -> Tables:
        """The tables as they are now: rows that were there keep their places, others come after them by their keys."""
        return {name: self._table(table) for name, table in self._declared.items()}

    def forget(self, before: datetime) -> None:
        """Drop the rows in which all is older than `before`: their instants, and those at which they were told."""
        kept = {}
        for name, frame in self._frames.items():
            instants = [one for one in frame if self._declared[name][str(one)].kind == "instant"]
            kept[name] = frame[~(frame[instants].max(axis=1) < before)].reset_index(drop=True)
        self._begin_with(kept)
        self._told = {row: facts for row, facts in self._told.items() if _newest(facts) >= before}
        self._named = {name: key for name, key in self._named.items() if (name[0], key) in self._told}

    def _sound(self, events: Iterable[Event], refused: list[Refused]) -> Iterator[Event]:
        """Yield the events that are possible by themselves, with their values as they are kept."""
        for event in events:
            try:
                yield _typed(event, self._declared)
            except ValueError as error:
                refused.append(Refused(event, str(error)))

    def _table(self, table: Table) -> pd.DataFrame:
        frame = self._frames[table.name]
        rows = {key: row for name, key in self._told if name == table.name and (row := self.row(name, key))}
        if not rows:
            return frame
        there = {key: self._place(table.name, key) for key in rows}
        new = sorted((key for key, place in there.items() if place is None), key=str)
        places = there | {key: len(frame) + number for number, key in enumerate(new)}
        told = framed([*rows.values()], table, [*frame.columns]).set_index(pd.Index([*places.values()]))
        return pd.concat([frame.reset_index(drop=True).drop(told.index, errors="ignore"), told]).sort_index()

    def _of(self, table: str, key: Key) -> Known:
        """All that was told of a row. What the tables begin with was told when it was known, as declared."""
        if (table, key) in self._told:
            return self._told[table, key]
        if (place := self._place(table, key)) is None:
            return {}
        columns = [one for one in self._declared[table].columns if one.name in self._columns[table]]
        found = self._begun(table, place, [one.name for one in columns])
        # A planned instant may be still to come: then what is known from it on is blank, and not known to be missing.
        past = {name: found[name] for name in self._declared[table].facts if name in found}
        known = ((one, _known_from(one, past if found[one.name] is None else found)) for one in columns)
        facts: Known = {}
        for one, since in known:
            if since:
                facts.setdefault(since, {})[one.name] = found[one.name]
        return facts

    def _begun(self, table: str, place: int, names: Iterable[str]) -> Row:
        """Values of a row of the tables to begin with; a column that is not there is missing."""
        columns = self._columns[table]
        return {name: _value(columns[name][place]) if name in columns else None for name in names}

    def _place(self, table: str, key: Key) -> Any:
        """The place of a row in the table to begin with, None if it is not there."""
        return _located(self._places[table], key)

    def _with(self, event: Event) -> Known | None:
        """The facts of the event's row and its own; None if it says nothing new. Raises ValueError if they differ."""
        facts = self._of(event.table, event.key)
        told = facts.get(event.instant, {})
        for name, value in event.values.items():
            if (was := told.get(name, value)) != value:
                raise ValueError(f"{name} is {value}, and was {was} as told before of the same row and instant")
        key = self._declared[event.table].keys[0]
        new = event.values.keys() - told.keys() - {*key}
        return facts | {event.instant: told | dict(event.values)} if new else None

    def _names(self, event: Event, facts: Known) -> Iterator[_Name]:
        """Yield the other keys of the event's row that it says something of, once all of one is known."""
        row = _latest(facts)
        for key in self._declared[event.table].keys[1:]:
            if row.keys() >= {*key} and not event.values.keys().isdisjoint(key):
                yield event.table, key, tuple(row[name] for name in key)

    def _twin(self, event: Event, facts: Known) -> str:
        """Why the event's row cannot be: another row has the same values of a key; "" if there is none."""
        for table, key, values in self._names(event, facts):
            first = self._declared[table].keys[0]
            if (table, key) not in self._others:
                self._others[table, key] = _index(self._frames[table], key)
            place = _located(self._others[table, key], values)
            begun = None if place is None else tuple(self._begun(table, place, first).values())
            for other in (self._named.get((table, key, values)), begun):
                known = other and other != event.key and self.row(table, other)
                if known and tuple(known[name] for name in key) == values:
                    named = ", ".join(f"{name} {known[name]}" for name in first)
                    return f"{', '.join(key)} are those of another row, {named}"
        return ""

    def _broken(self, new: Sequence[tuple[Event, Known]]) -> dict[int, str]:
        """The rules that rows would break: a rule is asked once all of its columns are known."""
        found: dict[int, str] = {}
        for table in self._declared.values():
            rows = {place: _latest(facts) for place, (event, facts) in enumerate(new) if event.table == table.name}
            asked: dict[tuple[int, ...], list[Rule]] = {}
            for rule in _rules(table):
                concerned = tuple(place for place, row in rows.items() if _concerns(rule, new[place][0], row))
                if concerned:
                    asked.setdefault(concerned, []).append(rule)
            for places, rules in asked.items():
                columns = {name for rule in rules for name in rule.columns}
                frame = framed([rows[place] for place in places], table, columns)
                for rule in rules:
                    holds = rule.holds(frame).to_numpy("bool")
                    found |= {places[at]: f"rule broken: {rule.says}" for at in np.flatnonzero(~holds)}
        return found

    def _changes(self, before: Mapping[tuple[str, Key], Row | None]) -> dict[str, tuple[list[Row], list[Row]]]:
        changes: dict[str, tuple[list[Row], list[Row]]] = {}
        for (table, key), was in before.items():
            now = self.row(table, key)
            gone, come = changes.setdefault(table, ([], []))
            if was != now:
                gone += [was] if was else []
                come += [now] if now else []
        return {table: rows for table, rows in changes.items() if any(rows)}


def framed(rows: Sequence[Row], table: Table, names: Iterable[str]) -> pd.DataFrame:
    """Return rows as a table with the columns `names`, of their declared types; whole numbers with gaps are floats."""
    columns = {name: [row.get(name) for row in rows] for name in names}
    gaps = {name for name, values in columns.items() if table[name].kind == "whole" and None in values}
    types = {name: "float64" if name in gaps else DTYPES[table[name].kind] for name in columns}
    return pd.DataFrame({name: pd.Series(values, dtype=types[name]) for name, values in columns.items()})


def _typed(event: Event, declared: Mapping[str, Table]) -> Event:
    """Return the event with its key among the values, all as they are kept. Raises ValueError if it cannot be."""
    if event.table not in declared:
        there = f": there are {', '.join(declared)}" if declared else ""
        raise ValueError(f"no history table is called {event.table}{there}")
    table = declared[event.table]
    if len(event.key) != len(table.keys[0]):
        raise ValueError(f"{event.key} is no key of {table.name}: its columns are {', '.join(table.keys[0])}")
    if undeclared := table.undeclared(event.values):
        raise ValueError(f"{table.name} declares no column {', '.join(undeclared)}")
    key = {name: _checked(value, table[name]) for name, value in zip(table.keys[0], event.key, strict=True)}
    values = {name: _checked(value, table[name]) for name, value in event.values.items()}
    if other := [name for name in key if values.get(name, key[name]) != key[name]]:
        raise ValueError(f"{other[0]} is {values[other[0]]}, and {key[other[0]]} in the key")
    instant, values = _instant(event.instant, "the instant"), key | values
    for column in (table[name] for name in values):
        since = _known_from(column, values)
        if since is None:
            clocks = " or ".join(clocks_of(column)) or "no instant"
            raise ValueError(f"{column.name} is known from {clocks} on, which the event does not say")
        if since > instant:
            told = f"the event is of {instant.isoformat()}"
            raise ValueError(f"{column.name} is known from {since.isoformat()} on, and {told}")
    return replace(event, table=table.name, key=tuple(key.values()), instant=instant, values=values)


def _checked(value: Value, column: Column) -> Value:
    """Return a value as it is kept. Raises ValueError if it is of another kind than declared, or not allowed."""
    value = _kept(value, column)
    low, high = column.within or (None, None)
    if value is None:
        if column.missing == "never":
            raise ValueError(f"{column.name} is never missing")
    elif not column.draft and (
        (column.values and value not in column.values)
        or (low is not None and value < low)  # type: ignore[operator]
        or (high is not None and value > high)  # type: ignore[operator]
    ):
        raise ValueError(f"{column.name} is {value}: it {demands(column)}")
    return value


def _kept(value: Value, column: Column) -> Value:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if column.kind == "instant":
        return _instant(value, column.name)
    if column.kind == "number" and number and math.isfinite(float(value)):  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    if column.kind == "whole" and number and float(value).is_integer() and abs(value) < 2**63:  # type: ignore[arg-type]
        return int(value)  # type: ignore[arg-type]
    if isinstance(value, {"text": str, "boolean": bool}.get(column.kind, ())):
        return value
    raise ValueError(f"{column.name} is {value!r}: it must be of the kind {column.kind}")


def _instant(value: Value, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise ValueError(f"{name} is {value!r}: it must be an instant with a time zone")
    found = found.to_pydatetime(warn=False) if isinstance(found, pd.Timestamp) else found
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} is {value!r}: in UTC it is outside the years 1 to 9999") from None


def _known_from(column: Column, values: Mapping[str, Any]) -> datetime | None:
    """Return from which instant on a column of these values is known; None if not yet."""
    if column.known == ALWAYS:
        return _BEFORE_ALL
    return min((values[clock] for clock in clocks_of(column) if values.get(clock)), default=None)


def _newest(facts: Known) -> datetime:
    return max([*facts, *(value for row in facts.values() for value in row.values() if isinstance(value, datetime))])


def _concerns(rule: Rule, event: Event, known: Row) -> bool:
    """Whether the event says something that the rule is about, and all of that is known now."""
    columns = {*rule.columns}
    return columns <= known.keys() and not columns.isdisjoint(event.values)


def _latest(facts: Known) -> Row:
    """What is known of a row: of each column the value that was told last."""
    return {name: value for at in sorted(facts) for name, value in facts[at].items()}


def _rounds(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield the events in order, in parts in which no row has two: what came first of a row is judged first."""
    part: dict[tuple[str, Key], Event] = {}
    for event in events:
        if (row := (event.table, event.key)) in part:
            yield [*part.values()]
            part.clear()
        part[row] = event
    yield [*part.values()]


@cache
def _rules(table: Table) -> list[Rule]:
    """Return the rules between columns of one row, however much is known of others."""
    return row_rules(replace(table, keys=table.keys[:1], due=()))


def _needed(table: Table) -> list[str]:
    """Return the columns without which no feature can be computed from a row."""
    always = (one for one in table.columns if one.used and (one.known == ALWAYS or table.comes_row_by_row))
    return [*table.keys[0], *(one.name for one in always if one.missing == "never")]


def _index(frame: pd.DataFrame, key: tuple[str, ...]) -> pd.Index:
    return pd.Index(frame[key[0]]) if len(key) == 1 else pd.MultiIndex.from_frame(frame[list(key)])


def _located(index: pd.Index, key: Key) -> Any:
    try:
        return index.get_loc(key[0] if len(key) == 1 else key)
    except KeyError:
        return None


def _value(value: Any) -> Value:
    """Return a value of a table as it is kept."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime(warn=False).astimezone(UTC)
    return value.item() if isinstance(value, np.generic) else value
