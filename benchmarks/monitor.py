"""Measure `recommit monitor` on the flights: false alarms, days to find planted faults, real alarms, speed."""

import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pipeline import ROOT, run
from ruamel.yaml import YAML

from flights import sources
from flights.problem import PROBLEM
from recommit.evidence.files import plain, read
from recommit.evidence.stages import Importance
from recommit.learning import parts
from recommit.learning.models import builder
from recommit.monitoring import cusum, joint, project, series, show
from recommit.monitoring.counted import counted
from recommit.monitoring.series import Charted
from recommit.monitoring.tally import days_of
from recommit.monitoring.watch import Bounds, Model, Spoken, charted, false_alarms, parted, watch
from recommit.proof.machine import cpu

RESULTS = ROOT / "benchmarks/results/monitor.json"
CLOCK = "2013-06-01"
STARTS = 500
WITHIN = 60
"""Days in which a planted fault is to be found; later it is not found."""
SOUND = 28
"""Sound days before a fault begins, so that sums are what they may be by then."""
LATER = 7 * 520
"""Days by which faulty days are moved, so that they are later than the reference and on the same weekdays."""
FITTED = 3
"""Models are fitted on every third row, which is quicker."""
SPEED_ROWS, MANY_ROWS, GROUP = 100_000, 10_000_000, 100_000
WIND = ["wind_speed", "wind_north", "wind_east", "gust_over_wind", "wind_change_3h"]
KMH = 1.609344


@dataclass(frozen=True)
class Flown:
    """Feature rows with their outcome, the day and the answer of each, in order of time."""

    rows: pd.DataFrame
    days: np.ndarray
    answer: np.ndarray

    def spoken(self) -> Spoken:
        """What the model said, which did not learn from these rows."""
        return Spoken(self.days, self.answer, self.rows[PROBLEM.target], np.zeros(len(self.rows), bool))

    def part(self) -> tuple[pd.DataFrame, np.ndarray]:
        """The rows with their days."""
        return self.rows, self.days


Plant = Callable[[Flown, Callable[[pd.DataFrame], np.ndarray]], Flown]


def _changed(flown: Flown, ask: Callable[[pd.DataFrame], np.ndarray], **columns: object) -> Flown:
    rows = flown.rows.assign(**columns)
    return Flown(rows, flown.days, ask(rows))


def _readings_of(flown: Flown, ask: Callable, hours: float) -> Flown:
    """Each row gets the weather features of a row at its airport so many hours later, or earlier below 0."""
    columns = [one.name for one in PROBLEM.catalogue.features if one.source == "weather"]
    at = PROBLEM.instant
    own = flown.rows[[at, "origin"]].assign(place=np.arange(len(flown.rows)))
    own[at] = own[at] + pd.Timedelta(hours=hours)
    there = flown.rows.drop_duplicates([at, "origin"])[[at, "origin", *columns]]
    found = pd.merge_asof(own.sort_values(at), there.sort_values(at), on=at, by="origin", direction="nearest")
    found = found.sort_values("place")[columns].set_axis(flown.rows.index)
    return _changed(flown, ask, **dict(found.items()))


def _stuck(flown: Flown, ask: Callable) -> Flown:
    return _changed(flown, ask, pressure=np.float32(flown.rows["pressure"].median()))


def _silent(flown: Flown, ask: Callable) -> Flown:
    here = (flown.rows["origin"] != "LGA").to_numpy()
    return Flown(flown.rows[here], flown.days[here], flown.answer[here])


def _merged(flown: Flown, ask: Callable) -> Flown:
    return _changed(flown, ask, carrier=flown.rows["carrier"].replace("US", "AA"))


def _moved(flown: Flown, ask: Callable) -> Flown:
    late = flown.rows[PROBLEM.target].to_numpy("bool")
    share = 0.05 / (1 - late.mean())
    more = late | (np.random.default_rng(0).random(len(late)) < share)
    return replace(flown, rows=flown.rows.assign(**{PROBLEM.target: more}))


