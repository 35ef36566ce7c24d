"""Tables of how the candidate was chosen and judged, from the evidence of that name."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from recommit.report.tables import (
    LONGEST,
    Cell,
    Row,
    Table,
    better,
    cell,
    heading,
    is_interval,
    paired,
    percent,
    shown,
    words,
)

Evidence = Mapping[str, Any]
# Each score: its name, which way it points, and what it says, in plain words.
SCORES = {
    "auc": ("ROC AUC", "↑", "the chance that a row that came true got the higher probability of two; a guess has 0.5"),
    "average_precision": (
        *("Average precision", "↑"),
        "of the rows ranked highest, how many came true, over all cuts; a guess has the share that came true",
    ),
    "log_loss": ("Log loss", "↓", "the price of the stated probabilities, dear where a confident one was wrong"),
    "brier": ("Brier score", "↓", "the mean squared distance of probability and outcome"),
    "calibration_error": (
        *("Calibration error", "↓"),
        "how far a stated probability is, on average, from the share that then came true",
    ),
}
UP_OR_DOWN = "↑: higher is better. ↓: lower is better."


def name_of(score: str) -> str:
    """A score's name for people."""
    return SCORES[score][0] if score in SCORES else heading(score)


def explained(scores: Mapping[str, Any]) -> str:
    """What those scores say, one sentence each."""
    return " ".join(f"{SCORES[name][0]}: {SCORES[name][2]}." for name in SCORES if name in scores)


def level(evidence: Any) -> str:
    """At which level the first interval in evidence is said to hold the true value: `95 %`."""
    found = next(_levels(evidence), None)
    return "" if found is None else f"{100 * found:.0f} %"


def rules(decision: Evidence) -> Table:
    """Every rule of the gate: what was measured, the bound, when it passes, the verdict and the reason."""
    rows = tuple(
        Row(
            heading(rule["rule"]),
            (
                Cell(_verdict(rule["verdict"]), "good" if passes(rule) else "bad"),
                Cell(shown(_measured(rule))),
                Cell(shown(rule["bound"])),
                Cell(shown(rule["passes_when"]), "text"),
                Cell(shown(rule["reason"]), "text"),
            ),
        )
        for rule in decision["rules"]
    )
    return Table("", "Rule", ("Verdict", "Measured [low, high]", "Bound", "Passes when", "Reason"), rows)


def passes(rule: Evidence) -> bool:
    """Whether a rule says yes, or says unknown and every point of it is answered."""
    return rule["verdict"] == "yes" or (rule["verdict"] == "unknown" and bool(rule["accepted"]) and not rule["open"])


def points(decision: Evidence) -> list[Table]:
    """What the gate could not tell and a person must answer, with the answers that params.yaml declares; none if none.

    Lines that answer nothing stand there too.
    """
    rows = [
        _point(rule["rule"], point["about"], point["says"], point.get("why"))
        for rule in decision["rules"]
        for point in (*rule["open"], *rule["accepted"])
    ]
    rows += [_point(line["rule"], line["about"], _NOTHING, line["why"]) for line in decision["unused"]]
    columns = ("About", "Found", "Accepted because")
    return [Table("Points that a person must answer", "Rule", columns, tuple(rows))] if rows else []


_NOTHING = "nothing: no point is answered by this line"


def _point(rule: str, about: str, says: str, why: str | None) -> Row:
    answer = Cell("open", "bad") if why is None else Cell(why, "text")
    return Row(heading(rule), (Cell(about, "text"), Cell(says, "text"), answer))


def scores(test: Evidence) -> Table:
    """Every model's scores in the test period."""
    measured = test["metrics"]
    columns = [name for name in SCORES if any(name in model for model in measured.values())]
    rows = tuple(
        Row(heading(model), tuple(cell(values.get(name)) for name in columns), chosen=model == "candidate")
        for model, values in measured.items()
    )
    heads = tuple(f"{name_of(name)} {SCORES[name][1]}" for name in columns)
    note = f"{UP_OR_DOWN} {explained(dict.fromkeys(columns))}"
    return Table("Scores", "Model", heads, rows, note)


def differences(test: Evidence) -> Table:
    """By how much the candidate is better than each other model on the same rows."""
    compared = test["differences"]
    columns = list(dict.fromkeys(name for values in compared.values() for name in values))
    rows = tuple(
        Row(
            f"than {words(model)}",
            tuple(better(values[name]) if name in values else cell(None) for name in columns),
        )
        for model, values in compared.items()
    )
    note = (
        "On the same rows, so that a hard day is hard for both. Above 0 the candidate is better, whichever way the "
        "score points; where the interval holds 0, this period cannot tell."
    )
    return Table("How much better the candidate is", "Candidate better", tuple(map(name_of, columns)), rows, note)


def period(test: Evidence) -> Table:
    """The rows that the candidate was judged on."""
    span = test["period"]
    values = {"First day": span["starts"], "Ends before": span["ends"], "Days": span["days"], "Rows": span["rows"]}
    return paired("Test period", values | {"Share that came true": percent(span["late_share"])})


def trained(test: Evidence) -> Table:
    """The rows that the candidate learned from."""
    candidate = test["candidate"]
    return paired(
        "Training rows", {"Rows": candidate["trained_rows"], "Outcomes known until": candidate["trained_until"]}
    )


