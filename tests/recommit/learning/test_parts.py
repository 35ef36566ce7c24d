"""Rows to learn from are those whose outcome was known; rows to come carry none."""

from dataclasses import replace

import pandas as pd
import pytest

from recommit.learning.parts import built, settled, to_come
from tests.recommit.batch import world

PROBLEM = world.PROBLEM
NOW = pd.Timestamp("2013-09-01T01:00", tz="UTC")
TIMELESS = replace(PROBLEM, instant=None, known=None, event=None)


@pytest.fixture
def tables():
    """120 parcels, one a minute from 00:00 on, each known to be late or not half an hour after it leaves."""
    parcels = world.plan(120)
    known = (parcels["leaves"] + pd.Timedelta(minutes=30)).astype("datetime64[us, UTC]")
    late = (parcels["grams"] > 20_000).astype("boolean")
    delays = world.history()["delays"].assign(told_at=NOW - pd.Timedelta(days=1))
    return {"parcels": parcels.assign(known_at=known, late=late), "delays": delays}


def test_rows_are_learned_from_once_their_outcome_is_known(tables):
    parcels = replace(
        world.PARCELS,
        columns=tuple(replace(c, known=("known_at",)) if c.name == "late" else c for c in world.PARCELS.columns),
    )
    problem = replace(PROBLEM, rows=parcels, tables=(parcels, world.DELAYS))
    rows = settled(problem, tables, NOW, 2)
    assert list(rows["parcel"]) == list(range(1000, 1030))
    assert list(rows)[:4] == ["parcel", "predicted_at", "known_at", "late"]
    assert rows["late"].dtype == bool


def test_what_comes_from_the_clock_on_is_to_come_and_has_no_outcome(tables):
    rows = to_come(PROBLEM, tables, NOW, 2)
    assert list(rows["parcel"]) == list(range(1060, 1120))
    assert not {"late", "known_at"} & set(rows)


def test_where_rows_have_no_time_those_without_a_target_are_to_come(tables):
    tables["parcels"].loc[100:, "late"] = pd.NA
    assert len(settled(TIMELESS, tables, None, 2)) == 100
    assert list(to_come(TIMELESS, tables, None, 2)["parcel"]) == list(range(1100, 1120))


def test_a_settled_row_without_its_outcome_is_refused(tables):
    with pytest.raises(ValueError, match="30 of 30 rows have no known outcome to learn"):
        settled(PROBLEM, tables, NOW, 2)  # declared as never known


def test_features_of_named_rows_are_built(tables):
    assert list(built(PROBLEM, tables, pd.Series([1003, 1001]), 2)["parcel"]) == [1001, 1003]


def test_a_row_whose_outcome_may_be_missing_and_is_counts_as_to_come(tables):
    parcels = replace(
        world.PARCELS,
        columns=tuple(
            replace(c, known=("known_at",), missing="may be") if c.name == "late" else c for c in world.PARCELS.columns
        ),
    )
    problem = replace(PROBLEM, rows=parcels, tables=(parcels, world.DELAYS))
    tables["parcels"].loc[[3, 5], "late"] = pd.NA
    assert set(settled(problem, tables, NOW, 2)["parcel"]) == {*range(1000, 1030)} - {1003, 1005}
    assert list(to_come(problem, tables, NOW, 2)["parcel"]) == [1003, 1005, *range(1060, 1120)]
