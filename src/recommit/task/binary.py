"""A question with two outcomes: the answer is the probability of the second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import logit

from recommit.artifact.answers import BinaryAnswers, Calibration, sets_of
from recommit.artifact.calibration import UNCALIBRATED, Platt
from recommit.artifact.sets import Conformal, as_sets
from recommit.evidence.scores import BINARY, Score
from recommit.task.conformal import quantile, quantiles
from recommit.task.probabilities import Chances, log_losses, ranking
from recommit.task.words import Curve, Words

if TYPE_CHECKING:  # and in the methods that need more than numpy: who serves needs none of them
    from recommit.learning.intervals import Blocks, Estimate

CLOSEST = 1e-7
"""Distance from 0 and 1 that single precision can still represent."""
_POINTS = 101


@dataclass(frozen=True)
class Binary(Chances):
    """The truth is false or true, and `outcomes` names both: (no, yes). The answer is the probability of a yes."""

    outcomes: tuple[str, str]

    kind: ClassVar[str] = "binary"
    column: ClassVar[str] = BinaryAnswers.column
    dtype: ClassVar[str] = "bool"
    scores: ClassVar[Mapping[str, Score]] = BINARY
    size: ClassVar[str] = "share that holds both outcomes"
    uncalibrated: ClassVar[Platt] = UNCALIBRATED
    parts: ClassVar[tuple[str, ...]] = ("answer",)

    def fit(self, model: Any, rows: pd.DataFrame, truth: ArrayLike) -> Any:
        """Fit `model` on the truth."""
        return model.fit(rows, truth)

    def answer(self, fitted: Any, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of a yes that a fitted classifier gives each row."""
        return np.asarray(fitted.predict_proba(rows)[:, 1])

    def constant(self, truth: ArrayLike) -> np.ndarray:
        """Return the share that came true, (1,)."""
        return np.array([np.asarray(truth, dtype="float64").mean()])

    def sound(self, answer: ArrayLike) -> np.ndarray:
        """Return whether each answer is a number within 0 to 1."""
        chance = np.asarray(answer, dtype="float64")
        return (chance >= 0) & (chance <= 1)

    def losses(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the log loss of each row, in nats."""
        return log_losses(truth, answer)

    def judge(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "dict[str, Estimate]":
        """Return two scores that rank (auc, average_precision), and three of the probabilities themselves."""
        from recommit.task.bins import calibration_error

        came, chance = np.asarray(truth, dtype="float64"), np.asarray(answer, dtype="float64")
        ranked = ranking(came, chance)
        return {
            "auc": blocks.statistic(ranked.auc, (0, 1)),
            "average_precision": blocks.statistic(ranked.average_precision, (0, 1)),
            "log_loss": blocks.ratio(log_losses(came, chance)),
            "brier": blocks.ratio((chance - came) ** 2),
            "calibration_error": calibration_error(came, chance, blocks),
        }

    def gap(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "Estimate":
        """Return the mean probability less the share that came true."""
        return blocks.ratio(np.asarray(answer, dtype="float64") - np.asarray(truth, dtype="float64"))

    def calibrate(self, truth: ArrayLike, answer: ArrayLike) -> Platt:
        """Return the straight line in log-odds that suits the truth best (Platt 1999)."""
        from recommit.task.platt import fit_platt

        return fit_platt(truth, answer)

    def conform(self, truth: ArrayLike, answer: ArrayLike, level: float, by_outcome: bool = False) -> Conformal:
        """Return the least ambiguous sets of outcomes that hold the truth at `level`."""
        came, chance = np.asarray(truth, dtype="int64"), np.asarray(answer, dtype="float64")
        scores = np.where(came == 1, 1 - chance, chance)
        found = quantiles(scores, came, self.outcomes, level) if by_outcome else quantile(scores, level)
        return Conformal(level, found)

    def answers(self, calibration: Platt, sets: Conformal, truth: ArrayLike, threshold: float | None) -> BinaryAnswers:
        """Return the outcomes, the line of the calibration, the sets and the threshold."""
        if threshold is None:
            raise ValueError("params.yaml has no prediction.threshold: the smallest probability that counts as a yes")
        return BinaryAnswers(
            outcomes=list(self.outcomes),
            calibration=Calibration(slope=calibration.slope, intercept=calibration.intercept),
            conformal=sets_of(sets),
            threshold=threshold,
        )

    def written(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return the probabilities in a table of predictions."""
        return predictions[self.column].to_numpy()

    def held(self, truth: ArrayLike, predictions: pd.DataFrame) -> np.ndarray:
        """Return whether the set in words holds the outcome."""
        came = np.asarray(truth, dtype="int64")
        return as_sets(predictions["set"], self.outcomes)[np.arange(len(came)), came]

    def sizes(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return whether the set in words holds both outcomes."""
        return np.asarray(as_sets(predictions["set"], self.outcomes).all(axis=1))

    def groups(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the rows of each outcome."""
        came = np.asarray(truth, dtype="bool")
        return dict(zip(self.outcomes, (~came, came), strict=True))

    def questions(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the target itself."""
        return {self.outcomes[1]: np.asarray(truth, dtype="bool")}

    def said(self, answer: ArrayLike) -> np.ndarray:
        """Return the probability itself."""
        return np.asarray(answer, dtype="float64")

    def came(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the truth as 0 and 1."""
        return np.asarray(truth, dtype="float64")

    def pairs(self, truth: ArrayLike, answer: ArrayLike) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the truth and the probability."""
        return {"": (self.came(truth, answer), self.said(answer))}

    def counted(self, truth: pd.Series) -> pd.Series:
        """Return the truth itself."""
        return truth

    def tracked(self, truth: pd.Series) -> pd.Series:
        """Return the truth itself."""
        return truth

    def moved(self, answer: ArrayLike, asked: ArrayLike) -> np.ndarray:
        """Return the log-odds."""
        return np.asarray(logit(np.clip(answer, CLOSEST, 1 - CLOSEST)))

    def words(self, target: str) -> Words:
        """Return the words for a probability; the name of the second outcome stands in them."""
        yes = self.outcomes[1]
        return Words(
            said=f"probability of {yes}",
            came=f"share that was {yes}",
            mean=f"share that was {yes}",
            moved=f"log-odds of {yes}",
            calibrated="When it says 30 %, is it 30 %?",
        )

    def shown(self, answer: float) -> str:
        """Return the probability in per cent."""
        return f"a probability of {answer:.0%}"

    def curve(self, truth: ArrayLike, answer: ArrayLike, judged: "Mapping[str, Estimate]") -> Curve:
        """Return the ROC curve at evenly spaced false positive rates."""
        from sklearn.metrics import roc_curve

        false_positive, true_positive, _ = roc_curve(truth, answer)
        grid = np.linspace(0, 1, _POINTS)
        yes = self.outcomes[1]
        return Curve(
            title="Which alarms are false, which are missed?",
            x=f"share of the others called {yes}",
            y=f"share of {yes} found",
            points=pd.DataFrame(
                {"x": grid.round(4), "y": np.interp(grid, false_positive, true_positive).round(6)},
            ),
            label=f"candidate, area {judged['auc'].interval()}",
            by_chance=True,
        )
