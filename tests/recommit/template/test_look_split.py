"""The split that is proposed is the most ordered there is, with periods long enough to be judged."""

import numpy as np
import pandas as pd
import pytest

from recommit import Refusal
from recommit.template.look_split import SplitGuess, by_time, objection, unordered


def proposed(
    start: str, freq: str, rows: int, yes=None, zone="UTC", by=None, as_of=None, hours=0, why=""
) -> SplitGuess:
    """The proposal for rows at even distances."""
    asked = pd.Series(pd.date_range(start, periods=rows, freq=freq, tz="UTC"))
    truth = np.arange(rows) % 2 == 0 if yes is None else yes
    return of(asked, truth, zone, by, as_of, hours, why)


def of(asked: pd.Series, truth, zone="UTC", by=None, as_of=None, hours=0, why="") -> SplitGuess:
    """The proposal, which the splitter of a project can make unless it says why."""
    known = asked + pd.Timedelta(hours=hours)
    found = by_time(asked, known, truth, True, zone, by, as_of)
    table = pd.DataFrame({"key": np.arange(len(asked)), "time": asked, "known": known, "target": truth})
    assert objection(table, found) == why
    return found


@pytest.mark.parametrize(
    ("freq", "rows", "by", "as_of"),
    [
        ("h", 24 * 365, "month", "2012-12-01"),  # 2012 has a day more, so December is not whole
        ("h", 24 * 60, "week", "2012-02-27"),
        ("h", 24 * 40, "week", "2012-02-06"),
        ("min", 60 * 24 * 8, "day", "2012-01-08"),
        ("D", 3650, "quarter", "2021-10-01"),
        ("D", 300, "month", "2012-10-01"),
    ],
)
def test_the_longest_period_that_gives_enough_of_them_is_proposed(freq, rows, by, as_of):
    found = proposed("2012-01-01", freq, rows)
    assert (found.split["by"], found.as_of) == (by, as_of)


def test_four_periods_are_before_that_of_the_test_and_one_is_still_to_come():
    found = proposed("2012-01-01", "h", 24 * 182)
    assert found.split == {"by": "month", "folds": 3}
    assert found.as_of == "2012-06-01"
    assert "5 months before 2012-06-01, the last of them, from 2012-05-01, for the test (744 rows)" in found.because
    assert "720 rows from 2012-06-01 on are taken as still to come" in found.because


def test_a_period_without_one_of_the_outcomes_is_too_short():
    """What came on the first days of each quarter, and once more: of the months, some have none."""
    at = pd.Series(pd.date_range("2012-01-01", periods=24 * 365 * 3, freq="h"))
    yes = ((at.dt.month % 3 == 1) & (at.dt.day < 9)).to_numpy()
    assert proposed("2012-01-01", "h", len(at), yes=yes).split["by"] == "quarter"


def test_a_split_that_cannot_be_made_says_why():
    """All that came, came in one month: whatever is tested later has none of it."""
    at = pd.Series(pd.date_range("2012-01-01", periods=24 * 365, freq="h"))
    why = "test has 0 rows with target True to test on, and 5 are needed: take fewer rows or fewer folds"
    proposed("2012-01-01", "h", len(at), yes=(at.dt.month == 3).to_numpy(), why=why)


def test_a_gap_of_a_whole_period_is_no_period_to_judge():
    at = pd.date_range("2012-01-01", periods=24 * 365, freq="h", tz="UTC")
    asked = pd.Series(at[(at.month != 11)])
    assert of(asked, np.arange(len(asked)) % 2 == 0).split["by"] != "month"


def test_rows_are_counted_where_no_period_will_do():
    found = proposed("2012-01-01", "YS", 60)
    assert (found.split["by"], found.as_of) == (10, "2062-01-01")
    assert "10 rows in order of time, of 50 that are known before 2062-01-01" in found.because


def test_rows_of_one_day_are_split_in_their_order():
    found = proposed("2012-01-01", "s", 3000)
    assert (found.split["by"], found.as_of) == (600, "2012-01-02")
    assert "0 rows from then on are taken as still to come" in found.because


@pytest.mark.parametrize(("days", "by"), [(1, "month"), (20, "month"), (35, "quarter"), (100, 4896)])
def test_a_period_is_longer_than_it_takes_until_the_target_is_known(days, by):
    assert proposed("2010-01-01", "h", 24 * 365 * 5, hours=24 * days).split["by"] == by


def test_periods_are_of_local_time_where_a_zone_is_named():
    found = proposed("2012-01-01T05:00", "h", 24 * 366, zone="America/New_York")
    assert found.split["zone"] == "America/New_York"
    assert found.as_of == "2012-12-01"
    assert "(721 rows)" in found.because  # November has an hour more there


def test_what_the_user_said_is_taken():
    found = proposed("2012-01-01", "h", 24 * 365, by="week", as_of="2012-06-04")
    assert (found.split["by"], found.as_of) == ("week", "2012-06-04")
    assert proposed("2012-01-01", "h", 1000, by="100").split["by"] == 100


@pytest.mark.parametrize("as_of", ["2011-12-01", "soon", "2012-06-05"])
def test_a_clock_without_a_row_before_it_or_within_a_period_is_refused(as_of):
    with pytest.raises(Refusal, match=f"--as-of {as_of}"):
        proposed("2012-01-01", "h", 24 * 365, as_of=as_of)


def test_without_a_time_groups_go_before_a_hash_of_the_key():
    assert unordered("patient", None, None).split == {"by": "group", "folds": 3, "test": 0.2}
    assert unordered(None, "hash", None).split == {"by": "hash", "folds": 3, "test": 0.2}
    assert unordered(None, None, None).as_of is None


@pytest.mark.parametrize(("group", "by"), [(None, "month"), (None, "group"), ("patient", "hash"), ("patient", "100")])
def test_a_split_that_the_rows_do_not_allow_is_refused(group, by):
    with pytest.raises(Refusal, match=f"--split {by}: rows have no time"):
        unordered(group, by, None)


@pytest.mark.parametrize("by", ["hash", "group", "year"])
def test_rows_with_a_time_are_not_shuffled(by):
    with pytest.raises(Refusal, match=f"--split {by}: rows have a time"):
        proposed("2012-01-01", "h", 1000, by=by)
