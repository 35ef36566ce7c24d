"""Which month of a table is unlike its other months, said only when the intervals say so.

The last month, which the candidate is judged on, is held against all months before it: those that it was trained on. A
month of training is held against the other months of training, those after it too. Months differ among themselves, by
season for one, so each number of the month (`monthly.describe`, `feeds.describe`, `relations`) is held against a
prediction interval for one more month, around the month before it or the mean of the two months beside it, plus and minus

- Student's t times the root mean square of the differences between successive months, with as many degrees of freedom
  as there are differences. A chart of individual values judges by successive differences too (NIST/SEMATECH e-Handbook
  of Statistical Methods, section 6.3.2.2), since a trend or a season does not blow them up as it does the spread
  around a mean; t makes it a prediction interval for few months (Hahn and Meeker 1991, "Statistical Intervals"). Between
  two months the reach is the root of 3/4 of that: exact where months differ by chance alone, and wider than needed where
  they drift. What the level leaves is divided among the kinds of numbers of the table, and each kind's part among its
  numbers (Bonferroni, weighted), so that a sound month of a table has any flag in at most 1 - level of all cases, if its
  changes are as normal as t assumes;
- half of the widest interval among the other months: a neighbour's value is itself only measured.

Shares of what may be rare (`_RATES`) are judged by their logs. A number is flagged when its own interval (days as
blocks) lies wholly outside that, and when it is farther from what it was in every one of the other months than the
smallest difference that matters. Three more things:

- shares farther outside the range than matters, of unseen values and of new ones ask what one month has that others have not. A month of
  the others is held against the rest of them, so that it is to them what the judged month is to all;
- a season hides a change of unit: degrees Celsius in summer are no colder than Fahrenheit in winter. So the jump of a
  median from the last week of the month before to the first week of the month is judged by the same jumps between
  all successive weeks of the other months: there are four times as many of them as of months, so t reaches less far;
- a number of a month of training that was flagged does not stand for the last month's past: it would hide faults there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from recommit.learning import feeds, relations
from recommit.learning.intervals import LEVEL, Interval, blocks
from recommit.learning.monthly import (
    Monitored,
    Month,
    What,
    describe,
    exactly,
    months,
    value_counts,
    outer,
    weekly_medians,
)

LEAST_MONTHS = 3  # with fewer there is one difference between months or none, and no telling how months differ
NUMBERS = ["table", "month", "column", "what", "of", "value", "low", "high"]
_UNJUDGED = ("low", "high")
_RELATIVE = ("outside", "unseen", "new values", "jump")
_RATES = ("changes", "times")
_CIRCLE_HOURS = 24
_BETWEEN = np.sqrt(3 / 4)


@dataclass(frozen=True)
class Smallest:
    """The smallest differences that matter: of a share, in hours without a record, and others.

    `shift` is how far a median or an offset moves, over the distance between the 5 % and 95 % quantiles of the other
    months; `rows` is of the rows a day, over those of the months beside it; `factor` is how many times more or less often
    something occurs; `slope` is of the slope of one feed on the others; `phase_hours` of the hour of a peak; `relation` of
    how well one column orders another, and of how volume goes with the label. `beyond` is how far outside the range of the
    other months a value must be to count, over that distance between quantiles.
    """

    share: float
    shift: float
    rows: float
    hours: float
    factor: float = 2.0
    slope: float = 0.2
    phase_hours: float = 0.5
    relation: float = 0.05
    beyond: float = 0.25


@dataclass(frozen=True)
class Flag:
    """One number of a month that the other months do not explain.

    `of` is the value of a category, the feed or the other column that the number belongs to; `low` to `high` is what the
    other months make credible; `checks` is how many numbers of the table were looked at in that month.
    """

    month: str
    table: str
    column: str
    what: What
    of: str
    found: Interval
    low: float
    high: float
    checks: int

    @property
    def about(self) -> str:
        """The flag's name, which is the same in each run: by it a line in `params.yaml` accepts what is known."""
        return " ".join(word for word in (self.table, self.month, self.column, self.what, self.of) if word)

    def as_dict(self) -> dict[str, Any]:
        """As evidence keeps it, to six decimals."""
        expected = {"low": round(self.low, 6), "high": round(self.high, 6)}
        place = {name: getattr(self, name) for name in ("month", "table", "column", "what", "of", "about")}
        return place | {"found": self.found.as_dict(), "expected": expected, "checks": self.checks}

    def __str__(self) -> str:
        where = ".".join(name for name in (self.table, self.column) if name)
        of = f" {self.of}" if self.of else ""
        return f"{self.month} {where}: {self.what}{of} is {self.found}, expected {self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True)
