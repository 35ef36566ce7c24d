"""Counts of rows by day, column and bin: those of two parts of a table add up to those of the whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

import numpy as np
import pandas as pd

from recommit.monitoring.bins import Bins
from recommit.monitoring.relations import Relations, codes_of

_AT_ONCE = 65_536
DAY = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True)
class Tally:
    """What was counted on each of `days`, ascending and whole numbers since 1970, (days,).

    `counts` is (days, bins). `residual` and `squared` are the sums of the residuals of `Relations` and of their
    squares, (days, numbers), and `fourth` that of the fourth powers. Residuals and squares are kept in whole
    millionths, so that sums do not depend on the order in which parts are added.
    """

    days: np.ndarray
    rows: np.ndarray
    counts: np.ndarray
    residual: np.ndarray
    squared: np.ndarray
    fourth: np.ndarray

    def __add__(self, other: "Tally") -> "Tally":
        days, places = np.unique(np.concatenate([self.days, other.days]), return_inverse=True)
        return Tally(days, *(_placed(len(days), places, a, b) for a, b in zip(_sums(self), _sums(other), strict=True)))

    def of(self, days: np.ndarray) -> "Tally":
        """Return the tally of all of `days`, ascending; of a day without rows all counts are 0."""
        place, here = np.searchsorted(days, self.days), np.isin(self.days, days)
        parts = []
        for part in _sums(self):
            found = np.zeros((len(days), *part.shape[1:]), dtype=part.dtype)
            found[place[here]] = part[here]
            parts.append(found)
        return Tally(days, *parts)


def days_of(instants: pd.Series, zone: str = "UTC") -> np.ndarray:
    """Return the day of each instant in the local time of a zone, in whole days since 1970, (rows,)."""
    local = instants.dt.tz_convert(zone).dt.tz_localize(None) if instants.dt.tz is not None else instants
    return np.asarray((local.to_numpy("datetime64[D]") - DAY).astype("int64"))


def as_date(day: int) -> date:
    """Return the date of a day that is counted from 1970 on."""
    return date(1970, 1, 1) + timedelta(days=int(day))


def tally(bins: Bins, relations: Relations, table: pd.DataFrame, days: np.ndarray) -> Tally:
    """Count the rows of `table`, of which `days` says on which day each is, (rows,)."""
    starts = range(0, max(len(table), 1), _AT_ONCE)
    parts = (_part(bins, relations, table.iloc[at : at + _AT_ONCE], days[at : at + _AT_ONCE]) for at in starts)
    return added(parts)


def added(parts: Iterable[Tally]) -> Tally:
    """Return the sum of tallies of the same bins, one at least."""
    return reduce(lambda one, other: one + other, parts)


def _part(bins: Bins, relations: Relations, table: pd.DataFrame, days: np.ndarray) -> Tally:
    names, place = np.unique(days, return_inverse=True)
    codes = codes_of(bins, table)
    counts = np.zeros((len(names), bins.starts[-1]), dtype="int64")
    for number, (start, one) in enumerate(zip(bins.starts, bins.columns, strict=False)):
        width = len(one.scores)
        found = np.bincount(place * width + codes[:, number], minlength=len(names) * width)
        counts[:, start : start + width] = found.reshape(len(names), width)
    found = relations.residuals(bins, codes, days)
    squared = found * found
    order = np.argsort(place, kind="stable") if (np.diff(place) < 0).any() else slice(None)
    begins = np.searchsorted(place[order], np.arange(len(names)))
    sums = [_by_day(values[order], begins) for values in (found, squared, squared * squared)]
    return Tally(names, np.bincount(place, minlength=len(names)), counts, *sums)


def _by_day(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """The sums of the rows of each day, which begins at a place, in whole millionths."""
    if not len(values):
        return np.zeros((len(begins), values.shape[1]), dtype="int64")
    whole = np.rint(np.minimum(np.maximum(values, -1e4), 1e4) * 1e6).astype("int64")
    return np.asarray(np.add.reduceat(whole, begins, axis=0))


def _sums(of: Tally) -> list[np.ndarray]:
    return [of.rows, of.counts, of.residual, of.squared, of.fourth]


def _placed(days: int, places: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    found = np.zeros((days, *one.shape[1:]), dtype=one.dtype)
    found[places[: len(one)]] += one
    found[places[len(one) :]] += other
    return found
