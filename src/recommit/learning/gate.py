"""The gate: from evidence alone, may the candidate replace the champion? Every rule, its number, bound and verdict."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

Evidence = Mapping[str, Any]
"""What stages found, by the name of its file: schema, quality, leakage, replay, search, selection, test, slices, ..."""
Verdict = Literal["yes", "no"]


@dataclass(frozen=True)
class Ruling:
    """What one rule says: the number that it looked at, with its interval if it has one, its bound, and yes or no."""

    rule: str
    value: float
    low: float | None
    high: float | None
    bound: float
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Decision:
    """All rulings; the verdict is yes when every one is."""

    rulings: tuple[Ruling, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether the candidate may be promoted."""
        return "yes" if all(ruling.verdict == "yes" for ruling in self.rulings) else "no"

    def as_dicts(self) -> list[dict[str, Any]]:
        """The rulings as evidence keeps them."""
        return [asdict(ruling) for ruling in self.rulings]


def decide(evidence: Evidence, bounds: Mapping[str, float]) -> Decision:
    """Apply every rule, with its bound of the same name, to the evidence. A number that is not one (NaN) never passes.

    Raises ValueError where evidence that a rule needs is missing, or where bounds and rules do not match: what was not
    measured cannot pass.
    """
    wrong = [f"{name} is no rule" for name in bounds if name not in RULES]
    wrong += [f"{name} has no bound" for name in RULES if name not in bounds]
    if wrong:
        raise ValueError(f"gate in params.yaml: {', '.join(wrong)}; the rules are {', '.join(RULES)}")
    return Decision(tuple(_ruling(name, evidence, bounds[name]) for name in RULES))


def _ruling(name: str, evidence: Evidence, bound: float) -> Ruling:
    try:
        number, holds, reason = RULES[name](evidence, bound)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"rule {name}: the evidence lacks {error}: `dvc repro` makes it anew") from None
    interval = number if isinstance(number, Mapping) else {"value": number}
    ends = (interval.get("low"), interval.get("high"))
    return Ruling(name, interval["value"], *ends, bound, "yes" if holds else "no", reason)


Found = tuple[Any, bool, str]
"""A number or an interval, whether the rule holds, and why in plain words."""


def _schema(evidence: Evidence, bound: float) -> Found:
    broken = evidence["schema"]["broken"]
    return broken, broken <= bound, f"{broken} of {evidence['schema']['rules']} rules of the schema are broken"


def _quality(evidence: Evidence, bound: float) -> Found:
    quality = evidence["quality"]
    flags = [flag for flag in quality["flags"] if flag["month"] == quality["judged"]]
    words = f"{len(flags)} of {quality['checked']} numbers of {quality['judged']} are unlike the training months"
    return len(flags), len(flags) <= bound, words + _first(flags)


def _leakage(evidence: Evidence, bound: float) -> Found:
    leaks = [*evidence["leakage"]["findings"], *evidence["replay"]["findings"]]
    return len(leaks), len(leaks) <= bound, f"{len(leaks)} leaks found{_first(leaks)}"


def _first(found: list[Mapping[str, Any]]) -> str:
    return f", first: {', '.join(value for value in found[0].values() if isinstance(value, str))}" if found else ""


def _test_untouched(evidence: Evidence, bound: float) -> Found:
    test = evidence["test"]
    starts, model = test["period"]["starts"], test["candidate"]["model"]
    used = {"search": evidence["search"][model], "selection": evidence["selection"]}
    used = {file: content["used_until"] for file, content in used.items()}
    late = [f"{file} used rows settled up to {until}" for file, until in used.items() if not until < starts]
    words = " and ".join(late) or f"search and selection used nothing settled after {max(used.values())}"
    return len(late), len(late) <= bound, f"{words}; the test month starts at {starts}"


def _search(evidence: Evidence, bound: float) -> Found:
    model = evidence["test"]["candidate"]["model"]
    worse = evidence["search"][model]["confirmation"]
    holds = worse["low"] <= bound
    words = "are not worse than" if holds else "are surely worse than"
    return worse, holds, f"log loss, tuned less default: tuned parameters {words} the default in a month not searched"


def _better_than_baseline(evidence: Evidence, bound: float) -> Found:
    gain = evidence["test"]["differences"]["baseline"]["log_loss"]
    holds = gain["low"] > bound
    return gain, holds, f"log loss, baseline less candidate: {'surely' if holds else 'not surely'} better by the margin"


