"""Hold what is watched against the reference: everything that `monitor` finds, as evidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recommit.artifact.answers import Answers
from recommit.evidence.monitor import Came, FalseAlarms, Joint, Monitor
from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Slice
from recommit.learning import judging, slices
from recommit.learning.intervals import Blocks, blocks
from recommit.monitoring import cusum, series
from recommit.monitoring.counted import Counted, counted, predicted
from recommit.monitoring.estimated import expected_losses
from recommit.monitoring.outcomes import NAMES, Judged, by_day
from recommit.monitoring.series import Charted, Limits
from recommit.monitoring.weeks import Sums, weekly
from recommit.task import Task

_WORST = 10


@dataclass(frozen=True)
class Bounds:
    """When an alarm is one: `monitor` of params.yaml, which says what each is."""

    days_between: float
    slack: float
    cost: float
    years: int
    rows: int
    shown: int


@dataclass(frozen=True)
class Spoken:
    """What a model said of rows, and what came: `days` and `answer` of each row, and its truth where that is known.

    `learned` says of each row whether the model may have learned from it.
    """

    days: np.ndarray
    answer: np.ndarray
    truth: pd.Series
    learned: np.ndarray

    @property
    def judged(self) -> Judged:
        """The rows whose outcome is known."""
        here = self.truth.notna().to_numpy()
        return Judged(self.days[here], self.truth[here], self.answer[here], self.learned[here])


@dataclass(frozen=True)
class Model:
    """The model that is watched: its task, its answers, its hash, its clock, and what columns are worth to it."""

    task: Task
    answers: Answers
    sha256: str | None
    clock: str | None
    importance: Mapping[str, float] | None = None


def watch(
    found: Counted,
    model: Model | None,
    then: Spoken | None,
    now: Spoken | None,
    parts: pd.DataFrame | None,
    joint: Joint | None,
    bounds: Bounds,
    seed: int,
    logged: int = 0,
) -> Monitor:
    """Return what `monitor` finds: `found` is the input, `then` and `now` what the model said of the reference and now.

    `parts` has the parts that the rows of `now` are judged among, a column a kind; see `slices.columns_of`. Without a
    model, or a watched row, what would be said of it is left out.
    """
    charts = charted(found, model, then, now)
    followed, rest = parted(charts, bounds.cost)
    at = series.limits(followed, bounds.slack, bounds.days_between, bounds.years, seed)
    alarms = [one for chart in followed for one in series.alerts(chart, at[chart.name], bounds.slack)]
    cheap = [one for one in alarms if one.series == "input" and one.cost < bounds.cost]
    aside = series.limits([rest], bounds.slack, bounds.days_between, bounds.years, seed)["input"]
    cheap += series.alerts(rest, aside, bounds.slack)
    days = found.profile
    watched = days.days[~days.own]
    judged = now.judged if now is not None else None
    return Monitor(
        model_sha256=model.sha256 if model else None,
        clock=model.clock if model else None,
        reference_rows=int(found.reference.rows.sum()),
        reference_days=int(days.own.sum()),
        watched_rows=int(days.rows[~days.own].sum()),
        watched_days=len(watched),
        logged=logged,
        false_alarms=false_alarms(followed, at, bounds, seed + 1),
        alerts=tuple(sorted((one for one in alarms if one not in cheap), key=lambda one: (one.day, one.series))),
        lines=tuple(sorted(cheap, key=lambda one: (one.day, -one.cost))[: bounds.shown]),
        features=series.unusual(charts[0], bounds.shown),
        series=tuple(series.as_series(one, at[one.name], bounds.slack, bounds.years, seed) for one in followed),
        weeks=_weeks(found, model, then, now, watched, seed),
        joint=joint,
        promised=_came(model, then.judged.only(~then.judged.learned), then.judged, seed) if model and then else None,
        came=_came(model, judged, then.judged, seed) if model and judged and then else None,
        parts=_parts(model, judged, now, parts, seed),
    )


def charted(found: Counted, model: Model | None, then: Spoken | None, now: Spoken | None) -> list[Charted]:
    """Return the series that can be followed: the input's, and with a model the prediction's and the outcome's."""
    names = found.bins.names
    worth = series.worths(names, model.importance if model else None)
    charts = [series.of_profile("input", found.profile, names, worth, volume=True)]
    if model is None or then is None:
        return charts
    said = {one: predicted(model.task, model.answers, one_time.answer) for one, one_time in _times(then, now)}
    kinds = dict.fromkeys(map(str, said["then"]), "number")
    current = [(said["now"], now.days)] if now is not None else []
    of = counted((said["then"], then.days), kinds, [(said["then"], then.days)], current, related=False)
    charts.append(series.of_profile("prediction", of.profile, of.bins.names, series.worths(of.bins.names, None), False))
    judged = [one.judged for _, one in _times(then, now)]
    whole = Judged(
        np.concatenate([one.days for one in judged]),
        pd.concat([one.truth for one in judged], ignore_index=True),
        np.concatenate([one.answer for one in judged]),
        np.concatenate([one.learned for one in judged]),
    )
    off = by_day(model.task, whole, found.profile.days, found.profile.own)
    charts.append(series.of_outcomes(found.profile, off, NAMES))
    return charts


