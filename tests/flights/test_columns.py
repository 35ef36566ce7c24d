"""What is declared of the flights' columns is so, in every world as it was known; what is not declared is refused."""

import zipfile
from dataclasses import replace

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from flights import features, sources
from flights.catalogue import CATALOGUE, FEATURES
from flights.columns import FLIGHTS, SOURCES, TABLES, WEATHER
from flights.feature_table import TABLE
from flights.problem import PROBLEM
from recommit.columns import ALWAYS, Column, Table, as_known_at, clocks_of, outcome_in_gaps, since
from recommit.validation import check

INSTANTS = [pd.Timestamp(at, tz="UTC") for at in ("2013-01-20T15:00", "2013-01-20T15:37", "2013-02-09T04:00")]


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_have_the_declared_columns_in_order(tables, name):
    assert list(tables[name]) == list(TABLES[name].names)


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_column_is_blank_before_the_instant_it_is_known_from_and_as_it_is_from_then_on(winter, instant):
    flights = winter["flights"]
    known = PROBLEM.as_known_at(winter, instant)["flights"]
    for column in FLIGHTS.columns:
        come = pd.Series(column.known == ALWAYS, index=flights.index)
        for clock in clocks_of(column):
            come |= flights[clock] <= instant
        assert known.loc[~come, column.name].isna().all(), column.name
        assert_series_equal(known.loc[come, column.name], flights.loc[come, column.name])
        assert column.known == ALWAYS or (~come).any()


@pytest.mark.parametrize("instant", INSTANTS)
def test_readings_come_when_they_are_taken(winter, instant):
    known = PROBLEM.as_known_at(winter, instant)["weather"]
    assert_frame_equal(known, winter["weather"].query("taken_at <= @instant").reset_index(drop=True))


@pytest.mark.parametrize("name", ["flights", "weather"])
def test_a_planted_column_is_in_no_world_as_it_was_known(winter, name):
    planted = winter | {name: winter[name].assign(taxi_in_minutes=33.0)}
    with pytest.raises(
        ValueError, match=f"{name} has the column taxi_in_minutes, and nothing declares when it is known"
    ):
        PROBLEM.as_known_at(planted, INSTANTS[0])


@pytest.mark.parametrize("name", SOURCES)
def test_a_raw_column_that_is_not_declared_is_refused_by_name(raw, name):
    planted = raw | {name: raw[name].assign(taxi_in_minutes=33.0)}
    with pytest.raises(
        sources.DataError, match=rf"raw {name} has the column taxi_in_minutes, which src/flights/columns"
    ):
        sources.tidy(planted)


@pytest.mark.parametrize("name", SOURCES)
def test_a_raw_file_with_a_column_that_is_not_declared_is_refused_by_name(tmp_path, name):
    for table, source in SOURCES.items():
        names = [*source.kinds(TABLES[table]), *source.unread] + ["taxi_in_minutes"] * (table == name)
        line = ",".join(names) + "\n"
        if source.file.endswith(".zip"):
            with zipfile.ZipFile(tmp_path / source.file, "w") as archive:
                archive.writestr("flights.csv", line)
        else:
            (tmp_path / source.file).write_text(line)
    with pytest.raises(
        sources.DataError, match=rf"{SOURCES[name].file} has the column taxi_in_minutes, which"
    ) as caught:
        sources.read_package(tmp_path)
    assert "\n" not in str(caught.value)


def test_every_column_of_the_raw_files_is_declared(raw):
    assert {name: list(table) for name, table in raw.items()} == {
        name: list(source.kinds(TABLES[name])) for name, source in SOURCES.items()
    }


def declaring(flights):
    """The problem, with another declaration of the flights."""
    history = (flights, *PROBLEM.history[1:])
    return replace(PROBLEM, rows=flights, tables=(flights, *PROBLEM.tables[1:]), history=history)


def test_the_gaps_of_no_column_known_beforehand_tell_the_outcome(tables):
    assert outcome_in_gaps(tables["flights"], FLIGHTS, "late") == []


def test_a_tail_number_declared_as_known_beforehand_would_be_caught(winter):
    """It is missing for cancelled flights only."""
    columns = [replace(one, known=ALWAYS) if one.name == "tailnum" else one for one in FLIGHTS.columns]
    wrong = replace(FLIGHTS, columns=tuple(columns))
    assert outcome_in_gaps(winter["flights"], wrong, "late") == ["tailnum"]
    (found,) = check(declaring(wrong), {"flights": winter["flights"]}).to_dict("records")
    assert (found["column"], found["rule"]) == ("tailnum", "is missing whatever the outcome")


def test_a_planted_column_declared_as_known_beforehand_would_be_caught(winter):
    """Only flights that landed have taxied in."""
    flights = winter["flights"]
    planted = flights.assign(taxi_in_minutes=pd.Series(7.0, index=flights.index).where(flights["landed_at"].notna()))
    taxi = Column("taxi_in_minutes", "number", ALWAYS, "min", within=(0, 300), missing="may be")
    wrong = replace(FLIGHTS, columns=(*FLIGHTS.columns, taxi))
    assert outcome_in_gaps(planted, wrong, "late") == ["taxi_in_minutes"]


def test_a_landing_declared_as_known_on_departure_would_be_caught(winter):
    columns = [replace(one, known=since("departed_at")) if one.name == "landed_at" else one for one in FLIGHTS.columns]
    (found,) = check(declaring(replace(FLIGHTS, columns=tuple(columns))), {"flights": winter["flights"]}).to_dict(
        "records"
    )
    assert found["rule"] == "landed_at is not later than departed_at, from which it is known"
    assert found["rows"] > 30_000


def test_features_are_computed_from_the_columns_declared_as_used_alone(winter):
    flights = winter["flights"].tail(300)
    used = {table.name: winter[table.name][list(table.used)] for table in (FLIGHTS, WEATHER)}
    planted = {name: table.assign(taxi_in_minutes=33.0) for name, table in winter.items()}
    expected = features.build(winter, flights, 2)
    assert_frame_equal(features.build(used, flights[list(FLIGHTS.given)], 2), expected)
    assert_frame_equal(features.build(planted, flights, 2), expected)


@pytest.mark.parametrize("column", [f"{table.name}.{name}" for table in (FLIGHTS, WEATHER) for name in table.used])
def test_a_column_declared_as_used_is_needed(winter, column):
    name, _, lacking = column.partition(".")
    with pytest.raises(KeyError, match=lacking):
        features.build(winter | {name: winter[name].drop(columns=lacking)}, winter["flights"].head(3), 2)


def test_every_feature_comes_from_a_declared_table_and_is_known_when_it_is_asked_for(table):
    assert {feature.source for feature in FEATURES} <= set(TABLES)
    assert {TABLE[feature.name].known for feature in FEATURES} == {since("predicted_at")}
    early = as_known_at(table, TABLE, table["predicted_at"].min() - pd.Timedelta(minutes=1))
    assert early[CATALOGUE.names("full")].isna().all(axis=None)
    assert early["late"].isna().all()


def test_no_column_is_declared_without_saying_when_it_is_known():
    with pytest.raises(TypeError, match="known"):
        Table("flights", keys=(), columns=(Column("taxi_in_minutes", "number"),))


def test_units_are_named_where_a_column_is_a_measure():
    measured = [one for table in TABLES.values() for one in table.columns if one.kind == "number" and one.within]
    assert {one.name for one in measured if not one.unit} == {"year"}
