"""Find a linear combination of few columns that predicts the target, by least squares.

Least squares on a target of 0 and 1 points the same way as Fisher's linear discriminant (Hastie, Tibshirani and
Friedman 2009, exercise 4.2), and all of its refits on fewer columns come from one table of products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from recommit.learning.leakage.cells import cells, is_number, numbers
from recommit.learning.splits import Split

_CATEGORIES = 24
# Directions below this share of the largest variance are rounding errors; a difference of two clocks is above it.
_RANK = 1e-12
# Weights this near to whole multiples may be those of a sum or a difference: that rule is tried on later rows. The
# weight of a column that varies little is estimated badly.
_WHOLE = 0.4


@dataclass(frozen=True)
class Combination:
    """Columns, the terms made of them ("carrier is AA", "wind is missing"), and the AUC of their combination."""

    columns: tuple[str, ...]
    terms: tuple[str, ...]
    auc: float


def smallest(
    split: Split, columns: Sequence[str], earlier: np.ndarray, later: np.ndarray, bound: float
) -> Combination | None:
    """Return the fewest terms, by their t statistics, whose combination has an AUC above the bound on the later rows.

    It is fitted on the earlier ones. `earlier` and `later` are the target, bool. Numbers enter as they are and as
    whether they are missing, categories by value. None when all columns together do not reach the bound, or one of the
    outcomes is absent.
    """
    if len(np.unique(earlier)) < 2 or len(np.unique(later)) < 2:
        return None
    fit = _Fit.of(_design(split, columns), earlier, later)
    everything = np.arange(len(fit.terms))
    if not len(everything) or fit.auc(everything) <= bound:
        return None
    order = np.argsort(-np.abs(fit.t_statistics()), kind="stable")
    enough = next((k for k in range(1, len(order)) if fit.auc(order[:k]) > bound), len(order))
    chosen = [fit.terms[place] for place in order[:enough]]
    named = tuple(dict.fromkeys(column for column, _ in chosen))
    return Combination(named, tuple(term for _, term in chosen), fit.auc(order[:enough]))


def ranked(split: Split, columns: Sequence[str], earlier: np.ndarray) -> list[str]:
    """Return the columns that vary, by the largest t statistic of their terms in the combination of all."""
    design = _design(split, columns)
    if not design.terms:
        return []
    order = np.argsort(-np.abs(_Fit.of(design, earlier, earlier).t_statistics()), kind="stable")
    return list(dict.fromkeys(design.terms[place][0] for place in order))


def rules(split: Split, columns: Sequence[str], earlier: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Return rules fitted by least squares on the earlier rows: the score of each later row, and a cut.

    A second rule has whole numbers for its weights, as a sum or a difference has, where those are near. The cut is
    that which leaves the fewest earlier rows wrong, a target above it. `earlier` is the target there, bool.
    """
    design = _design(split, columns)
    if not design.terms:
        return [(np.zeros(len(split.test)), 0.0)]
    fit = _Fit.of(design, earlier, earlier)
    weights = fit.weights(np.arange(len(design.terms)))
    found = [weights]
    raw = weights / design.spreads
    if np.any(raw):
        times = raw / raw[np.argmax(np.abs(weights))]
        whole = np.round(times)
        if np.any(whole != times) and np.all(np.abs(whole - times) < _WHOLE):
            found.append(whole * design.spreads * np.sign(raw[np.argmax(np.abs(weights))]))
    return [(design.later @ one, _cut(design.earlier @ one, earlier)) for one in found]


def _cut(score: np.ndarray, truth: np.ndarray) -> float:
    order = np.argsort(score, kind="stable")
    ranked, true = score[order], truth[order]
    # With the cut after the first k rows, the errors are true rows among them and false rows after them.
    wrong = np.concatenate([[0], np.cumsum(true)]) + np.concatenate([np.cumsum(~true[::-1])[::-1], [0]])
    possible = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    best = int(np.flatnonzero(possible)[np.argmin(wrong[possible])])
    ends = np.concatenate([[-np.inf], ranked, [np.inf]])
    return float(ends[best] + ends[best + 1]) / 2


@dataclass(frozen=True)
class _Fit:
    terms: list[tuple[str, str]]
    later: np.ndarray
    truth: np.ndarray
    products: np.ndarray
    towards: np.ndarray
    rows: int
    variance: float

    @staticmethod
    def of(design: "_Design", earlier: np.ndarray, later: np.ndarray) -> "_Fit":
        centred = earlier - earlier.mean()
        products = design.earlier.T @ design.earlier / len(earlier)
        towards = design.earlier.T @ centred / len(earlier)
        return _Fit(design.terms, design.later, later, products, towards, len(earlier), float(np.var(earlier)))

    def auc(self, chosen: np.ndarray) -> float:
        return float(roc_auc_score(self.truth, self.later[:, chosen] @ self.weights(chosen)))

    def weights(self, chosen: np.ndarray) -> np.ndarray:
        return self._inverse(chosen) @ self.towards[chosen]

    def t_statistics(self) -> np.ndarray:
        inverse = self._inverse(np.arange(len(self.terms)))
        weights = inverse @ self.towards
        unexplained = max(self.variance - weights @ self.towards, np.finfo("float64").eps)
        return weights / np.sqrt(np.maximum(np.diag(inverse), 1e-300) * unexplained / self.rows)

    def _inverse(self, chosen: np.ndarray) -> np.ndarray:
        return np.linalg.pinv(self.products[np.ix_(chosen, chosen)], rcond=_RANK, hermitian=True)


@dataclass(frozen=True)
class _Design:
    terms: list[tuple[str, str]]
    spreads: np.ndarray
    earlier: np.ndarray
    later: np.ndarray


def _design(split: Split, columns: Sequence[str]) -> _Design:
    """Return the terms of all columns, centred and scaled by the earlier rows, without those that do not vary there."""
    terms, parts, spreads = [], [], []
    for column in columns:
        for term, earlier, later in _terms(split.train[column], split.test[column]):
            mean, spread = earlier.mean(), earlier.std()
            if spread > 0:
                terms.append((column, term))
                spreads.append(spread)
                parts.append([(part - mean) / spread for part in (earlier, later)])
    if not parts:
        return _Design([], np.empty(0), np.empty((len(split.train), 0)), np.empty((len(split.test), 0)))
    return _Design(
        terms,
        np.array(spreads),
        np.column_stack([part[0] for part in parts]),
        np.column_stack([part[1] for part in parts]),
    )


def _terms(earlier: pd.Series, later: pd.Series) -> list[tuple[str, np.ndarray, np.ndarray]]:
    name = str(earlier.name)
    if is_number(earlier):
        before, after = (np.where(np.isfinite(part), part, np.nan) for part in (numbers(earlier), numbers(later)))
        there = before[~np.isnan(before)]
        fill = there.mean() if len(there) else 0.0
        absent = (f"{name} is missing", np.isnan(before).astype("float64"), np.isnan(after).astype("float64"))
        return [(name, np.nan_to_num(before, nan=fill), np.nan_to_num(after, nan=fill)), absent]
    cut = cells(earlier, later, _CATEGORIES)
    pairs = [(cut.earlier == cell, cut.later == cell) for cell in range(cut.number)]
    return [
        (f"{name} is {value}", before.astype("float64"), after.astype("float64"))
        for value, (before, after) in zip(cut.names, pairs, strict=True)
    ]
