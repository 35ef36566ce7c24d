"""A state that takes events one by one answers with the bits of the table that is built at once."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flights import features, windows
from flights.columns import FLIGHTS
from flights.problem import PROBLEM
from recommit.columns import ALWAYS, Columns, Tables, arrays_of, as_arrays, as_frame
from recommit.events import Event
from recommit.history import History
from recommit.live import Live
from tests.flights.conftest import START, worlds

# Without shrinking: a failure would turn into a wait of minutes.
quick = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
HALF_AN_HOUR = pd.Timedelta(minutes=30)
WRONG = {
    "visib": lambda miles: 10 - miles,
    "precip": lambda inches: inches + 0.5,
    "departure_delay": lambda minutes: minutes - 0.9,
}
MORNING = ("2013-02-04T11:00", "2013-02-04T17:00")
ASKED = FLIGHTS.kinds(FLIGHTS.given)
LEFT = ("departed_at", "departure_delay", "tailnum")
ENDED = ("landed_at", "arrival_delay", "air_time", "cancelled", "diverted", "outcome_known_at", "late")


def happened(tables: Tables) -> list[Event]:
    """All that became known, in order: plans at the beginning, departures, ends and readings when they came."""
    plan = [column.name for column in FLIGHTS.columns if column.known == ALWAYS]
    first = START - pd.Timedelta(days=9999)
    events = []
    for row in tables["flights"].astype("object").to_dict("records"):
        for instant, names in ((first, plan), (row["departed_at"], LEFT), (row["outcome_known_at"], ENDED)):
            if not pd.isna(instant):
                events.append(Event("flights", (row["flight_id"],), instant, {name: row[name] for name in names}))
    for row in tables["weather"].astype("object").to_dict("records"):
        events.append(Event("weather", (row["origin"], row["taken_at"]), row["taken_at"], row))
    return sorted(events, key=lambda event: event.instant)


def declared(tables: Tables) -> Tables:
    """The same small world, with values that are allowed: events are judged."""
    flights, weather = tables["flights"], tables["weather"]
    flights = flights[flights["cancelled"] | (flights["landed_at"] > flights["departed_at"])].reset_index(drop=True)
    flights = flights.assign(
        carrier=flights["carrier"].replace("??", "B6"),
        dest=flights["dest"].replace("XXX", "MIA"),
        air_time=flights["air_time"].where(~flights["cancelled"]),
    ).drop_duplicates([*FLIGHTS.keys[1]], ignore_index=True)
    weather = weather.assign(
        pressure=weather["pressure"] + 950,
        dewp=weather[["temp", "dewp"]].min(axis=1, skipna=False),
        visib=(weather["visib"] / 10).fillna(5),
        precip=(weather["precip"] / 20).fillna(0),
    )
    return {"flights": flights, "weather": weather}


def corrected(event: Event) -> list[Event]:
    """The event as it was told at first, wrongly, and its correction half an hour later."""
    wrong = {name: change(event.values[name]) for name, change in WRONG.items() if name in event.values}
    return [replace(event, values={**event.values, **wrong}), replace(event, instant=event.instant + HALF_AN_HOUR)]


def nothing(tables: Tables) -> History:
    return History({name: tables[name].iloc[:0] for name in ("flights", "weather")}, PROBLEM.history)


def differing(found: Columns, expected: pd.DataFrame) -> list[str]:
    """The columns that are not the same, to the bit: NaN is the same as NaN."""
    assert [*found] == [*expected]
    frame, expected = as_frame(found), expected.reset_index(drop=True)
    assert (frame.dtypes == expected.dtypes).all()
    numbers = [name for name in found if frame[name].dtype == np.float32]
    bits = {name: frame[name].to_numpy().tobytes() == expected[name].to_numpy().tobytes() for name in numbers}
    return [name for name in found if not bits.get(name, (frame[name] == expected[name]).all())]


def same_bits(found: Columns, expected: pd.DataFrame) -> None:
    assert differing(found, expected) == []


def together(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def refuse(*given: object, **named: object) -> None:
    raise AssertionError("pandas makes a table")


def plans(flights: pd.DataFrame) -> Columns:
    return as_arrays(flights, ASKED)


def test_build_is_what_a_state_answers(winter):
    rows = winter["flights"].tail(500)
    same_bits(features.State(winter).answer(plans(rows), 2), features.build(winter, rows, 2))


def test_a_row_by_itself_has_the_bits_that_it_has_in_the_table(winter):
    """Asked as a caller would: by a mapping of plain values."""
    flights, state = winter["flights"].sample(2000, random_state=3), features.State(winter)
    rows = flights[list(ASKED)].astype("object").to_dict("records")
    found = [state.answer(arrays_of([row], ASKED), 2) for row in rows]
    same_bits(together(found), features.build(winter, flights, 2))


def test_no_pandas_is_on_the_way_of_a_row(winter, monkeypatch):
    live = Live(PROBLEM, History({name: winter[name] for name in ("flights", "weather")}, PROBLEM.history))
    (row,) = winter["flights"][list(ASKED)].head(1).astype("object").to_dict("records")
    live.answer(arrays_of([row], ASKED), 2)  # the state is made once
    for kind in (pd.DataFrame, pd.Series, pd.Index):
        monkeypatch.setattr(kind, "__new__" if kind is pd.Index else "__init__", refuse)
    rows = arrays_of([row], ASKED)
    found = live.answer(rows, 2)
    assert (live.contradicted(rows), live.unheard(rows, found["predicted_at"])) == ({}, {})
    with pytest.raises(AssertionError, match="pandas"):
        as_frame(found)


@quick
@given(tables=worlds, data=st.data(), newer=st.sampled_from([0, 60, 2048]))
def test_any_order_and_repetition_of_events_gives_the_bits_of_the_whole_table(tables, data, newer):
    tables = declared(tables)
    events = happened(tables)
    wrong = data.draw(st.sets(st.integers(0, max(len(events) - 1, 0))))
    told = [one for at, event in enumerate(events) for one in (corrected(event) if at in wrong else [event])]
    told = data.draw(st.permutations(told + told[: data.draw(st.integers(0, 10))]))
    live = Live(PROBLEM, nothing(tables))
    live.answer(plans(tables["flights"].iloc[:1]), 2)  # there is a state, which each event changes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_NEWER", newer)  # so that small parts become part of the large one
        at = 0
        while at < len(told):
            size = data.draw(st.integers(1, 30))
            assert live.update(told[at : at + size]).refused == ()
            at += size
    rows = tables["flights"]
    same_bits(live.answer(plans(rows), 2), features.build(tables, rows, 2))
    if len(tables["weather"]):  # history that is read is never empty
        expected = History(tables, PROBLEM.history).unheard(rows, rows["scheduled_departure"])
        assert live.unheard(plans(rows), plans(rows)["scheduled_departure"]) == expected


def test_a_row_that_contradicts_history_is_told_as_in_a_table_to_score(winter):
    rows = winter["flights"].sample(60, random_state=5).reset_index(drop=True)
    rows.loc[7, "distance"] += 1
    rows.loc[8, "scheduled_arrival"] += pd.Timedelta(minutes=1)
    rows.loc[9, "flight_id"] = 10**9
    rows.loc[9, "flight_number"] = 9999
    history = History({name: winter[name] for name in ("flights", "weather")}, PROBLEM.history)
    expected = [*history.contradicted(rows, FLIGHTS)]
    found = Live(PROBLEM, history).contradicted(plans(rows))
    assert [*found] == [7, 8, 9]
    assert {row for row, _ in expected} == {*found}
    assert {*found.items()} <= {*expected}


def answers_when_older_rows_are_forgotten(tables: Tables, hours: float) -> tuple[Live, list[str]]:
    """History of six weeks that forgets all but `hours`, and the features of three hours that differ for that."""
    since = pd.Timestamp("2013-02-10T12:00", tz="UTC")
    known = PROBLEM.as_known_at({name: tables[name] for name in ("flights", "weather")}, since)
    live = Live(replace(PROBLEM, looks_back_hours=hours), History(known, PROBLEM.history))
    live.answer(plans(tables["flights"].iloc[:1]), 2)
    live.forget(since)
    flights = tables["flights"]
    asked = flights["scheduled_departure"] - pd.Timedelta(hours=2)
    rows = flights[(asked >= since) & (asked < since + pd.Timedelta(hours=3))]
    return live, differing(live.answer(plans(rows), 2), features.build(known, rows, 2))


def test_what_is_older_than_the_longest_window_is_forgotten_and_changes_no_bit(winter):
    live, differ = answers_when_older_rows_are_forgotten(winter, features.LOOKS_BACK_HOURS)
    assert differ == []
    early = winter["flights"].query("scheduled_departure < '2013-02-10T14:00Z'").tail(1)
    told = live.unheard(plans(early), live.answer(plans(early), 2)["predicted_at"])
    assert told == {0: "2013-02-10T11:59Z is earlier than 2013-02-10T12:00Z, and what it needs is forgotten"}


def test_to_forget_too_much_is_caught(winter):
    assert answers_when_older_rows_are_forgotten(winter, 26 * 24)[1]


class Replay(NamedTuple):
    """Flights in the order in which they are asked for, and all that became known meanwhile."""

    known: History
    """What was known at the beginning."""
    events: list[Event]
    comes: pd.Series
    """When each event comes."""
    flights: pd.DataFrame
    asked: pd.Series
    """When each flight is asked for."""

    def moments(self) -> Iterator[tuple[list[Event], list[int]]]:
        """Yield the events that have come since the last moment, and the flights that are asked for then."""
        told = np.zeros(len(self.events), dtype="bool")
        for now, places in self.asked.groupby(self.asked).groups.items():
            new = (self.comes <= now).to_numpy() & ~told
            told |= new
            yield [self.events[place] for place in np.flatnonzero(new)], [*places]


def replay(tables: Tables, since: str, until: str, skew: str = "") -> Replay:
    """Flights that are asked for between two instants while events come in order.

    What is planted: an event that comes an hour "late", a "spoilt" one, a row that is asked for an hour too "early".
    """
    start, end = pd.Timestamp(since, tz="UTC"), pd.Timestamp(until, tz="UTC")
    flights = tables["flights"].assign(predicted_at=lambda t: t["scheduled_departure"] - pd.Timedelta(hours=2))
    flights = flights[flights["predicted_at"].between(start, end)].sort_values("predicted_at", kind="stable")
    day = pd.Timedelta(days=1)  # a flight may leave before it is due, and end a day after
    near = tables["flights"]["scheduled_departure"].between(start - 3 * day, end + day)
    recent = {"flights": tables["flights"][near], "weather": tables["weather"][tables["weather"]["taken_at"] > start]}
    events = [event for event in happened(recent) if start < event.instant <= end]
    comes = pd.Series([event.instant for event in events])
    asked = flights["predicted_at"].reset_index(drop=True)
    middle = len(events) // 2
    if skew == "late":
        comes[middle] += pd.Timedelta(hours=1)
    if skew == "early":
        asked[len(asked) // 2] -= pd.Timedelta(hours=1)
    if skew == "spoilt":
        reading = next(place for place, event in enumerate(events) if event.table == "weather")
        values = dict(events[reading].values)
        events[reading] = replace(events[reading], values=values | {"pressure": values["pressure"] + 1})
    known = History(PROBLEM.as_known_at({name: tables[name] for name in recent}, start), PROBLEM.history)
    return Replay(known, events, comes, flights, asked)


def replayed(tables: Tables, since: str, until: str, skew: str = "") -> list[str]:
    """The features of a replay that differ from the table's."""
    day = replay(tables, since, until, skew)
    live, rows, found = Live(PROBLEM, day.known), plans(day.flights), {}
    live.forget(pd.Timestamp(since, tz="UTC"))
    for events, places in day.moments():
        assert live.update(events).refused == ()
        for place in places:
            row = {name: values[place : place + 1] for name, values in rows.items()}
            found[place] = live.answer(row, 2)
            assert (live.unheard(row, found[place]["predicted_at"]), live.contradicted(row)) == ({}, {})
    return differing(together([found[place] for place in range(len(found))]), features.build(tables, day.flights, 2))


