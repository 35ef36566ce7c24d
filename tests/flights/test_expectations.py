"""All columns are monitored and the label's share is not; bad months of the real tables are flagged, real ones pass."""

import numpy as np
import pandas as pd
import pytest

from flights import expectations
from flights.expectations import READINGS
from flights.problem import PROBLEM
from recommit.learning.calendar import Calendar
from recommit.learning.quality import Flag, Smallest, report

CLOCK = pd.Timestamp("2013-08-01", tz="UTC")
SMALLEST = Smallest(share=0.02, shift=0.1, rows=0.2, hours=12)


SHIPPED = pd.Timestamp("2013-09-01", tz="UTC")


@pytest.fixture(scope="module")
def shipped(tables) -> dict[str, pd.DataFrame]:
    """The raw tables as they were known at the clock that ships: August is judged, seven months are learned from."""
    return PROBLEM.as_known_at(tables, SHIPPED)


@pytest.fixture(scope="module")
def known(tables) -> dict[str, pd.DataFrame]:
    """The raw tables as they were known when July ended."""
    return PROBLEM.as_known_at(tables, CLOCK)


def flags(name: str, table: pd.DataFrame, clock: pd.Timestamp = CLOCK) -> list[Flag]:
    return report(table, expectations.MONITORED[name], name, Calendar("month"), clock, SMALLEST, seed=7).flags


def july(table: pd.DataFrame, at: str) -> pd.Series:
    return (table[at] >= pd.Timestamp("2013-07-01", tz="UTC")) & (table[at] < CLOCK)


@pytest.mark.parametrize("name", expectations.MONITORED)
def test_every_column_is_monitored_and_the_label_of_the_features_is_not(name):
    monitored = expectations.MONITORED[name]
    declared = {table.name: table for table in (*PROBLEM.tables, PROBLEM.features)}[name]
    every = set(declared.names) - {"flight_id"}
    if name == "features":
        every -= {"late", "label_known_at"}
        assert not {"late", "label_known_at"} & set(PROBLEM.unlabelled)
    assert sorted(monitored.columns) == sorted(every)
    assert "late" not in monitored.numbers + monitored.categories
    assert monitored.feed in monitored.categories
    assert set(monitored.late) <= set(monitored.columns)


def test_a_day_after_it_was_due_every_outcome_is_known(tables):
    flights = tables["flights"]
    allowed = pd.Timedelta(hours=expectations.SETTLED_AFTER_HOURS)
    assert (flights["outcome_known_at"] <= flights["label_known_at"] + allowed).all()


@pytest.mark.parametrize("name", ["flights", "weather"])
def test_the_real_months_are_not_flagged(known, shipped, name):
    assert flags(name, known[name]) == []
    assert flags(name, shipped[name], SHIPPED) == []


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
    assert {(flag.period, flag.column) for flag in flags("weather", bad)} == {("2013-07", column)}


def readings(weather: pd.DataFrame, month: str, **changed: pd.Series) -> pd.DataFrame:
    """The weather with the changed columns in one month alone."""
    here = month_of(weather, "hour_start", month)
    return weather.assign(**{name: weather[name].mask(here, values) for name, values in changed.items()})


def month_of(table: pd.DataFrame, at: str, month: str) -> pd.Series:
    return table[at].dt.strftime("%Y-%m") == month


BAD_WEATHER = {
    "wind in km/h, one station in Celsius, one in inches of mercury, visibility stuck": (
        lambda w: {
            "wind_speed": w["wind_speed"] * 1.609,
            "temp": w["temp"].mask(w["origin"] == "JFK", (w["temp"] - 32) / 1.8),
            "pressure": w["pressure"].mask(w["origin"] == "LGA", w["pressure"] * 0.02953),
            "visib": w["visib"] * 0 + 10,
        },
        {("wind_speed", "new values"), ("temp", "offset"), ("pressure", "offset"), ("visib", "changes")},
    ),
    "all labelled five hours early": (
        lambda w: dict(w.groupby("origin")[list(READINGS)].shift(-5)),
        {("temp", "phase"), ("humid", "phase")},
    ),
    "local time written as UTC": (
        lambda w: dict(w.groupby("origin")[list(READINGS)].shift(4)),
        {("temp", "phase"), ("humid", "phase")},
    ),
    "wind of one station five hours early, dew point of another swapped with temperature": (
        lambda w: {
            "wind_speed": w["wind_speed"].mask(w["origin"] == "JFK", w.groupby("origin")["wind_speed"].shift(-5)),
            "temp": w["temp"].mask(w["origin"] == "JFK", w["dewp"]),
            "dewp": w["dewp"].mask(w["origin"] == "JFK", w["temp"]),
        },
        {("wind_speed", "lag"), ("temp", "offset"), ("dewp", "offset")},
    ),
    "decimals cut off": (lambda w: {"temp": np.floor(w["temp"])}, {("temp", "new values")}),
    "one station a copy of another": (
        lambda w: {
            name: w[name].mask(w["origin"] == "JFK", w.groupby("hour_start")[name].transform("first"))
            for name in READINGS
        },
        {("temp", "copied"), ("pressure", "copied"), ("wind_speed", "copied")},
    ),
}


