"""History that is not what its tables are declared to be is refused in a line; what only looks otherwise is taken."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recommit import Refusal
from recommit.columns import ALWAYS, Column, Heard, Rule, Table, since
from recommit.history import read_history

NOON = pd.Timestamp("2013-05-01T12:00", tz="UTC")


def _heavy_ones_pay(table: pd.DataFrame) -> pd.Series:
    return ~(table["grams"] > 1000) | table["paid"].fillna(True)


PARCELS = Table(
    "parcels",
    keys=(("parcel",), ("road", "due_at")),
    columns=(
        Column("parcel", "whole", ALWAYS, given=True, used=True),
        Column("road", "text", ALWAYS, values=("north", "south"), given=True, used=True),
        Column("due_at", "instant", ALWAYS, given=True, used=True),
        Column("told_at", "instant", since("told_at"), used=True),
        Column("grams", "number", since("told_at"), within=(1, 5000), used=True),
        Column("paid", "boolean", since("told_at"), missing="may be"),
    ),
    rules=(Rule("who sends more than a kilogram pays", ("grams", "paid"), _heavy_ones_pay),),
    heard=(Heard(("told_at",), hours=2, by="road"),),
)


def sound() -> pd.DataFrame:
    """Six parcels, of which the last two have not come yet."""
    rows = np.arange(6)
    told = NOON + pd.to_timedelta(rows - 4, unit="h")
    return pd.DataFrame(
        {
            "parcel": rows.astype("int64"),
            "road": pd.Series(["north", "south"] * 3, dtype="str"),
            "due_at": pd.Series(NOON + pd.to_timedelta(rows, unit="h")).astype("datetime64[us, UTC]"),
            "told_at": pd.Series(told).where(rows < 4).astype("datetime64[us, UTC]"),
            "grams": pd.Series([900.0] * 4 + [np.nan] * 2),
            "paid": pd.array([True, None, True, True, None, None], dtype="boolean"),
        }
    )


def read(tmp_path, frame):
    frame.to_parquet(tmp_path / "parcels.parquet")
    return read_history((PARCELS,), tmp_path)


def put(row, column, value):
    def change(frame):
        frame.loc[row, column] = value
        return frame

    return change


def test_sound_history_comes_as_it_is_blank_where_nothing_is_known_yet(tmp_path):
    pd.testing.assert_frame_equal(read(tmp_path, sound()).tables["parcels"], sound())


SAME = [
    lambda t: t.astype({"told_at": "datetime64[ns, UTC]", "due_at": "datetime64[ms, UTC]"}),
    lambda t: t.assign(due_at=t["due_at"].dt.tz_convert("America/New_York")),
    lambda t: t.astype({"parcel": "int16", "grams": "float32"}),
    lambda t: t.astype({"parcel": "uint64"}),
    lambda t: t.astype({"parcel": "float64", "grams": "Int64"}),
    lambda t: t.astype({"road": "category", "grams": "category", "due_at": "category", "parcel": "category"}),
    lambda t: t.astype({"road": "object", "paid": "object"}),
    lambda t: t.set_index(pd.Index([7, 7, 7, 8, 8, 8])),
]


@pytest.mark.parametrize("change", SAME)
def test_what_only_looks_otherwise_is_taken_for_what_it_is(tmp_path, change):
    pd.testing.assert_frame_equal(read(tmp_path, change(sound())).tables["parcels"], sound())


def test_a_column_of_which_nothing_is_known_yet_may_be_of_any_type(tmp_path):
    early = sound().assign(told_at=None, grams=None, paid=None)
    found = read(tmp_path, early).tables["parcels"]
    assert found.dtypes.equals(sound().dtypes)
    assert found[["told_at", "grams", "paid"]].isna().all(axis=None)


def test_columns_that_no_feature_is_computed_from_may_be_absent(tmp_path):
    assert "paid" not in read(tmp_path, sound().drop(columns="paid")).tables["parcels"]


FAULTS = [
    (lambda t: t.astype({"parcel": "str"}), "parcel is of type int64: it is str"),
    (lambda t: t.astype({"parcel": "str"}).astype({"parcel": "category"}), "parcel is of type int64: it is category"),
    (lambda t: t.assign(parcel=t["parcel"] + 0.5), "parcel is of type int64: it is float64"),
    (lambda t: t.assign(parcel=np.float64(2**60)), "parcel is of type int64: it is float64"),
    (lambda t: t.assign(parcel=t["parcel"].astype("uint64") + 2**63), "parcel is of type int64: it is uint64"),
    (lambda t: t.assign(parcel=t["parcel"].where(t["parcel"] != 2)), "never missing: not so in 1 rows (first: 3"),
    (lambda t: t.assign(parcel=None), "parcel is never missing: not so in 6 rows (first: 1 with None, 2, 3, 4, 5)"),
    (lambda t: t.assign(due_at=t["due_at"].dt.tz_localize(None)), "due_at is of type datetime64[us, UTC]: it is"),
    (lambda t: t.assign(due_at=t["due_at"].astype("str")), "due_at is of type datetime64[us, UTC]: it is str"),
    (lambda t: t.assign(due_at=t["due_at"].astype("int64")), "due_at is of type datetime64[us, UTC]: it is int64"),
    (lambda t: t.assign(due_at=pd.Series([2**60] * 6).astype("datetime64[ms, UTC]")), "type datetime64[us, UTC]: it"),
    (lambda t: t.astype({"grams": "str"}), "grams is of type float64: it is str"),
    (lambda t: t.assign(grams=True), "grams is of type float64: it is bool"),
    (lambda t: t.assign(paid=1), "paid is of type boolean: it is int64"),
    (lambda t: t.assign(road=7), "road is of type str: it is int64"),
    (put(2, "road", "north "), "road is a known value: not so in 1 rows (first: 3 with 'north ')"),
    (put(1, "road", None), "road is never missing: not so in 1 rows (first: 2 with nan)"),
    (put(1, "due_at", pd.NaT), "due_at is never missing: not so in 1 rows (first: 2 with NaT)"),
    (put(3, "grams", -1.0), "grams is within 1 to 5000: not so in 1 rows (first: 4 with -1.0)"),
    (put(3, "grams", np.inf), "grams is within 1 to 5000: not so in 1 rows (first: 4 with inf)"),
    (put(0, "grams", np.nan), "parcels: grams is there once told_at is: not so in 1 rows (first: 1)"),
    (put(1, "grams", 2000.0), None),
    (put([1, 3], "paid", False), None),
    (lambda t: put(3, "grams", 2000.0)(put(3, "paid", False)(t)), "pays: not so in 1 rows (first: 4)"),
    (lambda t: pd.concat([t, t]), "parcel is unique: not so in 12 rows (first: 1 with 0, 2, 3, 4, 5); no two rows"),
    (
        lambda t: pd.concat([t, t.tail(2).assign(parcel=[77, 78])]),
        "no two rows have the same road, due_at: not so in 4 rows (first: 5, 6, 7, 8)",
    ),
    (lambda t: t.drop(columns="grams"), "grams is there: it is not"),
    (lambda t: t.assign(taxi_in_minutes=33.0), "taxi_in_minutes is a column that is declared: it is not"),
    (lambda t: t.iloc[:0], "parcels.parquet has no rows"),
    (lambda t: t.assign(parcel="a", road=7, grams="b", due_at=3, told_at=4), "; and 2 more"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), FAULTS)
def test_what_breaks_the_declaration_is_refused_in_a_line_with_column_rows_and_count(tmp_path, change, told):
    if told is None:
        read(tmp_path, change(sound()))
        return
    with pytest.raises(Refusal) as caught:
        read(tmp_path, change(sound()))
    assert str(caught.value).startswith(str(tmp_path / "parcels.parquet"))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.status == 1


def test_history_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Refusal, match=r"lacks parcels.parquet, of which features are made: put it there"):
        read_history((PARCELS,), tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1 not a table"])
def test_history_that_is_no_table_is_named(tmp_path, content):
    (tmp_path / "parcels.parquet").write_bytes(content)
    with pytest.raises(Refusal, match=r"parcels.parquet, which features are computed from, cannot be read: "):
        read_history((PARCELS,), tmp_path)


def test_each_group_is_heard_of_by_itself(tmp_path):
    history = read(tmp_path, sound())  # north was told of at 10, south at 11
    rows = sound().head(2)
    noon = pd.Series([NOON] * 2)
    assert history.unheard(rows, noon) == {}
    assert history.unheard(rows, noon + pd.Timedelta(minutes=30)) == {
        0: "2013-05-01T12:30Z is later than parcels tells of road north, 2013-05-01T12:00Z"
    }
    silent = read(tmp_path, sound().assign(road="south"))
    assert silent.unheard(rows, noon) == {0: "parcels tells nothing of road north"}
    never = read(tmp_path, sound().assign(told_at=pd.NaT, grams=np.nan, paid=None))
    assert set(never.unheard(rows, noon).values()) == {
        "parcels tells nothing of road north",
        "parcels tells nothing of road south",
    }


def test_a_row_that_history_has_with_other_facts_is_found_by_any_of_its_keys(tmp_path):
    history = read(tmp_path, sound())
    rows = sound().tail(3)[["parcel", "road", "due_at"]].reset_index(drop=True)
    assert list(history.contradicted(rows, PARCELS)) == []
    unplanned = rows.assign(due_at=rows["due_at"] + pd.Timedelta(days=9), parcel=[97, 98, 99])
    found = list(history.contradicted(unplanned, PARCELS))
    assert found[0] == (0, "history's parcels lacks parcel 97: it must hold all that is planned")
    assert len(found) == 3
    rows.loc[1, "road"] = "south"
    (found,) = history.contradicted(rows, PARCELS)
    assert found == (1, "road is south, and north in history's row of parcel 4")
    rows.loc[1, ["road", "parcel"]] = ["north", 40]
    (found,) = history.contradicted(rows, PARCELS)
    assert found[0] == 1
    assert found[1].startswith("parcel is 40, and 4 in history's row of road north, due_at 2013-05-01 16:00")


def test_a_number_in_single_precision_or_missing_on_both_sides_is_no_other_fact(tmp_path):
    price = Column("price", "number", ALWAYS, missing="may be", given=True)
    priced = replace(PARCELS, columns=(*PARCELS.columns, price))
    frame = sound().assign(price=[0.1, np.nan, 0.3, 0.4, 0.5, 0.6])
    frame.to_parquet(tmp_path / "parcels.parquet")
    history = read_history((priced,), tmp_path)
    rows = frame[["parcel", "road", "due_at", "price"]].astype({"price": "float32"})
    assert list(history.contradicted(rows, priced)) == []
    rows.loc[1, "price"] = 0.2
    assert {row for row, _ in history.contradicted(rows, priced)} == {1}