class Report:
    """Numbers of every month of a table (columns `NUMBERS`), flags, and the number of checks of each judged month.

    The numbers `outside`, `unseen`, `new values` and `jump` are against other months; a month with fewer than
    `LEAST_MONTHS` of them has none and is not judged.
    """

    numbers: pd.DataFrame
    flags: list[Flag]
    checks: dict[str, int]


def report(
    table: pd.DataFrame,
    monitored: Monitored,
    name: str,
    clock: pd.Timestamp,
    smallest: Smallest,
    seed: int,
    level: float = LEVEL,
    source: tuple[pd.DataFrame, Monitored] | None = None,
) -> Report:
    """Measure every month of a table up to the clock (UTC), and judge each by the others: see the module's first lines.

    `source` is the table that this one was made from row by row, and what is monitored of it. Raises ValueError as
    `monthly.months` does. A column without a value in a month has missing share 1 there and no quantile; what cannot
    be measured is not judged.
    """
    found = months(table, monitored, clock, seed)
    own = {month.name: _own(month, monitored, clock) for month in found}
    more = [relations.learned(found, monitored)]
    more += [relations.against_source(found, monitored, *source)] if source else []
    for numbers in more:
        for month, rows in numbers.items():
            own[month] |= {row[:3]: row[3] for row in rows}
    weeks = [{column: weekly_medians(month, column, seed) for column in month.numbers} for month in found]
    values = {column: value_counts(found, column) for column in monitored.numbers}
    measured = _Measured(found, own, weeks, values, smallest)
    rows = [(month, *key, i.value, i.low, i.high) for month, numbers in own.items() for key, i in numbers.items()]
    flags: list[Flag] = []
    checks = {}
    last = len(found) - 1
    for place in range(len(found)):
        others = [other for other in range(last) if other != place]
        if len(others) < LEAST_MONTHS:
            continue
        series = measured.series(place, others)
        checks[found[place].name] = len(series)
        if place == last:
            known = {(flag.month, (flag.column, flag.what, flag.of)) for flag in flags}
            series = {key: one.without({m for m, of in known if of == key}) for key, one in series.items()}
        flags += _flags(name, found[place].name, series, measured.least(series, others), level)
        fresh = [(key, series[key].judged) for key in series if key[1] in _RELATIVE]
        rows += [(found[place].name, *key, i.value, i.low, i.high) for key, i in fresh]
    numbers = pd.DataFrame([(name, *row) for row in rows], columns=NUMBERS)
    return Report(numbers.sort_values(["month", "column", "what", "of"], ignore_index=True), flags, checks)


def _own(month: Month, monitored: Monitored, clock: pd.Timestamp) -> dict["Key", Interval]:
    parts = (describe(month, monitored, clock), feeds.describe(month, monitored), relations.describe(month, monitored))
    return {row[:3]: row[3] for part in parts for row in part}


