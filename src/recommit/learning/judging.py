"""Judge answers for the same rows: every score, and every difference, with its interval."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Coverage
from recommit.learning.intervals import Blocks, Estimate
from recommit.task import Task


def scores(task: Task, truth: ArrayLike, answer: ArrayLike) -> dict[str, float]:
    """Return each score of the task, without its interval; NaN for one that these rows cannot give."""
    one_block = Blocks(np.zeros(len(np.asarray(truth)), dtype="int64"), 1, 0)
    return values(task.judge(truth, answer, one_block))


def by_group(task: Task, truth: pd.Series, answer: np.ndarray, group: pd.Series) -> pd.DataFrame:
    """Return the `scores` of each group, one row per group in their order; `rows` says how many rows it has."""
    places = pd.Series(np.arange(len(truth))).groupby(group.to_numpy())
    found = {name: {"rows": len(part), **scores(task, truth.iloc[part], answer[part])} for name, part in places}
    return pd.DataFrame(found).T.astype({"rows": "int64"}).rename_axis(str(group.name))


def differences(candidate: Mapping[str, Estimate], other: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return by how much `candidate` is better than `other` in each score: above 0 is better for every score."""
    return {name: SCORES[name].gain(candidate[name], other[name]) for name in other}


def coverage(task: Task, truth: ArrayLike, covered: ArrayLike, sizes: ArrayLike, blocks: Blocks) -> dict[str, Estimate]:
    """Return how often sets held the truth, overall and in each group of `Task.groups`, and last their mean size.

    `covered` says of each row whether its set held the truth, (n,).
    """
    held = np.asarray(covered, dtype="float64")
    groups = {name: group.astype("float64") for name, group in task.groups(truth).items()}
    return {
        "overall": blocks.ratio(held),
        **{name: blocks.ratio(held * group, group) for name, group in groups.items()},
        task.size: blocks.ratio(np.asarray(sizes, dtype="float64")),
    }


def as_coverage(level: float, found: Mapping[str, Estimate]) -> Coverage:
    """Return what `coverage` found as evidence; `level` is what the sets promise."""
    (_, overall), *groups, size = intervals(found).items()
    return Coverage(level, overall, dict(groups), dict([size]))


def as_table(judged: Mapping[str, Mapping[str, Estimate | Interval]]) -> pd.DataFrame:
    """Return numbers with their intervals as text: one row per name, one column per score."""
    return pd.DataFrame(
        {name: {key: str(_interval(one)) for key, one in row.items()} for name, row in judged.items()}
    ).T


def intervals(judged: Mapping[str, Estimate]) -> dict[str, Interval]:
    """Return the interval of each number, as evidence keeps it."""
    return {name: one.interval() for name, one in judged.items()}


def values(judged: Mapping[str, Estimate]) -> dict[str, float]:
    """Return the numbers without intervals."""
    return {name: float(number.value) for name, number in judged.items()}


def deciding(task: Task, candidate: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, float]:
    """Return the few numbers that DVC shows of each experiment, from all scores of the candidate and of the baseline.

    They are the loss, the first other score, and `saved`: by how much the loss is below the baseline's.
    """
    shown = list(dict.fromkeys([task.loss, *task.scores]))[:2]
    saved = SCORES[task.loss].gain(candidate[task.loss], baseline[task.loss])
    return {name: candidate[name] for name in shown} | {"saved": saved}


def _interval(one: Estimate | Interval) -> Interval:
    return one.interval() if isinstance(one, Estimate) else one
