"""What each number is by the other columns of its row: a fault that changes no distribution changes that.

The residual of a number is what a ridge regression on all others leaves of it. All such regressions at once are one
matrix, the inverse of the correlations (Whittaker 1990, "Graphical Models in Applied Multivariate Statistics", 5.7).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recommit.monitoring.bins import Bins

_RIDGE = 0.05
_MOST_DUMMIES = 30  # values of a category that has a column for each of them


@dataclass(frozen=True)
class Relations:
    """Two matrices that give residuals, (columns and dummies, numbers) each, and the means of what they are applied to.

    The first was learned from every other week of the reference, the second from the weeks between. A reference day
    gets the residuals of the one that did not see it, and a day after `until`, the last reference day, those of the
    first: else later days would look worse for having been unseen.
    """

    matrices: tuple[np.ndarray, np.ndarray]
    means: tuple[np.ndarray, np.ndarray]
    numbers: np.ndarray
    """The places of the numbers among the columns of the bins."""
    dummies: tuple[int, ...]
    """The places of the categories that take part."""
    until: int

    def residuals(self, bins: Bins, codes: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return the residual of each number in each row, (rows, numbers), by the bin of each column, (rows, columns).

        `days` says on which day each row is. Residuals are near to 0 with a variance of 1 in the reference rows.
        """
        inputs = _inputs(bins, codes, self.numbers, self.dummies)
        found = np.empty((len(codes), len(self.numbers)))
        which = np.where(days <= self.until, _halves(days), 0)
        for half, (matrix, mean) in enumerate(zip(self.matrices, self.means, strict=True)):
            here = which == half
            if here.any():
                found[here] = (inputs[here] - mean) @ matrix
        return found


_NOTHING = np.zeros((0, 0))
UNRELATED = Relations((_NOTHING, _NOTHING), (np.zeros(0), np.zeros(0)), np.empty(0, dtype="int64"), (), 0)
"""No relation is looked at."""


def relations_of(bins: Bins, codes: np.ndarray, days: np.ndarray, until: int) -> Relations:
    """Return the relations of reference rows, by the bin of each column, (rows, columns), and by their `days`."""
    numbers = np.array([place for place, one in enumerate(bins.columns) if one.edges is not None], dtype="int64")
    dummies = tuple(
        place
        for place, one in enumerate(bins.columns)
        if one.values is not None and 1 < len(one.values) <= _MOST_DUMMIES
    )
    inputs, halves = _inputs(bins, codes, numbers, dummies), _halves(days)
    whole = len(np.unique(halves)) < 2
    learned = [_learned(inputs[(halves == half) | whole], len(numbers)) for half in (1, 0)]
    (one, other), (first, second) = zip(*learned, strict=True)
    return Relations((one, other), (first, second), numbers, dummies, until)


def _halves(days: np.ndarray) -> np.ndarray:
    """Which half of the weeks each day is in: 0 or 1."""
    return np.asarray(days // 7 % 2)


def _learned(rows: np.ndarray, numbers: int) -> tuple[np.ndarray, np.ndarray]:
    mean = rows.mean(axis=0)
    apart = rows - mean
    spread = np.sqrt(np.maximum((apart**2).mean(axis=0), 1e-6))
    related = apart.T @ apart / len(rows) / np.outer(spread, spread)
    inverse = np.linalg.inv(related + _RIDGE * np.eye(len(spread)))
    matrix = inverse[:, :numbers] / np.diag(inverse)[:numbers] / spread[:, None]
    size = np.sqrt(np.maximum((apart @ matrix).var(axis=0), 1e-6))
    return matrix / size, mean


def _inputs(bins: Bins, codes: np.ndarray, numbers: np.ndarray, dummies: tuple[int, ...]) -> np.ndarray:
    parts = [bins.columns[place].scores[codes[:, place]][:, None] for place in numbers]
    for place in dummies:
        values = bins.columns[place].values
        assert values is not None
        parts.append((codes[:, [place]] == np.arange(len(values))).astype("float64"))
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(codes), 0))


def codes_of(bins: Bins, table: pd.DataFrame) -> np.ndarray:
    """Return the bin of each value of the columns of `bins` in `table`, (rows, columns)."""
    found = [one.codes(table[one.name]).astype("int16") for one in bins.columns]
    return np.stack(found, axis=1) if found else np.zeros((len(table), 0), dtype="int16")
