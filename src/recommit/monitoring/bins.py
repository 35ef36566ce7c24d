"""Bins of each column, made once from reference rows: every later row is then only counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

MOST_ROWS = 200_000
"""Reference rows that bins are made from; of more, so many are enough for quantiles."""
_INNER = 16
_MOST_VALUES = 200
_BEYOND = (
    0.25  # times the distance of the 5 % and 95 % quantiles: only farther out a value is outside. Records are usual
)
_FAR = 3.0  # the score of a value outside of the range: farther than the mean of any of 16 equally filled bins


@dataclass(frozen=True)
class Binned:
    """The bins of one column: of a number below, `edges`, above, missing; of a text its `values`, unseen, missing.

    `scores` is the normal score of each bin, (bins,): where its rows stand among the reference rows (van der Waerden
    1952). It is 0 for a missing value, and in all bins of a text.
    """

    name: str
    edges: np.ndarray | None
    values: pd.Index | None
    scores: np.ndarray

    def codes(self, column: pd.Series) -> np.ndarray:
        """Return the bin of each value, (rows,)."""
        if self.edges is None:
            assert self.values is not None
            place, found = pd.factorize(column, use_na_sentinel=True)
            known = self.values.get_indexer(pd.Index(found).astype("str"))
            missing = len(self.values) + 1
            bins = np.append(np.where(known < 0, len(self.values), known), missing)
            return np.asarray(bins[place])
        numbers = column.to_numpy("float64", na_value=np.nan)
        place = np.searchsorted(self.edges, numbers, side="right")
        return np.asarray(np.where(np.isnan(numbers), len(self.edges) + 1, place))

    @property
    def outside(self) -> list[int]:
        """The bins of values that the reference rows do not have."""
        return [0, len(self.scores) - 2] if self.edges is not None else [len(self.scores) - 2]


@dataclass(frozen=True)
class Bins:
    """The bins of all columns, one after the other in one row of counts: see `Tally`."""

    columns: tuple[Binned, ...]

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the bins of each column begin, and where the last end, (columns + 1,)."""
        return np.concatenate([[0], np.cumsum([len(one.scores) for one in self.columns])])

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [one.name for one in self.columns]

    @cached_property
    def scores(self) -> np.ndarray:
        """The scores of all bins, (bins,)."""
        return np.concatenate([one.scores for one in self.columns])

    def mask(self, which: str) -> np.ndarray:
        """Return which bins hold missing values, or values "outside" of the reference, (bins,) bool."""
        found = np.zeros(self.starts[-1], dtype=bool)
        for start, one in zip(self.starts, self.columns, strict=False):
            found[[start + place for place in (one.outside if which == "outside" else [len(one.scores) - 1])]] = True
        return found

    def added(self, per_bin: np.ndarray) -> np.ndarray:
        """Return the sums over each column's bins of numbers per bin, (days, bins): (days, columns)."""
        return np.add.reduceat(per_bin, self.starts[:-1], axis=1)

    def spread(self, per_column: np.ndarray) -> np.ndarray:
        """Return numbers per column, (days, columns), once for each of its bins: (days, bins)."""
        return np.repeat(per_column, np.diff(self.starts), axis=1)


def kinds_of(table: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """Return "number" or "category" for each of `columns`, by its type in `table`."""
    numeric = {name: pd.api.types.is_numeric_dtype(table[name]) for name in columns}
    boolean = {name: pd.api.types.is_bool_dtype(table[name]) for name in columns}
    return {name: "number" if numeric[name] and not boolean[name] else "category" for name in columns}


def bins_of(reference: pd.DataFrame, kinds: Mapping[str, str]) -> Bins:
    """Return the bins that the `reference` rows give: 16 equally filled ones of a number, each value of a category."""
    rows = reference.iloc[:: max(1, len(reference) // MOST_ROWS)]
    made = (_numbers if kind == "number" else _values for kind in kinds.values())
    return Bins(tuple(make(rows[name]) for name, make in zip(kinds, made, strict=True)))


def _numbers(column: pd.Series) -> Binned:
    known = column.to_numpy("float64", na_value=np.nan)
    known = known[np.isfinite(known)]
    if not len(known):
        return Binned(str(column.name), np.array([0.0]), None, np.zeros(3))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _INNER + 1), method="lower"))
    low, high = np.quantile(known, [0.05, 0.95], method="lower")
    margin = _BEYOND * (high - low)
    edges = np.concatenate([[edges[0] - margin], edges[1:-1], [np.nextafter(edges[-1] + margin, np.inf)]])
    below = np.searchsorted(np.sort(known), edges, side="left") / len(known)
    middle = (below[1:] + below[:-1]) / 2
    inner = stats.norm.ppf(np.clip(middle, 1e-3, 1 - 1e-3))
    return Binned(str(column.name), edges, None, np.concatenate([[-_FAR], inner, [_FAR, 0.0]]))


def _values(column: pd.Series) -> Binned:
    counted = column.dropna().astype("str").value_counts().sort_index().sort_values(ascending=False, kind="stable")
    values = pd.Index(sorted(counted.index[:_MOST_VALUES]), dtype="str")
    return Binned(str(column.name), None, values, np.zeros(len(values) + 2))
