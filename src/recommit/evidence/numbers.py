"""Numbers as evidence keeps them: measured numbers with their intervals, rounded when they are written."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, PlainSerializer
from pydantic.dataclasses import dataclass

from recommit.evidence.scores import SCORES

CLOSED = ConfigDict(extra="forbid")
"""No type of evidence takes a key that it does not declare."""
LEVEL = 0.95
Decimals = Annotated[float, PlainSerializer(lambda number: round(number, 6))]
"""A number that is written to six decimals."""
Instant = AwareDatetime
"""A point in time with its zone."""


@dataclass(frozen=True, config=CLOSED)
class Interval:
    """A measured number and the interval that is to hold the true one in `level` of all such measurements."""

    value: Decimals
    low: Decimals
    high: Decimals
    level: Decimals = LEVEL

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def over(self, scale: float) -> "Interval":
        """The number and its ends, divided by `scale`; NaN where that is 0."""
        value, low, high = (end / scale if scale else float("nan") for end in (self.value, self.low, self.high))
        return Interval(value, low, high, self.level)


@dataclass(frozen=True, config=CLOSED)
class Scale:
    """By what losses and answers are divided before the gate holds them against its bounds, and their units then.

    Bounds on losses of numbers are shares of the baseline's loss, and bounds on answers are standard deviations of the
    target; those on log losses and probabilities are held as they are, so that both scales are 1.
    """

    loss: float
    answer: float
    loss_in: str
    answer_in: str

    def of_loss(self, number: Interval) -> Interval:
        """A loss, or a difference of two, in the unit of the gate's bounds."""
        return number.over(self.loss)

    def of_answer(self, number: Interval) -> Interval:
        """An answer, or a difference of two, in the unit of the gate's bounds."""
        return number.over(self.answer)


def _is_score(name: str) -> str:
    if name not in SCORES:
        raise ValueError(f"there is no such score; there are {', '.join(SCORES)}")
    return name


ScoreName = Annotated[str, AfterValidator(_is_score)]
"""A name of `recommit.evidence.scores.SCORES`."""
Scores = dict[ScoreName, Interval]
"""Measured numbers by the names of their scores."""
