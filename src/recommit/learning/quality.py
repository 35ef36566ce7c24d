"""Flag the periods of a table that differ from its other periods by more than the intervals explain.

The last period, which the candidate is judged on, is held against all periods before it: those that it was trained on.
A period of training is held against the other periods of training, those after it too. Periods differ among themselves,
by season for one, so each number of the period (`periods.describe`, `feeds.describe`, `relations`) is held against a
prediction interval for one more period: around the period before it, or the mean of the two beside it, plus and minus

- Student's t times the root mean square of the differences between successive periods, with as many degrees of freedom
  as there are differences. A chart of individual values judges by successive differences too (NIST/SEMATECH e-Handbook
  of Statistical Methods, section 6.3.2.2), since a trend or a season does not blow them up as it does the spread around
  a mean; t makes it a prediction interval for few periods (Hahn and Meeker 1991, "Statistical Intervals"). Between two
  periods the reach is the root of 3/4 of that, the ratio where periods differ by chance alone, and wider than needed
  where they drift. Where they do not drift, differences overlap and the interval holds slightly less often than it
  says: the tests measure both. What the level leaves is divided among the kinds of numbers of the table, and the part
  of each kind among its numbers (Bonferroni, weighted), so that a sound period of a table has any flag in at most 1 -
  level of all cases, if its changes are as normal as t assumes;
- half of the widest interval among the other periods: a neighbour's value is itself only measured.

Shares of what may be rare (`_RATES`) are judged by their logs. A number is flagged when its own interval (days as
independent blocks) lies wholly outside that, and when it is farther from what it was in every one of the other periods
than the smallest difference that matters. Three more things:

- shares farther outside the range than matters, of unseen values and of new ones ask what one period has that others
  have not. A period of the others is held against the rest of them, so that it is to them what the judged period is to
  all;
- a season hides a change of unit: degrees Celsius in summer are no colder than Fahrenheit in winter. So the jump of a
  median from the last week of the period before to the first week of the period is judged by the same jumps between
  all successive weeks of the other periods: there are four times as many of them as of periods, so t reaches less far;
- a number of a period of training that was flagged does not stand for the last period's past: it would hide faults
  there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from recommit.evidence.numbers import LEVEL, Interval
from recommit.evidence.stages import Checks, Flag, Label, Missing, Quality, Volume
from recommit.learning import feeds, relations
from recommit.learning.calendar import Calendar
from recommit.learning.intervals import blocks
from recommit.learning.periods import Monitored, Number, Period, What, describe, periods, value_counts, weekly_medians
from recommit.learning.reference import RELATIVE, Key, Measured, Series, Smallest
from recommit.learning.split import Splitter
from recommit.problem import Problem

LEAST_PERIODS = 3  # with fewer there is at most one difference between periods, too few to tell how periods differ
NUMBERS = ["table", "period", "column", "what", "of", "value", "low", "high"]
_RATES = ("changes", "times")
_BETWEEN = np.sqrt(3 / 4)


@dataclass(frozen=True)
class Report:
    """What `report` found of a table: numbers of every period (columns `NUMBERS`), flags, and checks per judged period.

    The numbers `outside`, `unseen`, `new values` and `jump` are against other periods; a period with fewer than
    `LEAST_PERIODS` of them has none and is not judged.
    """

    numbers: pd.DataFrame
    flags: list[Flag]
    checks: dict[str, int]


def report(
    table: pd.DataFrame,
    monitored: Monitored,
    name: str,
    calendar: Calendar,
    clock: pd.Timestamp,
    smallest: Smallest,
    seed: int,
    level: float = LEVEL,
    source: tuple[pd.DataFrame, Monitored] | None = None,
) -> Report:
    """Measure every period of a table up to `clock`, and judge each by the others: see the module's docstring.

    `source` is the table that this one was made from row by row, and what is monitored of it. Raises ValueError as
    `periods.periods` does. A column without a value in a period has missing share 1 there and no quantile; what cannot
    be measured is not judged.
    """
    found = periods(table, monitored, calendar, clock, seed)
    own = {period.name: _own(period, monitored, clock) for period in found}
    more = [relations.learned(found, monitored)]
    more += [relations.against_source(found, monitored, *source)] if source else []
    for by_period in more:
        for period, added in by_period.items():
            own[period] |= _by_key(added)
    weeks = [{column: weekly_medians(period, column, seed) for column in period.numbers} for period in found]
    values = {column: value_counts(found, column) for column in monitored.numbers}
    measured = Measured(found, own, weeks, values, smallest)
    rows = [(period, *key, i.value, i.low, i.high) for period, numbers in own.items() for key, i in numbers.items()]
    flags: list[Flag] = []
    checks = {}
    last = len(found) - 1
    for place in range(len(found)):
        others = [other for other in range(last) if other != place]
        if len(others) < LEAST_PERIODS:
            continue
        series = measured.series(place, others)
        checks[found[place].name] = len(series)
        if place == last:
            series = _cleared(series, flags, found[place - 1].name)
        flags += _flags(name, found[place].name, series, measured.least(series, others), level)
        fresh = [(key, series[key].judged) for key in series if key[1] in RELATIVE]
        rows += [(found[place].name, *key, i.value, i.low, i.high) for key, i in fresh]
    numbers = pd.DataFrame([(name, *row) for row in rows], columns=NUMBERS)
    return Report(numbers.sort_values(["period", "column", "what", "of"], ignore_index=True), flags, checks)


def _cleared(series: dict[Key, Series], flags: list[Flag], before: str) -> dict[Key, Series]:
    """The series without the numbers that were flagged, and without the step out of a flagged period into the next."""
    known = {(flag.period, (flag.column, flag.what, flag.of)) for flag in flags}
    stepped = {(flag.column, "jump", "") for flag in flags if flag.period == before}
    return {
        key: one.without({period for period, of in known if of == key})
        for key, one in series.items()
        if key not in stepped
    }


def reports(
    tables: Mapping[str, pd.DataFrame],
    monitored: Mapping[str, Monitored],
    calendar: Calendar,
    clock: pd.Timestamp,
    smallest: Smallest,
    seed: int,
    level: float = LEVEL,
    owed: Mapping[str, pd.DataFrame] | None = None,
) -> dict[str, Report]:
    """Return the `report` of each monitored table by name. A derived table is compared with its source as well.

    `owed` holds, by a source's name, those of its rows that must be in a derived table; by default all of them.
    """
    found, sources = {}, {**tables, **(owed or {})}
    for name, what in monitored.items():
        source = (sources[what.made_from], monitored[what.made_from]) if what.made_from else None
        found[name] = report(tables[name], what, name, calendar, clock, smallest, seed, level, source)
    return found


def _own(period: Period, monitored: Monitored, clock: pd.Timestamp) -> dict[Key, Interval]:
    parts = (
        describe(period, monitored, clock),
        feeds.describe(period, monitored),
        relations.describe(period, monitored),
    )
    return _by_key(number for part in parts for number in part)


def _by_key(numbers: Iterable[Number]) -> dict[Key, Interval]:
    return {(column, what, of): interval for column, what, of, interval in numbers}


def without_time(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per column of tables without an instant: table, column, rows, and the share that is missing."""
    rows = [
        (name, column, len(table), float(table[column].isna().mean()))
        for name, table in tables.items()
        for column in table
    ]
    return pd.DataFrame(rows, columns=["table", "column", "rows", "missing"])


