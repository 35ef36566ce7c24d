"""The raw tables come in typed, in UTC, with every fault counted; and can be put back in time."""

import zipfile

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from flights import sources
from flights.problem import PROBLEM


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def rows(findings, fault):
    found = findings[findings["fault"].str.contains(fault, regex=False)]
    assert len(found) == 1, fault
    return found["rows"].item()


def test_no_row_is_lost(raw, tables):
    assert {name: len(table) for name, table in tables.items()} == {
        "flights": 336_776, "weather": 26_115, "planes": 3_322, "airports": 1_458, "airlines": 16,
    }  # fmt: skip
    assert sorted(tables["flights"]["flight_id"]) == list(range(336_776))


def test_every_instant_is_utc_in_microseconds(tables):
    for name in ("scheduled_departure", "scheduled_arrival", "departed_at", "landed_at", "outcome_known_at"):
        assert str(tables["flights"][name].dtype) == "datetime64[us, UTC]"
    for name in ("hour_start", "taken_at"):
        assert str(tables["weather"][name].dtype) == "datetime64[us, UTC]"


def test_the_first_flight_of_the_year_is_right(raw, tables):
    first = tables["flights"].set_index("flight_id").loc[0]
    assert first["scheduled_departure"] == utc("2013-01-01T10:15")
    assert first["departed_at"] == utc("2013-01-01T10:17")
    assert first["scheduled_arrival"] == utc("2013-01-01T14:19")  # 08:19 in Houston
    assert first["landed_at"] == first["outcome_known_at"] == utc("2013-01-01T14:30")
    assert not first["late"]


@pytest.mark.parametrize(
    ("dest", "departure", "hhmm", "arrival"),
    [
        ("LAX", "2013-01-02T03:00", 100, "2013-01-02T09:00"),  # leaves 22:00, lands after midnight
        ("SJU", "2013-07-01T12:00", 1200, "2013-07-01T16:00"),  # not in airports; no summer time
        ("PHX", "2013-07-01T12:00", 730, "2013-07-01T14:30"),  # no summer time
        ("HNL", "2013-07-01T14:00", 1430, "2013-07-02T00:30"),
        ("BOS", "2013-03-10T06:30", 330, "2013-03-10T07:30"),  # over the hour that is left out
        ("BOS", "2013-11-03T04:00", 130, "2013-11-03T05:30"),  # the first 01:30 of two
        ("BOS", "2013-11-03T05:40", 130, "2013-11-03T06:30"),  # the second
    ],
)
def test_a_scheduled_arrival_is_the_first_that_fits_on_the_destinations_clock(raw, dest, departure, hhmm, arrival):
    at = utc(departure)
    one = raw["flights"].iloc[[0]].assign(
        dest=dest, time_hour=f"{at.floor('h'):%Y-%m-%dT%H:%M:%SZ}", minute=at.minute, sched_arr_time=hhmm
    )  # fmt: skip
    tables, _ = sources.tidy(raw | {"flights": one})
    assert tables["flights"]["scheduled_arrival"].item() == utc(arrival)


def test_cancelled_and_diverted_flights_are_late_and_known_late_enough(tables):
    flights = tables["flights"]
    for kind, count in (("cancelled", 8255), ("diverted", 1175)):
        these = flights[flights[kind].astype(bool)]
        assert len(these) == count
        assert these["late"].all()
        assert (these["outcome_known_at"] >= these["scheduled_arrival"]).all()
    went = flights[flights["departed_at"].notna()]
    assert (went["outcome_known_at"] > went["departed_at"]).all()
    assert flights["late"].mean() == pytest.approx(0.26584, abs=1e-5)


def test_late_begins_at_fifteen_minutes(tables):
    landed = tables["flights"].dropna(subset=["arrival_delay"])
    assert landed.loc[landed["arrival_delay"] == 15, "late"].all()
    assert not landed.loc[landed["arrival_delay"] == 14, "late"].any()


