"""Which month of a table is unlike the months before it, said only when the intervals say so.

A month is judged against the months before it, those that would have been trained on. They differ among themselves, by
season for one, so each number of the month (`monthly.describe`) is held against a prediction interval for one more
month: the last month's value, plus and minus

- Student's t times the root mean square of the differences between successive months, with as many degrees of freedom
  as there are differences. A chart of individual values judges by successive differences too (NIST/SEMATECH e-Handbook
  of Statistical Methods, section 6.3.2.2), since a trend or a season does not blow them up as it does the spread
  around a mean; t makes it a prediction interval for few months (Hahn and Meeker 1991, "Statistical Intervals"). What
  the level leaves is divided by the number of checks of the table in that month (Bonferroni), so that a sound month of
  a table has any flag in at most 1 - level of all cases, if its changes are as normal as t assumes;
- half of the widest interval among the earlier months: the last month's value is itself only measured.

A number is flagged when its own interval (days as blocks) lies wholly outside that, and when it is farther from what it
was in every one of the earlier months than the smallest difference that matters. Two kinds of numbers need more:

- shares outside the range and shares of unseen values ask what one month has that others have not. An earlier month is
  held against the other earlier ones, so that it is to them what the judged month is to all;
- a season hides a change of unit: degrees Celsius in summer are no colder than Fahrenheit in winter. So the jump of a
  median from the last week of the month before to the first week of the month is judged by the same jumps between
  all successive weeks of the earlier months: there are four times as many of them as of months, so t reaches less far.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from recommit.learning.intervals import LEVEL, Interval, blocks
from recommit.learning.monthly import Monitored, Month, What, describe, months, outer, weekly_medians

LEAST_MONTHS = 3  # with fewer there is one difference between months or none, and no telling how months differ
NUMBERS = ["table", "month", "column", "what", "of", "value", "low", "high"]
_UNJUDGED = ("low", "high")
_RELATIVE = ("outside", "unseen", "jump")


@dataclass(frozen=True)
class Smallest:
    """The smallest differences that matter: of a share, in hours without a record, and two relative ones.

    `shift` is how far a median moves, over the distance between the 5 % and 95 % quantiles of the earlier months;
    `rows` is of the rows a day, over those of the month before.
    """

    share: float
    shift: float
    rows: float
    hours: float


@dataclass(frozen=True)
class Flag:
    """One number of a month that the earlier months do not explain.

    `of` is the value of a category, or the feed, that the number belongs to; `low` to `high` is what the earlier
    months make credible; `checks` is how many numbers of the table were looked at in that month.
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

    def as_dict(self) -> dict[str, Any]:
        """As evidence keeps it, to six decimals."""
        expected = {"low": round(self.low, 6), "high": round(self.high, 6)}
        place = {name: getattr(self, name) for name in ("month", "table", "column", "what", "of")}
        return place | {"found": self.found.as_dict(), "expected": expected, "checks": self.checks}

    def __str__(self) -> str:
        where = ".".join(name for name in (self.table, self.column) if name)
        of = f" {self.of}" if self.of else ""
        return f"{self.month} {where}: {self.what}{of} is {self.found}, expected {self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True)
