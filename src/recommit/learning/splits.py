"""Splits: which rows are learned from, and which are judged on: by time, by groups, or by a hash of the row's key.

Time is the strictest: what is judged on comes after all that was learned from. Where rows have no time, a hash of the
row's key, or of its group, says in which part the row is. The hash does not depend on other rows, so a new row moves
no old one from part to part.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pandas as pd

from recommit.problem import Problem

LEAST = 5  # rows of a class in each part: with fewer, no number of that class can be measured
RUNS = 25  # blocks that so many rows of one part are cut into
BLOCKS = 200  # blocks by hash: so many cover the truth as often as they say, from 1,000 rows on
TODO = "split in params.yaml"


@dataclass(frozen=True)
class Split:
    """Rows to learn from, rows to judge on, the name of the latter, and the blocks of rows for intervals.

    Where parts follow each other in time, every target in `train` was known before `starts`, and every row of `test`
    was predicted at or after `starts` and its target known before `ends`. Elsewhere both are None.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    starts: pd.Timestamp | None
    ends: pd.Timestamp | None
    blocks: Callable[[pd.DataFrame], pd.Series]

    def only(self, kept: pd.Index) -> "Split":
        """The same split of those rows alone whose label is in `kept`."""
        train, test = (part[part.index.isin(kept)] for part in (self.train, self.test))
        return replace(self, train=train, test=test)


class Splitter(Protocol):
    """How a table is cut into parts. Each table has one row per prediction, with the `columns`."""

    @property
    def ordered(self) -> bool:
        """Whether parts follow each other in time."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What parts and blocks are made from: stages read these columns beside the target and the features."""

    @property
    def instant(self) -> str | None:
        """The column that says when a prediction is asked for; None where rows have no time."""

    @property
    def known(self) -> str | None:
        """The column that says from when the target is known; None where rows have no time."""

    @property
    def now(self) -> pd.Timestamp | None:
        """The clock; None where rows have no time."""

    @property
    def calendar(self) -> "Calendar":
        """The periods in which tables with a time are compared with one another (`quality`): a week or longer."""

    def test(self, table: pd.DataFrame) -> Split:
        """Judge on the last part before the clock, or on a drawn share, and learn from what was known before it.

        Raises ValueError, in one line that says what to change, where a part has too few rows, or of a class.
        """

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        """Judge on n parts of the training rows, oldest first; by default as many as `split.folds` says.

        `table` holds what `test` gives to learn from. No fold sees a row to test on. Raises ValueError as `test`.
        """

    def blocks(self, rows: pd.DataFrame) -> pd.Series:
        """The block of each row, for intervals: a time or a number that sorts as time does, a group, or a hash."""

    def span(self, test: pd.DataFrame) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """When the part to test on, of which `test` are the rows, starts and ends; None where there is no order."""

    def back(self, table: pd.DataFrame, ends: Any, n: int) -> pd.Timestamp | None:
        """When the n-th part before `ends` starts; None where that is before the first whole part of `table`.

        Raises ValueError where parts do not follow each other in time.
        """


