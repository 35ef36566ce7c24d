"""The gate decides from evidence alone whether the candidate may replace the champion: one answer per rule."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from recommit.evidence.decision import Accepted, Answer, Decision, Line, Point, RuleAnswer, Ruling
from recommit.evidence.files import Evidence
from recommit.evidence.numbers import Interval
from recommit.learning.rules import RULES


def decide(evidence: Evidence, bounds: Mapping[str, float], accepted: Sequence[Mapping[str, str]] = ()) -> Decision:
    """Apply every rule, with its bound of the same name, to the evidence; lines of `accepted` accept points of rules.

    A line has `rule`, `about` and `why`. It accepts the point with the same rule and `about`; it never makes a yes of a
    no. A number that is not one (NaN) never passes. The decision is no if a rule says no, unknown while a point is
    open, yes otherwise. A rule that does not apply, since rows have no time, counts for neither.

    Raises ValueError where bounds and rules do not match, where a line is not whole, or where the evidence compares the
    candidate with no model of the name that a rule needs.
    """
    wrong = [f"{name} is no rule" for name in bounds if name not in RULES]
    wrong += [f"{name} has no bound" for name in RULES if name not in bounds]
    if wrong:
        raise ValueError(f"gate in params.yaml: {', '.join(wrong)}; the rules are {', '.join(RULES)}")
    lines = _lines(accepted)
    rules = tuple(_ruling(name, evidence, bounds[name], lines) for name in RULES)
    used = {(ruling.rule, point.about) for ruling in rules for point in ruling.accepted}
    return Decision(
        answer=_answer(
            holds=not any(ruling.answer == "no" for ruling in rules),
            asks=not all(ruling.passes or ruling.answer == "does not apply" for ruling in rules),
        ),
        candidate=evidence.test.candidate.md5,
        manifest=evidence.test.candidate.manifest,
        champion=evidence.test.champion.md5,
        rules=rules,
        unused=tuple(line for key, line in lines.items() if key not in used),
        evidence=evidence.hashes,
    )


def _lines(accepted: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], Line]:
    """Return the lines of `accepted` in params.yaml by (rule, about)."""
    lines: dict[tuple[str, str], Line] = {}
    for number, found in enumerate(accepted, start=1):
        if wrong := "; ".join(_wrong_in(found)):
            raise ValueError(f"accepted in params.yaml, line {number}: {wrong}: {found}")
        line = Line(**found)
        if (line.rule, line.about) in lines:
            raise ValueError(f"accepted in params.yaml, line {number}: {line.rule}, {line.about!r} is accepted twice")
        lines[line.rule, line.about] = line
    return lines


def _wrong_in(line: Any) -> Iterator[str]:
    wanted = [field.name for field in fields(Line)]
    if not isinstance(line, Mapping) or set(line) != set(wanted):
        yield f"it must have {', '.join(wanted)}, and nothing else"
        return
    yield from (f"{name} must be text, in quotes" for name in wanted if not isinstance(line[name], str))
    yield from (f"{name} says nothing" for name in wanted if isinstance(line[name], str) and not line[name].strip(" ."))
    if isinstance(line["rule"], str) and line["rule"].strip() and line["rule"] not in RULES:
        yield f"{line['rule']} is no rule; the rules are {', '.join(RULES)}"


def _ruling(name: str, evidence: Evidence, bound: float, lines: Mapping[tuple[str, str], Line]) -> Ruling:
    try:
        found = RULES[name].judge(evidence, bound)
    except KeyError as error:
        raise ValueError(f"rule {name}: the evidence lacks {error}: `dvc repro` makes it anew") from None
    number, holds, reason = found.number, found.holds, found.reason
    value, low, high = (number.value, number.low, number.high) if isinstance(number, Interval) else (number, None, None)
    if any(end is not None and math.isnan(end) for end in (value, low, high)):
        holds, reason = False, "what was measured is not a number"
    points = (*found.points, *([Point(name, reason)] if holds is None and found.applies else []))
    said = [(point, lines.get((name, point.about))) for point in points]
    answer: RuleAnswer = _answer(holds is not False, bool(points)) if found.applies else "does not apply"
    return Ruling(
        name, value, low, high, bound, RULES[name].passes_when(bound), answer, reason,
        accepted=tuple(Accepted(point.about, point.says, line.why) for point, line in said if line),
        open=tuple(point for point, line in said if not line),
    )  # fmt: skip


def _answer(holds: bool, asks: bool) -> Answer:
    """Return no unless it `holds`, unknown if it `asks` a person, else yes."""
    return ("unknown" if asks else "yes") if holds else "no"


def as_table(decision: Decision) -> pd.DataFrame:
    """Return one row per rule, the worst first: verdict, value [low, high], what it must be, reason."""
    rows = []
    for ruling in decision.worst_first:
        interval = "" if ruling.low is None else f" [{ruling.low:.3g}, {ruling.high:.3g}]"
        value = "not measured" if ruling.value is None else f"{ruling.value:.3g}{interval}"
        rows.append((ruling.verdict, ruling.rule.replace("_", " "), value, ruling.passes_when, ruling.reason))
    return pd.DataFrame(rows, columns=["verdict", "rule", "measured [low, high]", "must be", "reason"])


def points_as_table(decision: Decision) -> pd.DataFrame:
    """Return one row per point that a person must judge, and per line that accepts none."""
    open_points = [(ruling.rule, one.about, one.says, "open") for ruling in decision.rules for one in ruling.open]
    accepted = [(ruling.rule, one.about, one.says, one.why) for ruling in decision.rules for one in ruling.accepted]
    unused = [(line.rule, line.about, "nothing: the line accepts no point", line.why) for line in decision.unused]
    return pd.DataFrame([*open_points, *accepted, *unused], columns=["rule", "about", "found", "accepted"])
