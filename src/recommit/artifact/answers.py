"""What a model's answers are, by kind of task: what the manifest states of them, and how a prediction is written."""

from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from recommit.artifact.calibration import AsItIs, Platt
from recommit.artifact.closed import Closed, Level, Name, Share
from recommit.artifact.sets import Around, Conformal, set_words

Columns = dict[str, pa.Array]


class Calibration(Closed):
    """The straight line in the log-odds that is part of the model file."""

    slope: Annotated[float, Field(gt=0, le=1e6)]
    intercept: Annotated[float, Field(ge=-1e8, le=1e8)]


class Sets(Closed):
    """The level of the sets of outcomes, and the quantile from which they follow: see `recommit.artifact.sets`."""

    level: Level
    quantile: Share


class Intervals(Closed):
    """The level of the intervals, and half their width, in the target's unit: see `recommit.artifact.sets`."""

    level: Level
    half_width: Annotated[float, Field(ge=0)]


class BinaryAnswers(Closed):
    """Probabilities of the second of two `outcomes`, each with the set of outcomes that cannot be ruled out."""

    kind: Literal["binary"] = "binary"
    outcomes: Annotated[list[Name], Field(min_length=2, max_length=2)]
    calibration: Calibration
    conformal: Sets
    threshold: Share
    """The smallest probability that counts as a yes; a larger threshold gives fewer of them."""

    column: ClassVar[str] = "probability"
    """The column of the answer in a table of predictions."""
    spread: ClassVar[float] = 1.0
    """By how much answers differ: see `distance`."""

    @model_validator(mode="after")
    def _has_a_name_for_each_set(self) -> "BinaryAnswers":
        words = set_words(self.outcomes)
        if len(set(words)) < len(words):
            raise ValueError(f"the outcomes {' and '.join(self.outcomes)} give two sets one name: call them otherwise")
        return self

    @property
    def calibrate(self) -> Platt:
        """The calibration that is part of the model file."""
        return Platt(self.calibration.slope, self.calibration.intercept)

    @property
    def sets(self) -> Conformal:
        """What turns an answer into a set."""
        return Conformal(self.conformal.level, self.conformal.quantile)

    @property
    def edges(self) -> tuple[float, ...]:
        """The answers at which the set changes."""
        return (1 - self.conformal.quantile, self.conformal.quantile)

    def columns(self, answer: np.ndarray) -> Columns:
        """Return what is written of each prediction: its probability, (n,), and its set in words."""
        held = self.sets.sets(answer)
        words = pa.array(set_words(self.outcomes))
        code = pa.array((held[:, 0] + 2 * held[:, 1]).astype("int8"))
        return {self.column: pa.array(answer), "set": pa.DictionaryArray.from_arrays(code, words)}


class NumberAnswers(Closed):
    """Numbers in `unit`, each with an interval."""

    kind: Literal["number"] = "number"
    unit: str
    spread: Annotated[float, Field(gt=0)]
    """The standard deviation of the target in training."""
    conformal: Intervals

    column: ClassVar[str] = "prediction"
    edges: ClassVar[tuple[float, ...]] = ()
    calibrate: ClassVar[AsItIs] = AsItIs()

    @property
    def sets(self) -> Around:
        """What turns an answer into an interval."""
        return Around(self.conformal.level, self.conformal.half_width)

    def columns(self, answer: np.ndarray) -> Columns:
        """Return what is written of each prediction: the number, (n,), and the ends of its interval."""
        low, high = self.sets.ends(answer).T
        return {self.column: pa.array(answer), "low": pa.array(low), "high": pa.array(high)}


Answers = BinaryAnswers | NumberAnswers
"""What a manifest states of the answers, with all that a serving process needs to give them."""


def distance(found: np.ndarray, due: np.ndarray, spread: float) -> np.ndarray:
    """Return how far each answer is from the one that is due, (n,), as a share of `spread`.

    It is a share of the answer due itself where that is larger, because a float32 has seven digits. Of a probability,
    whose spread is 1, it is the difference. An answer that is no number is infinitely far.
    """
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(found), np.abs(found - due) / np.maximum(spread, np.abs(due)), np.inf)