def tracked(problem: Problem, table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with the target, where it has it, as `Task.tracked` gives it."""
    target = problem.target
    return table.assign(**{target: problem.task.tracked(table[target])}) if target in table else table


def owed(problem: Problem, splits: Splitter, rows: pd.DataFrame) -> pd.DataFrame:
    """Return those of `rows`, as known at the clock, that are learned from or judged on: their label came in time.

    Where rows themselves do not say when a prediction is asked for, these are all rows.
    """
    if not {problem.instant, problem.known} <= {*rows}:
        return rows
    split = splits.test(rows[rows[problem.target].notna()])
    return pd.concat([split.train, split.test])


def mean_by_period(counted: pd.Series, at: pd.Series, calendar: Calendar, seed: int) -> dict[str, Interval]:
    """Return the mean of `counted`, numbers or whether it came true, by the calendar's period of `at`, days as blocks.

    It is the mean of `Task.counted`, which `Task.words` names.
    """
    means = {}
    for period, rows in counted.groupby(calendar.names(at)):
        days = calendar.local(at[rows.index]).dt.date
        means[str(period)] = blocks(days, seed).ratio(rows.to_numpy(dtype="float64")).interval()
    return means


def evidence(
    reports: Mapping[str, Report],
    judged: str,
    until: pd.Timestamp,
    level: float,
    label: Mapping[str, Interval],
    without: pd.DataFrame,
) -> Quality:
    """Return the evidence of `reports`, one report per table: flags of every period, checks, rows per day.

    `judged` is the period before the clock, `until`, like 2013-08; `label` is what `mean_by_period` gives of the
    label, and `without` what `without_time` gives of the other tables.
    """
    unjudged = {name: sorted(set(one.numbers["period"]) - set(one.checks)) for name, one in reports.items()}
    return Quality(
        judged=judged,
        until=until,
        checked=sum(one.checks.get(judged, 0) for one in reports.values()),
        level=level,
        flags=tuple(flag for one in reports.values() for flag in one.flags),
        checks=tuple(
            Checks(name, period, number, sum(flag.period == period for flag in one.flags))
            for name, one in reports.items()
            for period, number in one.checks.items()
        ),
        unjudged={name: tuple(periods) for name, periods in unjudged.items() if periods},
        volume=tuple(
            Volume(name, row["period"], _interval(row))
            for name, one in reports.items()
            for row in one.numbers[one.numbers["what"] == "volume"].to_dict("records")
        ),
        label=tuple(Label(period, mean) for period, mean in label.items()),
        without_time=tuple(Missing(*row) for row in without.itertuples(index=False)),
    )


def table_of(flags: list[Flag]) -> pd.DataFrame:
    """Return one row per flag: period, where, what, found, expected, of checks."""
    rows = [
        (
            flag.period,
            ".".join(name for name in (flag.table, flag.column) if name),
            f"{flag.what} {flag.of}".strip(),
            str(flag.found),
            f"{flag.low:.3f} to {flag.high:.3f}",
            flag.checks,
        )
        for flag in flags
    ]
    return pd.DataFrame(rows, columns=["period", "where", "what", "found", "expected", "of checks"])


def by_period(numbers: pd.DataFrame, whats: tuple[What, ...]) -> pd.DataFrame:
    """Return the numbers called `whats` of all periods: a row per number, a column per period, to three decimals."""
    chosen = numbers[numbers["what"].isin(whats)]
    names = [" ".join(filter(None, row)) for row in chosen[["table", "column", "what", "of"]].itertuples(index=False)]
    return chosen.assign(number=names).pivot(index="number", columns="period", values="value").round(3)


def excerpt(numbers: pd.DataFrame, period: str, whats: tuple[What, ...]) -> pd.DataFrame:
    """Return the numbers called `whats` of one period: where, what, and what was found as text with its interval."""
    rows = [
        (f"{row['table']}.{row['column']}".strip("."), f"{row['what']} {row['of']}".strip(), str(_interval(row)))
        for row in numbers[(numbers["period"] == period) & numbers["what"].isin(whats)].to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["where", "what", "found"])


def _interval(row: Mapping[Any, Any]) -> Interval:
    return Interval(row["value"], row["low"], row["high"])


def _flags(table: str, period: str, series: dict[Key, Series], least: dict[Key, float], level: float) -> Iterator[Flag]:
    kinds: dict[str, int] = {}
    for _, what, _ in series:
        kinds[what] = kinds.get(what, 0) + 1
    for key, one in series.items():
        rate = key[1] in _RATES
        found, *others = (_logged(i) if rate else i for i in (one.judged, *one.others))
        before = [number for number in others[: len(one.before)] if np.isfinite(number.value)]
        after = [number for number in others[len(one.before) :] if np.isfinite(number.value)]
        if len(before) + len(after) < LEAST_PERIODS or not np.isfinite(found.value):
            continue
        share = len(kinds) * kinds[key[1]]
        low, high = credible(before, level, share, after, steps=key[1] == "jump")
        values = [number.value for number in before + after]
        nearest = max(min(values) - found.value, found.value - max(values))
        if (found.low > high or found.high < low) and nearest > least[key]:
            ends = (float(np.exp(low)), float(np.exp(high))) if rate else (low, high)
            yield Flag(period, table, *key, one.judged, *ends, len(series))


def _logged(share: Interval) -> Interval:
    return Interval(*(float(np.log(end)) for end in (share.value, share.low, share.high)))


def credible(
    before: Sequence[Interval],
    level: float,
    checks: int,
    after: Sequence[Interval] = (),
    steps: bool = False,
) -> tuple[float, float]:
    """Return the prediction interval, (low, high), that other periods give for the one between `before` and `after`.

    See the module's first lines. With `checks` numbers looked at, all of them hold together with probability `level` or
    more. With `steps`, the numbers are themselves changes from one period to the next. Raises ValueError for fewer than
    `LEAST_PERIODS`.
    """
    others = [*before, *after]
    if len(others) < LEAST_PERIODS:
        raise ValueError(
            f"{LEAST_PERIODS} periods or more are needed to tell how periods differ, there are {len(others)}"
        )
    values = np.array([interval.value for interval in others])
    beside = [interval.value for interval in (*before[-1:], *after[:1])]
    centre, change = (0.0, values) if steps else (np.mean(beside), np.diff(values))
    reach = stats.t.ppf(1 - (1 - level) / (2 * checks), len(change)) * np.sqrt(np.mean(change**2))
    reach *= _BETWEEN if len(beside) == 2 and not steps else 1
    reach += max(interval.high - interval.low for interval in others) / 2
    return float(centre - reach), float(centre + reach)
