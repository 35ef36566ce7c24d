"""Measure how a model ages: fits on older and older windows of equal length are judged on the same period.

Windows are equally long so that age is all that differs; still, an older window is also another season, and one period
cannot tell the two apart. Lengths and ages are in periods of the split: months, say, or so many rows.
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
from recommit.learning.splits import Split, Splitter
from recommit.task import Task


@dataclass(frozen=True)
class Window:
    """Training rows predicted at or after `starts` and whose label was known before `ends`."""

    periods_old: int
    starts: pd.Timestamp
    ends: pd.Timestamp
    rows: pd.DataFrame


def windows(
    table: pd.DataFrame, splitter: Splitter, starts: pd.Timestamp, periods: int, ages: Sequence[int]
) -> list[Window]:
    """Return windows of `periods` periods that end each of `ages` periods before `starts`, the freshest first.

    `table` has the columns of the splitter. A window that begins before the table's first whole period is left out,
    since it would be shorter than the others: there may be none. Raises ValueError when a number is out of range, or
    when parts do not follow each other in time.
    """
    if periods < 1 or not ages or min(ages) < 0:
        raise ValueError(
            f"windows need a period or more, and ages of 0 periods or more, not {periods} and {list(ages)}"
        )
    found = []
    for age in sorted(set(ages)):
        ends = splitter.back(table, starts, age)
        begins = splitter.back(table, ends, periods) if ends is not None else None
        if begins is not None and ends is not None:
            rows = table[(table[splitter.instant] >= begins) & (table[splitter.known] < ends)]
            if len(rows):
                found.append(Window(age, begins, ends, rows))
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
    """Fit on each window and score the split's test rows, with the split's blocks: freshest first.

    `build` gives an unfitted model; `features` and `target` are columns. Differences are paired, row by row. There is
    one fit per age: the intervals do not allow for how much a single fit varies by chance. A window whose rows have one
    value of the target alone is left out. Raises ValueError as `Task.losses` does, and when a window reaches into the
    test.
    """
    found = [window for window in found if window.rows[target].nunique() > 1]
    if not found:
        return []
    late = [window for window in found if split.starts is None or window.ends > split.starts]
    if late:
        raise ValueError(f"a window ends {late[0].ends:%Y-%m-%d}, after the test begins {split.starts:%Y-%m-%d}")
    columns, test = list(features), split.test
    answers = Parallel(n_jobs=workers(sum(len(window.rows) for window in found)))(
        delayed(_answer)(task, build(), window.rows[[target, *columns]], test[columns], target) for window in found
    )
    days = blocks(split.blocks(test), seed)
    truth = test[target].to_numpy()
    losses = np.column_stack([task.losses(truth, answer) for answer in answers])
    mean, added = days.ratio(losses).each(), days.ratio(losses - losses[:, [0]]).each()
    return [
        Aged(window.periods_old, window.starts.date(), window.ends.date(), len(window.rows), *measured)
        for window, *measured in zip(found, mean, added, strict=True)
    ]


def age(until: datetime, starts: pd.Timestamp) -> Age:
    """Return the age of a model that is first used at `starts` and whose last label was known at `until`."""
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
    return pd.DataFrame(rows, index=pd.Index([aged.periods_old for aged in curve], name="periods old"))


def _answer(task: Task, model: Any, train: pd.DataFrame, test: pd.DataFrame, target: str) -> np.ndarray:
    return task.answer(task.fit(model, train[list(test.columns)], train[target]), test)
