"""Makes tables of what was found while the champion is watched."""

from collections.abc import Sequence

from recommit.evidence.monitor import Alert, Monitor
from recommit.report.tables import Cell, Row, Table, cell, listed, shown


def alarms(title: str, found: Sequence[Alert]) -> list[Table]:
    """Return a table with one row per alarm: its day, series, since when, its cost and what it is about; [] of none."""
    rows = [
        {
            "day": one.day,
            "series": one.series,
            "unlike since": one.since,
            "cost": one.cost,
            "by": "; ".join(f"{shift.name}: {shift.what}" for shift in one.shifts[:3]),
        }
        for one in found
    ]
    return [listed(title, rows)] if rows else []


def promises(found: Monitor) -> list[Table]:
    """Return each score as it was promised before the clock and as it came; [] where nothing came yet."""
    if found.promised is None or found.came is None:
        return []
    times = (found.promised, found.came)
    rows = [Row(name, tuple(cell(one.scores.get(name)) for one in times)) for name in times[0].scores]
    rows += [
        Row("estimated loss", tuple(cell(one.estimated) for one in times)),
        Row("calibration gap", tuple(cell(one.gap) for one in times)),
        Row("coverage", tuple(cell(one.coverage.overall) for one in times)),
        Row("rows", tuple(Cell(shown(one.rows)) for one in times)),
    ]
    note = "Promised: on reference rows that the champion did not learn from. Estimated: from the answers alone."
    return [Table("What came, against what was promised", "", ("Promised", "Came"), tuple(rows), note)]
