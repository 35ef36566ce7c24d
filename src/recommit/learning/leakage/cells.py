"""A column cut into cells: what a cell says of the target is then a count, and counting is quick.

The mean of the target in each cell of earlier rows is the prediction for later ones. For one column that is a tree of
one feature with many leaves, for a category the usual encoding by the target's mean in order of time; for two columns
it is a grid, which unlike a tree that grows greedily also sees two columns that mean something only together.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

FINE, COARSE = 64, 16
MISSING = 0
# A number in more than this share of rows may stand for something else, as 999 does, and has a cell of its own.
_COMMON = 1 / 512
# A mean of few rows is shrunk to the mean of all, as if so many more rows had that mean.
_PULL = 5


@dataclass(frozen=True)
class Cells:
    """The cell of each earlier and each later row, int64 from 0, and what each cell holds, in words.

    Cell 0 holds missing values. A category's cell 1 holds values that are rare or new.
    """

    earlier: np.ndarray
    later: np.ndarray
    names: tuple[str, ...]

    @property
    def number(self) -> int:
        """How many cells there are."""
        return len(self.names)


def is_number(column: pd.Series) -> bool:
    """Whether a column is cut by quantiles (numbers, instants, spans of time) and not by value."""
    kind = pd.api.types
    return kind.is_numeric_dtype(column) or kind.is_datetime64_any_dtype(column) or kind.is_timedelta64_dtype(column)


def numbers(column: pd.Series) -> np.ndarray:
    """A column of numbers, instants or spans of time as float64, (rows,): seconds for time, NaN where missing."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column - pd.Timestamp(0, tz=column.dt.tz)
    if pd.api.types.is_timedelta64_dtype(column):
        column = column.dt.total_seconds()
    return column.to_numpy("float64", na_value=np.nan)


def cells(earlier: pd.Series, later: pd.Series, most: int = FINE) -> Cells:
    """Cut a column by what its earlier rows hold: numbers at quantiles, about `most` of them; a cell for each category.

    Of a category the `most` commonest values get a cell. Raises TypeError for values that cannot be hashed.
    """
    if is_number(earlier):
        return _by_quantile(numbers(earlier), numbers(later), most)
    known = earlier.dropna().value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:most]
    codes = [np.where(part.isna(), MISSING, known.get_indexer(pd.Index(part)) + 2) for part in (earlier, later)]
    return Cells(codes[0], codes[1], ("missing", "rare or new", *(str(value) for value in known)))


def _by_quantile(earlier: np.ndarray, later: np.ndarray, most: int) -> Cells:
    there = earlier[~np.isnan(earlier)]
    values, rows = np.unique(there, return_counts=True)
    edges = values[:0]
    if len(values):
        common = values[rows > _COMMON * len(earlier)] if most >= FINE else edges
        quantiles = np.quantile(there, np.linspace(0, 1, most + 1)[:-1], method="lower")
        edges = np.unique(np.concatenate([quantiles, common, np.nextafter(common, -np.inf)]))
    codes = [np.where(np.isnan(part), MISSING, np.searchsorted(edges, part) + 1) for part in (earlier, later)]
    bounds = [f"up to {edge:.6g}" for edge in edges]
    return Cells(codes[0], codes[1], ("missing", *bounds, f"above {edges[-1]:.6g}" if len(edges) else "there"))


def missing(earlier: pd.Series, later: pd.Series) -> Cells:
    """Whether a value is missing, and nothing else."""
    codes = [np.where(part.isna(), MISSING, 1) for part in (earlier, later)]
    return Cells(codes[0], codes[1], ("missing", "there"))


def product(a: Cells, b: Cells) -> Cells:
    """The cells of two columns together; they have no names of their own."""
    names = ("",) * (a.number * b.number)
    return Cells(a.earlier * b.number + b.earlier, a.later * b.number + b.later, names)


def rates(cells: Cells, truth: np.ndarray) -> np.ndarray:
    """The share of true among the earlier rows of each cell, (cells,), pulled to that of all where rows are few."""
    true, rows = counts(cells.earlier, truth, cells.number)
    return (true + _PULL * truth.mean()) / (rows + _PULL)


def counts(codes: np.ndarray, truth: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """How many true, and how many rows, each cell has: two arrays (cells,)."""
    rows = np.bincount(codes, minlength=number)
    return np.bincount(codes[truth], minlength=number), rows


def auc_of_counts(score: np.ndarray, true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Area under the ROC curve when rows of cell j, (cells,), have score[j]; NaN without both outcomes.

    `true` and `false` are counts, (cells,) or (blocks, cells); equal scores count half, as Mann and Whitney (1947).
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    true, false = (np.add.reduceat(part[..., order], starts, axis=-1) for part in (true, false))
    below = np.cumsum(false, axis=-1) - false / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return (true * below).sum(axis=-1) / (true.sum(axis=-1) * false.sum(axis=-1))


def auc(cells: Cells, earlier: np.ndarray, later: np.ndarray) -> float:
    """AUC on later rows of the rates that earlier rows have; `earlier` and `later` are the target there, bool."""
    true, rows = counts(cells.later, later, cells.number)
    return float(auc_of_counts(rates(cells, earlier), true, rows - true))
