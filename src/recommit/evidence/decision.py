"""The gate's record: the answer of each rule, the points that a person must judge, and the decision."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from recommit.evidence.numbers import CLOSED, Interval
from recommit.evidence.stages import File

Answer = Literal["yes", "no", "unknown"]
"""What all rules say of the candidate together."""
RuleAnswer = Answer | Literal["does not apply"]
"""What one rule says; it does not apply to rows that have no time, say, and is then no yes either."""


@dataclass(frozen=True, config=CLOSED)
class Point:
    """What a person must judge: `about` names it, so that a declared line can; `says` is what was found, in words."""

    about: str
    says: str


@dataclass(frozen=True, config=CLOSED)
class Accepted(Point):
    """A point that a line of `accepted` in params.yaml accepts, and why."""

    why: Annotated[str, Field(pattern=r"\S")]


@dataclass(frozen=True, config=CLOSED)
class Line:
    """A line of `accepted` in params.yaml: it accepts the point `about` of `rule`, and says why."""

    rule: str
    about: str
    why: str


@dataclass(frozen=True, config=CLOSED)
class Ruling:
    """What one rule says: the number that it looked at, with its interval if it has one, its bound, and the answer.

    `value` is None where nothing was measured. `passes_when` says in words what it must be, such as "at most 0.05".
    `accepted` are the points that declared lines accept, `open` the others.
    """

    rule: str
    value: int | float | None
    low: float | None
    high: float | None
    bound: int | float
    passes_when: str
    answer: RuleAnswer
    reason: str
    accepted: tuple[Accepted, ...] = ()
    open: tuple[Point, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the rule says yes, or says unknown and every point is accepted."""
        return self.answer == "yes" or (self.answer == "unknown" and bool(self.accepted) and not self.open)

    @property
    def measured(self) -> Interval | float | None:
        """What was measured, with its interval if it has one; None where nothing was."""
        if self.value is None or self.low is None or self.high is None:
            return self.value
        return Interval(self.value, self.low, self.high)

    @property
    def verdict(self) -> str:
        """The answer in words, which says as well whether points that the rule cannot tell are accepted."""
        accepted = self.answer == "unknown" and self.passes
        return f"{_SIGNS[self.answer]} {self.answer}{', accepted' if accepted else ''}"


_SIGNS: Mapping[RuleAnswer, str] = {"no": "✗", "unknown": "?", "yes": "✓", "does not apply": "–"}


@dataclass(frozen=True, config=CLOSED)
class Decision(File):
    """models/decision.json: may the candidate be promoted? With the MD5 of all that it was judged by."""

    answer: Answer
    candidate: str
    """MD5 of the candidate's model file."""
    manifest: str
    """MD5 of the candidate's manifest, which holds the hashes of its other files."""
    champion: str
    """MD5 of the champion's model file."""
    rules: tuple[Ruling, ...]
    unused: tuple[Line, ...]
    """Lines of `accepted` that accept no point."""
    evidence: dict[str, str]
    """MD5 of each file in reports/evidence, by its path in there."""

    @property
    def worst_first(self) -> list[Ruling]:
        """The rules: those that say no, then what is unknown and open, unknown and accepted, yes, does not apply."""
        order = list(_SIGNS)
        return sorted(self.rules, key=lambda rule: (order.index(rule.answer), rule.passes))
