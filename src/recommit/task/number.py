"""A question with a number as its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.artifact.answers import Intervals, NumberAnswers
from recommit.artifact.calibration import AsItIs
from recommit.artifact.sets import Around
from recommit.evidence.numbers import Scale
from recommit.evidence.scores import NUMBER, Score
from recommit.task.conformal import quantile
from recommit.task.words import Curve, Words

if TYPE_CHECKING:  # and in the methods that need more than numpy: who serves needs none of them
    from recommit.learning.intervals import Blocks, Estimate

_POINTS = 101
_FARTHEST = 0.99  # the curve ends where so many rows lie within


@dataclass(frozen=True)
class Number:
    """The truth is a number in `unit`, and the answer is one too."""

    unit: str

    kind: ClassVar[str] = "number"
    column: ClassVar[str] = NumberAnswers.column
    dtype: ClassVar[str] = "float64"
    loss: ClassVar[str] = "squared_error"
    scores: ClassVar[Mapping[str, Score]] = NUMBER
    limits: ClassVar[tuple[float, float] | None] = None
    size: ClassVar[str] = "mean width"
    uncalibrated: ClassVar[AsItIs] = AsItIs()
    parts: ClassVar[tuple[str, ...]] = ("answer",)

    @property
    def loss_unit(self) -> str:
        """The target's unit squared."""
        return f"{self.unit}²"

    def fit(self, model: Any, rows: pd.DataFrame, truth: ArrayLike) -> Any:
        """Fit `model` on the truth."""
        return model.fit(rows, truth)

    def answer(self, fitted: Any, rows: pd.DataFrame) -> np.ndarray:
        """Return the number that a fitted regressor predicts for each row."""
        return np.asarray(fitted.predict(rows), dtype="float64")

    def constant(self, truth: ArrayLike) -> np.ndarray:
        """Return the mean number, (1,)."""
        return np.array([pd.Series(np.asarray(truth)).mean()])

    def sound(self, answer: ArrayLike) -> np.ndarray:
        """Return whether each answer is a finite number."""
        return np.isfinite(np.asarray(answer, dtype="float64"))

    def losses(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the squared error of each row."""
        came, said = _checked(truth, answer)
        return (said - came) ** 2

    def judge(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "dict[str, Estimate]":
        """Return squared and absolute error, the share of the variance that is explained, and the calibration error."""
        from recommit.task.bins import calibration_error

        came, said = _checked(truth, answer)
        squared = (said - came) ** 2

        def explained(weights: np.ndarray) -> float:
            with np.errstate(invalid="ignore"):
                spread = weights @ (came - weights @ came / weights.sum()) ** 2
            return float(1 - weights @ squared / spread) if spread > 0 else float("nan")

        return {
            "squared_error": blocks.ratio(squared),
            "absolute_error": blocks.ratio(np.abs(said - came)),
            "explained": blocks.statistic(explained, (-np.inf, 1)),
            "calibration_error": calibration_error(came, said, blocks),
        }

    def gap(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "Estimate":
        """Return the mean answer less the mean of what came."""
        came, said = _checked(truth, answer)
        return blocks.ratio(said - came)

    def scale(self, spread: float, baseline: ArrayLike) -> Scale:
        """Return the baseline's mean loss, and the standard deviation of the target in training rows."""
        return Scale(
            loss=float(np.mean(np.asarray(baseline, dtype="float64"))),
            answer=spread,
            loss_in="share of the baseline's loss",
            answer_in="standard deviations of the target",
        )

    def calibrate(self, truth: ArrayLike, answer: ArrayLike) -> AsItIs:
        """Return the calibration that changes nothing."""
        return AsItIs()

    def conform(self, truth: ArrayLike, answer: ArrayLike, level: float, by_outcome: bool = False) -> Around:
        """Return intervals by split conformal prediction of absolute residuals (Lei et al. 2018)."""
        if by_outcome:
            raise ValueError("prediction.by_outcome in params.yaml is for outcomes and classes: a number has neither")
        came, said = _checked(truth, answer)
        return Around(level, quantile(np.abs(said - came), level))

    def spread(self, truth: ArrayLike) -> float:
        """Return the standard deviation of the target."""
        return float(np.std(np.asarray(truth, dtype="float64")))

    def answers(self, calibration: AsItIs, sets: Around, truth: ArrayLike, threshold: float | None) -> NumberAnswers:
        """Return the unit, the spread and the intervals; a number has no threshold."""
        intervals = Intervals(level=sets.level, half_width=sets.quantile)
        return NumberAnswers(unit=self.unit, spread=self.spread(truth), conformal=intervals)

    def written(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return the numbers in a table of predictions."""
        return predictions[self.column].to_numpy()

    def held(self, truth: ArrayLike, predictions: pd.DataFrame) -> np.ndarray:
        """Return whether the true number lies from `low` to `high`."""
        came = np.asarray(truth, dtype="float64")
        return np.asarray((predictions["low"] <= came) & (came <= predictions["high"]))

    def sizes(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return how far `high` is above `low`."""
        return np.asarray(predictions["high"] - predictions["low"])

    def groups(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the rows up to the median and those above it."""
        came = np.asarray(truth, dtype="float64")
        above = came > np.median(came)
        middle = f"{np.median(came):.4g} {self.unit}"
        return {f"up to {middle}": ~above, f"above {middle}": above}

    def questions(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the question whether the number is above its median."""
        return dict(list(self.groups(truth).items())[1:])

    def said(self, answer: ArrayLike) -> np.ndarray:
        """Return the number itself."""
        return np.asarray(answer, dtype="float64")

    def came(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the truth itself."""
        return np.asarray(truth, dtype="float64")

    def pairs(self, truth: ArrayLike, answer: ArrayLike) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the truth and the number."""
        return {"": (self.came(truth, answer), self.said(answer))}

    def counted(self, truth: pd.Series) -> pd.Series:
        """Return the truth itself."""
        return truth

    def tracked(self, truth: pd.Series) -> pd.Series:
        """Return the truth itself."""
        return truth

    def moved(self, answer: ArrayLike, asked: ArrayLike) -> np.ndarray:
        """Return the numbers themselves."""
        return np.asarray(answer, dtype="float64")

    def words(self, target: str) -> Words:
        """Return the words for a number; the target's name and unit stand in them."""
        return Words(
            said=f"{target}, {self.unit}",
            came=f"mean of what came, {self.unit}",
            mean=f"mean of what came, {self.unit}",
            moved=f"{target}, {self.unit}",
            calibrated="Does what it says come, on average?",
        )

    def shown(self, answer: float) -> str:
        """Return the number with its unit."""
        return f"{answer:.4g} {self.unit}"

    def curve(self, truth: ArrayLike, answer: ArrayLike, judged: "Mapping[str, Estimate]") -> Curve:
        """Return the share of rows whose error is at most so large: the REC curve of Bi and Bennett (2003)."""
        came, said = _checked(truth, answer)
        errors = np.sort(np.abs(said - came))
        grid = np.linspace(0, np.quantile(errors, _FARTHEST), _POINTS)
        within = np.searchsorted(errors, grid, side="right") / len(errors)
        return Curve(
            title="How far off are the answers?",
            x=f"distance of answer and truth, {self.unit}",
            y="share of rows that are no farther off",
            points=pd.DataFrame({"x": grid, "y": within}).round(6),
            label=f"candidate, absolute error {judged['absolute_error'].interval()}",
            by_chance=False,
        )


def _checked(truth: ArrayLike, answer: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    came, said = np.asarray(truth, dtype="float64"), np.asarray(answer, dtype="float64")
    if came.shape != said.shape or came.ndim != 1 or not len(came):
        raise ValueError(f"numbers {came.shape} and answers {said.shape} do not match")
    if not np.isfinite(came).all():
        raise ValueError("true numbers must be finite, none missing")
    if not np.isfinite(said).all():
        raise ValueError("answers must be finite, none missing")
    return came, said
