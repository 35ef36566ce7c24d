"""Training never sees what was not known when the test part began, and a new row moves no old one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommit.learning.calendar import Calendar
from recommit.learning.split import LEAST
from recommit.learning.split_by_hash import BLOCKS
from recommit.learning.splits import Split, Splitter, splitter

AS_OF = "2013-09-01"


def problem(**told: Any) -> Any:
    """What a splitter reads of a problem, with a time, a key and a group."""
    names = {"key": "row", "target": "came", "instant": "asked", "known": "answered", "group": "patient"}
    return SimpleNamespace(**{**names, **told})


def without_time() -> Any:
    return problem(instant=None, known=None)


def of(by: Any, as_of: str | None = AS_OF, folds: int = 3, **split: Any) -> Splitter:
    return splitter(problem(), {"by": by, "folds": folds, **split}, as_of)


def drawn(by: str = "hash", folds: int = 3, **split: Any) -> Splitter:
    return splitter(without_time(), {"by": by, "folds": folds, **split})


def table(hours: Any, waits: Any) -> pd.DataFrame:
    asked = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(pd.Series(hours), unit="h")
    return pd.DataFrame({"asked": asked, "answered": asked + pd.to_timedelta(waits, unit="h")})


def people(rows: int = 300, share: float = 0.3) -> pd.DataFrame:
    draws = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "row": [f"id {place}" for place in range(rows)],
            "patient": draws.integers(0, 60, rows),
            "came": draws.uniform(size=rows) < share,
        }
    )


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    return table(range(0, 365 * 24), [5] * (365 * 24))


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def refused(call: Any) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_test_is_the_month_before_the_clock(year: pd.DataFrame) -> None:
    months = of("month")
    split = months.test(year)
    assert (split.name, split.starts, split.ends) == ("2013-08", utc("2013-08-01"), utc(AS_OF))
    assert split.test["asked"].min() == utc("2013-08-01")
    assert split.test["answered"].max() == utc("2013-08-31T23:00")
    assert months.span(split.test) == (split.starts, split.ends)


def test_rows_still_open_when_the_test_begins_are_in_neither_part(year: pd.DataFrame) -> None:
    split = of("month").test(year)
    assert split.train["answered"].max() == utc("2013-07-31T23:00")
    assert split.train["asked"].max() == utc("2013-07-31T18:00")


@pytest.mark.parametrize(
    ("by", "as_of", "names"),
    [
        ("day", "2013-09-04", ["2013-08-31", "2013-09-01", "2013-09-02", "2013-09-03"]),
        ("week", "2013-09-02", ["2013-W32", "2013-W33", "2013-W34", "2013-W35"]),
        ("month", "2013-09-01", ["2013-05", "2013-06", "2013-07", "2013-08"]),
        ("quarter", "2014-01-01", ["2013-Q1", "2013-Q2", "2013-Q3", "2013-Q4"]),
        (200, "2013-09-01", ["fold 1", "fold 2", "fold 3", "test"]),
    ],
)
def test_folds_grow_are_named_and_never_see_the_test_part(
    year: pd.DataFrame, by: Any, as_of: str, names: list[str]
) -> None:
    earlier = pd.concat([table(range(-600, 0), [1] * 600), year], ignore_index=True)
    parts = of(by, as_of)
    last = parts.test(earlier)
    folds = parts.folds(last.train)
    assert [part.name for part in (*folds, last)] == names
    assert [len(part.train) for part in folds] == sorted(len(part.train) for part in folds)
    assert max(part.test["answered"].max() for part in folds) < last.starts
    [newest] = parts.folds(last.train, 1)
    assert newest.name == names[2]
    assert newest.test.equals(folds[-1].test)


def test_so_many_rows_are_counted_back_from_the_clock(year: pd.DataFrame) -> None:
    runs = of(200)
    last = runs.test(year)
    assert len(last.test) == 200
    assert [len(fold.test) for fold in runs.folds(last.train)] == [200, 200, 200]
    again = runs.test(pd.concat([year, year[year["asked"] == last.starts]], ignore_index=True))
    assert len(again.test) == 201, "rows of one instant stay together"


def test_months_are_those_of_the_zone_through_a_change_of_the_clocks(year: pd.DataFrame) -> None:
    split = of("month", "2013-11-01", zone="America/New_York").test(year)
    assert split.starts == pd.Timestamp("2013-10-01T04:00", tz="UTC")
    assert of("day", "2013-03-11", zone="America/New_York").test(year).test["asked"].count() == 23 - 5
    local = of("month", zone="America/New_York").blocks(year.iloc[:10])
    assert [str(day) for day in local.unique()] == ["2012-12-31", "2013-01-01"]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    waits=st.lists(st.integers(0, 60 * 24), min_size=300 * 4, max_size=300 * 4),
    by=st.sampled_from(["day", "week", "month", "quarter", 200]),
)
def test_every_training_target_is_known_before_every_test_prediction(waits: list[int], by: Any) -> None:
    data = table(range(0, 300 * 24, 6), waits)
    as_of = "2013-09-30" if by == "week" else "2013-10-01"
    parts = of(by, as_of, folds=1)
    try:
        last = parts.test(data)
        found = [last, *parts.folds(last.train)]
    except ValueError:  # on a short period, all rows may still be open
        found = []
    assert found or by in ("day", "week")
    for part in found:
        assert part.train["answered"].max() < part.starts <= part.test["asked"].min()
        assert part.test["answered"].max() < part.ends <= utc(as_of)
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
def test_a_clock_that_does_not_work_is_refused_in_one_line(year: pd.DataFrame, as_of: str, message: str) -> None:
    assert refused(lambda: of("month", as_of).test(year)).startswith(message)


def test_an_empty_month_or_table_and_no_folds_are_refused(year: pd.DataFrame) -> None:
    hole = year[year["asked"].dt.month != 6]
    assert refused(lambda: of("month").folds(hole)).startswith("no rows to test on within 2013-06-01 to 2013-07-01")
    assert "the table is empty" in refused(lambda: of("month").test(year.iloc[:0]))
    assert "must be 1 or more" in refused(lambda: of("month").folds(year, 0))
    assert "fewer than 9000 rows are known" in refused(lambda: of(9000).test(year))


@pytest.mark.parametrize(
    ("split", "about", "message"),
    [
        ({"by": "moon"}, problem(), "by is 'moon'; take day, week, month, quarter, a number of rows, group or hash"),
        ({"by": 0}, problem(), "by is 0"),
        ({"by": "month", "share": 1}, problem(), "there is no share"),
        ({"by": "month", "test": 0.2}, problem(), "test is for parts by group or hash"),
        ({"by": "month", "zone": "Mars/North"}, problem(), "there is no zone 'Mars/North'"),
        ({"by": "month"}, without_time(), "by is month, and rows have no time; take group or hash"),
        ({"by": "hash", "folds": 1}, problem(), "folds is 1; parts by hash need two or more"),
        ({"by": "hash", "test": 1.0}, problem(), "take a share of the rows above 0 and below 1"),
        ({"by": "group", "folds": 2}, problem(group=None), "the problem names no group"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(split: dict, about: Any, message: str) -> None:
    assert message in refused(lambda: splitter(about, {"folds": 3, **split}, AS_OF))


@pytest.mark.parametrize("by", ["hash", "group"])
def test_a_new_row_moves_no_old_one(by: str) -> None:
    before, after = people(300), people(400)
    after.iloc[:300] = before
    parts = drawn(by)
    for old, new in zip(
        (parts.test(before), *parts.folds(before)), (parts.test(after), *parts.folds(after)), strict=True
    ):
        assert old.name == new.name
        assert set(old.test["row"]) == set(new.test["row"]) & set(before["row"])
    shuffled = before.sample(frac=1, random_state=1)
    assert set(parts.test(shuffled).test["row"]) == set(parts.test(before).test["row"])


def test_parts_by_hash_hold_every_row_once_and_about_the_shares_asked_for() -> None:
    data = people(3000)
    parts = drawn(folds=4, test=0.25)
    last = parts.test(data)
    folds = parts.folds(last.train)
    assert len(last.test) == pytest.approx(750, abs=80)
    assert all(len(fold.test) == pytest.approx(len(last.train) / 4, abs=80) for fold in folds)
    assert sorted(pd.concat([last.test, *(fold.test for fold in folds)])["row"]) == sorted(data["row"])
    assert all(len(fold.train) + len(fold.test) == len(last.train) for fold in folds)
    assert [fold.name for fold in parts.folds(data)] == ["fold 1", "fold 2", "fold 3", "fold 4"]
    assert set(parts.folds(data)[0].test["row"]) == set(folds[0].test["row"]), "no fold sees a row to test on"
    assert set(drawn(folds=4, test=0.25, seed=1).test(data).test["row"]) != set(last.test["row"])
    assert sorted(fold.name for fold in drawn(folds=12).folds(data))[-1] == "fold 12", "names sort as folds do"


def test_a_group_is_in_one_part() -> None:
    parts, data = drawn("group"), people()
    last = parts.test(data)
    for part in (last, *parts.folds(last.train)):
        assert not set(part.train["patient"]) & set(part.test["patient"])
    unnamed = data.assign(patient=data["patient"].astype("Int64").where(data.index != 3))
    assert "patient is missing in 1 rows" in refused(lambda: parts.test(unnamed))


@pytest.mark.parametrize("by", ["hash", "group"])
def test_a_part_with_too_few_rows_of_a_class_is_refused_with_what_to_change(by: str) -> None:
    data = people()
    tested = drawn(by).test(data).test
    rare = data.assign(came=data["came"] & ~data["row"].isin(tested[tested["came"]]["row"].iloc[4:]))
    said = refused(lambda: drawn(by).test(rare))
    assert f"test has 4 rows with came True to test on, and {LEAST} are needed" in said
    assert "take another seed, fewer folds or a larger share to test on (split in params.yaml)" in said
    numbers = people(20).assign(came=np.arange(20.0))
    assert "rows to test on, and 5 are needed" in refused(lambda: drawn(by, test=0.05).test(numbers))


def test_a_period_with_too_few_rows_of_a_class_is_refused_with_what_to_change(year: pd.DataFrame) -> None:
    rare = year.assign(came=year["asked"].dt.day == 1)
    said = refused(lambda: of("day", "2013-09-05").test(rare))
    assert said.startswith("2013-09-04 has 0 rows with came True to test on, and 5 are needed: take longer periods")
    assert of("month").test(rare).name == "2013-08"


def test_rows_with_a_time_can_be_drawn_too_and_none_that_is_not_known_at_the_clock(year: pd.DataFrame) -> None:
    data = year.assign(row=year.index, came=year.index % 2 == 0)
    split = of("hash").test(data)
    assert pd.concat([split.train, split.test])["answered"].max() < utc(AS_OF)
    assert (split.starts, split.ends) == (None, None)


def test_what_needs_an_order_is_refused_where_there_is_none() -> None:
    assert not drawn().ordered
    assert drawn().now is None
    assert "do not follow each other in time" in refused(lambda: drawn().back(people(), utc(AS_OF), 1))


@pytest.mark.parametrize(
    ("by", "as_of", "number"), [("day", AS_OF, 19), ("week", "2013-09-02", 28), ("month", AS_OF, 31), (200, AS_OF, 25)]
)
def test_each_part_in_time_has_some_20_blocks_or_more(year: pd.DataFrame, by: Any, as_of: str, number: int) -> None:
    parts = of(by, as_of)
    rows = parts.test(year).test
    found = parts.blocks(rows)
    assert found.nunique() == number
    assert found.index.equals(rows.index)
    assert list(found.groupby(found).ngroup()) == sorted(found.groupby(found).ngroup()), "blocks sort as time does"


def test_blocks_are_groups_or_hashes_of_the_key() -> None:
    data = people(3000)
    assert drawn("group").blocks(data).nunique() == 60
    hashed = drawn().blocks(data)
    assert hashed.nunique() == BLOCKS
    test = drawn().test(data).test
    assert hashed[test.index].nunique() > 0.9 * BLOCKS, "blocks do not go with the part"
    assert "name it in the problem's beside" in refused(lambda: drawn("group").blocks(data[["row"]]))
    many = data.assign(patient=np.arange(3000) // 2)
    grouped = drawn("group").blocks(many)
    assert grouped.nunique() <= BLOCKS
    assert (grouped.groupby(many["patient"]).nunique() == 1).all()


def test_a_split_of_some_of_its_rows_keeps_their_parts(year: pd.DataFrame) -> None:
    split = of("month").test(year)
    some: Split = split.only(year.index[::3])
    assert len(some.train) + len(some.test) < len(split.train)
    assert some.test.index.isin(split.test.index).all()
    assert (some.name, some.starts) == (split.name, split.starts)


def test_a_calendar_goes_back_over_ends_of_months_and_years() -> None:
    quarters = Calendar("quarter")
    assert quarters.before(utc("2014-01-01"), 5) == utc("2012-10-01")
    assert quarters.name(utc("2012-10-01")) == "2012-Q4"
    assert Calendar("month").name(utc("2013-02-03")) == "2013-02-03", "a period that is cut is named by its first day"