@dataclass(frozen=True)
class Calendar:
    """Days, weeks (from Monday), months or quarters, in the local time of a zone."""

    by: str
    zone: str = "UTC"

    def clock(self, as_of: str) -> pd.Timestamp:
        """Read an ISO date at which a period begins, as midnight. Raises ValueError for anything else."""
        found = clock(as_of, self.zone)
        if self.first(found) != found:
            near = f"{self.first(found):%Y-%m-%d} is one"
            raise ValueError(f"as_of must be the first of a {self.by}, because splits are by {self.by}: {near}")
        return found

    def first(self, instant: pd.Timestamp) -> pd.Timestamp:
        """Return the start of the period that an instant is in."""
        naive = instant.tz_convert(self.zone).tz_localize(None)
        return _localized(naive.to_period(_PERIODS[self.by].pandas).start_time, self.zone)

    def before(self, start: pd.Timestamp, n: int = 1) -> pd.Timestamp:
        """Return the start n periods earlier."""
        return _localized(start.tz_convert(self.zone).tz_localize(None) - n * _PERIODS[self.by].length, self.zone)

    def name(self, start: pd.Timestamp) -> str:
        """Return the name of the period that begins at `start`, as 2013-05: names sort in the order of time."""
        if self.first(start) != start:
            return f"{start:%Y-%m-%d}"
        return _PERIODS[self.by].name(start)

    def day(self, instant: pd.Timestamp) -> pd.Timestamp:
        """Return the midnight before an instant."""
        return _localized(instant.tz_convert(self.zone).tz_localize(None).floor("D"), self.zone)

    def days(self, starts: pd.Timestamp, instants: pd.Series) -> pd.Series:
        """Return on which day after that of `starts` each instant is, from 0."""
        return (self.local(instants).dt.floor("D") - self.day(starts).tz_localize(None)).dt.days

    def names(self, instants: pd.Series) -> pd.Series:
        """Return the name of the period that each instant is in."""
        starts = self.local(instants).dt.to_period(_PERIODS[self.by].pandas).dt.start_time
        return starts.map({start: self.name(_localized(start, self.zone)) for start in starts.unique()})

    def local(self, instants: pd.Series) -> pd.Series:
        """Return instants in the local time of the zone, without it."""
        return instants.dt.tz_convert(self.zone).dt.tz_localize(None)


@dataclass(frozen=True)
class _Period:
    """A length of time, its name in pandas, the blocks within it, and how one is named by its start."""

    length: pd.DateOffset
    pandas: str
    block: str
    name: Callable[[pd.Timestamp], str]


# Blocks are parts of a day where a period has too few days to be blocks.
_PERIODS = {
    "day": _Period(pd.DateOffset(days=1), "D", "h", "{:%Y-%m-%d}".format),
    "week": _Period(pd.DateOffset(weeks=1), "W-SUN", "6h", "{:%G-W%V}".format),
    "month": _Period(pd.DateOffset(months=1), "M", "D", "{:%Y-%m}".format),
    "quarter": _Period(pd.DateOffset(months=3), "Q", "D", lambda start: f"{start.year}-Q{start.quarter}"),
}


@dataclass(frozen=True)
class _Periods:
    """Parts are the periods of a calendar before the clock."""

    parts: Calendar
    now: pd.Timestamp
    number: int
    instant: str
    known: str
    target: str | None = None
    ordered = True

    @property
    def columns(self) -> tuple[str, ...]:
        return self.instant, self.known

    @property
    def calendar(self) -> Calendar:
        return replace(self.parts, by="week") if self.parts.by == "day" else self.parts

    def test(self, table: pd.DataFrame) -> Split:
        return self._part(table, self.now)

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        places = range(_number(self.number if n is None else n), 0, -1)
        return [self._part(table, self.parts.before(self.now, k)) for k in places]

    def blocks(self, rows: pd.DataFrame) -> pd.Series:
        local, length = self.parts.local(rows[self.instant]), _PERIODS[self.parts.by].block
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
        return _checked(found, self.target, f"take longer periods or fewer folds ({TODO})")


@dataclass(frozen=True)
class _Runs:
    """Parts are so many rows in order of time: the last before the clock, those before them, and so on.

    Rows of one instant are in one part, which may then have a few rows more.
    """

    rows: int
    now: pd.Timestamp
    number: int
    instant: str
    known: str
    target: str | None = None
    zone: str = "UTC"
    ordered = True

    @property
    def columns(self) -> tuple[str, ...]:
        return self.instant, self.known

    @property
    def calendar(self) -> Calendar:
        return Calendar("month", self.zone)

    def test(self, table: pd.DataFrame) -> Split:
        return self._part(table, self.now, "test")

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        found: list[Split] = []
        ends = table[self.known].max() + pd.Timedelta(microseconds=1)
        wanted = _number(self.number if n is None else n)
        for place in range(max(self.number, wanted), max(self.number, wanted) - wanted, -1):
            found.append(self._part(table, ends, _fold(place, max(self.number, wanted))))
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
        return _checked(found, self.target, advice)


