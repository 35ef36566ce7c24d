"""What a rule of the gate says: yes, no or unknown, the points that a person must answer, and the answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Evidence = Mapping[str, Any]
"""What stages found, by the name of its file: schema, quality, leakage, replay, selection, test, slices, ..."""
Verdict = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class Point:
    """What a person must answer: `about` names it, so that a declared line can; `says` is what was found, in words."""

    about: str
    says: str


@dataclass(frozen=True)
class Accepted:
    """A line of `accepted` in params.yaml: it answers the point `about` of `rule`, and says why that is acceptable."""

    rule: str
    about: str
    why: str


@dataclass(frozen=True)
class Answer:
    """A point that a declared line answers: what was found, and why it is accepted."""

    about: str
    says: str
    why: str


class Found(NamedTuple):
    """What a rule found in the evidence.

    `number` is a number, an interval (value, low, high), or None where nothing was measured. `holds` is True, False, or
    None where the evidence cannot tell. A rule that holds and has points is unknown until they are answered.
    """

    number: Any
    holds: bool | None
    reason: str
    points: tuple[Point, ...] = ()


Judge = Callable[[Evidence, float], Found]
"""(evidence, bound) to what a rule finds."""


@dataclass(frozen=True)
class Rule:
    """How a rule judges evidence by its bound, and when it passes: of the value, or of the ends of its interval."""

    judge: Judge
    passes_when: str


@dataclass(frozen=True)
class Ruling:
    """What one rule says: the number that it looked at, with its interval if it has one, its bound, and the verdict.

    `accepted` are the points that declared lines answer, `open` those that nothing answers.
    """

    rule: str
    value: float | None
    low: float | None
    high: float | None
    bound: float
    passes_when: str
    verdict: Verdict
    reason: str
    accepted: tuple[Answer, ...] = ()
    open: tuple[Point, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the rule says yes, or says unknown and every point is answered."""
        return self.verdict == "yes" or (self.verdict == "unknown" and bool(self.accepted) and not self.open)


@dataclass(frozen=True)
class Decision:
    """All rulings, and the declared lines that answer none of their points."""

    rulings: tuple[Ruling, ...]
    unused: tuple[Accepted, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether the candidate may be promoted: no if a rule says no, unknown while a point is open, yes otherwise."""
        if any(ruling.verdict == "no" for ruling in self.rulings):
            return "no"
        return "yes" if all(ruling.passes for ruling in self.rulings) else "unknown"
