"""Describe each period of a table: missing values, ranges, categories, volume and freshness, with intervals."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from recommit.learning.calendar import Calendar
from recommit.learning.intervals import Blocks, Interval

What = Literal[
    "missing",
    "outside",
    "jump",
    "low",
    "median",
    "high",
    "share",
    "unseen",
    "volume",
    "repeated",
    "silent",
    "longest gap",
    "feed volume",
    "new values",
    "changes",
    "times",
    "days",
    "offset",
    "slope",
    "lag",
    "copied",
    "phase",
    "relation",
    "rows by label",
    "discrimination",
    "gap",
    "kept",
    "agreed",
]
OUTER = 0.001  # values beyond the 0.1 % and 99.9 % quantiles of other periods are outside their range
QUANTILES: dict[What, float] = {"low": 0.05, "median": 0.5, "high": 0.95}
WEEK = 7
NOTHING = Interval(np.nan, np.nan, np.nan)
Number = tuple[str, What, str, Interval]
"""A number of a period: column, what it is, of which value, feed or other column it is, and its interval."""
_MOST_VALUES = 5000  # a column with more has new values all the time
_HOUR = np.timedelta64(1, "h")


def exactly(value: float) -> Interval:
    """A number that is seen in full and estimates nothing, or is judged by how it differs between periods alone."""
    return Interval(float(value), float(value), float(value))


@dataclass(frozen=True)
class Monitored:
    """What is looked at in a table whose rows have an instant, `at` (UTC): which column is of which kind.

    `key` says which rows are repeats of one another. Each value of the column `feed` is a feed that can stop by itself,
    and `hourly` says that each feed owes a record an hour. What the columns `late` hold is known at the latest
    `late_hours` after the instant in the column `late_after`: younger rows do not count as missing.

    `measured` are numbers of which all feeds have a reading at the same instants and much the same one; those that are
    `daily` too peak at much the same hour, since the sun makes them. Most rows themselves are at much the same hour of
    the zone `rows_follow`. Each pair of columns in `related` belongs together. What is in `predictors` is known in
    advance, and tells the column `label`, a yes or no or a number, in part. `made_from` names the table for each row of
    which this one has a row of the same `key` and, where both know it, the same label. Where it is not `whole`, rows
    whose label came late are not in it: neither volume nor gaps are looked at.
    """

    at: str
    key: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    feed: str = ""
    hourly: bool = False
    late: tuple[str, ...] = ()
    late_after: str = ""
    late_hours: float = 0
    measured: tuple[str, ...] = ()
    daily: tuple[str, ...] = ()
    rows_follow: str = ""
    related: tuple[tuple[str, str], ...] = ()
    label: str = ""
    predictors: tuple[str, ...] = ()
    made_from: str = ""
    whole: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is looked at; of `others`, whether a value is missing."""
        return self.numbers + self.categories + self.others


@dataclass(frozen=True)
class Sorted:
    """The known values of a column in a period, ascending, and the day of each: a quantile is then a place in them."""

    values: np.ndarray
    days: np.ndarray

    def within(self, first: int, end: int) -> "Sorted":
        """The values of the days from `first` up to `end`, the latter not included; the first of them is day 0."""
        here = (self.days >= first) & (self.days < end)
        return Sorted(self.values[here], self.days[here] - first)

    def quantile(self, level: float, drawn: Blocks) -> Interval:
        """The quantile at a level, with days as blocks; NaN without values.

        Its interval inverts that of the share of values up to it (Woodruff 1952, "Confidence intervals for medians and
        other position measures").
        """
        number = len(self.values)
        if not number:
            return NOTHING
        value = self.values[int(level * (number - 1))]
        upto = slice(0, np.searchsorted(self.values, value, "right"))
        share = _ratio(drawn, self.counts(upto, drawn.number), self.counts(slice(None), drawn.number))
        # With many equal values the share up to the quantile is above its level: only the width is used.
        reach = [np.clip(level + end - share.value, 0, 1) for end in (share.low, share.high)]
        low, high = (self.values[int(end * (number - 1))] for end in reach)
        return Interval(float(value), float(low), float(high))

    def beyond(self, low: float, high: float, number_of_days: int) -> np.ndarray:
        """Return how many values of each day are below `low` or above `high`."""
        below, above = np.searchsorted(self.values, low, "left"), np.searchsorted(self.values, high, "right")
        return self.counts(slice(0, below), number_of_days) + self.counts(slice(above, None), number_of_days)

    def counts(self, part: slice, number_of_days: int) -> np.ndarray:
        """How many values of a part of the order each day has."""
        return np.bincount(self.days[part], minlength=number_of_days).astype("float64")