def parted(charts: list[Charted], cost: float) -> tuple[list[Charted], Charted]:
    """Return the series whose alarms are alerts, and that of the input's columns that are worth less than `cost`."""
    dear = charts[0].worth[charts[0].of] >= cost
    return [charts[0].only(dear), *charts[1:]], charts[0].only(~dear)


def false_alarms(charts: list[Charted], at: Limits, bounds: Bounds, seed: int) -> FalseAlarms:
    """Return the days between alarms of any series in simulated years other than those that the limits were set on."""
    scores: dict[str, np.ndarray] = {one.name: one.scores[one.own] for one in charts}
    number = len(next(iter(scores.values())))
    if all(limit is None for limit in at.values()) or number < cusum.LEAST_DAYS:
        return FalseAlarms(bounds.days_between, None, bounds.years)
    places = cusum.simulated(number, bounds.years, seed)
    by_year = cusum.together(scores, at, bounds.slack, places).sum(axis=1).astype("float64")
    days = np.full(bounds.years, float(places.shape[1]))
    rate = Blocks(np.empty(0, dtype="int64"), bounds.years, seed).ratio_of_sums(by_year, days).interval(alike=False)
    ends = [1 / one if one > 0 else float("inf") for one in (rate.value, rate.high, rate.low)]
    return FalseAlarms(bounds.days_between, Interval(*ends), bounds.years)


def _times(then: Spoken, now: Spoken | None) -> list[tuple[str, Spoken]]:
    return [("then", then), *([("now", now)] if now is not None else [])]


def _weeks(
    found: Counted, model: Model | None, then: Spoken | None, now: Spoken | None, days: np.ndarray, seed: int
) -> tuple:
    if found.current is None:
        return ()
    sums: dict[str, Sums] = {}
    if model and then and now is not None:
        task, sets = model.task, model.answers.sets
        sums = {"said": _summed(days, now.days, task.said(now.answer))}
        sums["size"] = _summed(days, now.days, sets.sizes(now.answer))
        if (threshold := getattr(model.answers, "threshold", None)) is not None:
            sums["yes"] = _summed(days, now.days, now.answer >= threshold)
        if (expected := _expected(model, now.answer, then.judged)) is not None:
            sums["estimated"] = _summed(days, now.days, expected)
        judged = now.judged
        if len(judged.days):
            sums["loss"] = _summed(days, judged.days, task.losses(judged.truth, judged.answer))
            apart = task.said(judged.answer) - task.came(judged.truth, judged.answer)
            sums["gap"] = _summed(days, judged.days, apart)
            sums["coverage"] = _summed(days, judged.days, sets.covered(judged.truth, judged.answer))
    return weekly(days, sums, found.bins, found.current, seed)


def _summed(days: np.ndarray, of: np.ndarray, values: np.ndarray) -> Sums:
    place = np.searchsorted(days, of)
    weights = np.asarray(values, dtype="float64")
    return np.bincount(place, weights=weights, minlength=len(days)), np.bincount(place, minlength=len(days))


def _expected(model: Model, answer: np.ndarray, reference: Judged) -> np.ndarray | None:
    fresh = reference.only(~reference.learned) if (~reference.learned).any() else reference
    losses = model.task.losses(fresh.truth, fresh.answer) if len(fresh.days) else None
    return expected_losses(model.task, answer, fresh.answer, losses)


def _came(model: Model, judged: Judged, reference: Judged, seed: int) -> Came | None:
    if not len(judged.days):
        return None
    task, drawn = model.task, blocks(judged.days, seed)
    sets = model.answers.sets
    held, sizes = sets.covered(judged.truth, judged.answer), sets.sizes(judged.answer)
    expected = _expected(model, judged.answer, reference)
    return Came(
        rows=len(judged.days),
        scores=judging.intervals(task.judge(judged.truth, judged.answer, drawn)),
        gap=task.gap(judged.truth, judged.answer, drawn).interval(),
        coverage=judging.as_coverage(sets.level, judging.coverage(task, judged.truth, held, sizes, drawn)),
        estimated=drawn.ratio(expected).interval() if expected is not None else None,
    )


def _parts(
    model: Model | None, judged: Judged | None, now: Spoken | None, parts: pd.DataFrame | None, seed: int
) -> tuple[Slice, ...]:
    if model is None or judged is None or now is None or parts is None or not len(judged.days):
        return ()
    task, here = model.task, now.truth.notna().to_numpy()
    usual = np.repeat(task.constant(judged.truth), len(judged.days), axis=0)
    covered = model.answers.sets.covered(judged.truth, judged.answer)
    scored = slices.Scored(judged.truth, judged.answer, usual, covered)
    columns = parts[here].reset_index(drop=True)
    return tuple(slices.search(task, columns, scored, blocks(judged.days, seed))[:_WORST])
