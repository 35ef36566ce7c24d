"""The gate: from evidence alone, may the candidate replace the champion? Every rule, its number, bound and verdict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd

from recommit.learning.rules import RULES
from recommit.learning.ruling import Accepted, Answer, Decision, Evidence, Point, Ruling, Verdict


def decide(evidence: Evidence, bounds: Mapping[str, float], accepted: Sequence[Mapping[str, str]] = ()) -> Decision:
    """Apply every rule, with its bound of the same name, to the evidence; lines of `accepted` answer points of rules.

    A line has `rule`, `about` and `why`. It answers the point with the same rule and `about`; it never makes a yes of a
    no. A number that is not one (NaN) never passes.

    Raises ValueError where evidence that a rule needs is missing, where bounds and rules do not match, or where a line
    is not whole: what was not measured cannot pass.
    """
    wrong = [f"{name} is no rule" for name in bounds if name not in RULES]
    wrong += [f"{name} has no bound" for name in RULES if name not in bounds]
    if wrong:
        raise ValueError(f"gate in params.yaml: {', '.join(wrong)}; the rules are {', '.join(RULES)}")
    lines = _lines(accepted)
    rulings = tuple(_ruling(name, evidence, bounds[name], lines) for name in RULES)
    used = {(ruling.rule, answer.about) for ruling in rulings for answer in ruling.accepted}
    return Decision(rulings, tuple(line for key, line in lines.items() if key not in used))


def _lines(accepted: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], Accepted]:
    """The lines of `accepted` in params.yaml, by rule and what they are about."""
    lines: dict[tuple[str, str], Accepted] = {}
    for number, found in enumerate(accepted, start=1):
        if wrong := "; ".join(_wrong_in(found)):
            raise ValueError(f"accepted in params.yaml, line {number}: {wrong}: {found}")
        line = Accepted(**found)
        if (line.rule, line.about) in lines:
            raise ValueError(f"accepted in params.yaml, line {number}: {line.rule}, {line.about!r} is answered twice")
        lines[line.rule, line.about] = line
    return lines


def _wrong_in(line: Any) -> Iterator[str]:
    wanted = [field.name for field in fields(Accepted)]
    if not isinstance(line, Mapping) or set(line) != set(wanted):
        yield f"it must have {', '.join(wanted)}, and nothing else"
        return
    yield from (f"{name} must be text, in quotes" for name in wanted if not isinstance(line[name], str))
    yield from (f"{name} says nothing" for name in wanted if isinstance(line[name], str) and not line[name].strip(" ."))
    if isinstance(line["rule"], str) and line["rule"].strip() and line["rule"] not in RULES:
        yield f"{line['rule']} is no rule; the rules are {', '.join(RULES)}"


def _ruling(name: str, evidence: Evidence, bound: float, lines: Mapping[tuple[str, str], Accepted]) -> Ruling:
    try:
        found = RULES[name].judge(evidence, bound)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"rule {name}: the evidence lacks {error}: `dvc repro` makes it anew") from None
    interval = found.number if isinstance(found.number, Mapping) else {"value": found.number}
    value, low, high = interval["value"], interval.get("low"), interval.get("high")
    holds, reason = found.holds, found.reason
    if any(number is not None and math.isnan(number) for number in (value, low, high)):
        holds, reason = False, "what was measured is not a number"
    points = (*found.points, *([Point(name, reason)] if holds is None else []))
    answers = [(point, lines.get((name, point.about))) for point in points]
    return Ruling(
        name, value, low, high, bound, RULES[name].passes_when, _verdict(holds, points), reason,
        accepted=tuple(Answer(point.about, point.says, line.why) for point, line in answers if line),
        open=tuple(point for point, line in answers if not line),
    )  # fmt: skip


def _verdict(holds: bool | None, points: Sequence[Point]) -> Verdict:
    if holds is False:
        return "no"
    return "unknown" if points else "yes"


def as_table(decision: Decision) -> pd.DataFrame:
    """The rulings for reading: rule, value with its interval [low, high], bound, when it passes, verdict, reason."""
    rows = []
    for ruling in decision.rulings:
        interval = "" if ruling.low is None else f" [{ruling.low:.3g}, {ruling.high:.3g}]"
        value = "not measured" if ruling.value is None else f"{ruling.value:.3g}{interval}"
        said = (ruling.passes_when, ruling.verdict, ruling.reason)
        rows.append((ruling.rule.replace("_", " "), value, f"{ruling.bound:g}", *said))
    return pd.DataFrame(rows, columns=["rule", "value [low, high]", "bound", "passes when", "verdict", "reason"])


def points_as_table(decision: Decision) -> pd.DataFrame:
    """The points that a person must answer, and the lines that answer none: rule, about, what was found, answer."""
    open_points = [(ruling.rule, one.about, one.says, "open") for ruling in decision.rulings for one in ruling.open]
    answered = [(ruling.rule, one.about, one.says, one.why) for ruling in decision.rulings for one in ruling.accepted]
    unused = [(line.rule, line.about, "nothing: the line answers no point", line.why) for line in decision.unused]
    return pd.DataFrame([*open_points, *answered, *unused], columns=["rule", "about", "found", "answer"])


def as_evidence(decision: Decision) -> dict[str, Any]:
    """What models/decision.json keeps of the decision: verdict, rules, and the declared lines that answer nothing."""
    return {
        "verdict": decision.verdict,
        "rules": [asdict(ruling) for ruling in decision.rulings],
        "unused": [asdict(line) for line in decision.unused],
    }
