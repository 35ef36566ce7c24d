"""Measure the smallest faults that `quality` finds in the real months, and how often it flags honest ones."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from flights import expectations, sources
from flights.problem import PROBLEM
from recommit.learning.calendar import Calendar
from recommit.learning.quality import Smallest, report

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/quality.json"
MONTHS = {"training": "2013-04", "last of training": "2013-07", "judged": "2013-08"}
CLOCKS = ["2013-06-01", "2013-07-01", "2013-08-01", "2013-09-01", "2013-10-01", "2013-11-01", "2013-12-01"]
Plant = Callable[[pd.DataFrame, np.ndarray, float], pd.DataFrame]


def _drawn(rows: pd.DataFrame, share: float) -> np.ndarray:
    return np.random.default_rng(0).random(len(rows)) < share


def _flip(flights: pd.DataFrame, here: np.ndarray, share: float) -> pd.DataFrame:
    delay = flights["arrival_delay"]
    late, some = delay >= 15, here & delay.notna() & _drawn(flights, share)
    drawn = np.random.default_rng(1)
    pools = {ends: delay[here & delay.notna() & (late == ends)].to_numpy() for ends in (True, False)}
    other = np.where(late, drawn.choice(pools[False], len(late)), drawn.choice(pools[True], len(late)))
    return flights.assign(arrival_delay=delay.mask(some, other), late=flights["late"].mask(some, ~late))


def _filter(flights: pd.DataFrame, here: np.ndarray, share: float) -> pd.DataFrame:
    late = flights["late"].fillna(False).to_numpy(dtype="bool")
    return flights[~(here & late & _drawn(flights, share))]


def _lose(rows: pd.DataFrame, here: np.ndarray, share: float) -> pd.DataFrame:
    return rows[~(here & _drawn(rows, share))]


def _stick(weather: pd.DataFrame, here: np.ndarray, share: float) -> pd.DataFrame:
    stuck = here & (weather["hour_start"].dt.day > 31 * (1 - share))
    return weather.assign(visib=weather["visib"].mask(stuck, 10.0))


def _early(weather: pd.DataFrame, here: np.ndarray, hours: float) -> pd.DataFrame:
    columns = list(expectations.READINGS)
    later = weather.sort_values("hour_start").groupby("origin")[columns].shift(-int(hours))
    return weather.assign(**{column: weather[column].mask(here, later[column]) for column in columns})


def _warm(weather: pd.DataFrame, here: np.ndarray, degrees: float) -> pd.DataFrame:
    return weather.assign(temp=weather["temp"] + np.where(here & (weather["origin"] == "JFK"), degrees, 0))


FAULTS: dict[str, tuple[str, Plant, list[float]]] = {
    "share of labels flipped, with their arrival delays": ("flights", _flip, [0.05, 0.1, 0.15, 0.2]),
    "share of late rows taken away": ("flights", _filter, [0.1, 0.2, 0.3]),
    "share of rows lost": ("flights", _lose, [0.2, 0.3, 0.5]),
    "share of the month with visibility stuck": ("weather", _stick, [0.8, 0.9, 1.0]),
    "hours that weather is labelled early": ("weather", _early, [2, 3, 5]),
    "degrees Fahrenheit that one station is off": ("weather", _warm, [5, 10, 20]),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Plant faults of growing size in one month, with the bounds of params.yaml, until the month is flagged.

    Also counts, for clocks of 2013, the months of the real tables that are flagged. Writes
    benchmarks/results/quality.json: of each fault and month the smallest size found, or null.

    \b
    Example:
      python benchmarks/quality.py
    Exit status: 0 measured.
    """
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    smallest = Smallest(**params["quality"]["smallest"])
    tables = sources.tidy(sources.read_package())[0]

    def flagged(name: str, table: pd.DataFrame, clock: pd.Timestamp) -> tuple[set[str], int]:
        found = report(table, expectations.MONITORED[name], name, Calendar("month"), clock, smallest, params["seed"])
        return {flag.period for flag in found.flags}, len(found.checks)

    now = pd.Timestamp(params["as_of"], tz="UTC")
    known = PROBLEM.as_known_at(tables, now)
    known["flights"] = known["flights"][known["flights"]["scheduled_departure"] < now]
    results = {
        "smallest_found": {
            fault: {which: _smallest(fault, month, known, now, flagged) for which, month in MONTHS.items()}
            for fault in FAULTS
        },
        "honest": [_honest(clock, tables, flagged) for clock in CLOCKS],
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    click.echo(json.dumps(results, indent=1))


def _smallest(
    fault: str, month: str, known: Mapping[str, pd.DataFrame], now: pd.Timestamp, flagged: Callable
) -> float | None:
    name, plant, sizes = FAULTS[fault]
    table = known[name]
    here = (table[expectations.MONITORED[name].at].dt.strftime("%Y-%m") == month).to_numpy()
    return next((size for size in sizes if month in flagged(name, plant(table, here, size), now)[0]), None)


def _honest(clock: str, tables: dict[str, pd.DataFrame], flagged: Callable) -> dict[str, object]:
    now = pd.Timestamp(clock, tz="UTC")
    known = PROBLEM.as_known_at(tables, now)
    months = {name: flagged(name, known[name], now) for name in ("flights", "weather")}
    return {
        "as_of": clock,
        "months_judged": sum(number for _, number in months.values()),
        "flagged": sorted(f"{name} {month}" for name, (found, _) in months.items() for month in found),
    }


if __name__ == "__main__":
    main()