class Report:
    """Numbers of every month of a table (columns `NUMBERS`), flags, and the number of checks of each judged month.

    The numbers `outside`, `unseen` and `jump` are against the months before; the first months, with too few before
    them, have none and are not judged.
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
) -> Report:
    """Measure every month of a table up to the clock (UTC), and judge each by the months before it.

    Raises ValueError as `monthly.months` does. A column without a value in a month has missing share 1 there and no
    quantile; what cannot be measured is not judged.
    """
    found = months(table, monitored, clock, seed)
    own = {month.name: {row[:3]: row[3] for row in describe(month, monitored, clock)} for month in found}
    weeks = [{column: weekly_medians(month, column, seed) for column in month.numbers} for month in found]
    rows = [(month, *key, i.value, i.low, i.high) for month, numbers in own.items() for key, i in numbers.items()]
    flags: list[Flag] = []
    checks = {}
    for place in range(LEAST_MONTHS, len(found)):
        judged, past = found[place], found[:place]
        series = _series(own, past, judged) | dict(_against_others(past, judged)) | dict(_jumps(weeks[: place + 1]))
        checks[judged.name] = len(series)
        flags += _flags(name, judged.name, series, _least(own, past, series, smallest), level)
        fresh = [(key, series[key][-1]) for key in series if key[1] in _RELATIVE]
        rows += [(judged.name, *key, i.value, i.low, i.high) for key, i in fresh]
    numbers = pd.DataFrame([(name, *row) for row in rows], columns=NUMBERS)
    return Report(numbers.sort_values(["month", "column", "what", "of"], ignore_index=True), flags, checks)


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


def _series(own: dict[str, dict[Key, Interval]], past: list[Month], judged: Month) -> dict[Key, list[Interval]]:
    """What was measured in each month by itself, the judged one last. New values are for `unseen` to find."""
    seen = {column: [month.seen(column) for month in past] for column in judged.categories}
    series = {}
    for key in own[judged.name]:
        column, what, of = key
        if what in _UNJUDGED or (what == "share" and of not in set.union(*seen[column])):
            continue
        # A feed that was silent for a whole month was not yet, or no longer, there.
        if what in ("silent", "longest gap") and of and of not in set.intersection(*seen[column]):
            continue
        series[key] = [own[month.name][key] for month in (*past, judged)]
    return series


def _against_others(past: list[Month], judged: Month) -> Iterator[tuple[Key, list[Interval]]]:
    """Of each earlier month what the other earlier ones have not, of the judged month what none of them has."""
    groups = [(month, [other for other in past if other is not month]) for month in (*past, judged)]
    for column in judged.numbers:
        bounds = [outer([other.numbers[column] for other in others]) for _, others in groups]
        if all(np.isfinite(bound).all() for bound in bounds):
            pairs = zip(groups, bounds, strict=True)
            yield (column, "outside", ""), [month.outside(column, bound) for (month, _), bound in pairs]
    for column in judged.categories:
        seen = [set.union(*(other.seen(column) for other in others)) for _, others in groups]
        known = zip(groups, seen, strict=True)
        yield (column, "unseen", ""), [month.unseen(column, values) for (month, _), values in known]


def _jumps(weeks: list[dict[str, list[Interval]]]) -> Iterator[tuple[Key, list[Interval]]]:
    """From week to week of the earlier months, and last from those to the first week of the judged one, the last."""
    for column, judged in weeks[-1].items():
        medians = [week for month in weeks[:-1] for week in month[column]] + judged[:1]
        yield (column, "jump", ""), [_difference(after, before) for before, after in pairwise(medians)]


def _difference(after: Interval, before: Interval) -> Interval:
    """The interval of a difference from those of two independent numbers (Zou and Donner 2008: recovered variances)."""
    value = after.value - before.value
    low = value - np.hypot(after.value - after.low, before.high - before.value)
    high = value + np.hypot(after.high - after.value, before.value - before.low)
    return Interval(value, float(low), float(high), after.level)


def _least(
    own: dict[str, dict[Key, Interval]], past: list[Month], keys: Mapping[Key, object], smallest: Smallest
) -> dict[Key, float]:
    """The smallest difference that matters, in the unit of each number."""
    least = {}
    for key in keys:
        column, what, _ = key
        if what in ("median", "jump"):
            ends = [own[month.name][column, end, ""].value for month in past for end in ("low", "high")]
            known = [end for end in ends if np.isfinite(end)]
            least[key] = smallest.shift * (max(known) - min(known)) if known else 0.0
        elif what == "volume":
            least[key] = smallest.rows * own[past[-1].name][key].value
        else:
            least[key] = smallest.hours if what == "longest gap" else smallest.share
    return least


def _flags(
    table: str, month: str, series: dict[Key, list[Interval]], least: dict[Key, float], level: float
) -> Iterator[Flag]:
    for key, (*past, found) in series.items():
        known = [interval for interval in past if np.isfinite(interval.value)]
        if len(known) < LEAST_MONTHS or not np.isfinite(found.value):
            continue
        low, high = credible(known, level, len(series), steps=key[1] == "jump")
        values = [interval.value for interval in known]
        nearest = max(min(values) - found.value, found.value - max(values))
        if (found.low > high or found.high < low) and nearest > least[key]:
            yield Flag(month, table, *key, found, low, high, len(series))


def credible(past: list[Interval], level: float, checks: int, steps: bool = False) -> tuple[float, float]:
    """What earlier numbers, oldest first, make credible for one more; see the module's first lines.

    With `checks` numbers looked at, all of them hold together with probability `level` or more. With `steps`, the
    numbers are themselves changes from one period to the next. Raises ValueError for fewer than `LEAST_MONTHS`.
    """
    if len(past) < LEAST_MONTHS:
        raise ValueError(f"how periods differ takes {LEAST_MONTHS} of them or more to tell, not {len(past)}")
    values = np.array([interval.value for interval in past])
    centre, change = (0.0, values) if steps else (values[-1], np.diff(values))
    reach = stats.t.ppf(1 - (1 - level) / (2 * checks), len(change)) * np.sqrt(np.mean(change**2))
    reach += max(interval.high - interval.low for interval in past) / 2
    return float(centre - reach), float(centre + reach)
