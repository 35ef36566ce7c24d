"""What the first screen says: the question, the decision, the next command, three numbers, the weakest points."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recommit.evidence.decision import Answer, Decision, Ruling
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import LeftOut, Robustness, Slices, Test
from recommit.report.documents import Debt
from recommit.report.facts import Facts
from recommit.report.tables import Cell, Row, Table, better, cell, heading, percent, shown, words

_NEAR = 0.8
"""A number that passes is a weak point from this share of its bound on."""
_SIZES = ("calibration", "calibration_error", "staleness", "parity")
"""The rules whose number is held against its bound as it is, without its sign."""
_NO_OTHER = ("uncalibrated", "baseline", "champion")
_TINY = 1e-9


@dataclass(frozen=True)
class Weak:
    """A weak point in words, and the address of what shows more of it.

    `weight` is how many times over it uses up what the gate forgives: the worst has the largest. It is infinite for
    what the gate refuses, and for what nobody has judged.
    """

    words: str
    path: str
    weight: float


@dataclass(frozen=True)
class FirstScreen:
    """The question, what it was judged on, the verdict with its reason, numbers, weak points, and what to do next."""

    question: str
    about: tuple[tuple[str, str], ...]
    answer: Answer
    verdict: str
    why: str
    numbers: Table
    weak: tuple[Weak, ...]
    advice: str
    command: str


def first_screen(facts: Facts, debts: Sequence[Debt]) -> FirstScreen | None:
    """Return the first screen from evidence; None without a decision, or without the test that it was made from."""
    found = facts.evidence
    decision, test, features = found.get("decision"), found.get("test"), found.get("features")
    if not isinstance(decision, Decision) or not isinstance(test, Test):
        return None
    unasked = [feature.name for feature in features.features if feature.unasked] if features else []
    answer = "unknown" if decision.answer == "yes" and unasked else decision.answer
    weak = sorted(_weak(facts, decision, test, debts), key=lambda one: -one.weight)
    advice, command = _next(decision, test, unasked)
    return FirstScreen(
        question=features.question if features and features.question else "May the candidate replace the champion?",
        about=tuple(_about(facts, test)),
        answer=answer,
        verdict=_verdict(answer, test),
        why=why(decision),
        numbers=numbers(test),
        weak=tuple(weak),
        advice=advice,
        command=command,
    )


def why(decision: Decision) -> str:
    """Return how many rules of the gate hold, and the names of those that do not, by what they say instead."""
    rules = decision.rules
    unknown = [rule for rule in rules if rule.answer == "unknown"]
    others = {
        "No": [rule for rule in rules if rule.answer == "no"],
        "Unknown": [rule for rule in unknown if not rule.passes],
        "Unknown, and accepted by a person": [rule for rule in unknown if rule.passes],
        "Does not apply": [rule for rule in rules if rule.answer == "does not apply"],
    }
    held = sum(rule.answer == "yes" for rule in rules)
    said = [f"{say}: {', '.join(words(rule.rule) for rule in found)}." for say, found in others.items() if found]
    return " ".join([f"{held} of the gate's {len(rules)} rules hold.", *said])


def _verdict(answer: Answer, test: Test) -> str:
    candidate, champion = test.candidate, test.champion
    if candidate.md5 == champion.md5:
        return f"No: {candidate.fit} is the champion itself"
    alike = candidate.fit == champion.fit
    new, old = (f"{one.fit} {one.md5[:7]}" if alike else one.fit for one in (candidate, champion))
    said = {"yes": "Yes: {} may replace {}", "no": "No: {} must not replace {}"}
    return said.get(answer, "Not yet: {} may replace {} only if a person says so").format(new, old)


def _about(facts: Facts, test: Test) -> Iterator[tuple[str, str]]:
    """Yield what the numbers are about, each with its name: the clock, the rows, and the hash of the model file."""
    period = test.period
    if clock := facts.params.get("as_of"):
        yield "Clock", shown(str(clock))
    span = f" of {shown(period.starts)} to {shown(period.ends)}" if period.starts else ""
    yield "Learned from", f"{shown(test.candidate.trained_rows)} rows"
    yield "Judged on", f"{shown(period.rows)} others{span}, in {shown(period.blocks)} blocks"
    yield "Candidate", test.candidate.md5


def numbers(test: Test) -> Table:
    """Return the loss that the gate judges by, an error in the answer's unit, and the coverage of the sets."""
    others = [name for name in ("champion", "baseline") if name in test.metrics]
    error = "absolute_error" if "absolute_error" in test.metrics["candidate"] else "calibration_error"
    rows = [_number(name, test, others) for name in (test.loss, error)]
    coverage = test.coverage
    promised = Cell(f"promised: {100 * coverage.level:g} %", "text")
    held = (Cell(percent(coverage.overall)), *(Cell("–") for _ in others), promised)
    rows.append(Row("Coverage of sets", held, about="how often the set beside an answer holds what came"))
    columns = (f"Candidate {test.candidate.fit}", f"Champion {test.champion.fit}", "Baseline")[: 1 + len(others)]
    head = f"In brackets: the interval at {100 * coverage.overall.level:g} %"
    return Table("", head, (*columns, "Better than champion by"), tuple(rows))


