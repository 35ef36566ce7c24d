"""The rules of the gate: each takes one number from the evidence and holds it against the bound of its name."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recommit.evidence.decision import Point
from recommit.evidence.files import Evidence
from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Compared, Flag, Leak, LeftOut, Moved, Quality, Robustness, Staleness
from recommit.learning.intervals import LEAST_BLOCKS, LEAST_ROWS


class Found(NamedTuple):
    """What a rule found in the evidence.

    `number` is a number, an interval, or None where nothing was measured. `holds` is True, False, or None where the
    evidence cannot tell. A rule that holds and has points is unknown until they are accepted. One that does not apply
    is shown with its reason, and is neither a yes nor a no.
    """

    number: Interval | float | None
    holds: bool | None
    reason: str
    points: tuple[Point, ...] = ()
    applies: bool = True


NO_TIME = Found(None, None, "does not apply: rows have no time", applies=False)
Judge = Callable[[Evidence, float], Found]
"""(evidence, bound) to what a rule finds."""


@dataclass(frozen=True)
class Rule:
    """How a rule judges evidence by its bound, and in words what then must hold of the value, or of its interval.

    In the words stand `{bound}`, `{below}` for the bound with the other sign, and `{twice}` for twice the bound.
    """

    judge: Judge
    words: str

    def passes_when(self, bound: float) -> str:
        """Return the words with the bound in them, such as "at most 0.05"."""
        return self.words.format(bound=f"{bound:g}", below=f"{0 - bound:g}", twice=f"{2 * bound:g}")


def _schema(evidence: Evidence, bound: float) -> Found:
    broken, rules = evidence.schema.broken, evidence.schema.rules
    if not rules:
        return Found(broken, None, "the schema has no rules")
    return Found(broken, broken <= bound, f"{broken} of {rules} rules of the schema are broken")


def _quality(evidence: Evidence, bound: float) -> Found:
    quality, ends = evidence.quality, evidence.test.period.ends
    if ends is None:
        return NO_TIME
    if not isinstance(quality, Quality):
        return _left_out("quality", quality)
    judged = quality.judged
    flags = [flag for flag in quality.flags if flag.period == judged]
    if quality.until != ends:
        return Found(len(flags), False, f"{judged} was looked at, up to {quality.until}, and the test ends at {ends}")
    if not quality.checked:
        return Found(None, None, f"no number of {judged} was looked at: there are too few periods before it")
    points = [Point(flag.about, _unlike(flag)) for flag in quality.flags if flag.period != judged]
    points += [
        Point(f"{table} too few periods", f"{', '.join(periods)}: too few other periods to judge them by")
        for table, periods in quality.unjudged.items()
    ]
    words = f"{len(flags)} of {quality.checked} numbers of {judged} are unlike the training periods"
    words += _first([flag.about for flag in flags]) + (f"; {len(points)} points of the training periods" * bool(points))
    return Found(len(flags), len(flags) <= bound, words, tuple(points))


def _unlike(flag: Flag) -> str:
    return f"is {flag.found.value:.3g}, and other periods make {flag.low:.3g} to {flag.high:.3g} credible"


def _leakage(evidence: Evidence, bound: float) -> Found:
    in_time = evidence.point_in_time
    timeless = evidence.test.period.ends is None
    found = [*evidence.leakage.leaks, *(in_time.leaks if in_time else ())]
    leaks = [one for one in found if one.certainty == "proof"]
    asked: dict[str, list[str]] = {}
    for one in found:
        if one.certainty == "question":
            asked.setdefault(_question(one), []).append(f"{one.how}; worth {one.worth:.1%} of the baseline's loss")
    points = tuple(Point(about, "; ".join(said)) for about, said in asked.items())
    if not evidence.leakage.checked or not (timeless or (in_time and in_time.rows)):
        return Found(len(leaks), False, "leaks were not looked for")
    words = f"{len(leaks)} leaks proved{_first(leaks)}; {len(points)} questions"
    words += "; the order of time and the point in time do not apply: rows have no time" if timeless else ""
    return Found(len(leaks), len(leaks) <= bound, words, points)


def _question(leak: Leak) -> str:
    """Return the name of a question: look, columns, and worth rounded up, so that a larger worth has a new name."""
    tenths = max(1, math.ceil((leak.worth or 0) * 10))
    return f"{leak.kind}: {leak.where}, up to {tenths * 10} % of the baseline's loss"


def _first(found: Sequence[object]) -> str:
    return f", first: {found[0]}" if found else ""


def _test_untouched(evidence: Evidence, bound: float) -> Found:
    starts = evidence.test.period.starts
    selection, candidate = evidence.selection.used_until, evidence.test.candidate.trained_until
    if starts is None or selection is None or candidate is None:
        return NO_TIME
    used = {"selection": selection, "the candidate": candidate}
    late = [f"{who} used rows settled up to {until}" for who, until in used.items() if not until < starts]
    words = " and ".join(late) or f"selection and training used nothing settled after {max(used.values())}"
    return Found(len(late), len(late) <= bound, f"{words}; the test starts at {starts}")


def _better_than_baseline(evidence: Evidence, bound: float) -> Found:
    gain = _gain(evidence, "baseline")
    holds = gain.low > bound
    said = f"{'surely' if holds else 'not surely'} better by the margin"
    return Found(gain, holds, f"{_loss(evidence)}, baseline less candidate: {said}")


def _not_the_champion(evidence: Evidence, bound: float) -> Found:
    test = evidence.test
    gain = _gain(evidence, "champion")
    alike = gain.value == gain.low == gain.high == 0
    same = int(alike or test.candidate.md5 == test.champion.md5)
    words = "the candidate is the champion itself: comparing them says nothing" if same else "they predict otherwise"
    return Found(same, same <= bound, words)


def _not_worse_than_champion(evidence: Evidence, bound: float) -> Found:
    gain = _gain(evidence, "champion")
    holds = gain.low >= -bound
    said = f"{'surely' if holds else 'not surely'} no worse by the margin"
    return Found(gain, holds, f"{_loss(evidence)}, champion less candidate: {said}")


def _gain(evidence: Evidence, other: str) -> Interval:
    """Return by how much the candidate's loss is below that of another model, in the unit of the gate's bounds."""
    test = evidence.test
    return test.scale.of_loss(test.differences[other][test.loss])


def _loss(evidence: Evidence) -> str:
    """Return the name of the loss with the unit of the gate's bounds."""
    test = evidence.test
    return f"{SCORES[test.loss].name.lower()} ({test.scale.loss_in})"


