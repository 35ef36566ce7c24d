"""Judge probability forecasts of the same rows: every score, and every difference, with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.learning.intervals import Blocks, Estimate
from recommit.learning.scores import log_losses

BINS = 15


@dataclass(frozen=True)
class Ranking:
    """Outcomes sorted by probability: ranking scores under many weights then need one sort only.

    `order` (rows,) sorts by falling probability, `outcome` is sorted so, `ends` are the last places of equal ones.
    """

    order: np.ndarray
    outcome: np.ndarray
    ends: np.ndarray

    def auc(self, weights: np.ndarray) -> float:
        """Return the area under the ROC curve by row `weights`; ties count half. NaN if an outcome has no weight."""
        positive, negative = self._cumulated(weights)
        if positive[-1] == 0 or negative[-1] == 0:
            return float("nan")
        area = np.sum(np.diff(negative, prepend=0) * (positive + np.concatenate([[0], positive[:-1]])) / 2)
        return float(area / positive[-1] / negative[-1])

    def average_precision(self, weights: np.ndarray) -> float:
        """Return the precision at each threshold, weighted by the recall added. NaN if positives have no weight."""
        positive, negative = self._cumulated(weights)
        if positive[-1] == 0:
            return float("nan")
        found = positive + negative
        precision = np.divide(positive, found, out=np.ones_like(found), where=found > 0)
        return float(np.sum(np.diff(positive, prepend=0) * precision) / positive[-1])

    def _cumulated(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sorted_weights = weights[self.order]
        positive = np.cumsum(sorted_weights * self.outcome)[self.ends]
        return positive, np.cumsum(sorted_weights)[self.ends] - positive


def ranking(outcome: ArrayLike, probability: ArrayLike) -> Ranking:
    """Sort `outcome`, (n,) of 0 and 1, by falling `probability`, (n,)."""
    chance = np.asarray(probability, dtype="float64")
    order = np.argsort(-chance, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(chance[order])), len(chance) - 1)
    return Ranking(order, np.asarray(outcome, dtype="float64")[order], ends)


def judge(outcome: ArrayLike, probability: ArrayLike, days: Blocks) -> dict[str, Estimate]:
    """Return each score of `probability`, (n,), for `outcome`, (n,) of 0 and 1, with `days` as blocks.

    auc and average_precision rank (higher is better); log_loss (nats) and brier judge the probabilities, and so does
    calibration_error, the mean distance of predicted and observed shares in bins of equal size (lower is better).
    """
    truth, chance = np.asarray(outcome, dtype="float64"), np.asarray(probability, dtype="float64")
    ranked = ranking(truth, chance)
    return {
        "auc": days.statistic(ranked.auc, (0, 1)),
        "average_precision": days.statistic(ranked.average_precision, (0, 1)),
        "log_loss": days.ratio(log_losses(truth, chance)),
        "brier": days.ratio((chance - truth) ** 2),
        "calibration_error": calibration_error(truth, chance, days),
    }


def differences(candidate: Mapping[str, Estimate], other: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return by how much `candidate` is better than `other` in each score: above 0 is better for every score."""
    return {name: SCORES[name].gain(candidate[name], other[name]) for name in other}


def calibration_gap(outcome: ArrayLike, probability: ArrayLike, days: Blocks) -> Estimate:
    """Return the mean probability less the share of positives: above 0, the forecast is too high on average."""
    return days.ratio(np.asarray(probability, dtype="float64") - np.asarray(outcome, dtype="float64"))


def calibration_error(outcome: ArrayLike, probability: ArrayLike, days: Blocks, bins: int = BINS) -> Estimate:
    """Return the mean of |mean probability - share of positives| over bins of equal size, weighted by rows.

    The expected calibration error of Naeini, Cooper and Hauskrecht (2015), with equally filled bins. Chance alone makes
    it positive: for a perfect forecast, too, the interval lies above 0.
    """
    truth, chance = np.asarray(outcome, dtype="float64"), np.asarray(probability, dtype="float64")
    edges = np.unique(np.quantile(chance, np.linspace(0, 1, bins + 1)[1:-1]))
    code = np.searchsorted(edges, chance, side="left")
    width = len(edges) + 1
    cells = np.bincount(days.codes * width + code, weights=chance - truth, minlength=days.number * width)
    gaps = cells.reshape(days.number, width)
    rows = np.bincount(days.codes, minlength=days.number).astype("float64")
    value = np.abs(gaps.sum(axis=0)).sum() / rows.sum()
    without = np.abs(gaps.sum(axis=0) - gaps).sum(axis=1) / (rows.sum() - rows)
    return Estimate(value, without, days.seed, (0, np.inf))


def coverage(outcome: ArrayLike, covered: ArrayLike, sets: np.ndarray, days: Blocks) -> dict[str, Estimate]:
    """Return how often `sets`, (n, 2) bool, held the outcome: overall, by outcome, and the share that hold both."""
    truth, held = np.asarray(outcome, dtype="float64"), np.asarray(covered, dtype="float64")
    return {
        "overall": days.ratio(held),
        "positive": days.ratio(held * truth, truth),
        "negative": days.ratio(held * (1 - truth), 1 - truth),
        "both": days.ratio(sets.all(axis=1)),
    }


def as_table(judged: Mapping[str, Mapping[str, Estimate | Interval]]) -> pd.DataFrame:
    """Return numbers with their intervals as text: one row per name, one column per score."""
    return pd.DataFrame(
        {name: {key: str(_interval(one)) for key, one in row.items()} for name, row in judged.items()}
    ).T


def intervals(judged: Mapping[str, Estimate]) -> dict[str, Interval]:
    """Return the interval of each number, as evidence keeps it."""
    return {name: one.interval() for name, one in judged.items()}


def values(judged: Mapping[str, Estimate]) -> dict[str, float]:
    """Return the numbers without intervals, as metrics by which experiments are compared."""
    return {name: float(number.value) for name, number in judged.items()}


def _interval(one: Estimate | Interval) -> Interval:
    return one.interval() if isinstance(one, Estimate) else one