def _number(name: str, test: Test, others: Sequence[str]) -> Row:
    gain = test.differences.get("champion", {}).get(name)
    cells = [cell(test.metrics[model].get(name)) for model in ("candidate", *others)]
    return Row(SCORES[name].heading, (*cells, better(gain) if gain else cell(None)), about=SCORES[name].words)


def _weak(facts: Facts, decision: Decision, test: Test, debts: Sequence[Debt]) -> Iterator[Weak]:
    rules = {rule.rule: rule for rule in decision.rules}
    yield from _refused(decision, debts)
    yield from _accepted(decision)
    yield from _near(decision)
    if "coverage" in rules:
        yield from _uncovered(test, rules["coverage"].bound)
    if "calibration_error" in rules:
        yield from _miscalibrated(test, rules["calibration_error"].bound)
    if "not_worse_than_champion" in rules:
        yield from _no_better(test, rules["not_worse_than_champion"].bound)
    robustness, slices = facts.evidence.get("robustness"), facts.evidence.get("slices")
    if isinstance(robustness, Robustness) and "directions" in rules:
        yield from _directions(robustness, rules["directions"])
    margin = rules.get("better_than_baseline")
    if margin and isinstance(slices, Slices) and slices.worst and slices.worst.improvement.value < 0:
        part, loss = slices.worst, test.scale.of_loss(slices.worst.improvement)
        said = f"On {words(part.by)} {part.value}, {shown(part.rows)} rows, it is worse than the baseline, not surely"
        yield Weak(f"{said}: {shown(loss)}", "#slices", -loss.value / max(margin.bound, _TINY))
    if skipped := sorted({name for name, one in facts.evidence.items() if isinstance(one, LeftOut)}):
        yield Weak(f"Left out, and so not measured: {', '.join(map(words, skipped))}", "#left_out", 1)
    if unwritten := [debt for debt in debts if debt.missing == "words" and debt.document != "Features"]:
        parts = f"{len(unwritten)} part{'s' if len(unwritten) > 1 else ''}"
        yield Weak(f"Debts: {parts} of the documents that nobody has written", "#debts", 0)


def _refused(decision: Decision, debts: Sequence[Debt]) -> Iterator[Weak]:
    """Yield what stands against a promotion: rules that say no, open points, and questions about features."""
    for rule in (rule for rule in decision.worst_first if rule.answer == "no"):
        said = f"{heading(rule.rule)}: {shown(rule.measured)}, and must be {rule.passes_when}: {rule.reason}"
        yield Weak(said, "#decision", math.inf)
    for debt in (debt for debt in debts if debt.document == "Features"):
        yield Weak(f"Nobody has said {debt.title}", debt.path, math.inf)
    for rule in (rule for rule in decision.worst_first if rule.open):
        first, *others = rule.open
        more = f"; and {len(others)} more of this rule" if others else ""
        said = first.says if first.about == rule.rule else f"{first.about}: {first.says}"
        # What was not measured, nobody could judge.
        lead = heading(rule.rule) if rule.value is None else f"Nobody has judged {words(rule.rule)}"
        yield Weak(f"{lead}: {said}{more}", "#decision", math.inf)


