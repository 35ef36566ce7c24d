"""Columns that give the target away: alone, in pairs, by where they are missing, or as a linear combination.

Every answer is out of sample and in order of time: earlier rows say what a column means, later rows how good that is.
Each of several folds is looked at, since a column may be filled from the future in some months alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from recommit.learning.intervals import Blocks, Estimate, Interval, blocks
from recommit.learning.leakage import linear
from recommit.learning.leakage.cells import COARSE, Cells, auc, auc_of_counts, cells, counts, missing, product, rates
from recommit.learning.leakage.finding import Finding
from recommit.learning.splits import Split

PAIRED = 80
# Below this many wrong answers by chance, and on fewer days, a cell without any may be luck.
_EXPECTED, _DAYS = 20, 10


@dataclass(frozen=True)
class Bounds:
    """From where on a column is said to give the target away.

    `auc`: area under the ROC curve of what columns say. `certain`: of the wrong answers that always giving one outcome
    makes on all rows, the share that it spares on the rows of one cell (a value, a range, missing).
    """

    auc: float = 0.95
    certain: float = 0.98


def target_in_columns(splits: Sequence[Split], columns: Sequence[str], target: str, bounds: Bounds) -> list[Finding]:
    """Find columns that give the target nearly perfectly.

    `splits` are time-ordered, such as `splits.folds` gives, with `predicted_at` (UTC), the columns and the target (true
    or false). What tells alone is left out of the pairs, and what tells in pairs out of the combination, so that each
    leak is named once. Pairs are looked for among the `PAIRED` columns that tell most alone. Raises ValueError for a
    target that is missing somewhere or has another value.
    """
    folds = [_Fold.of(split, target) for split in splits]
    found = []
    areas = {}
    for column in columns:
        areas[column] = _most(folds, column, cells)
        finding = _alone(folds, column, areas[column], bounds)
        found += [finding] if finding else []
    left = [column for column in columns if column not in {finding.where for finding in found}]
    pairs = _pairs(folds, sorted(left, key=lambda column: -areas[column])[:PAIRED], bounds)
    for (a, b), area in pairs.items():
        how = f"together they give the target with an AUC of {area:.4f} on later rows, bound {bounds.auc}"
        found.append(Finding("target_in_columns", f"{a} and {b}", how))
    left = [column for column in left if not any(column in pair for pair in pairs)]
    return found + _combinations(folds, left, bounds)


def strongest(splits: Sequence[Split], columns: Sequence[str], target: str, seed: int) -> list[tuple[str, Interval]]:
    """Every column with the AUC that it has alone on all later rows, and its interval over days; greatest first."""
    folds = [_Fold.of(split, target) for split in splits]
    drawn = blocks(np.concatenate([fold.days for fold in folds]), seed)
    later = np.concatenate([fold.later for fold in folds])
    areas = [(column, _pooled(folds, column, drawn, later).interval()) for column in columns]
    return sorted(areas, key=lambda pair: -pair[1].value)


def pairs_of(columns: Sequence[str]) -> int:
    """How many pairs are looked at among so many columns, when none tells alone."""
    most = min(len(columns), PAIRED)
    return most * (most - 1) // 2


@dataclass(frozen=True)
class _Fold:
    split: Split
    earlier: np.ndarray
    later: np.ndarray
    days: np.ndarray

    @staticmethod
    def of(split: Split, target: str) -> "_Fold":
        days = split.test["predicted_at"].dt.floor("D").to_numpy()
        return _Fold(split, _truth(split.train[target]), _truth(split.test[target]), days)

    def cut(self, column: str, cutter: Callable[..., Cells], *most: int) -> Cells:
        return cutter(self.split.train[column], self.split.test[column], *most)

    def auc(self, cut: Cells) -> float:
        return auc(cut, self.earlier, self.later)


def _truth(column: pd.Series) -> np.ndarray:
    values = set(column.unique())
    if column.isna().any() or not values <= {False, True}:
        raise ValueError(f"target {column.name} must be true or false in every row, not {sorted(map(str, values))[:5]}")
    return column.to_numpy("bool")


def _most(folds: Iterable[_Fold], column: str, cutter: Callable[..., Cells]) -> float:
    return float(np.nanmax([0.5, *(fold.auc(fold.cut(column, cutter)) for fold in folds)]))


def _alone(folds: Sequence[_Fold], column: str, area: float, bounds: Bounds) -> Finding | None:
    pattern = _most(folds, column, missing)
    if pattern > bounds.auc:
        how = f"whether it is missing gives the target with an AUC of {pattern:.4f} on later rows"
        return Finding("target_in_columns", column, f"{how}, bound {bounds.auc}")
    if area > bounds.auc:
        how = f"alone it gives the target with an AUC of {area:.4f} on later rows, bound {bounds.auc}"
        return Finding("target_in_columns", column, how)
    return next(filter(None, (_certain(fold, column, bounds) for fold in folds)), None)


def _certain(fold: _Fold, column: str, bounds: Bounds) -> Finding | None:
    """A cell whose rows all but surely have one outcome, before and after."""
    cut = fold.cut(column, cells)
    sure = np.ones(cut.number, dtype="bool")
    mostly = rates(cut, fold.earlier) > fold.earlier.mean()
    for codes, truth in ((cut.earlier, fold.earlier), (cut.later, fold.later)):
        true, rows = counts(codes, truth, cut.number)
        wrong = np.where(mostly, rows - true, true)
        expected = rows * np.where(mostly, 1 - truth.mean(), truth.mean())
        sure &= (expected >= _EXPECTED) & (wrong <= (1 - bounds.certain) * expected)
    for cell in np.flatnonzero(sure):
        rows = cut.later == cell
        if len(np.unique(fold.days[rows])) >= _DAYS:
            how = (
                f"of the {rows.sum()} later rows where it is {cut.names[cell]}, {fold.later[rows].mean():.2%} have the "
                f"target, {fold.later.mean():.2%} of all; of the {(cut.earlier == cell).sum()} earlier ones "
                f"{fold.earlier[cut.earlier == cell].mean():.2%}"
            )
            return Finding("target_in_columns", column, how)
    return None


def _pairs(folds: Sequence[_Fold], columns: Sequence[str], bounds: Bounds) -> dict[tuple[str, str], float]:
    """Pairs of columns that tell together, with the greatest area that they reach."""
    found: dict[tuple[str, str], float] = {}
    for fold in folds:
        cut = {column: fold.cut(column, cells, COARSE) for column in columns}
        for a, b in combinations(sorted(columns), 2):
            area = fold.auc(product(cut[a], cut[b]))
            if area > bounds.auc:
                found[a, b] = max(area, found.get((a, b), 0))
    return found


def _combinations(folds: Sequence[_Fold], columns: Sequence[str], bounds: Bounds) -> list[Finding]:
    found: list[Finding] = []
    left = list(columns)
    for fold in folds:
        while left and (told := linear.smallest(fold.split, left, fold.earlier, fold.later, bounds.auc)):
            how = (
                f"a linear combination of {', '.join(told.terms)} gives the target with an AUC of {told.auc:.4f} on "
                f"later rows, bound {bounds.auc}"
            )
            found.append(Finding("target_in_columns", ", ".join(told.columns), how))
            left = [column for column in left if column not in told.columns]
    return found


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
