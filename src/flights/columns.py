"""Every column of every table of the flights: what it holds, when it is known, who gives it. All else reads this.

A plan is known months ahead. What comes of a flight is known from an instant in its own row: a departure, with the
aircraft that made it, from `departed_at`; how it ended from `outcome_known_at`; whether it is late from the earlier of
that and `label_known_at`. A reading is known, and is there at all, from `taken_at`.
"""

import pandas as pd

from flights import rules
from flights.vocabulary import CARRIERS, DESTINATIONS, ORIGINS
from recommit.columns import ALWAYS, Column, Due, Heard, Source, Table, since

# Windows count seconds from 1970, up to 2514: a year beyond those would be answered from another group's events.
YEARS = (pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2499-12-31T23:59:59.999999", tz="UTC"))
_LEFT, _ENDED, _READ = since("departed_at"), since("outcome_known_at"), since("taken_at")

FLIGHTS = Table(
    "flights",
    keys=(("flight_id",), ("carrier", "flight_number", "origin", "dest", "scheduled_departure")),
    columns=(
        Column("flight_id", "whole", ALWAYS, within=(0, None), given=True, used=True),
        Column("carrier", "text", ALWAYS, values=CARRIERS, given=True, used=True),
        Column("flight_number", "whole", ALWAYS, within=(1, 9999), given=True, used=True),
        Column("tailnum", "text", _LEFT, missing="may be"),
        Column("origin", "text", ALWAYS, values=ORIGINS, given=True, used=True),
        Column("dest", "text", ALWAYS, values=DESTINATIONS, given=True, used=True),
        Column("distance", "whole", ALWAYS, unit="mi", within=(10, 6000), given=True),
        Column("scheduled_departure", "instant", ALWAYS, within=YEARS, given=True, used=True),
        Column("scheduled_arrival", "instant", ALWAYS, within=YEARS, given=True, used=True),
        Column("departed_at", "instant", _LEFT, within=YEARS, missing="may be", used=True),
        Column("departure_delay", "number", _LEFT, "min", within=(-120, 1440), missing="departed_at", used=True),
        Column("landed_at", "instant", _ENDED, within=YEARS, missing="may be", used=True),
        Column("arrival_delay", "number", _ENDED, "min", within=(-180, 1500), missing="landed_at", used=True),
        Column("air_time", "number", _ENDED, "min", within=(10, 900), missing="landed_at"),
        Column("cancelled", "boolean", _ENDED),
        Column("diverted", "boolean", _ENDED),
        Column("outcome_known_at", "instant", _ENDED, within=YEARS, used=True),
        Column("label_known_at", "instant", ALWAYS, within=YEARS),
        Column("late", "boolean", since("outcome_known_at", "label_known_at")),
    ),
    rules=rules.FLIGHTS,
    # No flight of 2013 was asked about after a longer silence of its airport: 8.0 hours, and 10.4 without an outcome.
    heard=(
        Heard(("departed_at", "outcome_known_at"), hours=8, by="origin"),
        Heard(("outcome_known_at",), hours=11, by="origin"),
    ),
    # The latest flight of 2013 came 22 hours after it was due.
    due=(Due("outcome_known_at", after="scheduled_arrival", hours=25),),
)
WEATHER = Table(
    "weather",
    keys=(("origin", "taken_at"),),
    columns=(
        Column("origin", "text", _READ, values=ORIGINS, used=True),
        Column("hour_start", "instant", _READ, within=YEARS),
        Column("taken_at", "instant", _READ, within=YEARS, used=True),
        Column("temp", "number", _READ, "°F", within=(-30, 115), missing="may be", used=True),
        Column("dewp", "number", _READ, "°F", within=(-50, 90), missing="may be", used=True),
        Column("humid", "number", _READ, "%", within=(0, 100), missing="may be"),
        Column("wind_dir", "number", _READ, "°", within=(0, 360), missing="may be", used=True),
        Column("wind_speed", "number", _READ, "mph", within=(0, 150), missing="may be", used=True),
        Column("wind_gust", "number", _READ, "mph", within=(0, 200), missing="may be", used=True),
        Column("precip", "number", _READ, "in", within=(0, 6), used=True),
        Column("pressure", "number", _READ, "mbar", within=(940, 1060), missing="may be", used=True),
        Column("visib", "number", _READ, "mi", within=(0, 10), used=True),
    ),
    rules=rules.WEATHER,
    # Readings are hourly, and features use none older than that.
    heard=(Heard(("taken_at",), hours=3, by="origin"),),
)
# No feature is computed from the tables below: most aircraft of two airlines are not in the register.
PLANES = Table(
    "planes",
    keys=(("tailnum",),),
    columns=(
        Column("tailnum", "text", ALWAYS),
        Column("type", "text", ALWAYS),
        Column("manufacturer", "text", ALWAYS),
        Column("model", "text", ALWAYS),
        Column("engine", "text", ALWAYS),
        Column("engines", "whole", ALWAYS, within=(1, 8)),
        Column("seats", "whole", ALWAYS, within=(1, 900)),
        Column("year", "number", ALWAYS, within=(1950, 2014), missing="may be"),
        Column("speed", "number", ALWAYS, "mph", within=(50, 700), missing="may be"),
    ),
)
AIRPORTS = Table(
    "airports",
    keys=(("faa",),),
    columns=(
        Column("faa", "text", ALWAYS),
        Column("name", "text", ALWAYS),
        Column("tzone", "text", ALWAYS, missing="may be"),
        Column("lat", "number", ALWAYS, "°", within=(-90, 90)),
        Column("lon", "number", ALWAYS, "°", within=(-180, 180)),
    ),
)
AIRLINES = Table(
    "airlines", keys=(("carrier",),), columns=(Column("carrier", "text", ALWAYS), Column("name", "text", ALWAYS))
)
TABLES = {table.name: table for table in (FLIGHTS, WEATHER, PLANES, AIRPORTS, AIRLINES)}

SOURCES = {
    "flights": Source(
        "flights.csv.zip",
        kept=("carrier", "tailnum", "origin", "dest", "distance", "air_time"),
        renamed={"flight": "flight_number", "dep_delay": "departure_delay"},
        worked={
            "time_hour": "text",
            "minute": "whole",
            "sched_arr_time": "whole",
            "dep_time": "number",
            "arr_time": "number",
            "arr_delay": "number",
        },
        unread=("year", "month", "day", "hour", "sched_dep_time"),  # time_hour and minute say the same, in UTC
    ),
    "weather": Source(
        "weather.csv",
        kept=tuple(name for name in WEATHER.names if name not in ("hour_start", "taken_at")),
        worked={"time_hour": "text"},
        unread=("year", "month", "day", "hour"),
    ),
    "planes": Source("planes.csv", kept=PLANES.names),
    "airports": Source("airports.csv", kept=AIRPORTS.names, unread=("alt", "tz", "dst")),
    "airlines": Source("airlines.csv", kept=AIRLINES.names),
}
