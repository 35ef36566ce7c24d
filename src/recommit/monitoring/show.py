"""What `monitor` found, as tables, as a figure, and as lines for Prometheus."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recommit.evidence.monitor import Alert, Monitor, Shift
from recommit.evidence.numbers import Interval
from recommit.figures import ACCENT, INK, SECOND, SOFT, axes, legend
from recommit.learning import judging
from recommit.monitoring.cusum import LEAST_DAYS
from recommit.monitoring.outcomes import LEAST_FRESH

_COLORS = {"input": ACCENT, "prediction": SOFT, "outcome": SECOND}
_NONE = "–"
_FEW = 3


def alerts(found: Monitor) -> pd.DataFrame:
    """Return one row per alert and per line: the day, the series, since when, its cost, and what it is about."""
    rows = [*((one, "alert") for one in found.alerts), *((one, "line") for one in found.lines)]
    columns = ["day", "series", "is", "since", "cost", "about"]
    return pd.DataFrame([_alert(one, kind) for one, kind in rows], columns=columns)


def shifts(found: tuple[Shift, ...]) -> pd.DataFrame:
    """Return one row per shifted column, the costliest first."""
    names = ["column", "what", "shift", "usual", "worth", "cost"]
    rows = [(one.name, one.what, one.shift, one.usual, one.worth, one.cost) for one in found]
    return pd.DataFrame(rows, columns=names).round(4)


def weeks(found: Monitor) -> pd.DataFrame:
    """Return one row per watched week, numbers with their intervals as text."""
    rows = [
        {key: str(value) if isinstance(value, Interval) else value for key, value in vars(week).items()}
        for week in found.weeks
    ]
    table = pd.DataFrame(rows).set_index("week") if rows else pd.DataFrame()
    return table.dropna(axis=1, how="all").round(4).astype("object").fillna(_NONE)


def outcome(found: Monitor) -> pd.DataFrame:
    """Return each score, gap and coverage as promised and as it came, with intervals."""
    times = {"promised": found.promised, "came": found.came}
    rows = {}
    for name, one in ((name, one) for name, one in times.items() if one is not None):
        covered = {f"coverage, {group}": interval for group, interval in one.coverage.of.items()}
        estimated = {"estimated loss": one.estimated} if one.estimated else {}
        rows[name] = {**one.scores, **estimated, "gap": one.gap, "coverage": one.coverage.overall, **covered}
    return judging.as_table(rows).T.fillna(_NONE)


def words(found: Monitor) -> Iterator[str]:
    """Yield what a person must know, a line each: the alerts, or that there is none."""
    yield from (str(one) for one in found.alerts)
    if not found.alerts:
        days = f"{found.watched_days} days" if found.watched_days else "no day yet"
        yield f"no alert: watched {days} against {found.reference_days} days of the reference"
    if found.lines:
        days = ", ".join(f"{one.day} {one.shifts[0].name}" for one in found.lines[:_FEW])
        yield f"alarms of the input that cost too little for an alert: {len(found.lines)}, as of {days}"
    for one in found.series:
        if not one.followed:
            unseen = f", {LEAST_FRESH} of them unseen by the model" if one.name == "outcome" else ""
            needed = f"{LEAST_DAYS} that differ are needed{unseen}"
            yield f"{one.name}: not followed: {one.reference_days} reference days, and {needed}"


def figure(found: Monitor) -> Axes:
    """Draw the largest sum of each series over its limit, day by day: above 1 it alarms, and all sums begin anew.

    An alarm of the input is an alert if it costs enough.
    """
    ax = axes("Is the model still right?", "day", "largest cumulative sum over its limit", height=3.4)
    drawn = [one for one in found.series if one.followed and any(day.off is not None for day in one.days)]
    for one in drawn:
        days, sums = np.array([day.day for day in one.days]), [day.sum for day in one.days]
        ax.plot(days, sums, label=one.name, color=_COLORS[one.name], linewidth=1.2)
    ax.axhline(1, color=INK, linestyle="--", linewidth=0.8)
    if not drawn:
        ax.annotate("nothing to follow yet", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return ax
    ax.tick_params(axis="x", rotation=45)
    legend(ax, columns=3)
    return ax


def prometheus(found: Monitor) -> str:
    """Return the gauges of Prometheus' text format: see "Exposition formats" in its documentation."""
    last = [(one.name, one.days[-1].sum if one.days else 0.0) for one in found.series]
    count = {name: sum(alert.series == name for alert in found.alerts) for name, _ in last}
    gauges = {
        ("recommit_monitor_alerts", "Alerts since the model's clock."): [
            (f'series="{name}"', float(count[name])) for name, _ in last
        ],
        (
            "recommit_monitor_sum",
            "Largest cumulative sum over its limit on the last watched day; above 1 is an alarm.",
        ): [(f'series="{name}"', total) for name, total in last],
        ("recommit_monitor_watched_rows", "Watched rows."): [("", float(found.watched_rows))],
        ("recommit_monitor_shift_cost", "Estimated share that a shifted column costs."): [
            (f'column="{_escaped(one.name)}"', one.cost) for one in found.features
        ],
    }
    lines = []
    for (name, about), values in gauges.items():
        lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{{label}}} {value:.6g}" if label else f"{name} {value:.6g}" for label, value in values]
    return "\n".join(lines) + "\n"


def _alert(one: Alert, kind: str) -> tuple[object, ...]:
    about = "; ".join(f"{shift.name} ({shift.what})" for shift in one.shifts[:3])
    return one.day, one.series, kind, one.since, round(one.cost, 4), about


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
