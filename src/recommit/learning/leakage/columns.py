"""Look for leaks in columns, one look after another: columns that a look names are left out of later looks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Leak
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.leak import columns_of
from recommit.learning.leakage.shuffled import Saving, alone, strong_against_shuffled, stronger_lately
from recommit.learning.leakage.spans import within
from recommit.learning.leakage.target import strongest, target_in_columns
from recommit.learning.leakage.telling import telling_values
from recommit.learning.split import LEAST
from recommit.learning.splits import Split, Splitter, sample
from recommit.task import Task

LOOKS = ("target_in_columns", "strong_columns", "strong_against_shuffled", "stronger_lately", "telling_value")
# Counting is quick, and rare values need many rows.
_COUNTED = 5


@dataclass(frozen=True)
class Question:
    """A yes/no question of a task, and the training rows with its answers in the target's column.

    `some` are drawn rows, and `sampled` the folds with those rows alone.
    """

    words: str
    rows: pd.DataFrame
    some: pd.DataFrame
    sampled: tuple[Split, ...]


def questions(task: Task, rows: pd.DataFrame, splitter: Splitter, target: str, most: int, seed: int) -> list[Question]:
    """Return each of `Task.questions` about the training `rows`; at most so many of them are drawn.

    Of a number, a fold may have one answer alone: see `_ways`.
    """
    found = []
    for question, asked in task.questions(rows[target]).items():
        ways = [(question, pd.Series(asked, index=rows.index)), *_ways(task, rows, splitter, target)]
        told = [(words, rows.assign(**{target: answers})) for words, answers in ways]
        words, table = next((one for one in told if _telling(_folds(one[1], splitter, target), target)), told[0])
        folds = _telling(_folds(table, splitter, target), target)
        some = sample(table, most, seed)
        found.append(Question(words, table, some, tuple(fold.only(some.index) for fold in folds)))
    return found


def _ways(task: Task, rows: pd.DataFrame, splitter: Splitter, target: str) -> list[tuple[str, pd.Series]]:
    """Return other questions of a number, with their answers; none of classes.

    A number that goes up from period to period is above its median in the last ones alone; one with a limit that most
    rows reach is above its median nowhere.
    """
    if not pd.api.types.is_float_dtype(rows[target]):
        return []
    return [
        ("above the median of its period", _by_period(task, rows[target], splitter.folds(rows))),
        ("below its highest value", rows[target] < rows[target].max()),
    ]


def _by_period(task: Task, truth: pd.Series, folds: Sequence[Split]) -> pd.Series:
    """Return the answers to the task's only question of the rows of each fold, and of all others, apart."""
    period = pd.Series(0, index=truth.index)
    for place, fold in enumerate(folds, 1):
        period[fold.test.index] = place
    answers = [
        pd.Series(asked, index=part.index)
        for _, part in truth.groupby(period)
        for asked in task.questions(part).values()
    ]
    return pd.concat(answers).reindex(truth.index)


def leaks_of(
    asked: Sequence[Question], splitter: Splitter, columns: Sequence[str], target: str, bounds: Bounds, seed: int
) -> list[Leak]:
    """Return the leaks in columns by all questions, as `leaks_in_columns` finds them by each.

    Columns that leak by several questions are named once, by that by which they are worth most. Columns that tell one
    class of several need not know the target: they are proof of a leak where they tell all classes but one, which tells
    that one too, and raise a question otherwise.
    """
    by_question = [leaks_in_columns(one.rows, splitter, columns, target, bounds, seed) for one in asked]
    if len(asked) == 1:
        return by_question[0]
    proved = Counter(leak.where for leaks in by_question for leak in leaks if leak.certainty == "proof")
    found: list[Leak] = []
    for question, leaks in zip(asked, by_question, strict=True):
        told = [_told(leak, question.words, proved[leak.where] >= len(asked) - 1) for leak in leaks]
        new = [leak for leak in told if all(_weight(leak) > _weight(one) for one in found if one.where == leak.where)]
        found = [one for one in found if one.where not in {leak.where for leak in new}] + new
    return found


def _told(leak: Leak, question: str, proved: bool) -> Leak:
    """Return `leak` with the question in its words; what is not `proved` by the questions together is a question."""
    how = f"{question}: {leak.how}"
    if leak.certainty == "question" or proved:
        return replace(leak, how=how)
    return Leak.of("strong_columns", leak.where, how, 1.0)


