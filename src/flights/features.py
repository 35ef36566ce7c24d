"""Every feature, once: training, batch and serving all ask a `State` for them.

No feature uses the tail number. It is missing only for cancelled flights, and what the table gives
for the rest is the aircraft that flew in the end, which a swap may have put there after the
prediction. The aircraft's last delay is left out because the data does not say which aircraft was
planned at the prediction instant.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from flights import clock, logs, windows
from flights.catalogue import CATALOGUE, QUEUES, RECENT
from flights.columns import FLIGHTS, WEATHER
from flights.vocabulary import HOURS, WEEKDAYS
from recommit.columns import Columns, Tables, as_arrays
from recommit.problem import answered

ASKED = FLIGHTS.given
READING_SECONDS = 3 * 3600
CHANGE_SECONDS = 3 * 3600
RAIN_SECONDS = np.array([[3], [6]]) * 3600
NEAR_SECONDS = np.array([[15], [60]]) * 60
# A flight may be counted some time after the last instant in its row: as due in, or as overdue.
LOOKS_BACK_HOURS = max(one.hours for one in RECENT) + logs.OVERDUE_SECONDS / 3600

_HOURS, _WEEKDAYS = np.array(HOURS, dtype=object), np.array(WEEKDAYS, dtype=object)
_ORIGIN, _QUEUES = logs.places(("origin",)), logs.places(QUEUES)


class _Recent(NamedTuple):
    """The window features of one log, in arrays: a feature is one place in each."""

    names: list[str]
    groups: list[int]
    seconds: np.ndarray
    counted: dict[str, int]
    """The places of those that are no mean, but a number of events."""
    distinct: np.ndarray
    """The groups, each once."""
    which: np.ndarray
    """The place of each feature's group among those."""

    @classmethod
    def of(cls, log: str) -> "_Recent":
        recent = [one for one in RECENT if one.log == log]
        groups = logs.places([one.group for one in recent])
        seconds, names = np.array([[one.hours * 3600] for one in recent]), [one.feature().name for one in recent]
        counted = {names[place]: place for place, one in enumerate(recent) if one.value == "count"}
        return cls(names, groups, seconds, counted, *np.unique(groups, return_inverse=True))


_RECENT = {log: _Recent.of(log) for log in logs.WINDOWS}


def build(tables: Tables, flights_to_score: pd.DataFrame, horizon_hours: float) -> pd.DataFrame:
    """Compute all features of the flights asked for, each as it was at its prediction instant.

    `tables` holds flights and weather as `sources.tidy` or `sources.as_known_at` gives them; only what `columns`
    declares as used is read. `flights_to_score` needs the plan alone, the columns of `ASKED`. Outcomes in it are not
    read.

    Returns one row per row asked, in that order: see `State.answer`. Raises ValueError for a missing column, instants
    without a time zone or a negative horizon.
    """
    if missing := [column for column in ASKED if column not in flights_to_score]:
        raise ValueError(f"flights to score lack the columns {', '.join(missing)}")
    return answered(State(tables), as_arrays(flights_to_score, FLIGHTS.kinds(ASKED)), horizon_hours)


