"""What a value becomes, a number, an instant or a fault, does not depend on the values beside it."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from recommit import Refusal
from recommit.batch.typed import as_kind, refuse_types
from recommit.rawtable.form import Form
from tests.recommit.batch import world

NUMBERS = ["1", " 1 ", "1.", ".5", "+1", "-1e-3", "1e39", "1E400", "nan", "NaN", "-inf", "Infinity", None]
NUMBERS += ["1.00000017881393432617187499", "x", "", "1e", "0x10", "1_000", "nan(1)", "\u0661", "NA", "1,5"]
WHOLE = ["9007199254740993", "9007199254740993.0", "007.00", "1e3", "0e999999999999999999", "1e999999999999999999999"]
INSTANTS = ["1600-01-01T00:00:00Z", "2013-09-01T06:15:00.123456789Z", "2013-09-01 06:15+02:00", "soon", None]


def each_alone(texts, kind):
    found = [as_kind(pa.chunked_array([pa.array([text], pa.string())]), "x", kind) for text in texts]
    faults = [(row, why) for row, (_, whys) in enumerate(found) for _, why in whys]
    return pd.concat([values for values, _ in found], ignore_index=True), faults


@pytest.mark.parametrize(("kind", "texts"), [("number", NUMBERS), ("whole", [*NUMBERS, *WHOLE]), ("instant", INSTANTS)])
def test_a_value_is_read_alike_alone_and_beside_others(kind, texts):
    values, faults = as_kind(pa.chunked_array([pa.array(texts, pa.string())]), "x", kind)
    alone, faults_alone = each_alone(texts, kind)
    pd.testing.assert_series_equal(values, alone, check_exact=True, check_names=False)
    assert sorted(faults) == sorted(faults_alone)


def test_text_that_is_no_number_is_a_fault_and_nan_is_a_missing_number():
    values, faults = as_kind(pa.chunked_array([NUMBERS]), "x", "number")
    told = {NUMBERS[row]: why for row, why in faults}
    assert set(told) == {*NUMBERS[14:], "1e39", "1E400", "-inf", "Infinity"}
    assert told["x"] == "x is 'x', not a number"
    assert told["1e39"] == "x is infinite"
    assert values[[8, 9, 12]].isna().all()
    assert values[13] == np.float32(1.0000001)  # rounded once: by way of float64 it would be 1.0000002


def test_a_bad_neighbour_changes_no_bit_and_rejects_no_other_row(boosting, score):
    weights = ["1.00000017881393432617187499", "nan", "12.5", " 3 "]
    rows = world.features(5).astype(object).astype({"leaves": str, "predicted_at": str})
    rows["weight"] = [*weights, "x"]
    together, done = score(boosting, rows, "csv", output="together.parquet")
    assert done.rejected == 1
    for row in range(4):
        alone, _ = score(boosting, rows.iloc[[row]], "csv")
        expected = pd.read_parquet(together).iloc[[row]].reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.read_parquet(alone), expected, check_exact=True)


def test_a_key_beyond_64_bits_is_a_fault_of_its_row(boosting, score):
    rows = world.features(3)
    rows["parcel"] = np.array([1, 2**63, 2**63 - 1], dtype="uint64")
    output, done = score(boosting, rows)
    assert (done.predicted, done.rejected) == (2, 1)
    assert pd.read_parquet(output)["parcel"].tolist() == [1, 2**63 - 1]
    assert (
        "parcel is 9223372036854775808, above 9223372036854775807"
        in (output.parent / f"{output.name}.rejects.csv").read_text()
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_an_instant_outside_the_calendar_is_a_fault_of_its_row(unit):
    ticks = [2**63 - 1, -(2**63), 0, None]
    values, faults = as_kind(pa.chunked_array([pa.array(ticks, pa.timestamp(unit, "UTC"))]), "x", "instant")
    outside = [0, 1] if unit != "ns" else []  # nanoseconds in 64 bits end in 2262
    assert faults == [(row, "x is outside the years 1 to 9999") for row in outside]
    assert values[2] == pd.Timestamp(0, tz="UTC")
    assert values.isna().tolist() == [row in outside or row == 3 for row in range(4)]


def test_the_first_and_the_last_instant_of_the_calendar_are_read_in_text_too():
    texts = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"]
    values, faults = as_kind(pa.chunked_array([texts]), "x", "instant")
    assert [row for row, _ in faults] == [2, 3]
    assert [value.year for value in values[:2]] == [1, 9999]


def test_an_instant_outside_the_calendar_rejects_no_other_row(boosting, score):
    rows = world.plan(5)
    whole, _ = score(boosting, rows.drop(1), output="whole.parquet")
    leaves = rows["leaves"].astype("int64").to_numpy().copy()
    leaves[1] = 2**63 - 1
    output, done = score(boosting, rows.assign(leaves=pd.Series(leaves).astype("datetime64[us, UTC]")))
    assert (done.predicted, done.rejected) == (4, 1)
    assert output.read_bytes() == whole.read_bytes()


def test_numbers_that_are_kept_as_codes_are_numbers(boosting, score):
    rows = world.features(30)
    plain, _ = score(boosting, rows, output="plain.parquet")
    coded, _ = score(
        boosting, rows.assign(weight=rows["weight"].astype("category"), parcel=rows["parcel"].astype("category"))
    )
    assert plain.read_bytes() == coded.read_bytes()


def test_a_whole_number_may_be_written_with_a_point_or_an_exponent_as_far_as_no_digit_is_lost():
    values, faults = as_kind(pa.chunked_array([[*WHOLE, "\u00a01"]]), "x", "whole")
    assert values.tolist() == [9007199254740993, 0, 7, 1000, 0, 0, 0]
    assert [row for row, _ in faults] == [1, 5, 6]


@pytest.mark.parametrize(
    ("kind", "form", "texts", "found"),
    [
        ("instant", Form(zone="Europe/Berlin"), ["2013-07-01 12:00", "2013-07-01 12:00Z"], ["10:00", "12:00"]),
        ("instant", Form(day_first=True), ["01/07/2013 12:00", "2013-07-01 12:00"], ["12:00", "12:00"]),
        ("number", Form(decimal=","), ["1.234,5", "-0,25"], [1234.5, -0.25]),
        ("whole", Form(decimal=","), ["1.234", "7"], [1234, 7]),
        ("text", Form(), ["N/A", "gold"], [None, "gold"]),
    ],
)
@pytest.mark.parametrize("of", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()], ids=str)
def test_texts_of_a_form_are_read_as_ingest_reads_them(kind, form, texts, found, of):
    values, faults = as_kind(pa.chunked_array([pa.array(texts, of)]), "x", kind, form)
    assert faults == []
    said = values.dt.strftime("%H:%M") if kind == "instant" else values.astype("object").where(values.notna(), None)
    assert said.tolist() == found


@pytest.mark.parametrize(
    ("kind", "form", "text"),
    [
        ("instant", Form(), "03/04/2013"),  # nothing says whether the day comes first, and other rows are not asked
        ("instant", Form(zone="Europe/Berlin"), "2013-10-27 02:30"),
        ("number", Form(decimal=","), "1.5"),
    ],
)
def test_a_text_of_another_form_is_a_fault_of_its_row(kind, form, text):
    _, faults = as_kind(pa.chunked_array([pa.array([text], pa.string())]), "x", kind, form)
    assert [row for row, _ in faults] == [0]
    assert text in faults[0][1]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([dt.datetime(2013, 7, 1, 12)], pa.timestamp("us")), "instant"),
        (pa.array([dt.date(2013, 7, 1)]), "instant"),
        (pa.array([True]), "text"),
    ],
)
def test_a_form_says_what_a_type_without_zone_or_words_means(values, kind):
    schema = pa.schema([("x", values.type)])
    with pytest.raises(Refusal):
        refuse_types(schema, {"x": kind}, "rows.parquet")
    refuse_types(schema, {"x": kind}, "rows.parquet", Form(zone="Europe/Berlin"))
    found, faults = as_kind(pa.chunked_array([values]), "x", kind, Form(zone="Europe/Berlin"))
    assert faults == []
    assert str(found[0]) in ("2013-07-01 10:00:00+00:00", "2013-06-30 22:00:00+00:00", "true")
