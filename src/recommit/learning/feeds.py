"""What a period's feeds say of one another, of the hour of the day and of standing still: one number each.

A fault of one feed is seen beside its neighbours, whatever the season: their weather is its weather. A fault of all of
them at once is seen by what the readings follow (the sun, the clock) or no longer do (change). These numbers have no
interval of their own (`exactly`): how they differ from period to period, sampling included, is what they are judged by.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from recommit.learning.periods import Monitored, Number, Period, exactly

LEAST_READINGS = 24  # fewer do not tell whether two feeds agree, or whether one stands still
_LEAST_DISTINCT = 5  # of a day's readings: days of fair weather are alike without being copies
_DAY_HOURS = 24
_LAG = 8
_ALIKE = 0.6  # with a lower correlation, as of showers, the lag of the peak is chance
_LAGS = range(-_LAG, _LAG + 1)
_DAY = 24 * 3600 * 1_000_000  # microseconds


def describe(period: Period, monitored: Monitored) -> Iterator[Number]:
    """Every number of a period about feeds and hours.

    - changes: of each number, the share of a feed's readings that are not the one before, none counted as one;
    - times: of each value of a category, its share, none counted as one; days: the share of the days that have it;
    - offset: the median of a feed's reading less the median of the others' at the same instant, in the column's unit;
    - slope: of the least-squares line of a feed's readings on the others' median;
    - lag: the hours by which a feed's readings must be moved to go best with the others' median (cross-correlation),
      from -8 to 8: above 0, what the feed says comes later than the others. Said only where they go together well;
    - copied: the share of a feed's days whose readings are, one by one, those of another feed or of an earlier day;
    - phase: the hour of the day (0 to 24, UTC) at which a reading peaks, or at which, by the clock of
      `monitored.rows_follow`, most rows are: of the first harmonic of 24 hours (Bloomfield 2000, chapter 2).
    """
    rows = period.rows[~period.rows["__repeat"]]
    feeds = rows[monitored.feed].astype("str").to_numpy() if monitored.feed else np.full(len(rows), "")
    names, codes = np.unique(feeds, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    for column in monitored.numbers:
        values = rows[column].to_numpy(dtype="float64", na_value=np.nan)[order]
        yield from _changes(column, values, codes[order], names)
    for column, counts in period.categories.items():
        known = counts.sum(axis=1)
        for value, count in zip(period.values[column], counts.T, strict=True):
            yield column, "times", value, exactly((count.sum() + 1) / (known.sum() + 1) if known.any() else np.nan)
            yield column, "days", value, exactly((count[known > 0] > 0).mean() if known.any() else np.nan)
    for column in monitored.measured:
        wide = rows.pivot(index=monitored.at, columns=monitored.feed, values=column).astype("float64")
        yield from _agreement(column, wide)
        yield from _lags(column, wide)
        yield from _copied(column, wide)
        if column in monitored.daily:
            yield from _peaks(column, wide)
    if monitored.rows_follow and len(rows):
        hours = _hours(rows[monitored.at].dt.tz_convert(monitored.rows_follow))
        yield "", "phase", "", exactly(_phase(np.ones(len(rows)), hours))


def _changes(column: str, values: np.ndarray, codes: np.ndarray, names: np.ndarray) -> Iterator[Number]:
    known = np.isfinite(values)
    values, codes = values[known], codes[known]
    follows = codes[1:] == codes[:-1]
    changed = np.bincount(codes[1:][follows & (values[1:] != values[:-1])], minlength=len(names))
    pairs = np.bincount(codes[1:][follows], minlength=len(names))
    for name, changes, of in zip(names, changed, pairs, strict=True):
        yield column, "changes", str(name), exactly((changes + 1) / (of + 1) if of >= LEAST_READINGS else np.nan)


def _agreement(column: str, wide: pd.DataFrame) -> Iterator[Number]:
    if wide.shape[1] < 2:
        return
    for name in wide:
        pair = pd.DataFrame({"own": wide[name], "others": wide.drop(columns=name).median(axis=1)}).dropna()
        enough = len(pair) >= LEAST_READINGS
        yield column, "offset", str(name), exactly((pair["own"] - pair["others"]).median() if enough else np.nan)
        varies = enough and pair["others"].var() > 0
        slope = pair["own"].cov(pair["others"]) / pair["others"].var() if varies else np.nan
        yield column, "slope", str(name), exactly(slope)


def _lags(column: str, wide: pd.DataFrame) -> Iterator[Number]:
    if wide.shape[1] < 2 or len(wide) < LEAST_READINGS:
        return
    hourly = wide.groupby(_instants(wide).floor("h")).mean().asfreq("h")
    for name in hourly:
        own, others = hourly[name].to_numpy(), hourly.drop(columns=name).median(axis=1).to_numpy()
        alike = {lag: _correlation(own[_LAG + lag : len(own) - _LAG + lag], others[_LAG:-_LAG]) for lag in _LAGS}
        best = max(alike, key=lambda lag: np.nan_to_num(alike[lag], nan=-1.0))
        yield column, "lag", str(name), exactly(best if alike[best] >= _ALIKE else np.nan)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < LEAST_READINGS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float(np.corrcoef(x, y)[0, 1])


def _copied(column: str, wide: pd.DataFrame) -> Iterator[Number]:
    instants = _instants(wide).as_unit("us").asi8
    days = instants // _DAY
    cuts = np.flatnonzero(np.diff(days)) + 1
    seen: set[bytes] = set()
    copied, judged = dict.fromkeys(wide, 0), dict.fromkeys(wide, 0)
    parts = {name: np.split(wide[name].to_numpy(), cuts) for name in wide}
    for place, hours in enumerate(np.split(instants % _DAY, cuts)):
        for name, values in parts.items():
            known = np.isfinite(values[place])
            readings = values[place][known]
            if len(np.unique(readings)) >= _LEAST_DISTINCT:
                mark = readings.tobytes() + hours[known].tobytes()
                judged[name] += 1
                copied[name] += mark in seen
                seen.add(mark)
    for name, number in judged.items():
        yield column, "copied", str(name), exactly(copied[name] / number if number else np.nan)


def _peaks(column: str, wide: pd.DataFrame) -> Iterator[Number]:
    # What is left of a day's course once its mean is taken out: the mean moves with the weather.
    course = wide - wide.groupby(_instants(wide).floor("D")).transform("mean")
    hours = _hours(wide.index.to_series())
    for name in wide:
        known = course[name].notna()
        enough = known.sum() >= LEAST_READINGS
        phase = _phase(course[name][known].to_numpy(), hours[known.to_numpy()]) if enough else np.nan
        yield column, "phase", str(name), exactly(phase)


def _instants(wide: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(wide.index)


def _hours(instants: pd.Series) -> pd.Series:
    return instants.dt.hour + instants.dt.minute / 60


def _phase(weights: np.ndarray, hours: pd.Series) -> float:
    angle = 2 * np.pi * hours.to_numpy() / _DAY_HOURS
    turn = np.arctan2((weights * np.sin(angle)).sum(), (weights * np.cos(angle)).sum())
    return float(turn / (2 * np.pi) * _DAY_HOURS % _DAY_HOURS)
