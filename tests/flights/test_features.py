"""A feature is what was known at its row's prediction instant, however it is computed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from flights import catalogue, features, sources
from flights.catalogue import CATALOGUE
from flights.problem import PROBLEM
from flights.vocabulary import ZONE
from recommit.catalogue import Feature
from recommit.learning import parts
from tests.flights.conftest import START, world, worlds

# Without shrinking: a build takes long enough that it would turn a failure into a wait of minutes.
quick = settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


def build_one(tables, place, horizon_hours=2):
    return features.build(tables, tables["flights"].iloc[[place]], horizon_hours)


def flight(leaves, delay=0, lands=0, takes=60, cancelled=False, number=1, carrier="AA", dest="BOS"):
    plan = {"leaves": leaves, "takes": takes, "delay": delay, "lands": lands, "cancelled": cancelled}
    return plan | {"number": number, "carrier": carrier, "origin": "JFK", "dest": dest}


def new_york_day(instants):
    return instants.dt.tz_convert(ZONE).dt.strftime("%Y-%m-%d")


@quick
@given(tables=worlds, data=st.data())
def test_nothing_dated_after_the_prediction_changes_a_feature(tables, data):
    flights, weather = tables["flights"], tables["weather"]
    place = data.draw(st.integers(0, len(flights) - 1))
    leaves = flights["scheduled_departure"].iloc[place]
    now = leaves - pd.Timedelta(hours=2)
    expected = build_one(tables, place)

    changed = flights.copy()
    later = now + pd.Timedelta(minutes=data.draw(st.integers(1, 5000)))
    left_later = ~(changed["departed_at"] <= now)
    never = data.draw(st.booleans())
    changed.loc[left_later, "departed_at"] = pd.NaT if never else later
    changed.loc[left_later, "departure_delay"] = np.nan if never else 777.0
    changed.loc[left_later, "tailnum"] = "N777"
    known_later = ~(changed["outcome_known_at"] <= now)
    changed.loc[known_later, ["outcome_known_at", "landed_at"]] = later
    changed.loc[known_later, "arrival_delay"] = 777.0
    for column in ("late", "cancelled", "diverted"):
        changed.loc[known_later, column] = ~changed.loc[known_later, column]
    # The plan is known beforehand, but no feature looks further than its own day, and an hour past its own departure.
    far = changed["scheduled_departure"] > leaves + pd.Timedelta(hours=1)
    far &= new_york_day(changed["scheduled_departure"]) > new_york_day(pd.Series([leaves])).item()
    added = changed[far].assign(flight_id=lambda t: t["flight_id"] + 1000)
    dropped = changed[far & data.draw(st.booleans())].index
    changed = pd.concat([added, changed.drop(dropped)], ignore_index=True)

    read_later = weather["taken_at"] > now
    extremes = weather[read_later].assign(temp=-99.0, precip=9.0, taken_at=later)
    readings = pd.concat([extremes, weather[~read_later]], ignore_index=True)

    after = features.build({"flights": changed, "weather": readings}, flights.iloc[[place]], 2)
    assert_frame_equal(after, expected, check_exact=True)


@quick
@given(tables=worlds, data=st.data(), horizon_hours=st.sampled_from([0, 1, 2, 2.5, 12]))
def test_the_world_as_known_then_gives_the_same_features(tables, data, horizon_hours):
    place = data.draw(st.integers(0, len(tables["flights"]) - 1))
    expected = build_one(tables, place, horizon_hours)
    then = PROBLEM.as_known_at(tables, expected["predicted_at"].iloc[0])
    assert_frame_equal(build_one(then, place, horizon_hours), expected, check_exact=True)


@quick
@given(tables=worlds, data=st.data())
def test_one_row_gives_what_the_batch_gives_in_any_order(tables, data):
    flights = tables["flights"]
    batch = features.build(tables, flights, 2)
    place = data.draw(st.integers(0, len(flights) - 1))
    assert_frame_equal(build_one(tables, place), batch.iloc[[place]].reset_index(drop=True), check_exact=True)
    order = data.draw(st.permutations(range(len(flights))))
    shuffled = {"flights": flights.iloc[order].reset_index(drop=True), "weather": tables["weather"].iloc[::-1]}
    assert_frame_equal(features.build(shuffled, flights, 2), batch, check_exact=True)


def test_real_flights_get_the_same_features_from_the_world_as_known_then(winter, table):
    instants = table["predicted_at"].drop_duplicates().sample(6, random_state=1)
    for instant in instants:
        expected = table[table["predicted_at"] == instant].reset_index(drop=True)
        then = PROBLEM.as_known_at(winter, instant)
        asked = winter["flights"][winter["flights"]["flight_id"].isin(expected["flight_id"])]
        columns = ["flight_id", "predicted_at", *CATALOGUE.names("full")]
        assert_frame_equal(features.build(then, asked, 2), expected[columns], check_exact=True)


def test_real_features_do_not_change_when_the_later_world_is_cut_off(tables, table):
    until = pd.Timestamp("2013-01-20", tz=ZONE)
    cut = sources.until(tables, until)
    early = table[table["scheduled_departure"] < until - pd.Timedelta(hours=1)]
    built = features.build(cut, cut["flights"], 2).iloc[: len(early)]
    assert_frame_equal(built, early[built.columns], check_exact=True)


def test_the_tail_number_is_a_trap_in_this_data(tables):
    flights = tables["flights"]
    missing = flights["tailnum"].isna()
    assert missing.sum() == 2512
    assert flights.loc[missing, "late"].all()


def test_no_feature_depends_on_the_tail_number_or_the_plane(winter, table):
    flights = winter["flights"]
    without = {"flights": flights.drop(columns="tailnum"), "weather": winter["weather"]}
    built = features.build(without, flights[list(features.ASKED)], 2)
    assert_frame_equal(built, table[built.columns], check_exact=True)


def test_flights_without_tail_number_lack_no_more_features_than_other_cancelled_ones(tables):
    june = tables["flights"]["scheduled_departure"].dt.strftime("%m") == "06"
    asked = tables["flights"][june & tables["flights"]["cancelled"].astype(bool)].reset_index(drop=True)
    gaps = features.build(tables, asked, 2).isna().mean(axis=1)
    missing = asked["tailnum"].isna()
    assert missing.sum() > 100
    assert gaps[missing].mean() == pytest.approx(gaps[~missing].mean(), abs=0.05)


def test_a_flight_counts_from_the_minute_it_leaves_and_lands():
    asked = flight(leaves=300)  # asked at minute 180
    on_time = world([asked, flight(leaves=100, delay=80, lands=20, takes=60)], [])
    row = build_one(on_time, 0).iloc[0]
    assert row["origin_departure_delay_1h"] == 80
    assert row["origin_overdue_flights"] == 0
    assert row["origin_left_late_3h"] == row["origin_late_3h"] == 1
    a_minute_on = world([asked, flight(leaves=100, delay=81, lands=21, takes=60)], [])
    row = build_one(a_minute_on, 0).iloc[0]
    assert np.isnan(row["origin_departure_delay_1h"])
    assert row["origin_overdue_flights"] == 1
    assert row["origin_overdue_minutes"] == 80


def test_a_mean_is_over_its_own_group_and_window():
    asked = flight(leaves=3000)
    others = [
        flight(leaves=2800, delay=10, lands=10),
        flight(leaves=2790, delay=40, lands=50, carrier="UA"),  # in the air, and late already
        flight(leaves=1700, delay=100, lands=100),
    ]
    row = build_one(world([asked, *others], []), 0).iloc[0]
    assert row["carrier_origin_departure_delay_3h"] == 10
    assert row["origin_departure_delay_3h"] == 25
    assert row["origin_departure_delay_24h"] == 50
    assert row["flight_flights_28d"] == 2
    assert row["flight_arrival_delay_28d"] == 55
    assert row["origin_late_24h"] == np.float32(2 / 3)


def test_a_flight_that_does_not_come_is_late_from_the_fifteenth_minute():
    for takes, share in ((65, 1), (66, np.nan)):  # due in at minute 180 or 181, with 15 allowed
        row = build_one(world([flight(leaves=300), flight(leaves=100, takes=takes, cancelled=True)], []), 0).iloc[0]
        np.testing.assert_equal(row["origin_late_3h"], np.float32(share))
    for leaves, share in ((165, 1), (166, np.nan)):
        row = build_one(world([flight(leaves=300), flight(leaves=leaves, delay=90)], []), 0).iloc[0]
        np.testing.assert_equal(row["origin_left_late_1h"], np.float32(share))


def test_a_day_counts_the_other_flights_of_its_own_new_york_day():
    # START is 02:00 in New York.
    plans = [flight(leaves=300), flight(leaves=-119), flight(leaves=1319, carrier="UA"), flight(leaves=600, dest="MIA")]
    outside = [flight(leaves=-121), flight(leaves=1320)]
    row = build_one(world(plans + outside, []), 0).iloc[0]
    counts = {"new_york": 3, "origin": 3, "carrier": 2, "carrier_origin": 2, "dest": 2}
    assert {group: row[f"{group}_departures_day"] for group in catalogue.QUEUES} == counts


def test_weather_is_the_last_reading_taken_and_no_older_than_three_hours():
    calm = dict.fromkeys(("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip"), 0.0)
    calm |= {"pressure": 1000.0, "visib": 10.0, "origin": "JFK"}
    readings = [calm | {"hour": 1, "temp": 50.0}, calm | {"hour": 2, "temp": 60.0}, calm | {"hour": 3, "temp": 70.0}]
    tables = world(
        [flight(leaves=300), flight(leaves=299), flight(leaves=240 + 180 + 120), flight(leaves=541)], readings
    )
    # Hour 2 is over, and its reading taken, at minute 180.
    assert build_one(tables, 0)["temperature"].item() == 60
    assert build_one(tables, 1)["temperature"].item() == 50
    assert np.isnan(build_one(tables, 3)["temperature"].item())


def test_the_table_has_the_declared_columns_and_types(table):
    assert list(table.columns[:5]) == ["flight_id", "scheduled_departure", "predicted_at", "label_known_at", "late"]
    assert list(table.columns[5:]) == CATALOGUE.names("full")
    for feature in CATALOGUE.features:
        if feature.kind == "category":
            assert set(table[feature.name]) <= set(CATALOGUE.categories()[feature.name])
        else:
            assert table[feature.name].dtype == np.float32


def test_feature_sets_grow_and_every_feature_is_described():
    schedule, weather, full = (CATALOGUE.names(name) for name in ("schedule", "weather", "full"))
    assert schedule == weather[: len(schedule)]
    assert weather == full[: len(weather)]
    assert len(set(full)) == len(full)
    assert len(catalogue.GROUPS) == len({recent.group for recent in catalogue.RECENT})


def test_no_feature_lacks_an_owner_a_description_a_source_a_unit_an_availability_or_a_cost():
    described = CATALOGUE.describe()
    assert list(described["name"]) == CATALOGUE.names("full")
    assert set(described) >= {"owner", "description", "source", "unit", "available", "cost"}
    assert described.map(lambda text: isinstance(text, str) and text.strip() != "").all(axis=None)
    assert set(described["cost"]) == set(catalogue.COSTS)
    with pytest.raises(TypeError, match="cost"):
        Feature("wind", "wind speed", "weather", "mph", "at the end of the hour")


def test_the_cost_grows_with_the_feature_set():
    cost = CATALOGUE.describe().set_index("name")["cost"]
    assert set(cost[CATALOGUE.names("schedule")]) == {"in the request", "schedule of all flights"}
    assert set(cost[CATALOGUE.names("weather")]) == {"in the request", "schedule of all flights", "weather feed"}
    assert cost["origin_left_late_1h"] == cost["origin_overdue_share"] == "live feed of departures"
    assert cost["origin_late_3h"] == "live feed of outcomes"
    assert cost["flight_late_28d"] == "four weeks of outcomes"


def test_what_is_not_in_the_vocabulary_is_unknown():
    row = build_one(world([flight(leaves=0, carrier="??", dest="XXX")], []), 0)
    assert row["carrier"].item() == "unknown"
    assert row["dest"].item() == "unknown"


def test_no_rows_asked_give_no_rows_and_all_columns(winter):
    empty = features.build(winter, winter["flights"].iloc[:0], 2)
    assert list(empty.columns) == ["flight_id", "predicted_at", *CATALOGUE.names("full")]
    assert empty.empty


def test_a_flight_that_the_tables_do_not_hold_can_be_scored():
    tables = world([flight(leaves=300), flight(leaves=310)], [])
    others = {"flights": tables["flights"].iloc[[1]], "weather": tables["weather"]}
    alone = features.build(others, tables["flights"].iloc[[0]], 2)
    assert_frame_equal(alone, build_one(tables, 0), check_exact=True)


def test_upcoming_rows_carry_no_outcome(winter):
    ahead = winter["flights"][winter["flights"]["scheduled_departure"] >= pd.Timestamp("2013-02-01", tz="UTC")]
    rows = parts.to_come(PROBLEM, winter, pd.Timestamp("2013-02-01", tz="UTC"), 2)
    assert list(rows["flight_id"]) == list(ahead["flight_id"])
    assert list(rows["scheduled_departure"]) == list(ahead["scheduled_departure"])
    assert not {"late", "label_known_at", "outcome_known_at"} & set(rows.columns)


def test_wrong_requests_are_refused_in_one_line(winter):
    flights = winter["flights"].iloc[:3]
    with pytest.raises(ValueError, match="no feature set 'all'; there are schedule, weather, full"):
        CATALOGUE.names("all")
    with pytest.raises(ValueError, match="lack the columns carrier, dest"):
        features.build(winter, flights.drop(columns=["carrier", "dest"]), 2)
    with pytest.raises(ValueError, match="horizon_hours must be 0 or more"):
        features.build(winter, flights, -1)
    naive = flights.assign(scheduled_arrival=START.tz_localize(None))
    with pytest.raises(ValueError, match="instants with a time zone"):
        features.build(winter, naive, 2)
    unknown = winter | {"flights": flights.assign(late=pd.NA).astype({"late": "boolean"})}
    with pytest.raises(ValueError, match="3 of 3 rows have no known outcome"):
        parts.settled(PROBLEM, unknown, pd.Timestamp("2015-01-01", tz="UTC"), 2)