def _weight(leak: Leak) -> tuple[bool, float]:
    return leak.certainty == "proof", leak.worth or 0.0


def strongest_of(
    asked: Sequence[Question], columns: Sequence[str], target: str, seed: int
) -> list[tuple[str, Interval]]:
    """Return each column with its largest AUC by any of the questions: see `target.strongest`."""
    found: dict[str, Interval] = {}
    for question in asked:
        for name, area in strongest(question.sampled, columns, target, seed):
            found[name] = max(found.get(name, area), area, key=lambda one: one.value)
    return sorted(found.items(), key=lambda pair: -pair[1].value)


def alone_of(asked: Sequence[Question], columns: Sequence[str], target: str, seed: int) -> list[Saving]:
    """Return what columns save by any of the questions, greatest first: see `shuffled.alone`."""
    found = [saving for question in asked for saving in alone(question.sampled[-1], columns, target, seed)]
    return sorted(found, key=lambda one: -one.of_baseline)


def leaks_in_columns(
    rows: pd.DataFrame, splitter: Splitter, columns: Sequence[str], target: str, bounds: Bounds, seed: int
) -> list[Leak]:
    """Return the leaks in columns of the training `rows`, proofs and questions: see `Leak`.

    `rows` has the columns, those of the splitter, and the target (true or false). It looks at the folds in which both
    answers are: each by what its training rows say, and, where folds follow each other in time, within itself and
    within the period before the first. Each column is named by one look. Raises ValueError as `Splitter.folds`, for a
    target that is not true or false, and where no fold has both answers.
    """
    whole = _folds(rows, splitter, target)
    folds = _telling(whole, target)
    if not folds:
        raise ValueError(
            f"no fold has {LEAST} rows of each answer to a question of {target}: take longer or fewer folds"
        )
    sampled = [fold.only(sample(rows, bounds.rows, seed).index) for fold in folds]
    apart = _apart(rows, whole, splitter, bounds.rows, seed) if splitter.ordered else []
    last = folds[-1].only(sample(rows, _COUNTED * bounds.rows, seed).index)
    # The last period's own split shows what begins in that period; it may be empty if the period is short.
    alone = [split for split in apart[-1:] if len(split.train) and len(split.test)]
    found = target_in_columns([*sampled, *alone], columns, target, bounds)
    found += strong_against_shuffled(sampled[-1], _left(columns, found), target, bounds.worth, seed)
    found += stronger_lately(apart, _left(columns, found), target, bounds.rise, seed)
    for split in [last, *alone]:
        found += telling_values(split, _left(columns, found), target, bounds.odds)
    return found


def _folds(rows: pd.DataFrame, splitter: Splitter, target: str) -> list[Split]:
    """Return all folds, with the target as true or false; in one of them it may have one answer alone."""
    if rows[target].isna().any() or not rows[target].isin([False, True]).all():
        raise ValueError(f"target {target} must be true or false in every row")
    folds = splitter.folds(rows.astype({target: "float64"}))  # of a number, a fold need not have every value
    types = {target: "bool"}
    return [replace(fold, train=fold.train.astype(types), test=fold.test.astype(types)) for fold in folds]


def _telling(folds: Sequence[Split], target: str) -> list[Split]:
    """Return the folds that have both answers to learn from and to judge on."""
    return [fold for fold in folds if min(map(_rarer, (fold.train[target], fold.test[target]))) >= LEAST]


def _rarer(answers: pd.Series) -> int:
    return min(int(answers.sum()), int((~answers).sum()))


def _left(columns: Sequence[str], found: Sequence[Leak]) -> list[str]:
    named = {column for leak in found for column in columns_of(leak)}
    return [column for column in columns if column not in named]


def _apart(rows: pd.DataFrame, folds: Sequence[Split], splitter: Splitter, most: int, seed: int) -> list[Split]:
    """Return the split within each fold's period, and within the period before the first where there is one."""
    first = folds[0]
    before = splitter.back(rows, first.starts, 1)
    parts = [] if before is None else [replace(first, name=f"before {first.name}", starts=before, ends=first.starts)]
    at = rows[splitter.instant]
    return [
        within(sample(rows[(at >= part.starts) & (at < part.ends)], max(most // len(folds), 1), seed), part)
        for part in (*parts, *folds)
    ]
