"""Intervals for numbers measured on days: the rows of a day are alike, and so are neighbouring days.

The rows of one day share what the day was like, so a month of many rows is about as much evidence as it has days. A
day's influence on a number is what leaving the day out changes (the jackknife: Davison and Hinkley
1997, section 2.7.3). If days were independent, the spread s of n days' influences would tell the
number's standard error, s / sqrt(n). Neighbouring days are alike, so it is larger: an autoregression of order one with
the lag-1 correlation r makes its square (1 + r) / (1 - r) times as large (Bayley and Hammersley 1946). From few days r
comes out too low, by (1 + 3 r) / n on the average (Marriott and Pope 1954), which is added to it. Both s and r are
noisy, so the interval is one of Student's t, with the degrees of freedom that match the noise of both (Satterthwaite
1946): the variance of s^2 is 2 s^4 / n and that of r is (1 - r^2) / n, which makes n (1 - r^2) / (3 - r^2) of them.

How often such intervals hold the truth is simulated in `tests/recommit/learning/test_intervals.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from recommit.evidence.numbers import LEVEL, Interval

REPLICATES = 1000
ANY = (-np.inf, np.inf)
LEAST_ROWS, LEAST_BLOCKS = 200, 10
"""Of fewer rows or blocks an interval says nothing that a decision may stand on."""


@dataclass(frozen=True)
class Estimate:
    """A number, or k of them, as measured on all blocks, (k,) or (), and without each block, (blocks, k) or (blocks,).

    Two estimates on the same `Blocks` may be subtracted: the difference is then a paired one. `limits` are values that
    the number cannot be beyond, such as 0 and 1 for a share: intervals end there.
    """

    value: np.ndarray
    without: np.ndarray
    seed: int
    limits: tuple[float, float] = ANY

    def __sub__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value - other.value, self.without - other.without, self.seed)

    def less(self, place: int) -> "Estimate":
        """Return each of the k numbers less the one at `place`."""
        return Estimate(self.value - self.value[place], self.without - self.without[:, [place]], self.seed)

    @property
    def blocks(self) -> int:
        """How many blocks the number was measured on."""
        return len(self.without)

    @property
    def influence(self) -> np.ndarray:
        """How much each block moves the number, times the number of blocks, (blocks,) or (blocks, k)."""
        return (self.blocks - 1) * (self.value - self.without)

    @property
    def error(self) -> np.ndarray:
        """The standard error of each number, () or (k,), with neighbouring blocks alike.

        It is NaN where leaving a block out leaves nothing to measure, and for one block, which says nothing of how
        blocks differ.
        """
        if self.blocks < 2:
            return np.full(np.shape(self.value), np.nan)
        return _error(self.influence, _alike(self.influence))

    def interval(self, level: float = LEVEL, alike: bool = True) -> Interval:
        """Return the interval of a single number at `level`: Student's t times `error` to each side.

        With `alike` false, blocks are taken to be independent: the classic t interval, with one degree of freedom less
        than blocks. A number that cannot be measured without one of the blocks gets an interval without ends.
        """
        if not alike and self.blocks > 1:
            classic = stats.t.ppf((1 + level) / 2, self.blocks - 1) * _error(self.influence, np.zeros(()))
            return self._intervals(classic, level)[0]
        return self._intervals(self._reach(level), level)[0]

    def each(self, level: float = LEVEL) -> list[Interval]:
        """Return the interval of each of k numbers, by itself."""
        return self._intervals(self._reach(level), level)

    def simultaneous(self, level: float = LEVEL) -> list[Interval]:
        """Return intervals of k numbers that hold all true values together in `level` of all such measurements.

        The largest of many looks bad by chance. The single-step max-t method (Westfall and Young 1993) widens every
        interval by what the largest of k studentised deviations reaches, and so counts numbers that move together once.
        Neighbouring blocks are taken to be alike to the same degree for all k numbers: that degree is their mean. What
        the largest reaches is simulated with normal blocks that are correlated as these are.
        A number that no block changes, or that cannot be measured without one, gets an interval without ends.
        """
        if self.blocks < 2:
            return self.each(level)
        spread = self.influence.std(axis=0, ddof=1)
        usable = np.isfinite(spread) & (spread > 1e-12 * np.abs(self.value))
        reach = np.full(len(spread), np.inf)
        if usable.any():
            influence = self.influence[:, usable]
            drawn = _like(influence, np.random.default_rng(self.seed))
            largest = [np.max(np.abs(part.mean(axis=0)) / _pooled(part), axis=-1) for part in drawn]
            reach[usable] = np.quantile(largest, level) * _pooled(influence)
        return self._intervals(reach, level)

    def _reach(self, level: float) -> np.ndarray:
        square = _alike(self.influence) ** 2
        freedom = np.maximum(1, self.blocks * (1 - square) / (3 - square))
        return np.asarray(stats.t.ppf((1 + level) / 2, freedom) * self.error)

    def _intervals(self, reach: np.ndarray, level: float) -> list[Interval]:
        value = np.atleast_1d(self.value).astype("float64")
        ends = np.where(np.isnan(value), np.nan, np.where(np.isnan(reach), np.inf, reach))
        low, high = (np.clip(end, *self.limits) for end in (value - ends, value + ends))
        return [Interval(float(one), float(a), float(b), level) for one, a, b in zip(value, low, high, strict=True)]


@dataclass(frozen=True)
class Blocks:
    """Which block each row belongs to, (rows,), and the number of blocks. Blocks are in the order of time.

    A block may have no row, and blocks that were summed up already, as by `from_sums`, have none.
    """

    codes: np.ndarray
    number: int
    seed: int

    def ratio(self, numerator: ArrayLike, denominator: ArrayLike | None = None) -> Estimate:
        """Return the sum of `numerator` over the sum of `denominator`, by default ones: a mean or a share.

        Both are (rows,) or (rows, k), for k ratios at once.
        """
        ones = np.ones(len(self.codes)) if denominator is None else np.asarray(denominator, dtype="float64")
        return self.ratio_of_sums(self.sums(np.asarray(numerator, dtype="float64")), self.sums(ones))

    def ratio_of_sums(self, numerator: np.ndarray, denominator: np.ndarray) -> Estimate:
        """Return the `ratio` of sums that were already taken in each block, (blocks,) or (blocks, k).

        Where no sum is below 0, no interval goes below 0; where none is above its denominator, none goes above 1.
        """
        if denominator.ndim < numerator.ndim:
            denominator = denominator[:, None]
        top, below = numerator.sum(axis=0), denominator.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value, without = top / below, (top - numerator) / (below - denominator)
        positive = bool((numerator >= 0).all() and (denominator >= 0).all())
        highest = 1.0 if positive and (numerator <= denominator).all() else np.inf
        return Estimate(value, without, self.seed, (0.0 if positive else -np.inf, highest))

    def statistic(self, measure: Callable[[np.ndarray], Any], limits: tuple[float, float] = ANY) -> Estimate:
        """Return the smooth number that `measure` computes from row weights, (rows,): 0 in a block that is left out."""
        value = measure(np.ones(len(self.codes)))
        without = [measure((self.codes != block).astype("float64")) for block in range(self.number)]
        return Estimate(np.asarray(value), np.asarray(without), self.seed, limits)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of `values`, (rows,) or (rows, k), in each block: (blocks,) or (blocks, k)."""
        if values.ndim == 1:
            return np.bincount(self.codes, weights=values, minlength=self.number)
        return np.column_stack([np.bincount(self.codes, weights=column, minlength=self.number) for column in values.T])


