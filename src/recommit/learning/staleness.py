"""Measure how a model ages: fits on older and older windows of equal length are judged on the same month.

Windows are equally long so that age is all that differs; still, an older window is also another season, and one month
cannot tell the two apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from recommit.evidence.stages import Age, Aged
from recommit.learning.intervals import blocks
from recommit.learning.parallel import workers
from recommit.learning.splits import Split
from recommit.task import Task


@dataclass(frozen=True)
class Window:
    """Training rows predicted at or after `starts` and whose label was known before `ends` (UTC)."""

    months_old: int
    starts: pd.Timestamp
    ends: pd.Timestamp
    rows: pd.DataFrame


def windows(table: pd.DataFrame, starts: pd.Timestamp, months: int, ages: Sequence[int]) -> list[Window]:
    """Return windows of `months` months that end each of `ages` months before `starts` (UTC), the freshest first.

    `table` has `predicted_at` and `label_known_at` (UTC). A window that begins before the table's first month is left
    out, since it would be shorter than the others. Raises ValueError when none is left, or a number is out of range.
    """
    if months < 1 or not ages or min(ages) < 0:
        raise ValueError(f"windows need a month or more, and ages of 0 months or more, not {months} and {list(ages)}")
    first = table["predicted_at"].min()
    first_month = first.normalize().replace(day=1)
    found = []
    for age in sorted(set(ages)):
        ends = starts - pd.DateOffset(months=age)
        begins = ends - pd.DateOffset(months=months)
        rows = table[(table["predicted_at"] >= begins) & (table["label_known_at"] < ends)]
        if begins >= first_month and len(rows):
            found.append(Window(age, begins, ends, rows))
    if not found:
        raise ValueError(
            f"no window of {months} months before {starts:%Y-%m-%d} fits in a table that begins {first:%Y-%m-%d}: "
            "make them shorter"
        )
    return found


def decay(
    task: Task,
    build: Callable[[], Any],
    found: Sequence[Window],
    split: Split,
    features: Sequence[str],
    target: str,
    seed: int,
) -> list[Aged]:
    """Fit on each window and score the split's test rows, with UTC days of `predicted_at` as blocks: freshest first.

    `build` gives an unfitted model; `features` and `target` are columns. Differences are paired, row by row. There
    is one fit per age: the intervals do not allow for how much a single fit varies by chance. Raises ValueError as
    `blocks` and `Task.losses` do, and when a window reaches into the test.
    """
    late = [window for window in found if window.ends > split.starts]
    if late:
        raise ValueError(f"a window ends {late[0].ends:%Y-%m-%d}, after the test begins {split.starts:%Y-%m-%d}")
    columns, test = list(features), split.test
    answers = Parallel(n_jobs=workers())(
        delayed(_answer)(task, build(), window.rows[[target, *columns]], test[columns], target) for window in found
    )
    days = blocks(test["predicted_at"].dt.date, seed)
    truth = test[target].to_numpy()
    losses = np.column_stack([task.losses(truth, answer) for answer in answers])
    mean, added = days.ratio(losses).each(), days.ratio(losses - losses[:, [0]]).each()
    return [
        Aged(window.months_old, window.starts.date(), window.ends.date(), len(window.rows), *measured)
        for window, *measured in zip(found, mean, added, strict=True)
    ]


def age(until: datetime, starts: pd.Timestamp) -> Age:
    """Return the age of a model that is first used at `starts` (UTC) and whose last label was known at `until`."""
    return Age(until, (starts - pd.Timestamp(until)) / pd.Timedelta(days=1))


def as_table(curve: Sequence[Aged]) -> pd.DataFrame:
    """Return one row per age: the training period, and numbers as text with their intervals."""
    rows = [
        {
            "trained from": str(aged.trained_from),
            "until": str(aged.trained_until),
            "rows": aged.rows,
            "loss": str(aged.loss),
            "added loss": str(aged.added_loss),
        }
        for aged in curve
    ]
    return pd.DataFrame(rows, index=pd.Index([aged.months_old for aged in curve], name="months old"))


def _answer(task: Task, model: Any, train: pd.DataFrame, test: pd.DataFrame, target: str) -> np.ndarray:
    return task.answer(model.fit(train[list(test.columns)], train[target]), test)