FAULTS: dict[str, Plant] = {
    "nothing": lambda flown, ask: flown,
    "wind in km/h": lambda flown, ask: _changed(flown, ask, **{one: flown.rows[one] * KMH for one in WIND}),
    "an airport is silent": _silent,
    "the weather feed is an hour late": lambda flown, ask: _readings_of(flown, ask, -1),
    "pressure is stuck": _stuck,
    "weather from three hours later": lambda flown, ask: _readings_of(flown, ask, 3),
    "five points more are late": _moved,
    "a carrier merges with another": _merged,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--evidently", metavar="PYTHON", help="Of an environment with Evidently; without it, no comparison.")
@click.option("--only", type=click.Choice(["faults", "speed"]), help="Measure one half, and keep the other's results.")
@click.option("--rows", metavar="N", type=click.IntRange(min=1000), default=MANY_ROWS, help="Of the large table.")
def main(evidently: str | None, only: str | None, rows: int) -> None:
    """Measure the monitoring with the bounds of params.yaml; writes benchmarks/results/monitor.json.

    The reference are the first five months; the model is boosting on all features, fitted on them, and in each of these
    months on the other four. Faults are planted into the reference's days, and begin at random in simulated years.

    \b
    Example:
      python benchmarks/monitor.py --evidently /tmp/evidently/bin/python
    Exit status: 0 measured.
    """
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    if only != "speed":
        results |= faults()
    if only != "faults":
        results["speed"] = speed(evidently, rows)
    RESULTS.write_text(json.dumps(plain(results), indent=1) + "\n")
    click.echo(json.dumps(plain({key: value for key, value in results.items() if key != "real"}), indent=1))


def faults() -> dict[str, object]:
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    bounds, seed = Bounds(**params["monitor"]), params["seed"]
    then, now, model, ask = flown(params)
    kinds = project.kinds(PROBLEM)
    found = counted(then.part(), kinds, [then.part()], [])
    charts, _ = parted(charted(found, model, then.spoken(), None), bounds.cost)
    limits = series.limits(charts, bounds.slack, bounds.days_between, bounds.years, seed)
    apart = false_alarms(charts, limits, bounds, seed + 1)
    planted = {name: _days_to_find(plant(then, ask), then, model, bounds, seed) for name, plant in FAULTS.items()}
    return {
        "reference": {"until": CLOCK, "rows": len(then.rows), "days": len(found.reference.days)},
        "charts": {one.name: len(limits[one.name]) for one in charts},
        "false_alarms": apart,
        "by_series": {
            one.name: false_alarms([one], {one.name: limits[one.name]}, bounds, seed + 1).found for one in charts
        },
        "starts": STARTS,
        "within_days": WITHIN,
        "faults": planted,
        "real": real(then, now, model, bounds, seed),
    }


def flown(params: Mapping) -> tuple[Flown, Flown, Model, Callable[[pd.DataFrame], np.ndarray]]:
    tables = sources.tidy(sources.read_package())[0]
    rows = parts.settled(PROBLEM, tables, pd.Timestamp("2014-01-01", tz="UTC"), params["horizon_hours"])
    rows = rows.sort_values(PROBLEM.instant, kind="stable", ignore_index=True)
    early = (rows[PROBLEM.instant] < pd.Timestamp(CLOCK, tz="UTC")).to_numpy()
    columns, target = PROBLEM.catalogue.names("full"), PROBLEM.target
    build, task = builder(PROBLEM, params["seed"]), PROBLEM.task
    then, now = (rows[part].reset_index(drop=True) for part in (early, ~early))
    months = then[PROBLEM.instant].dt.month

    def fit(some: pd.DataFrame) -> object:
        return task.fit(
            build("boosting", params["models"]["boosting"], columns), some[columns][::FITTED], some[target][::FITTED]
        )

    fits = {month: fit(then[months != month]) for month in months.unique()}

    def unseen(some: pd.DataFrame) -> np.ndarray:
        answer, month = np.empty(len(some)), some[PROBLEM.instant].dt.month.to_numpy()
        for one, fitted in fits.items():
            answer[month == one] = task.answer(fitted, some.loc[month == one, columns])
        return answer

    calibration = task.calibrate(then[target], unseen(then))
    ask = lambda some: calibration(unseen(some))  # noqa: E731
    answer = ask(then)
    sets = task.conform(then[target], answer, params["prediction"]["level"])
    answers = task.answers(calibration, sets, then[target], params["prediction"]["threshold"])
    importance = read(ROOT / "reports/evidence/importance.json", Importance)
    worth = {one.name: one.permuted.value for one in importance.features}
    days = [days_of(part[PROBLEM.instant]) for part in (then, now)]
    later = Flown(now, days[1], calibration(task.answer(fit(then), now[columns])))
    return Flown(then, days[0], answer), later, Model(task, answers, None, CLOCK, worth), ask


def _days_to_find(faulty: Flown, sound: Flown, model: Model, bounds: Bounds, seed: int) -> dict[str, object]:
    """Plant a fault at many starts in years of sound blocks: the days until an alert, and what it names."""
    late = replace(faulty, days=faulty.days + LATER)
    found = counted(sound.part(), project.kinds(PROBLEM), [sound.part()], [late.part()])
    charts, _ = parted(charted(found, model, sound.spoken(), late.spoken()), bounds.cost)
    limits = series.limits(charts, bounds.slack, bounds.days_between, bounds.years, seed)
    own, days = charts[0].own, charts[0].days
    twins = np.searchsorted(days, days[own] + LATER)
    draws = np.random.default_rng(1)
    blocks = (SOUND + WITHIN) // cusum.BLOCK + 1
    starts = draws.integers(0, own.sum() - cusum.BLOCK + 1, (STARTS, blocks))
    places = (starts[:, :, None] + np.arange(cusum.BLOCK)).reshape(STARTS, -1)[:, : SOUND + WITHIN]
    found_by = {one.name: _first(one, places, twins, limits[one.name], bounds.slack) for one in charts}
    first = {name: days for name, (days, _) in found_by.items()}
    days_to = np.min(list(first.values()), axis=0)
    within = days_to <= WITHIN
    by = {name: float((one == days_to)[within].mean()) for name, one in first.items() if within.any()}
    named: Counter[str] = Counter()
    for one in charts:
        here = within & (first[one.name] == days_to)
        named.update(one.names[place] for place in found_by[one.name][1][here])
    middle = [float(np.quantile(draws.choice(days_to, len(days_to)), 0.5)) for _ in range(400)]
    inside = within.mean()
    reach = 1.96 * np.sqrt(inside * (1 - inside) / STARTS)
    return {
        "median_days": _ended(np.quantile(days_to, 0.5)),
        "low": _ended(np.quantile(middle, 0.025)),
        "high": _ended(np.quantile(middle, 0.975)),
        "nine_of_ten": _ended(np.quantile(days_to, 0.9)),
        "found": float(inside),
        "found_low": float(max(0, inside - reach)),
        "found_high": float(min(1, inside + reach)),
        "first_by": by,
        "named": {name: number / STARTS for name, number in named.most_common(3)},
    }


def _ended(days: float) -> float | None:
    return None if days > WITHIN else float(days)


def _first(
    chart: Charted, places: np.ndarray, twins: np.ndarray, limit: np.ndarray | None, slack: float
) -> tuple[np.ndarray, np.ndarray]:
    """The day of the fault of each run's first alarm, from 1, `WITHIN` + 1 where there is none, and by which name."""
    found, named = np.full(len(places), WITHIN + 1), np.zeros(len(places), dtype="int64")
    if limit is None:
        return found, named
    sound, faulty = chart.scores[chart.own], chart.scores[twins]
    sums = np.zeros((len(places), sound.shape[1]))
    for day in range(places.shape[1]):
        scores = sound if day < SOUND else faulty
        sums = np.maximum(0, sums + scores[places[:, day]] - slack)
        alarm = (sums > limit).any(axis=1)
        new = alarm & (found > WITHIN) & (day >= SOUND)
        found[new] = day - SOUND + 1
        named[new] = chart.of[(sums[new] / limit).argmax(axis=1)]
        sums[alarm] = 0
    return found, named


def real(then: Flown, now: Flown, model: Model, bounds: Bounds, seed: int) -> dict[str, object]:
    """What would have been alerted from the clock on to the end of the year."""
    kinds = project.kinds(PROBLEM)
    found = counted(then.part(), kinds, [then.part()], [now.part()])
    told = joint.told_apart(found.bins, then.rows, now.rows, {"then": then.days, "now": now.days}, seed, bounds.rows)
    said = watch(found, model, then.spoken(), now.spoken(), None, told, bounds, seed)
    weeks = [
        {"week": one.week, "late_gap": one.gap, "loss": one.loss, "estimated": one.estimated, "said": one.said}
        for one in said.weeks
    ]
    return {
        "from": CLOCK,
        "days": said.watched_days,
        "alerts": said.alerts,
        "lines": said.lines,
        "columns": [one.name for one in said.features],
        "joint": said.joint,
        "promised": said.promised,
        "came": said.came,
        "weeks": weeks,
        "words": list(show.words(said)),
    }


def speed(evidently: str | None, rows: int) -> dict[str, object]:
    """Seconds and memory of 100,000 rows, of many rows in parts, and of Evidently on the same 100,000."""
    with tempfile.TemporaryDirectory(prefix="recommit-benchmark-") as place:
        folder = Path(place)
        tables = [pd.read_parquet(ROOT / f"data/features/{name}.parquet") for name in ("train", "test")]
        table = pd.concat(tables, ignore_index=True)
        table = table[[PROBLEM.instant, *PROBLEM.catalogue.all]]
        table = table.sort_values(PROBLEM.instant, kind="stable", ignore_index=True).iloc[-SPEED_ROWS:]
        days = days_of(table[PROBLEM.instant])
        now = days > days[SPEED_ROWS // 2]
        old, new = table[~now], table[now]
        old.to_parquet(folder / "old.parquet", index=False)
        new.to_parquet(folder / "new.parquet", index=False)
        found: dict[str, object] = {
            "cpu": cpu(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "rows": SPEED_ROWS,
            "columns": len(PROBLEM.catalogue.all),
            "recommit": _timed(sys.executable, folder, "old", "new"),
        }
        if evidently:
            found["evidently"] = _timed(evidently, folder, "old", "new")
        _repeat(folder / "many.parquet", new, rows)
        found["many"] = {"rows": rows} | _timed(sys.executable, folder, "old", "many")
        _repeat(folder / "many.parquet", new, rows // 10)
        found["tenth"] = {"rows": rows // 10} | _timed(sys.executable, folder, "old", "many")
    return found


def _timed(python: str, folder: Path, old: str, new: str) -> dict[str, object]:
    """Run benchmarks/monitor_speed.py: it says the seconds of the comparison itself; the memory is the process's."""
    said = folder / "said.json"
    script = str(ROOT / "benchmarks/monitor_speed.py")
    tables = [str(folder / f"{name}.parquet") for name in (old, new)]
    measured = run(python, script, *tables, str(said), log=folder / "log")
    return json.loads(said.read_text()) | {"whole_seconds": measured.seconds, "peak_mb": measured.peak_mb}


def _repeat(path: Path, table: pd.DataFrame, rows: int) -> None:
    """Write so many rows: those of `table` over and over, a year at most, each time in row groups of `GROUP`."""
    begun, written = time.monotonic(), 0
    content = pa.Table.from_pandas(pd.concat([table, table], ignore_index=True).iloc[:GROUP], preserve_index=False)
    with pq.ParquetWriter(path, content.schema) as file:
        while written < rows:
            file.write_table(content.slice(0, min(GROUP, rows - written)))
            written += min(GROUP, rows - written)
    click.echo(f"{rows:,} rows written in {time.monotonic() - begun:.0f} s", err=True)


if __name__ == "__main__":
    main()
