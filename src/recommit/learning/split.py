"""A split of a table, and what cuts one: rows to learn from, rows to judge on, and the blocks of rows for intervals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd

from recommit.learning.calendar import Calendar

LEAST = 5  # rows of a class in each part: with fewer, no number of that class can be measured


@dataclass(frozen=True)
class Split:
    """Rows to learn from, rows to judge on, the name of the latter, and the blocks of rows for intervals.

    Where parts follow each other in time, every target in `train` was known before `starts`, and every row of `test`
    was predicted at or after `starts` and its target known before `ends`. Elsewhere both are None.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    starts: pd.Timestamp | None
    ends: pd.Timestamp | None
    blocks: Callable[[pd.DataFrame], pd.Series]

    def only(self, kept: pd.Index) -> "Split":
        """The same split of those rows alone whose label is in `kept`."""
        train, test = (part[part.index.isin(kept)] for part in (self.train, self.test))
        return replace(self, train=train, test=test)


class Splitter(Protocol):
    """How a table is cut into parts. Each table has one row per prediction, with the `columns`."""

    @property
    def ordered(self) -> bool:
        """Whether parts follow each other in time."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What parts and blocks are made from: stages read these columns beside the target and the features."""

    @property
    def instant(self) -> str | None:
        """The column that says when a prediction is asked for; None where rows have no time."""

    @property
    def known(self) -> str | None:
        """The column that says from when the target is known; None where rows have no time."""

    @property
    def now(self) -> pd.Timestamp | None:
        """The clock; None where rows have no time."""

    @property
    def calendar(self) -> Calendar:
        """The periods in which tables with a time are compared with one another (`quality`): a week or longer."""

    def test(self, table: pd.DataFrame) -> Split:
        """Judge on the last part before the clock, or on a drawn share, and learn from what was known before it.

        Raises ValueError, in one line that says what to change, where a part has too few rows, or of a class.
        """

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        """Judge on n parts of the training rows, oldest first; by default as many as `split.folds` says.

        `table` holds what `test` gives to learn from. No fold sees a row to test on. Raises ValueError as `test`.
        """

    def blocks(self, rows: pd.DataFrame) -> pd.Series:
        """The block of each row, for intervals: a time or a number that sorts as time does, a group, or a hash."""

    def span(self, test: pd.DataFrame) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """When the part to test on, of which `test` are the rows, starts and ends; None where there is no order."""

    def back(self, table: pd.DataFrame, ends: Any, n: int) -> pd.Timestamp | None:
        """When the n-th part before `ends` starts; None where that is before the first whole part of `table`.

        Raises ValueError where parts do not follow each other in time.
        """


def checked(split: Split, target: str | None, advice: str) -> Split:
    """The split. Raises ValueError where a part has too few rows, or too few of a class, if the target has classes."""
    if target is None or target not in split.train:
        return split
    parts = {"train": split.train[target], "test": split.test[target]}
    whole = pd.concat(parts.values())
    classes = [] if pd.api.types.is_float_dtype(whole) else list(whole.dropna().unique())
    for part, found in parts.items():
        counted = {f" with {target} {name}": int((found == name).sum()) for name in classes} or {"": len(found)}
        for which, number in counted.items():
            if number < LEAST:
                raise ValueError(
                    f"{split.name} has {number} rows{which} to {part} on, and {LEAST} are needed: {advice}"
                )
    return split


def number_of(folds: int) -> int:
    """The number of folds. Raises ValueError for one that is none."""
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 1:
        raise ValueError(f"the number of folds must be 1 or more, not {folds}")
    return folds


def fold_name(place: int, number: int) -> str:
    """The name of a fold: names sort as folds do."""
    return f"fold {place:0{len(str(number))}}"