MONTHS = [pytest.param("2013-04", id="training", marks=pytest.mark.all), pytest.param("2013-08", id="judged")]
"""A month that is learned from, and the one that is judged: the same looks find a fault in both."""


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("fault", BAD_WEATHER)
def test_weather_that_its_season_hides_is_flagged_beside_its_neighbours(shipped, fault, month):
    weather = shipped["weather"].sort_values(["origin", "hour_start"], ignore_index=True)
    change, wanted = BAD_WEATHER[fault]
    found = flags("weather", readings(weather, month, **change(weather)), SHIPPED)
    assert wanted <= {(flag.column, flag.what) for flag in found if flag.period == month}, [str(flag) for flag in found]
    assert {flag.period for flag in found} == {month}


def test_weather_that_stopped_for_a_day_at_one_airport_is_flagged(known):
    weather = known["weather"]
    day = weather["hour_start"].dt.strftime("%Y-%m-%d") == "2013-07-10"
    (flag,) = flags("weather", weather[~(day & (weather["origin"] == "JFK"))])
    assert (flag.period, flag.column, flag.what, flag.of) == ("2013-07", "origin", "longest gap", "JFK")


def flipped(flights: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    """Flights of which some have the arrival delay, and so the label, of a flight that ended the other way."""
    late = flights["arrival_delay"] >= 15
    some = here & flights["arrival_delay"].notna() & (np.random.default_rng(0).random(len(flights)) < 0.15)
    drawn = np.random.default_rng(1)
    delays = {ends: flights.loc[here & (late == ends), "arrival_delay"].dropna().to_numpy() for ends in (True, False)}
    other = np.where(late, drawn.choice(delays[False], len(late)), drawn.choice(delays[True], len(late)))
    return flights.assign(
        arrival_delay=flights["arrival_delay"].mask(some, other), late=flights["late"].mask(some, ~late)
    )


def with_a_last_week_lost(flights: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    return flights[~(here & (flights["scheduled_departure"].dt.day >= 24))]


def with_late_ones_filtered(flights: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    late = flights["late"].fillna(False).astype("bool")
    return flights[~(here & late & (np.random.default_rng(0).random(len(flights)) < 0.3))]


def without_cancellations_and_a_carrier(flights: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    kept = ~flights["cancelled"].fillna(False).astype("bool") & (flights["carrier"] != "WN")
    return flights[~here | kept]


def an_hour_wrong_after_the_clock_change(flights: pd.DataFrame, here: pd.Series) -> pd.DataFrame:
    hour_late = flights["scheduled_departure"] + pd.Timedelta(hours=1)
    return flights.assign(scheduled_departure=flights["scheduled_departure"].mask(here, hour_late))


BAD_FLIGHTS = [
    (flipped, {("late", "relation")}),
    (with_late_ones_filtered, {("late", "rows by label")}),
    (with_a_last_week_lost, {("origin", "longest gap")}),
    (without_cancellations_and_a_carrier, {("cancelled", "days"), ("carrier", "days")}),
    (an_hour_wrong_after_the_clock_change, {("", "phase")}),
]


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize(("spoil", "wanted"), BAD_FLIGHTS, ids=[fault[0].__name__ for fault in BAD_FLIGHTS])
def test_a_bad_month_of_flights_is_flagged_whether_it_is_learned_from_or_judged(shipped, spoil, wanted, month):
    flights = shipped["flights"][shipped["flights"]["scheduled_departure"] < SHIPPED]
    found = flags("flights", spoil(flights, month_of(flights, "scheduled_departure", month)), SHIPPED)
    assert wanted <= {(flag.column, flag.what) for flag in found if flag.period == month}, [str(flag) for flag in found]
    assert {flag.period for flag in found} == {month}


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
    for named, bad in planted.items():
        found = flags("flights", bad)
        assert named in {(flag.column, flag.what) for flag in found}
        assert {flag.period for flag in found} == {"2013-07"}
