"""Parts that follow each other in time: periods of a calendar, or so many rows."""

from dataclasses import dataclass, replace

import pandas as pd

from recommit.learning.calendar import PERIODS, TODO, Calendar
from recommit.learning.split import Split, checked, fold_name, number_of

RUNS = 25  # blocks that so many rows of one part are cut into


@dataclass(frozen=True)
class _InTime:
    now: pd.Timestamp
    number: int
    instant: str
    known: str
    target: str | None = None
    ordered = True

    @property
    def columns(self) -> tuple[str, ...]:
        return self.instant, self.known


@dataclass(frozen=True, kw_only=True)
class Periods(_InTime):
    """Parts are the periods of a calendar before the clock."""

    parts: Calendar

    @property
    def calendar(self) -> Calendar:
        return replace(self.parts, by="week") if self.parts.by == "day" else self.parts

    def test(self, table: pd.DataFrame) -> Split:
        return self._part(table, self.now)

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        places = range(number_of(self.number if n is None else n), 0, -1)
        return [self._part(table, self.parts.before(self.now, k)) for k in places]

    def blocks(self, rows: pd.DataFrame) -> pd.Series:
        local, length = self.parts.local(rows[self.instant]), PERIODS[self.parts.by].block
        return local.dt.date if length == "D" else local.dt.floor(length)

    def span(self, test: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
        return self.parts.before(self.now), self.now

    def back(self, table: pd.DataFrame, ends: pd.Timestamp, n: int) -> pd.Timestamp | None:
        starts = self.parts.before(ends, n)
        return starts if starts >= self.parts.first(table[self.instant].min()) else None

    def _part(self, table: pd.DataFrame, ends: pd.Timestamp) -> Split:
        starts = self.parts.before(ends)
        found = _in_time(self, table, self.parts.name(starts), starts, ends)
        if found.test.empty or found.train.empty:
            asked = table[self.instant]
            lacks = f"test on within {starts:%Y-%m-%d} to {ends:%Y-%m-%d}" if found.test.empty else ""
            lacks = lacks or f"train on before {starts:%Y-%m-%d}"
            covered = f"the table covers {asked.min():%Y-%m-%d} to {asked.max():%Y-%m-%d}"
            raise ValueError(f"no rows to {lacks}: {covered}; move as_of")
        return checked(found, self.target, f"take longer periods or fewer folds ({TODO})")


@dataclass(frozen=True, kw_only=True)
class Runs(_InTime):
    """Parts are so many rows in order of time: the last before the clock, those before them, and so on.

    Rows of one instant are in one part, which may then have a few rows more.
    """

    rows: int
    zone: str = "UTC"

    @property
    def calendar(self) -> Calendar:
        return Calendar("month", self.zone)

    def test(self, table: pd.DataFrame) -> Split:
        return self._part(table, self.now, "test")

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        found: list[Split] = []
        ends = table[self.known].max() + pd.Timedelta(microseconds=1)
        wanted = number_of(self.number if n is None else n)
        for place in range(max(self.number, wanted), max(self.number, wanted) - wanted, -1):
            found.append(self._part(table, ends, fold_name(place, max(self.number, wanted))))
            ends = found[-1].starts
        return found[::-1]

    def blocks(self, rows: pd.DataFrame) -> pd.Series:
        before = rows[self.instant].rank(method="min") - 1
        return (before // max(1, self.rows // RUNS)).astype("int64")

    def span(self, test: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
        return test[self.instant].min(), self.now

    def back(self, table: pd.DataFrame, ends: pd.Timestamp, n: int) -> pd.Timestamp | None:
        for _ in range(n):
            asked = table.loc[table[self.known] < ends, self.instant].sort_values()
            if len(asked) < self.rows:
                return None
            ends = asked.iloc[-self.rows]
        return ends

    def _part(self, table: pd.DataFrame, ends: pd.Timestamp, name: str) -> Split:
        starts = self.back(table, ends, 1)
        advice = f"take fewer rows or fewer folds ({TODO})"
        if starts is None:
            raise ValueError(f"{name}: fewer than {self.rows} rows are known before {ends:%Y-%m-%d %H:%M}: {advice}")
        found = _in_time(self, table, name, starts, ends)
        if found.train.empty:
            raise ValueError(f"{name}: no rows to train on are known before {starts:%Y-%m-%d %H:%M}: {advice}")
        return checked(found, self.target, advice)


def _in_time(of: Periods | Runs, table: pd.DataFrame, name: str, starts: pd.Timestamp, ends: pd.Timestamp) -> Split:
    if table.empty:
        raise ValueError("no rows to split: the table is empty")
    asked, known = table[of.instant], table[of.known]
    train = table[known < starts]
    test = table[(asked >= starts) & (asked < ends) & (known < ends)]
    return Split(name, train, test, starts, ends, of.blocks)
