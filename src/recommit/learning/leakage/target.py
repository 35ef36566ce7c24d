"""Find columns that give the target away: alone, in pairs, by where they are missing, or in a linear combination.

Every answer is out of sample: the rows to learn from say what a column means, the rows to test on how good that is.
They are called earlier and later, since they mostly are. Each of several folds is looked at, since a column may be
filled from the future in some periods alone.

Two things are kept apart. Columns that *are* the target, so that by a rule from earlier rows they leave next to no
later row wrong, are proof of a leak. Columns that are merely strong raise a question.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from recommit.evidence.stages import Leak
from recommit.learning.intervals import Blocks, Estimate, Interval, blocks
from recommit.learning.leakage import linear
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.cells import COARSE, Cells, auc, auc_of_counts, cells, counts, missing, product, rates
from recommit.learning.leakage.leak import columns_of, named
from recommit.learning.splits import Split

PAIRED = 80
# Fewer rows of the rarer outcome than this prove nothing.
_RARER = 20
# So many standard errors above a half, an AUC is no chance, however many columns and pairs are looked at. Only in small
# parts that is more than the bound.
_SURE = 4.5
# A sum of more columns, one of which is strong alone, is not looked for.
_SUMMANDS = 8


def target_in_columns(splits: Sequence[Split], columns: Sequence[str], target: str, bounds: Bounds) -> list[Leak]:
    """Return columns that are the target (`target_in_columns`), or nearly as good (`strong_columns`).

    `splits` are such as `Splitter.folds` gives, with the columns and the target (true or false). Columns that tell it
    alone are left out of the pairs, and pairs that tell it out of the combination: each leak is named once. A column
    that only raised a question is then looked at together with the others: it may be the strong part of a sum that is
    the target, and the proof of that stands in place of the question. Pairs are looked for among the `PAIRED` columns
    that tell most alone. Raises ValueError for a target that is missing somewhere or has another value.
    """
    folds = [_Fold.of(split, target) for split in splits]
    alone: dict[str, Leak] = {}
    areas = {}
    for column in columns:
        own = [fold.auc(fold.cut(column, cells)) for fold in folds]
        areas[column] = float(np.nanmax([0.5, *own]))
        if leak := _alone(folds, column, own, bounds):
            alone[column] = leak
    found = list(alone.values())
    left = [column for column in columns if column not in alone]
    pairs = _pairs(folds, sorted(left, key=lambda column: -areas[column])[:PAIRED], bounds)
    for pair, area in pairs.items():
        how = f"together they give the target with an AUC of {area:.4f} on later rows"
        found.append(_leak(folds, pair, how, bounds))
    left = [column for column in left if not any(column in pair for pair in pairs)]
    return _proved_together(folds, columns, found + _combinations(folds, left, bounds), bounds)


def strongest(splits: Sequence[Split], columns: Sequence[str], target: str, seed: int) -> list[tuple[str, Interval]]:
    """Return each column with its own AUC on all later rows, and the interval of that over blocks, greatest first."""
    folds = [_Fold.of(split, target) for split in splits]
    drawn = blocks(splits[0].blocks(pd.concat([split.test for split in splits])), seed)
    later = np.concatenate([fold.later for fold in folds])
    areas = [(column, _pooled(folds, column, drawn, later).interval()) for column in columns]
    return sorted(areas, key=lambda pair: -pair[1].value)


def pairs_of(columns: Sequence[str]) -> int:
    """Return how many pairs of `columns` are looked at when no column tells the target alone."""
    most = min(len(columns), PAIRED)
    return most * (most - 1) // 2


@dataclass(frozen=True)
class _Fold:
    split: Split
    earlier: np.ndarray
    later: np.ndarray

    @staticmethod
    def of(split: Split, target: str) -> "_Fold":
        return _Fold(split, _truth(split.train[target]), _truth(split.test[target]))

    def cut(self, column: str, cutter: Callable[..., Cells], *most: int) -> Cells:
        return cutter(self.split.train[column], self.split.test[column], *most)

    def auc(self, cut: Cells) -> float:
        return auc(cut, self.earlier, self.later)

    def bound(self, bound: float) -> float:
        """The bound of an AUC on the later rows, raised to what chance does not reach where they are few."""
        true, false = float(self.later.sum()), float((~self.later).sum())
        error = np.sqrt((true + false + 1) / (12 * true * false)) if true and false else np.inf
        return max(bound, 0.5 + _SURE * error)


def _truth(column: pd.Series) -> np.ndarray:
    values = set(column.unique())
    if column.isna().any() or not values <= {False, True}:
        raise ValueError(f"target {column.name} must be true or false in every row, not {sorted(map(str, values))[:5]}")
    return column.to_numpy("bool")


def _largest(folds: Iterable[_Fold], areas: Iterable[float], bound: float) -> float | None:
    """The largest AUC that is above its fold's bound; None where none is."""
    return max((area for fold, area in zip(folds, areas, strict=True) if area > fold.bound(bound)), default=None)


def _alone(folds: Sequence[_Fold], column: str, areas: Sequence[float], bounds: Bounds) -> Leak | None:
    pattern = _largest(folds, [fold.auc(fold.cut(column, missing)) for fold in folds], bounds.auc)
    area = _largest(folds, areas, bounds.auc)
    if pattern is not None:
        how = f"whether it is missing gives the target with an AUC of {pattern:.4f} on later rows"
        return _leak(folds, [column], how, bounds)
    if area is not None:
        how = f"alone it gives the target with an AUC of {area:.4f} on later rows"
        return _leak(folds, [column], how, bounds)
    return None


