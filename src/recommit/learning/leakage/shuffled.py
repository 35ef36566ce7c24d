"""Find columns that know the outcome of their own row: a model loses much when they are shuffled within their day.

A good feature of good and bad days, of weather say, is worth nearly as much after it was shuffled among the rows of
each day. A column that knows the outcome of its row is worth much less. Shuffling keeps the column's values and its
days, and breaks only its tie to the row.

Several columns may hold the outcome together, each with much noise: so the strongest are shuffled together as well.
A quick model of boosted trees is fitted, and a shuffle costs a prediction. Only what it makes suspicious is fitted
again, since other columns may stand in. Near copies are always shuffled together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier

from recommit.evidence.stages import Leak
from recommit.learning.intervals import Blocks, Interval, blocks
from recommit.learning.leakage.cells import cells, is_number, numbers
from recommit.learning.leakage.leak import named
from recommit.learning.leakage.spans import spans
from recommit.learning.splits import Split

COPIES = 0.98
TOGETHER = (1, 2, 3, 4, 6, 8, 12)
_CATEGORIES = 250
_LEARN = 200


@dataclass(frozen=True)
class Saving:
    """Columns that were shuffled together: what they save as a share of the log loss that is left without them.

    `of_baseline` is the same as a share of the baseline's loss. `refitted` says whether the model was fitted again
    without them; else both are estimates from above.
    """

    columns: tuple[str, ...]
    share: Interval
    of_baseline: float
    refitted: bool


def alone(split: Split, columns: Sequence[str], target: str, seed: int) -> list[Saving]:
    """Return what each column, with its near copies, saves on later rows when shuffled within its day, greatest first.

    The baseline says the earlier rows' rate of the target (true or false) for every row. A day is a block of the split.
    The shares are not refitted: estimates from above. Empty when the quick model has no skill, by the lower end of its
    interval over days, or the split has too few rows to learn from.
    """
    quick = _Quick.of(split, columns, target, seed)
    return quick.alone if quick and quick.skilled else []


def strong_against_shuffled(split: Split, columns: Sequence[str], target: str, bound: float, seed: int) -> list[Leak]:
    """Return the fewest columns that together surely save more than `bound` (0 to 1) of the loss left without them.

    The search is repeated without the columns found, so that a strong column does not hide another.
    `split`, `target` and the worth are those of `alone`.
    """
    found: list[Leak] = []
    left = list(columns)
    while left and (quick := _Quick.of(split, left, target, seed)) and quick.skilled:
        if (one := quick.above(bound)) is None:
            break
        found.append(
            Leak.of("strong_against_shuffled", named(one.columns), f"{_said(one)}, bound {bound:.0%}", one.of_baseline)
        )
        left = [column for column in left if column not in one.columns]
    return found


def stronger_lately(
    periods: Sequence[Split], columns: Sequence[str], target: str, bound: float, seed: int
) -> list[Leak]:
    """Return columns that are worth more within one period than in any period before it.

    A fit learns from periods before the one that it is judged on, and cannot see a column that begins to leak in that
    period: so each of `periods`, oldest first, is such as `spans.within` gives. `bound` is by how much the share of the
    loss that they save, as in `alone`, must rise, and surely by half of it. The first period has nothing before it.
    """
    looked = [_Quick.of(period, columns, target, seed) for period in periods]
    found = []
    for place, quick in enumerate(looked):
        before = [past for past in looked[:place] if past]
        if quick and before and quick.skilled and (one := _risen(quick, before, bound)):
            how = f"in {periods[place].name} {_said(one)}, surely more than in periods before it"
            found.append(Leak.of("stronger_lately", named(one.columns), f"{how}, bound +{bound:.0%}", one.of_baseline))
    return found


def _risen(quick: "_Quick", before: Sequence["_Quick"], bound: float) -> Saving | None:
    """Return the fewest of the strongest columns whose worth has risen by more than the bound, or None."""

    def risen(names: Sequence[str]) -> Saving | None:
        one = quick.again(names)
        if one.share.value <= bound or one.share.low <= 0:
            return None
        most = max(0.0, *(past.again(names).share.value for past in before))
        # A leak of a few days makes days differ and the interval wide: its end must only exceed half of the bound.
        return one if one.share.value > most + bound and one.share.low > most + bound / 2 else None

    suspicious = quick.suspicious(bound)
    if not suspicious or risen(suspicious[-1]) is None:
        return None
    return next(filter(None, map(risen, suspicious)))


def _said(one: Saving) -> str:
    return (
        f"they save {one.share.value:.1%} ({one.share.level:.0%} interval {one.share.low:.1%} to {one.share.high:.1%}) "
        "of the log loss of a quick model to which they are given shuffled within blocks, such as days or groups"
    )


@dataclass(frozen=True)
class _Quick:
    columns: Sequence[str]
    earlier: np.ndarray
    later: np.ndarray
    earlier_truth: np.ndarray
    later_truth: np.ndarray
    earlier_spans: np.ndarray
    later_spans: np.ndarray
    categorical: np.ndarray
    seed: int

    @staticmethod
    def of(split: Split, columns: Sequence[str], target: str, seed: int) -> "_Quick | None":
        """None where there is too little to learn from."""
        truth = [part[target].to_numpy("bool") for part in (split.train, split.test)]
        if min(map(len, truth)) < _LEARN or any(len(np.unique(part)) < 2 for part in truth):
            return None
        where = [spans(split.blocks(part)) for part in (split.train, split.test)]
        if where[1].max() < 1:
            return None
        pairs = [_values(split.train[column], split.test[column]) for column in columns]
        earlier, later = (np.column_stack(part) for part in zip(*pairs, strict=True))
        categorical = np.array([not is_number(split.train[column]) for column in columns])
        return _Quick(columns, earlier, later, truth[0], truth[1], where[0], where[1], categorical, seed)

    @cached_property
    def days(self) -> Blocks:
        return blocks(self.later_spans, self.seed)

    @cached_property
    def base(self) -> np.ndarray:
        return _losses(np.full(len(self.later), self.earlier_truth.mean()), self.later_truth)

    @cached_property
    def model(self) -> HistGradientBoostingClassifier:
        return self._fit(self.earlier)

    @cached_property
    def plain(self) -> np.ndarray:
        return self._losses(self.model, self.later)

    @cached_property
    def skilled(self) -> bool:
        """Whether the model is surely better than the baseline, by days taken as independent: only then is it asked."""
        return self.days.ratio(self.base - self.plain).interval(alike=False).low > 0

    @cached_property
    def alone(self) -> list[Saving]:
        groups = _copies(self.earlier, ~self.categorical)
        found = [self._worth(self._names(group), self.model, refitted=False) for group in groups]
        return sorted(found, key=lambda one: -one.of_baseline)

    def suspicious(self, bound: float) -> list[tuple[str, ...]]:
        """The strongest columns together, fewest first, where without a refit their worth may exceed the bound."""
        sets = [
            tuple(column for one in self.alone[:number] for column in one.columns)
            for number in sorted({min(number, len(self.alone)) for number in TOGETHER})
        ]
        return [names for names in sets if self._worth(names, self.model, refitted=False).share.high > bound]

    def above(self, bound: float) -> Saving | None:
        """The fewest of the strongest columns that are surely worth more than the bound, when fitted again."""
        suspicious = self.suspicious(bound)
        if not suspicious or self.again(suspicious[-1]).share.low <= bound:
            return None
        return next(one for one in map(self.again, suspicious) if one.share.low > bound)

    def again(self, names: Sequence[str]) -> Saving:
        """What columns are worth to a model that was fitted with them shuffled."""
        return self._worth(names, self._fit(self._shuffled(self.earlier, self.earlier_spans, names)), refitted=True)

    def _worth(self, names: Sequence[str], model: HistGradientBoostingClassifier, refitted: bool) -> Saving:
        worse = self._losses(model, self._shuffled(self.later, self.later_spans, names))
        # The loss added by a shuffle within days is not alike on neighbouring days, unlike the loss itself.
        share = self.days.ratio(worse - self.plain, worse).interval(alike=False)
        return Saving(tuple(names), share, float((worse - self.plain).sum() / self.base.sum()), refitted)

    def _fit(self, earlier: np.ndarray) -> HistGradientBoostingClassifier:
        model = HistGradientBoostingClassifier(
            max_iter=40,
            learning_rate=0.2,
            max_leaf_nodes=15,  # with more, it overfits one period: weak leaks in single columns go unseen
            min_samples_leaf=50,
            categorical_features=self.categorical,
            early_stopping=False,
            random_state=self.seed,
        )
        return model.fit(earlier, self.earlier_truth)

    def _losses(self, model: HistGradientBoostingClassifier, later: np.ndarray) -> np.ndarray:
        return _losses(model.predict_proba(later)[:, 1], self.later_truth)

    def _shuffled(self, rows: np.ndarray, where: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """The rows with these columns shuffled, together, among rows of the same span."""
        group = np.array([self.columns.index(name) for name in names])
        random = np.random.default_rng([self.seed, *group]).random(len(where))
        order, place = np.lexsort([random, where]), np.argsort(where, kind="stable")
        mixed = rows.copy()
        mixed[np.ix_(place, group)] = rows[np.ix_(order, group)]
        return mixed

    def _names(self, group: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.columns[place] for place in group)


def _values(earlier: pd.Series, later: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    if is_number(earlier):
        before, after = numbers(earlier), numbers(later)
        if not np.isfinite(before).any():  # scikit-learn's trees cannot cut a column without any value
            return np.zeros(len(before)), np.zeros(len(after))
        return np.where(np.isfinite(before), before, np.nan), np.where(np.isfinite(after), after, np.nan)
    cut = cells(earlier, later, _CATEGORIES)
    return cut.earlier.astype("float64"), cut.later.astype("float64")


def _losses(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    sure = np.clip(probability, 1e-6, 1 - 1e-6)
    return -np.log(np.where(truth, sure, 1 - sure))


def _copies(rows: np.ndarray, ordered: np.ndarray) -> list[tuple[int, ...]]:
    """Return each column with its near copies: those whose absolute rank correlation with it is `COPIES` or more."""
    ranks = stats.rankdata(np.where(np.isnan(rows), -np.inf, rows), axis=0)
    ranks -= ranks.mean(axis=0)
    spread = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(spread > 0, spread, 1)
    alike = (np.abs(ranks.T @ ranks) >= COPIES) & ordered & ordered[:, None]
    np.fill_diagonal(alike, True)
    return list(dict.fromkeys(tuple(int(place) for place in np.flatnonzero(row)) for row in alike))
