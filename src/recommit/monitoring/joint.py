"""Tell rows of now from rows of then by all columns at once: what no single column shows.

The classifier two-sample test (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests", ICLR). Days are kept
whole: a classifier that has seen some rows of a day knows the others by their weather.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from recommit.evidence.monitor import Joint
from recommit.learning.intervals import LEAST_ROWS, Blocks
from recommit.monitoring.bins import Bins
from recommit.monitoring.relations import codes_of
from recommit.task.probabilities import ranking

MOST_ROWS = 10_000
_FOLDS = 2
_LEAST_DAYS = 4
_SHOWN = 5


def drawn(rows: int, most: int, seed: int) -> np.ndarray:
    """Return the places of at most `most` of so many rows, drawn with a seed, ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def told_apart(
    bins: Bins, then: pd.DataFrame, now: pd.DataFrame, days: Mapping[str, np.ndarray], seed: int, most: int = MOST_ROWS
) -> Joint | None:
    """Return how well rows of `now` are told from those of `then` by a classifier that did not see their days.

    `days` has the days of both, under "then" and "now". At most `most` rows, as many of each, are drawn with the
    `seed`. None where there are fewer than 200 rows or 4 days of either. Days are the blocks of the interval.
    """
    size = min(len(then), len(now), most // 2)
    if size < LEAST_ROWS or min(len(np.unique(one)) for one in days.values()) < _LEAST_DAYS:
        return None
    places = {"then": drawn(len(then), size, seed), "now": drawn(len(now), size, seed + 1)}
    rows = pd.concat([then.iloc[places["then"]], now.iloc[places["now"]]], ignore_index=True)
    came = np.repeat([0, 1], [len(places["then"]), len(places["now"])])
    labels = [days[name][places[name]] + np.int64(name == "now") * 10**6 for name in places]
    names, block = np.unique(np.concatenate(labels), return_inverse=True)
    fold = block % _FOLDS
    codes = codes_of(bins, rows).astype("float64")
    said, worth = np.zeros(len(rows)), np.zeros(codes.shape[1])
    draws = np.random.default_rng(seed)
    for one in range(_FOLDS):
        here = fold == one
        if len(np.unique(came[~here])) < 2:
            return None
        model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, random_state=seed, early_stopping=False)
        model.fit(codes[~here], came[~here])
        said[here] = model.predict_proba(codes[here])[:, 1]
        worth += _worth(model, codes[here], came[here], draws)
    auc = Blocks(block, len(names), seed).statistic(ranking(came, said).auc, (0, 1)).interval()
    ranked = [bins.names[place] for place in np.argsort(-worth, kind="stable") if worth[place] > 0]
    return Joint(len(rows), auc, tuple(ranked[:_SHOWN]))


def _worth(
    model: HistGradientBoostingClassifier, codes: np.ndarray, came: np.ndarray, draws: np.random.Generator
) -> np.ndarray:
    """By how much the area under the curve falls when each column is shuffled, (columns,)."""
    whole = _auc(model, codes, came)
    worth = np.zeros(codes.shape[1])
    for column in range(len(worth)):
        shuffled = codes.copy()
        shuffled[:, column] = draws.permutation(shuffled[:, column])
        worth[column] = whole - _auc(model, shuffled, came)
    return worth


def _auc(model: HistGradientBoostingClassifier, codes: np.ndarray, came: np.ndarray) -> float:
    return ranking(came, model.predict_proba(codes)[:, 1]).auc(np.ones(len(came)))
