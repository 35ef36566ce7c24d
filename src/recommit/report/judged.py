"""Tables of how the candidate was chosen and judged, from the evidence of that name."""

from collections.abc import Iterable
from itertools import groupby

from recommit.evidence.decision import Decision, Ruling
from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Selection, Slice, Slices, Staleness, Test
from recommit.report.tables import LONGEST, Cell, Row, Table, better, cell, heading, paired, percent, shown, words

UP_OR_DOWN = "↑: higher is better. ↓: lower is better."


def explained(scores: Iterable[str]) -> str:
    """Return what `scores` mean, one sentence each."""
    return " ".join(f"{SCORES[name].name}, {SCORES[name].unit}: {SCORES[name].words}." for name in scores)


def rules(decision: Decision) -> Table:
    """Return one row per rule of the gate: the answer, what was measured, the bound, when it passes, the reason."""
    rows = tuple(
        Row(
            heading(rule.rule),
            (
                Cell(
                    _ANSWERS[rule.answer],
                    "good" if rule.passes else "text" if rule.answer == "does not apply" else "bad",
                ),
                Cell(shown(_measured(rule))),
                Cell(shown(rule.bound)),
                Cell(rule.passes_when, "text"),
                Cell(rule.reason, "text"),
            ),
        )
        for rule in decision.rules
    )
    return Table("", "Rule", ("Answer", "Measured [low, high]", "Bound", "Passes when", "Reason"), rows)


def points(decision: Decision) -> list[Table]:
    """Return one row per point that a person must judge, with the reason if a line of params.yaml accepts it.

    Lines that accept nothing have a row as well. Without any rows there is no table.
    """
    rows = []
    for rule in decision.rules:
        rows += [_point(rule.rule, point.about, point.says, None) for point in rule.open]
        rows += [_point(rule.rule, point.about, point.says, point.why) for point in rule.accepted]
    rows += [_point(line.rule, line.about, _NOTHING, line.why) for line in decision.unused]
    columns = ("About", "Found", "Accepted because")
    return [Table("Points that a person must judge", "Rule", columns, tuple(rows))] if rows else []


_NOTHING = "nothing: this line accepts no point"


def _point(rule: str, about: str, says: str, why: str | None) -> Row:
    last = Cell("open", "bad") if why is None else Cell(why, "text")
    return Row(heading(rule), (Cell(about, "text"), Cell(says, "text"), last))


def scores(test: Test) -> Table:
    """Return one row per model with its scores in the test period."""
    columns = [name for name in SCORES if any(name in model for model in test.metrics.values())]
    rows = tuple(
        Row(heading(model), tuple(cell(values.get(name)) for name in columns), chosen=model == "candidate")
        for model, values in test.metrics.items()
    )
    heads = tuple(SCORES[name].heading for name in columns)
    return Table("Scores", "Model", heads, rows, f"{UP_OR_DOWN} {explained(columns)}")


def differences(test: Test) -> Table:
    """Return one row per other model: by how much the candidate is better on the same rows."""
    compared = test.differences
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
    heads = tuple(SCORES[name].name for name in columns)
    return Table("How much better the candidate is", "Candidate better", heads, rows, note)


def period(test: Test) -> Table:
    """Return the period and the number of the rows that the candidate was judged on."""
    span = test.period
    values = {"First day": span.starts, "Ends before": span.ends, "Blocks": span.blocks, "Rows": span.rows}
    return paired("Test period", values | {"Mean of the target": span.mean})


def trained(test: Test) -> Table:
    """Return the number of the candidate's training rows, and until when their outcomes were known."""
    candidate = test.candidate
    return paired("Training rows", {"Rows": candidate.trained_rows, "Outcomes known until": candidate.trained_until})


def candidate(test: Test) -> Table:
    """Return what the candidate is, and the md5 sums of its model file and the champion's."""
    made = test.candidate
    values = {
        "Version (md5 of the model file)": made.md5,
        "Fit": made.fit,
        "Kind of model": made.model,
        "Feature set": made.features,
        "Parameters": setting(made.params) or "the library's defaults",
        "Trained on": f"{shown(made.trained_rows)} rows, outcomes known until {shown(made.trained_until)}",
        "Champion that it is compared with": f"{test.champion.fit} {test.champion.md5}",
    }
    return paired("The candidate", values)


