"""Three series of days, input, prediction and outcome: each one's chart, and what an alarm of it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recommit.evidence.monitor import Alert, Day, Series, SeriesName, Shift
from recommit.monitoring import cusum
from recommit.monitoring.profile import FARTHEST, KINDS, WEEK, Profile
from recommit.monitoring.tally import as_date

VOLUME = "rows"
_QUIET = 0.1  # added under the logarithm, so that a quiet day is no farther off than a usual one
_NAMED = 5
_TOGETHER = 0.95
_UNUSUAL = 1.25  # times the farthest of the reference's weeks, so that a line is no coincidence


@dataclass(frozen=True)
class Charted:
    """One series: its scores, (days, sides), and the shift of each of its `names`, (days, names).

    `worth` is the share of each name, (names,). What a shift means is said by `told`, by name, or else by the `kinds`
    of a profile.
    """

    name: SeriesName
    days: np.ndarray
    rows: np.ndarray
    own: np.ndarray
    scores: np.ndarray
    names: Sequence[str]
    shifts: np.ndarray
    worth: np.ndarray
    kinds: Profile | None = None
    told: Mapping[str, str] | None = None

    def shift(self, place: int, days: np.ndarray) -> Shift:
        """Return how far one of the names is off over `days`, (days,) bool."""
        shift, usual = float(self.shifts[days, place].mean()), float(self.shifts[self.own, place].mean())
        cost = float(self.worth[place]) * float(np.clip((shift - usual) / max(FARTHEST - usual, 1e-9), 0, 1))
        return Shift(self.names[place], self._what(place, days), shift, usual, float(self.worth[place]), cost)

    def _what(self, place: int, days: np.ndarray) -> str:
        if self.kinds is None:
            return (self.told or {}).get(self.names[place], "")
        if place == len(self.kinds.scores["level"][0]):
            return "more or fewer rows"
        return KINDS[self.kinds.kind(days, place)]


def of_profile(name: SeriesName, found: Profile, names: Sequence[str], worth: np.ndarray, volume: bool) -> Charted:
    """Return the series of a profile: the logarithm of the mean squared shift of its columns, weighted by `worth`.

    With `volume`, the number of rows is one more column, worth as much as the others on average.
    """
    shifts = found.shifts if volume else found.shifts[:, :-1]
    if volume:
        names, worth = [*names, VOLUME], np.append(worth * len(names), 1.0) / (len(names) + 1)
    off = np.log(_QUIET + shifts**2 @ worth)
    scores = cusum.channels(off[:, None], found.own, [False])
    return Charted(name, found.days, found.rows, found.own, scores, names, shifts, worth, found)


def of_outcomes(found: Profile, off: np.ndarray, told: Mapping[str, str]) -> Charted:
    """Return the series of `outcomes.by_day`, `off`, (days, 2): the gap on both sides, and a loss that is higher.

    `told` says what a shift of each of the two means, by name.
    """
    scores = cusum.channels(off, found.own, [True, False])
    shifts = np.minimum(np.abs(np.nan_to_num(off)), FARTHEST)
    worth = np.full(len(told), 1 / len(told))
    rows = np.where(np.isfinite(off[:, 0]), found.rows, 0)
    return Charted("outcome", found.days, rows, found.own, scores, [*told], shifts, worth, told=told)


def limits(
    charts: Sequence[Charted], slack: float, days_between: float, years: int, seed: int
) -> dict[str, float | None]:
    """Return the limit of each chart: see `cusum.limits`."""
    return cusum.limits({one.name: one.scores[one.own] for one in charts}, slack, days_between, years, seed)


def as_series(chart: Charted, limit: float | None, slack: float, years: int, seed: int) -> Series:
    """Return the evidence of a chart: its watched days, and what the farthest of so many sound days reaches."""
    watched = ~chart.own
    scores = chart.scores[watched]
    sums = cusum.path(scores, np.inf if limit is None else limit, slack).sums
    band = None
    if limit is not None and watched.any():
        drawn = cusum.simulated(chart.scores[chart.own], years, seed)[:, : min(watched.sum(), cusum.DAYS_A_YEAR)]
        band = float(np.quantile(drawn.max(axis=(1, 2)), _TOGETHER))
    days = tuple(
        Day(as_date(day), int(rows), float(score.max()) if rows else None, float(total))
        for day, rows, score, total in zip(chart.days[watched], chart.rows[watched], scores, sums, strict=True)
    )
    return Series(chart.name, limit, band, int(chart.own.sum()), days)


def alerts(chart: Charted, limit: float | None, slack: float) -> list[Alert]:
    """Return the alarms of a chart over its watched days, each with the names that are farthest off for their worth.

    Where days go on to add up after an alarm, without one that takes the sum back to 0, the next alarm is the same one.
    """
    if limit is None:
        return []
    watched = np.flatnonzero(~chart.own)
    found = cusum.path(chart.scores[watched], limit, slack)
    spans: list[tuple[int, int, int]] = []
    for last, first in zip(found.alarms, found.since, strict=True):
        if spans and first == spans[-1][2] + 1:
            spans[-1] = (*spans[-1][:2], last)
        else:
            spans.append((first, last, last))
    return [_alert(chart, watched, *span) for span in spans]


def _alert(chart: Charted, watched: np.ndarray, first: int, at: int, last: int) -> Alert:
    days = np.zeros(len(chart.days), dtype=bool)
    days[watched[first : last + 1]] = True
    shifts = [chart.shift(place, days) for place in range(len(chart.names))]
    named = sorted((one for one in shifts if one.cost > 0), key=lambda one: (-one.cost, one.name))[:_NAMED]
    day, since, until = (as_date(chart.days[watched[place]]) for place in (at, first, last))
    return Alert(chart.name, day, since, until, sum(one.cost for one in shifts), tuple(named))


def unusual(chart: Charted, shown: int) -> tuple[Shift, ...]:
    """Return the names of which a watched week is farther off than every reference week, the costliest first."""
    watched = np.flatnonzero(~chart.own)
    if not len(watched) or chart.own.sum() < cusum.LEAST_DAYS:
        return ()
    past, now = _rolling(chart.shifts[chart.own]), _rolling(chart.shifts[watched])
    found = []
    for place in np.flatnonzero(now.max(axis=0) > _UNUSUAL * past.max(axis=0) + _QUIET):
        at = int(now[:, place].argmax())
        days = np.zeros(len(chart.days), dtype=bool)
        days[watched[at : at + WEEK]] = True
        found.append(chart.shift(int(place), days))
    return tuple(sorted(found, key=lambda one: (-one.cost, -one.shift, one.name))[:shown])


def worths(names: Sequence[str], importance: Mapping[str, float] | None) -> np.ndarray:
    """Return the share of each column in what all are worth, (names,): equal shares where nothing is known of it.

    `importance` maps columns to the loss that is added without them; below 0, or not there, it is 0.
    """
    known = np.array([max(0.0, (importance or {}).get(name, 0.0)) for name in names])
    return known / known.sum() if known.sum() > 0 else np.full(len(names), 1 / max(len(names), 1))


def _rolling(values: np.ndarray) -> np.ndarray:
    """The means of seven successive days, or of all where there are fewer."""
    if len(values) < WEEK:
        return values.mean(axis=0, keepdims=True)
    return np.lib.stride_tricks.sliding_window_view(values, WEEK, axis=0).mean(axis=-1)
