"""Add up how far days are off until it is too much: charts whose limits are set by simulation.

The chart is the cumulative sum of Page (1954, "Continuous inspection schemes", Biometrika 41): it adds what a day is
above `slack`, never falls below 0, and alarms above its limit. Days are alike with their neighbours and far from
normal, so no table of limits holds. Limits are found on simulated years, made of seven-day blocks of the reference days
(Künsch 1989, "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 17).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

BLOCK = 7
DAYS_A_YEAR = 364
LEAST_DAYS = 28
"""With fewer reference days, four blocks, nobody can say how days differ."""
FARTHEST = 4.0
"""One day counts as so many standard deviations at most, and no limit is below that: no day alone is an alarm."""
_STEPS = 40
_MOST = 1000.0
_LOWEST, _FACTORS = 0.4, 8


@dataclass(frozen=True)
class Path:
    """The cumulative sum of a series on each day, (days,), before a restart, and the days of alarm, places in it.

    `since` is, for each alarm, the place of the first day that was added up for it.
    """

    sums: np.ndarray
    alarms: list[int]
    since: list[int]


def channels(days: np.ndarray, own: np.ndarray, both: Sequence[bool]) -> np.ndarray:
    """Return the standard scores of values of days, (days, k): each by its reference days, `own`, (days,) bool.

    A value of which `both` sides count is followed by its negative. No score is above `FARTHEST`; a value that does not
    differ among reference days scores 0, and so does one that is not known.
    """
    usual = np.where(own[:, None], days, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.isfinite(usual)
        number = known.sum(axis=0)
        mean = np.where(known, usual, 0).sum(axis=0) / number
        spread = np.sqrt(np.where(known, (usual - mean) ** 2, 0).sum(axis=0) / np.maximum(number - 1, 1))
        scores = np.where(spread > 1e-9, (days - mean) / spread, 0.0)
    scores = np.nan_to_num(scores, nan=0.0)
    sides = [side for place, two in enumerate(both) for side in (scores[:, place], -scores[:, place])[: 1 + two]]
    return np.minimum(np.column_stack(sides), FARTHEST)


def simulated(scores: np.ndarray, years: int, seed: int) -> np.ndarray:
    """Return years made of seven-day blocks of the reference days' `scores`, (days, k): (years, 364, k)."""
    draws = np.random.default_rng(seed)
    starts = draws.integers(0, len(scores) - BLOCK + 1, (years, DAYS_A_YEAR // BLOCK))
    places = (starts[:, :, None] + np.arange(BLOCK)).reshape(years, DAYS_A_YEAR)
    return scores[places]


def alarms(years: np.ndarray, limit: float, slack: float) -> np.ndarray:
    """Return whether each day of `years`, (years, days, k), is one of alarm, (years, days). After one, sums restart."""
    found = np.zeros(years.shape[:2], dtype=bool)
    sums = np.zeros((years.shape[0], years.shape[2]))
    for day in range(years.shape[1]):
        sums = np.maximum(0, sums + years[:, day] - slack)
        found[:, day] = (sums > limit).any(axis=1)
        sums[found[:, day]] = 0
    return found


def limit(years: np.ndarray, slack: float, days_between: float) -> float:
    """Return the smallest limit, to two decimals, at which alarms in `years` are `days_between` apart or more."""
    low, high = FARTHEST - slack, _MOST
    days = years.shape[0] * years.shape[1]
    for _ in range(_STEPS):
        if high - low < 0.01:
            break
        middle = (low + high) / 2
        often = alarms(years, middle, slack).sum() * days_between > days
        low, high = (middle, high) if often else (low, middle)
    return float(np.ceil(high * 100) / 100)


def limits(
    scores: Mapping[str, np.ndarray], slack: float, days_between: float, years: int, seed: int
) -> dict[str, float | None]:
    """Return the limit of each series, so that all together alarm falsely once in `days_between` days or less often.

    `scores` are those of the reference days of each series, (days, k), the same days for all. What is allowed is
    divided among the series that differ from day to day; of the others, and of too few days, the limit is None. Series
    often alarm together. So all limits are then lowered by one factor, as far as what is allowed for all together.
    """
    moving = [name for name, one in scores.items() if len(one) >= LEAST_DAYS and one.size and np.ptp(one) > 0]
    found: dict[str, float | None] = dict.fromkeys(scores)
    for name in moving:
        found[name] = limit(simulated(scores[name], years, seed), slack, days_between * len(moving))
    return _lowered(scores, found, slack, days_between, years, seed) if len(moving) > 1 else found


def _lowered(
    scores: Mapping[str, np.ndarray],
    at: Mapping[str, float | None],
    slack: float,
    days_between: float,
    years: int,
    seed: int,
) -> dict[str, float | None]:
    places = simulated(np.arange(len(next(iter(scores.values())))), years, seed)
    low, high = _LOWEST, 1.0
    for _ in range(_FACTORS):
        middle = (low + high) / 2
        often = together(scores, _times(at, middle, slack), slack, places).sum() * days_between > places.size
        low, high = (middle, high) if often else (low, middle)
    return _times(at, high, slack)


def _times(at: Mapping[str, float | None], factor: float, slack: float) -> dict[str, float | None]:
    return {name: None if one is None else _least(one * factor, slack) for name, one in at.items()}


def _least(limit: float, slack: float) -> float:
    return float(np.ceil(max(limit, FARTHEST - slack) * 100) / 100)


def together(
    scores: Mapping[str, np.ndarray], at: Mapping[str, float | None], slack: float, places: np.ndarray
) -> np.ndarray:
    """Return whether any series with a limit alarms on each day of years, (years, days), of `places` of days."""
    found = np.zeros(places.shape, dtype=bool)
    for name, one in at.items():
        if one is not None:
            found |= alarms(scores[name][places], one, slack)
    return found


def path(scores: np.ndarray, at: float, slack: float) -> Path:
    """Return the path of a series, (days, k), with the limit `at`: the largest of the k sums of each day."""
    sums, begun = np.zeros(scores.shape[1]), np.zeros(scores.shape[1], dtype="int64")
    drawn = np.zeros(len(scores))
    found, since = [], []
    for day, score in enumerate(scores):
        begun[sums == 0] = day
        sums = np.maximum(0, sums + score - slack)
        drawn[day] = sums.max()
        if drawn[day] > at:
            found.append(day)
            since.append(int(begun[sums.argmax()]))
            sums = np.zeros_like(sums)
    return Path(drawn, found, since)
