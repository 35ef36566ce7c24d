"""What each feature means, where it comes from and from when it is known; and which make a set."""

from dataclasses import dataclass
from typing import Literal, get_args

from flights.vocabulary import CARRIERS, DESTINATIONS, HOURS, ORIGINS, WEEKDAYS
from recommit.catalogue import Catalogue, Feature

OWNER = "flights"
_PLAN = "months ahead, with the schedule"
_READING = "at the end of the hour of the reading; none older than 3 hours is used"
_DEPARTURES = "as soon as a flight has left"
_OUTCOMES = "on landing; cancelled: at scheduled arrival; diverted: 3 hours after it was due"
_MONTH = 28 * 24
Log = Literal["departures", "due_out", "due_in", "outcomes"]
Value = Literal["delay", "late", "count"]
# What it takes to have a feature at prediction time, cheapest first.
Cost = Literal[
    "in the request",
    "schedule of all flights",
    "weather feed",
    "live feed of departures",
    "live feed of outcomes",
    "four weeks of outcomes",
]
COSTS: tuple[Cost, ...] = get_args(Cost)

_AVAILABLE: dict[Log, str] = {
    "departures": _DEPARTURES,
    "due_out": "15 minutes after the scheduled departure: by then it has left or is late",
    "due_in": "15 minutes after the scheduled arrival: by then it has landed or is late",
    "outcomes": _OUTCOMES,
}


@dataclass(frozen=True)
class Recent:
    """A window feature: mean of a value over what a group of flights did in the last hours.

    Lateness is counted over flights that fell due, not over those that came: a mean over those that
    came leaves out the very flights that are stuck.
    """

    group: str
    by: tuple[str, ...]
    log: Log
    value: Value
    hours: int

    def feature(self) -> Feature:
        """Describe it, named group_value_span."""
        span = f"{self.hours}h" if self.hours < 48 else f"{self.hours // 24}d"
        what, name, unit = {
            ("departures", "delay"): ("mean departure delay", "departure_delay", "min"),
            ("due_out", "late"): ("share not gone 15 minutes after plan, of those due out", "left_late", "share"),
            ("outcomes", "delay"): ("mean arrival delay of the landed", "arrival_delay", "min"),
            ("due_in", "late"): ("share not landed 15 minutes after plan, of those due in", "late", "share"),
            ("outcomes", "count"): ("number of flights that ended", "flights", "flights"),
        }[self.log, self.value]
        return Feature(
            f"{self.group}_{name}_{span}",
            f"{what}, same {_same(self.group)}, last {span}",
            "flights",
            unit,
            _AVAILABLE[self.log],
            self._cost(),
            OWNER,
        )

    def _cost(self) -> Cost:
        if self.hours >= _MONTH:
            return "four weeks of outcomes"
        return "live feed of departures" if self.log in ("departures", "due_out") else "live feed of outcomes"


def _category(name: str, description: str, vocabulary: tuple[str, ...]) -> Feature:
    where = (name, description, "flights", "-", _PLAN, "in the request", OWNER)
    return Feature(*where, kind="category", vocabulary=vocabulary)


def _planned(name: str, description: str, unit: str, cost: Cost = "in the request") -> Feature:
    return Feature(name, description, "flights", unit, _PLAN, cost, OWNER)


def _reading(name: str, description: str, unit: str) -> Feature:
    return Feature(name, description, "weather", unit, _READING, "weather feed", OWNER)


GROUPS: dict[str, tuple[str, ...]] = {
    "new_york": (),
    "origin": ("origin",),
    "carrier": ("carrier",),
    "carrier_origin": ("carrier", "origin"),
    "dest": ("dest",),
    "origin_hour": ("origin", "hour"),
    "carrier_origin_hour": ("carrier", "origin", "hour"),
    "route_hour": ("origin", "dest", "hour"),
    "flight": ("carrier", "flight_number", "origin"),
}
# The groups that are small enough to hold one queue, and large enough to have one.
QUEUES = ("new_york", "origin", "carrier", "carrier_origin", "dest")


def _same(group: str) -> str:
    return ", ".join(column.replace("_", " ") for column in GROUPS[group]) or "New York"


