"""What the machinery is told of the flights: the same functions as training's, and every bad row by its number."""

import numpy as np
import pandas as pd
import pytest

from flights import features
from flights.catalogue import CATALOGUE
from flights.problem import PROBLEM
from recommit.schema import broken_rows


@pytest.fixture
def plan(winter) -> pd.DataFrame:
    return winter["flights"].tail(200)[list(PROBLEM.asked)]


def check_asked(rows: pd.DataFrame) -> pd.DataFrame:
    return broken_rows(rows, PROBLEM.rows, list(PROBLEM.asked))


def check_features(rows: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in CATALOGUE.names("full") if name in rows]
    return broken_rows(rows, PROBLEM.features, names)


def test_scoring_computes_features_as_training_does():
    assert PROBLEM.build is features.build


def test_the_columns_are_those_of_the_tables(winter, table):
    built = PROBLEM.build(winter, winter["flights"].tail(3), 2)
    assert {PROBLEM.key, PROBLEM.instant} <= set(built)
    assert tuple(PROBLEM.asked) == features.ASKED
    assert next(iter(PROBLEM.kept)) == PROBLEM.key
    assert set(PROBLEM.kept) <= set(table)
    assert PROBLEM.target in table
    assert list(PROBLEM.features.names) == list(table)


def test_sound_rows_break_no_rule(plan, table):
    assert check_asked(plan).empty
    assert check_features(table).empty
    assert check_features(table[["flight_id", "carrier"]]).empty


def test_a_plan_given_twice_is_scored_twice(plan):
    assert check_asked(pd.concat([plan, plan])).empty


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("carrier", "ZZ", "rule broken by ZZ: carrier is a known value"),
        ("carrier", np.nan, "carrier is never missing"),
        ("dest", "XXX", "rule broken by XXX: dest is a known value"),
        ("distance", 3, "rule broken by 3: distance is within 10 to 6000"),
        ("flight_number", 0, "rule broken by 0: flight_number is within 1 to 9999"),
        ("scheduled_departure", pd.NaT, "scheduled_departure is never missing"),
        ("scheduled_departure", pd.Timestamp("2515-01-01", tz="UTC"), "scheduled_departure is within 2000 to 2499"),
        ("scheduled_departure", pd.Timestamp("1000-01-01", tz="UTC"), "scheduled_departure is within 2000 to 2499"),
        ("scheduled_arrival", pd.Timestamp("2014-01-01", tz="UTC"), "lands 30 minutes to 14 hours after it leaves"),
    ],
)
def test_a_bad_flight_to_score_is_found_by_its_place(plan, column, value, reason):
    spoiled = plan.copy()
    spoiled.iloc[17, spoiled.columns.get_loc(column)] = value
    found = check_asked(spoiled)
    assert set(found["row"]) == {17}
    assert any(reason in one for one in found["reason"])


def test_a_rule_on_the_whole_row_alone_is_told_of(plan):
    plan.iloc[17, plan.columns.get_loc("scheduled_arrival")] = plan["scheduled_departure"].iloc[17]
    (found,) = check_asked(plan).to_dict("records")
    assert found == {"row": 17, "reason": "lands 30 minutes to 14 hours after it leaves, by the plan"}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("carrier", "ZZ", "rule broken by ZZ: carrier is a known value"),
        ("carrier", np.nan, "carrier is never missing"),
        ("temperature", 1e6, "rule broken by 1000000.0: temperature is within -1000 to 10000"),
        ("origin_late_3h", -0.5, "rule broken by -0.5: origin_late_3h is within 0 to 1"),
    ],
)
def test_a_bad_row_of_features_is_found_by_its_place(table, column, value, reason):
    spoiled = table.head(50).copy()
    spoiled.iloc[17, spoiled.columns.get_loc(column)] = value
    (found,) = check_features(spoiled).to_dict("records")
    assert found["row"] == 17
    assert found["reason"].startswith(reason)


def test_categories_come_as_codes_too(table):
    rows = table.head(50).astype(dict.fromkeys(CATALOGUE.categories(), "category"))
    assert check_features(rows).empty
    assert check_features(rows.assign(dest=pd.Categorical(["XXX"] * 50)))["row"].tolist() == list(range(50))


def test_what_is_not_known_may_be_missing(table):
    assert check_features(table.head(9).assign(temperature=np.float32("nan"))).empty
