"""Sound tables pass; every planted fault is caught, by table, column and rule."""

import numpy as np
import pandas as pd
import pytest

from flights import sources
from flights.problem import PROBLEM
from recommit.validation import DataError, check, check_features, stop_on_failure


def broken(tables, **changed):
    return check(PROBLEM, {**tables, **changed})


def spoil(table, row, column, value):
    spoiled = table.copy()
    spoiled.loc[spoiled.index[row], column] = value
    return spoiled


def test_the_real_tables_and_features_pass(tables, winter, table):
    assert check(PROBLEM, tables).empty
    assert check(PROBLEM, {"flights": winter["flights"], "features": table}).empty
    check_features(PROBLEM, {"train": table, "upcoming": table.drop(columns=["late", "label_known_at"])})


@pytest.mark.parametrize(
    ("name", "column", "value", "rule"),
    [
        ("flights", "carrier", "ZZ", "is a known value"),
        ("flights", "dest", "ZZZ", "is a known value"),
        ("flights", "distance", 9, "is within 10 to 6000"),
        ("flights", "flight_number", 0, "is within 1 to 9999"),
        ("flights", "scheduled_departure", pd.NaT, "is never missing"),
        ("flights", "departure_delay", 5000.0, "is within -120 to 1440"),
        ("flights", "late", pd.NA, "is never missing"),
        ("weather", "wind_speed", 1048.0, "is within 0 to 150"),
        ("weather", "humid", 101.0, "is within 0 to 100"),
        ("weather", "origin", "BOS", "is a known value"),
        ("planes", "tailnum", "N102UW", "is unique"),
        ("planes", "year", 1903.0, "is within 1950 to 2014"),
        ("airports", "lat", 91.0, "is within -90 to 90"),
        ("airlines", "name", np.nan, "is never missing"),
    ],
)
def test_an_impossible_value_is_caught_by_name(winter, name, column, value, rule):
    failures = broken(winter, **{name: spoil(winter[name], 5, column, value)})
    caught = failures[(failures["table"] == name) & (failures["column"] == column)]
    assert rule in set(caught["rule"])
    assert caught["rows"].max() <= 2


@pytest.mark.parametrize(
    ("column", "change", "rule"),
    [
        ("late", lambda late: ~late, "is late when 15 minutes late"),
        ("cancelled", lambda cancelled: ~cancelled, "ends in one way"),
        ("landed_at", lambda at: at - pd.Timedelta(days=1), "landed after it left"),
        ("outcome_known_at", lambda at: at - pd.Timedelta(days=1), "outcome is known after departure"),
        ("scheduled_arrival", lambda at: at + pd.Timedelta(days=1), "lands 30 minutes to 14 hours after"),
    ],
)
def test_columns_that_contradict_each_other_are_caught(winter, column, change, rule):
    flights = winter["flights"].copy()
    flights.loc[[7, 9], column] = change(flights.loc[[7, 9], column])
    failures = broken(winter, flights=flights)
    caught = failures[failures["rule"].str.startswith(rule)]
    assert caught["rows"].tolist() == [2]
    assert caught["first_rows"].item() == ", ".join(str(i) for i in flights.loc[[7, 9], "flight_id"])


def test_a_doubled_key_is_caught(winter):
    flights = pd.concat([winter["flights"], winter["flights"].iloc[[3]]], ignore_index=True)
    failures = broken(winter, flights=flights)
    again = "no two rows have the same carrier, flight_number, origin, dest, scheduled_departure"
    expected = [["flight_id", "is unique", 2], ["", again, 2]]
    assert failures[["column", "rule", "rows"]].to_numpy().tolist() == expected
    flights.loc[flights.index[-1], "flight_id"] = 10**6
    failures = broken(winter, flights=flights)
    assert failures[["column", "rule", "rows"]].to_numpy().tolist() == [["", again, 2]]
    weather = pd.concat([winter["weather"], winter["weather"].iloc[[3]]], ignore_index=True)
    assert broken(winter, weather=weather)["rule"].tolist() == ["no two rows have the same origin, taken_at"]


def test_missing_extra_and_mistyped_columns_are_caught(winter):
    weather = winter["weather"].drop(columns="visib").assign(snow=1.0).astype({"temp": "float32"})
    failures = broken(winter, weather=weather).set_index("column")["rule"].to_dict()
    assert failures == {
        "visib": "is there",
        "snow": "is a column that is declared",
        "temp": "is of type float64, not float32",
    }


def test_instants_that_lost_their_time_zone_are_caught(winter):
    naive = winter["flights"]["departed_at"].dt.tz_localize(None)
    failures = broken(winter, flights=winter["flights"].assign(departed_at=naive))
    assert "departed_at" in set(failures["column"])


def test_weather_known_too_early_is_caught(winter):
    weather = winter["weather"].assign(taken_at=winter["weather"]["hour_start"])
    assert "is known an hour after its hour starts, not before" in set(broken(winter, weather=weather)["rule"])


