"""History that takes events answers as the tables would that hold them, and knows until when it is heard."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recommit.columns import ALWAYS, Column, Columns, Table, Tables, arrays_of, as_arrays
from recommit.events import Event, Facts
from recommit.history import History
from recommit.live import Live
from recommit.problem import answered
from tests.recommit.batch import world

TOLD = datetime(2014, 5, 1, 12, tzinfo=UTC)
PARCEL = {"parcel": 7, "leaves": TOLD + timedelta(hours=2), "grams": 500, "road": "north"}


def delay(minutes: float, road: str = "north", hours: float = 0) -> Event:
    at = TOLD + timedelta(hours=hours)
    return Event("delays", (road,), at, {"minutes": minutes, "told_at": at})


@pytest.fixture
def live() -> Live:
    told = pd.Series([TOLD, TOLD]).astype("datetime64[us, UTC]")
    delays = pd.DataFrame({"road": ["north", "south"], "minutes": [10.0, 20.0], "told_at": told})
    return Live(world.PROBLEM, History({"delays": delays}, world.PROBLEM.history))


def rows(*parcels: dict[str, object]):
    return arrays_of([PARCEL | parcel for parcel in parcels], world.PROBLEM.asked)


def test_a_problem_that_has_build_alone_is_answered_by_it(live):
    found = live.answer(rows({}, {"road": "south"}), 2.0)
    assert [*found] == ["parcel", "predicted_at", *world.INPUTS]
    assert found["recent"].tolist() == [10, 20]
    assert found["recent"].dtype == found["weight"].dtype == np.float32
    assert found["predicted_at"][0] == np.datetime64(TOLD.replace(tzinfo=None))
    assert found["size"].tolist() == ["small", "small"]


def test_a_problem_without_history_needs_no_state():
    def build(history, asked, horizon_hours):
        assert history == {}
        return world.build({"delays": pd.DataFrame({"road": [], "minutes": []})}, asked, horizon_hours)

    alone = Live(replace(world.PROBLEM, history=(), build=build), History({}, ()))
    found, parcels = alone.answer(rows({}), 2.0), rows({})
    assert found["weight"].tolist() == [0.5]
    assert (alone.unheard(parcels, found["predicted_at"]), alone.contradicted(parcels)) == ({}, {})
    assert [refused.why for refused in alone.update([delay(3)]).refused] == ["no history table is called delays"]


def test_the_next_row_sees_what_was_told(live):
    live.update([delay(34, hours=0.5)])
    assert live.answer(rows({}), 2.0)["recent"].tolist() == [34]
    live.update([delay(35, hours=1), delay(50, "coast", hours=1)])
    found = live.answer(rows({}, {"road": "south"}, {"road": "coast"}), 2.0)
    assert found["recent"].tolist() == [35, 20, 50]


def test_a_row_that_history_does_not_reach_is_told_until_it_does(live):
    asked = arrays_of([{"at": TOLD + timedelta(hours=1)}] * 2, {"at": "instant"})["at"]
    parcels = rows({}, {"road": "coast"})
    assert live.unheard(parcels, asked) == {
        0: "2014-05-01T13:00Z is later than delays tells of road north, 2014-05-01T12:00Z",
        1: "delays tells nothing of road coast",
    }
    live.update([delay(35, hours=1), delay(50, "coast", hours=2)])
    assert live.unheard(parcels, asked) == {}


def test_a_late_event_does_not_take_back_what_is_heard(live):
    live.update([delay(35, hours=3)])
    live.update([delay(36, hours=1)])
    asked = arrays_of([{"at": TOLD + timedelta(hours=3)}], {"at": "instant"})["at"]
    assert live.unheard(rows({}), asked) == {}
    assert live.answer(rows({}), 2.0)["recent"].tolist() == [35]


def test_one_bad_event_does_not_stop_the_others(live):
    taken = live.update([delay(601, hours=1), delay(40, "south", hours=1)])
    assert [refused.why for refused in taken.refused] == ["minutes is 601.0: it is within 0 to 600"]
    assert live.answer(rows({}, {"road": "south"}), 2.0)["recent"].tolist() == [10, 40]


def test_the_state_of_the_docs_answers_as_one_that_is_made_of_the_changed_tables():
    page = (Path(__file__).parents[2] / "docs/your-problem.md").read_text()
    [code] = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class State" in block]
    rows = Table("customers", (("customer",),), (Column("customer", "text", ALWAYS, given=True, used=True),))
    names: dict[str, Any] = {"Counter": Counter, "np": np, "pd": pd, "Tables": Tables, "Columns": Columns}
    names |= {"answered": answered, "as_arrays": as_arrays, "ROWS": rows}
    exec(code, names)
    asked = pd.DataFrame({"customer": pd.Series(["ada", "bo", "cy"], dtype="str")})
    before, after = (pd.DataFrame({"customer": pd.Series(one, dtype="str")}) for one in (["ada", "bo"], ["ada", "ada"]))
    assert names["build"]({"orders": before}, asked, 0)["orders"].tolist() == [1, 1, 0]
    state, kinds = names["State"]({"orders": before}), rows.kinds(["customer"])
    state.update("orders", as_arrays(before.iloc[1:], kinds), as_arrays(after.iloc[1:], kinds))
    assert answered(state, as_arrays(asked, kinds), 0).equals(names["build"]({"orders": after}, asked, 0))


def test_what_was_judged_elsewhere_is_taken_without_a_rule_and_still_as_it_is_declared(live, monkeypatch):
    monkeypatch.setattr(Facts, "_broken", None)  # whoever asks a rule fails
    taken = live.update([delay(34, hours=0.5), delay(601, "south")], judged=True)
    assert [refused.why for refused in taken.refused] == ["minutes is 601.0: it is within 0 to 600"]
    assert live.answer(rows({}), 2.0)["recent"].tolist() == [34]
