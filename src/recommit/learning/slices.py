"""Judge answers on parts of the rows, and find the part on which they do worst."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Slice
from recommit.learning.intervals import LEAST_BLOCKS, LEAST_ROWS, Blocks
from recommit.problem import Problem
from recommit.task import Task


@dataclass(frozen=True)
class Scored:
    """Of each row, (n,): truth, answer, a reference's answer, and whether its set held the truth."""

    truth: ArrayLike
    answer: ArrayLike
    reference: ArrayLike
    covered: ArrayLike


def columns_of(problem: Problem, features: pd.DataFrame) -> pd.DataFrame:
    """Return the parts that each row of `features` is judged among: as `problem.slices` says, or by each category."""
    return problem.slices(features) if problem.slices else features[list(problem.catalogue.categories())]


def search(task: Task, columns: pd.DataFrame, scored: Scored, days: Blocks) -> list[Slice]:
    """Return a slice for each value of a column, and each pair of values of two columns, with enough rows and days.

    `columns` are categories, (n, columns), in the order of `scored`. Slices with fewer than 200 rows or 10 days, or
    without an interval, are left out: they can say nothing. Worst improvement first.
    """
    loss, reference = (task.losses(scored.truth, answer) for answer in (scored.answer, scored.reference))
    came, said = task.came(scored.truth, scored.answer), task.said(scored.answer)
    covered = np.asarray(scored.covered, dtype="float64")
    values = np.column_stack([np.ones(len(came)), came, loss, said - came, covered, reference - loss])
    if not len(columns.columns):
        return []
    names, sums = zip(*_sums(columns, values, days), strict=True)
    by_day = np.concatenate(sums, axis=1)
    enough = (by_day[:, :, 0].sum(axis=0) >= LEAST_ROWS) & ((by_day[:, :, 0] > 0).sum(axis=0) >= LEAST_BLOCKS)
    by_day = by_day[:, enough]
    if not by_day.shape[1]:
        return []
    rows = by_day[:, :, 0]
    measured = [days.ratio_of_sums(by_day[:, :, kind], rows) for kind in range(1, values.shape[1])]
    mean, losses, gap, coverage, improvement = measured
    columns_of = zip(losses.each(), gap.each(), coverage.each(), improvement.simultaneous(), strict=True)
    kept = [name for name, keep in zip(itertools.chain(*names), enough, strict=True) if keep]
    found = [
        Slice(by, value, int(count), float(part), *intervals)
        for (by, value), count, part, intervals in zip(kept, rows.sum(axis=0), mean.value, columns_of, strict=True)
    ]
    found = [part for part in found if np.isfinite(part.improvement.high)]
    return sorted(found, key=lambda part: (part.improvement.value, part.by, part.value))


def numbers(part: Slice) -> dict[str, Interval]:
    """Return what was measured on a part, by name."""
    return {"loss": part.loss, "gap": part.gap, "coverage": part.coverage, "improvement": part.improvement}


def worst(found: Sequence[Slice]) -> Slice | None:
    """Return the slice that is most surely worse than the reference: the lowest upper end of the improvement."""
    return min(found, key=lambda part: (part.improvement.high, part.by, part.value), default=None)


def _sums(
    columns: pd.DataFrame, values: np.ndarray, days: Blocks
) -> Iterator[tuple[list[tuple[str, str]], np.ndarray]]:
    """Yield for each column or pair: (its slices, the sums of `values` in them by day, (days, slices, kinds))."""
    names = list(columns.columns)
    for chosen in [*itertools.combinations(names, 1), *itertools.combinations(names, 2)]:
        labels = reduce(lambda one, other: one + " x " + other, (columns[name].astype("str") for name in chosen))
        code, found = pd.factorize(labels, sort=True)
        cells = days.codes * len(found) + code
        shape = (days.number, len(found))
        sums = [np.bincount(cells, weights=kind, minlength=shape[0] * shape[1]).reshape(shape) for kind in values.T]
        yield [(" x ".join(chosen), value) for value in found], np.stack(sums, axis=2)
