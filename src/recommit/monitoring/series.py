"""Three series of days, input, prediction and outcome: each one's charts, and what an alarm of it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recommit.evidence.monitor import Alert, Day, Series, SeriesName, Shift
from recommit.monitoring import cusum
from recommit.monitoring.profile import BOTH, FARTHEST, KINDS, WEEK, Profile
from recommit.monitoring.tally import as_date

VOLUME = "rows"
_NAMED = 5
_TOGETHER = 0.95
_UNUSUAL = 1.25  # times the farthest of the reference's weeks, so that a line is no coincidence
_QUIET = 0.1
Limits = Mapping[str, np.ndarray | None]


@dataclass(frozen=True)
class Charted:
    """One series: the scores of its charts, (days, charts), and the shift of each of its `names`, (days, names).

    `of` is the name, by its place, that each chart is about, and `what` says in words what its alarm means. `worth` is
    the share of each name, (names,).
    """

    name: SeriesName
    days: np.ndarray
    rows: np.ndarray
    own: np.ndarray
    scores: np.ndarray
    of: np.ndarray
    what: Sequence[str]
    names: Sequence[str]
    shifts: np.ndarray
    worth: np.ndarray

    @property
    def off(self) -> np.ndarray:
        """How far each day is off, (days,): the root of the mean squared shift, weighted by worth."""
        return np.asarray(np.sqrt(self.shifts**2 @ self.worth))

    def only(self, charts: np.ndarray) -> "Charted":
        """Return the series with those `charts`, (charts,) bool."""
        what = [one for one, kept in zip(self.what, charts, strict=True) if kept]
        return replace(self, scores=self.scores[:, charts], of=self.of[charts], what=what)

    def shift(self, place: int, days: np.ndarray) -> Shift:
        """Return how far one of the names is off over `days`, (days,) bool, by the kind of which it is farthest off."""
        shift, usual = float(self.shifts[days, place].mean()), float(self.shifts[self.own, place].mean())
        cost = float(self.worth[place]) * float(np.clip((shift - usual) / max(FARTHEST - usual, 1e-9), 0, 1))
        charts = np.flatnonzero(self.of == place)
        what = self.what[charts[int(self.scores[days][:, charts].mean(axis=0).argmax())]] if len(charts) else ""
        return Shift(self.names[place], what, shift, usual, float(self.worth[place]), cost)


def of_profile(name: SeriesName, found: Profile, names: Sequence[str], worth: np.ndarray, volume: bool) -> Charted:
    """Return the series of a profile: a chart for each kind and side of each column that is worth anything or nothing.

    With `volume`, the number of rows is one more column, worth as much as the others on average.
    """
    shifts = found.shifts if volume else found.shifts[:, :-1]
    scores, of, what = [], [], []
    for kind, values in found.scores.items():
        for sign in (1, -1) if kind in BOTH else (1,):
            scores.append(sign * values)
            of.append(np.arange(values.shape[1]))
            what += [KINDS[kind]] * values.shape[1]
    if volume:
        scores.append(np.column_stack([found.volume, -found.volume]))
        of.append(np.full(2, len(names)))
        what += ["more rows", "fewer rows"]
        names, worth = [*names, VOLUME], np.append(worth * len(names), 1.0) / (len(names) + 1)
    charts = np.minimum(np.concatenate(scores, axis=1), cusum.FARTHEST)
    whole = Charted(name, found.days, found.rows, found.own, charts, np.concatenate(of), what, names, shifts, worth)
    return whole.only(np.abs(charts).max(axis=0) > 0)


def of_outcomes(found: Profile, off: np.ndarray, told: Mapping[str, str]) -> Charted:
    """Return the series of `outcomes.by_day`, `off`, (days, 2): the gap on both sides, and a loss that is higher.

    `told` says what a shift of each of the two means, by name.
    """
    known = np.nan_to_num(off)
    scores = np.minimum(np.column_stack([known[:, 0], -known[:, 0], known[:, 1]]), cusum.FARTHEST)
    gap, loss = told.values()
    shifts = np.minimum(np.abs(known), FARTHEST)
    rows = np.where(np.isfinite(off[:, 0]), found.rows, 0)
    what = [f"{gap}: higher", f"{gap}: lower", loss]
    places = np.array([0, 0, 1])
    return Charted("outcome", found.days, rows, found.own, scores, places, what, [*told], shifts, np.full(2, 0.5))


def limits(charts: Sequence[Charted], slack: float, days_between: float, years: int, seed: int) -> Limits:
    """Return the limits of each series: see `cusum.limits`."""
    return cusum.limits({one.name: one.scores[one.own] for one in charts}, slack, days_between, years, seed)


def as_series(chart: Charted, limits: np.ndarray | None, slack: float, years: int, seed: int) -> Series:
    """Return the evidence of a series: its watched days, and what the farthest of so many sound days reaches."""
    watched = ~chart.own
    scores, off = chart.scores[watched], chart.off
    sums = np.zeros(len(scores)) if limits is None else cusum.path(scores, limits, slack).sums
    band = None
    if limits is not None and watched.any():
        places = cusum.simulated(int(chart.own.sum()), years, seed)[:, : min(watched.sum(), cusum.DAYS_A_YEAR)]
        band = float(np.quantile(off[chart.own][places].max(axis=1), _TOGETHER))
    days = tuple(
        Day(as_date(day), int(rows), float(far) if rows else None, float(total))
        for day, rows, far, total in zip(chart.days[watched], chart.rows[watched], off[watched], sums, strict=True)
    )
    return Series(chart.name, 0 if limits is None else len(limits), band, int(chart.own.sum()), days)


def alerts(chart: Charted, limits: np.ndarray | None, slack: float) -> list[Alert]:
    """Return the alarms of a series over its watched days, each with the name whose chart alarmed first.

    Where days go on to add up after an alarm, without one that takes the sum back to 0, the next alarm is the same one.
    """
    if limits is None:
        return []
    watched = np.flatnonzero(~chart.own)
    found = cusum.path(chart.scores[watched], limits, slack)
    spans: list[tuple[int, int, int, int]] = []
    for last, first, by in zip(found.alarms, found.since, found.by, strict=True):
        if spans and first == spans[-1][2] + 1:
            spans[-1] = (*spans[-1][:2], last, spans[-1][3])
        else:
            spans.append((first, last, last, by))
    return [_alert(chart, watched, *span) for span in spans]


def _alert(chart: Charted, watched: np.ndarray, first: int, at: int, last: int, by: int) -> Alert:
    days = np.zeros(len(chart.days), dtype=bool)
    days[watched[first : last + 1]] = True
    place = int(chart.of[by])
    alarmed = replace(chart.shift(place, days), what=chart.what[by])
    others = [chart.shift(other, days) for other in np.unique(chart.of) if other != place]
    named = sorted((one for one in others if one.cost > 0), key=lambda one: (-one.cost, one.name))
    day, since, until = (as_date(chart.days[watched[place]]) for place in (at, first, last))
    return Alert(chart.name, day, since, until, alarmed.cost, (alarmed, *named[: _NAMED - 1]))


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