@dataclass(frozen=True)
class Period:
    """A period of a table, summed up by day: what its numbers and their intervals are made of.

    `numbers` and `categories` are by column; a category's counts are (days, values), in the order of `values`. The
    period `opens` by the calendar; the first one `starts` with the day of its first row, and the others with `opens`.
    """

    name: str
    blocks: Blocks
    rows: pd.DataFrame
    opens: pd.Timestamp
    starts: pd.Timestamp
    ends: pd.Timestamp
    numbers: dict[str, Sorted]
    categories: dict[str, np.ndarray]
    values: dict[str, list[str]]

    def outside(self, column: str, bounds: tuple[float, float]) -> Interval:
        """Return the share of a column's known values that are outside the bounds."""
        found = self.numbers[column]
        days = self.blocks.number
        return _ratio(self.blocks, found.beyond(*bounds, days), found.counts(slice(None), days))

    def unseen(self, column: str, seen: Collection[str]) -> Interval:
        """Return the share of a column's known values that are not among those seen."""
        counts = self.categories[column]
        new = np.array([value not in seen for value in self.values[column]], dtype=bool)
        return _ratio(self.blocks, counts[:, new].sum(axis=1), counts.sum(axis=1))

    def seen(self, column: str) -> set[str]:
        """The values of a category that occur in the period."""
        here = self.categories[column].sum(axis=0) > 0
        return {value for value, there in zip(self.values[column], here, strict=True) if there}


def periods(
    table: pd.DataFrame, monitored: Monitored, calendar: Calendar, clock: pd.Timestamp, seed: int
) -> list[Period]:
    """Cut a table into periods of the calendar's length from its first row to `clock`, oldest first, without a gap.

    The last one ends at the clock. The days of a period, in the calendar's zone, are the blocks of its intervals, the
    days without a row included. Raises ValueError, with the
    column's name, when a column that is to be monitored is not there, or when no row is before the clock.
    """
    asked = {monitored.at, *monitored.key, *monitored.columns, *monitored.measured, *monitored.predictors}
    absent = sorted(asked.union(*monitored.related) - set(table.columns))
    if absent:
        raise ValueError(f"columns to monitor are not in the table: {', '.join(absent)}")
    table = table[table[monitored.at] < clock].sort_values(monitored.at, kind="stable", ignore_index=True)
    if table.empty:
        raise ValueError(f"no row has {monitored.at} before {clock:%Y-%m-%d}")
    table = table.assign(__repeat=table.duplicated(list(monitored.key)))
    values = {column: sorted(map(str, table[column].dropna().unique())) for column in monitored.categories}
    first = calendar.day(table[monitored.at].iloc[0])
    edges = [clock]
    while edges[0] > first:
        edges.insert(0, calendar.before(clock, len(edges)))
    cuts = np.searchsorted(table[monitored.at], pd.DatetimeIndex(edges).tz_convert("UTC"))
    return [
        _period(table.iloc[cuts[i] : cuts[i + 1]], monitored, calendar, (edges[i], first, edges[i + 1]), values, seed)
        for i in range(len(edges) - 1)
    ]


def _period(
    rows: pd.DataFrame,
    monitored: Monitored,
    calendar: Calendar,
    span: tuple[pd.Timestamp, pd.Timestamp, pd.Timestamp],
    values: dict[str, list[str]],
    seed: int,
) -> Period:
    opens, first, ends = span
    starts = max(opens, first)
    days = int(calendar.days(starts, pd.Series([ends])).iloc[0])
    codes = calendar.days(starts, rows[monitored.at]).to_numpy()
    numbers = {}
    for column in monitored.numbers:
        number = rows[column].to_numpy(dtype="float64", na_value=np.nan)
        order = np.argsort(number, kind="stable")[: np.isfinite(number).sum()]
        numbers[column] = Sorted(number[order], codes[order])
    categories = {}
    for column in monitored.categories:
        place = rows[column].astype("str").map({value: i for i, value in enumerate(values[column])})
        known = place.notna().to_numpy()
        cell = codes[known] * len(values[column]) + place.to_numpy()[known].astype("int64")
        counts = np.bincount(cell, minlength=days * len(values[column])).reshape(days, -1)
        categories[column] = counts.astype("float64")
    drawn = Blocks(codes, days, seed)
    return Period(calendar.name(opens), drawn, rows, opens, starts, ends, numbers, categories, values)


def describe(period: Period, monitored: Monitored, clock: pd.Timestamp) -> Iterator[Number]:
    """Yield every number of a period that needs no other period: (column, what, of which value or feed, interval).

    - missing: the share of rows without a value, of those that should have one at the clock;
    - low, median, high: the 5 %, 50 % and 95 % quantiles, in the column's unit;
    - share: of each value of a category, among the known;
    - volume: rows a day, repeats not counted, and feed volume: those of each feed; repeated: the share of rows whose
      key an earlier row has;
    - silent: the share of the hours of the period in which a feed that owes a record an hour has none;
    - longest gap: hours between one record of a feed and its next, or an end of the period.
    """
    yield from _missing(period, monitored, clock)
    for column, found in period.numbers.items():
        for what, level in QUANTILES.items():
            yield column, what, "", found.quantile(level, period.blocks)
    for column, counts in period.categories.items():
        known = counts.sum(axis=1)
        for value, count in zip(period.values[column], counts.T, strict=True):
            yield column, "share", value, _ratio(period.blocks, count, known)
    repeat = period.rows["__repeat"].to_numpy(dtype="float64")
    if monitored.whole:
        yield "", "volume", "", _ratio(period.blocks, _by_day(period, 1 - repeat), np.ones(period.blocks.number))
    yield "", "repeated", "", _ratio(period.blocks, _by_day(period, repeat), _by_day(period, np.ones(len(repeat))))
    if monitored.whole:
        yield from _freshness(period, monitored)


