"""Of each number of a period, the same number of the periods that it is held against, and what difference matters."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recommit.learning.intervals import Interval
from recommit.learning.periods import Period, What, exactly, outer

RELATIVE = ("outside", "unseen", "new values", "jump")
_UNJUDGED = ("low", "high")
_CIRCLE_HOURS = 24
_HALF = 0.5  # of the days: a rare value is missing on some days by chance, and on half of them only by a fault
Key = tuple[str, What, str]


@dataclass(frozen=True)
class Smallest:
    """The smallest differences that matter.

    `share` is of a share, `hours` of hours without a record, `rows` of the rows a day, over those of the periods
    beside. `shift` is of a median or an offset, and `beyond` how far outside the range of the other periods a value
    must be to count: both over the distance between the 5 % and 95 % quantiles of the other periods. `factor` is how
    many times more or less often something occurs, `slope` is of the slope of one feed on the others, `phase_hours` of
    the hour of a peak, twice that of a lag in whole hours. `relation` is of how well one column orders another, and of
    how volume and label go together.
    """

    share: float
    shift: float
    rows: float
    hours: float
    factor: float = 2.0
    slope: float = 0.2
    phase_hours: float = 0.5
    relation: float = 0.05
    beyond: float = 0.25


@dataclass(frozen=True)
class Series:
    """One number of the judged period, and of the periods before and after it that it is held against, oldest first.

    `names` are of the periods of `before` and `after`; a series of steps from week to week has none, and no `after`.
    """

    judged: Interval
    before: list[Interval]
    after: list[Interval]
    names: tuple[str, ...] = ()

    @property
    def others(self) -> list[Interval]:
        """All but the judged period."""
        return self.before + self.after

    def without(self, periods: set[str]) -> "Series":
        """The series without the periods named."""
        if not periods or not self.names:
            return self
        left = [name not in periods for name in self.names]
        parts = (self.before, left[: len(self.before)]), (self.after, left[len(self.before) :])
        before, after = ([i for i, stays in zip(part, stay, strict=True) if stays] for part, stay in parts)
        return Series(self.judged, before, after, tuple(name for name in self.names if name not in periods))


@dataclass(frozen=True)
class Measured:
    """The periods of a table, the numbers that each has by itself, and what numbers against others are made of."""

    found: list[Period]
    own: dict[str, dict[Key, Interval]]
    weeks: list[dict[str, list[Interval]]]
    values: dict[str, np.ndarray | None]
    smallest: Smallest

    def series(self, place: int, others: list[int]) -> dict[Key, Series]:
        """Return every number of the period at `place`, each with the same number of those it is compared with."""
        numbers = dict(self._by_itself(place, others)) | dict(self._against_others(place, others))
        before = sum(other < place for other in others)
        names = tuple(self.found[other].name for other in others)
        series = {}
        for key, (judged, past) in numbers.items():
            if key[1] == "phase":
                judged, *past = _unrolled([judged, *past])
            series[key] = Series(judged, past[:before], past[before:], names)
        return series | dict(self._jumps(place, others))

    def _by_itself(self, place: int, others: list[int]) -> Iterator[tuple[Key, tuple[Interval, list[Interval]]]]:
        """What was measured in each period alone. New values of a category are for `unseen` to find."""
        judged = self.found[place]
        seen = {column: [self.found[other].seen(column) for other in others] for column in judged.categories}
        for key, number in self.own[judged.name].items():
            column, what, of = key
            if what in _UNJUDGED or (what in ("share", "times", "days") and of not in set.union(*seen[column])):
                continue
            # A feed without a record in a whole period did not exist then.
            if what in ("silent", "longest gap", "feed volume") and of and of not in set.intersection(*seen[column]):
                continue
            past = [self.own[self.found[other].name].get(key, exactly(np.nan)) for other in others]
            # A rare value, once a week say, may be missing without a fault.
            if what in ("times", "days") and self._rare((column, "times", of), others):
                continue
            yield key, (number, past)

    def _rare(self, key: Key, others: list[int]) -> bool:
        shares = [self.own[self.found[other].name][key].value for other in others]
        return not max(share for share in shares if np.isfinite(share)) >= self.smallest.share

    def _against_others(self, place: int, others: list[int]) -> Iterator[tuple[Key, tuple[Interval, list[Interval]]]]:
        """Return each period's share of values that occur in no other earlier period."""
        groups = [(self.found[i], [self.found[other] for other in others if other != i]) for i in (place, *others)]
        for column in self.found[place].numbers:
            margin = self.smallest.beyond * self._spread(column, others)
            bounds = [outer([other.numbers[column] for other in rest], margin) for _, rest in groups]
            if all(np.isfinite(bound).all() for bound in bounds):
                judged, *past = (m.outside(column, bound) for (m, _), bound in zip(groups, bounds, strict=True))
                yield (column, "outside", ""), (judged, past)
            if (counts := self.values[column]) is not None:
                shares = [_new(counts, i, [other for other in others if other != i]) for i in (place, *others)]
                yield (column, "new values", ""), (shares[0], shares[1:])
        for column in self.found[place].categories:
            seen = [set.union(*(other.seen(column) for other in rest)) for _, rest in groups]
            judged, *past = (m.unseen(column, values) for (m, _), values in zip(groups, seen, strict=True))
            yield (column, "unseen", ""), (judged, past)

    def _jumps(self, place: int, others: list[int]) -> Iterator[tuple[Key, Series]]:
        """The step into the judged period, or out of the first, beside the steps from week to week of the others."""
        for column, weeks in self.weeks[place].items():
            steps = []
            for other in others:
                known = self.weeks[other][column]
                if other > 0 and place not in (other, other - 1):
                    known = self.weeks[other - 1][column][-1:] + known
                steps += [_difference(after, before) for before, after in pairwise(known)]
            beside = self.weeks[place - 1 if place else 1][column]
            ends = (beside[-1:], weeks[:1]) if place else (weeks[-1:], beside[:1])
            if all(ends):
                yield (column, "jump", ""), Series(_difference(ends[1][0], ends[0][0]), steps, [])

    def _spread(self, column: str, others: list[int]) -> float:
        """The distance between the lowest 5 % and the highest 95 % quantile of a column in the other periods."""
        ends = [self.own[self.found[i].name][column, end, ""].value for i in others for end in ("low", "high")]
        known = [end for end in ends if np.isfinite(end)]
        return max(known) - min(known) if known else 0.0

    def least(self, series: Mapping[Key, Series], others: list[int]) -> dict[Key, float]:
        """Return each number's smallest difference that matters, in its unit, or in logs where its log is judged."""
        least = {}
        smallest = self.smallest
        for key, one in series.items():
            column, what, _ = key
            if what in ("median", "jump", "offset"):
                least[key] = smallest.shift * self._spread(column, others)
            elif what in ("volume", "feed volume"):
                beside = [*one.before[-1:], *one.after[:1]]
                least[key] = smallest.rows * float(np.mean([number.value for number in beside]))
            else:
                least[key] = _LEAST.get(what, _share)(smallest)
        return least