def without_months(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The missing share of each column of tables whose rows have no instant: columns table, column, rows, missing."""
    rows = [
        (name, column, len(table), float(table[column].isna().mean()))
        for name, table in tables.items()
        for column in table
    ]
    return pd.DataFrame(rows, columns=["table", "column", "rows", "missing"])


def share_by_month(happened: pd.Series, at: pd.Series, seed: int) -> dict[str, Interval]:
    """The share of rows for which `happened` is true in each month (UTC) of `at`, with days as blocks."""
    shares = {}
    for month, rows in happened.groupby(at.dt.strftime("%Y-%m")):
        days = at[rows.index].dt.strftime("%d")
        shares[str(month)] = blocks(days, seed).ratio(rows.to_numpy(dtype="float64")).interval()
    return shares


def evidence(reports: Mapping[str, Report], judged: str, level: float) -> dict[str, Any]:
    """What the gate and the report read, of `report` for each table: flags of every month, checks, rows a day.

    `judged` is the month before the clock, like 2013-08, and `checked` how many numbers of it were looked at, in all.
    """
    flags = [flag for one in reports.values() for flag in one.flags]
    checks = [
        {"table": name, "month": month, "checks": number, "flags": sum(flag.month == month for flag in one.flags)}
        for name, one in reports.items()
        for month, number in one.checks.items()
    ]
    volume = [
        {"table": name, "month": row["month"], "rows_a_day": _interval(row).as_dict()}
        for name, one in reports.items()
        for row in one.numbers[one.numbers["what"] == "volume"].to_dict("records")
    ]
    return {
        "judged": judged,
        "checked": sum(one.checks.get(judged, 0) for one in reports.values()),
        "level": level,
        "flags": [flag.as_dict() for flag in flags],
        "checks": checks,
        "volume": volume,
    }


def table_of(flags: list[Flag]) -> pd.DataFrame:
    """Flags for reading: a row a flag, columns month, where, what, found, expected, of checks."""
    rows = [
        (
            flag.month,
            ".".join(name for name in (flag.table, flag.column) if name),
            f"{flag.what} {flag.of}".strip(),
            str(flag.found),
            f"{flag.low:.3f} to {flag.high:.3f}",
            flag.checks,
        )
        for flag in flags
    ]
    return pd.DataFrame(rows, columns=["month", "where", "what", "found", "expected", "of checks"])


def excerpt(numbers: pd.DataFrame, month: str, whats: tuple[What, ...]) -> pd.DataFrame:
    """Some numbers of a month for reading: columns where, what, found, the latter as text with its interval."""
    rows = [
        (f"{row['table']}.{row['column']}".strip("."), f"{row['what']} {row['of']}".strip(), str(_interval(row)))
        for row in numbers[(numbers["month"] == month) & numbers["what"].isin(whats)].to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["where", "what", "found"])


def _interval(row: Mapping[Any, Any]) -> Interval:
    return Interval(row["value"], row["low"], row["high"])


Key = tuple[str, What, str]


@dataclass(frozen=True)
class Series:
    """One number of the judged month, and of the months before and after it that it is held against, oldest first.

    `names` are of the months of `before` and `after`; a series of steps from week to week has none, and no `after`.
    """

    judged: Interval
    before: list[Interval]
    after: list[Interval]
    names: tuple[str, ...] = ()

    @property
    def others(self) -> list[Interval]:
        """All but the judged month."""
        return self.before + self.after

    def without(self, months: set[str]) -> "Series":
        """The series without the months named."""
        if not months or not self.names:
            return self
        left = [name not in months for name in self.names]
        parts = (self.before, left[: len(self.before)]), (self.after, left[len(self.before) :])
        before, after = ([i for i, stays in zip(part, stay, strict=True) if stays] for part, stay in parts)
        return Series(self.judged, before, after, tuple(name for name in self.names if name not in months))


@dataclass(frozen=True)
class _Measured:
    """The months of a table, the numbers that each has by itself, and what numbers against other months are made of."""

    found: list[Month]
    own: dict[str, dict[Key, Interval]]
    weeks: list[dict[str, list[Interval]]]
    values: dict[str, np.ndarray | None]
    smallest: Smallest

    def series(self, place: int, others: list[int]) -> dict[Key, Series]:
        """Every number that the month at a place is judged by, with the same of the months it is held against."""
        numbers = dict(self._by_itself(place, others)) | dict(self._against_others(place, others))
        before = sum(other < place for other in others)
        names = tuple(self.found[other].name for other in others)
        series = {}
        for key, (judged, past) in numbers.items():
            if key[1] == "phase":
                judged, *past = _unrolled([judged, *past])
            series[key] = Series(judged, past[:before], past[before:], names)
        return series | dict(self._jumps(place, others))

    def _by_itself(self, place: int, others: list[int]) -> Iterator[tuple[Key, tuple[Interval, list[Interval]]]]:
        """What was measured in each month alone. New values of a category are for `unseen` to find."""
        judged = self.found[place]
        seen = {column: [self.found[other].seen(column) for other in others] for column in judged.categories}
        for key, number in self.own[judged.name].items():
            column, what, of = key
            if what in _UNJUDGED or (what in ("share", "times") and of not in set.union(*seen[column])):
                continue
            # A feed that was silent for a whole month was not yet, or no longer, there.
            if what in ("silent", "longest gap", "feed volume") and of and of not in set.intersection(*seen[column]):
                continue
            past = [self.own[self.found[other].name].get(key, exactly(np.nan)) for other in others]
            # What is rare comes and goes honestly, a route of one flight a week say.
            if what == "times" and not max(other.value for other in past) >= self.smallest.share:
                continue
            yield key, (number, past)

    def _against_others(self, place: int, others: list[int]) -> Iterator[tuple[Key, tuple[Interval, list[Interval]]]]:
        """Of each other month what the rest of them have not, of the judged month what none of them has."""
        groups = [(self.found[i], [self.found[other] for other in others if other != i]) for i in (place, *others)]
        for column in self.found[place].numbers:
            margin = self.smallest.beyond * self._spread(column, others)
            bounds = [outer([other.numbers[column] for other in rest], margin) for _, rest in groups]
            if all(np.isfinite(bound).all() for bound in bounds):
                judged, *past = (m.outside(column, bound) for (m, _), bound in zip(groups, bounds, strict=True))
                yield (column, "outside", ""), (judged, past)
            if (counts := self.values[column]) is not None:
                shares = [_new(counts, i, [other for other in others if other != i]) for i in (place, *others)]
                yield (column, "new values", ""), (shares[0], shares[1:])
        for column in self.found[place].categories:
            seen = [set.union(*(other.seen(column) for other in rest)) for _, rest in groups]
            judged, *past = (m.unseen(column, values) for (m, _), values in zip(groups, seen, strict=True))
            yield (column, "unseen", ""), (judged, past)

    def _jumps(self, place: int, others: list[int]) -> Iterator[tuple[Key, Series]]:
        """The step into the judged month, or out of the first, beside the steps from week to week of the others."""
        for column, weeks in self.weeks[place].items():
            steps = []
            for other in others:
                known = self.weeks[other][column]
                if other > 0 and place not in (other, other - 1):
                    known = self.weeks[other - 1][column][-1:] + known
                steps += [_difference(after, before) for before, after in pairwise(known)]
            beside = self.weeks[place - 1 if place else 1][column]
            ends = (beside[-1:], weeks[:1]) if place else (weeks[-1:], beside[:1])
            if all(ends):
                yield (column, "jump", ""), Series(_difference(ends[1][0], ends[0][0]), steps, [])

    def _spread(self, column: str, others: list[int]) -> float:
        """The distance between the lowest 5 % and the highest 95 % quantile of a column in the other months."""
        ends = [self.own[self.found[i].name][column, end, ""].value for i in others for end in ("low", "high")]
        known = [end for end in ends if np.isfinite(end)]
        return max(known) - min(known) if known else 0.0

    def least(self, series: Mapping[Key, Series], others: list[int]) -> dict[Key, float]:
        """The smallest difference that matters, in the unit of each number; of what is judged by its log, of the log."""
        least = {}
        smallest = self.smallest
        for key, one in series.items():
            column, what, _ = key
            if what in ("median", "jump", "offset"):
                least[key] = smallest.shift * self._spread(column, others)
            elif what in ("volume", "feed volume"):
                beside = [*one.before[-1:], *one.after[:1]]
                least[key] = smallest.rows * float(np.mean([number.value for number in beside]))
            else:
                least[key] = _LEAST.get(what, lambda of: of.share)(smallest)
        return least


_LEAST = {
    "longest gap": lambda of: of.hours,
    "changes": lambda of: float(np.log(of.factor)),
    "times": lambda of: float(np.log(of.factor)),
    "slope": lambda of: of.slope,
    "phase": lambda of: of.phase_hours,
    "lag": lambda of: of.phase_hours,
    **dict.fromkeys(("relation", "rows by label", "discrimination", "gap"), lambda of: of.relation),
}


def _new(counts: np.ndarray, month: int, others: Sequence[int]) -> Interval:
    """The share of a month's values that do not occur in the others."""
    total = counts[month].sum()
    new = counts[month][counts[list(others)].sum(axis=0) == 0].sum()
    return exactly(new / total if total else np.nan)


def _unrolled(hours: list[Interval]) -> list[Interval]:
    """Hours of the day as near to the first known one as the circle allows: 23.5 and 0.5 are an hour apart."""
    known = [hour.value for hour in hours if np.isfinite(hour.value)]
    near = known[len(known) // 2] if known else 0.0
    half = _CIRCLE_HOURS / 2
    return [exactly(near + (hour.value - near + half) % _CIRCLE_HOURS - half) for hour in hours]


def _difference(after: Interval, before: Interval) -> Interval:
    """The interval of a difference from those of two independent numbers (Zou and Donner 2008: recovered variances)."""
    value = after.value - before.value
    low = value - np.hypot(after.value - after.low, before.high - before.value)
    high = value + np.hypot(after.high - after.value, before.value - before.low)
    return Interval(value, float(low), float(high), after.level)


def _flags(table: str, month: str, series: dict[Key, Series], least: dict[Key, float], level: float) -> Iterator[Flag]:
    kinds: dict[str, int] = {}
    for _, what, _ in series:
        kinds[what] = kinds.get(what, 0) + 1
    for key, one in series.items():
        rate = key[1] in _RATES
        found, *others = (_logged(i) if rate else i for i in (one.judged, *one.others))
        before = [number for number in others[: len(one.before)] if np.isfinite(number.value)]
        after = [number for number in others[len(one.before) :] if np.isfinite(number.value)]
        if len(before) + len(after) < LEAST_MONTHS or not np.isfinite(found.value):
            continue
        share = len(kinds) * kinds[key[1]]
        low, high = credible(before, level, share, after, steps=key[1] == "jump")
        values = [number.value for number in before + after]
        nearest = max(min(values) - found.value, found.value - max(values))
        if (found.low > high or found.high < low) and nearest > least[key]:
            ends = (float(np.exp(low)), float(np.exp(high))) if rate else (low, high)
            yield Flag(month, table, *key, one.judged, *ends, len(series))


def _logged(share: Interval) -> Interval:
    return Interval(*(float(np.log(end)) for end in (share.value, share.low, share.high)))


def credible(
    before: Sequence[Interval],
    level: float,
    checks: int,
    after: Sequence[Interval] = (),
    steps: bool = False,
) -> tuple[float, float]:
    """What other months' numbers, oldest first, make credible for the one between `before` and `after`.

    See the module's first lines. With `checks` numbers looked at, all of them hold together with probability `level` or
    more. With `steps`, the numbers are themselves changes from one period to the next. Raises ValueError for fewer than
    `LEAST_MONTHS`.
    """
    others = [*before, *after]
    if len(others) < LEAST_MONTHS:
        raise ValueError(f"how periods differ takes {LEAST_MONTHS} of them or more to tell, not {len(others)}")
    values = np.array([interval.value for interval in others])
    beside = [interval.value for interval in (*before[-1:], *after[:1])]
    centre, change = (0.0, values) if steps else (np.mean(beside), np.diff(values))
    reach = stats.t.ppf(1 - (1 - level) / (2 * checks), len(change)) * np.sqrt(np.mean(change**2))
    reach *= _BETWEEN if len(beside) == 2 and not steps else 1
    reach += max(interval.high - interval.low for interval in others) / 2
    return float(centre - reach), float(centre + reach)