def _calibration(evidence: Evidence, bound: float) -> Found:
    scale = evidence.test.scale
    gap = scale.of_answer(evidence.test.calibration.gap)
    holds, words = _within(gap, 0, bound)
    return Found(gap, holds, f"mean answer less mean of what came ({scale.answer_in}): {words}")


def _calibration_error(evidence: Evidence, bound: float) -> Found:
    scale = evidence.test.scale
    error = scale.of_answer(evidence.test.calibration.error)
    holds, words = _within(error, 0, bound)
    return Found(error, holds, f"mean distance of answers and what came ({scale.answer_in}): {words}")


def _coverage(evidence: Evidence, bound: float) -> Found:
    coverage = evidence.test.coverage
    holds, words = _within(coverage.overall, coverage.level, bound)
    return Found(coverage.overall, holds, f"share of sets that hold what came, stated {coverage.level:.0%}: {words}")


def _worst_slice(evidence: Evidence, bound: float) -> Found:
    part = evidence.slices.worst
    if part is None:
        rows = evidence.test.period.rows
        few = f"no part has {LEAST_ROWS} rows in {LEAST_BLOCKS} blocks"
        return Found(None, None, f"not measurable with {rows} rows: {few}")
    gain = evidence.test.scale.of_loss(part.improvement)
    holds = gain.high >= -bound
    where = f"{part.by} = {part.value}, {part.rows} rows, the worst of {evidence.slices.searched}"
    said = f"{_loss(evidence)}, baseline less candidate: {'not surely' if holds else 'surely'} worse on {where}"
    return Found(gain, holds if math.isfinite(gain.high) or not holds else None, said)