def _accepted(decision: Decision) -> Iterator[Weak]:
    for rule in decision.rules:
        for point in rule.accepted:
            said = f"{point.about[:1].upper() + point.about[1:]}: {point.says}. A person accepts it: {point.why}"
            yield Weak(said, "#decision", max(1.0, _used(rule)))


def _near(decision: Decision) -> Iterator[Weak]:
    for rule in decision.rules:
        if rule.answer == "yes" and rule.rule in _SIZES and _used(rule) >= _NEAR:
            said = f"{heading(rule.rule)} is near its bound: {shown(rule.measured)}, and must be {rule.passes_when}"
            yield Weak(said, "#decision", _used(rule))


def _uncovered(test: Test, bound: float) -> Iterator[Weak]:
    coverage = test.coverage
    for group, share in coverage.of.items():
        if (short := coverage.level - share.value) > bound:
            said = f"{percent(share)} of sets hold it, where {100 * coverage.level:g} % are promised"
            yield Weak(f"Where what came is {group}, {said}", "#coverage", short / max(bound, _TINY))


def _miscalibrated(test: Test, bound: float) -> Iterator[Weak]:
    before, change = (
        found.get("uncalibrated", {}).get("calibration_error") for found in (test.metrics, test.differences)
    )
    if before and change and change.high < 0:
        after = test.calibration.error
        said = f"{shown(after.value)} with it, {shown(before.value)} without"
        weight = test.scale.of_answer(after).value / max(bound, _TINY)
        yield Weak(f"Calibration made the answers worse on these rows: error {said}", "#calibration", weight)


def _no_better(test: Test, bound: float) -> Iterator[Weak]:
    """Yield the models beside the candidate that may be as good: another kind, on the same features."""
    others = {name: gain for name, gain in test.differences.items() if name not in _NO_OTHER}
    for name, gain in ((name, gains[test.loss]) for name, gains in others.items()):
        if gain.low < 0:
            said = f"{SCORES[test.loss].name.lower()} saved: {shown(gain)}"
            surely = "Surely worse than" if gain.high < 0 else "Not surely better than"
            weight = -test.scale.of_loss(gain).low / max(bound, _TINY)
            yield Weak(f"{surely} {words(name)} on the same features: {said}", "#test", weight)


def _directions(robustness: Robustness, rule: Ruling) -> Iterator[Weak]:
    judged = {point.about for point in (*rule.accepted, *rule.open)}
    for one in robustness.directions:
        used = one.violating.value / max(rule.bound, _TINY)
        if one.name not in judged and used >= _NEAR:
            said = f"{percent(one.violating)} of answers {one.must_not}, which must not; bound {percent(rule.bound)}"
            yield Weak(f"{heading(one.name)}: {said}", "#robustness", used)


def _used(rule: Ruling) -> float:
    """Return how many times over a rule's number uses up its bound; 0 where there is no number."""
    return abs(rule.value) / max(rule.bound, _TINY) if rule.value and rule.bound > 0 else 0.0


def _next(decision: Decision, test: Test, unasked: Sequence[str]) -> tuple[str, str]:
    """Return what to do next, in words, and the command for it."""
    if test.candidate.md5 == test.champion.md5:
        return "There is nothing to promote. With newer rows, or another model or feature:", "recommit repro"
    if decision.answer == "no":
        return "Change the data, features or models so that the rules that say no can hold:", "recommit repro"
    if unasked:
        return "Say in columns.py from when each of these features is known, or take it out:", "recommit repro"
    if decision.answer == "unknown":
        said = "Mend each open point, or accept it by a line with your reason under `accepted` in params.yaml:"
        return said, "recommit repro gate report"
    return "Commit the results, and prove them with `recommit verify`. Then make it the champion:", "recommit promote"
