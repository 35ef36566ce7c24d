"""Training never sees what was not known when the test period began."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommit.learning import splits


def table(hours, waits):
    predicted_at = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(pd.Series(hours), unit="h")
    return pd.DataFrame(
        {"predicted_at": predicted_at, "label_known_at": predicted_at + pd.to_timedelta(waits, unit="h")}
    )


@pytest.fixture(scope="module")
def year():
    return table(range(0, 365 * 24), [5] * (365 * 24))


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def test_the_test_is_the_month_before_the_clock(year):
    split = splits.last_month(year, "2013-09-01")
    assert (split.starts, split.ends) == (utc("2013-08-01"), utc("2013-09-01"))
    assert split.test["predicted_at"].min() == utc("2013-08-01")
    assert split.test["label_known_at"].max() == utc("2013-08-31T23:00")


def test_rows_still_open_when_the_test_begins_are_in_neither_part(year):
    split = splits.last_month(year, "2013-09-01")
    assert split.train["label_known_at"].max() == utc("2013-07-31T23:00")
    assert split.train["predicted_at"].max() == utc("2013-07-31T18:00")


def test_folds_grow_and_never_see_the_test_month(year):
    parts = splits.folds(year, "2013-09-01", 3)
    assert [part.starts.month for part in parts] == [5, 6, 7]
    assert [len(part.train) for part in parts] == sorted(len(part.train) for part in parts)
    assert max(part.test["label_known_at"].max() for part in parts) < utc("2013-08-01")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    waits=st.lists(st.integers(0, 60 * 24), min_size=300 * 4, max_size=300 * 4),
    month=st.integers(6, 10),
)
def test_every_training_label_is_known_before_every_test_prediction(waits, month):
    data = table(range(0, 300 * 24, 6), waits)
    as_of = f"2013-{month:02d}-01"
    for part in [splits.last_month(data, as_of), *splits.folds(data, as_of, 2)]:
        assert part.train["label_known_at"].max() < part.starts <= part.test["predicted_at"].min()
        assert part.test["label_known_at"].max() < part.ends <= utc(as_of)
        assert not set(part.train.index) & set(part.test.index)


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        ("2013-02-01", "no rows to train on before 2013-01-01: the table covers 2013-01-01 to 2013-12-31; move as_of"),
        ("2012-06-01", "no rows to test on within 2012-05-01 to 2012-06-01: the table covers"),
        ("2015-06-01", "no rows to test on within 2015-05-01 to 2015-06-01: the table covers"),
        ("2013-05-31", "as_of must be the first of a month"),
        ("1 September", "as_of must be an ISO date like 2013-09-01, not '1 September'"),
        ("2013-09-31", "as_of must be an ISO date"),
    ],
)
def test_a_clock_that_does_not_work_is_refused_in_one_line(year, as_of, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        splits.last_month(year, as_of)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_an_empty_month_or_table_and_no_folds_are_refused(year):
    hole = year[year["predicted_at"].dt.month != 6]
    with pytest.raises(ValueError, match="no rows to test on within 2013-06-01 to 2013-07-01"):
        splits.folds(hole, "2013-09-01", 3)
    with pytest.raises(ValueError, match="the table is empty"):
        splits.last_month(year.iloc[:0], "2013-09-01")
    with pytest.raises(ValueError, match="must be 1 or more"):
        splits.folds(year, "2013-09-01", 0)