def _not_the_champion(evidence: Evidence, bound: float) -> Found:
    test = evidence["test"]
    same = int(test["candidate"]["md5"] == test["champion"]["md5"])
    words = "the candidate is the champion itself: comparing them says nothing" if same else "they are different files"
    return same, same <= bound, words


def _not_worse_than_champion(evidence: Evidence, bound: float) -> Found:
    gain = evidence["test"]["differences"]["champion"]["log_loss"]
    holds = gain["low"] >= -bound
    return (
        gain,
        holds,
        f"log loss, champion less candidate: {'surely' if holds else 'not surely'} no worse by the margin",
    )


def _calibration(evidence: Evidence, bound: float) -> Found:
    gap = evidence["test"]["calibration"]["gap"]
    holds = gap["low"] <= bound and gap["high"] >= -bound
    return gap, holds, f"mean probability less share that came: {'not surely' if holds else 'surely'} off by the margin"


def _calibration_error(evidence: Evidence, bound: float) -> Found:
    error = evidence["test"]["calibration"]["error"]
    holds = error["low"] <= bound
    return error, holds, f"mean distance of forecast and share: {'not surely' if holds else 'surely'} beyond the margin"


def _coverage(evidence: Evidence, bound: float) -> Found:
    coverage = evidence["test"]["coverage"]
    level, overall = coverage["level"], coverage["overall"]
    holds = overall["high"] >= level - bound and overall["low"] <= level + bound
    words = "not surely" if holds else "surely"
    return overall, holds, f"share of sets that hold what came: {words} off the stated {level:.0%} by the margin"


def _worst_slice(evidence: Evidence, bound: float) -> Found:
    part = evidence["slices"]["worst"]
    if part is None:
        return 0, True, "no part has enough rows and days to be judged"
    gain = part["improvement"]
    holds = gain["high"] >= -bound
    where = f"{part['by']} = {part['value']}, {part['rows']} rows, the worst of {evidence['slices']['searched']}"
    return gain, holds, f"log loss, baseline less candidate: {'not surely' if holds else 'surely'} worse on {where}"


def _staleness(evidence: Evidence, bound: float) -> Found:
    age = evidence["staleness"]["candidate"]["age_days"]
    return age, age <= bound, f"its training rows end {age:g} days before the test month"


def _directions(evidence: Evidence, bound: float) -> Found:
    robust = evidence["robustness"]
    if not robust["finite"]:
        return 1, False, "some input gives no probability at all"
    if not robust["directions"]:
        return 0, True, "the model reads nothing that a stated direction is about"
    part = max(robust["directions"], key=lambda direction: direction["violating"]["low"])
    holds = part["violating"]["low"] <= bound
    words = "not surely" if holds else "surely"
    return part["violating"], holds, f"share of rows that move the wrong way: {words} beyond the bound: {part['name']}"


def _parity(evidence: Evidence, bound: float) -> Found:
    difference = evidence["parity"]["largest"]
    return difference, difference <= bound, "largest difference between the model file's and scikit-learn's probability"


RULES: dict[str, Callable[[Evidence, float], Found]] = {
    "schema": _schema,
    "quality": _quality,
    "leakage": _leakage,
    "test_untouched": _test_untouched,
    "search": _search,
    "better_than_baseline": _better_than_baseline,
    "not_the_champion": _not_the_champion,
    "not_worse_than_champion": _not_worse_than_champion,
    "calibration": _calibration,
    "calibration_error": _calibration_error,
    "coverage": _coverage,
    "worst_slice": _worst_slice,
    "staleness": _staleness,
    "directions": _directions,
    "parity": _parity,
}


def as_table(decision: Decision) -> pd.DataFrame:
    """The rulings for reading: rule, number with its interval, bound, verdict, reason."""
    rows = []
    for ruling in decision.rulings:
        interval = "" if ruling.low is None else f" [{ruling.low:.3g}, {ruling.high:.3g}]"
        name = ruling.rule.replace("_", " ")
        rows.append((name, f"{ruling.value:.3g}{interval}", f"{ruling.bound:g}", ruling.verdict, ruling.reason))
    return pd.DataFrame(rows, columns=["rule", "value", "bound", "verdict", "reason"])
