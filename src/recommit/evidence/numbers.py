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


def _is_score(name: str) -> str:
    if name not in SCORES:
        raise ValueError(f"there is no such score; there are {', '.join(SCORES)}")
    return name


ScoreName = Annotated[str, AfterValidator(_is_score)]
"""A name of `recommit.evidence.scores.SCORES`."""
Scores = dict[ScoreName, Interval]
"""Measured numbers by the names of their scores."""
