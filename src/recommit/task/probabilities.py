"""Probabilities: what tasks of such answers share, the log loss of each row, scores that rank under many weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from recommit.evidence.numbers import Scale


class Chances:
    """What tasks whose answers are probabilities share."""

    loss: ClassVar[str] = "log_loss"
    loss_unit: ClassVar[str] = "nats"
    limits: ClassVar[tuple[float, float] | None] = (0, 1)

    def scale(self, spread: float, baseline: ArrayLike) -> Scale:
        """Return the scale that changes nothing: bounds are in nats, and in probability."""
        return Scale(loss=1.0, answer=1.0, loss_in="nats", answer_in="probability")

    def spread(self, truth: ArrayLike) -> float:
        """Return 1: probabilities are compared as they are."""
        return 1.0


def log_losses(outcome: ArrayLike, probability: ArrayLike) -> np.ndarray:
    """Return the log loss of each row in nats, (n,); a probability of 0 or 1 counts as the nearest float64 inside."""
    truth, chance = checked(outcome, probability)
    inside = np.clip(chance, np.finfo("float64").eps, 1 - np.finfo("float64").eps)
    return -np.log(np.where(truth == 1, inside, 1 - inside))


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


def checked(outcome: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes and probabilities as float64. Raises ValueError for what is not (n,) of 0 and 1, or of 0 to 1."""
    truth, chance = np.asarray(outcome, dtype="float64"), np.asarray(probability, dtype="float64")
    if truth.shape != chance.shape or truth.ndim != 1 or not len(truth):
        raise ValueError(f"outcomes {truth.shape} and probabilities {chance.shape} do not match")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("outcomes must be 0 or 1")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("probabilities must be within 0 to 1, none missing")
    return truth, chance