class State:
    """What is known of flights and weather, sorted and summed up: a row's features are a few look-ups in it."""

    def __init__(self, tables: Tables) -> None:
        flights, weather = (as_arrays(tables[one.name], one.kinds(one.used)) for one in (FLIGHTS, WEATHER))
        entries = logs.of_flights(flights) | logs.of_weather(weather)
        self._logs = {name: windows.Log(one) for name, one in entries.items()}
        self._readings = windows.Readings(*logs.readings(weather))

    def answer(self, rows: Columns, horizon_hours: float) -> Columns:
        """Compute all features of m flights: `rows` has the columns of `ASKED`.

        Returns columns of m values: flight_id, predicted_at (UTC, horizon_hours before scheduled departure), then every
        feature of `catalogue`: float32, or text for a category. Only departures, outcomes and readings known at or
        before predicted_at count; the schedule is known throughout. Raises ValueError for a negative horizon or a plan
        without an instant.
        """
        if not horizon_hours >= 0:
            raise ValueError(f"horizon_hours must be 0 or more, not {horizon_hours}")
        for column in ("scheduled_departure", "scheduled_arrival"):
            if missing := np.isnat(rows[column]).sum():
                raise ValueError(f"{column} is missing in {missing} flights to score")
        predicted_at = rows["scheduled_departure"] - np.timedelta64(round(horizon_hours * 3_600_000_000), "us")
        now, coded = windows.seconds(predicted_at), logs.coded(rows)
        groups = logs.grouped(coded)
        columns = (
            {"flight_id": rows["flight_id"], "predicted_at": predicted_at}
            | _plan(rows, coded)
            | self._others(rows, coded, groups)
            | self._weather(windows.keys(coded["origin"]), now)
            | self._recent(groups, now)
            | self._overdue(groups, now)
        )
        return {name: columns[name] for name in ("flight_id", "predicted_at", *CATALOGUE.all)}

    def update(self, table: str, gone: Columns, come: Columns) -> None:
        """Take rows of a table out and put others in. Answers are then those of the changed table, to the bit."""
        before, after = logs.OF[table](gone), logs.OF[table](come)
        for name in after:
            self._logs[name].change(before[name], after[name])
        if table == WEATHER.name:
            self._readings = self._readings.changed(logs.readings(gone)[0], *logs.readings(come))

    def _others(self, rows: Columns, coded: Columns, groups: np.ndarray) -> Columns:
        """Count the other flights that leave at about the same time, and on the same New York day."""
        planned, known = self._logs["planned"], self._logs["itself"]
        leaves, (starts, ends) = windows.seconds(rows["scheduled_departure"]), clock.day(coded["local"])
        origin, queues = groups[_ORIGIN], groups[_QUEUES]
        near = planned.upto(origin + leaves + NEAR_SECONDS) - planned.upto(origin + leaves - NEAR_SECONDS - 1)
        days = planned.upto(queues + ends - 1) - planned.upto(queues + starts - 1)
        itself = known.upto(rows["flight_id"]) - known.upto(rows["flight_id"] - 1)
        others = (np.concatenate([near[0], days[0]]) - itself[0]).astype("float32")
        names = ("departures_15min", "departures_60min", *(f"{group}_departures_day" for group in QUEUES))
        return dict(zip(names, others, strict=True))

    def _weather(self, airport: np.ndarray, now: np.ndarray) -> Columns:
        rain = self._logs["rain"]
        there, values = self._readings.latest(airport, np.array([now, now - CHANGE_SECONDS]), READING_SECONDS)
        last = dict(zip(logs.MEASURED, values[:, 0], strict=True))
        change = dict(zip(logs.MEASURED, values[:, 0] - values[:, 1], strict=True))
        fallen = (rain.upto(airport + now)[1] - rain.upto(airport + now - RAIN_SECONDS)[1]) / 100
        fallen = np.where(there[0], fallen.astype("float32"), np.float32("nan"))
        return last | {
            "precipitation_3h": fallen[0],
            "precipitation_6h": fallen[1],
            "temperature_change_3h": change["temperature"],
            "wind_change_3h": change["wind_speed"],
            "pressure_change_3h": change["pressure"],
        }

    def _recent(self, groups: np.ndarray, now: np.ndarray) -> Columns:
        columns: dict[str, np.ndarray] = {}
        for log, features in _RECENT.items():
            until = self._logs[log].upto(groups[features.distinct] + now).take(features.which, axis=1)
            sums = until - self._logs[log].upto(groups[features.groups] + now - features.seconds)
            # The mean delay of outcomes is over the flights that landed: the last sum of that log.
            means = windows.means(sums[1], sums[-1] if log == "outcomes" else sums[0])
            columns |= dict(zip(features.names, means, strict=True))
            columns |= {name: sums[0, place].astype("float32") for name, place in features.counted.items()}
        return columns

    def _overdue(self, groups: np.ndarray, now: np.ndarray) -> Columns:
        """Count flights that are due out and not gone: those that came due less those that ceased.

        Both logs hold the same flights, so what stands before a group in one stands before it in the other.
        """
        queues, planned = groups[_QUEUES], self._logs["planned"]
        came = planned.upto(queues + now)
        flights, due = came - self._logs["ceased"].upto(queues + now)
        lately = came[0] - planned.upto(queues + now - logs.OVERDUE_SECONDS)[0]
        minutes = (flights * now - due) / np.maximum(flights, 1) / 60
        share = np.where(lately > 0, flights / np.maximum(lately, 1), np.nan)
        columns: dict[str, np.ndarray] = {}
        for name, values in {"flights": flights, "minutes": minutes, "share": share}.items():
            columns |= dict(zip([f"{group}_overdue_{name}" for group in QUEUES], values.astype("float32"), strict=True))
        return columns


def _plan(rows: Columns, coded: Columns) -> Columns:
    """Features of a flight's own plan."""
    local, took = coded["local"], (rows["scheduled_arrival"] - rows["scheduled_departure"]) / np.timedelta64(1, "m")
    texts = {name: known[coded[name]] for name, known in logs.TEXTS.items()}
    return texts | {
        "departure_hour": _HOURS[coded["hour"]],
        "weekday": _WEEKDAYS[(local // clock.DAY + 3) % 7],  # 1970 began on a Thursday
        "departure_minute": (local // 60 % (24 * 60)).astype("float32"),
        "scheduled_minutes": took.astype("float32"),
        "distance": rows["distance"].astype("float32"),
        "planned_speed": (rows["distance"] / np.where(took > 0, took, np.nan) * 60).astype("float32"),
    }
