"""What is counted of the input and of the predictions of two times: the reference, and what is watched."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from recommit.artifact.answers import Answers, to_parts
from recommit.monitoring.bins import Bins, bins_of
from recommit.monitoring.profile import Profile, profile
from recommit.monitoring.relations import UNRELATED, codes_of, relations_of
from recommit.monitoring.tally import Tally, added, as_date, tally
from recommit.task import Task

MOST_RELATED = 20_000
"""Reference rows that relations between columns are learned from."""
Part = tuple[pd.DataFrame, np.ndarray]
"""Rows, and the day of each: see `recommit.monitoring.tally.days_of`."""


@dataclass(frozen=True)
class Counted:
    """The bins, both tallies, and the profile of all days."""

    bins: Bins
    reference: Tally
    current: Tally | None
    profile: Profile


def counted(
    sample: Part,
    kinds: Mapping[str, str],
    reference: Iterable[Part],
    current: Iterable[Part],
    related: bool = True,
) -> Counted:
    """Count the columns in `kinds` of the parts of two tables. Bins and relations are those of a reference `sample`.

    Without `related`, how columns go together is not looked at. Raises ValueError where a current day is not later than
    all reference days: a day cannot be held against itself.

    Parts are read once each, one at a time, so that a table of any size is counted in bounded memory.
    """
    rows, days = sample
    bins, some = bins_of(rows, kinds), slice(None, None, max(1, len(rows) // MOST_RELATED))
    until = int(days.max())
    relations = relations_of(bins, codes_of(bins, rows.iloc[some]), days[some], until) if related else UNRELATED
    make: Callable[[Part], Tally] = lambda part: tally(bins, relations, *part)  # noqa: E731
    then = added(make(part) for part in reference)
    parts = (make(part) for part in current if len(part[0]))
    first_part = next(parts, None)
    now = None if first_part is None else added(chain([first_part], parts))
    if now is not None and now.days.min() <= then.days.max():
        first, last = as_date(now.days.min()), as_date(then.days.max())
        raise ValueError(f"what is watched begins on {first}, and the reference ends on {last}: it must end before")
    return Counted(bins, then, now, profile(bins, relations, then, now))


def predicted(task: Task, answers: Answers, answer: np.ndarray) -> pd.DataFrame:
    """Return what is watched of answers: their numbers, the size of their sets, and whether they count as a yes."""
    columns = dict(zip(task.parts, to_parts(answer), strict=True))
    columns["size of the set"] = answers.sets.sizes(answer).astype("float64")
    if (threshold := getattr(answers, "threshold", None)) is not None:
        columns["at or above the threshold"] = (answer >= threshold).astype("float64")
    return pd.DataFrame(columns)
