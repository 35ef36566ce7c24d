"""Labels that were flipped, shifted or filtered keep a share within what seasons do, and are flagged all the same."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from recommit.learning import quality
from recommit.learning.calendar import Calendar
from recommit.learning.periods import Monitored

CLOCK = pd.Timestamp("2013-09-01", tz="UTC")
CALENDAR = Calendar("month")
SMALLEST = quality.Smallest(share=0.02, shift=0.1, rows=0.2, hours=12)
ROWS = Monitored(
    at="at",
    key=("id",),
    numbers=("jam", "minutes"),
    categories=("airline", "cancelled"),
    rows_follow="America/New_York",
    related=(("late", "minutes"),),
    label="late",
)
FEATURES = Monitored(
    at="at",
    key=("id",),
    numbers=("jam",),
    categories=("airline",),
    label="late",
    predictors=("jam", "airline"),
    made_from="rows",
)
AUGUST, MAY = "2013-08", "2013-05"


def honest(seed: int) -> pd.DataFrame:
    """A hundred rows a day for eight months; jams of days and rows make late, and so does the airline."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2013-01-01", "2013-09-03", tz="America/New_York", inclusive="left", unit="us")
    day = np.repeat(np.arange(len(days)), 100)
    hours = pd.to_timedelta(6 + 16 * rng.beta(5, 5, len(day)), unit="h").round("min")
    jam = rng.normal(size=len(days))[day] + rng.normal(size=len(day))
    airline = rng.choice(["AA", "BB", "CC"], len(day), p=[0.5, 0.3, 0.2])
    minutes = 20 * (jam - 0.7 + 0.5 * (airline == "BB")) + rng.normal(0, 15, len(day))
    cancelled = rng.random(len(day)) < 0.03
    table = pd.DataFrame({"at": (days[day] + hours).tz_convert("UTC"), "jam": jam, "minutes": minutes.round()})
    table["airline"], table["cancelled"] = pd.Series(airline, dtype="str"), pd.Series(cancelled, dtype="boolean")
    table["late"] = pd.Series((minutes >= 15) | cancelled, dtype="boolean")
    return table.sort_values("at", kind="stable", ignore_index=True).assign(id=range(len(table)))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return honest(1)


def judged(rows: pd.DataFrame, features: pd.DataFrame) -> list[quality.Flag]:
    tables, monitored = {"rows": rows, "features": features}, {"rows": ROWS, "features": FEATURES}
    found = quality.reports(tables, monitored, CALENDAR, CLOCK, SMALLEST, seed=7)
    return [flag for one in found.values() for flag in one.flags]


def within(table: pd.DataFrame, month: str) -> pd.Series:
    return table["at"].dt.strftime("%Y-%m") == month


def drawn(table: pd.DataFrame, share: float) -> np.ndarray:
    return np.random.default_rng(0).random(len(table)) < share


def flipped(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table.assign(late=table["late"].mask(within(table, month) & drawn(table, 0.15), ~table["late"]))


def shifted(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table.assign(late=table["late"].mask(within(table, month), table["late"].shift(1)))


def filtered(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table[~(within(table, month) & table["late"] & drawn(table, 0.3))]


def never_cancelled(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table[~(within(table, month) & table["cancelled"])]


def renamed(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table.assign(airline=table["airline"].mask(within(table, month) & (table["airline"] == "CC"), "AA"))


def an_hour_late(table: pd.DataFrame, month: str) -> pd.DataFrame:
    return table.assign(at=table["at"].mask(within(table, month), table["at"] + pd.Timedelta(hours=1)))


PLANTED = [
    (flipped, ("late", "relation")),
    (flipped, ("late", "discrimination")),
    (shifted, ("late", "relation")),
    (shifted, ("late", "discrimination")),
    (filtered, ("late", "rows by label")),
    (never_cancelled, ("cancelled", "times")),
    (renamed, ("airline", "times")),
    (an_hour_late, ("", "phase")),
]


@pytest.mark.parametrize("month", [AUGUST, MAY], ids=["judged", "training"])
@pytest.mark.parametrize(("spoil", "flag"), PLANTED, ids=[f"{one[0].__name__}, {one[1][1]}" for one in PLANTED])
def test_a_month_whose_label_lost_what_it_went_with_is_flagged(
    table: pd.DataFrame, spoil: Callable, flag: tuple[str, str], month: str
) -> None:
    bad = spoil(table, month)
    flags = judged(bad, bad)
    assert flag in {(one.column, one.what) for one in flags}, [str(one) for one in flags]
    assert {one.period for one in flags} == {month}, [str(one) for one in flags]


@pytest.mark.parametrize(
    ("spoil", "flag"),
    [(flipped, ("late", "agreed")), (shifted, ("late", "agreed")), (filtered, ("", "kept"))],
)
def test_a_table_that_is_not_what_its_source_says_is_flagged(
    table: pd.DataFrame, spoil: Callable, flag: tuple[str, str]
) -> None:
    flags = judged(table, spoil(table, MAY))
    assert flag in {(one.column, one.what) for one in flags}
    assert {(one.table, one.period) for one in flags} == {("features", MAY)}


def test_more_of_the_outcome_than_ever_is_no_fault(table: pd.DataFrame) -> None:
    here = within(table, AUGUST) & (table["jam"] > 0.2)
    worse = table.assign(minutes=table["minutes"].mask(here, table["minutes"] + 10))
    worse["late"] = (worse["minutes"] >= 15) | worse["cancelled"]
    assert worse.loc[within(table, AUGUST), "late"].mean() > 1.3 * table.loc[within(table, AUGUST), "late"].mean()
    label = ("relation", "rows by label", "discrimination", "agreed", "kept")
    assert not [flag for flag in judged(worse, worse) if flag.what in label]


def test_honest_months_are_not_flagged_more_often_than_stated() -> None:
    tables = [honest(seed) for seed in range(1, 5)]
    flags = [{flag.about for flag in judged(table, table)} for table in tables]
    assert not flags[0]
    assert sum(bool(found) for found in flags) <= 2, flags


def test_a_month_without_known_labels_says_nothing_of_them(table: pd.DataFrame) -> None:
    unknown = table.assign(late=table["late"].mask(within(table, AUGUST)))
    assert judged(table, unknown) == []