def test_every_fault_of_the_data_is_listed_with_a_decision(tidied):
    findings = tidied[1]
    assert list(findings.columns) == ["table", "fault", "rows", "decision"]
    assert (findings["decision"].str.len() > 5).all()
    for fault, count in {
        "no tail number (cancelled": 2512,
        "no tail number, yet not cancelled": 0,
        "aircraft not in planes": 50094,
        "not in airports": 7602,
        "between two New York airports": 1,
        "used twice on one day": 24,
        "written as 2400": 179,
        "contradicts departure": 0,
        "occurs twice": 3,
        "hour without a reading": 75,
        "after the last reading": 781,
        "wind above 150 mph": 1,
        "Celsius": 1,
        "before its last flight had landed": 126,
    }.items():
        assert rows(findings, fault) == count


def test_the_impossible_readings_are_blanked_and_nothing_beside_them(raw, tables):
    weather = tables["weather"].set_index(["origin", "hour_start"])
    storm = weather.loc[("EWR", utc("2013-02-12T08:00"))]
    assert pd.isna(storm["wind_speed"])
    assert storm["pressure"] == 1008.3
    celsius = weather.loc[("JFK", utc("2013-05-09T02:00"))]
    assert celsius[["temp", "dewp", "humid"]].isna().all()
    before = raw["weather"].drop(columns=["origin", "time_hour"]).isna().sum().sum()
    assert tables["weather"].isna().sum().sum() == before + 4


def test_a_landing_before_the_flight_could_be_there_is_repaired_and_counted(raw):
    some = raw["flights"].iloc[:3].copy()
    some.loc[1, "arr_delay"] = -400.0
    tables, findings = sources.tidy(raw | {"flights": some})
    flights = tables["flights"].set_index("flight_id")
    assert rows(findings, "contradicts departure") == 1
    expected = flights.loc[1, "departed_at"] + pd.Timedelta(minutes=227 + 30)
    assert flights.loc[1, "landed_at"] == expected
    assert flights.loc[1, "arrival_delay"] == (expected - flights.loc[1, "scheduled_arrival"]).total_seconds() / 60


def test_a_destination_without_time_zone_is_refused(raw):
    some = raw["flights"].iloc[:2].assign(dest=["IAH", "QQQ"])
    with pytest.raises(sources.DataError, match="no time zone for destination QQQ"):
        sources.tidy(raw | {"flights": some})


def test_the_world_as_known_has_no_later_fact(tables):
    instant = utc("2013-06-01T15:00")
    known = PROBLEM.as_known_at(tables, instant)
    flights = known["flights"]
    assert len(flights) == len(tables["flights"])
    for clock in ("departed_at", "landed_at", "outcome_known_at"):
        assert flights[clock].max() <= instant
    assert known["weather"]["taken_at"].max() <= instant
    in_the_air = (tables["flights"]["departed_at"] <= instant) & (tables["flights"]["outcome_known_at"] > instant)
    assert flights.loc[in_the_air, "departure_delay"].notna().all()
    for column in ("cancelled", "diverted", "arrival_delay", "air_time", "landed_at"):
        assert flights.loc[in_the_air, column].isna().all()
    overdue = in_the_air & (tables["flights"]["label_known_at"] <= instant)
    assert overdue.any()
    assert flights.loc[overdue, "late"].all()
    assert flights.loc[in_the_air & ~overdue, "late"].isna().all()
    assert flights.loc[flights["departed_at"].isna(), "tailnum"].isna().all()
    plan = ["flight_id", "carrier", "flight_number", "origin", "dest", "scheduled_departure", "scheduled_arrival"]
    assert_frame_equal(flights[plan], tables["flights"][plan])


def test_knowledge_only_grows(tables):
    earlier, later = (PROBLEM.as_known_at(tables, utc(day))["flights"] for day in ("2013-06-01", "2013-06-02"))
    for column in ("departed_at", "late", "tailnum"):
        known = earlier[column].notna()
        assert (later.loc[known, column] == earlier.loc[known, column]).all()


def test_an_instant_without_time_zone_is_refused(tables):
    with pytest.raises(ValueError, match="no time zone"):
        PROBLEM.as_known_at(tables, pd.Timestamp("2013-06-01"))


def test_until_cuts_what_lies_beyond(tables):
    cut = sources.until(tables, utc("2013-03-01"))
    assert cut["flights"]["scheduled_departure"].max() < utc("2013-03-01")
    assert cut["weather"]["taken_at"].max() == utc("2013-03-01")


