"""Counts of parts add up to those of the whole, and a day is held against days of its own size."""

import numpy as np
import pandas as pd
import pytest

from recommit.monitoring.bins import bins_of, kinds_of
from recommit.monitoring.profile import standard
from recommit.monitoring.relations import codes_of, relations_of
from recommit.monitoring.tally import added, days_of, tally
from tests.recommit.monitoring.world import KINDS, rows


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    table = rows(days=60)
    bins = bins_of(table, KINDS)
    days = table["day"].to_numpy()
    relations = relations_of(bins, codes_of(bins, table), days, until=50)
    whole = tally(bins, relations, table, days)
    shuffled = np.random.default_rng(1).permutation(len(table))
    parts = (tally(bins, relations, table.iloc[here], days[here]) for here in np.array_split(shuffled, 7))
    for one, other in zip(vars(whole).values(), vars(added(parts)).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.counts.sum() == len(table) * len(KINDS)


def test_a_value_has_a_bin_whether_known_missing_or_outside() -> None:
    table = pd.DataFrame({"number": [1.0, 2.0, 3.0, 4.0], "text": ["a", "b", "a", None]})
    bins = bins_of(table, {"number": "number", "text": "category"})
    later = pd.DataFrame({"number": [0.0, 4.0, 5.0, np.nan, np.inf], "text": ["a", "c", None, "b", "b"]})
    codes = codes_of(bins, later)
    outside, missing = bins.mask("outside"), bins.mask("missing")
    places = codes + bins.starts[:-1]
    assert outside[places].tolist() == [[True, False], [False, True], [True, False], [False, False], [True, False]]
    assert missing[places].tolist() == [[False, False], [False, False], [False, True], [True, False], [False, False]]


def test_columns_are_told_by_their_type() -> None:
    table = pd.DataFrame({"a": [1], "b": [True], "c": ["x"], "d": pd.Categorical(["y"])})
    assert kinds_of(table, list(table)) == {"a": "number", "b": "category", "c": "category", "d": "category"}


def test_a_day_of_few_rows_is_not_far_off_for_that() -> None:
    value = np.array([[0.1], [-0.1], [0.1], [-0.1], [1.0], [1.0]])
    own = np.array([True] * 4 + [False] * 2)
    noise = np.array([[0.001]] * 5 + [[1.0]])
    scores = standard(value, noise, own, np.zeros(6, dtype="int64"), 0.01)[:, 0]
    assert scores[4] > 5
    assert 0 < scores[5] < 1


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_day_is_that_of_the_zone(zone: str) -> None:
    instants = pd.Series(pd.to_datetime(["2013-01-02 03:00", "2013-01-02 12:00"], utc=True))
    days = days_of(instants, zone)
    assert (days[1] - days[0]) == (0 if zone == "UTC" else 1)