def candidate(test: Evidence) -> Table:
    """What the candidate is, and the md5 sums by which it and the champion are known."""
    made, champion = test["candidate"], test.get("champion") or {}
    values = {
        "Version (md5 of the model file)": made["md5"],
        "Fit": made["fit"],
        "Kind of model": made["model"],
        "Feature set": made["features"],
        "Parameters": ", ".join(f"{key}: {value}" for key, value in made["params"].items()) or "the library's defaults",
        "Trained on": f"{shown(made['trained_rows'])} rows, outcomes known until {shown(made['trained_until'])}",
        "Champion that it is compared with": " ".join(
            shown(champion[key]) for key in ("name", "fit", "md5") if key in champion
        ),
    }
    return paired("The candidate", {name: value for name, value in values.items() if value})


def calibration(test: Evidence) -> Table:
    """How far stated probabilities were off, before and after calibration."""
    after = test["calibration"]
    uncalibrated = test["metrics"].get("uncalibrated")
    before = after.get("before") or ({"error": uncalibrated["calibration_error"]} if uncalibrated else {})
    stages = [("Before calibration", before), ("As judged", after)] if before else [("As judged", after)]
    rows = tuple(Row(name, (cell(values.get("gap")), cell(values.get("error")))) for name, values in stages)
    note = (
        "Gap: mean probability less the share that came true; above 0 the model promised too much. Error: the mean "
        "distance of the two over bins of rows with alike probabilities; chance alone keeps it above 0."
    )
    return Table("Stated and observed", "", ("Gap", "Calibration error"), rows, note)


def coverage(test: Evidence) -> Table:
    """How often the prediction sets held what came, against the level that they promise."""
    found = test["coverage"]
    promised = percent(found["level"])
    rows = tuple(Row(_COVERED.get(name, words(name)), (Cell(percent(value)),)) for name, value in _intervals(found))
    note = f"Each prediction comes with a set of outcomes that is to hold what comes in {promised} of all cases."
    return Table(f"Coverage; promised: {promised}", "", ("Share",), rows, note)


def selection(chosen: Evidence) -> Table:
    """All fits by their mean score on the validation months, best first, the chosen one set off."""
    rows = tuple(
        Row(
            fit["fit"],
            (
                Cell(shown(fit["model"]), "text"),
                Cell(shown(fit["features"]), "text"),
                cell(fit["mean"]),
                cell(fit["difference"]),
                Cell("chosen" if fit["chosen"] else "", "good" if fit["chosen"] else "text"),
            ),
            chosen=fit["chosen"],
        )
        for fit in chosen["table"]
    )
    columns = ("Model", "Features", f"Mean {name_of(chosen['metric']).lower()}", "Difference to the best", "")
    return Table("", "Fit", columns, rows)


def slices(found: Evidence) -> list[Table]:
    """The parts of the test rows, a table for each column that they are cut by; long ones folded."""
    ordered = sorted(found["slices"], key=lambda part: part["by"])
    return [_parts(by, list(parts)) for by, parts in groupby(ordered, key=lambda part: part["by"])]


def worst(found: Evidence) -> list[Table]:
    """The part that does worst against the baseline, of all that were searched; none where no part has enough rows."""
    if not found["worst"]:
        return []
    note = (
        f"Of {shown(found['searched'])} parts searched; the interval of the improvement allows for looking at them all."
    )
    return [Table("Worst part", *_COLUMNS, (_part(found["worst"], named=True),), note)]


def decay(staleness: Evidence) -> Table:
    """How the same month is predicted by models whose training ended longer and longer ago."""
    curve = staleness["curve"]
    scored = [name for name in ("log_loss", "auc") if any(name in point for point in curve)]
    rows = tuple(
        Row(
            shown(point["months_old"]),
            (
                cell(point.get("trained_from")),
                cell(point.get("trained_until")),
                *(cell(point.get(name)) for name in scored),
                cell(point.get("added_loss")),
            ),
        )
        for point in curve
    )
    heads = (f"{name_of(name)} {SCORES[name][1]}" for name in scored)
    return Table("", "Months old", ("Trained from", "Until", *heads, "Log loss above the freshest"), rows)


_COVERED = {
    "overall": "Sets that held what came",
    "positive": "of the rows that came true",
    "negative": "of the rows that did not",
    "both": "Sets that name both outcomes",
    "ambiguous": "Sets that name both outcomes",
}
_COLUMNS = ("Part", ("Rows", "Came true", "Log loss ↓", "Gap", "Coverage", "Improvement ↑"))


def _parts(by: str, parts: list[Evidence]) -> Table:
    rows = tuple(_part(part) for part in parts)
    return Table(heading(by), *_COLUMNS, rows, folded=len(rows) > LONGEST)


def _part(part: Evidence, named: bool = False) -> Row:
    share = part.get("late_share", part.get("share"))
    measured = (cell(part.get(name)) for name in ("log_loss", "gap", "coverage"))
    name = f"{words(part['by'])}: {part['value']}" if named else shown(part["value"])
    numbers = (
        cell(part["rows"]),
        Cell("–" if share is None else percent(share)),
        *measured,
        better(part["improvement"]),
    )
    return Row(name, numbers)


def _measured(rule: Evidence) -> Any:
    return rule["value"] if rule.get("low") is None or rule.get("high") is None else rule


def _verdict(verdict: str) -> str:
    return {"yes": "✓ yes", "no": "✗ no", "unknown": "? unknown"}.get(verdict, verdict)


def _intervals(evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    """The numbers with intervals in a mapping, by name, those in mappings of it as well."""
    for name, value in evidence.items():
        if is_interval(value):
            yield name, value
        elif isinstance(value, Mapping):
            yield from _intervals(value)


def _levels(evidence: Any) -> Iterator[float]:
    if isinstance(evidence, Mapping):
        if {"low", "high", "level"} <= evidence.keys():
            yield evidence["level"]
        for value in evidence.values():
            yield from _levels(value)
    elif isinstance(evidence, list):
        for value in evidence:
            yield from _levels(value)
