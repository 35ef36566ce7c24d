"""A column is declared once, with when it is known; by that alone a table is put back in time."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recommit.columns import (
    ALWAYS,
    NEVER,
    Column,
    Due,
    Heard,
    Rule,
    Source,
    Table,
    as_known_at,
    outcome_in_gaps,
    rules_of_knowing,
    since,
)
from recommit.schema import broken, broken_rows, column_schema, outside_drafts

NOON = pd.Timestamp("2013-05-01T12:00", tz="UTC")
PARCELS = Table(
    "parcels",
    keys=(("parcel",),),
    columns=(
        Column("parcel", "whole", ALWAYS, given=True),
        Column("due_at", "instant", ALWAYS, given=True),
        Column("came_at", "instant", since("told_at"), missing="may be"),
        Column("weight", "number", since("told_at"), "g", missing="came_at"),
        Column("told_at", "instant", since("told_at")),
        Column("late", "boolean", since("told_at", "due_at")),
        Column("lost", "boolean", NEVER),
    ),
)


def at(hours):
    return (NOON + pd.to_timedelta(hours, unit="h")).astype("datetime64[us, UTC]")


@pytest.fixture
def parcels() -> pd.DataFrame:
    """Four parcels: told of an hour before noon, at noon, an hour after; the last never came."""
    told = at(pd.Series([-1, 0, 1, -1]))
    came = told.where(pd.Series([True, True, True, False]))
    return pd.DataFrame(
        {
            "parcel": np.arange(4),
            "due_at": at(pd.Series([3, 3, -2, 3])),
            "came_at": came,
            "weight": pd.Series([1.0, 2.0, 3.0, np.nan]),
            "told_at": told,
            "late": pd.array([False, False, True, True], dtype="boolean"),
            "lost": pd.array([False, False, False, True], dtype="boolean"),
        }
    )


def test_a_table_is_blank_where_its_declaration_says_that_nothing_is_known_yet(parcels):
    known = as_known_at(parcels, PARCELS, NOON)
    pd.testing.assert_frame_equal(known[["parcel", "due_at"]], parcels[["parcel", "due_at"]])
    assert known["told_at"].notna().tolist() == [True, True, False, True]
    assert known["weight"].tolist()[:2] == [1.0, 2.0]
    assert known["weight"].isna().tolist() == [False, False, True, True]
    assert known["late"].notna().tolist() == [True] * 4  # the third was due: from the earlier of two instants
    assert known["lost"].isna().all()  # known never, as features go
    assert parcels["lost"].notna().all()


def test_rows_of_which_all_is_known_from_one_instant_are_not_there_before_it():
    readings = Table(
        "readings",
        keys=(("taken_at",),),
        columns=(Column("taken_at", "instant", since("taken_at")), Column("value", "number", since("taken_at"))),
    )
    frame = pd.DataFrame({"taken_at": at(pd.Series([-1, 1, 0])), "value": [1.0, 2.0, 3.0]})
    assert as_known_at(frame, readings, NOON)["value"].tolist() == [1.0, 3.0]


def test_a_column_that_nobody_declared_is_in_no_world_as_it_was_known(parcels):
    with pytest.raises(
        ValueError, match="parcels has the column taxi_in_minutes, and nothing declares when it is known"
    ):
        as_known_at(parcels.assign(taxi_in_minutes=33.0), PARCELS, NOON)
    with pytest.raises(ValueError, match="no column told_at, which says when others are known"):
        as_known_at(parcels.drop(columns="told_at"), PARCELS, NOON)
    with pytest.raises(ValueError, match="no time zone"):
        as_known_at(parcels, PARCELS, pd.Timestamp("2013-05-01"))


def test_no_column_is_declared_without_saying_when_it_is_known():
    with pytest.raises(TypeError, match="known"):
        Column("weight", "number")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"columns": (*PARCELS.columns, Column("parcel", "text", ALWAYS))}, "declares a column twice"),
        ({"columns": (*PARCELS.columns, Column("x", "text", since("sent_at")))}, "declares no column sent_at"),
        ({"columns": (*PARCELS.columns, Column("x", "text", since("weight")))}, r"parcels\.weight is no instant"),
        ({"columns": (*PARCELS.columns, Column("x", "text", ALWAYS, missing="y"))}, "declares no column y"),
        ({"keys": (("number",),)}, "declares no column number"),
        ({"heard": (Heard(("told_at",), 3, by="road"),)}, "declares no column road"),
        ({"due": (Due("told_at", after="sent_at", hours=3),)}, "declares no column sent_at"),
        ({"rules": (Rule("", ("road",), pd.DataFrame.any),)}, "declares no column road"),
    ],
)
def test_a_declaration_that_names_what_it_does_not_declare_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        replace(PARCELS, **change)


def holds(table: pd.DataFrame, declared: Table = PARCELS) -> dict[str, list[bool]]:
    found = {rule.says: rule.holds(table).tolist() for rule in rules_of_knowing(declared)}
    return {says: rows for says, rows in found.items() if not all(rows)}


def test_what_is_known_of_a_row_hangs_together_at_every_instant(parcels):
    for hours in (-9, -1, 0, 1, 9):
        assert holds(as_known_at(parcels, PARCELS, NOON + pd.Timedelta(hours=hours))) == {}
    there = {"weight is there exactly where came_at is": [True, False, True, True]}
    assert holds(parcels.assign(weight=parcels["weight"].where(parcels["parcel"] != 1))) == there
    late = {"late is there once told_at is": [True, True, False, True]}
    assert holds(parcels.assign(late=parcels["late"].mask(parcels["parcel"] == 2))) == late
    lost = replace(PARCELS, due=(Due("told_at", after="due_at", hours=2),))
    unknown = parcels.assign(told_at=parcels["told_at"].where(parcels["parcel"] != 2))
    assert "told_at is there 2 hours after due_at" not in holds(unknown, lost)  # the newest fact is of noon
    unknown["due_at"] -= pd.Timedelta(minutes=1)
    assert holds(unknown, lost)["told_at is there 2 hours after due_at"] == [True, True, False, True]
    early = {"came_at is not later than told_at, from which it is known": [False, True, True, True]}
    soon = parcels["came_at"] + pd.to_timedelta([1, 0, 0, 0], unit="h")
    assert holds(parcels.assign(came_at=soon)) == early
    assert holds(parcels.assign(told_at=parcels["told_at"].where(parcels["parcel"] != 0))) == early


def test_a_column_said_to_be_known_beforehand_may_not_tell_the_outcome_by_its_gaps():
    table = Table("rows", keys=(("seat",),), columns=(Column("seat", "text", ALWAYS, missing="may be"),))
    late = pd.Series([True, False] * 100)
    seats = pd.DataFrame({"seat": "A", "late": late})
    assert outcome_in_gaps(seats, table, "late") == []
    assert outcome_in_gaps(seats.assign(seat=seats["seat"].where(seats.index % 7 > 0)), table, "late") == []
    for told in (late, ~late):
        assert outcome_in_gaps(seats.assign(seat=seats["seat"].mask(told)), table, "late") == ["seat"]
    few = seats.index.isin([1, 3, 5])
    assert outcome_in_gaps(seats.assign(seat=seats["seat"].mask(few)), table, "late") == []  # by chance
    later = replace(table, columns=(Column("seat", "text", NEVER, missing="may be"),))
    assert outcome_in_gaps(seats.assign(seat=seats["seat"].mask(late)), later, "late") == []


def test_of_a_table_as_it_comes_every_column_is_kept_renamed_worked_or_left_unread():
    source = Source("p.csv", kept=("parcel",), renamed={"grams": "weight"}, worked={"hour": "text"}, unread=("note",))
    assert source.kinds(PARCELS) == {"parcel": "whole", "grams": "number", "hour": "text"}
    assert source.undeclared(["parcel", "grams", "hour", "note", "weight", "planted"]) == ["weight", "planted"]


def test_a_draft_refuses_nothing_and_is_told():
    table = Table(
        "t", (("id",),), (Column("id", "whole", ALWAYS), Column("x", "number", ALWAYS, within=(0, 1), draft=True))
    )
    frame = pd.DataFrame({"id": [1, 2, 3], "x": [0.5, 2.0, -1.0]})
    assert [*broken(frame, column_schema(table))] == []
    assert broken_rows(frame, table, ["x"]).empty
    assert outside_drafts(frame, table) == {"x": 2}
