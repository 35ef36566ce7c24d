"""History that takes events, and the features of rows that are asked about meanwhile."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from recommit.columns import Columns, Tables, arrays_of, as_arrays, as_frame, plain
from recommit.events import Event, Facts, Taken
from recommit.history import History, differing, lacking, minute, silence
from recommit.problem import Problem, State


class Live:
    """The history of a problem as it is now, what features are computed from, and until when it is heard."""

    def __init__(self, problem: Problem, history: History) -> None:
        self._problem, self._facts = problem, Facts(history.declared, history.tables)
        self._since, self._heard = pd.Timestamp(0, tz="UTC"), [*history.heard()]
        self._state: State | None = None  # made when it is first asked, so that what is forgotten before costs nothing

    def answer(self, rows: Columns, horizon_hours: float) -> Columns:
        """Return the key, the instant and every feature of rows: `rows` has the columns that `problem.asked` names."""
        problem = self._problem
        if self._state is None:
            self._state = problem.state(self._facts.tables()) if problem.state else Rebuilt(problem, self._facts)
        return self._state.answer(rows, horizon_hours)

    def update(self, events: Iterable[Event], judged: bool = False) -> Taken:
        """Take those events that can be: see `Facts.take`. The next row is answered from what they say."""
        taken = self._facts.take(events, judged)
        for table in self._problem.history:
            if self._state is not None and table.name in taken.changes:
                gone, come = (arrays_of(rows, table.kinds(table.used)) for rows in taken.changes[table.name])
                self._state.update(table.name, gone, come)
        for event in taken.accepted:
            self._hear(event)
        return taken

    def tables(self) -> Tables:
        """The tables of history as they are now."""
        return self._facts.tables()

    def heard_until(self) -> pd.Timestamp | None:
        """The last instant that all tables cover, of all groups that are heard of; None where none says how long."""
        return min((end for _, _, ends in self._heard for end in ends.values()), default=None)

    def forget(self, before: pd.Timestamp) -> None:
        """Drop what no feature of a row needs that is asked about at `before` (tz-aware) or later.

        Does nothing where the problem does not declare how far its features look back.
        """
        if self._problem.looks_back_hours is not None:
            self._facts.forget((before - pd.Timedelta(hours=self._problem.looks_back_hours)).to_pydatetime())
            self._state, self._since = None, before

    def unheard(self, rows: Columns, instants: np.ndarray) -> dict[int, str]:
        """Return the rows, counted from 0, whose instant (UTC, datetime64) is not covered by what is known, and why.

        It is later than a table is heard of, or earlier than what was forgotten.
        """
        since = np.datetime64(self._since.tz_convert(None), "us")
        why = f"is earlier than {minute(self._since)}, and what it needs is forgotten"
        found = {row: f"{minute(pd.Timestamp(at))} {why}" for row, at in enumerate(instants) if at < since}
        for table, heard, ends in self._heard:
            groups = rows[heard.by].tolist() if heard.by else [""] * len(instants)
            for row, (group, asked) in enumerate(zip(groups, instants, strict=True)):
                until, at = ends.get(group), pd.Timestamp(asked, tz="UTC")
                if until is None or not at <= until:
                    found.setdefault(row, silence(table, heard, group, at, until))
        return found

    def contradicted(self, rows: Columns) -> dict[int, str]:
        """Return the rows, counted from 0, that are other than history's row of the same key, and why.

        A row that history lacks is one too, where its table holds what is planned: others may be missing as well.
        """
        table, found = self._problem.rows, dict[int, str]()
        if table not in self._problem.history:
            return found
        names = [self._problem.key, *(name for name in table.given if name != self._problem.key)]
        for row, (key, *values) in enumerate(zip(*(plain(rows[name]) for name in names), strict=True)):
            known, named = self._facts.always(table.name, (key,), names), f"{self._problem.key} {key}"
            if known is None and not table.comes_row_by_row:
                found[row] = lacking(table, named)
            for name, value in zip(names[1:], values, strict=True):
                if known and known[name] is not None and _differ(value, known[name]):
                    found.setdefault(row, differing(name, value, known[name], named))
        return found

    def _hear(self, event: Event) -> None:
        row = self._facts.row(event.table, event.key)
        for table, heard, ends in self._heard:
            if table.name == event.table and row:
                group, hours = row.get(heard.by, ""), timedelta(hours=heard.hours)
                told = [pd.Timestamp(at) + hours for clock in heard.clocks if isinstance(at := row[clock], datetime)]
                ends |= {group: max([*told, ends.get(group, told[0])])} if told else {}


def _differ(mine: object, theirs: object) -> bool:
    """Whether two values differ; numbers are compared in single precision, as in a table to score."""
    return bool(np.float32(mine) != np.float32(theirs)) if isinstance(mine, float) else mine != theirs  # type: ignore[arg-type]


class Rebuilt:
    """The state of a problem that has none of its own: features are built anew from all tables, which takes longer."""

    def __init__(self, problem: Problem, facts: Facts) -> None:
        self._problem, self._facts = problem, facts
        self._tables: Tables = facts.tables()

    def answer(self, rows: Columns, horizon_hours: float) -> Columns:
        """Return what the problem's `build` gives for the rows."""
        built = self._problem.build(self._tables, as_frame(rows), horizon_hours)
        return as_arrays(built, self._problem.features.kinds(built.columns))

    def update(self, table: str, gone: Columns, come: Columns) -> None:
        """Take the tables as the facts have them now."""
        self._tables = self._facts.tables()
