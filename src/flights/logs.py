"""What features remember of flights and weather: when each fact was known, of which groups, and what is summed up."""

from collections.abc import Callable, Sequence

import numpy as np

from flights import clock, windows
from flights.catalogue import GROUPS, QUEUES, RECENT
from flights.vocabulary import CARRIERS, DESTINATIONS, ORIGINS
from recommit.catalogue import UNKNOWN
from recommit.columns import Columns

LATE = np.timedelta64(15, "m")
OVERDUE_SECONDS = 3 * 3600
# One flight a day late must not own the mean of an hour.
DELAY_MINUTES = (-30, 300)

TEXTS = {
    name: np.array([*values, UNKNOWN], dtype=object)
    for name, values in {"carrier": CARRIERS, "origin": ORIGINS, "dest": DESTINATIONS}.items()
}
"""The texts of a column by their codes; the last one stands for any other."""


class _Codes(dict[str, int]):
    def __missing__(self, text: str) -> int:
        return self[UNKNOWN]


_CODES = {name: _Codes(zip(texts, range(len(texts)), strict=True)) for name, texts in TEXTS.items()}
_SIZES = {name: len(texts) for name, texts in TEXTS.items()} | {"flight_number": 10_000, "hour": 24}
"""The columns that flights are grouped by, and below which number each one's codes are."""

WINDOWS = tuple(dict.fromkeys(recent.log for recent in RECENT))
"""The logs that the window features are computed from."""
_BY = {"planned": QUEUES, "ceased": QUEUES} | {
    log: tuple(dict.fromkeys(one.group for one in RECENT if one.log == log)) for log in WINDOWS
}
"""The groups that a log holds each flight in."""

MEASURED = (
    "temperature",
    "dew_point_spread",
    "wind_speed",
    "wind_north",
    "wind_east",
    "gust_over_wind",
    "visibility",
    "pressure",
    "precipitation",
)
"""What is kept of a reading."""


def codes(name: str, texts: np.ndarray) -> np.ndarray:
    """The place of each text in `TEXTS[name]`, int64."""
    return np.fromiter(map(_CODES[name].__getitem__, texts.tolist()), "int64", len(texts))


def coded(flights: Columns) -> Columns:
    """What flights are grouped by, as whole numbers: the columns of `_SIZES`, and `local`, by New York's clocks."""
    local = clock.local(windows.seconds(flights["scheduled_departure"]))
    columns = {name: codes(name, flights[name]) for name in TEXTS}
    return columns | {"flight_number": flights["flight_number"], "hour": local // 3600 % 24, "local": local}


def grouped(coded: Columns) -> np.ndarray:
    """The key of each flight's group, (groupings, n), of every grouping in `GROUPS`. No two groups have the same."""
    return windows.keys(_FIRST + _WEIGHTS @ np.array([coded[name] for name in _SIZES]))


def _numbering() -> tuple[np.ndarray, np.ndarray]:
    """The number of a grouping's first group, and how much one more of each column's code adds to it."""
    first, total = [], 0
    weights = np.zeros((len(GROUPS), len(_SIZES)), dtype="int64")
    for place, by in enumerate(GROUPS.values()):
        size = 1
        for name in by:
            weights[place, list(_SIZES).index(name)] = size
            size *= _SIZES[name]
        first.append([total])
        total += size
    return np.array(first), weights


_FIRST, _WEIGHTS = _numbering()


def places(names: Sequence[str]) -> list[int]:
    """The rows of `grouped` that hold these groupings."""
    return [[*GROUPS].index(name) for name in names]


def of_flights(flights: Columns) -> dict[str, windows.Entries]:
    """What each log holds of flights. The first number that is summed up is 1 for each event."""
    groups = grouped(coded(flights))
    leaves, lands = flights["scheduled_departure"], flights["scheduled_arrival"]
    departed, landed, ended = (flights[name] for name in ("departed_at", "landed_at", "outcome_known_at"))
    due, left = windows.seconds(leaves), windows.seconds(departed, up=True)
    gone, given_up = ~np.isnat(departed), due + OVERDUE_SECONDS
    delay, late = (np.clip(flights[name], *DELAY_MINUTES) for name in ("departure_delay", "arrival_delay"))
    # What has not come by then is late, whatever becomes of it.
    due_out, due_in = leaves + LATE, lands + LATE
    # A flight ceases to be overdue when it leaves, or after 3 hours: it may have been cancelled.
    ceased = np.where(gone, np.clip(left, due, given_up), given_up)
    every = np.ones(len(due), dtype="bool")
    events = {
        "planned": (every, due, [due]),
        "ceased": (every, ceased, [due]),
        "departures": (gone & ~np.isnan(delay), left, [delay]),
        "due_out": (every, windows.seconds(due_out, up=True), [~(departed < due_out)]),
        "due_in": (every, windows.seconds(due_in, up=True), [~(landed < due_in)]),
        "outcomes": (~np.isnat(ended), windows.seconds(ended, up=True), [np.nan_to_num(late), ~np.isnan(late)]),
    }
    logs = {name: _entries(groups[places(_BY[name])], *event) for name, event in events.items()}
    return logs | {"itself": (flights["flight_id"], np.ones((1, len(due)), dtype="int64"))}


def of_weather(weather: Columns) -> dict[str, windows.Entries]:
    """What each log holds of readings: the rain, in hundredths of an inch."""
    rain = np.nan_to_num(np.round(weather["precip"] * 100))
    taken = windows.seconds(weather["taken_at"], up=True)
    return {"rain": _entries(airports(weather)[None], np.ones(len(taken), dtype="bool"), taken, [rain])}


OF: dict[str, Callable[[Columns], dict[str, windows.Entries]]] = {"flights": of_flights, "weather": of_weather}
"""What the logs hold of each table."""


def _entries(groups: np.ndarray, there: np.ndarray, second: np.ndarray, numbers: list[np.ndarray]) -> windows.Entries:
    """Enter each event that is there into every group of (groups, n) that its flight is of."""
    events = [np.ones(there.sum(), dtype="int64"), *(one[there].astype("int64") for one in numbers)]
    return (groups[:, there] + second[there]).ravel(), np.tile(events, len(groups))


def airports(weather: Columns) -> np.ndarray:
    """The key of each reading's airport, in the log of rain and among readings."""
    return windows.keys(codes("origin", weather["origin"]))


def readings(weather: Columns) -> tuple[np.ndarray, np.ndarray]:
    """The keys of readings, and what is kept of each: the rows of values (k, n) are those of `MEASURED`."""
    angle, wind = np.radians(weather["wind_dir"]), weather["wind_speed"]
    values = {
        "temperature": weather["temp"],
        "dew_point_spread": weather["temp"] - weather["dewp"],
        "wind_speed": wind,
        "wind_north": np.round(_or_calm(wind * np.cos(angle), wind), 3),
        "wind_east": np.round(_or_calm(wind * np.sin(angle), wind), 3),
        "gust_over_wind": _or_calm(weather["wind_gust"] - wind, wind),
        "visibility": weather["visib"],
        "pressure": weather["pressure"],
        "precipitation": weather["precip"],
    }
    taken = windows.seconds(weather["taken_at"], up=True)
    return airports(weather) + taken, np.array([values[name] for name in MEASURED])


def _or_calm(values: np.ndarray, wind: np.ndarray) -> np.ndarray:
    """Values, 0 where they are missing though wind was measured, and NaN where it was not."""
    return np.where(np.isnan(wind), np.nan, np.nan_to_num(values))
