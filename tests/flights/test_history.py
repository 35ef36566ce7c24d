"""History of flights and weather that would change a prediction without a word is refused by table, column and row."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from flights import features
from flights.columns import FLIGHTS, WEATHER
from flights.problem import PROBLEM
from recommit import Refusal
from recommit.history import read_history

NOW = pd.Timestamp("2013-01-20T18:00", tz="UTC")


@pytest.fixture(scope="module")
def known(winter) -> dict[str, pd.DataFrame]:
    """What was known at an instant of the last week, with the flights planned until the next day."""
    first, last = NOW - pd.Timedelta(days=7), NOW + pd.Timedelta(days=1)
    flights, weather = winter["flights"], winter["weather"]
    flights = flights[flights["scheduled_departure"].between(first, last)].reset_index(drop=True)
    weather = weather[weather["taken_at"] >= first].reset_index(drop=True)
    return PROBLEM.as_known_at({"flights": flights, "weather": weather}, NOW)


def read(tmp_path, tables):
    for name, table in tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet", index=False)
    return read_history((FLIGHTS, WEATHER), tmp_path)


def test_sound_history_comes_as_it_is(tmp_path, known, winter):
    for tables in (known, {name: winter[name] for name in known}):
        for name, table in read(tmp_path, tables).tables.items():
            assert_frame_equal(table, tables[name])


def test_columns_that_no_feature_is_computed_from_may_be_absent(tmp_path, known):
    tables = {table.name: known[table.name][list(table.used)] for table in (FLIGHTS, WEATHER)}
    asked = known["flights"].tail(50)
    built = features.build(read(tmp_path, tables).tables, asked, 2)
    assert_frame_equal(built, features.build(known, asked, 2))


def put(row, column, value):
    def change(table):
        table = table.copy()
        table.loc[table.index[row], column] = value
        return table

    return change


def departed(column, value):
    """Put a value into the first flight that has departed."""
    return lambda table: put(table["departed_at"].notna().argmax(), column, value)(table)


def landed(column, value):
    return lambda table: put(table["landed_at"].notna().argmax(), column, value)(table)


FAULTS = [
    ("flights", lambda t: t.iloc[:0], "has no rows"),
    ("weather", lambda t: t.iloc[:0], "has no rows"),
    ("flights", lambda t: t.astype({"flight_number": "str"}), "flight_number is of type int64: it is str"),
    ("flights", lambda t: t.astype({"flight_id": "str"}), "flight_id is of type int64: it is str"),
    ("flights", put(3, "origin", "JFK "), "origin is a known value: not so in 1 rows (first: 4 with 'JFK ')"),
    ("weather", put(3, "origin", "ewr"), "origin is a known value: not so in 1 rows (first: 4 with 'ewr')"),
    ("flights", lambda t: t.assign(carrier=t["carrier"].str.lower()), "carrier is a known value: not so in"),
    ("flights", put(7, "dest", "LaX"), "dest is a known value: not so in 1 rows (first: 8 with 'LaX')"),
    (
        "flights",
        departed("departure_delay", np.nan),
        "departure_delay is there exactly where departed_at is: not so in 1",
    ),
    ("flights", landed("arrival_delay", np.nan), "arrival_delay is there exactly where landed_at is: not so in 1"),
    ("flights", landed("departed_at", pd.NaT), "landed after it left: not so in 1 rows"),
    ("flights", landed("outcome_known_at", pd.NaT), "landed_at is not later than outcome_known_at, from which it is"),
    ("flights", put(-1, "landed_at", NOW), "landed after it left: not so in 1 rows"),
    ("flights", put(5, "scheduled_arrival", pd.NaT), "scheduled_arrival is never missing: not so in 1 rows (first: 6"),
    ("flights", put(5, "scheduled_departure", pd.NaT), "scheduled_departure is never missing: not so in 1 rows"),
    ("flights", put(5, "flight_id", np.nan), "flight_id is never missing: not so in 1 rows (first: 6 with nan)"),
    ("weather", put(5, "taken_at", pd.NaT), "taken_at is never missing: not so in 1 rows (first: 6 with NaT)"),
    ("weather", put(5, "visib", np.nan), "visib is never missing: not so in 1 rows (first: 6 with nan)"),
    ("flights", lambda t: pd.concat([t, t]), "flight_id is unique: not so in"),
    ("weather", lambda t: pd.concat([t, t]), "no two rows have the same origin, taken_at: not so in"),
    (
        "flights",
        lambda t: pd.concat([t, t.assign(flight_id=t["flight_id"] + 10**6)]),
        "no two rows have the same carrier, flight_number, origin, dest, scheduled_departure: not so in",
    ),
    ("flights", put(5, "distance", -200), "distance is within 10 to 6000: not so in 1 rows (first: 6 with -200)"),
    ("flights", departed("departure_delay", 9e9), "departure_delay is within -120 to 1440: not so in 1 rows"),
    (
        "flights",
        lambda t: t.assign(departure_delay=(t["departure_delay"] / 60).round()),
        "departure_delay is the minutes from scheduled_departure to departed_at: not so in",
    ),
    ("flights", landed("arrival_delay", 1499.0), "arrival_delay is the minutes from scheduled_arrival to landed_at"),
    (
        "flights",
        lambda t: t.assign(outcome_known_at=t["outcome_known_at"] + pd.Timedelta(hours=5)),
        "outcome is known when it lands: not so in",
    ),
    (
        "weather",
        lambda t: pd.concat([t, t.assign(taken_at=t["taken_at"] + pd.Timedelta(seconds=1), visib=0.0)]),
        "is taken on the hour: not so in",
    ),
    ("weather", put(5, "temp", -999.0), "temp is within -30 to 115: not so in 1 rows (first: 6 with -999.0)"),
    ("weather", lambda t: t.assign(taken_at=t["hour_start"]), "is known an hour after its hour starts, not before"),
    (
        "flights",
        lambda t: t.assign(departed_at=t["departed_at"].dt.tz_localize(None)),
        "departed_at is of type datetime64",
    ),
    ("weather", lambda t: t.assign(taken_at=t["taken_at"].astype("int64")), "taken_at is of type datetime64[us, UTC]"),
    (
        "flights",
        put(5, "scheduled_arrival", pd.Timestamp("2515-01-01", tz="UTC")),
        "is within 2000 to 2499: not so in 1",
    ),
    ("flights", lambda t: t.drop(columns="departure_delay"), "departure_delay is there: it is not"),
    ("flights", lambda t: t.assign(taxi_in_minutes=33.0), "taxi_in_minutes is a column that is declared: it is not"),
    (
        "flights",
        lambda t: t.astype({"carrier": "category"}).assign(origin=pd.Categorical([1] * len(t))),
        "origin is of",
    ),
]


@pytest.mark.parametrize(("name", "change", "told"), FAULTS)
def test_a_fault_of_history_is_refused_by_table_column_and_row(tmp_path, known, name, change, told):
    with pytest.raises(Refusal) as caught:
        read(tmp_path, known | {name: change(known[name])})
    assert str(caught.value).startswith(str(tmp_path / f"{name}.parquet"))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.status == 1


SAME = [
    ("flights", lambda t: t.astype({"departed_at": "datetime64[ns, UTC]", "outcome_known_at": "datetime64[ms, UTC]"})),
    ("weather", lambda t: t.assign(taken_at=t["taken_at"].dt.tz_convert("America/New_York"))),
    ("flights", lambda t: t.astype(dict.fromkeys(("carrier", "origin", "dest"), "category"))),
    ("flights", lambda t: t.astype({"flight_id": "int32", "flight_number": "float64", "departure_delay": "float32"})),
    ("weather", lambda t: t.iloc[::-1]),
]


@pytest.mark.parametrize(("name", "change"), SAME)
def test_history_that_only_looks_otherwise_gives_the_same_features(tmp_path, known, name, change):
    asked = known["flights"].tail(300)
    built = features.build(read(tmp_path, known | {name: change(known[name])}).tables, asked, 2)
    assert_frame_equal(built, features.build(known, asked, 2), check_exact=True)


def test_what_history_tells_of_the_future_of_a_row_changes_nothing(tmp_path, known, winter):
    asked = known["flights"][known["flights"]["scheduled_departure"].between(NOW, NOW + pd.Timedelta(hours=2))]
    later = read(tmp_path, {name: winter[name] for name in known}).tables
    cut = read(tmp_path, PROBLEM.as_known_at({name: winter[name] for name in known}, NOW)).tables
    assert_frame_equal(features.build(later, asked, 2), features.build(cut, asked, 2), check_exact=True)


def unheard(tmp_path, tables, hours=0.0):
    """Why the flights asked for at an instant (hours after NOW) cannot be answered, by airport."""
    rows = tables["flights"].groupby("origin").tail(1).reset_index(drop=True)
    at = pd.Series([NOW + pd.Timedelta(hours=hours)] * len(rows))
    return {rows["origin"][row]: why for row, why in read(tmp_path, tables).unheard(rows, at).items()}


def without(table, at, airports, hours):
    """A table that is silent at some airports for the last hours."""
    return table[~(table["origin"].isin(airports) & (table[at] > NOW - pd.Timedelta(hours=hours)))]


def test_history_is_heard_of_at_every_airport(tmp_path, known):
    assert unheard(tmp_path, known) == {}
    weather = without(known["weather"], "taken_at", ["EWR", "LGA"], 4)
    told = unheard(tmp_path, known | {"weather": weather})
    assert set(told) == {"EWR", "LGA"}
    assert told["EWR"] == "2013-01-20T18:00Z is later than weather tells of origin EWR, 2013-01-20T17:00Z"
    none = known["weather"].query("origin == 'JFK'")
    assert unheard(tmp_path, known | {"weather": none})["LGA"] == "weather tells nothing of origin LGA"
    assert set(unheard(tmp_path, known, hours=4)) == {"EWR", "JFK", "LGA"}


def test_an_outcome_that_was_lost_is_not_taken_for_one_still_to_come(tmp_path, known):
    """Of the flights of a day long past that have no outcome, features would count each as late."""
    lost = known["flights"]["scheduled_departure"].dt.strftime("%m-%d %H").between("01-16 15", "01-16 20")
    facts = ["landed_at", "arrival_delay", "air_time", "cancelled", "diverted", "outcome_known_at", "late"]
    flights = known["flights"].copy()
    flights.loc[lost, facts] = None
    with pytest.raises(
        Refusal, match=f"outcome_known_at is there 25 hours after scheduled_arrival: not so in {lost.sum()} "
    ):
        read(tmp_path, known | {"flights": flights})


@pytest.mark.parametrize("silent", [["departed_at", "outcome_known_at"], ["outcome_known_at"]])
def test_a_feed_of_flights_that_ended_at_one_airport_is_noticed(tmp_path, known, silent):
    """Without outcomes every flight that fell due would count as late."""
    flights = known["flights"].copy()
    ended = (flights["origin"] == "JFK") & (flights[silent[0]] > NOW - pd.Timedelta(hours=13))
    if "departed_at" in silent:
        flights.loc[ended, ["departed_at", "departure_delay", "tailnum"]] = None
    facts = ["landed_at", "arrival_delay", "air_time", "cancelled", "diverted", "outcome_known_at", "late"]
    ended |= (flights["origin"] == "JFK") & (flights["outcome_known_at"] > NOW - pd.Timedelta(hours=13))
    flights.loc[ended, facts] = None
    assert set(unheard(tmp_path, known | {"flights": flights})) == {"JFK"}


def test_no_real_row_is_left_without_an_answer(tables):
    """At each flight's own instant every feed of its airport had been heard of, but for weather, which ends early."""
    flights = tables["flights"]
    asked_at = flights["scheduled_departure"] - pd.Timedelta(hours=2)
    for heard in FLIGHTS.heard:
        for _, own in flights.groupby("origin"):
            instants = np.sort(own[list(heard.clocks)].to_numpy("datetime64[us]").ravel())
            rows = asked_at[own.index].to_numpy("datetime64[us]")
            place = np.searchsorted(instants[~np.isnat(instants)], rows, side="right") - 1
            gaps = (rows - instants[place])[place >= 0]
            assert gaps.max() <= np.timedelta64(int(heard.hours * 60), "m")


def test_a_flight_that_history_has_with_other_facts_is_found(tmp_path, known):
    history = read(tmp_path, known)
    plan = known["flights"].tail(40)[list(PROBLEM.asked)].reset_index(drop=True)
    assert list(history.contradicted(plan, FLIGHTS)) == []
    moved = plan.assign(scheduled_departure=plan["scheduled_departure"] + pd.Timedelta(minutes=5))
    assert {row for row, _ in history.contradicted(moved, FLIGHTS)} == set(range(40))
    renumbered = plan.assign(flight_id=plan["flight_id"] + 10**6)
    assert {row for row, _ in history.contradicted(renumbered, FLIGHTS)} == set(range(40))
    others = renumbered.assign(flight_number=9999)
    told = dict(history.contradicted(others, FLIGHTS))
    assert set(told) == set(range(40))
    assert told[0].startswith("history's flights lacks flight_id ")