def blocks(labels: ArrayLike, seed: int) -> Blocks:
    """Return the blocks of rows: `labels`, (rows,), says to which block, such as a day, each row belongs.

    Labels sort in the order of time, as dates do, since neighbours are taken to be alike. Labels without an order give
    intervals that hold as well, but are wider than needed. `seed` is for what is simulated: `Estimate.simultaneous`.
    Of one label alone, intervals have no ends.
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    return Blocks(codes, len(names), seed)


def from_sums(numerator: ArrayLike, denominator: ArrayLike, seed: int = 0) -> Estimate:
    """Return the estimate of a mean, share or ratio from its sums in each block, in the order of time, (blocks,) each.

    It equals `Blocks.ratio` on the rows themselves: from the sums of the days, evidence is judged again at another
    level.
    """
    top, below = np.asarray(numerator, dtype="float64"), np.asarray(denominator, dtype="float64")
    return Blocks(np.empty(0, dtype="int64"), len(top), seed).ratio_of_sums(top, below)


def _like(influence: np.ndarray, draws: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw normal influences, (blocks, some replicates, k) at a time, that are correlated as (blocks, k) are."""
    number, part = len(influence), 100
    unit = (influence - influence.mean(axis=0)) / influence.std(axis=0)
    steps = np.abs(np.subtract.outer(np.arange(number), np.arange(number)))
    chain = np.linalg.cholesky(_alike(influence, pooled=True) ** steps)
    for _ in range(REPLICATES // part):
        yield np.tensordot(chain, draws.normal(size=(number, part, number)), 1) @ unit


def _alike(influence: np.ndarray, pooled: bool = False) -> np.ndarray:
    """How alike neighbouring blocks are: the lag-1 correlation of influences, (blocks, ...), bias removed.

    `pooled` takes the mean over the last axis. Below 0 it is taken for 0, so that no interval is narrower than that of
    independent blocks; 0.9 is the most.
    """
    number, apart = len(influence), influence - influence.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (apart[1:] * apart[:-1]).sum(axis=0) / (apart**2).sum(axis=0)
    found = found.mean(axis=-1, keepdims=True) if pooled else found
    return np.clip(np.nan_to_num(found + (1 + 3 * found) / number), 0, 0.9)


def _pooled(influence: np.ndarray) -> np.ndarray:
    """The standard errors of the means of influences, (blocks, ..., k), with neighbours alike to one degree."""
    return _error(influence, _alike(influence, pooled=True))


def _error(influence: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """The standard error of the mean of influences whose neighbours are alike to a degree."""
    return np.asarray(influence.std(axis=0, ddof=1) * np.sqrt((1 + alike) / (1 - alike) / len(influence)))