def _staleness(evidence: Evidence, bound: float) -> Found:
    if evidence.test.period.starts is None:
        return NO_TIME
    if not isinstance(evidence.staleness, Staleness):
        return _left_out("staleness", evidence.staleness)
    age = evidence.staleness.candidate.age_days
    return Found(age, age <= bound, f"its training rows end {_time(age)} before the test")


def _time(days: float) -> str:
    """Return a time in the largest unit of which it has at least one."""
    units = ("days", days), ("hours", 24 * days), ("minutes", 24 * 60 * days)
    unit, number = next((one for one in units if one[1] >= 1), units[-1])
    return f"{number:.4g} {unit}"


def _left_out(stage: str, found: LeftOut | None) -> Found:
    """Return that nothing was measured: params.yaml leaves out the stage, or dvc.yaml does not have it."""
    by = "by leave_out in params.yaml" if found else "of dvc.yaml"
    return Found(None, None, f"not measured: the stage {stage} is left out {by}")


def _directions(evidence: Evidence, bound: float) -> Found:
    robust = evidence.robustness
    if not isinstance(robust, Robustness):
        return _left_out("robustness", robust)
    if not robust.finite:
        return Found(1, False, "some input gives no answer at all")
    tested = robust.directions
    if not tested:
        return Found(None, None, "no stated direction changes anything that the model reads")
    judged = {one.name: _direction(one, bound) for one in tested}
    broken = [name for name, (holds, _) in judged.items() if holds is False]
    points = [Point(name, words) for name, (holds, words) in judged.items() if holds is None]
    points += [Point(name, "its change touches no row, though the model reads it") for name in robust.untouched]
    worst = max(tested, key=lambda one: np.nan_to_num(one.violating.value, nan=np.inf))
    words = f"{', '.join(broken)}: surely beyond the bound" if broken else judged[worst.name][1]
    said = f"share of rows that move the wrong way, the worst of {len(tested)} directions, {worst.name}: {words}"
    return Found(worst.violating, not broken, said, tuple(points))


def _direction(tested: Moved, bound: float) -> tuple[bool | None, str]:
    if tested.rows < LEAST_ROWS or tested.blocks < LEAST_BLOCKS:
        return None, f"not measurable with {tested.rows} rows in {tested.blocks} blocks, which its change touches"
    return _within(tested.violating, 0, bound)


def _parity(evidence: Evidence, bound: float) -> Found:
    parity = evidence.parity
    kinds = {kind: one for kind, one in parity.kinds.items() if one.rows}
    silent = [kind for kind, one in kinds.items() if not one.compared and not _refused_alike(kind, one)]
    silent += [kind for kind in ("usual", "test") if kind not in kinds]
    if silent:
        return Found(parity.largest, False, f"of {', '.join(silent)} rows, none was compared with scikit-learn")
    for kind in ("usual", "test"):
        if (left := kinds[kind].rows - kinds[kind].compared) > 0:
            return Found(parity.largest, False, f"of {kind} rows, {left} were not compared with scikit-learn")
    if not parity.same_again:
        return Found(parity.largest, False, "fitted again, the candidate becomes another file")
    beyond = max(parity.beyond, *(one.beyond for one in kinds.values()))
    if beyond:
        return Found(parity.largest, False, f"{beyond} rows differ by more than {parity.tolerance:g}")
    differences = [parity.largest, *(one.largest for one in kinds.values() if one.compared)]
    words = f"largest difference between the model file's and scikit-learn's answers in {parity.compared} rows"
    return Found(parity.largest, all(0 <= difference <= bound for difference in differences), words)


def _refused_alike(kind: str, one: Compared) -> bool:
    """Return whether rows of this kind may be refused, and scikit-learn and the file both refused all of them."""
    return kind in ("missing", "unseen", "extreme") and one.refused_by_both == one.refused == one.rows