@dataclass(frozen=True)
class _Hashed:
    """Parts are drawn by a hash of a column, the row's key or its group, and of a seed.

    Rows that have a time are left out where their target is not known before the clock, `now`.
    """

    column: str
    share: float
    number: int
    seed: int
    target: str | None = None
    instant: str | None = None
    known: str | None = None
    now: pd.Timestamp | None = None
    key: str | None = None
    zone: str = "UTC"
    ordered = False

    @property
    def calendar(self) -> Calendar:
        return Calendar("month", self.zone)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.column, self.known) if name)

    def test(self, table: pd.DataFrame) -> Split:
        if self.known and self.now is not None:
            table = table[table[self.known] < self.now]
        drawn = self._drawn(table) < self.share
        return self._split("test", table, drawn)

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        if _number(self.number if n is None else n) > self.number:
            raise ValueError(f"{n} folds are asked for, and there are {self.number}: raise folds ({TODO})")
        drawn = self._drawn(table)
        table, drawn = table[drawn >= self.share], drawn[drawn >= self.share]
        place = np.minimum((drawn - self.share) / (1 - self.share) * self.number, self.number - 1).astype("int64")
        found = [self._split(_fold(k + 1, self.number), table, place == k) for k in range(self.number)]
        return found if n is None else found[-n:]

    def blocks(self, rows: pd.DataFrame) -> pd.Series:
        if self.column not in rows:
            raise ValueError(f"blocks are made from {self.column}, which is not there: name it in the problem's beside")
        found = rows[self.column].astype("str")
        if found.nunique() <= BLOCKS and self.column != self.key:
            return found
        return pd.Series(self._hashes(rows, "block") * BLOCKS, rows.index).astype("int64")

    def span(self, test: pd.DataFrame) -> tuple[None, None]:
        return None, None

    def back(self, table: pd.DataFrame, ends: Any, n: int) -> pd.Timestamp | None:
        raise ValueError(f"parts by {self.column} do not follow each other in time: leave out what needs time ({TODO})")

    def _split(self, name: str, table: pd.DataFrame, drawn: np.ndarray) -> Split:
        found = Split(name, table[~drawn], table[drawn], None, None, self.blocks)
        return _checked(found, self.target, f"take another seed, fewer folds or a larger share to test on ({TODO})")

    def _drawn(self, table: pd.DataFrame) -> np.ndarray:
        return self._hashes(table, "part")

    def _hashes(self, table: pd.DataFrame, of: str) -> np.ndarray:
        """A number from 0 up to 1 for each row, the same for the same value of the column."""
        values = table[self.column]
        if values.isna().any():
            raise ValueError(f"{self.column} is missing in {values.isna().sum()} rows, and says in which part a row is")
        codes, names = pd.factorize(values)
        return np.array([_hash(f"{of} {self.seed} {name}") for name in names])[codes]


def splitter(problem: Problem, split: Mapping[str, Any], as_of: str | None = None) -> Splitter:
    """Return how a problem's rows are cut into parts, by `split` of params.yaml, at the clock `as_of`.

    `split` holds `by`: day, week, month or quarter, a number of rows, "group", or "hash"; `folds`: how many parts
    models are chosen on; `zone`: whose local time days are of, UTC by default. For group and hash also `test`, the
    share to test on (0.2 by default), and `seed`: another one draws other parts. Raises ValueError, in one line, for
    what does not fit together.
    """
    if extra := sorted(set(split) - {"by", "folds", "zone", "test", "seed"}):
        raise ValueError(f"{TODO}: there is no {extra[0]}; take by, folds, zone, test, seed")
    by, number, zone = split.get("by"), _number(split.get("folds", 1)), split.get("zone", "UTC")
    if by in ("group", "hash"):
        return _hashed(problem, split, by, number, None if as_of is None or not problem.known else clock(as_of, zone))
    if by not in _PERIODS and (isinstance(by, bool) or not isinstance(by, int) or by < 1):
        raise ValueError(f"{TODO}: by is {by!r}; take {', '.join(_PERIODS)}, a number of rows, group or hash")
    if drawn := sorted(set(split) & {"test", "seed"}):
        raise ValueError(f"{TODO}: {drawn[0]} is for parts by group or hash, and by is {by}")
    if problem.instant is None or problem.known is None:
        raise ValueError(f"{TODO}: by is {by}, and rows have no time; take group or hash")
    if as_of is None:
        raise ValueError(f"as_of is not in params.yaml, and splits by {by} need it: an ISO date like 2013-09-01")
    told = problem.instant, problem.known, problem.target
    if isinstance(by, int):
        return _Runs(by, clock(as_of, zone), number, *told, zone)
    calendar = Calendar(by, zone)
    return _Periods(calendar, calendar.clock(as_of), number, *told)


