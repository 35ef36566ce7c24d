"""A question with a number as its answer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.evidence.scores import NUMBER, Score
from recommit.learning.intervals import Blocks, Estimate
from recommit.learning.judging import calibration_error


@dataclass(frozen=True)
class AsItIs:
    """The calibration of a number: it changes nothing."""

    def __call__(self, answer: ArrayLike) -> np.ndarray:
        """Return `answer`, (n,)."""
        return np.asarray(answer, dtype="float64")


@dataclass(frozen=True)
class Around:
    """An interval reaches `quantile` below and above its answer, in the target's unit; a larger one is wider.

    It holds the true number with probability `level` for rows of the same distribution as those it was fitted on; its
    coverage of later rows must be measured.
    """

    level: float
    quantile: float

    def ends(self, answer: ArrayLike) -> np.ndarray:
        """Return the lower and the upper end of each interval, (n, 2)."""
        middle = np.asarray(answer, dtype="float64")
        return np.column_stack([middle - self.quantile, middle + self.quantile])

    def covered(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return whether each interval holds the true number, (n,) bool."""
        return np.abs(np.asarray(truth, dtype="float64") - np.asarray(answer, dtype="float64")) <= self.quantile


@dataclass(frozen=True)
class Number:
    """The truth is a number in `unit`, and the answer is one too."""

    unit: str

    kind: ClassVar[str] = "number"
    dtype: ClassVar[str] = "float64"
    loss: ClassVar[str] = "squared_error"
    scores: ClassVar[Mapping[str, Score]] = NUMBER

    @property
    def loss_unit(self) -> str:
        """The target's unit squared."""
        return f"{self.unit}²"

    def answer(self, fitted: Any, rows: pd.DataFrame) -> np.ndarray:
        """Return the number that a fitted regressor predicts for each row."""
        return np.asarray(fitted.predict(rows), dtype="float64")

    def losses(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the squared error of each row."""
        true, said = _checked(truth, answer)
        return (said - true) ** 2

    def judge(self, truth: ArrayLike, answer: ArrayLike, blocks: Blocks) -> dict[str, Estimate]:
        """Return each of `scores`."""
        true, said = _checked(truth, answer)
        squared = (said - true) ** 2

        def explained(weights: np.ndarray) -> float:
            spread = weights @ (true - np.average(true, weights=weights)) ** 2
            return float(1 - weights @ squared / spread) if spread > 0 else float("nan")

        return {
            "squared_error": blocks.ratio(squared),
            "absolute_error": blocks.ratio(np.abs(said - true)),
            "explained": blocks.statistic(explained, (-np.inf, 1)),
            "calibration_error": calibration_error(true, said, blocks),
        }

    def gap(self, truth: ArrayLike, answer: ArrayLike, blocks: Blocks) -> Estimate:
        """Return the mean answer less the mean of what came."""
        true, said = _checked(truth, answer)
        return blocks.ratio(said - true)

    def calibrate(self, truth: ArrayLike, answer: ArrayLike) -> AsItIs:
        """Return the calibration that changes nothing."""
        return AsItIs()

    def conform(self, truth: ArrayLike, answer: ArrayLike, level: float) -> Around:
        """Return intervals by split conformal prediction of absolute residuals (Lei et al. 2018)."""
        true, said = _checked(truth, answer)
        if not 0 < level < 1:
            raise ValueError(f"the level of an interval must be between 0 and 1, not {level}")
        place = math.ceil((len(true) + 1) * level)
        if place > len(true):
            raise ValueError(f"{len(true)} rows are too few for intervals at level {level}")
        return Around(level, float(np.sort(np.abs(said - true))[place - 1]))

    def questions(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the question whether the number is above its median."""
        true = np.asarray(truth, dtype="float64")
        return {f"above {np.median(true):g} {self.unit}": true > np.median(true)}

    def moved(self, answer: ArrayLike) -> np.ndarray:
        """Return the numbers themselves."""
        return np.asarray(answer, dtype="float64")


def _checked(truth: ArrayLike, answer: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    true, said = np.asarray(truth, dtype="float64"), np.asarray(answer, dtype="float64")
    if true.shape != said.shape or true.ndim != 1 or not len(true):
        raise ValueError(f"numbers {true.shape} and answers {said.shape} do not match")
    if not np.isfinite(true).all():
        raise ValueError("true numbers must be finite, none missing")
    if not np.isfinite(said).all():
        raise ValueError("answers must be finite, none missing")
    return true, said