def _one_candidate(evidence: Evidence, bound: float) -> Found:
    candidate = evidence.test.candidate
    about = {"selection": evidence.selection.chosen, "parity": evidence.parity.fit}
    hashes = {"parity": evidence.parity.md5}
    if isinstance(evidence.staleness, Staleness):
        about |= {"staleness": evidence.staleness.fit}
    if isinstance(evidence.robustness, Robustness):
        about |= {"robustness": evidence.robustness.fit}
        hashes |= {"robustness": evidence.robustness.md5}
    other = [f"{file} is about {name}" for file, name in about.items() if name != candidate.fit]
    other += [f"{file} is about another file" for file, md5 in hashes.items() if md5 != candidate.md5]
    words = f"{', '.join(about)} are about {candidate.fit}, as the test's numbers are"
    return Found(len(other), len(other) <= bound, " and ".join(other) or words)


def _within(number: Interval, center: float, bound: float) -> tuple[bool | None, str]:
    """Return whether a measured number lies within `bound` of `center`: True, False or None, and the reason in words.

    False where its whole interval lies beyond. True where the number itself lies within, and its interval is no wider
    than twice the bound: so wide an interval would let twice the bound pass about once in 40 times, a wider one more
    often. None otherwise, also where the interval has no ends.
    """
    value, low, high = (end - center for end in (number.value, number.low, number.high))
    interval = f"[{number.low:.3f}, {number.high:.3f}]"
    if not abs(value) <= bound:
        beyond = not (low <= bound and high >= -bound)
        if beyond:
            return False, f"surely off by more than {bound:g}: {number.value:.3f} {interval}"
        return None, f"measured off by more than {bound:g}, but not surely: {number.value:.3f} {interval}"
    if not high - low <= 2 * bound:
        return None, f"the interval {interval} is wider than twice {bound:g}: it says nothing"
    return True, f"measured within {bound:g}"


def _on_enough(judge: Judge) -> Judge:
    """Return the same rule, which cannot pass on too few rows or blocks to test on for an interval."""

    @functools.wraps(judge)
    def judged(evidence: Evidence, bound: float) -> Found:
        found, period = judge(evidence, bound), evidence.test.period
        if period.rows >= LEAST_ROWS and period.blocks >= LEAST_BLOCKS:
            return found
        said = f"not measurable with {period.rows} rows in {period.blocks} blocks, too few for an interval"
        if _is_nothing(found.number):
            return Found(None, None, said)
        return found if found.holds is False else found._replace(holds=None, reason=f"{found.reason}; {said}")

    return judged


def _is_nothing(number: Interval | float | None) -> bool:
    ends = (number.value, number.low, number.high) if isinstance(number, Interval) else (number,)
    return any(end is None or math.isnan(end) for end in ends)


RULES: dict[str, Rule] = {
    "schema": Rule(_schema, "at most {bound}"),
    "quality": Rule(_quality, "at most {bound}"),
    "leakage": Rule(_leakage, "at most {bound}"),
    "one_candidate": Rule(_one_candidate, "at most {bound}"),
    "test_untouched": Rule(_test_untouched, "at most {bound}"),
    "better_than_baseline": Rule(_on_enough(_better_than_baseline), "surely above {bound}"),
    "not_the_champion": Rule(_not_the_champion, "at most {bound}"),
    "not_worse_than_champion": Rule(_on_enough(_not_worse_than_champion), "surely at least {below}"),
    "calibration": Rule(_on_enough(_calibration), "within {bound} of 0, its interval at most {twice} wide"),
    "calibration_error": Rule(_on_enough(_calibration_error), "at most {bound}, its interval at most {twice} wide"),
    "coverage": Rule(_on_enough(_coverage), "within {bound} of the promise, its interval at most {twice} wide"),
    "worst_slice": Rule(_on_enough(_worst_slice), "not surely below {below}"),
    "staleness": Rule(_staleness, "at most {bound}"),
    "directions": Rule(_directions, "at most {bound}, its interval at most {twice} wide"),
    "parity": Rule(_parity, "at most {bound}"),
}