SCHEDULE = (
    _category("carrier", "airline", CARRIERS),
    _category("origin", "airport of departure", ORIGINS),
    _category("dest", "airport of destination", DESTINATIONS),
    _category("departure_hour", "hour of scheduled departure, New York time", HOURS),
    _category("weekday", "weekday of scheduled departure, New York time", WEEKDAYS),
    _planned("departure_minute", "scheduled departure after New York midnight", "min"),
    _planned("scheduled_minutes", "scheduled gate to gate", "min"),
    _planned("distance", "between the airports", "mi"),
    _planned("planned_speed", "distance over scheduled time: how much slack", "mph"),
    _planned("departures_15min", "others leaving the airport within 15 minutes", "flights", "schedule of all flights"),
    _planned("departures_60min", "others leaving the airport within 60 minutes", "flights", "schedule of all flights"),
    *(
        _planned(
            f"{group}_departures_day",
            f"others leaving on the same New York day, same {_same(group)}",
            "flights a day",
            "schedule of all flights",
        )
        for group in QUEUES
    ),
)
WEATHER = (
    _reading("temperature", "air temperature", "°F"),
    _reading("dew_point_spread", "temperature over dew point: small means fog", "°F"),
    _reading("wind_speed", "wind speed", "mph"),
    _reading("wind_north", "wind from the north; 0 when light and variable", "mph"),
    _reading("wind_east", "wind from the east; 0 when light and variable", "mph"),
    _reading("gust_over_wind", "gust over wind speed; 0 when none was noted", "mph"),
    _reading("visibility", "visibility", "mi"),
    _reading("pressure", "sea-level pressure", "mbar"),
    _reading("precipitation", "rain or snow in the last hour read", "in"),
    _reading("precipitation_3h", "rain or snow in the last 3 hours", "in"),
    _reading("precipitation_6h", "rain or snow in the last 6 hours", "in"),
    _reading("temperature_change_3h", "change in 3 hours", "°F"),
    _reading("wind_change_3h", "change of wind speed in 3 hours", "mph"),
    _reading("pressure_change_3h", "change in 3 hours", "mbar"),
)
_RECENT: list[tuple[Log, Value, str, tuple[int, ...]]] = [
    ("departures", "delay", "new_york", (1, 3)),
    ("departures", "delay", "origin", (1, 3, 24)),
    ("departures", "delay", "carrier_origin", (1, 3, 24)),
    ("departures", "delay", "dest", (3, 24)),
    ("due_out", "late", "new_york", (1, 3)),
    ("due_out", "late", "origin", (1, 3)),
    ("due_out", "late", "carrier_origin", (1, 3)),
    ("due_out", "late", "dest", (3,)),
    ("due_in", "late", "origin", (3, 24)),
    ("due_in", "late", "carrier_origin", (3, 24)),
    ("due_in", "late", "carrier", (24,)),
    ("due_in", "late", "dest", (3, 24)),
    ("due_in", "late", "origin_hour", (_MONTH,)),
    ("due_in", "late", "carrier_origin_hour", (_MONTH,)),
    ("due_in", "late", "route_hour", (_MONTH,)),
    ("due_in", "late", "flight", (_MONTH,)),
    ("outcomes", "delay", "flight", (_MONTH,)),
    ("outcomes", "count", "flight", (_MONTH,)),
]
RECENT = tuple(
    Recent(group, GROUPS[group], log, value, hours) for log, value, group, spans in _RECENT for hours in spans
)
OVERDUE = tuple(
    Feature(
        f"{group}_overdue_{name}",
        f"{what}, same {_same(group)}",
        "flights",
        unit,
        _DEPARTURES,
        "live feed of departures",
        OWNER,
    )
    for group in QUEUES
    for name, what, unit in (
        ("flights", "flights due out in the last 3 hours and not gone", "flights"),
        ("minutes", "mean minutes that those are overdue; 0 for none", "min"),
        ("share", "those over all due out in the last 3 hours", "share"),
    )
)

FEATURES: tuple[Feature, ...] = SCHEDULE + WEATHER + tuple(recent.feature() for recent in RECENT) + OVERDUE
CATALOGUE = Catalogue(
    FEATURES,
    sets={
        "schedule": tuple(feature.name for feature in SCHEDULE),
        "weather": tuple(feature.name for feature in SCHEDULE + WEATHER),
        "full": tuple(feature.name for feature in FEATURES),
    },
)
