"""Makes the sections of the report's first page: the decision, how the candidate was judged, other evidence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recommit.evidence.decision import Decision
from recommit.evidence.files import plain
from recommit.evidence.monitor import Monitor
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import FINDS, Advice, LeftOut, Selection, Slices, Staleness, Test
from recommit.report import judged, watched
from recommit.report.facts import Facts
from recommit.report.first_screen import why
from recommit.report.notebooks import Figure
from recommit.report.tables import Table, found_in, heading, listed, paired, shown, words


@dataclass(frozen=True)
class Section:
    """A section: heading, lead in plain words, tables and figures."""

    key: str
    title: str
    lead: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


def sections(facts: Facts, figures: Sequence[Figure]) -> list[Section]:
    """Return a section for each piece of evidence, the decision first, each with the figures that belong to it.

    Evidence with an unknown name gets a section at the end, and so do the other figures.
    """
    left_out = _left_out(facts)
    found = {name: one for name, one in facts.evidence.items() if name not in left_out}
    parts = [part for name, maker in _MAKERS.items() if name in found for part in maker(found[name])]
    others = [name for name in found if name not in (*_MAKERS, *_ELSEWHERE)]
    parts += [Section(name, heading(name), "", found_in(_mapping(facts.evidence[name]))) for name in others]
    parts += [_unmeasured(left_out)] if left_out else []
    shown_in = {figure.path: next((part.key for part in parts if _shows(part.key, figure)), "") for figure in figures}
    parts = [replace(part, figures=tuple(fig for fig in figures if shown_in[fig.path] == part.key)) for part in parts]
    rest = tuple(figure for figure in figures if not shown_in[figure.path])
    return [*parts, Section("figures", "More figures" if parts else "Figures", "", (), rest)] if rest else parts


def _left_out(facts: Facts) -> dict[str, str]:
    """Return the stage that params.yaml leaves out by the name of its evidence: of search, advice for each model."""
    found = {name: [*one.values()] if isinstance(one, Mapping) else [one] for name, one in facts.evidence.items()}
    return {name: one.left_out for name, ones in found.items() for one in ones[:1] if isinstance(one, LeftOut)}


def _unmeasured(left_out: Mapping[str, str]) -> Section:
    lead = f"leave_out in params.yaml leaves out {', '.join(sorted(left_out.values()))}: nothing of it was measured."
    return Section("left_out", "Left out", lead)


def _decision(decision: Decision) -> list[Section]:
    versions = {"Candidate (md5)": decision.candidate, "Champion now (md5)": decision.champion}
    tables = (judged.rules(decision), *judged.points(decision), paired("", versions))
    return [Section("decision", "The gate, rule by rule", why(decision), tables)]


def _test(test: Test) -> list[Section]:
    span, candidate = test.period, test.candidate
    when = f" from {shown(span.starts)} to {shown(span.ends)}" if span.starts else ""
    until = f", the last outcome known {shown(candidate.trained_until)}" if candidate.trained_until else ""
    lead = (
        f"The candidate, {candidate.model} on the feature set {candidate.features}, learned from "
        f"{shown(candidate.trained_rows)} rows{until}. It is judged on {shown(span.rows)} rows in "
        f"{shown(span.blocks)} blocks{when}; the mean of the target is {shown(span.mean)}. In brackets: the interval "
        f"at {100 * test.coverage.overall.level:.0f} %. It is made from whole blocks, such as days, since rows of one "
        "block are alike."
    )
    calibrated = "Does an answer mean what it says? For rows with similar answers, it should be the mean outcome."
    covered = "Each answer comes with a set of what cannot be ruled out. How often did the sets hold the outcome?"
    return [
        Section("test", "Test results", lead, (judged.scores(test), judged.differences(test))),
        Section("calibration", "Calibration", calibrated, (judged.calibration(test),)),
        Section("coverage", "Prediction sets", covered, (judged.coverage(test),)),
    ]


def _selection(selection: Selection) -> list[Section]:
    used = f"The last outcome used was known {shown(selection.used_until)}. " if selection.used_until else ""
    lead = (
        f"Every model on every feature set is compared by its mean {SCORES[selection.metric].name.lower()} on folds "
        f"that it had not seen: {shown(selection.periods)}. {used}Best: {selection.best}; chosen: "
        f"{selection.chosen}. Rule: {selection.rule}."
    )
    return [Section("selection", "How the candidate was chosen", lead, (judged.selection(selection),))]


def _slices(slices: Slices) -> list[Section]:
    lead = (
        "A model that is good on the whole can be bad on a part. Improvement is the loss of the baseline minus that "
        "of the candidate: above 0 the candidate is better there. Its interval allows for looking at many parts."
    )
    return [Section("slices", "Parts of the data", lead, (*judged.worst(slices), *judged.slices(slices)))]


def _staleness(staleness: Staleness) -> list[Section]:
    age = staleness.candidate.age_days
    lead = (
        f"Models with training windows of the same length, which end longer and longer before {staleness.period}, are "
        "judged on that period. The added loss is the price of an older window: of its age, and of its season. "
        f"The candidate's training ends {'less than a day' if age < 1 else f'{age:,.0f} days'} before its test "
        "period."
    )
    return [Section("staleness", "How a model ages", lead, (judged.decay(staleness),))]


def _monitor(monitor: Monitor) -> list[Section]:
    raised = f"Alerts: {len(monitor.alerts)}." if monitor.alerts else "No alert."
    lead = (
        f"{raised} Watched, from the champion's clock on: {shown(monitor.watched_rows)} rows of "
        f"{shown(monitor.watched_days)} days, against {shown(monitor.reference_days)} days before it. An alert says "
        "that input, predictions or outcomes were unlike those days for longer than by chance."
    )
    tables = (
        *watched.alarms("Alerts", monitor.alerts),
        *watched.alarms("Lines: shifts that cost little", monitor.lines),
        *watched.promises(monitor),
    )
    return [Section("monitor", "Is the champion still right?", lead, tables)]


def _advice(advice: Mapping[str, Advice]) -> list[Section]:
    lead = (
        "Training uses the parameters in params.yaml. A small search tried other parameters on past folds. The best "
        "ones were picked by these folds, so they look better there than they are; a fold that was not searched "
        "confirms them or does not. Below 0 they have the lower loss. The command in the last column adopts them."
    )
    compared = [
        {
            "model": model,
            "in params.yaml": judged.setting(one.current) or "–",
            "best of those tried": judged.setting(one.best) or "–",
            "searched in": one.periods,
            "loss less params.yaml's": one.difference,
            "not searched": one.confirmed_in,
            "the same there": one.confirmation,
            "find": FINDS[one.find],
            "to adopt it": one.adopt,
        }
        for model, one in advice.items()
    ]
    tables = [listed("", compared)]
    for model, one in advice.items():
        tried = [vars(row) | {"params": judged.setting(row.params) or "–"} for row in one.tried]
        tables.append(replace(listed(f"Tried: {model}", tried), folded=True))
    return [Section("advice", "Advice: other parameters", lead, tuple(tables))]


def _found(key: str, title: str, lead: str) -> Callable[[Any], list[Section]]:
    """Return a function that makes a section with all of the evidence, and says if it has no leaks or flags."""

    def make(evidence: Any) -> list[Section]:
        found = _mapping(evidence)
        none = [words(name) for name in ("leaks", "flags", "broken") if found.get(name) in ([], 0)]
        said = f"{lead} {' and '.join(none).capitalize()}: none." if none else lead
        return [Section(key, title, said, found_in(found, skip=("leaks", "flags") if none else ()))]

    return make


def _mapping(evidence: Any) -> Mapping[str, Any]:
    """Return the evidence as its file holds it, without the version. A file without a type may hold any JSON."""
    found = plain(evidence)
    return {key: found[key] for key in found if key != "version"} if isinstance(found, Mapping) else {"found": found}


_MAKERS: dict[str, Callable[[Any], list[Section]]] = {
    "decision": _decision,
    "advice": _advice,
    "test": _test,
    "selection": _selection,
    "slices": _slices,
    "staleness": _staleness,
    "monitor": _monitor,
    "importance": _found("importance", "What each feature is worth", "How much worse predictions become without it."),
    "robustness": _found(
        *("robustness", "What odd input does"),
        "Answers to missing, unknown or extreme values, and whether answers move in the right direction.",
    ),
    "schema": _found("schema", "Schema", "Every table is compared with its declaration."),
    "quality": _found(
        *("quality", "Data quality"),
        "Each period is compared with the others. A number is flagged only if the intervals say so.",
    ),
    "leakage": _found("leakage", "Leakage", "Does any column, row or split give the outcome away?"),
    "point_in_time": _found(
        *("point_in_time", "Point in time", "Later facts are left out at several instants: does any feature change?")
    ),
}
_ELSEWHERE = ("features", "choice")
_CALLED = {
    "test": ("curve", "distribution", "scores"),
    "selection": ("folds", "calibrated"),
    "importance": ("explained",),
    "staleness": ("decay",),
    "robustness": ("directions", "missing"),
    "quality": ("volume", "unseen"),
}


def _shows(key: str, figure: Figure) -> bool:
    return any(name in figure.name for name in (key, *_CALLED.get(key, ())))
