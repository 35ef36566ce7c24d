"""All columns are monitored and the label is not; bad months of the real tables are flagged by name, real ones pass."""

import numpy as np
import pandas as pd
import pytest

from flights import expectations, sources
from flights.schema import SCHEMAS
from recommit.learning.quality import Flag, Smallest, report

CLOCK = pd.Timestamp("2013-08-01", tz="UTC")
SMALLEST = Smallest(share=0.02, shift=0.1, rows=0.2, hours=12)


@pytest.fixture(scope="module")
def known(tables) -> dict[str, pd.DataFrame]:
    """The raw tables as they were known when July ended."""
    return sources.as_known_at(tables, CLOCK)


def flags(name: str, table: pd.DataFrame) -> list[Flag]:
    return report(table, expectations.MONITORED[name], name, CLOCK, SMALLEST, seed=7).flags


def july(table: pd.DataFrame, at: str) -> pd.Series:
    return (table[at] >= pd.Timestamp("2013-07-01", tz="UTC")) & (table[at] < CLOCK)


@pytest.mark.parametrize("name", expectations.MONITORED)
def test_every_column_is_monitored_and_the_label_of_the_features_is_not(name):
    monitored = expectations.MONITORED[name]
    every = set(SCHEMAS[name].columns) - {"flight_id"}
    if name == "features":
        every -= {"late", "label_known_at"}
        assert not {"late", "label_known_at"} & set(expectations.unlabelled())
    assert sorted(monitored.columns) == sorted(every)
    assert "late" not in monitored.numbers + monitored.categories
    assert monitored.feed in monitored.categories
    assert set(monitored.late) <= set(monitored.columns)


def test_a_day_after_it_was_due_every_outcome_is_known(tables):
    flights = tables["flights"]
    allowed = pd.Timedelta(hours=expectations.SETTLED_AFTER_HOURS)
    assert (flights["outcome_known_at"] <= flights["label_known_at"] + allowed).all()


@pytest.mark.parametrize("name", ["flights", "weather"])
def test_the_real_months_are_not_flagged(known, name):
    assert flags(name, known[name]) == []


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("temp", lambda fahrenheit: (fahrenheit - 32) / 1.8),
        ("visib", lambda miles: miles * 1.609),
        ("pressure", lambda millibar: millibar * 0.02953),
        ("temp", lambda value: value.where(value.index % 2 == 0)),
    ],
    ids=["degrees Celsius", "kilometres", "inches of mercury", "half missing"],
)
def test_a_bad_month_of_weather_is_flagged_by_its_column(known, column, change):
    weather = known["weather"]
    bad = weather.assign(**{column: weather[column].mask(july(weather, "hour_start"), change(weather[column]))})
    assert {(flag.month, flag.column) for flag in flags("weather", bad)} == {("2013-07", column)}


def test_weather_that_stopped_for_a_day_at_one_airport_is_flagged(known):
    weather = known["weather"]
    day = weather["hour_start"].dt.strftime("%Y-%m-%d") == "2013-07-10"
    (flag,) = flags("weather", weather[~(day & (weather["origin"] == "JFK"))])
    assert (flag.month, flag.column, flag.what, flag.of) == ("2013-07", "origin", "longest gap", "JFK")


def test_a_bad_month_of_flights_is_flagged_by_its_name(known):
    flights = known["flights"]
    month = july(flights, "scheduled_departure")
    drawn = np.random.default_rng(0).random(len(flights))
    planted = {
        ("dest", "unseen"): flights.assign(dest=flights["dest"].mask(month & (drawn < 0.1), "ZZZ")),
        ("", "volume"): flights[~month | (drawn < 0.5)],
        ("", "repeated"): pd.concat([flights, flights[month].assign(flight_id=lambda t: t["flight_id"] + 10**6)]),
        ("arrival_delay", "missing"): flights.assign(
            arrival_delay=flights["arrival_delay"].mask(month & (drawn < 0.5))
        ),
    }
    for (column, what), bad in planted.items():
        assert {(flag.month, flag.column, flag.what) for flag in flags("flights", bad)} == {("2013-07", column, what)}