def test_a_month_that_is_half_there_or_doubled_is_caught(tables):
    flights = tables["flights"]
    march = flights["scheduled_departure"].dt.strftime("%m") == "03"
    failures = check(PROBLEM, {"flights": flights[~march | (flights["flight_id"] % 2 == 0)]})
    assert failures["first_rows"].tolist() == ["2013-03"]
    doubled = flights[march].assign(flight_id=lambda t: t["flight_id"] + 10**6)
    doubled["scheduled_departure"] += pd.Timedelta(seconds=1)
    failures = check(PROBLEM, {"flights": pd.concat([flights, doubled], ignore_index=True)})
    assert failures["rule"].tolist() == ["has 20000 to 35000 rows a month"]


def test_a_month_of_implausible_outcomes_is_caught(tables):
    flights = tables["flights"]
    landed_march = (flights["scheduled_departure"].dt.strftime("%m") == "03") & flights["landed_at"].notna()
    delay = flights["arrival_delay"].mask(landed_march, flights["arrival_delay"].clip(lower=15.0))
    landed = flights["landed_at"].mask(landed_march, flights["scheduled_arrival"] + pd.to_timedelta(delay, unit="min"))
    flights = flights.assign(
        late=flights["late"] | landed_march,
        arrival_delay=delay,
        landed_at=landed,
        outcome_known_at=flights["outcome_known_at"].mask(landed_march, landed),
    )
    failures = check(PROBLEM, {"flights": flights})
    assert failures[["column", "first_rows"]].to_numpy().tolist() == [["late", "2013-03"]]


def test_a_sample_is_held_to_its_share_of_rows(tables):
    sampled = sources.sample(tables, 0.1, seed=7)
    assert check(PROBLEM, sampled, share=0.1).empty
    assert not check(PROBLEM, sampled).empty


def test_a_row_that_refers_to_nothing_is_caught(winter, table):
    airlines = winter["airlines"].query("carrier != 'HA'")
    failures = broken(winter, airlines=airlines)
    assert failures[["column", "rule"]].to_numpy().tolist() == [["carrier", "is in airlines"]]
    stranger = spoil(table, 0, "flight_id", 10**6)
    failures = check(PROBLEM, {"flights": winter["flights"], "features": stranger})
    assert failures[["column", "rule", "rows"]].to_numpy().tolist() == [["flight_id", "is in flights", 1]]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("carrier", "??", "is a known value"),
        ("origin_late_3h", np.float32(1.5), "is within 0 to 1"),
        ("predicted_at", pd.Timestamp("2014-01-01", tz="UTC"), "is predicted no later than it leaves"),
    ],
)
def test_a_broken_feature_stops_and_says_which_part(table, column, value, rule):
    with pytest.raises(DataError) as caught:
        check_features(PROBLEM, {"train": table, "test": spoil(table, 4, column, value)})
    assert f"test.{column} {rule}" in str(caught.value) or f"test {rule}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: spoil(rows, 4, "carrier", "ZZ"), "carrier is a known value: not so in 1 rows"),
        (lambda rows: spoil(rows, 4, "visibility", np.float32(-2000)), "visibility is within -1000 to 10000"),
        (lambda rows: rows.astype({"pressure": "float64"}), "pressure is of type float32, not float64"),
        (lambda rows: rows.drop(columns="dest"), "dest is there"),
        (lambda rows: rows.assign(arrival_delay=3.0), "arrival_delay is a column that is declared"),
        (lambda rows: pd.concat([rows, rows.iloc[[3]]], ignore_index=True), "flight_id is unique: not so in 2 rows"),
        (lambda rows: spoil(rows, 4, "predicted_at", pd.NaT), "predicted_at is never missing"),
    ],
)
def test_a_batch_to_score_is_held_to_the_rules_of_the_rows_that_were_learnt_from(table, change, said):
    batch = table.drop(columns=["late", "label_known_at"])
    check_features(PROBLEM, {"batch": batch})
    with pytest.raises(DataError) as caught:
        check_features(PROBLEM, {"batch": change(batch)})
    assert f"batch.{said}" in str(caught.value)


def test_a_feature_that_is_never_known_is_caught_where_it_is_to_be_learnt_from(table):
    empty = table.assign(pressure=np.float32("nan"))
    with pytest.raises(DataError, match=r"train\.pressure is known in some row: not so in"):
        check_features(PROBLEM, {"train": empty})
    check_features(PROBLEM, {"upcoming": empty.drop(columns=["late", "label_known_at"])})


def test_what_stops_the_pipeline_says_what_where_and_what_to_do(winter):
    failures = broken(winter, weather=spoil(winter["weather"], 5, "wind_speed", 1048.0))
    with pytest.raises(DataError) as caught:
        stop_on_failure(failures)
    assert str(caught.value).splitlines() == [
        "1 rules on the tables do not hold:",
        "  weather.wind_speed is within 0 to 150: not so in 1 rows (first: 5)",
        "Mend the data in notebooks/ingest.ipynb, or what columns.py declares if the world has changed.",
    ]
    stop_on_failure(failures.iloc[:0])


def test_a_table_without_schema_is_refused(winter):
    with pytest.raises(ValueError, match="no table trains is declared"):
        check(PROBLEM, {"trains": winter["flights"]})
