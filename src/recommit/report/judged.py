"""Makes tables of how the candidate was chosen and judged. Each function takes one kind of evidence."""

from collections.abc import Iterable
from itertools import groupby

from recommit.evidence.decision import Decision
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Selection, Slice, Slices, Staleness, Test
from recommit.report.tables import LONGEST, Cell, Row, Table, better, cell, heading, paired, percent, shown, words

UP_OR_DOWN = "↑: higher is better. ↓: lower is better."


def explained(scores: Iterable[str]) -> str:
    """Return one sentence per score in `scores`: its name, unit and meaning."""
    return " ".join(f"{SCORES[name].name}, {SCORES[name].unit}: {SCORES[name].words}." for name in scores)


def rules(decision: Decision) -> Table:
    """Return one row per rule of the gate, the worst first: verdict, what was measured, what it must be, the reason."""
    rows = tuple(
        Row(
            rule.verdict,
            (
                Cell(heading(rule.rule), "text"),
                Cell(shown(rule.measured)),
                Cell(rule.passes_when, "text"),
                Cell(rule.reason, "text"),
            ),
            look="text" if rule.answer == "does not apply" else "good" if rule.passes else "bad",
        )
        for rule in decision.worst_first
    )
    return Table("", "Verdict", ("Rule", "Measured [low, high]", "Must be", "Reason"), rows)


def points(decision: Decision) -> list[Table]:
    """Return a table with one row per point that a person must judge, and the reason if a line accepts it.

    Lines of `accepted` in params.yaml that accept nothing have a row as well. Without rows, no table is returned.
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
    """Return one row per model with its scores on the test rows."""
    columns = [name for name in SCORES if any(name in model for model in test.metrics.values())]
    rows = tuple(
        Row(heading(model), tuple(cell(values.get(name)) for name in columns), chosen=model == "candidate")
        for model, values in test.metrics.items()
    )
    heads = tuple(SCORES[name].heading for name in columns)
    return Table("Scores", "Model", heads, rows, f"{UP_OR_DOWN} {explained(columns)}")


def differences(test: Test) -> Table:
    """Return one row per other model: how much better the candidate is on the same rows, by score."""
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
        "Both models answer the same rows, so that a hard day is hard for both. Above 0 the candidate is better, "
        "for every score. If the interval contains 0, this period cannot tell."
    )
    heads = tuple(SCORES[name].name for name in columns)
    return Table("How much better the candidate is", "Candidate better", heads, rows, note)


def period(test: Test) -> Table:
    """Return the period and the number of the rows that the candidate was judged on."""
    span = test.period
    values = {"First day": span.starts, "Ends before": span.ends, "Blocks": span.blocks, "Rows": span.rows}
    return paired("Test period", values | {"Mean of the target": span.mean})


def trained(test: Test) -> Table:
    """Return the number of the candidate's training rows, and when the last of their outcomes was known."""
    candidate = test.candidate
    return paired("Training rows", {"Rows": candidate.trained_rows, "Outcomes known until": candidate.trained_until})


def candidate(test: Test) -> Table:
    """Return the description of the candidate, with the MD5 of its model file and of the champion's."""
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
    """Return the parameters of a model in one line."""
    return ", ".join(f"{key}: {value}" for key, value in params.items())


def calibration(test: Test) -> Table:
    """Return the gap and the calibration error before and after calibration."""
    after = test.calibration
    rows = [Row("As judged", (cell(after.gap), cell(after.error)))]
    if before := test.metrics.get("uncalibrated"):
        rows.insert(0, Row("Before calibration", (cell(None), cell(before["calibration_error"]))))
    note = (
        "Gap: the mean answer minus the mean outcome; above 0 the answers are too high. Error: the mean distance of "
        "the two in bins of rows with similar answers; chance alone makes it larger than 0."
    )
    return Table("Stated and observed", "", ("Gap", "Calibration error"), tuple(rows), note)


def coverage(test: Test) -> Table:
    """Return the coverage of prediction sets, for all rows and by group, and the size of the sets."""
    found, promised = test.coverage, percent(test.coverage.level)
    held = {"All rows": found.overall} | {heading(group): share for group, share in found.of.items()}
    rows = [Row(name, (Cell(percent(share)),)) for name, share in held.items()]
    rows += [Row(f"Size: {what}", (cell(size),)) for what, size in found.size.items()]
    note = f"Each prediction comes with a set that should hold the outcome in {promised} of all cases."
    return Table(f"Coverage; promised: {promised}", "", ("Held the outcome",), tuple(rows), note)


def selection(chosen: Selection) -> Table:
    """Return one row per fit with its mean score on the validation folds, best first. The chosen one is marked."""
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
    """Return one table per column by which the test rows are divided, one row per part. Long tables are folded."""
    ordered = sorted(found.slices, key=lambda part: part.by)
    return [_parts(by, list(parts)) for by, parts in groupby(ordered, key=lambda part: part.by)]


def worst(found: Slices) -> list[Table]:
    """Return the part with the worst improvement over the baseline; no table if no part has enough rows."""
    if not found.worst:
        return []
    note = f"{shown(found.searched)} parts were searched; the interval of the improvement allows for that."
    row = Row(f"{words(found.worst.by)}: {found.worst.value}", _part(found.worst))
    return [Table("Worst part", *_COLUMNS, (row,), note)]


def decay(staleness: Staleness) -> Table:
    """Return one row per age of a training window: the loss of its fit on the same period."""
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


def _parts(by: str, parts: list[Slice]) -> Table:
    rows = tuple(Row(part.value, _part(part)) for part in parts)
    return Table(heading(by), *_COLUMNS, rows, folded=len(rows) > LONGEST)


def _part(part: Slice) -> tuple[Cell, ...]:
    measured = (cell(number) for number in (part.loss, part.gap, part.coverage))
    return cell(part.rows), cell(part.mean), *measured, better(part.improvement)
