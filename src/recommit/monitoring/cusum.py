"""Add up how far days are off until it is too much: charts whose limits are set by simulation.

The chart is the cumulative sum of Page (1954, "Continuous inspection schemes", Biometrika 41): it adds what a day is
above `slack`, never falls below 0, and alarms above its limit. Each number of a series has a chart for each side, and
the series alarms when one of them does. Days are alike with their neighbours and far from normal, so no table of limits
holds. Limits are found on simulated years, made of seven-day blocks of the reference days (Künsch 1989, "The jackknife
and the bootstrap for general stationary observations", Annals of Statistics 17). The limits of a series are what each
chart reaches in a year on average, times the one factor with which all together alarm as rarely as is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BLOCK = 7
DAYS_A_YEAR = 364
LEAST_DAYS = 28
"""With fewer reference days, four blocks, nobody can say how days differ."""
FARTHEST = 4.0
"""One day counts as so many standard deviations at most, and no limit is below that: no day alone is an alarm."""
_STEPS = 7
_FACTORS = (0.5, 4.0)


@dataclass(frozen=True)
class Path:
    """The largest sum of the charts of a series over its limit on each day, (days,), before a restart.

    `alarms` are the places of the days on which it is above 1, `since` those of the first day that was added up for
    each, and `by` the chart that alarmed.
    """

    sums: np.ndarray
    alarms: list[int]
    since: list[int]
    by: list[int]


def simulated(days: int, years: int, seed: int) -> np.ndarray:
    """Return the places of reference days in years made of blocks of seven of them, (years, 364)."""
    draws = np.random.default_rng(seed)
    starts = draws.integers(0, days - BLOCK + 1, (years, DAYS_A_YEAR // BLOCK))
    return (starts[:, :, None] + np.arange(BLOCK)).reshape(years, DAYS_A_YEAR)


def alarms(scores: np.ndarray, places: np.ndarray, limits: np.ndarray, slack: float) -> np.ndarray:
    """Return whether each day of years, (years, days), is one of alarm. After one, all sums restart.

    `scores` are those of the reference days, (days, k), `places` which of them make up the years, `limits` is (k,).
    """
    found = np.zeros(places.shape, dtype=bool)
    sums = np.zeros((len(places), scores.shape[1]), dtype="float32")
    steps = (scores - slack).astype("float32")
    for day in range(places.shape[1]):
        sums += steps[places[:, day]]
        np.maximum(sums, 0, out=sums)
        found[:, day] = (sums > limits).any(axis=1)
        sums[found[:, day]] = 0
    return found


def reached(scores: np.ndarray, places: np.ndarray, slack: float) -> np.ndarray:
    """Return what the sum of each chart reaches in a year on average, (k,); see `alarms`."""
    sums = np.zeros((len(places), scores.shape[1]), dtype="float32")
    largest, steps = np.zeros_like(sums), (scores - slack).astype("float32")
    for day in range(places.shape[1]):
        sums += steps[places[:, day]]
        np.maximum(sums, 0, out=sums)
        np.maximum(largest, sums, out=largest)
    return np.asarray(largest.mean(axis=0, dtype="float64"))


def limits(
    scores: Mapping[str, np.ndarray], slack: float, days_between: float, years: int, seed: int
) -> dict[str, np.ndarray | None]:
    """Return the limits of the charts of each series, (k,), so that all alarm falsely once in `days_between` or less.

    `scores` are those of the reference days of each series, (days, k), no score above `FARTHEST`. What is allowed is
    divided among the series that differ from day to day; of the others, and of too few days, the limit is None.
    """
    moving = [name for name, one in scores.items() if len(one) >= LEAST_DAYS and one.size and np.ptp(one) > 0]
    found: dict[str, np.ndarray | None] = dict.fromkeys(scores)
    for name in moving:
        places = simulated(len(scores[name]), years, seed)
        usual = np.maximum(reached(scores[name], places, slack), FARTHEST - slack)
        low, high = _FACTORS
        for _ in range(_STEPS):
            middle = float(np.sqrt(low * high))
            at = np.maximum(middle * usual, FARTHEST - slack)
            often = alarms(scores[name], places, at, slack).sum() * days_between * len(moving) > places.size
            low, high = (middle, high) if often else (low, middle)
        found[name] = np.maximum(high * usual, FARTHEST - slack)
    return found


def together(
    scores: Mapping[str, np.ndarray], at: Mapping[str, np.ndarray | None], slack: float, places: np.ndarray
) -> np.ndarray:
    """Return whether any series with limits alarms on each day of years, (years, days), of `places` of days."""
    found = np.zeros(places.shape, dtype=bool)
    for name, one in at.items():
        if one is not None:
            found |= alarms(scores[name], places, one, slack)
    return found


def path(scores: np.ndarray, limits: np.ndarray, slack: float) -> Path:
    """Return the path of a series, (days, k), with the `limits` of its charts, (k,)."""
    sums, begun = np.zeros(scores.shape[1]), np.zeros(scores.shape[1], dtype="int64")
    drawn = np.zeros(len(scores))
    found, since, by = [], [], []
    for day, score in enumerate(scores):
        begun[sums == 0] = day
        sums = np.maximum(0, sums + score - slack)
        most = int((sums / limits).argmax())
        drawn[day] = sums[most] / limits[most]
        if drawn[day] > 1:
            found.append(day)
            since.append(int(begun[most]))
            by.append(most)
            sums = np.zeros_like(sums)
    return Path(drawn, found, since, by)
