"""Intervals for numbers measured on rows that are not independent: whole blocks of them, days say, are drawn anew.

The flights of one day share its weather and its jams, so a month is thirty-odd pieces of evidence and not thirty
thousand. A bootstrap of whole blocks (Davison and Hinkley 1997, section 3.8) sees that; one of rows does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95
REPLICATES = 1000
LEAST_ROWS, LEAST_BLOCKS = 200, 10
"""Of fewer rows or blocks an interval says nothing that a decision may stand on."""


@dataclass(frozen=True)
class Interval:
    """A measured number and the interval that holds the true one in `level` of all such measurements."""

    value: float
    low: float
    high: float
    level: float = LEVEL

    def as_dict(self) -> dict[str, float]:
        """As evidence keeps it, to six decimals."""
        return {name: round(float(number), 6) for name, number in vars(self).items()}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Estimate:
    """A number, or k of them, as measured, (k,) or (), and in each replicate, (replicates, k) or (replicates,).

    Two estimates on the same `Blocks` may be subtracted: the difference is then a paired one.
    """

    value: np.ndarray
    replicates: np.ndarray
    blocks: int

    def __sub__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value - other.value, self.replicates - other.replicates, self.blocks)

    def interval(self, level: float = LEVEL) -> Interval:
        """The interval of a single number: the expanded percentile interval of Hesterberg (2015), equation 8.

        Plain percentiles are too narrow for few blocks, as if Student's t were the normal; this widens them to match.
        Raises ValueError for fewer than two blocks: one block says nothing of how blocks differ.
        """
        if self.blocks < 2:
            raise ValueError(f"an interval needs two blocks or more, there are {self.blocks}")
        widened = np.sqrt(self.blocks / (self.blocks - 1)) * stats.t.ppf((1 - level) / 2, self.blocks - 1)
        tail = float(stats.norm.cdf(widened))
        finite = self.replicates[np.isfinite(self.replicates)]
        low, high = np.quantile(finite, [tail, 1 - tail]) if len(finite) else (np.nan, np.nan)
        return Interval(float(self.value), float(low), float(high), level)

    def each(self, level: float = LEVEL) -> list[Interval]:
        """The interval of each of k numbers, by itself."""
        columns = zip(self.value, self.replicates.T, strict=True)
        return [Estimate(value, column, self.blocks).interval(level) for value, column in columns]

    def simultaneous(self, level: float = LEVEL) -> list[Interval]:
        """Intervals of k numbers that hold all true ones together in `level` of all such measurements.

        The largest of many looks bad by chance. The single-step max-t method (Westfall and Young 1993) widens every
        interval by what the largest of k studentised deviations reaches, and so counts numbers that move together once.
        A number that no replicate changes, or that some cannot compute, gets an interval without ends.
        """
        error = self.replicates.std(axis=0, ddof=1)
        usable = np.isfinite(error) & (error > 0)
        if not usable.any():
            return [Interval(float(value), -np.inf, np.inf, level) for value in self.value]
        deviation = np.abs(self.replicates[:, usable] - self.value[usable]) / error[usable]
        widening = np.sqrt(self.blocks / (self.blocks - 1))
        normal_to_t = stats.t.ppf((1 + level) / 2, self.blocks - 1) / stats.norm.ppf((1 + level) / 2)
        reach = np.quantile(deviation.max(axis=1), level) * widening * normal_to_t * np.where(usable, error, np.inf)
        return [
            Interval(float(value), float(value - margin), float(value + margin), level)
            for value, margin in zip(self.value, reach, strict=True)
        ]


@dataclass(frozen=True)
class Blocks:
    """Which block each row belongs to, and how often each block is drawn in each replicate.

    `codes` is (rows,) with values 0 to blocks - 1; `counts` is (replicates, blocks), each row of which sums to the
    number of blocks.
    """

    codes: np.ndarray
    counts: np.ndarray

    @property
    def number(self) -> int:
        """How many blocks there are."""
        return self.counts.shape[1]

    def ratio(self, numerator: ArrayLike, denominator: ArrayLike | None = None) -> Estimate:
        """Sum of `numerator` over sum of `denominator` (ones if not said): a mean or a share.

        Both are (rows,) or (rows, k), for k ratios at once. A replicate whose denominator is zero is NaN.
        """
        top = self._sums(np.asarray(numerator, dtype="float64"))
        ones = np.ones(len(self.codes)) if denominator is None else np.asarray(denominator, dtype="float64")
        return self.ratio_of_sums(top, self._sums(ones))

    def ratio_of_sums(self, numerator: np.ndarray, denominator: np.ndarray) -> Estimate:
        """`ratio` of sums that were already taken in each block, (blocks,) or (blocks, k)."""
        if denominator.ndim < numerator.ndim:
            denominator = denominator[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = numerator.sum(axis=0) / denominator.sum(axis=0)
            replicates = (self.counts @ numerator) / (self.counts @ denominator)
        return Estimate(value, replicates, self.number)

    def statistic(self, measure: Callable[[np.ndarray], Any]) -> Estimate:
        """Any number that `measure` makes of row weights, (rows,) float64: how often each row's block was drawn."""
        value = measure(np.ones(len(self.codes)))
        replicates = [measure(drawn[self.codes]) for drawn in self.counts.astype("float64")]
        return Estimate(np.asarray(value), np.asarray(replicates), self.number)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        if values.ndim == 1:
            return np.bincount(self.codes, weights=values, minlength=self.number)
        return np.column_stack([np.bincount(self.codes, weights=column, minlength=self.number) for column in values.T])


def blocks(labels: ArrayLike, seed: int, replicates: int = REPLICATES) -> Blocks:
    """Draw whole blocks with replacement: `labels`, (rows,), says to which block, a day say, a row belongs.

    Raises ValueError for fewer than two different labels.
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"an interval needs two blocks or more, there are {len(names)}")
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    return Blocks(codes, drawn)
