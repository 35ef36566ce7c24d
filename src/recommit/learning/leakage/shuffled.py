"""Features that are too good against their shuffled selves.

A quick model is judged with a feature as it is, and with the feature shuffled among the rows of the same block of time,
a day say. Shuffled so, a feature keeps what it says of the day, and loses what it says of the row. Where days are what
honest features are best at (a storm, a jam), no single one loses much; a feature that was made with the row's own
outcome loses nearly everything that the model knows. That is why the loss is measured within blocks, and why it is
said as a share of the whole skill: it then needs no unit and no knowledge of the problem. What it cannot do: tell one
strong honest feature from a leak, so the bound is declared; see a feature made with the outcomes of the whole day,
which the replay test finds.

To fit a model anew for each feature is dear. A model fitted on features as they are loses more by a shuffled feature,
as a rule, than one that was fitted to do without: an estimate from above, which costs a prediction. Only features that
it makes suspicious are fitted again. Columns that are nearly copies of each other are shuffled together, since either
would stand in for the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier

from recommit.learning.intervals import Interval, blocks
from recommit.learning.leakage.cells import cells, is_number, numbers
from recommit.learning.leakage.finding import Finding
from recommit.learning.splits import Split

COPIES = 0.98
_CATEGORIES = 250


@dataclass(frozen=True)
class Share:
    """Columns that were shuffled together, and the share of the whole skill that was lost by it.

    `refitted` says whether the model was fitted again without them; else the share is an estimate from above.
    """

    columns: tuple[str, ...]
    share: Interval
    refitted: bool


def shares(split: Split, columns: Sequence[str], target: str, seed: int, bound: float) -> list[Share]:
    """The share of a quick model's skill that is lost when a column is shuffled within days, the greatest first.

    Skill is how much lower the log loss on later rows is than that of always saying the earlier rows' rate. Days (UTC,
    of `predicted_at`) are the blocks of time, and what the interval is over. Columns whose share may reach `bound` are
    fitted again. Empty when the model has no skill, by the lower end of its interval.
    """
    quick = _Quick.of(split, columns, target, seed)
    base = _losses(np.full(len(quick.later), quick.earlier_truth.mean()), quick.later_truth)
    plain = quick.losses(quick.fit(quick.earlier), quick.later)
    days = blocks(quick.later_days, seed)
    if days.ratio(base - plain).interval().low <= 0:
        return []
    model, found = quick.fit(quick.earlier), []
    for group in quick.groups:
        worse = quick.losses(model, quick.shuffled(quick.later, quick.later_days, group))
        share = days.ratio(worse - plain, base - plain).interval()
        suspicious = share.high > bound
        if suspicious:
            again = quick.fit(quick.shuffled(quick.earlier, quick.earlier_days, group))
            worse = quick.losses(again, quick.shuffled(quick.later, quick.later_days, group))
            share = days.ratio(worse - plain, base - plain).interval()
        found.append(Share(tuple(columns[place] for place in group), share, suspicious))
    return sorted(found, key=lambda found: -found.share.value)


def too_good_against_shuffled(found: Sequence[Share], bound: float) -> list[Finding]:
    """Find, among `shares`, columns without which more than `bound` (0 to 1) of the skill is lost, interval and all."""
    return [
        Finding(
            "too_good_against_shuffled",
            ", ".join(one.columns),
            f"shuffled within days, a quick model loses {one.share.value:.1%} of its skill "
            f"({one.share.level:.0%} interval {one.share.low:.1%} to {one.share.high:.1%}), bound {bound:.0%}",
        )
        for one in found
        if one.refitted and one.share.low > bound
    ]


@dataclass(frozen=True)
class _Quick:
    earlier: np.ndarray
    later: np.ndarray
    earlier_truth: np.ndarray
    later_truth: np.ndarray
    earlier_days: np.ndarray
    later_days: np.ndarray
    categorical: np.ndarray
    groups: list[tuple[int, ...]]
    seed: int

    @staticmethod
    def of(split: Split, columns: Sequence[str], target: str, seed: int) -> "_Quick":
        pairs = [_values(split.train[column], split.test[column]) for column in columns]
        earlier, later = (np.column_stack(part) for part in zip(*pairs, strict=True))
        truth = [part[target].to_numpy("bool") for part in (split.train, split.test)]
        days = [pd.factorize(part["predicted_at"].dt.floor("D"))[0] for part in (split.train, split.test)]
        categorical = np.array([not is_number(split.train[column]) for column in columns])
        groups = _copies(earlier, ~categorical)
        return _Quick(earlier, later, truth[0], truth[1], days[0], days[1], categorical, groups, seed)

    def fit(self, earlier: np.ndarray) -> HistGradientBoostingClassifier:
        model = HistGradientBoostingClassifier(
            max_iter=40,
            learning_rate=0.2,
            max_leaf_nodes=15,
            min_samples_leaf=50,
            categorical_features=self.categorical,
            early_stopping=False,
            random_state=self.seed,
        )
        return model.fit(earlier, self.earlier_truth)

    def losses(self, model: HistGradientBoostingClassifier, later: np.ndarray) -> np.ndarray:
        return _losses(model.predict_proba(later)[:, 1], self.later_truth)

    def shuffled(self, rows: np.ndarray, days: np.ndarray, group: Sequence[int]) -> np.ndarray:
        """The rows with these columns shuffled, together, among rows of the same day."""
        random = np.random.default_rng([self.seed, *group]).random(len(days))
        order, place = np.lexsort([random, days]), np.argsort(days, kind="stable")
        mixed = rows.copy()
        mixed[np.ix_(place, np.array(group))] = rows[np.ix_(order, np.array(group))]
        return mixed


def _values(earlier: pd.Series, later: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    if is_number(earlier):
        before, after = numbers(earlier), numbers(later)
        return np.where(np.isfinite(before), before, np.nan), np.where(np.isfinite(after), after, np.nan)
    cut = cells(earlier, later, _CATEGORIES)
    return cut.earlier.astype("float64"), cut.later.astype("float64")


def _losses(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    sure = np.clip(probability, 1e-6, 1 - 1e-6)
    return -np.log(np.where(truth, sure, 1 - sure))


def _copies(rows: np.ndarray, ordered: np.ndarray) -> list[tuple[int, ...]]:
    """Each column with its near copies: those whose rank correlation with it is `COPIES` or more, of either sign."""
    ranks = stats.rankdata(np.where(np.isnan(rows), -np.inf, rows), axis=0)
    ranks -= ranks.mean(axis=0)
    spread = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(spread > 0, spread, 1)
    alike = (np.abs(ranks.T @ ranks) >= COPIES) & ordered & ordered[:, None]
    np.fill_diagonal(alike, True)
    return list(dict.fromkeys(tuple(int(place) for place in np.flatnonzero(row)) for row in alike))
