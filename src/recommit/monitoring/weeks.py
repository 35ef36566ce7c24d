"""Numbers of each watched week, with intervals that hold for all weeks together."""

from collections.abc import Mapping

import numpy as np

from recommit.evidence.monitor import Week
from recommit.evidence.numbers import Interval
from recommit.learning.intervals import Blocks
from recommit.monitoring.bins import Bins
from recommit.monitoring.tally import Tally, as_date

_SAME = 1e-9
_MONDAY = 3  # 1970 began on a Thursday
Sums = tuple[np.ndarray, np.ndarray]
"""The sum of a number on each day, and of the rows that have it, (days,) each."""


def week_of(days: np.ndarray) -> np.ndarray:
    """Return the Monday of each day, both counted from 1970 on, (days,)."""
    return np.asarray(days - (days + _MONDAY) % 7)


def weekly(days: np.ndarray, sums: Mapping[str, Sums], bins: Bins, tally: Tally, seed: int) -> tuple[Week, ...]:
    """Return the weeks of `days`, of which `tally` has the input, and `sums` the other numbers by their name in `Week`.

    `sums` may lack a number, or its rows be 0 on all days of a week: the number is None there.
    """
    mondays, place = np.unique(week_of(days), return_inverse=True)
    counts = tally.of(days).counts
    of_input = {name: (counts * bins.mask(name)).sum(axis=1) for name in ("missing", "outside")}
    rows = tally.of(days).rows
    values = np.maximum(np.bincount(place, weights=rows) * len(bins.columns), 1)
    shares = {name: np.bincount(place, weights=one) / values for name, one in of_input.items()}
    found = {name: _intervals(place, len(mondays), *one, seed) for name, one in sums.items()}
    judged = np.bincount(place, weights=sums["loss"][1]) if "loss" in sums else np.zeros(len(mondays))
    return tuple(
        Week(
            week=as_date(monday),
            rows=int(rows[place == number].sum()),
            missing=float(shares["missing"][number]),
            outside=float(shares["outside"][number]),
            judged=int(judged[number]),
            **{name: intervals[number] for name, intervals in found.items()},
        )
        for number, monday in enumerate(mondays)
    )


def _intervals(place: np.ndarray, weeks: int, total: np.ndarray, rows: np.ndarray, seed: int) -> list[Interval | None]:
    here = place[:, None] == np.arange(weeks)
    known = (rows[:, None] * here).sum(axis=0) > 0
    found: list[Interval | None] = [None] * weeks
    if known.any():
        blocks = Blocks(np.empty(0, dtype="int64"), len(place), seed)
        estimate = blocks.ratio_of_sums((total[:, None] * here)[:, known], (rows[:, None] * here)[:, known])
        for week, interval in zip(np.flatnonzero(known), estimate.simultaneous(), strict=True):
            days = (place == week) & (rows > 0)
            means = total[days] / rows[days]
            alike = days.sum() > 1 and np.ptp(means) <= _SAME * np.abs(means).max()
            found[week] = Interval(interval.value, interval.value, interval.value) if alike else interval
    return found