def weekly_medians(period: Period, column: str, seed: int) -> list[Interval]:
    """Return the median of a column in each full week of a period, in order; days after the last week are left out."""
    drawn = Blocks(np.empty(0, dtype="int64"), WEEK, seed)
    found, days = period.numbers[column], period.blocks.number
    return [found.within(day, day + WEEK).quantile(0.5, drawn) for day in range(0, days - WEEK + 1, WEEK)]


def outer(found: list[Sorted], margin: float = 0) -> tuple[float, float]:
    """Return the 0.1 % and 99.9 % quantiles of a column in some periods together, with a margin; NaN without values."""
    number = sum(len(period.values) for period in found)
    if not number:
        return np.nan, np.nan
    # The quantile's rank within all is among the first of each period, so only those need sorting together.
    rank = int(OUTER * (number - 1))
    lowest = np.sort(np.concatenate([period.values[: rank + 1] for period in found]))
    highest = np.sort(np.concatenate([period.values[-rank - 1 :] for period in found]))
    return float(lowest[rank]) - margin, float(highest[-rank - 1]) + margin


def value_counts(found: list[Period], column: str) -> np.ndarray | None:
    """Return how often each value of a number occurs in each period, (periods, values); None for too many values.

    Readings are written on a grid, of tenths say, or of whole knots: another unit or another rounding leaves it.
    """
    values, codes = np.unique(np.concatenate([period.numbers[column].values for period in found]), return_inverse=True)
    if not 0 < len(values) <= _MOST_VALUES:
        return None
    ends = np.cumsum([len(period.numbers[column].values) for period in found])[:-1]
    return np.array([np.bincount(part, minlength=len(values)) for part in np.split(codes, ends)])


def _missing(period: Period, monitored: Monitored, clock: pd.Timestamp) -> Iterator[Number]:
    every = np.ones(len(period.rows), dtype=bool)
    due = every
    if monitored.late:
        due = (period.rows[monitored.late_after] + pd.Timedelta(hours=monitored.late_hours) <= clock).to_numpy()
    for column in monitored.columns:
        counted = due if column in monitored.late else every
        absent = period.rows[column].isna().to_numpy() & counted
        yield column, "missing", "", _ratio(period.blocks, _by_day(period, absent), _by_day(period, counted))


def _freshness(period: Period, monitored: Monitored) -> Iterator[Number]:
    at = period.rows[monitored.at]
    feeds = period.rows[monitored.feed].astype("str") if monitored.feed else pd.Series("", index=at.index)
    names = period.values.get(monitored.feed, sorted(feeds.dropna().unique())) if monitored.feed else [""]
    # The first period begins with its first record, at whatever hour that is.
    starts = at.iloc[0] if len(at) and period.starts > period.opens else period.starts
    for name in names:
        instants = at[feeds == name].to_numpy(dtype="datetime64[us]")
        ends = [edge.tz_convert(None).to_datetime64().astype("datetime64[us]") for edge in (starts, period.ends)]
        longest = float(np.diff(np.concatenate([ends[:1], instants, ends[1:]])).max() / _HOUR)
        yield monitored.feed, "longest gap", name, exactly(longest)
        if monitored.feed:
            once = (1 - period.rows["__repeat"].to_numpy(dtype="float64")) * (feeds == name).to_numpy()
            ones = np.ones(period.blocks.number)
            yield monitored.feed, "feed volume", name, _ratio(period.blocks, _by_day(period, once), ones)
        if monitored.hourly:
            _, rows = np.unique(instants.astype("datetime64[h]"), return_index=True)
            heard = np.bincount(period.blocks.codes[(feeds == name).to_numpy()][rows], minlength=period.blocks.number)
            owed = np.full(period.blocks.number, 24.0)
            yield monitored.feed, "silent", name, _ratio(period.blocks, owed - heard, owed)


def _by_day(period: Period, values: np.ndarray) -> np.ndarray:
    return np.bincount(period.blocks.codes, weights=values, minlength=period.blocks.number)


def _ratio(drawn: Blocks, numerator: np.ndarray, denominator: np.ndarray) -> Interval:
    return drawn.ratio_of_sums(numerator, denominator).interval(alike=False) if denominator.any() else NOTHING
