"""Events change rows whatever order they come in; one that cannot be is refused alone, in a line that says why."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from recommit.columns import ALWAYS, DTYPES, NEVER, Column, Rule, Table, arrays_of, as_arrays, since
from recommit.events import Event, Facts

NOON = datetime(2014, 5, 1, 12, tzinfo=UTC)
ORDERS = Table(
    "orders",
    keys=(("order",), ("shop", "number")),
    columns=(
        Column("order", "whole", ALWAYS, used=True),
        Column("shop", "text", ALWAYS, values=("east", "west"), used=True),
        Column("number", "whole", ALWAYS),
        Column("due", "instant", ALWAYS, used=True),
        Column("sent_at", "instant", since("sent_at"), missing="may be", used=True),
        Column("grams", "number", since("sent_at"), "g", within=(0, 5000), missing="sent_at", used=True),
        Column("note", "text", since("sent_at"), missing="may be"),
        Column("boxes", "whole", since("sent_at"), missing="may be", used=True),
        Column("fragile", "boolean", ALWAYS),
        Column("returned", "boolean", NEVER),
    ),
    rules=(Rule("is sent before it is due", ("due", "sent_at"), lambda t: ~(t["sent_at"] > t["due"])),),
)
READINGS = Table(
    "readings",
    keys=(("shop", "at"),),
    columns=(
        Column("shop", "text", since("at"), used=True),
        Column("at", "instant", since("at"), used=True),
        Column("degrees", "number", since("at"), "C", missing="may be", used=True),
    ),
)
PLAN = {"shop": "east", "number": 1, "due": NOON + timedelta(hours=9), "fragile": False}
SENT = {"sent_at": NOON, "grams": 250, "note": None, "boxes": 2}


def empty(table: Table) -> pd.DataFrame:
    return pd.DataFrame({one.name: pd.Series(dtype=DTYPES[one.kind]) for one in table.columns if one.known != NEVER})


@pytest.fixture
def facts() -> Facts:
    return Facts((ORDERS, READINGS), {"orders": empty(ORDERS), "readings": empty(READINGS)})


def plan(order: int = 1, **changes: object) -> Event:
    return Event("orders", (order,), NOON - timedelta(days=1), PLAN | {"number": order} | changes)


def sent(order: int = 1, hours: float = 0, **changes: object) -> Event:
    return Event("orders", (order,), NOON + timedelta(hours=hours), SENT | changes)


def read(degrees: float | None = 3, hours: float = 0) -> Event:
    at = NOON + timedelta(hours=hours)
    return Event("readings", ("east", at), at, {"degrees": degrees})


def test_a_row_changes_as_it_becomes_known(facts):
    taken = facts.take([plan()])
    assert [*taken.changes] == ["orders"]
    ((gone, come),) = taken.changes.values()
    assert (gone, [row["sent_at"] for row in come]) == ([], [None])
    ((gone, come),) = facts.take([sent()]).changes.values()
    assert [(row["sent_at"], row["grams"]) for row in (*gone, *come)] == [(None, None), (NOON, 250.0)]


def test_what_is_told_before_its_plan_waits_for_it(facts):
    taken = facts.take([sent()])
    assert (len(taken.accepted), taken.changes) == (1, {})
    ((gone, come),) = facts.take([plan()]).changes.values()
    assert (gone, come[0]["grams"], come[0]["shop"]) == ([], 250.0, "east")


def test_a_whole_number_that_is_not_known_yet_is_a_gap(facts):
    facts.take([plan(), plan(2), sent(2), sent(3, boxes=None), plan(3)])
    boxes = facts.tables()["orders"]["boxes"]
    assert boxes.isna().tolist() == [True, False, True]
    assert boxes[1] == 2
    again = Facts((ORDERS, READINGS), facts.tables())
    ((gone, come),) = again.take([sent(boxes=7)]).changes.values()
    kinds = ORDERS.kinds(ORDERS.used)
    assert [arrays_of(rows, kinds)["boxes"].tolist() for rows in (gone + come, come)] == [
        [pytest.approx(np.nan, nan_ok=True), 7],
        [7],
    ]
    assert as_arrays(again.tables()["orders"], kinds)["boxes"].dtype == "float64"


def test_a_repeat_is_ignored(facts):
    facts.take([plan(), sent()])
    taken = facts.take([sent(), plan(), sent(sent_at=NOON.isoformat())])
    assert (taken.repeated, taken.accepted, taken.refused, taken.changes) == (3, (), (), {})


def test_another_value_of_the_same_row_and_instant_is_refused_and_the_others_are_taken(facts):
    facts.take([plan(), sent()])
    taken = facts.take([plan(2), sent(grams=251), read()])
    assert [(refused.event.key, refused.why) for refused in taken.refused] == [
        ((1,), "grams is 251.0, and was 250.0 as told before of the same row and instant")
    ]
    assert len(taken.accepted) == 2
    assert facts.row("orders", (1,))["grams"] == 250


def test_a_correction_is_told_later_and_an_older_one_that_comes_late_changes_nothing(facts):
    facts.take([plan(), sent(hours=2, grams=300)])
    taken = facts.take([sent(hours=1, grams=200)])
    assert (len(taken.accepted), taken.changes) == (1, {})
    assert facts.row("orders", (1,))["grams"] == 300


def test_what_the_tables_begin_with_is_known_and_its_repeats_are_none_of_news(facts):
    facts.take([plan(), sent()])
    again = Facts((ORDERS, READINGS), facts.tables())
    taken = again.take([sent(grams=7), sent(), plan(2)])
    assert [refused.why[:18] for refused in taken.refused] == ["grams is 7.0, and "]
    assert [event.key for event in taken.accepted] == [(2,)]
    assert again.tables()["orders"]["order"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Event("parcels", (1,), NOON, {}), "no history table is called parcels: there are orders, readings"),
        (Event("readings", ("east",), NOON, {}), "('east',) is no key of readings: its columns are shop, at"),
        (plan(colour="red"), "orders declares no column colour"),
        (plan(order=2, shop="north"), "shop is north: it is a known value"),
        (plan(shop=None), "shop is never missing"),
        (plan(fragile=0), "fragile is 0: it must be of the kind boolean"),
        (plan(number="1"), "number is '1': it must be of the kind whole"),
        (plan(number=1.5), "number is 1.5: it must be of the kind whole"),
        (plan(number=True), "number is True: it must be of the kind whole"),
        (plan(due="tomorrow"), "due is 'tomorrow': it must be an instant with a time zone"),
        (plan(due="2014-05-01T12:00"), "due is '2014-05-01T12:00': it must be an instant with a time zone"),
        (plan(returned=True), "returned is known from no instant on, which the event does not say"),
        (sent(grams=float("inf")), "grams is inf: it must be of the kind number"),
        (sent(grams=5001), "grams is 5001.0: it is within 0 to 5000"),
        (sent(sent_at=None), "sent_at is known from sent_at on, which the event does not say"),
        (
            sent(hours=-1),
            "sent_at is known from 2014-05-01T12:00:00+00:00 on, and the event is of 2014-05-01T11:00:00+00:00",
        ),
        (sent(hours=10, sent_at=NOON + timedelta(hours=10)), "rule broken: is sent before it is due"),
        (sent(grams=None), "rule broken: grams is there exactly where sent_at is"),
        (
            Event("readings", ("east", NOON), NOON, {"shop": "west", "degrees": 1}),
            "shop is west, and east in the key",
        ),
        (Event("orders", (1,), NOON.replace(tzinfo=None), PLAN), "the instant is "),
    ],
)
def test_an_event_that_cannot_be_is_refused_alone_and_changes_nothing(facts, event, why):
    facts.take([plan()])
    before = facts.tables()
    taken = facts.take([event, read()])
    assert len(taken.accepted) == 1
    (refused,) = taken.refused
    assert refused.why.startswith(why)
    assert "\n" not in refused.why
    assert_frame_equal(facts.tables()["orders"], before["orders"])


def test_a_rule_is_asked_once_all_its_columns_are_known(facts):
    late = sent(hours=10, sent_at=NOON + timedelta(hours=10))
    assert facts.take([late]).refused == ()
    assert [refused.why for refused in facts.take([plan()]).refused] == ["rule broken: is sent before it is due"]


@pytest.mark.parametrize("begun", [False, True])
def test_two_rows_have_no_key_in_common(facts, begun):
    facts.take([plan()])
    if begun:
        facts = Facts((ORDERS, READINGS), facts.tables())
    (refused,) = facts.take([plan(2, number=1)]).refused
    assert refused.why == "shop, number are those of another row, order 1"
    # Once the first one has another number, that number is free.
    corrected = Event("orders", (1,), NOON, {"number": 9})
    assert facts.take([corrected, plan(2, number=1)]).refused == ()
    assert [refused.event.key for refused in facts.take([plan(3, number=9)]).refused] == [(3,)]


def test_a_store_that_keeps_what_was_accepted_gives_the_same_facts_again(facts):
    taken = [facts.take([sent(), plan()]), facts.take([sent(), sent(grams=1), plan(2)]), facts.take([read(), read()])]
    again = Facts((ORDERS, READINGS), {"orders": empty(ORDERS), "readings": empty(READINGS)})
    again.take(event for one in taken for event in one.accepted)
    for name, table in facts.tables().items():
        assert_frame_equal(again.tables()[name], table)


EVENTS = [*map(plan, (1, 2, 3)), sent(), sent(2), sent(hours=1, grams=99), read(), read(None, 1), read(5, 2)]


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.permutations(EVENTS + EVENTS[:4]), st.lists(st.integers(1, 5), min_size=13, max_size=13))
def test_the_order_of_events_and_the_calls_that_tell_them_do_not_matter(events, sizes):
    begin = {"orders": empty(ORDERS), "readings": empty(READINGS)}
    at_once, bit_by_bit = Facts((ORDERS, READINGS), begin), Facts((ORDERS, READINGS), begin)
    at_once.take(EVENTS)
    for size in sizes:
        bit_by_bit.take(events[:size])
        events = events[size:]
    bit_by_bit.take(events)
    for name, table in at_once.tables().items():
        assert_frame_equal(bit_by_bit.tables()[name], table)