def clock(as_of: str, zone: str = "UTC") -> pd.Timestamp:
    """Read an ISO date as midnight in a time zone. Raises ValueError for anything else."""
    try:
        return _localized(pd.Timestamp(datetime.strptime(str(as_of), "%Y-%m-%d")), zone)
    except ValueError:
        raise ValueError(f"as_of must be an ISO date like 2013-09-01, not {as_of!r}") from None
    except KeyError:  # of zoneinfo, for a name that it does not know
        raise ValueError(f"{TODO}: there is no zone {zone!r}; take one like Europe/Berlin") from None


def needed(splits: Splitter, *columns: str) -> list[str]:
    """Return the columns to read of a table that is split: those of the splitter and `columns`, each once."""
    return list(dict.fromkeys([*splits.columns, *columns]))


def known_until(rows: pd.DataFrame, splits: Splitter) -> pd.Timestamp | None:
    """Return when the last target of `rows` was known; None where rows have no time."""
    return rows[splits.known].max() if splits.known else None


def sample(table: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Return `most` rows of a table, drawn with a seed, in their order; all where there are fewer."""
    return table.sample(min(most, len(table)), random_state=seed).sort_index()


def _hashed(problem: Problem, split: Mapping[str, Any], by: str, number: int, now: pd.Timestamp | None) -> _Hashed:
    share, seed = split.get("test", 0.2), split.get("seed", 0)
    if not 0 < share < 1:
        raise ValueError(f"{TODO}: test is {share}; take a share of the rows above 0 and below 1")
    if number < 2:
        raise ValueError(f"{TODO}: folds is {number}; parts by {by} need two or more")
    column = problem.group if by == "group" else problem.key
    if column is None:
        raise ValueError(f"{TODO}: by is group, and the problem names no group; name the column, or take hash")
    told = problem.target, problem.instant, problem.known, now, problem.key, split.get("zone", "UTC")
    return _Hashed(column, share, number, seed, *told)


def _in_time(of: _Periods | _Runs, table: pd.DataFrame, name: str, starts: pd.Timestamp, ends: pd.Timestamp) -> Split:
    if table.empty:
        raise ValueError("no rows to split: the table is empty")
    asked, known = table[of.instant], table[of.known]
    train = table[known < starts]
    test = table[(asked >= starts) & (asked < ends) & (known < ends)]
    return Split(name, train, test, starts, ends, of.blocks)


def _checked(split: Split, target: str | None, advice: str) -> Split:
    """The split. Raises ValueError where a part has too few rows, or too few of a class, if the target has classes."""
    if target is None or target not in split.train:
        return split
    parts = {"train": split.train[target], "test": split.test[target]}
    whole = pd.concat(parts.values())
    classes = [] if pd.api.types.is_float_dtype(whole) else list(whole.dropna().unique())
    for part, found in parts.items():
        counted = {f" with {target} {name}": int((found == name).sum()) for name in classes} or {"": len(found)}
        for which, number in counted.items():
            if number < LEAST:
                raise ValueError(
                    f"{split.name} has {number} rows{which} to {part} on, and {LEAST} are needed: {advice}"
                )
    return split


def _number(folds: int) -> int:
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 1:
        raise ValueError(f"the number of folds must be 1 or more, not {folds}")
    return folds


def _fold(place: int, number: int) -> str:
    """The name of a fold: names sort as folds do."""
    return f"fold {place:0{len(str(number))}}"


def _hash(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def _localized(naive: pd.Timestamp, zone: str) -> pd.Timestamp:
    return naive.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
