"""The sections of the report's first page: what was decided, how it was judged, what else was looked at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recommit.report import judged
from recommit.report.evidence import Facts, made
from recommit.report.notebooks import Figure
from recommit.report.tables import Table, found_in, heading, listed, paired, percent, shown, words


@dataclass(frozen=True)
class Section:
    """A heading, what is to be seen there in plain words, tables and figures; `verdict` is a decision's, or empty."""

    key: str
    title: str
    lead: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    verdict: str = ""


def sections(facts: Facts, figures: Sequence[Figure]) -> list[Section]:
    """The sections that the evidence allows, decision first, each with the figures that are called as it is.

    Evidence of a name that none of them knows has a section of its own at the end, and so have other figures.
    """
    known = made(facts, _MAKERS)
    parts = [part for found in known.values() for part in found]
    others = [name for name in facts.evidence if name not in (*_MAKERS, *_ELSEWHERE)]
    parts += [Section(name, heading(name), "", found_in(_mapping(facts.evidence[name]))) for name in others]
    shown_in = {figure.path: next((part.key for part in parts if _shows(part.key, figure)), "") for figure in figures}
    parts = [replace(part, figures=tuple(fig for fig in figures if shown_in[fig.path] == part.key)) for part in parts]
    rest = tuple(figure for figure in figures if not shown_in[figure.path])
    return [*parts, Section("figures", "More figures" if parts else "Figures", "", (), rest)] if rest else parts


def _decision(evidence: Mapping[str, Any]) -> list[Section]:
    rules = evidence["rules"]
    refused = [words(rule["rule"]) for rule in rules if rule["verdict"] == "no"]
    untold = [words(rule["rule"]) for rule in rules if rule["verdict"] == "unknown" and not judged.passes(rule)]
    answered = [words(rule["rule"]) for rule in rules if rule["verdict"] == "unknown" and judged.passes(rule)]
    said = [
        f"{len(found)} of {len(rules)} rules of the gate {does}: {', '.join(found)}."
        for found, does in ((refused, "say no"), (untold, "cannot tell"), (answered, "are unknown and accepted"))
        if found
    ]
    lead = " ".join(said) or f"All {len(rules)} rules of the gate hold."
    versions = {"Candidate (md5)": evidence["candidate"], "Champion now (md5)": evidence["champion"]}
    title = f"Decision: {evidence['verdict']}"
    tables = (judged.rules(evidence), *judged.points(evidence), paired("", versions))
    return [Section("decision", title, lead, tables, verdict=evidence["verdict"])]


def _test(evidence: Mapping[str, Any]) -> list[Section]:
    span, candidate = evidence["period"], evidence["candidate"]
    at = judged.level(evidence)
    lead = (
        f"The candidate, {candidate['model']} on the feature set {candidate['features']}, learned from "
        f"{shown(candidate['trained_rows'])} rows, the last outcome known {shown(candidate['trained_until'])}. It is "
        f"judged on {shown(span['rows'])} rows of {shown(span['days'])} days from {shown(span['starts'])} to "
        f"{shown(span['ends'])}; {percent(span['late_share'])} of them came true. In brackets: the interval at {at}. "
        "It is made from whole days, since rows of one day are alike."
    )
    calibrated = "Does a stated probability mean what it says? Of rows with 30 %, three in ten should come true."
    covered = "Where the model cannot tell, its set holds both outcomes. How often did sets hold what came?"
    return [
        Section("test", "Test results", lead, (judged.scores(evidence), judged.differences(evidence))),
        Section("calibration", "Calibration", calibrated, (judged.calibration(evidence),)),
        Section("coverage", "Prediction sets", covered, (judged.coverage(evidence),)),
    ]


def _selection(evidence: Mapping[str, Any]) -> list[Section]:
    lead = (
        f"Every model on every feature set, by the mean {judged.name_of(evidence['metric']).lower()} of months that it "
        f"had not seen: {shown(evidence['months'])}. The last outcome used was known {shown(evidence['used_until'])}. "
        f"Best: {evidence['best']}; chosen: {evidence['chosen']}. Rule: {evidence['rule']}."
    )
    return [Section("selection", "How the candidate was chosen", lead, (judged.selection(evidence),))]


