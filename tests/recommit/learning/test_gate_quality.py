"""Flags of training months wait for a declared line; those of the test month refuse, and no line changes that."""

from copy import deepcopy
from typing import Any

import pytest

from recommit.evidence.decision import Ruling
from tests.recommit.learning.world import decided, honest

ABOUT = "features 2013-03 wind median"


@pytest.fixture(scope="module")
def evidence() -> dict[str, Any]:
    return honest().evidence()


def with_flag(evidence: dict[str, Any], month: str) -> dict[str, Any]:
    """The evidence with the median of a column flagged in a month."""
    spoilt = deepcopy(evidence)
    spoilt["quality"]["flags"] = [
        {
            **{"period": month, "table": "features", "column": "wind", "what": "median", "of": ""},
            "found": {"value": 16.0, "low": 15.0, "high": 17.0, "level": 0.95},
            **{"low": 8.0, "high": 12.0, "checks": 30},
        }
    ]
    return spoilt


def ruled(evidence: dict[str, Any], *accepted: dict[str, str]) -> Ruling:
    (ruling,) = (one for one in decided(evidence, list(accepted)).rules if one.rule == "quality")
    return ruling


def test_a_flag_of_a_training_month_is_open_until_a_line_accepts_it(evidence: dict) -> None:
    flagged = with_flag(evidence, "2013-03")
    ruling = ruled(flagged)
    assert (ruling.answer, ruling.passes) == ("unknown", False)
    assert [point.about for point in ruling.open] == [ABOUT]
    assert ruling.open[0].says == "is 16, and other periods make 8 to 12 credible"
    line = {"rule": "quality", "about": ABOUT, "why": "the storm of the 6th, seen by all"}
    assert ruled(flagged, line).passes
    assert not ruled(flagged, line | {"about": "features 2013-02 wind median"}).passes


def test_a_flag_of_the_test_month_refuses_whatever_is_accepted(evidence: dict) -> None:
    flagged = with_flag(evidence, evidence["quality"]["judged"])
    line = {"rule": "quality", "about": f"features {evidence['quality']['judged']} wind median", "why": "known"}
    assert ruled(flagged, line).answer == "no"


def test_months_that_could_not_be_judged_are_unknown_and_not_passed(evidence: dict) -> None:
    unjudged = deepcopy(evidence)
    unjudged["quality"]["unjudged"] = {"features": ["2013-01", "2013-02"]}
    assert [point.about for point in ruled(unjudged).open] == ["features too few periods"]
    unjudged["quality"]["checked"] = 0
    assert (ruled(unjudged).answer, ruled(unjudged).value) == ("unknown", None)