def _leak(folds: Sequence[_Fold], columns: Sequence[str], how: str, bounds: Bounds) -> Leak:
    """Return a proof where these few columns are the target in some fold, else a question."""
    spared = max((_spared(fold, columns) for fold in folds), default=0.0)
    worth = max(_saved(fold, columns) for fold in folds)
    if spared >= bounds.exact:
        how = f"{how}; they remove {spared:.2%} of the errors of always guessing the commoner outcome"
        return Leak.of("target_in_columns", named(columns), f"{how}, bound {bounds.exact:.0%}")
    return Leak.of("strong_columns", named(columns), f"{how}, bound {bounds.auc}", worth)


def _spared(fold: _Fold, columns: Sequence[str]) -> float:
    """Return the share of the errors of always guessing the majority, on later rows, that these columns remove."""
    rarer = min(fold.later.sum(), (~fold.later).sum())
    if rarer < _RARER:
        return 0.0
    said = [score > cut for score, cut in linear.rules(fold.split, columns, fold.earlier)]
    if len(columns) <= 2:
        said.append(_rates(fold, columns) > 0.5)
    return max(1 - (answer != fold.later).sum() / rarer for answer in said)


def _saved(fold: _Fold, columns: Sequence[str]) -> float:
    """Return the share of the baseline's log loss on later rows that these columns save, at least 0."""
    if len(columns) > 2:
        [(score, _), *_] = linear.rules(fold.split, columns, fold.earlier)
        own = np.clip(score + fold.earlier.mean(), 0.01, 0.99)
    else:
        own = np.clip(_rates(fold, columns), 1e-6, 1 - 1e-6)
    base, own = (_log_loss(fold.later, rates) for rates in (np.full(len(own), fold.earlier.mean()), own))
    return max(0.0, 1 - own / base) if base else 0.0


def _log_loss(truth: np.ndarray, chance: np.ndarray) -> float:
    return float(-np.log(np.clip(np.where(truth, chance, 1 - chance), 1e-6, 1)).sum())


def _rates(fold: _Fold, columns: Sequence[str]) -> np.ndarray:
    """Return the rate of the target among the earlier rows in the cell of each later row."""
    cut = fold.cut(columns[0], cells)
    for column in columns[1:]:
        cut = product(cut, fold.cut(column, cells))
    return rates(cut, fold.earlier)[cut.later]


def _pairs(folds: Sequence[_Fold], columns: Sequence[str], bounds: Bounds) -> dict[tuple[str, str], float]:
    """Return the pairs of columns that tell the target together, with the largest AUC that they reach."""
    found: dict[tuple[str, str], float] = {}
    for fold in folds:
        bound = fold.bound(bounds.auc)
        cut = {column: fold.cut(column, cells, COARSE) for column in columns}
        for a, b in combinations(sorted(columns), 2):
            area = fold.auc(product(cut[a], cut[b]))
            if area > bound:
                found[a, b] = max(area, found.get((a, b), 0))
    return found


def _combinations(folds: Sequence[_Fold], columns: Sequence[str], bounds: Bounds) -> list[Leak]:
    found: list[Leak] = []
    left = list(columns)
    for fold in folds:
        while left and (told := linear.smallest(fold.split, left, fold.earlier, fold.later, fold.bound(bounds.auc))):
            how = (
                f"a linear combination of {', '.join(told.terms)} gives the target with an AUC of {told.auc:.4f} on "
                f"later rows"
            )
            found.append(_leak([fold], told.columns, how, bounds))
            left = [column for column in left if column not in told.columns]
    return found


def _proved_together(
    folds: Sequence[_Fold], columns: Sequence[str], found: Sequence[Leak], bounds: Bounds
) -> list[Leak]:
    """Return `found`, with a proof in place of each question about columns that are the target with others."""
    told = [leak for leak in found if leak.certainty == "proof"]
    asked = [leak for leak in found if leak.certainty == "question"]
    left = [column for column in columns if not any(column in columns_of(leak) for leak in told)]
    for fold in folds:
        while asked and (proof := _with_others(fold, left, asked, bounds)):
            told.append(proof)
            asked = [leak for leak in asked if not columns_of(leak) & columns_of(proof)]
            left = [column for column in left if column not in columns_of(proof)]
    return told + asked


def _with_others(fold: _Fold, columns: Sequence[str], asked: Sequence[Leak], bounds: Bounds) -> Leak | None:
    """Return a proof of the fewest columns, one of them in a question, that together are the target in this fold."""
    strong = set[str]().union(*map(columns_of, asked))
    order = linear.ranked(fold.split, columns, fold.earlier)
    sets: list[tuple[str, ...]] = [(one, other) for one in sorted(strong) for other in order if other != one]
    sets += [tuple(order[:number]) for number in range(3, min(_SUMMANDS, len(order)) + 1)]
    for names in sets:
        if strong & set(names) and (spared := _spared(fold, names)) >= bounds.exact:
            how = f"together they remove {spared:.2%} of the errors of always guessing the commoner outcome"
            return Leak.of("target_in_columns", named(names), f"{how} on later rows, bound {bounds.exact:.0%}")
    return None


def _pooled(folds: Sequence[_Fold], column: str, drawn: Blocks, later: np.ndarray) -> Estimate:
    scores = []
    for fold in folds:
        cut = fold.cut(column, cells)
        scores.append(rates(cut, fold.earlier)[cut.later])
    levels, place = np.unique(np.concatenate(scores), return_inverse=True)
    table = drawn.codes * len(levels) + place
    true, rows = (part.reshape(drawn.number, -1) for part in counts(table, later, drawn.number * len(levels)))
    value = auc_of_counts(levels, true.sum(axis=0), (rows - true).sum(axis=0))
    false = rows - true
    without = auc_of_counts(levels, true.sum(axis=0) - true, false.sum(axis=0) - false)
    return Estimate(value, without, drawn.seed, (0, 1))