def setting(params: dict[str, object]) -> str:
    """Return a model's parameters in one line."""
    return ", ".join(f"{key}: {value}" for key, value in params.items())


def calibration(test: Test) -> Table:
    """Return how far answers were off, before and after calibration."""
    after = test.calibration
    rows = [Row("As judged", (cell(after.gap), cell(after.error)))]
    if before := test.metrics.get("uncalibrated"):
        rows.insert(0, Row("Before calibration", (cell(None), cell(before["calibration_error"]))))
    note = (
        "Gap: mean answer less the mean of what came; above 0 the model said too much. Error: the mean distance of "
        "the two over bins of rows with alike answers; chance alone keeps it above 0."
    )
    return Table("Stated and observed", "", ("Gap", "Calibration error"), tuple(rows), note)


def coverage(test: Test) -> Table:
    """Return how often prediction sets held what came, beside the level that they promise, and how large they are."""
    found, promised = test.coverage, percent(test.coverage.level)
    held = {"All rows": found.overall} | {heading(group): share for group, share in found.of.items()}
    rows = [Row(name, (Cell(percent(share)),)) for name, share in held.items()]
    rows += [Row(f"Size: {what}", (cell(size),)) for what, size in found.size.items()]
    note = f"Each prediction comes with a set that is to hold what comes in {promised} of all cases."
    return Table(f"Coverage; promised: {promised}", "", ("Held what came",), tuple(rows), note)


def selection(chosen: Selection) -> Table:
    """Return one row per fit with its mean score on the validation folds, best first, the chosen one marked."""
    rows = tuple(
        Row(
            fit.fit,
            (
                cell(fit.mean),
                cell(fit.difference),
                Cell("chosen" if fit.chosen else "", "good" if fit.chosen else "text"),
            ),
            chosen=fit.chosen,
        )
        for fit in chosen.table
    )
    return Table("", "Fit", (f"Mean {SCORES[chosen.metric].name.lower()}", "Difference to the best", ""), rows)


def slices(found: Slices) -> list[Table]:
    """Return one table per column that the test rows are cut by, one row per part; long tables are folded."""
    ordered = sorted(found.slices, key=lambda part: part.by)
    return [_parts(by, list(parts)) for by, parts in groupby(ordered, key=lambda part: part.by)]


def worst(found: Slices) -> list[Table]:
    """Return the part that does worst against the baseline, of all searched; no table if no part has enough rows."""
    if not found.worst:
        return []
    note = f"Of {shown(found.searched)} parts searched; the interval of the improvement allows for looking at them all."
    row = Row(f"{words(found.worst.by)}: {found.worst.value}", _part(found.worst))
    return [Table("Worst part", *_COLUMNS, (row,), note)]


def decay(staleness: Staleness) -> Table:
    """Return one row per age of a training window: how well its fit predicts the same period."""
    rows = tuple(
        Row(
            shown(point.periods_old),
            (
                cell(point.trained_from),
                cell(point.trained_until),
                *(cell(point.loss), cell(point.added_loss)),
            ),
        )
        for point in staleness.curve
    )
    return Table("", "Periods old", ("Trained from", "Until", "Loss ↓", "Loss above the freshest"), rows)


_COLUMNS = ("Part", ("Rows", "Mean", "Loss ↓", "Gap", "Coverage", "Improvement ↑"))
_ANSWERS = {"yes": "✓ yes", "no": "✗ no", "unknown": "? unknown", "does not apply": "– does not apply"}


def _parts(by: str, parts: list[Slice]) -> Table:
    rows = tuple(Row(part.value, _part(part)) for part in parts)
    return Table(heading(by), *_COLUMNS, rows, folded=len(rows) > LONGEST)


def _part(part: Slice) -> tuple[Cell, ...]:
    measured = (cell(number) for number in (part.loss, part.gap, part.coverage))
    return cell(part.rows), cell(part.mean), *measured, better(part.improvement)


def _measured(rule: Ruling) -> Interval | float | None:
    if rule.value is None or rule.low is None or rule.high is None:
        return rule.value
    return Interval(rule.value, rule.low, rule.high)
