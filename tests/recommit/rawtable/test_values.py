"""What a text means does not depend on the machine, and hardly on the other rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from recommit.rawtable.form import PLAIN, Form
from recommit.rawtable.values import all_whole, instants, numbers, present


def texts(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def read(value: str, form: Form = PLAIN) -> str:
    found = instants(texts(value), form)
    return "wrong" if found.wrong[0] else found.found[0].isoformat()


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2013-09-01", "2013-09-01T00:00:00+00:00"),
        ("2013-09", "2013-09-01T00:00:00+00:00"),
        ("20130901", "2013-09-01T00:00:00+00:00"),
        ("2013/9/1 7:05", "2013-09-01T07:05:00+00:00"),
        ("2013-09-01T06:15:00Z", "2013-09-01T06:15:00+00:00"),
        ("2013-09-01 06:15:00+02", "2013-09-01T04:15:00+00:00"),
        ("2013-09-01 06:15:00.5 UTC", "2013-09-01T06:15:00.500000+00:00"),
        ("2013-09-01T06:15-0430", "2013-09-01T10:45:00+00:00"),
        ("31/12/2013", "2013-12-31T00:00:00+00:00"),
        ("12/31/2013 11:05 pm", "2013-12-31T23:05:00+00:00"),
        ("31.12.2013 12:05 AM", "2013-12-31T00:05:00+00:00"),
        (" 2013-09-01 ", "2013-09-01T00:00:00+00:00"),
        ("2013-02-30", "wrong"),
        ("2013-09-01 24:00", "wrong"),
        ("31/12/13", "wrong"),
        ("31/13/2013", "wrong"),
        ("yesterday", "wrong"),
        ("1378012345", "wrong"),
    ],
)
def test_an_instant_is_read_or_is_none(value, instant):
    assert read(value) == instant


def test_one_number_above_12_says_the_order_for_all():
    found = instants(texts("03/04/2013", "13/04/2013"), Form())
    assert found.found.dt.strftime("%Y-%m-%d").tolist() == ["2013-04-03", "2013-04-13"]
    assert not found.ambiguous


def test_without_one_the_order_is_ambiguous_until_it_is_said():
    found = instants(texts(None, "2013-01-01", "03/04/2013"), Form())
    assert found.ambiguous == "03/04/2013"
    assert read("03/04/2013", Form(day_first=True)) == "2013-04-03T00:00:00+00:00"
    assert read("03/04/2013", Form(day_first=False)) == "2013-03-04T00:00:00+00:00"


def test_two_orders_in_one_column_are_no_instants():
    assert instants(texts("13/04/2013", "04/13/2013"), Form()).found.isna().all()


def test_an_instant_without_a_zone_is_in_that_of_the_form():
    form = Form(zone="America/New_York")
    assert read("2013-09-01 06:15", form) == "2013-09-01T10:15:00+00:00"
    assert read("2013-09-01 06:15Z", form) == "2013-09-01T06:15:00+00:00"
    assert not instants(texts("2013-09-01 06:15"), form).zoned
    assert instants(texts("2013-09-01 06:15Z", None), form).zoned


def test_an_hour_that_clocks_show_twice_is_read_as_the_form_says():
    form = Form(zone="America/New_York")
    found = instants(texts("2013-11-03 01:30", "2013-11-03 03:30"), form)
    assert [list(found.wrong), list(found.twice), list(found.never)] == [[True, False], [True, False], [False] * 2]
    assert read("2013-11-03 01:30", replace(form, repeated_hour="first")) == "2013-11-03T05:30:00+00:00"
    assert read("2013-11-03 01:30", replace(form, repeated_hour="second")) == "2013-11-03T06:30:00+00:00"
    assert read("2013-11-03 01:30-0500", replace(form, repeated_hour="first")) == "2013-11-03T06:30:00+00:00"


def test_an_hour_that_clocks_leave_out_is_no_instant():
    found = instants(texts("2013-03-10 02:30", None), Form(zone="America/New_York", repeated_hour="first"))
    assert [list(found.wrong), list(found.twice), list(found.never)] == [[True, False], [False] * 2, [True, False]]


def test_a_missing_text_is_no_wrong_one():
    found = instants(texts("2013-09-01", None), Form())
    assert found.wrong.tolist() == [False, False]
    assert found.found[1] is pd.NaT


def test_numbers_are_read_and_others_are_told():
    found, wrong = numbers(texts("1", " 2.5 ", None, "x", "inf", "1e3", "1,5"))
    np.testing.assert_array_equal(found, [1, 2.5, np.nan, np.nan, np.nan, 1000, np.nan])
    assert wrong.tolist() == [False, False, False, True, True, False, True]


def test_with_a_decimal_comma_a_point_parts_thousands_and_nothing_else():
    found, wrong = numbers(texts("1.234,5", "0,25", "3", "3.5"), ",")
    np.testing.assert_array_equal(found, [1234.5, 0.25, 3, np.nan])
    assert wrong.tolist() == [False, False, False, True]


def test_a_point_makes_a_number_no_whole_one():
    assert all_whole(texts("1", None, "-20"))
    assert not all_whole(texts("1", "2.0"))


def test_words_for_missing_are_missing():
    assert present(texts("a", "", "NA", " n/a ", "Nancy", None)).to_pylist() == ["a", None, None, None, "Nancy", None]
