"""What came of the answers, day by day: loss, and mean answer less what came."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recommit.learning.intervals import Blocks
from recommit.task import Task

NAMES = {"gap": "answers are higher or lower than what came", "loss": "answers are worse than promised"}
"""The two numbers of a day, and what a shift of each means."""
LEAST_FRESH = 14
"""Reference days that the model did not learn from: with fewer, nobody can say how its later days differ."""


@dataclass(frozen=True)
class Judged:
    """Rows whose outcome is known: the day, truth and answer of each, and whether the model may have `learned` from it.

    `truth` has no missing value.
    """

    days: np.ndarray
    truth: pd.Series
    answer: np.ndarray
    learned: np.ndarray

    def only(self, kept: np.ndarray) -> "Judged":
        """Return the rows that are `kept`, (rows,) bool."""
        return Judged(self.days[kept], self.truth[kept], self.answer[kept], self.learned[kept])


def by_day(task: Task, judged: Judged, days: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return how far gap and loss of each day, (days, 2), are from what the reference days promise; NaN without rows.

    They are divided by what days of so many rows differ by. `own` says which `days` are the reference. A model is
    better, and more evenly so, on rows that it learned from. So these days are held against one another, and all others
    against the reference days that it did not learn from; with fewer than 14 of those, all is NaN. What is promised is
    known to its standard error: what comes later is off only by what is beyond it.
    """
    if not len(judged.days):
        return np.full((len(days), 2), np.nan)
    place = np.searchsorted(days, judged.days)
    apart = task.said(judged.answer) - task.came(judged.truth, judged.answer)
    values = np.column_stack([apart, task.losses(judged.truth, judged.answer)])
    rows = np.bincount(place, minlength=len(days))[:, None].astype("float64")
    learned = np.bincount(place, weights=judged.learned, minlength=len(days)) * 2 > rows[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        sums, squares = (_sums(place, part, len(days)) for part in (values, values**2))
        mean = sums / rows
        within = np.maximum(squares.sum(axis=0) / rows.sum() - (sums.sum(axis=0) / rows.sum()) ** 2, 0)
        known = rows[:, 0] > 0
        fresh, seen = own & ~learned & known, own & learned & known
        if fresh.sum() < LEAST_FRESH:
            return np.full((len(days), 2), np.nan)
        off = mean - np.where(seen[:, None], _level(sums, rows, seen), _level(sums, rows, fresh))
        blocks = Blocks(np.empty(0, dtype="int64"), int(fresh.sum()), 0)
        level_error = np.nan_to_num(blocks.ratio_of_sums(sums[fresh], rows[fresh]).error)
        off = np.where(own[:, None], off, np.sign(off) * np.maximum(np.abs(off) - level_error, 0))
        noise = within / rows
        between = np.where(seen[:, None], _between(off, noise, seen), _between(off, noise, fresh))
        return np.asarray(off / np.sqrt(between + noise))


def _between(off: np.ndarray, noise: np.ndarray, here: np.ndarray) -> np.ndarray:
    """The variance between days, beyond what their rows give by chance; 0 of no days."""
    return np.maximum((off[here] ** 2 - noise[here]).mean(axis=0), 0) if here.any() else np.zeros(off.shape[1])


def _level(sums: np.ndarray, rows: np.ndarray, here: np.ndarray) -> np.ndarray:
    return np.asarray(sums[here].sum(axis=0) / rows[here].sum())


def _sums(place: np.ndarray, values: np.ndarray, days: int) -> np.ndarray:
    return np.column_stack([np.bincount(place, weights=one, minlength=days) for one in values.T])