def test_a_sample_is_a_fair_share_the_same_each_time_and_nested(tables):
    tenth = sources.sample(tables, 0.1, seed=7)["flights"]
    assert len(tenth) == pytest.approx(33_678, rel=0.02)
    assert tenth["late"].mean() == pytest.approx(tables["flights"]["late"].mean(), abs=0.01)
    assert_frame_equal(tenth, sources.sample(tables, 0.1, seed=7)["flights"])
    assert set(tenth["flight_id"]) <= set(sources.sample(tables, 0.2, seed=7)["flights"]["flight_id"])
    assert set(tenth["flight_id"]) != set(sources.sample(tables, 0.1, seed=8)["flights"]["flight_id"])
    assert_frame_equal(sources.sample(tables, 1.0, seed=7)["flights"], tables["flights"])
    with pytest.raises(ValueError, match="share must be above 0"):
        sources.sample(tables, 0, seed=7)


def test_months_are_counted_in_new_york(tables):
    monthly = sources.monthly(tables)
    assert monthly["flights"].loc["2013-01"] == 27_004
    assert monthly["late"].loc["2013-09"] < 0.17 < 0.33 < monthly["late"].loc["2013-07"]


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(sources.DataError, match="no_such_package is not installed"):
        sources.package_folder("no_such_package")


def test_a_missing_or_broken_file_is_named_in_one_line(tmp_path):
    with pytest.raises(sources.DataError, match=r"flights\.csv\.zip is missing"):
        sources.read_package(tmp_path)
    (tmp_path / "flights.csv.zip").write_bytes(b"not a zip")
    with pytest.raises(sources.DataError, match=r"flights\.csv\.zip cannot be read"):
        sources.read_package(tmp_path)
    with zipfile.ZipFile(tmp_path / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", "carrier,flight\nUA,1\n")
    with pytest.raises(sources.DataError, match=r"flights\.csv\.zip lacks tailnum, origin, dest") as caught:
        sources.read_package(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("as_of", "asked"),
    [
        ("2012-01-01", "2011-12-01 to 2012-01-01"),
        ("2020-01-01", "2019-12-01 to 2020-01-01"),
        ("2014-02-01", "2014-01-01 to 2014-02-01"),
        ("2013-02-01", "2013-01-01 to 2013-02-01"),
    ],
    ids=["before the data", "after the data", "no month to test on", "no month to train on"],
)
def test_a_clock_outside_the_data_is_refused(tables, as_of: str, asked: str):
    clock = pd.Timestamp(as_of, tz="America/New_York")
    with pytest.raises(sources.DataError, match=f"the flights cover 2013-01-01 to 2014-01-01, and {asked} is asked"):
        sources.require_span(tables, clock - pd.DateOffset(months=1), clock)


def test_of_a_month_whose_plan_is_not_whole_nothing_is_predicted(tables, capsys: pytest.CaptureFixture[str]):
    december, new_year, february = (pd.Timestamp(day, tz="UTC") for day in ("2013-12-01", "2014-01-01", "2014-02-01"))
    assert sources.planned_until(tables, december, new_year) == new_year
    assert capsys.readouterr().out == ""
    assert sources.planned_until(tables, new_year, february) == new_year
    assert "before 2014-02-01: nothing is predicted from 2014-01-01 on" in capsys.readouterr().out
    assert (sources.until(tables, new_year)["flights"]["scheduled_departure"] < new_year).all()


def test_by_the_label_instant_a_flight_is_in_time_or_late_whatever_comes_later(tables):
    flights = tables["flights"]
    arrived_in_time = flights["landed_at"] < flights["label_known_at"]
    assert (flights["late"] == ~arrived_in_time).all()
    plan = flights["label_known_at"] - flights["scheduled_arrival"]
    assert (plan == pd.Timedelta(minutes=15)).all()


def test_what_was_repaired_does_not_change_when_later_rows_come_in(raw):
    cut = "2013-05-09T02:00:00Z"  # the hour of the reading in Celsius
    earlier = raw | {"weather": raw["weather"][raw["weather"]["time_hour"] <= cut]}
    then, now = (sources.tidy(tables)[0]["weather"] for tables in (earlier, raw))
    now = now[now["taken_at"] <= then["taken_at"].max()].reset_index(drop=True)
    pd.testing.assert_frame_equal(then, now)
    assert then.loc[(then["origin"] == "JFK"), "temp"].isna().any()