def test_a_replayed_morning_gives_the_bits_of_the_table(winter):
    assert replayed(winter, *MORNING) == []


@pytest.mark.all
def test_a_replayed_month_gives_the_bits_of_the_table(tables):
    assert replayed(tables, "2013-07-01", "2013-08-01") == []


@pytest.mark.parametrize("skew", ["late", "spoilt", "early"])
def test_a_planted_skew_is_caught(winter, skew):
    assert replayed(winter, *MORNING, skew) != []


def test_the_event_of_the_docs_is_taken(winter):
    page = (Path(__file__).parents[2] / "docs/your-problem.md").read_text()
    [code] = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "live.update" in block]
    flight = winter["flights"].iloc[:1].assign(flight_id=336775)
    live, plan = Live(PROBLEM, nothing(winter)), flight[list(ASKED)].astype("object").to_dict("records")[0]
    at = plan["scheduled_arrival"] + pd.Timedelta(minutes=12)
    left = {"departed_at": plan["scheduled_departure"], "departure_delay": 0.0, "tailnum": "N1"}
    live.update([Event("flights", (336775,), plan["scheduled_departure"], plan | left)])
    names = {"live": live, "at": at, "Event": Event}
    exec(code, names)
    assert (len(names["taken"].accepted), names["taken"].refused) == (1, ())
