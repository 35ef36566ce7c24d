"""Numbers are shown as people read them."""

import math
from typing import Any

import pytest

from recommit.report.tables import found_in, listed, percent, shown


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high, "level": 0.95}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (interval(0.764, 0.731, 0.795), "0.764 [0.731, 0.795]"),
        (interval(0.0012, 0.0003, 0.0021), "0.0012 [0.0003, 0.0021]"),
        (interval(0.5, -math.inf, math.inf), "0.500 [-∞, ∞]"),
        (interval(-0.0001, -0.02, 0.02), "0.000 [-0.020, 0.020]"),
        (27123, "27,123"),
        (2e-7, "2.0e-07"),
        (0.0, "0.000"),
        (True, "yes"),
        (None, "–"),
        (math.nan, "–"),
        (["2013-05", "2013-06"], "2013-05, 2013-06"),
        ("2013-07-31 23:58:00+00:00", "2013-07-31 23:58 UTC"),
        ("2013-08-01T00:00:00+00:00", "2013-08-01"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_a_share_is_shown_in_percent_with_its_interval() -> None:
    assert percent(0.2613) == "26.1 %"
    assert percent(interval(0.9, 0.88, 0.92)) == "90.0 % [88.0 %, 92.0 %]"


def test_whatever_evidence_holds_is_shown_lists_of_rows_as_tables() -> None:
    evidence = {"month": "2013-07", "rows": [{"name": "a", "auc": 0.5}], "one": {"base": 1, "parts": [{"x": 2}]}}
    tables = {
        table.title: [(row.name, [cell.text for cell in row.cells]) for row in table.rows]
        for table in found_in(evidence)
    }
    assert tables == {
        "": [("Month", ["2013-07"])],
        "Rows": [("a", ["0.500"])],
        "One": [("Base", ["1"])],
        "One parts": [("2", [])],
    }


def test_few_rows_with_many_numbers_are_turned_so_that_they_fit_a_page() -> None:
    scores = [f"score_{number}" for number in range(9)]
    table = listed("Scores", [{"of": name} | dict.fromkeys(scores, value) for name, value in (("a", 0.1), ("b", 0.2))])
    assert (table.head, table.columns) == ("Of", ("a", "b"))
    assert (table.rows[0].name, [cell.text for cell in table.rows[0].cells]) == ("Score 0", ["0.100", "0.200"])
    assert len(table.rows) == len(scores)