def _share(of: Smallest) -> float:
    return of.share


_LEAST: dict[What, Callable[[Smallest], float]] = {
    "longest gap": lambda of: of.hours,
    "changes": lambda of: float(np.log(of.factor)),
    "times": lambda of: float(np.log(of.factor)),
    "days": lambda _: _HALF,
    "slope": lambda of: of.slope,
    "phase": lambda of: of.phase_hours,
    "lag": lambda of: 2 * of.phase_hours,
    "relation": lambda of: of.relation,
    "rows by label": lambda of: of.relation,
    "discrimination": lambda of: of.relation,
    "gap": lambda of: of.relation,
}


def _new(counts: np.ndarray, period: int, others: Sequence[int]) -> Interval:
    """The share of a period's values that do not occur in the others."""
    total = counts[period].sum()
    new = counts[period][counts[list(others)].sum(axis=0) == 0].sum()
    return exactly(new / total if total else np.nan)


def _unrolled(hours: list[Interval]) -> list[Interval]:
    """Hours of the day as near to the first known one as the circle allows: 23.5 and 0.5 are an hour apart."""
    known = [hour.value for hour in hours if np.isfinite(hour.value)]
    near = known[len(known) // 2] if known else 0.0
    half = _CIRCLE_HOURS / 2
    return [exactly(near + (hour.value - near + half) % _CIRCLE_HOURS - half) for hour in hours]


def _difference(after: Interval, before: Interval) -> Interval:
    """The interval of a difference from those of two independent numbers (Zou and Donner 2008: recovered variances)."""
    value = after.value - before.value
    low = value - np.hypot(after.value - after.low, before.high - before.value)
    high = value + np.hypot(after.high - after.value, before.value - before.low)
    return Interval(value, float(low), float(high), after.level)