def _slices(evidence: Mapping[str, Any]) -> list[Section]:
    lead = (
        "A model that is good on the whole can be bad for some. Improvement is the log loss of the baseline less that "
        "of the candidate: above 0 the candidate is better there. Its interval allows for looking at many parts."
    )
    return [Section("slices", "Parts of the data", lead, (*judged.worst(evidence), *judged.slices(evidence)))]


def _staleness(evidence: Mapping[str, Any]) -> list[Section]:
    lead = (
        f"Models of equally long training windows that end longer and longer before {shown(evidence['month'])}, all "
        "judged on that month. What is added to the log loss is the price of an older window: of its age, and of its "
        "season."
    )
    age = (evidence.get("candidate") or {}).get("age_days")
    if age is not None:
        days = "less than a day" if age < 1 else f"{age:,.0f} days"
        lead += f" The candidate's training ends {days} before its test period."
    return [Section("staleness", "How a model ages", lead, (judged.decay(evidence),))]


def _advice(evidence: Mapping[str, Any]) -> list[Section]:
    lead = (
        "What params.yaml says is what trains. Beside it a small search of past months tried other parameters. The "
        "best was picked by those months, so it looks better there than it is; a month that was not searched confirms "
        "it or does not. Below 0 it has the lower log loss. The command in the last column adopts it."
    )
    compared = [
        {
            "model": model,
            "in params.yaml": _setting(one.get("current")),
            "best of those tried": _setting(one.get("best")),
            "searched in": one.get("months"),
            "log loss less params.yaml's": one.get("difference"),
            "not searched": one.get("confirmed_in"),
            "the same there": one.get("confirmation"),
            "find": _FINDS.get(one.get("verdict"), one.get("verdict")),
            "to adopt it": one.get("adopt"),
        }
        for model, one in evidence.items()
    ]
    tried = [
        replace(listed(f"Tried: {model}", [row | {"params": _setting(row.get("params"))} for row in rows]), folded=True)
        for model, rows in ((model, one.get("tried")) for model, one in evidence.items())
        if rows
    ]
    return [Section("advice", "Advice: other parameters", lead, (listed("", compared), *tried))]


def _setting(params: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{key}: {value}" for key, value in (params or {}).items()) or "–"


def _found(key: str, title: str, lead: str) -> Callable[[Mapping[str, Any]], list[Section]]:
    """A section of whatever the evidence holds; findings and flags that are not there are said to be none."""

    def make(evidence: Mapping[str, Any]) -> list[Section]:
        none = [words(name) for name in ("findings", "flags", "broken") if evidence.get(name) in ([], 0)]
        said = f"{lead} {' and '.join(none).capitalize()}: none." if none else lead
        return [Section(key, title, said, found_in(_mapping(evidence), skip=("findings", "flags") if none else ()))]

    return make


def _mapping(evidence: Any) -> Mapping[str, Any]:
    return evidence if isinstance(evidence, Mapping) else {"found": evidence}


_MAKERS: dict[str, Callable[[Any], list[Section]]] = {
    "decision": _decision,
    "advice": _advice,
    "test": _test,
    "selection": _selection,
    "slices": _slices,
    "staleness": _staleness,
    "importance": _found("importance", "What each feature is worth", "How much worse predictions get without it."),
    "robustness": _found(
        *("robustness", "What odd input does"),
        "Values missing, unknown or extreme, and whether risk moves the way it must.",
    ),
    "schema": _found("schema", "Schema", "Every table against what was declared of it."),
    "quality": _found(
        *("quality", "Data quality"),
        "Each month against the others; flagged only where the intervals say so.",
    ),
    "leakage": _found("leakage", "Leakage", "Does any column, row or split give the outcome away?"),
    "replay": _found("replay", "Replay", "The world cut off at several instants: does any feature change?"),
}
_ELSEWHERE = ("features", "choice")
_FINDS = {
    "none": "nothing better was found",
    "confirmed": "confirmed",
    "unconfirmed": "unconfirmed: not surely better there",
    "contradicted": "contradicted: surely worse there",
}
_CALLED = {
    "test": ("roc", "distribution", "scores"),
    "selection": ("folds", "calibrated"),
    "importance": ("explained",),
    "staleness": ("decay",),
    "robustness": ("directions", "missing"),
    "quality": ("volume", "unseen"),
}


def _shows(key: str, figure: Figure) -> bool:
    return any(name in figure.name for name in (key, *_CALLED.get(key, ())))
