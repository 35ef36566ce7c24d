"""The candidates of two sides on the same rows of the folds: every score, and their paired difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from recommit import Refusal
from recommit.compare.side import Side, predictions
from recommit.evidence.numbers import Interval
from recommit.learning.intervals import LEAST_BLOCKS, LEAST_ROWS, Blocks, Estimate, blocks
from recommit.learning.judging import differences
from recommit.learning.splits import splitter
from recommit.problem import Problem


@dataclass(frozen=True)
class Pair:
    """What two candidates answered for the same `rows`, before calibration, as `select` compares fits.

    `folds` are the folds that both predicted, `others` those that one of them lacks, or where its rows are others.
    """

    problem: Problem
    rows: pd.DataFrame
    drawn: Blocks
    answers: tuple[np.ndarray, np.ndarray]
    folds: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def truth(self) -> pd.Series:
        """The targets, (rows,)."""
        return self.rows[self.problem.target]

    @property
    def same(self) -> bool:
        """Whether both answered every row alike."""
        return bool(np.array_equal(*self.answers))

    @cached_property
    def judged(self) -> tuple[Mapping[str, Estimate], Mapping[str, Estimate]]:
        """Every score of the first and of the second."""
        first, second = (self.problem.task.judge(self.truth, answer, self.drawn) for answer in self.answers)
        return first, second

    @cached_property
    def gains(self) -> Mapping[str, Estimate]:
        """By how much the second is better in every score: above 0 is better, whichever way it points."""
        first, second = self.judged
        return differences(second, first)

    @property
    def saved(self) -> Interval:
        """The loss of the first less that of the second: the mean over rows, paired."""
        task = self.problem.task
        return self.drawn.ratio(np.subtract(*(task.losses(self.truth, answer) for answer in self.answers))).interval()

    @property
    def enough(self) -> bool:
        """Whether the rows are enough for an interval that a decision may stand on."""
        return len(self.rows) >= LEAST_ROWS and self.drawn.number >= LEAST_BLOCKS


def paired(root: Path, problem: Problem, first: Side, second: Side) -> Pair:
    """Return the candidates of both sides on the rows that they share: the folds whose rows and targets are the same.

    Raises Refusal where predictions are not here, answer another question, or share no fold.
    """
    (old, one), (new, other) = (predictions(root, side, problem) for side in (first, second))
    if one.ndim != other.ndim or [*old] != [*new]:
        raise Refusal(f"{first.name} and {second.name} are split by other columns: {_told(old)}, and {_told(new)}", 1)
    old_rows, new_rows = ({str(name): part for name, part in table.groupby("fold")} for table in (old, new))
    every = sorted({*old_rows, *new_rows})
    folds = [name for name in every if name in old_rows and name in new_rows and _same(old_rows[name], new_rows[name])]
    if not folds:
        raise Refusal(
            f"{first.name} and {second.name} have no fold of the same rows: other data, or another clock, sample or "
            f"split ({len(old):,} rows of {_span(old_rows)}, and {len(new):,} of {_span(new_rows)})",
            1,
        )
    old_at, new_at = (np.concatenate([rows[name].index for name in folds]) for rows in (old_rows, new_rows))
    rows = old.loc[old_at].reset_index(drop=True)
    try:
        splits = splitter(problem, first.params.get("split", {}), first.params.get("as_of"))
        drawn = blocks(splits.blocks(rows), 0)
    except (KeyError, ValueError) as error:
        raise Refusal(f"{first.name} is split as this project's rows cannot be: {error}", 1) from None
    answers = one[old_at], other[new_at]
    return Pair(problem, rows, drawn, answers, tuple(folds), tuple(name for name in every if name not in folds))


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.reset_index(drop=True).equals(other.reset_index(drop=True))


def _told(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))


def _span(rows: Mapping[str, pd.DataFrame]) -> str:
    names = list(rows)
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
