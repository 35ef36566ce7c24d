"""Faults that a season hides are seen beside the other feeds, by the sun's hour and by what no longer changes."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from recommit.learning import quality
from recommit.learning.calendar import Calendar
from recommit.learning.periods import Monitored

CLOCK = pd.Timestamp("2013-09-01", tz="UTC")
CALENDAR = Calendar("month")
SMALLEST = quality.Smallest(share=0.02, shift=0.1, rows=0.2, hours=12)
NAMES = ["north", "south", "west"]
READINGS = ("warmth", "wind", "sight")
STATIONS = Monitored(
    at="at",
    key=("station", "at"),
    numbers=READINGS,
    categories=("station",),
    feed="station",
    hourly=True,
    measured=READINGS,
    daily=("warmth",),
)
AUGUST, APRIL = "2013-08", "2013-04"
Spoil = Callable[[pd.DataFrame, pd.Series], pd.DataFrame]


@cache
def honest(seed: int) -> pd.DataFrame:
    """Hourly readings of three neighbours: one season, one weather, one sun; sight changes now and then."""
    rng = np.random.default_rng(seed)
    at = pd.date_range("2013-01-01", "2013-09-10", freq="h", tz="UTC", inclusive="left", unit="us")
    hour, day = np.arange(len(at)), np.arange(len(at)) / 24
    weather = pd.Series(rng.normal(size=len(at))).ewm(halflife=20).mean().to_numpy() * 20
    gusts = np.abs(pd.Series(rng.normal(size=len(at))).ewm(halflife=6).mean().to_numpy()) * 30
    season = 45 + 30 * np.sin((day - 110) / 365 * 2 * np.pi)
    parts = []
    for place, name in enumerate(NAMES):
        sun = 8 * np.cos((hour - 19 - 0.3 * place) / 24 * 2 * np.pi)
        changes = rng.random(len(at)) < 0.12
        sight = pd.Series(np.where(changes, rng.choice([1.0, 3, 7, 10], len(at)), np.nan)).ffill().fillna(10)
        warmth = season + weather + sun + place + rng.normal(0, 1, len(at))
        wind = np.round(5 + gusts + rng.gamma(2, 1, len(at))) * 1.15078
        parts.append(pd.DataFrame({"at": at, "station": name, "warmth": warmth.round(1), "wind": wind, "sight": sight}))
    return pd.concat(parts).sort_values("at", kind="stable", ignore_index=True)


def judged(table: pd.DataFrame) -> list[quality.Flag]:
    return quality.report(table, STATIONS, "stations", CALENDAR, CLOCK, SMALLEST, seed=7).flags


def within(table: pd.DataFrame, month: str) -> pd.Series:
    return table["at"].dt.strftime("%Y-%m") == month


def put(column: str, change: Callable[[pd.Series], pd.Series], only: str = "") -> Spoil:
    def spoil(table: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
        rows = here & (table["station"] == only if only else True)
        return table.assign(**{column: table[column].mask(rows, change(table[column]))})

    return spoil


def early(hours: int, *columns: str, only: str = "") -> Spoil:
    def spoil(table: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
        rows = here & (table["station"] == only if only else True)
        later = table.groupby("station")[list(columns)].shift(-hours)
        return table.assign(**{column: table[column].mask(rows, later[column]) for column in columns})

    return spoil


def copied(table: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    other = table[["at"]].merge(table[table["station"] == "north"], on="at")
    rows = here & (table["station"] == "west")
    return table.assign(**{column: table[column].mask(rows, other[column]) for column in READINGS})


def swapped(table: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    rows = here & (table["station"] == "west")
    return table.assign(
        warmth=table["warmth"].mask(rows, table["wind"]), wind=table["wind"].mask(rows, table["warmth"])
    )


PLANTED = {
    "one in Celsius": (put("warmth", lambda value: (value - 32) / 1.8, "south"), "warmth", "offset"),
    "one with two columns swapped": (swapped, "wind", "offset"),
    "all in km/h": (put("wind", lambda value: value * 1.609), "wind", "new values"),
    "decimals truncated": (put("warmth", lambda value: value // 5 * 5), "warmth", "changes"),
    "all stuck": (put("sight", lambda value: value * 0 + 10), "sight", "changes"),
    "one stuck": (put("sight", lambda value: value * 0 + 10, "west"), "sight", "changes"),
    "all labelled five hours early": (early(5, *READINGS), "warmth", "phase"),
    "local time written as UTC": (early(-4, *READINGS), "warmth", "phase"),
    "one labelled three hours early": (early(3, "warmth", only="north"), "warmth", "lag"),
    "one a copy of another": (copied, "warmth", "copied"),
}


@pytest.mark.parametrize("month", [AUGUST, APRIL], ids=["judged", "training"])
@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_that_a_season_hides_is_flagged_by_its_name(fault: str, month: str) -> None:
    spoil, column, what = PLANTED[fault]
    table = honest(1)
    flags = judged(spoil(table, within(table, month)))
    assert (column, what) in {(flag.column, flag.what) for flag in flags}, [str(flag) for flag in flags]
    assert {flag.period for flag in flags} == {month}, [str(flag) for flag in flags]


def test_honest_months_are_not_flagged_more_often_than_stated() -> None:
    flags = [{flag.about for flag in judged(honest(seed))} for seed in range(1, 7)]
    assert not flags[0]
    assert sum(bool(found) for found in flags) <= 2, flags


def test_hours_of_the_day_are_compared_around_midnight() -> None:
    table = honest(1)
    moved = table.assign(at=table["at"] + pd.Timedelta(hours=5))
    assert judged(moved) == []
